//! Upstream: holds one GoTo login for months. Takes [`Settings`] and queries over [`QuerySender`], emits [`ConnectionEvent`]s.
//! Contains no cards, routes or sinks.
//!
//! Modules, from the wire inwards:
//! - [`wire`] decodes GoTo's JSON into model types. Plain functions; a malformed frame is a value, never a stop.
//! - [`scopes`] lists the function that each OAuth scope allows.
//! - [`oauth`] and [`api`] send HTTP requests, [`socket`] runs a WebSocket. No policy: a failure returns its class.
//! - [`token`] decides when to refresh and when a login is required. [`lane`] decides when a lane creates, subscribes,
//!   opens, pings, renews and replaces its channel. [`gap`] decides whether any lane is live. All three are machines
//!   without clock, randomness and I/O, tested over years of virtual time.
//! - `token_task` drives the token machine, `shared_refresh` shares its tokens with the daemons of other hosts, `lane_task`
//!   drives one lane. `backfill` queries the calls that an event gap hid, `fallback` polls active calls while no lane is live,
//!   and [`connection`] joins them.

pub mod api;
mod backfill;
mod call_queries;
mod caller_activity;
mod clock;
pub mod connection;
mod fallback;
pub mod gap;
mod http;
pub mod lane;
mod lane_monitor;
mod lane_task;
mod number_names;
pub mod oauth;
mod queries;
pub mod scopes;
mod shared_login;
mod shared_refresh;
pub mod socket;
pub mod token;
pub mod token_file;
mod token_task;
mod voicemail;
pub mod wire;

#[cfg(test)]
mod tests;

pub use api::accounts;
pub use backfill::BACKFILL_INTERVAL;
pub use connection::{Connection, open};
pub use queries::{CallQuery, QueryReceivers, QuerySender, query_queues};
pub use voicemail::VoicemailQuery;

use crate::{
    model::{
        call::{CallSnapshot, Report},
        call_record::CallRecord,
        ids::{AccountKey, ConnectionName, ConversationSpaceId},
        phone::{E164, Region},
        secret::{Secret, SecretError, SecretRef},
        shared_token::SharedTokens,
        time::{ServerClock, Timestamp},
    },
    runtime::{metrics::ConnectionMetrics, watchdog::TaskMonitor},
};
use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use url::Url;

/// Settings of one connection, from the config.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the connection in the config.
    pub name: ConnectionName,
    /// Id of the OAuth client.
    pub client_id: String,
    /// Secret of the OAuth client; `None` for a public client, whose id is then sent in the form.
    pub client_secret: Option<Secret>,
    /// Accounts to subscribe to; empty: every account with GoTo Connect that GoTo names.
    pub account_keys: Vec<AccountKey>,
    /// First refresh token, used while the token file has none.
    pub first_refresh_token: Option<Secret>,
    /// Source of a personal access token, which replaces refresh tokens and the token file.
    pub pat: Option<PatSource>,
    /// Tokens that several daemons share; `None` for one daemon. Not used with a personal access token.
    pub shared_tokens: Option<Arc<dyn SharedTokens>>,
    /// Number of lanes; 0 means 1.
    pub lanes: u8,
    /// Region of numbers without a country code.
    pub region: Region,
    /// `https://api.goto.com`.
    pub api_url: Url,
    /// `https://authentication.logmeininc.com`.
    pub auth_url: Url,
    /// Path of the file with the refresh token.
    pub token_file: PathBuf,
    /// Nickname of the channels of this host and connection, the same at every start. A lane appends its number.
    pub nickname: String,
    /// Last time at which an earlier run was live, by GoTo's clock: start of the first event gap.
    pub last_live_at: Option<Timestamp>,
    /// Start of the calls that an earlier run did not recover, before `last_live_at`.
    pub uncovered_since: Option<Timestamp>,
    /// Interval of the periodic backfill, [`BACKFILL_INTERVAL`] in production.
    pub backfill_interval: Duration,
    /// Whether mailboxes are queried: scope `voicemail.v1.voicemails.read`.
    pub voicemail: bool,
    /// Whether the names of the account's numbers are fetched: scope `voice-admin.v1.read`.
    pub number_names: bool,
    /// Receives the heartbeats of the lanes.
    pub task_monitor: TaskMonitor,
    /// Counts requests, renewals and refreshes.
    pub metrics: ConnectionMetrics,
}

/// Source of a personal access token: read at start, and again while GoTo rejects the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatSource {
    /// The config's value.
    pub reference: SecretRef,
    /// Folder of `{ credential = … }`.
    pub credentials: PathBuf,
}

impl PatSource {
    /// Reads the token now.
    ///
    /// # Errors
    /// If it is missing, empty, too long or not UTF-8.
    pub fn read(&self) -> Result<Secret, SecretError> {
        self.reference.read(Some(&self.credentials))
    }
}

