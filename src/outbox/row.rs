//! How the shared words stand in columns, and back. A row that cannot be read back is `None`, never a panic.

use super::trouble::StoreError;
use crate::model::{
    call::MomentKind,
    card::Card,
    delivery::{Delivery, DeliveryId, Form, Key, Place, Subject},
    ids::{ConversationSpaceId, SinkName},
    time::Timestamp,
};
use rusqlite::Row;
use serde::{Deserialize, Serialize};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Still to be told.
    Waiting,
    /// The chat took it.
    Delivered,
    /// Given up: a dead letter.
    Dead,
    /// A later moment of its call was told in its place.
    Superseded,
    /// An operator dropped it.
    Dropped,
}

impl State {
    const ALL: [Self; 5] = [Self::Waiting, Self::Delivered, Self::Dead, Self::Superseded, Self::Dropped];

    /// As the store and the command line write it.
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

    /// Reads [`State::as_str`].
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// The columns that [`delivery`] reads, in its order, of deliveries `d`. A reply's place is that of its living card.
pub(super) const DELIVERY: &str =
    "d.id, d.subject, d.sink, d.moment, coalesce(d.newer, d.card), d.admitted, d.attempts,
    d.plain, d.form, CASE d.form WHEN 'reply' THEN (SELECT l.place FROM deliveries l INDEXED BY once
    WHERE l.subject = d.subject AND l.sink = d.sink AND l.moment = 'living') ELSE d.place END, d.lost";

/// A row of [`DELIVERY`].
struct Raw {
    id: i64,
    subject: String,
    sink: String,
    moment: String,
    card: String,
    admitted: i64,
    attempts: i64,
    plain: bool,
    form: String,
    place: Option<String>,
    lost: i64,
}

/// A delivery from a row of [`DELIVERY`]; `None` in the place of one that cannot be understood, with its id.
pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<(i64, Option<Delivery>)> {
    let raw = Raw {
        id: row.get(0)?,
        subject: row.get(1)?,
        sink: row.get(2)?,
        moment: row.get(3)?,
        card: row.get(4)?,
        admitted: row.get(5)?,
        attempts: row.get(6)?,
        plain: row.get(7)?,
        form: row.get(8)?,
        place: row.get(9)?,
        lost: row.get(10)?,
    };
    Ok((raw.id, understood(&raw)))
}

fn understood(raw: &Raw) -> Option<Delivery> {
    let card: Card = serde_json::from_str(&raw.card).ok()?;
    Some(Delivery {
        id: DeliveryId(raw.id),
        key: Key {
            subject: read_subject(&raw.subject)?,
            moment: told(&raw.form, &raw.moment, Some(&card))?,
            sink: SinkName::try_from(raw.sink.as_str()).ok()?,
        },
        card,
        admitted: from_micros(raw.admitted)?,
        attempts: u32::try_from(raw.attempts).ok()?,
        plain: raw.plain,
        form: form(raw),
    })
}

/// A place that cannot be read is none: the card is posted anew rather than never.
fn form(raw: &Raw) -> Form {
    let place = raw.place.as_deref().and_then(read_place);
    match raw.form.as_str() {
        "living" => Form::Living { at: place, lost: raw.lost > 0 },
        "reply" => Form::Reply { to: place },
        _ => Form::Message,
    }
}

pub(super) fn read_place(text: &str) -> Option<Place> {
    serde_json::from_str(text).ok()
}

/// The moment that a delivery tells: a message's is its key, the others' is in their card.
pub(super) fn told(form: &str, moment: &str, card: Option<&Card>) -> Option<MomentKind> {
    match (form, card) {
        ("living" | "reply", Some(Card::Call(card))) => Some(card.telling.moment.kind()),
        _ => read_moment(moment),
    }
}

pub(super) fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Call(call) => format!("call:{call}"),
        Subject::Other(name) => format!("other:{name}"),
    }
}

pub(super) fn read_subject(text: &str) -> Option<Subject> {
    match text.split_once(':')? {
        ("call", call) => ConversationSpaceId::try_from(call).ok().map(Subject::Call),
        ("other", name) => Some(Subject::Other(name.to_owned())),
        _ => None,
    }
}

pub(super) fn read_moment(text: &str) -> Option<MomentKind> {
    use MomentKind as M;
    [M::Ringing, M::Answered, M::Missed, M::Voicemail, M::Ended].into_iter().find(|kind| kind.as_str() == text)
}

/// How far a call has come with a moment: a card never goes back in it.
pub(super) const fn progress(kind: MomentKind) -> u8 {
    match kind {
        MomentKind::Ringing => 0,
        MomentKind::Answered => 1,
        MomentKind::Missed | MomentKind::Voicemail | MomentKind::Ended => 2,
    }
}

/// What a card says of a call; other cards know no progress.
pub(super) fn says(card: &Card) -> Option<u8> {
    match card {
        Card::Call(card) => Some(progress(card.telling.moment.kind())),
        Card::Recap(_) | Card::Shift(_) | Card::Notice(_) => None,
    }
}

pub(super) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Unwritable)
}

/// Microseconds: what a jump of the clock, not its grain, can put wrong.
pub(super) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(super) fn from_micros(at: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(at).ok()
}

/// `text` without control characters and at most `most` bytes of it, cut between characters.
pub(super) fn bounded(text: &str, most: usize) -> String {
    let mut kept = String::new();
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if kept.len() + c.len_utf8() > most {
            break;
        }
        kept.push(c);
    }
    kept
}
