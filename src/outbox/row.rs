//! Maps model types to columns and back. An unreadable row is `None`, never a panic.

use super::disk_error::StoreError;
use crate::{
    model::{
        call::StatusKind,
        card::Card,
        delivery::{Delivery, DeliveryId, DeliveryKey, MessageRef, PostMode, Subject},
        ids::{ConversationSpaceId, SinkName},
        time::Timestamp,
    },
    runtime::sql::{self, Row},
};
use serde::{Deserialize, Serialize};

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Not posted yet.
    Waiting,
    /// Accepted by the chat.
    Delivered,
    /// A dead letter.
    Dead,
    /// Replaced by a later status of its call.
    Superseded,
    /// Dropped by an operator.
    Dropped,
}

impl DeliveryState {
    const ALL: [Self; 5] = [Self::Waiting, Self::Delivered, Self::Dead, Self::Superseded, Self::Dropped];

    /// Returns the name used in the store and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Superseded => "superseded",
            Self::Dropped => "dropped",
        }
    }

    /// Parses [`DeliveryState::as_str`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Columns for [`read_delivery`], in its order, of deliveries `d`. A reply has the message reference of its live message.
pub(super) const DELIVERY_COLUMNS: &str =
    "d.id, d.subject, d.sink, d.status, coalesce(d.newer, d.card), d.enqueued_at, d.attempts,
    d.plain, d.mode, CASE d.mode WHEN 'reply' THEN (SELECT l.message_ref FROM deliveries l INDEXED BY once
    WHERE l.subject = d.subject AND l.sink = d.sink AND l.status = 'live') ELSE d.message_ref END, d.reposts";

/// A row of [`DELIVERY_COLUMNS`].
struct DeliveryRow {
    id: i64,
    subject: String,
    sink: String,
    status: String,
    card: String,
    enqueued_at: i64,
    attempts: i64,
    plain: bool,
    mode: String,
    message_ref: Option<String>,
    reposts: i64,
}

/// Reads a row of [`DELIVERY_COLUMNS`]: the id and the delivery, or `None` for an unreadable one.
pub(super) fn read_delivery(row: &Row<'_>) -> Result<(i64, Option<Delivery>), sql::Error> {
    let raw = DeliveryRow {
        id: row.get(0)?,
        subject: row.get(1)?,
        sink: row.get(2)?,
        status: row.get(3)?,
        card: row.get(4)?,
        enqueued_at: row.get(5)?,
        attempts: row.get(6)?,
        plain: row.get(7)?,
        mode: row.get(8)?,
        message_ref: row.get(9)?,
        reposts: row.get(10)?,
    };
    Ok((raw.id, parse(&raw)))
}

fn parse(raw: &DeliveryRow) -> Option<Delivery> {
    let card: Card = serde_json::from_str(&raw.card).ok()?;
    Some(Delivery {
        id: DeliveryId(raw.id),
        key: DeliveryKey {
            subject: parse_subject(&raw.subject)?,
            status: status_of(&raw.mode, &raw.status, Some(&card))?,
            sink: SinkName::try_from(raw.sink.as_str()).ok()?,
        },
        card,
        enqueued_at: from_micros(raw.enqueued_at)?,
        attempts: u32::try_from(raw.attempts).ok()?,
        plain: raw.plain,
        mode: post_mode(raw),
    })
}

/// Returns the post mode. An unreadable message reference is `None`: a new message is better than none.
fn post_mode(raw: &DeliveryRow) -> PostMode {
    let message = raw.message_ref.as_deref().and_then(parse_message_ref);
    match raw.mode.as_str() {
        "live" => PostMode::Live { message, reposted: raw.reposts > 0 },
        "reply" => PostMode::ThreadReply { message },
        _ => PostMode::Post,
    }
}

pub(super) fn parse_message_ref(text: &str) -> Option<MessageRef> {
    serde_json::from_str(text).ok()
}

/// Returns the status of a delivery: from the key of a post, from the card of a live message or reply.
pub(super) fn status_of(mode: &str, status: &str, card: Option<&Card>) -> Option<StatusKind> {
    match (mode, card) {
        ("live" | "reply", Some(Card::Call(card))) => Some(card.update.status.kind()),
        _ => parse_status(status),
    }
}

pub(super) fn subject_key(subject: &Subject) -> String {
    match subject {
        Subject::Call(call) => format!("call:{call}"),
        Subject::Named(name) => format!("named:{name}"),
    }
}

pub(super) fn parse_subject(text: &str) -> Option<Subject> {
    match text.split_once(':')? {
        ("call", call) => ConversationSpaceId::try_from(call).ok().map(Subject::Call),
        ("named", name) => Some(Subject::Named(name.to_owned())),
        _ => None,
    }
}

pub(super) fn parse_status(text: &str) -> Option<StatusKind> {
    use StatusKind as K;
    [K::Ringing, K::Answered, K::Missed, K::Voicemail, K::Ended, K::CalledBack]
        .into_iter()
        .find(|kind| kind.as_str() == text)
}

/// Returns the progress rank of a status. The status of a card never moves to a lower rank.
pub(super) const fn progress(kind: StatusKind) -> u8 {
    match kind {
        StatusKind::Ringing => 0,
        StatusKind::Answered => 1,
        StatusKind::Missed | StatusKind::Voicemail | StatusKind::Ended => 2,
        StatusKind::CalledBack => 3,
    }
}

/// Returns the progress rank of a call card; `None` for other cards.
pub(super) fn card_progress(card: &Card) -> Option<u8> {
    match card {
        Card::Call(card) => Some(progress(card.update.kind())),
        Card::GapSummary(_) | Card::Recap(_) | Card::Alert(_) => None,
    }
}

pub(super) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Serialization)
}

/// Converts to microseconds since 1970, fine enough to keep the order of updates.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(super) fn from_micros(at: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(at).ok()
}

/// Replaces control characters by spaces and truncates to `max` bytes, between characters.
pub(super) fn sanitize(text: &str, max: usize) -> String {
    let mut kept = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if kept.len() + c.len_utf8() > max {
            break;
        }
        kept.push(c);
    }
    kept
}
