//! Types between the lane machine and its task: inputs, effects, answers.

use super::Renew;
use crate::{
    model::{
        ids::{AccountKey, ChannelId},
        secret::Secret,
        time::Now,
    },
    runtime::http::NetworkFault,
};
use std::{fmt, sync::Arc, time::Duration};

/// Source of random numbers in 0..1, owned by the caller.
pub type RandomSource<'a> = &'a mut dyn FnMut() -> f64;

/// Identifier of one request or socket, which distinguishes its answer from older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

/// Classification of a failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// May work later: 408, 429, 5xx, malformed answer.
    Transient,
    /// May work later: no answer.
    Unreachable(NetworkFault),
    /// The channel does not exist: 404.
    Gone,
    /// Too many channels: 409.
    TooManyChannels,
    /// GoTo rejects the request: other 4xx.
    Rejected,
    /// No access token is available.
    NoToken,
    /// GoTo names no account of the login, and the config names none.
    NoAccounts,
}

impl FailureClass {
    /// Returns the wording for the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "goto sent no usable answer",
            Self::Unreachable(fault) => fault.as_str(),
            Self::Gone => "goto found no such resource",
            Self::TooManyChannels => "this user has too many channels",
            Self::Rejected => "goto rejected the request",
            Self::NoToken => "no access token",
            Self::NoAccounts => "goto names no account of this login",
        }
    }
}

/// Advice for [`FailureClass::NoAccounts`].
pub const NO_ACCOUNTS_ADVICE: &str = "Set account_keys in the connection (the account key is in the address of the GoTo Admin \
    page), or enable the scope users.v1.read at the OAuth client and run poprelay login --client-scopes.";

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFailure {
    /// Classification of the failure.
    pub class: FailureClass,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// `Retry-After`, if stated.
    pub retry_after: Option<Duration>,
    /// Details of the refusal or of the network failure, without URL, token and number.
    pub reason: Option<Arc<str>>,
}

impl RequestFailure {
    /// Creates a failure without an answer.
    #[must_use]
    pub const fn new(class: FailureClass) -> Self {
        Self { class, status: None, retry_after: None, reason: None }
    }

    /// Returns the reason for which no answer came.
    #[must_use]
    pub const fn fault(&self) -> Option<NetworkFault> {
        match self.class {
            FailureClass::Unreachable(fault) => Some(fault),
            FailureClass::Transient
            | FailureClass::Gone
            | FailureClass::TooManyChannels
            | FailureClass::Rejected
            | FailureClass::NoToken
            | FailureClass::NoAccounts => None,
        }
    }
}

impl fmt::Display for RequestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class.as_str())?;
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        match &self.reason {
            Some(reason) => write!(f, ", {reason}"),
            None => Ok(()),
        }
    }
}

/// Reason why a live connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// The server closed the socket.
    Closed,
    /// The socket failed.
    Broken,
    /// Two pings brought no frame.
    Silent,
    /// The channel's lifetime ended without a renewal.
    Expired,
    /// The channel no longer exists at GoTo.
    Gone,
    /// The daemon is shutting down.
    Stopped,
}

impl DisconnectReason {
    /// Returns the wording for the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "server closed the socket",
            Self::Broken => "socket failed",
            Self::Silent => "two pings without an answer",
            Self::Expired => "channel lifetime ended without a renewal",
            Self::Gone => "channel no longer exists",
            Self::Stopped => "daemon is shutting down",
        }
    }
}

/// A channel as created by GoTo.
#[derive(Debug, Clone)]
pub struct Created {
    /// `channelId`.
    pub id: ChannelId,
    /// `channelURL`: address of the socket.
    pub url: Secret,
    /// `channelLifetime` in seconds, unchecked.
    pub lifetime: Option<i64>,
}

/// An account that GoTo rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRejection {
    /// The rejected account.
    pub account: AccountKey,
    /// Status of the account in the 207.
    pub status: u16,
    /// `errorCode` of the account.
    pub code: Option<String>,
}

