//! Upstream: one login to GoTo, held for months. What goes in is [`Settings`] and [`Ask`]s; what comes out is [`Heard`].
//! Nothing here knows what a card is, or who reads what was heard.
//!
//! Who does what, from the wire inwards:
//! - [`wire`] reads their JSON into our words. Plain functions; a bad frame is a value, never a stop.
//! - [`oauth`] and [`api`] speak HTTP, [`socket`] speaks WebSocket. They have no opinions: what failed comes back with a class.
//! - [`token`] decides when to refresh and when a human must consent again; [`lifecycle`] decides when a lane creates,
//!   subscribes, opens, pings, renews and replaces its channel; [`sight`] decides whether anybody hears at all. All three
//!   are machines without clock, chance and I/O, and are tested over years of virtual time.
//! - `grant` drives the token machine, `session` drives one lane, `catch_up` asks for what a blind window hid, and
//!   [`connection`] holds them together.

mod activity;
mod answer;
pub mod api;
mod catch_up;
pub mod connection;
mod grant;
pub mod lifecycle;
pub mod oauth;
mod session;
pub mod sight;
pub mod socket;
#[cfg(test)]
mod stand_in;
pub mod token;
pub mod token_file;
mod voicemail;
pub mod wire;

#[cfg(test)]
mod tests;

pub use catch_up::LOOK;
pub use connection::{Connection, open};
pub use voicemail::VoicemailAsk;

use crate::model::{
    call::{CallEvent, Report},
    ids::{AccountKey, ConnectionName, ConversationSpaceId},
    past::Remembered,
    phone::{E164, Region},
    pulse::Pulses,
    secret::Secret,
    time::Timestamp,
};
use std::{collections::HashSet, path::PathBuf, time::Duration};
use url::Url;

/// One login, as the config describes it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name in the config.
    pub name: ConnectionName,
    /// The OAuth client.
    pub client_id: String,
    /// Its secret; `None` for a public client, which then names itself in the form.
    pub client_secret: Option<Secret>,
    /// The accounts to subscribe to; empty: every account that `users/me` names.
    pub account_keys: Vec<AccountKey>,
    /// A first token, used while the token file has none.
    pub first_refresh_token: Option<Secret>,
    /// How many channels are held at once; 0 is read as 1.
    pub lanes: u8,
    /// How numbers without a country are read.
    pub region: Region,
    /// `https://api.goto.com`.
    pub api_url: Url,
    /// `https://authentication.logmeininc.com`.
    pub auth_url: Url,
    /// Where the refresh token is kept.
    pub token_file: PathBuf,
    /// Names the channels of this host and connection, the same at every start. A lane appends its number.
    pub nickname: String,
    /// The last time the daemon is known to have heard, from an earlier run: where its first blind window begins.
    pub deaf_since: Option<Timestamp>,
    /// How often GoTo is asked whether a call ended of which nothing was heard: [`LOOK`].
    pub look: Duration,
    /// Whether it looks into mailboxes: scope `voicemail.v1.voicemails.read`.
    pub voicemail: bool,
    /// Where its lanes say whether they turn.
    pub pulses: Pulses,
}

