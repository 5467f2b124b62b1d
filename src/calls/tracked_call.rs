//! One call: the emitted updates, the updates that are due, and how long each may be held back. One call may have several
//! linked conversations (legs), which share their facts. The call is over when all of them are.

use super::{
    Effect, Limits, direction::direction_of, facts::Facts, identity::caller, legs::Legs, parties::is_same_person,
    walk::Walk,
};
use crate::model::{
    call::{
        Call, CallDirection, CallSnapshot, CallStatus, CallUpdate, Caller, CallerPosition, Person, Phase, Report,
        RingStage, WireDirection,
    },
    ids::{ConversationSpaceId, ParticipantId},
    phone::PhoneNumber,
    time::{Now, Timestamp},
};
use std::time::{Duration, Instant};

/// An open or ended call.
#[derive(Debug, Clone)]
pub(super) struct TrackedCall {
    pub(super) call: Call,
    pub(super) facts: Facts,
    pub(super) walk: Walk,
    pub(super) legs: Legs,
    /// Whether a snapshot was folded.
    begun: bool,
    pub(super) first_seen: Instant,
    pub(super) last_seen: Instant,
    /// Time of the first snapshot with a ringing phone.
    pub(super) phone_seen: Option<Instant>,
    /// Time since which the position of the caller is unknown.
    pub(super) unexplained_since: Option<Instant>,
    /// Silence after which the report is fetched.
    pub(super) report_after: Duration,
    /// The content of the newest ring, until a person answers.
    pub(super) last_ringing: Option<Box<Call>>,
    /// The person of the newest answer, and the number of hand-overs at that time.
    pub(super) answered_by: Option<(Person, usize)>,
    /// The final status after its emission, with the call at that time.
    pub(super) final_status: Option<Box<(CallStatus, Call)>>,
    /// Time until which an outcome is held back.
    pub(super) held_until: Option<Instant>,
}

impl TrackedCall {
    /// Creates a call whose first snapshot is `event`, which is still to be applied.
    pub(super) fn new(event: &CallSnapshot, now: Now, limits: &Limits) -> Self {
        let facts = Facts::new(event, now.timestamp);
        Self {
            call: Call {
                first_seen_late: event.state.sequence > 1 && event.state.phase != Phase::Starting,
                ..Call::new(
                    event.call.clone(),
                    event.connection.clone(),
                    event.account.clone(),
                    event.region,
                    Caller { name: None, number: PhoneNumber::Withheld },
                    facts.started(),
                )
            },
            facts,
            walk: Walk::default(),
            legs: Legs::default(),
            begun: false,
            first_seen: now.instant,
            last_seen: now.instant,
            phone_seen: None,
            unexplained_since: None,
            report_after: limits.silence,
            last_ringing: None,
            answered_by: None,
            final_status: None,
            held_until: None,
        }
    }

    /// Returns the id of the call: that of its first conversation.
    pub(super) fn id(&self) -> &ConversationSpaceId {
        &self.call.id
    }

    /// Returns the conversations of the call.
    pub(super) fn legs(&self) -> &Legs {
        &self.legs
    }

    /// Returns whether the conversation of `event`, which is linked to this call, is part of it.
    pub(super) fn accepts(&self, event: &CallSnapshot) -> bool {
        let theirs = caller(&event.state.participants).map(|(_, caller)| caller);
        // An end alone names no caller, and may be of anybody's call.
        if event.state.participants.is_empty() || self.facts.is_end_alone() {
            return false;
        }
        let same_way = direction_of(event).is_none_or(|(_, direction)| direction == self.facts.direction());
        // A colleague who consults another one has a conversation without the caller.
        let inbound = self.facts.direction() == CallDirection::Inbound;
        self.legs.has_room(1)
            && self.facts.is_same_caller(theirs)
            && (same_way && (inbound || theirs.is_some()) || theirs.is_some())
    }

    /// Returns whether the report of a conversation, which is at least linked to this call, is part of it.
    pub(super) fn accepts_report(&self, report: &Report) -> bool {
        let first = report.full.as_ref().and_then(|full| full.snapshots.first());
        let fits = || match first {
            Some(first) => self.accepts(first),
            None => report.direction == WireDirection::Inbound && self.facts.is_same_caller(report.caller.as_ref()),
        };
        // Who calls is not known of a call whose end alone was received.
        self.legs.has(&report.call) || self.facts.caller().is_some() && fits()
    }

