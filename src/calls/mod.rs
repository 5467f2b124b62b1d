//! Call tracking: snapshots and reports in, call updates and fetches out. Pure: no I/O, no clock, no randomness. The caller
//! of [`Tracker`] carries out its [`Effect`]s and wakes it at its next deadline.
//!
//! # Problem
//! GoTo pushes whole snapshots of a call, numbered from 1, over two lanes: doubled, sometimes late, sometimes not at all.
//! Several share a millisecond, and the last one is empty. Most inbound calls are in a menu for up to a minute before a phone
//! rings. The team needs one ring card when a phone rings, with the ringing people, and one true outcome. A chat webhook
//! cannot edit, and a false "missed" is worse than no card.
//!
//! # Structure
//! - `sequence` records the received snapshots of one conversation, and the holes; `leg` is that conversation, `legs` all
//!   conversations of a call.
//! - `observation` reduces one snapshot to the states of its parties. `parties` has each person once, by line. `timeline`
//!   keeps the observations in order of `sequenceNumber`, not of arrival.
//! - `walk` goes through the timeline from its beginning and adds up the course of the call; `talk_log` is its part about the
//!   talks. Live snapshots and the `callStates` of a report take the same path, so that both give the same result.
//! - `facts` joins the course with the caller; `describe` writes it into the [`Call`](crate::model::call::Call) that is
//!   emitted.
//! - `outcome` decides how a call ended, from the walk, a summary and a full report.
//! - `tracked_call` is one call: the emitted updates, the updates that are due, and the time for which each may be held back.
//!   `folding` adds snapshots and reports to it. `ringing` is its part before the end, `ending` its part about the end.
//! - `tracker` is the map of all calls, its bounds and its deadlines. `membership` decides which conversation belongs to
//!   which call, `reports` which report. `ended` has the calls that ended recently.
//!
//! # Invariants
//! - Answered means: in one snapshot the caller and a colleague (or an outside line that a plan dialled) are both CONNECTED.
//!   Nothing else counts: neither a menu, nor `callAnswered`, nor a phone that stops ringing.
//! - A call is emitted as missed only if no snapshot is missing that could show an answer, or if a report proves it.
//!   Otherwise the full report is fetched. Without a report the outcome is emitted as unknown.
//! - A report never removes an answer that a snapshot showed.
//! - After a final status (missed, voicemail, ended) only a better one is emitted, marked as
//!   [`Revised`](crate::model::call::Revision).
//! - Ringing is emitted once for each stage (menu, queue, phone), and again for another ringing person or a better known
//!   caller. A call that is in no menu and shows no phone counts as ringing after [`Limits::ring_grace`]. A call whose caller
//!   is connected to a system of a known type does not.
//! - Answered is emitted once for each person who has the call, one after the other.
//! - The report of a call is fetched once, however often GoTo announces it.
//! - A conversation between colleagues about a call is not a separate call, whether snapshots or only its report show it. A
//!   conversation with an outside line is.
//! - The order of a conversation is that of `sequenceNumber`. Two snapshots with one number are both kept, and numbers that
//!   begin again continue the conversation.
//! - Every open call has a deadline, and memory is bounded: see [`Limits`].
//!
//! # Rejected
//! - *Folding each fact separately as snapshots arrive.* Durations and the last partner of the caller depend on neighbours. A
//!   call has some 40 snapshots: walking through all of them for each new one costs microseconds and has no order to get
//!   wrong.
//! - *Waiting for missing snapshots before ringing.* The ring is worth seconds. Holes are fetched, not waited for.
//! - *Closing silent calls by a guess.* A silent call is fetched at growing intervals, and then emitted with an unknown end.
//! - *Trusting a summary.* `LEFT_DIAL_PLAN` occurs on answered, missed and menu-only calls alike.
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

/// Action for the caller of the tracker. Effects are carried out in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all effects are updates, and none is kept")]
pub enum Effect {
    /// Post the update. A second [`Ringing`](crate::model::call::CallStatus::Ringing) of one call has a later stage or newer
    /// facts. Such a ring updates a card that is not posted yet, and may match another route.
    Emit(CallUpdate),
    /// Fetch the snapshots of a live call that were not received (`conversation-spaces/{id}/events`), for
    /// [`Tracker::handle_snapshot`]. "Not found" is a normal answer and needs no action.
    FetchStates(StatesQuery),
    /// Fetch the full report of a call (`reports/{id}`), for [`Tracker::handle_report`]. "Not found" means that the call is
    /// not over, or that its report does not exist yet. Retry after 30, 60 and 60 s.
    FetchReport {
        /// The conversation.
        call: ConversationSpaceId,
    },
}

/// Waits of the tracker, and bounds of its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time after which a call that is in no menu and shows no phone is emitted as ringing. The value is 3 s: the phone of a
    /// direct call rings 0.06 to 0.4 s after the call began.
    pub ring_grace: Duration,
    /// Time for which the first phone behind a menu or a queue waits for the others of its group. The value is 60 ms: they
    /// begin to ring within 4 ms, and frames take 73 to 127 ms.
    pub group_grace: Duration,
    /// Time for which an outcome is held while a snapshot is missing that could show an answer. The value is 100 s: the
    /// report is fetched at the end of the call, after 30 s and after 90 s.
    pub outcome_grace: Duration,
    /// Time for which a call stays open whose caller has left and whose end is missing. 5 s: the end has the same time.
    pub end_grace: Duration,
    /// Silence after which the report of an open call is fetched (its end may be lost), and again after twice that. The
    /// value is 10 min, longer than a phone rings; a long talk costs a handful of requests.
    pub silence: Duration,
    /// Silence after which an unanswered call is closed with an unknown end. The value is 1 h: no phone rings and no queue
    /// lasts so long without a change, and GoTo was queried three times.
    pub given_up: Duration,
    /// Silence after which an answered call is closed. 4 h: a talk makes no snapshots.
    pub stale: Duration,
    /// Time for which an ended call is kept, for duplicates, late snapshots and its report. 20 min: the report comes minutes
    /// after the end.
    pub memory: Duration,
    /// Most ended conversations; the oldest are dropped first. 10,000: two ids each.
    pub ended: usize,
    /// Most ended calls whose facts are kept, so that a report can correct them; the oldest are dropped first. The limit is
    /// 500, of some 20 KB each: a team of 1,500 calls an hour has all of its last 20 minutes. Reports come within three
    /// minutes, which covers 10,000 calls an hour.
    pub ended_facts: usize,
    /// Most older calls whose facts are kept because snapshots are missing: their report can change the outcome, and comes
    /// late when GoTo was away. The limit is 5,000: two minutes at 40 calls/s, which no team has. Some 100 MB at most.
    pub incomplete_facts: usize,
    /// Most open calls. 10,000. Beyond, the call that is due next emits the update that it holds back and is dropped. Its
    /// next snapshot opens it again.
    pub open: usize,
    /// Most holes fetched per conversation. 4.
    pub fetches: u8,
    /// Most snapshots fetched in one request, the newest of a hole. 100: the largest page of the call-events API.
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
            ended_facts: 500,
            incomplete_facts: 5_000,
            open: 10_000,
            fetches: 4,
            fetch_states: 100,
        }
    }
}
