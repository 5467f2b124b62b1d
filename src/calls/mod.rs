//! What is happening to each call: snapshots and reports in, tellings and questions out. Pure: no I/O, no clock, no
//! randomness; the caller of [`Tracker`] carries out its [`Effect`]s and wakes it at its next deadline.
//!
//! # The problem
//! GoTo pushes full snapshots of a call, numbered from 1, over two lanes: doubled, sometimes late, sometimes not at all.
//! The team wants one ring card per call while it rings, and one honest outcome. A chat webhook cannot edit, so what is
//! said first should already say whom the call rings; and a missed call that was answered is worse than no card.
//!
//! # How it is cut
//! - `sequence` knows which snapshots of one conversation were heard, and where the holes are; `leg` is that
//!   conversation, `legs` all the conversations of a call.
//! - `snapshot` reads one snapshot by itself; `facts` folds snapshots into what is known. The fold does not depend on their order: each fact keeps the place in
//!   the sequence it came from, so a late snapshot adds what was unknown and never takes a newer fact back.
//! - `bound` says which way a call goes and who is on its other side; `talks` who had it, one after the other.
//! - `outcome` says how a call ended, from the facts and a report.
//! - `progress` is one call: what was told, what may be told now, how long that may be held back.
//! - `tracker` is the map of all calls, its bounds and its deadlines.
//!
//! # Invariants
//! - After a last moment (missed, voicemail, ended) nothing of a call is told while it is remembered, but a better last
//!   moment, marked as [`Revision`](crate::model::call::Revision): a length that was unknown, a message in the mailbox, an
//!   answer behind a "missed" that was told while snapshots were missing, the end of a talk that went on in another
//!   conversation.
//! - Answered is told once for each person who has the call, one after the other. Ringing is told again only when whom it rings, which queues it passed or
//!   who calls has changed, and never once somebody has answered.
//! - A call is never told as missed if a person was connected in any snapshot that was heard before the telling.
//! - Every open call has a deadline, and memory is bounded: see [`Limits`].
//!
//! # What was rejected
//! - *Waiting for missing snapshots before ringing.* The ring is worth seconds; holes are asked for, not waited for.
//!   Only an outcome is held, for [`Limits::outcome_grace`], when a snapshot is missing that could show an answer.
//! - *Closing silent calls by a guess.* A silent call is asked for, again and again less often, and then told as lost: how it
//!   ended is not known.
//! - *Believing a report against snapshots that were all heard.* GoTo may count a machine that picks up as an answer.

mod bound;
mod facts;
mod leg;
mod legs;
mod order;
mod outcome;
mod progress;
mod reported;
mod sequence;
mod snapshot;
mod talks;
#[cfg(test)]
mod tests;
mod tracker;
mod verdict;

use crate::model::{
    call::CallUpdate,
    ids::{AccountKey, ConnectionName, ConversationSpaceId},
};
pub use reported::reported;
use std::time::Duration;
pub use tracker::Tracker;

/// What the caller of the tracker does next, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all effects are tellings, and none is kept")]
pub enum Effect {
    /// Tell the team. A second [`Ringing`](crate::model::call::CallStatus::Ringing) of one call is the same moment with newer
    /// facts: it renews a card that still waits, and may match a route that did not match before.
    Tell(CallUpdate),
    /// Ask for the snapshots of a live call that were never heard (`conversation-spaces/{id}/events`), and
    /// [`Tracker::hear`] them. "Not found" is a normal answer: nothing is to be done then.
    AskStates {
        /// The login to ask with.
        connection: ConnectionName,
        /// The account.
        account: AccountKey,
        /// The conversation.
        call: ConversationSpaceId,
        /// First sequence number, inclusive.
        from: u64,
        /// Last sequence number, inclusive.
        to: u64,
    },
    /// Ask for the report of a call (`reports/{id}`), and [`Tracker::report`] it. "Not found" means that the call is not
    /// over, or that its report is not there yet: try again after 2 and 5 s, then leave it.
    AskReport {
        /// The login to ask with.
        connection: ConnectionName,
        /// The account.
        account: AccountKey,
        /// The conversation.
        call: ConversationSpaceId,
    },
}

/// How long the tracker waits, and how much it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a ring is held when nobody is known to ring and no queue is known. 1 s: the first snapshot names the
    /// caller only, the line that rings follows about 0.7 s later.
    pub ring_grace: Duration,
    /// The same for a call that stands in a menu. 3 s after it was first heard: a caller who knows the menu is through.
    pub menu_grace: Duration,
    /// How long an outcome is held while a snapshot is missing that could show that somebody answered. 6 s: the report is
    /// asked for at once, after 2 s and after 5 s, and may take a second to come.
    pub outcome_grace: Duration,
    /// After how much silence the report of an open call is asked for (its end may be lost), and again after twice that.
    /// 10 min: longer than a phone rings; a long conversation costs a handful of questions.
    pub silence: Duration,
    /// After how much silence a call that nobody took is closed as lost. 1 h: no phone rings and no queue holds so long
    /// without a change, and GoTo was asked three times.
    pub given_up: Duration,
    /// The same of a call that somebody took. 4 h: people who talk change nothing.
    pub stale: Duration,
    /// How long an ended call is remembered, so that its doubles and late snapshots say nothing. 10 min.
    pub memory: Duration,
    /// Ended conversations remembered at most; the oldest go first. 10,000: about a megabyte.
    pub ended: usize,
    /// Open calls at most. 10,000. Beyond, the call that is due next says what it holds back and is forgotten; its next
    /// snapshot makes it known again.
    pub open: usize,
    /// Holes asked for per conversation at most. 4.
    pub asks: u8,
    /// Snapshots asked for at once at most, the newest of a hole. 100: the largest page of the call-events API.
    pub ask_states: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ring_grace: Duration::from_secs(1),
            menu_grace: Duration::from_secs(3),
            outcome_grace: Duration::from_secs(6),
            silence: Duration::from_secs(10 * 60),
            given_up: Duration::from_secs(60 * 60),
            stale: Duration::from_secs(4 * 60 * 60),
            memory: Duration::from_secs(10 * 60),
            ended: 10_000,
            open: 10_000,
            asks: 4,
            ask_states: 100,
        }
    }
}
