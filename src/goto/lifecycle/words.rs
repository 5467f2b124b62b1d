//! The vocabulary between the machine and its driver: inputs, effects, and what answers mean.

use super::Renew;
use crate::model::{
    ids::{AccountKey, ChannelId},
    secret::Secret,
    time::Now,
};
use std::time::Duration;

/// Chance in 0..1, drawn by the caller.
pub type Dice<'a> = &'a mut dyn FnMut() -> f64;

/// Names one request or socket, so that its answer is known from older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

/// How a failed request is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// May work later: network, 408, 429, 5xx, an answer that is none.
    Transient,
    /// The channel does not exist: 404.
    Gone,
    /// Too many channels: 409.
    Full,
    /// GoTo says no: other 4xx.
    Refused,
    /// There is no access token to ask with.
    NoToken,
}

impl Class {
    /// As the journal says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "goto is not reached, or gives no answer that can be used",
            Self::Gone => "goto does not know what was asked for",
            Self::Full => "goto has too many channels of this user",
            Self::Refused => "goto refuses",
            Self::NoToken => "there is no access token",
        }
    }
}

/// A failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// How to take it.
    pub class: Class,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// `Retry-After`, if said.
    pub after: Option<Duration>,
}

/// Why a lane stopped hearing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The server closed the socket.
    Closed,
    /// The socket broke.
    Broken,
    /// Three pings were answered by nothing.
    Silent,
    /// The channel's lifetime ended unrenewed.
    Expired,
    /// GoTo does not know the channel any more.
    Gone,
    /// The daemon stops.
    Stopped,
}

impl Why {
    /// As the journal says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "the server closed the socket",
            Self::Broken => "the socket broke",
            Self::Silent => "three pings were answered by nothing",
            Self::Expired => "the channel's lifetime ended unrenewed",
            Self::Gone => "goto does not know the channel any more",
            Self::Stopped => "the daemon stops",
        }
    }
}

/// A channel as GoTo answered it.
#[derive(Debug, Clone)]
pub struct Created {
    /// Its id.
    pub id: ChannelId,
    /// Where its socket is.
    pub url: Secret,
    /// `channelLifetime` in seconds, as it came.
    pub lifetime: Option<i64>,
}

/// An account that GoTo refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which.
    pub account: AccountKey,
    /// Its status in the 207.
    pub status: u16,
    /// Its `errorCode`.
    pub code: Option<String>,
}

/// What a 207 says.
#[derive(Debug, Clone, Default)]
pub struct Accepted {
    /// Accounts with 2xx.
    pub accounts: usize,
    /// Accounts with a 4xx that stays.
    pub refused: Vec<Refusal>,
    /// Accounts to ask again: 429, 5xx, or missing in the answer.
    pub later: Vec<AccountKey>,
}

/// What a renewal answered.
#[derive(Debug, Clone)]
pub struct Renewed {
    /// The channel's URL, where the answer has one.
    pub url: Option<Secret>,
    /// `channelLifetime` in seconds, as it came.
    pub lifetime: Option<i64>,
}

/// What happens to a lane.
#[derive(Debug)]
pub enum Input {
    /// Begin.
    Start,
    /// End: close and delete everything.
    Stop,
    /// There is an access token again.
    Wake,
    /// Time has passed.
    Tick,
    /// The answer to [`Effect::Create`].
    Created(Ticket, Result<Created, Trouble>),
    /// The answer to [`Effect::Subscribe`].
    Subscribed(Ticket, Result<Accepted, Trouble>),
    /// The socket of [`Effect::Open`] is open, or will not be.
    Opened(Ticket, Result<(), Trouble>),
    /// A socket brought a frame of any kind.
    Frame(Ticket),
    /// A socket brought `WEBSOCKET_REFRESH_REQUIRED`.
    RefreshRequired(Ticket),
    /// A socket brought `WEBSOCKET_TO_BE_CLOSED`.
    ToBeClosed(Ticket),
    /// An open socket ended.
    Ended(Ticket, Why),
    /// The answer to [`Effect::Renew`].
    Renewed(Ticket, Result<Renewed, Trouble>),
}

/// What is to be done.
#[derive(Debug)]
pub enum Effect {
    /// Create a channel.
    Create {
        /// Of the answer.
        ticket: Ticket,
        /// Delete leftovers of this lane's nickname first, but not this one.
        sweep: Option<Sweep>,
    },
    /// Subscribe a channel.
    Subscribe {
        /// Of the answer.
        ticket: Ticket,
        /// To what.
        channel: ChannelId,
        /// These accounts; `None`: all of the connection.
        only: Option<Vec<AccountKey>>,
    },
    /// Open a socket.
    Open {
        /// Of the socket, for its whole life.
        ticket: Ticket,
        /// Where.
        url: Secret,
    },
    /// Send a ping.
    Ping(Ticket),
    /// Renew a channel.
    Renew {
        /// Of the answer.
        ticket: Ticket,
        /// Which.
        channel: ChannelId,
        /// By which request.
        how: Renew,
    },
    /// Close a socket.
    Close(Ticket),
    /// Delete a channel; nobody waits for the answer.
    Delete(ChannelId),
    /// Say something to the rest of the house.
    Tell(Tell),
}

/// Delete leftovers before creating.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The channel that still hears, if any.
    pub keep: Option<ChannelId>,
}

/// What a lane has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tell {
    /// It hears.
    Live,
    /// It does not hear any more.
    Lost {
        /// What happened.
        why: Why,
        /// Until when it surely heard.
        heard: Now,
    },
    /// It is refused.
    Refused(Trouble),
    /// It does not come to hear, and tries on. Said when that begins and when the reason changes.
    Failing(Trouble),
    /// One account is refused.
    Account(Refusal),
    /// So many accounts accepted.
    Subscribed(usize),
}
