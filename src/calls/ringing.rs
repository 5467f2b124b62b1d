//! The updates of a call before its end: rings with their people, and answers. Decides no outcome.

use super::{Effect, Limits, tracked_call::TrackedCall};
use crate::model::{
    call::{Call, CallDirection, CallStatus, CallerPosition, Person, RingStage},
    time::{Now, Timestamp, elapsed},
};
use std::time::{Duration, Instant};

impl TrackedCall {
    /// Returns the time at which a call without a known phone is emitted nevertheless; `None` for a call in a menu or a
    /// queue.
    pub(super) fn ring_due(&self, limits: &Limits) -> Option<Instant> {
        let plain = self.facts.direction() == CallDirection::Inbound;
        self.unexplained_since.filter(|_| plain).map(|since| since + limits.ring_grace)
    }

    /// Returns whether the newest snapshot shows the position of the caller.
    pub(super) fn is_explained(&self) -> bool {
        if self.walk.unexplained {
            return false;
        }
        let stay = self.walk.last_stay().map(|stay| stay.position).unwrap_or_default();
        match stay {
            CallerPosition::Menu | CallerPosition::Queue | CallerPosition::Mailbox => self.walk.clear,
            CallerPosition::Hold | CallerPosition::Parked | CallerPosition::Transfer => true,
            CallerPosition::Phone | CallerPosition::Talk => true,
            CallerPosition::Unknown | CallerPosition::Ringing => false,
        }
    }

    /// Returns whether the call may ring: an outbound conversation does not ring before its far side takes part.
    pub(super) fn may_ring(&self) -> bool {
        self.facts.direction() == CallDirection::Inbound || self.walk.far_side
    }

    /// Returns the stage that may be emitted now.
    fn stage_due(&self, now: Instant, limits: &Limits) -> Option<RingStage> {
        let seen = self.walk.stage;
        if seen == Some(RingStage::Phone) {
            // Phones of a group begin to ring one after the other.
            let rung = self.last_ringing.as_ref().is_some_and(|rung| rung.course.stage == RingStage::Phone);
            let wait = if self.walk.in_system && !rung { limits.group_grace } else { Duration::ZERO };
            let due = self.phone_seen.is_none_or(|since| now >= since + wait);
            return (due || self.was_answered()).then_some(RingStage::Phone);
        }
        if self.ring_due(limits).is_some_and(|due| now >= due) {
            return Some(RingStage::Phone);
        }
        seen.map(|stage| stage.min(RingStage::Queue)).filter(|_| self.facts.direction() == CallDirection::Inbound)
    }

    pub(super) fn ring(&mut self, at: Timestamp, now: Now, limits: &Limits, out: &mut Vec<Effect>) {
        if !self.may_ring() {
            return;
        }
        let Some(stage) = self.stage_due(now.instant, limits) else { return };
        let talks_now = self.walk.talks.handing_over.as_ref().is_none_or(|it| it.to.is_empty()) && self.was_answered();
        let first = self.last_ringing.as_ref().is_none_or(|rung| rung.course.stage < stage);
        let is_news = self.last_ringing.as_ref().is_some_and(|rung| is_news(rung, &self.call)) && !talks_now;
        if first || is_news {
            if stage == RingStage::Phone && self.walk.ringing.is_empty() && self.call.people.is_empty() {
                // It stopped while the others of its group were waited for.
                self.call.people = self.facts.rung(&self.walk);
            }
            self.call.course.stage = stage;
            out.push(self.update(CallStatus::Ringing, at));
            self.last_ringing = Some(Box::new(self.call.clone()));
        }
    }

    /// Emits an answer: first of the person who answered, then of each person to whom the call was handed on.
    pub(super) fn answer(&mut self, out: &mut Vec<Effect>) {
        let Some((_, first)) = self.walk.talks.answer() else { return };
        if self.last_ringing.is_none() {
            return;
        }
        let handed = self.walk.talks.handed.last();
        let (by, at) = handed.map_or((first.with, first.since), |handed| (handed.to, handed.at));
        let count = self.walk.talks.handed.len();
        let by = match self.facts.direction() {
            CallDirection::Outbound => self.facts.parties.person(by).or_else(|| self.facts.parties.person(first.with)),
            CallDirection::Inbound | CallDirection::Internal => self.facts.parties.person(by),
        };
        let by = by.cloned().unwrap_or(Person { name: None, extension: None, line: None });
        if self.answered_by.as_ref().is_some_and(|(known, counted)| *known == by && *counted == count) {
            return;
        }
        let after = first.waited.unwrap_or_else(|| elapsed(self.facts.started(), first.since));
        self.answered_by = Some((by.clone(), count));
        out.push(self.update(CallStatus::Answered { answered_by: by, waited: after }, at));
    }
}

/// Returns whether a ring has more facts than the last one: the caller, a queue, or another ringing person. Phones that stop
/// are no news. After the first phone, a queue is news when the phones of that queue ring.
fn is_news(rung: &Call, call: &Call) -> bool {
    rung.caller != call.caller
        || rung.account_number != call.account_number
        || rung.queues != call.queues && (rung.course.stage < RingStage::Phone || !call.people.is_empty())
        || rung.course.forwarded_to != call.course.forwarded_to
        || handed_on(rung) != handed_on(call) && !call.people.is_empty()
        || call.people.iter().any(|person| !rung.people.contains(person))
}

fn handed_on(call: &Call) -> Option<Timestamp> {
    call.course.handed_on.as_ref().map(|handed_on| handed_on.at)
}