    /// Returns whether `other`, which is linked to this call, is the same call.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.facts.direction() == CallDirection::Inbound
            && other.facts.direction() == CallDirection::Inbound
            && self.legs.has_room(other.legs.len())
            && !self.facts.is_end_alone()
            && !other.facts.is_end_alone()
            && self.facts.is_same_caller(other.facts.caller())
    }

    /// Returns whether the call has only colleagues, or one who has not called yet.
    pub(super) fn is_staff_only(&self) -> bool {
        match self.facts.direction() {
            CallDirection::Inbound => false,
            CallDirection::Outbound => !self.walk.far_side,
            CallDirection::Internal => true,
        }
    }

    /// Returns whether no update of the call was emitted.
    pub(super) const fn is_silent(&self) -> bool {
        self.last_ringing.is_none() && self.final_status.is_none()
    }

    /// Returns whether a participant with one of these ids takes part.
    pub(super) fn has_participant(&self, ids: &[&ParticipantId]) -> bool {
        ids.iter().any(|id| self.facts.parties.has(id))
    }

    /// Returns whether `person` has the caller of this call now. A call of that person to a colleague is then a consultation.
    pub(super) fn is_held_by(&self, person: &Person) -> bool {
        let with = |id: &_| self.facts.parties.person(*id).is_some_and(|known| is_same_person(known, person));
        let stay = self.walk.last_stay().map(|stay| stay.position);
        let holds = matches!(stay, Some(CallerPosition::Talk | CallerPosition::Hold | CallerPosition::Transfer));
        !self.legs.are_over()
            && self.facts.direction() != CallDirection::Internal
            && holds
            && self.walk.connected.iter().any(with)
    }

    /// Merges two calls, under the id of the one that rang, or else of this one.
    pub(super) fn merge(mut self, other: Self) -> Self {
        if self.last_ringing.is_none() && other.last_ringing.is_some() {
            return other.merge(self);
        }
        let legs = self.legs.join(other.legs);
        self.facts.join(other.facts, legs);
        self.walk = self.facts.walk(&self.legs);
        self.answered_by = self.answered_by.or(other.answered_by);
        self.phone_seen = self.phone_seen.into_iter().chain(other.phone_seen).min();
        self.unexplained_since = self.unexplained_since.into_iter().chain(other.unexplained_since).min();
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self
    }

    /// Returns whether a person has answered, as far as is known.
    pub(super) fn was_answered(&self) -> bool {
        self.walk.talks.answer().is_some()
    }

    /// Folds a snapshot. Returns whether it was new; [`Self::emit_due`] decides the updates that follow.
    pub(super) fn apply(&mut self, event: &CallSnapshot, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let is_new = self.fold(event, now, limits, out);
        if is_new {
            self.walk_again(now);
        }
        is_new
    }

    pub(super) fn walk_again(&mut self, now: Now) {
        self.walk = self.facts.walk(&self.legs);
        if self.walk.stage == Some(RingStage::Phone) {
            self.phone_seen.get_or_insert(now.instant);
        }
        self.unexplained_since = (!self.is_explained()).then(|| self.unexplained_since.unwrap_or(now.instant));
        if !std::mem::replace(&mut self.begun, true) {
            // A call that is first received in a menu rings in time, even if snapshots of the menu were missed.
            self.call.first_seen_late &= self.walk.stage == Some(RingStage::Phone) || self.was_answered();
        }
    }

    /// Records that GoTo has the report of one of the conversations. Returns whether the report is to be fetched.
    pub(super) fn announce_report(&mut self, id: &ConversationSpaceId) -> bool {
        self.legs.announce(id)
    }

    /// Returns whether no snapshot was missing.
    pub(super) fn is_conclusive(&self) -> bool {
        self.legs.are_conclusive()
    }

    /// Emits the known facts that were not emitted before. Returns whether this was the final status.
    pub(super) fn emit_due(&mut self, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let at = self.facts.last;
        if self.walk.leaving && now.instant >= self.last_seen + limits.end_grace {
            self.legs.close();
        }
        if self.legs.are_over() {
            return if self.final_status.is_some() {
                self.finish_again(out)
            } else {
                self.finish(at, now, limits, out)
            };
        }
        self.held_until = None;
        self.facts.fill(&self.walk, None, &mut self.call);
        if self.final_status.is_some() {
            return false;
        }
        self.ring(at, now, limits, out);
        self.answer(out);
        false
    }

    pub(super) fn update(&self, status: CallStatus, at: Timestamp) -> Effect {
        Effect::Emit(CallUpdate { call: self.call.clone(), status, at })
    }

    /// Fetches the reports of the conversations without a full report.
    pub(super) fn fetch_reports(&self, out: &mut Vec<Effect>) {
        out.extend(self.legs.unreported().map(|leg| Effect::FetchReport { call: leg.clone() }));
    }

    /// Returns the silence after which the call is abandoned.
    fn max_silence(&self, limits: &Limits) -> Duration {
        if self.was_answered() { limits.stale } else { limits.given_up }
    }

    /// Returns the time at which [`Self::emit_due`] or [`Self::give_up_if_silent`] is due.
    pub(super) fn due(&self, limits: &Limits) -> Instant {
        let silence = self.last_seen + self.report_after.min(self.max_silence(limits));
        if let Some(until) = self.held_until {
            return until;
        }
        if self.walk.leaving {
            return self.last_seen + limits.end_grace;
        }
        let rung = self.last_ringing.as_ref().map(|rung| rung.course.stage);
        if self.final_status.is_some() || rung == Some(RingStage::Phone) {
            return silence;
        }
        let ring = match (self.walk.stage, self.phone_seen) {
            (Some(RingStage::Phone), Some(since)) => Some(since + limits.group_grace),
            _ => self.ring_due(limits),
        };
        silence.min(ring.filter(|_| self.may_ring()).unwrap_or(silence))
    }

    /// Fetches the report of a call that is silent after its due time, and abandons it in the end. Returns whether the call
    /// was abandoned.
    pub(super) fn give_up_if_silent(&mut self, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let silent = now.instant.saturating_duration_since(self.last_seen);
        let most = self.max_silence(limits);
        if silent >= most {
            self.abandon(out);
            return true;
        }
        if silent >= self.report_after {
            self.fetch_reports(out);
            while self.report_after <= silent {
                self.report_after = self.report_after.saturating_mul(2).min(most);
            }
        }
        false
    }
}
