//! How the shared words stand in columns, and back. A row that cannot be read back is `None`, never a panic.

use super::trouble::StoreError;
use crate::model::{
    call::MomentKind,
    card::Card,
    delivery::{Delivery, DeliveryId, Key, Subject},
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

/// The columns that [`delivery`] reads, in its order.
pub(super) const DELIVERY: &str = "id, subject, sink, moment, coalesce(newer, card), admitted, attempts, plain";

/// A delivery from a row of [`DELIVERY`]; `None` in the place of one that cannot be understood, with its id.
pub(super) fn delivery(row: &Row<'_>) -> rusqlite::Result<(i64, Option<Delivery>)> {
    let id: i64 = row.get(0)?;
    let words: (String, String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
    let numbers: (i64, i64, bool) = (row.get(5)?, row.get(6)?, row.get(7)?);
    Ok((id, understood(id, &words, numbers)))
}

fn understood(
    id: i64,
    (subject, sink, moment, card): &(String, String, String, String),
    (admitted, attempts, plain): (i64, i64, bool),
) -> Option<Delivery> {
    Some(Delivery {
        id: DeliveryId(id),
        key: Key {
            subject: read_subject(subject)?,
            moment: read_moment(moment)?,
            sink: SinkName::try_from(sink.as_str()).ok()?,
        },
        card: serde_json::from_str(card).ok()?,
        admitted: from_micros(admitted)?,
        attempts: u32::try_from(attempts).ok()?,
        plain,
    })
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
        Card::Recap(_) | Card::Notice(_) => None,
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
