//! Call tracking: snapshots and reports in, call updates and fetches out. Pure: no I/O, no clock, no randomness. The caller
//! of [`Tracker`] carries out its [`Effect`]s and wakes it at its next deadline.
//!
//! # Problem
//! GoTo pushes whole snapshots of a call, numbered from 1, over two lanes: doubled, sometimes late, sometimes not at all.
//! Several share a millisecond, and the last one is empty. Most inbound calls are in a menu for up to a minute before a
//! phone rings. The team wants one ring card when a phone rings, naming whom it rings, and one true outcome. A chat webhook
//! cannot edit, and a false "missed" is worse than no card.
//!
//! # Structure
//! - `sequence` holds which snapshots of one conversation were received, and the holes; `leg` is that conversation, `legs`
//!   all conversations of a call.
//! - `observation` reduces one snapshot to who is in which state; `parties` holds each person once, by line; `timeline` keeps
//!   the observations in order of `sequenceNumber`, whatever order they arrived in.
//! - `walk` goes through the timeline from its beginning and adds up the course of the call; `talk_log` is its part about
//!   who talked. Live snapshots and the `callStates` of a report go the same way, so that both give the same result.
//! - `facts` joins this with who calls; `describe` puts it into the [`Call`](crate::model::call::Call) that is emitted.
//! - `outcome` decides how a call ended, from the walk, a summary and a full report.
//! - `tracked_call` is one call: what was emitted, what may be emitted now, how long that may be held back; `folding` adds
//!   snapshots and reports to it, `ringing` is its part before the end, `ending` its part about the end.
//! - `tracker` is the map of all calls, its bounds and its deadlines; `membership` decides which conversation belongs to which
//!   call, `reports` which report; `ended` holds the calls that ended a short while ago.
//!
//! # Invariants
//! - Answered means: in one snapshot the caller and a colleague (or an outside line that a plan dialled) are both CONNECTED.
//!   Nothing else does: neither a menu, nor `callAnswered`, nor a phone that goes away.
//! - A call is emitted as missed only if no snapshot is missing that could show an answer, or if a report proves it.
//!   Otherwise the full report is fetched. Without it the outcome is emitted as not known.
//! - A report never takes an answer away that a snapshot showed.
//! - After a final status (missed, voicemail, ended) only a better one is emitted, marked as
//!   [`Revised`](crate::model::call::Revision).
//! - Ringing is emitted once a stage (menu, queue, phone), and again when another person is rung or the caller is known better.
//!   A call that is in no menu and shows no phone counts as ringing after [`Limits::ring_grace`]; one whose caller a system of
//!   whatever type has connected does not.
//! - Answered is emitted once for each person who has the call, one after the other.
//! - The report of a call is fetched once, however often GoTo announces it.
//! - A conversation between colleagues about a call is no call of its own, whether snapshots or only its report show it. One
//!   with an outside line is.
//! - The order of a conversation is that of `sequenceNumber`. Two snapshots with one number are both kept, and numbers that
//!   begin again continue the conversation.
//! - Every open call has a deadline, and memory is bounded: see [`Limits`].
//!
//! # Rejected
//! - *Folding each fact by itself as snapshots arrive.* Durations and "who was last with the caller" depend on neighbours. A
//!   call has some 40 snapshots: walking through all of them for each new one costs microseconds and has no order to get wrong.
//! - *Waiting for missing snapshots before ringing.* The ring is worth seconds. Holes are fetched, not waited for.
//! - *Closing silent calls by a guess.* A silent call is fetched at growing intervals, and then emitted with an unknown end.
//! - *Believing a summary.* `LEFT_DIAL_PLAN` stands on answered, missed and menu-only calls alike.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod describe;
mod direction;
mod ended;
mod ending;
mod facts;
mod folding;
mod from_report;
mod identity;
mod leg;
mod legs;
mod membership;
mod observation;
mod outcome;
mod parties;
mod position;
mod report_outcome;
mod reports;
mod ringing;
mod sequence;
mod talk_log;
#[cfg(test)]
mod tests;
mod timeline;
mod tracked_call;
mod tracker;
mod walk;

use crate::model::{
    call::{CallUpdate, StatesQuery},
    ids::ConversationSpaceId,
};
pub use from_report::{is_conclusive, proves_outcome, update_from_report};
use std::time::Duration;
pub use tracker::Tracker;

/// What the caller of the tracker does next, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all effects are updates, and none is kept")]
pub enum Effect {
    /// Post the update. A second [`Ringing`](crate::model::call::CallStatus::Ringing) of one call has a later stage or newer
    /// facts: it updates a card that is not posted yet, and may match a route that did not match before.
    Emit(CallUpdate),
    /// Fetch the snapshots of a live call that were not received (`conversation-spaces/{id}/events`), for
    /// [`Tracker::handle_snapshot`]. "Not found" is a normal answer: nothing is to be done then.
    FetchStates(StatesQuery),
    /// Fetch the full report of a call (`reports/{id}`), for [`Tracker::handle_report`]. "Not found" means that the call is
    /// not over, or that its report is not there yet: try again after 30, 60 and 60 s.
    FetchReport {
        /// The conversation.
        call: ConversationSpaceId,
    },
}

/// How long the tracker waits, and how much it keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// After how long a call that is in no menu and shows no phone is emitted as ringing. 3 s: the phone of a direct call
    /// rings 0.06 to 0.4 s after the call began.
    pub ring_grace: Duration,
    /// How long the first phone behind a menu or a queue waits for the others of its group. 60 ms: they begin to ring
    /// within 4 ms, and frames take 73 to 127 ms.
    pub group_grace: Duration,
    /// How long an outcome is held while a snapshot is missing that could show an answer. 100 s: the report is fetched at
    /// the end of the call, after 30 s and after 90 s.
    pub outcome_grace: Duration,
    /// How long a call stays open whose caller was seen leaving and whose end is missing. 5 s: the end has the same time.
    pub end_grace: Duration,
    /// After how much silence the report of an open call is fetched (its end may be lost), and again after twice that.
    /// 10 min: longer than a phone rings; a long talk costs a handful of requests.
    pub silence: Duration,
    /// After how much silence an unanswered call is closed with an unknown end. 1 h: no phone rings and no queue
    /// holds so long without a change, and GoTo was asked three times.
    pub given_up: Duration,
    /// The same of an answered call. 4 h: a talk makes no snapshots.
    pub stale: Duration,
    /// How long an ended call is kept, for doubles, late snapshots and its report. 20 min: the report comes minutes after
    /// the end.
    pub memory: Duration,
    /// Ended conversations kept at most; the oldest go first. 10,000: some 30 MB at the worst.
    pub ended: usize,
    /// Open calls at most. 10,000. Beyond, the call that is due next emits what it holds back and is dropped; its next
    /// snapshot opens it again.
    pub open: usize,
    /// Holes fetched per conversation at most. 4.
    pub fetches: u8,
    /// Snapshots fetched in one request at most, the newest of a hole. 100: the largest page of the call-events API.
    pub fetch_states: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ring_grace: Duration::from_secs(3),
            group_grace: Duration::from_millis(60),
            outcome_grace: Duration::from_secs(100),
            end_grace: Duration::from_secs(5),
            silence: Duration::from_secs(10 * 60),
            given_up: Duration::from_secs(60 * 60),
            stale: Duration::from_secs(4 * 60 * 60),
            memory: Duration::from_secs(20 * 60),
            ended: 10_000,
            open: 10_000,
            fetches: 4,
            fetch_states: 100,
        }
    }
}