/// Event of a connection: about calls, or about the connection itself.
#[derive(Debug)]
pub enum ConnectionEvent {
    /// A call snapshot, pushed or queried. Each lane receives it: the same snapshot is emitted more than once.
    Snapshot(Box<CallSnapshot>),
    /// A report of an ended call, pushed or queried. Emitted more than once too.
    Report(Box<Report>),
    /// The report of a call can be fetched.
    ReportReady {
        /// Conversation of the call.
        call: ConversationSpaceId,
    },
    /// A lane is live.
    LaneUp {
        /// Number of the lane, from 0.
        lane: u8,
    },
    /// A lane is no longer live.
    LaneDown {
        /// Number of the lane, from 0.
        lane: u8,
        /// Reason of the disconnect.
        why: lane::DisconnectReason,
    },
    /// An event gap opened: no lane is live.
    GapOpened {
        /// Start of the gap, by GoTo's clock like all times of gaps.
        since: Timestamp,
    },
    /// An event gap closed: a lane is live again. Active calls follow as [`ConnectionEvent::Snapshot`], late reports as
    /// [`ConnectionEvent::LateReports`].
    GapClosed {
        /// Start of the gap.
        from: Timestamp,
        /// End of the gap.
        to: Timestamp,
        /// Reports of the calls that ended inside the gap.
        reports: Reports,
    },
    /// GoTo's clock, by the `Date` of its answers: the first, and each after a step of the local clock.
    ClockOffset {
        /// GoTo's clock. Its offset is zero if the header is too coarse for it.
        clock: ServerClock,
    },
    /// No lane is live, and active calls are polled instead: calls are received late by seconds, not lost.
    FallbackStarted,
    /// A lane is live again, and the polling has ended.
    FallbackEnded,
    /// Calls that are active after an event gap, emitted after their snapshots and after the reports of the gap.
    /// A tracked open call that is missing here has ended.
    ActiveCalls {
        /// Conversation space ids of the active calls.
        active: HashSet<ConversationSpaceId>,
    },
    /// Reports that came late for an event gap, or that a periodic backfill found. One gap summary covers them all.
    LateReports(Vec<Report>),
    /// The reports of a gap with [`Reports::Failed`] were emitted before this, as [`ConnectionEvent::LateReports`].
    BackfillDone {
        /// Start of the gap.
        from: Timestamp,
        /// End of the gap.
        to: Timestamp,
    },
    /// Answer to a [`CallerActivityQuery`]. Every such query gets one.
    CallerActivity {
        /// The queried number.
        number: E164,
        /// Calls of the number, unordered, possibly one entry per leg. On failure (`cr.v1.read` not granted, rate
        /// limit, no answer): the cooldown before the next query.
        calls: Result<Vec<CallRecord>, Duration>,
    },
    /// Answer to a [`VoicemailQuery`]: length of the message of a call.
    Voicemail {
        /// The call.
        call: ConversationSpaceId,
        /// Length of the message.
        length: Duration,
    },
    /// Names of the account's numbers. Emitted if [`Settings::number_names`] is set.
    NumberNames(HashMap<E164, String>),
    /// An operator must run `poprelay login`: no token, or GoTo rejects it. Emitted once per change.
    LoginRequired {
        /// Reason why a login is required.
        why: token::LoginReason,
    },
    /// An access token is valid again after [`ConnectionEvent::LoginRequired`].
    LoginRestored,
    /// Needed scopes that the current grant lacks. Emitted when the list changes; empty: every scope is granted again.
    ScopesMissing {
        /// The missing scopes.
        missing: Vec<scopes::Scope>,
    },
    /// The refresh token nears the end of its 30 days and was not rotated by GoTo. Emitted once a day.
    RefreshTokenExpiring {
        /// Whole days left.
        days_left: u32,
    },
    /// A rotated refresh token is in memory only: the next start would use an invalid one.
    TokenNotPersisted {
        /// Error of the token file.
        why: token_file::Error,
    },
    /// GoTo rejects one account; the others continue. Emitted once per account and status.
    AccountRejected {
        /// The rejected account.
        account: AccountKey,
        /// Status of the account in the 207.
        status: u16,
        /// `errorCode` of the account, if any.
        code: Option<String>,
    },
    /// A lane is subscribed.
    Subscribed {
        /// Number of accepted accounts.
        accounts: usize,
    },
    /// GoTo rejects the whole lane (credentials, scope, every account). The lane retries slowly.
    LaneRejected {
        /// Number of the lane, from 0.
        lane: u8,
        /// Failure of the request.
        why: lane::RequestFailure,
    },
    /// A lane fails to connect for a transient reason (no network, 5xx, too many channels, unusable 207) and retries.
    /// Emitted at the first failure and when the class changes.
    LaneFailing {
        /// Number of the lane, from 0.
        lane: u8,
        /// Failure of the last attempt.
        why: lane::RequestFailure,
    },
    /// A refresh of the token fails for a transient reason. Emitted at the first failure and when the class changes.
    RefreshFailing(lane::RequestFailure),
    /// A malformed frame, to be counted and skipped.
    MalformedFrame {
        /// Number of the lane, from 0.
        lane: u8,
        /// Length of the frame.
        bytes: usize,
        /// Decoding error, without text of the frame.
        why: wire::Unreadable,
    },
}

/// A query for the past calls of a number; answered by [`ConnectionEvent::CallerActivity`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerActivityQuery {
    /// Account to search.
    pub account: AccountKey,
    /// Number of the caller.
    pub number: E164,
    /// Earliest start of a call, inclusive.
    pub from: Timestamp,
    /// Latest start of a call, exclusive.
    pub to: Timestamp,
}

/// Reports of an event gap.
#[derive(Debug)]
pub enum Reports {
    /// Reports available at the time of the query; later ones follow as [`ConnectionEvent::LateReports`].
    Fetched(Vec<Report>),
    /// The login lacks the scope `cr.v1.read`.
    NotGranted,
    /// The query failed. A later attempt emits [`ConnectionEvent::LateReports`], then
    /// [`ConnectionEvent::BackfillDone`].
    Failed,
}