/// Content of the 207 that answers a subscription.
#[derive(Debug, Clone, Default)]
pub struct SubscribeResult {
    /// Number of accounts with 2xx.
    pub accepted: usize,
    /// Accounts with a permanent 4xx.
    pub rejected: Vec<AccountRejection>,
    /// Accounts to subscribe again: 429, 5xx, or missing in the answer.
    pub retry: Vec<AccountKey>,
}

/// Answer to a renewal.
#[derive(Debug, Clone)]
pub struct Renewed {
    /// `channelURL`, if the answer has one.
    pub url: Option<Secret>,
    /// `channelLifetime` in seconds, unchecked.
    pub lifetime: Option<i64>,
}

/// Input of the lane machine.
#[derive(Debug)]
pub enum Input {
    /// Starts the lane.
    Start,
    /// Stops the lane: closes and deletes everything.
    Stop,
    /// An access token is available again.
    Wake,
    /// Time has passed.
    Tick,
    /// Another lane fell silent, or the clocks jumped: the live connection is tested with one ping.
    Probe,
    /// The answer to [`Effect::Create`].
    Created(Ticket, Result<Created, RequestFailure>),
    /// The answer to [`Effect::Subscribe`].
    Subscribed(Ticket, Result<SubscribeResult, RequestFailure>),
    /// The socket of [`Effect::Open`] is open, or failed to open.
    Opened(Ticket, Result<(), RequestFailure>),
    /// A socket received a frame of any kind.
    Frame(Ticket),
    /// The `eventId`s of a socket have a hole.
    EventHole(Ticket),
    /// A socket received `WEBSOCKET_REFRESH_REQUIRED`.
    RefreshRequired(Ticket),
    /// A socket received `WEBSOCKET_TO_BE_CLOSED`.
    ToBeClosed(Ticket),
    /// An open socket ended.
    Ended(Ticket, DisconnectReason),
    /// The answer to [`Effect::Renew`].
    Renewed(Ticket, Result<Renewed, RequestFailure>),
}

/// Action for the lane task.
#[derive(Debug)]
pub enum Effect {
    /// Creates a channel.
    Create {
        /// Ticket of the answer.
        ticket: Ticket,
        /// Leftovers to delete before the create.
        sweep: Option<Sweep>,
    },
    /// Subscribes a channel.
    Subscribe {
        /// Ticket of the answer.
        ticket: Ticket,
        /// The channel.
        channel: ChannelId,
        /// Accounts to subscribe; `None`: all of the connection.
        only: Option<Vec<AccountKey>>,
    },
    /// Opens a socket.
    Open {
        /// Ticket of the socket, valid until the socket ends.
        ticket: Ticket,
        /// `channelURL` of the channel.
        url: Secret,
    },
    /// Sends a ping.
    Ping(Ticket),
    /// Renews a channel.
    Renew {
        /// Ticket of the answer.
        ticket: Ticket,
        /// The channel.
        channel: ChannelId,
        /// The request to renew with.
        how: Renew,
    },
    /// Closes a socket.
    Close(Ticket),
    /// Deletes a channel; the answer is ignored.
    Delete(ChannelId),
    /// Emits an event of the lane.
    Emit(LaneEvent),
}

/// Deletion of leftover channels before a create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// The channel still in use, if any.
    pub keep: Option<ChannelId>,
}

/// Event of one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneEvent {
    /// The lane is live.
    Up,
    /// The lane is no longer live.
    Down {
        /// Reason of the loss.
        why: DisconnectReason,
        /// Last time at which the lane certainly received.
        live_until: Now,
    },
    /// A ping has no answer in time: the other lanes are to be tested.
    Suspect,
    /// A notification may be lost: the `eventId`s have a hole.
    EventHole {
        /// Time of the frame before the hole.
        live_until: Now,
    },
    /// The process was paused, or the wall clock jumped: frames since then may be lost.
    ClockJump {
        /// Last time at which the lane certainly received.
        live_until: Now,
    },
    /// The lane is rejected.
    Rejected(RequestFailure),
    /// The lane fails to connect and retries. Emitted at the first failure and when the class changes.
    Failing(RequestFailure),
    /// One account is rejected.
    AccountRejected(AccountRejection),
    /// Number of accounts that were accepted.
    Subscribed(usize),
}
