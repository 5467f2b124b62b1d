//! The status of a call, and one update of a call.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use super::{Call, Person};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The status of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum CallStatus {
    /// The call is in a menu, in a queue, or rings phones: see [`RingStage`](super::RingStage).
    Ringing,
    /// A person answered. Emitted again for each transfer, with the new person; of an outbound call the called side
    /// answered.
    Answered {
        /// The colleague who talks; of an outbound call the colleague who called. Without a name for an outside number that
        /// the call was forwarded to.
        answered_by: Person,
        /// Wait of the caller, from the first phone that rang or the first queue.
        waited: Duration,
    },
    /// The call ended without an answer by a person.
    Missed {
        /// Time from the beginning of the call to its end.
        waited: Duration,
        /// Reason of the miss.
        reason: MissedReason,
    },
    /// The caller left a message, whether or not a person had answered; or reached a mailbox and may have left a message.
    Voicemail {
        /// The length of the message, if known.
        duration: Option<Duration>,
    },
    /// The call ended after a person answered, or with an unknown outcome.
    Ended {
        /// The time of all talks, if known.
        talk_time: Option<Duration>,
    },
}

/// Reason for which a call was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedReason {
    /// Phones rang, a queue or a mailbox was reached, and no person answered.
    NobodyAnswered,
    /// The caller hung up in the queue.
    LeftQueue,
    /// The caller hung up in a menu.
    LeftMenu,
    /// Not known.
    Unknown,
}

/// The kind of a [`CallStatus`]: a part of a delivery's key, and a value of a sink's `outcomes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusKind {
    /// See [`CallStatus::Ringing`].
    Ringing,
    /// See [`CallStatus::Answered`].
    Answered,
    /// See [`CallStatus::Missed`].
    Missed,
    /// See [`CallStatus::Voicemail`].
    Voicemail,
    /// See [`CallStatus::Ended`].
    Ended,
    /// A missed caller was called back or got through: see [`Revision::CalledBack`].
    CalledBack,
}

impl StatusKind {
    /// Returns the name used in config, journal and store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Missed => "missed",
            Self::Voicemail => "voicemail",
            Self::Ended => "ended",
            Self::CalledBack => "called_back",
        }
    }

    /// Returns whether the status is the end of the call.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Missed | Self::Voicemail | Self::Ended | Self::CalledBack)
    }
}

impl CallStatus {
    /// Returns the kind of the status.
    #[must_use]
    pub const fn kind(&self) -> StatusKind {
        match self {
            Self::Ringing => StatusKind::Ringing,
            Self::Answered { .. } => StatusKind::Answered,
            Self::Missed { .. } => StatusKind::Missed,
            Self::Voicemail { .. } => StatusKind::Voicemail,
            Self::Ended { .. } => StatusKind::Ended,
        }
    }
}

/// One update of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallUpdate {
    /// The call, as known at the time.
    pub call: Call,
    /// New status of the call.
    pub status: CallStatus,
    /// Time of the change.
    pub at: Timestamp,
}

impl CallUpdate {
    /// Returns what the update reports: the status of the call, or that the missed caller was called back.
    #[must_use]
    pub fn kind(&self) -> StatusKind {
        if self.call.revision == Some(Revision::CalledBack) { StatusKind::CalledBack } else { self.status.kind() }
    }
}

/// Reason for which a final status is emitted a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revision {
    /// More facts are known: a duration, a message in the mailbox. Worth an edit of a posted card, not another message.
    Completed,
    /// The status was wrong: a person had answered the call that was posted as missed. Worth a message everywhere.
    Corrected,
    /// The outcome was unknown and is known now. Worth a message wherever that outcome is posted.
    Resolved,
    /// The caller was called back, or called again and got through, or that proved wrong
    /// ([`Course::callback`](super::Course::callback)). Worth an edit of a posted card, and a short message where
    /// `called_back` is selected.
    CalledBack,
}