/// What a connection hears, of calls and of itself.
#[derive(Debug)]
pub enum Heard {
    /// A snapshot of a call, pushed or asked for. Lanes hear the same call each: the same snapshot comes more than once.
    Call(CallEvent),
    /// A report of an ended call, pushed, asked for, or late for its blind window. Comes more than once too.
    Report(Report),
    /// The report of a call is there to be fetched.
    ReportReady {
        /// Its conversation.
        call: ConversationSpaceId,
    },
    /// A lane hears.
    Live {
        /// Which, from 0.
        lane: u8,
    },
    /// A lane that heard does not any more.
    Lost {
        /// Which, from 0.
        lane: u8,
        /// What happened to it.
        why: lifecycle::Why,
    },
    /// No lane hears.
    Blind {
        /// Since when.
        since: Timestamp,
    },
    /// A lane hears again. The calls that are under way come as [`Heard::Call`] beside it, late reports as [`Heard::Late`].
    Sighted {
        /// When the blind window began.
        from: Timestamp,
        /// When it ended.
        to: Timestamp,
        /// The calls that came and went meanwhile.
        reports: Reports,
    },
    /// Which calls are under way, after a blind window: told behind them and behind the window's reports. What the house
    /// takes for open and is not among them has ended.
    Listed {
        /// Their conversations.
        active: HashSet<ConversationSpaceId>,
    },
    /// Reports that a blind window did not find at first, or of calls that ended a short while ago. They are told together, not in a card each.
    Late(Vec<Report>),
    /// The reports of windows that [`Reports::Failed`] at first are all told now, as [`Heard::Late`] before this.
    CaughtUp {
        /// When the first of them began.
        from: Timestamp,
        /// When the last of them ended.
        to: Timestamp,
    },
    /// What [`Ask::Past`] asked for. Every such question has its answer.
    Past {
        /// The number that was asked for.
        number: E164,
        /// Its calls in no order, a call perhaps more than once (for each of its legs); or how long GoTo wants to be left
        /// alone with such questions (`cr.v1.read` is not granted, it is asked too often, it does not answer).
        calls: Result<Vec<Remembered>, Duration>,
    },
    /// The length of the message that a call left, as [`Ask::Voicemail`] asked for.
    Voicemail {
        /// The call.
        call: ConversationSpaceId,
        /// How long it is.
        length: Duration,
    },
    /// A human must run `poprelay login`: no token, or GoTo refuses the one there is. Told once per change.
    ConsentNeeded {
        /// What was wrong.
        why: token::Dead,
    },
    /// Access is there again after [`Heard::ConsentNeeded`].
    ConsentGiven,
    /// The refresh token nears the end of its 30 days without GoTo having renewed it. Told once a day.
    GrantAging {
        /// Whole days left.
        days_left: u32,
    },
    /// A rotated refresh token is in memory only: the next start would use a dead one.
    TokenNotKept {
        /// Why the file could not be written.
        why: token_file::Error,
    },
    /// GoTo refuses one account; the others go on. Told once per account and status.
    AccountRefused {
        /// Which.
        account: AccountKey,
        /// Its status in the 207.
        status: u16,
        /// Its `errorCode`, if any.
        code: Option<String>,
    },
    /// A lane is subscribed, counted in accounts that accepted.
    Subscribed {
        /// How many.
        accounts: usize,
    },
    /// GoTo refuses the whole lane (credentials, scope, every account). It stays up and asks again, slowly.
    Refused {
        /// Which, from 0.
        lane: u8,
        /// What the answer said.
        why: lifecycle::Trouble,
    },
    /// A lane does not come to hear for a reason that may pass (no network, 5xx, too many channels, a 207 that says nothing),
    /// and tries on. Told when that begins and when the reason changes.
    Failing {
        /// Which, from 0.
        lane: u8,
        /// What the last try brought.
        why: lifecycle::Trouble,
    },
    /// A frame that says nothing readable. It is counted and left.
    Unreadable {
        /// Which lane, from 0.
        lane: u8,
        /// How long it was.
        bytes: usize,
        /// What is wrong with it, without its text.
        why: wire::Unreadable,
    },
}

/// A question for the past calls of a number; the answer is [`Heard::Past`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAsk {
    /// The account whose calls they are.
    pub account: AccountKey,
    /// The number.
    pub number: E164,
    /// They began at or after this,
    pub from: Timestamp,
    /// and before this.
    pub to: Timestamp,
}

/// The reports of a blind window.
#[derive(Debug)]
pub enum Reports {
    /// What GoTo had when it was asked; later ones follow as [`Heard::Late`].
    Told(Vec<Report>),
    /// The login lacks the scope `cr.v1.read`.
    NotGranted,
    /// It could not be asked now; what a later try finds follows as [`Heard::Late`], and then [`Heard::CaughtUp`].
    Failed,
}

/// A question to GoTo about one call or caller. The answer comes as [`Heard`]; of a call no answer is silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The missing states of a call, bounds included.
    States {
        /// Its account.
        account: AccountKey,
        /// The call.
        call: ConversationSpaceId,
        /// First sequence number.
        from: u64,
        /// Last sequence number.
        to: u64,
    },
    /// The past calls of a number.
    Past(PastAsk),
    /// The message that a call left; left unasked where the connection is not to look into mailboxes.
    Voicemail(VoicemailAsk),
    /// The report of an ended call; asked again while there is none yet.
    Report {
        /// The call.
        call: ConversationSpaceId,
    },
}
