//! The final status of a call: the time of its emission, and later completions or corrections. `outcome` decides how a call
//! ended.

use super::{
    Effect, Limits,
    outcome::{self, Outcome},
    tracked_call::TrackedCall,
};
use crate::model::{
    call::{CallDirection, CallStatus, CallUpdate},
    time::{Now, Timestamp},
};
use std::time::Duration;

impl TrackedCall {
    /// Emits the final status, unless it is held back for a snapshot or a report that may still come. Returns whether the
    /// call is finished.
    pub(super) fn finish(&mut self, at: Timestamp, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let conclusive = self.legs.are_conclusive();
        let mut call = self.call.clone();
        let outcome = outcome::conclude(&self.facts, &self.walk, at, conclusive, &mut call);
        if !conclusive && self.held_until.is_none() {
            self.fetch_reports(out);
            self.held_until = Some(now.instant + limits.outcome_grace);
        }
        // An answer is certain even if snapshots are missing; every other outcome waits for the report.
        let certain = conclusive
            || matches!(&outcome, Outcome::Known(CallStatus::Ended { .. }))
                && self.was_answered()
                && !outcome::seems_left_waiting(&self.facts, &self.walk, at, &self.call);
        if !certain && self.held_until.is_some_and(|until| now.instant < until) {
            return false;
        }
        self.held_until = None;
        let status = match outcome {
            Outcome::Known(status) => status,
            Outcome::Unknown => {
                call.end_unknown = true;
                CallStatus::Ended { talk_time: None }
            }
            Outcome::Nothing => return true,
        };
        self.call = call;
        out.push(self.update(status.clone(), at));
        self.final_status = Some(Box::new((status, self.call.clone())));
        true
    }

    /// Returns the final status of a call whose full report was folded; `None` if there is nothing to report.
    pub(super) fn final_update(mut self, at: Timestamp) -> Option<CallUpdate> {
        if self.is_consultation() {
            return None;
        }
        let outcome = outcome::conclude(&self.facts, &self.walk, at, self.legs.are_conclusive(), &mut self.call);
        let (status, lost) = match outcome {
            Outcome::Known(status) => (status, false),
            Outcome::Unknown => (CallStatus::Ended { talk_time: None }, true),
            Outcome::Nothing => return None,
        };
        (self.call.first_seen_late, self.call.end_unknown) = (true, lost);
        Some(CallUpdate { call: self.call, status, at })
    }

    /// Returns whether the call is a consultation between colleagues: linked to a call, and without a party that was put on
    /// hold or handed on.
    fn is_consultation(&self) -> bool {
        self.facts.direction() == CallDirection::Internal
            && self.legs.linked_ids().next().is_some()
            && !self.walk.transferred
    }

    /// Completes the end of a call that was over and then continued in another conversation. Until then nothing is emitted: a
    /// card never returns from an end.
    pub(super) fn finish_again(&mut self, out: &mut Vec<Effect>) -> bool {
        self.revise(true, out);
        true
    }

    /// Emits a better final status, if the facts received since the first one give one.
    pub(super) fn revise(&mut self, certain: bool, out: &mut Vec<Effect>) {
        if !self.legs.are_over() {
            return;
        }
        let at = self.facts.last;
        let mut call = self.call.clone();
        let outcome = outcome::conclude(&self.facts, &self.walk, at, self.legs.are_conclusive(), &mut call);
        let (status, lost) = match outcome {
            Outcome::Known(status) => (status, false),
            Outcome::Unknown => (CallStatus::Ended { talk_time: None }, true),
            Outcome::Nothing => return,
        };
        call.end_unknown = lost;
        call.revision = match self.final_status.as_deref() {
            // An answer that a snapshot shows is a person's: the correction is allowed.
            Some((was, old)) => {
                match outcome::revision((was, old), (&status, &call), certain && !self.was_answered()) {
                    Some(revised) => Some(revised),
                    None => return,
                }
            }
            // No final status was emitted, because facts were missing.
            None if lost => return,
            None => None,
        };
        self.call = call;
        out.push(self.update(status.clone(), at));
        self.final_status = Some(Box::new((status, self.call.clone())));
    }

    /// Completes a message of unknown length.
    pub(super) fn voicemail(&mut self, length: Duration, out: &mut Vec<Effect>) {
        let Some((CallStatus::Voicemail { duration: None }, _)) = self.final_status.as_deref() else { return };
        let status = CallStatus::Voicemail { duration: Some(length) };
        let mailbox = self.call.course.mailbox.get_or_insert_default();
        (mailbox.message, mailbox.length) = (Some(true), Some(length));
        self.call.revision = Some(crate::model::call::Revision::Completed);
        out.push(self.update(status.clone(), self.facts.last));
        self.final_status = Some(Box::new((status, self.call.clone())));
    }

    /// Emits that the end is unknown, as of the last snapshot.
    pub(super) fn abandon(&mut self, out: &mut Vec<Effect>) {
        // A final status that was emitted is not withdrawn.
        if self.final_status.is_some() || self.last_ringing.is_none() {
            return;
        }
        self.facts.fill(&self.walk, None, &mut self.call);
        if self.was_answered() {
            self.call.people = self.facts.talkers(&self.walk);
        }
        self.call.end_unknown = true;
        out.push(self.update(CallStatus::Ended { talk_time: None }, self.facts.last));
    }
}
