//! One call: what was emitted of it, what may be emitted now, and how long that may be held back. One call may be several
//! linked conversations (legs), which share their facts; it is over when all of them are.

use super::{
    Effect, Limits,
    direction::direction_of,
    facts::Facts,
    identity::caller,
    leg::Receipt,
    legs::Legs,
    outcome::{self, Outcome},
    parties::is_same_person,
    walk::Walk,
};
use crate::model::{
    call::{Bound, Call, CallEvent, Caller, CallerPosition, Course, Moment, Person, Phase, Report, RingStage, Telling},
    ids::{ConversationSpaceId, ParticipantId},
    phone::Number,
    time::{Now, Timestamp, elapsed},
};
use std::time::{Duration, Instant};

/// One call under way.
#[derive(Debug, Clone)]
pub(super) struct TrackedCall {
    call: Call,
    facts: Facts,
    walk: Walk,
    legs: Legs,
    /// A snapshot was folded.
    begun: bool,
    first_seen: Instant,
    last_seen: Instant,
    /// When the first phone was seen to ring.
    phone_seen: Option<Instant>,
    /// How much silence until the report is fetched.
    report_after: Duration,
    /// What the newest ring says, until a person answers.
    last_ringing: Option<Call>,
    /// Whom the newest answer names, and the talks it counted.
    answered_by: Option<(Person, usize)>,
    /// The final status, once it is emitted, with the call as it was then.
    final_status: Option<(Moment, Call)>,
    /// It is over and nothing of it is emitted.
    silent: bool,
    /// Until when an outcome is held back.
    held_until: Option<Instant>,
}

impl TrackedCall {
    /// A call whose first snapshot is `event`, which is still to be applied.
    pub(super) fn new(event: &CallEvent, now: Now, limits: &Limits) -> Self {
        let facts = Facts::new(event, now.clock);
        Self {
            call: Call {
                id: event.call.clone(),
                connection: event.connection.clone(),
                region: event.region,
                account: event.account.clone(),
                bound: Bound::Inbound,
                caller: Caller { name: None, number: Number::Withheld },
                ours: None,
                queues: Vec::new(),
                people: Vec::new(),
                transfers: Vec::new(),
                answered: None,
                queued: None,
                started: facts.started(),
                late: event.state.sequence > 1 && event.state.phase != Phase::Starting,
                lost: false,
                revised: None,
                course: Course::default(),
            },
            facts,
            walk: Walk::default(),
            legs: Legs::default(),
            begun: false,
            first_seen: now.tick,
            last_seen: now.tick,
            phone_seen: None,
            report_after: limits.silence,
            last_ringing: None,
            answered_by: None,
            final_status: None,
            silent: false,
            held_until: None,
        }
    }

    /// The id of the call: that of its first conversation.
    pub(super) fn id(&self) -> &ConversationSpaceId {
        &self.call.id
    }

    /// Its conversations.
    pub(super) fn legs(&self) -> &Legs {
        &self.legs
    }

    /// Whether the conversation of `event`, which is linked to this call, is part of it.
    pub(super) fn accepts(&self, event: &CallEvent) -> bool {
        let theirs = caller(&event.state.participants).map(|(_, caller)| caller);
        let same_way = direction_of(event).is_none_or(|(_, direction)| direction == self.facts.direction());
        // A colleague who consults another one has a conversation without the caller.
        let inbound = self.facts.direction() == Bound::Inbound;
        self.legs.has_room(1)
            && self.facts.is_same_caller(theirs)
            && (same_way && (inbound || theirs.is_some()) || theirs.is_some())
    }

    /// Whether `other`, which is linked to this call, is the same call.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.facts.direction() == Bound::Inbound
            && other.facts.direction() == Bound::Inbound
            && self.legs.has_room(other.legs.len())
            && self.facts.is_same_caller(other.facts.caller())
    }

    /// Whether it is a conversation of colleagues, or of one who has called nobody yet.
    pub(super) fn is_staff_only(&self) -> bool {
        match self.facts.direction() {
            Bound::Inbound => false,
            Bound::Outbound => !self.walk.far_side,
            Bound::Internal => true,
        }
    }

    /// Whether a participant with one of these ids takes part.
    pub(super) fn has_participant(&self, ids: &[&ParticipantId]) -> bool {
        ids.iter().any(|id| self.facts.parties.has(id))
    }

    /// Whether `person` has the caller of this call now, so that a call of theirs to a colleague is a consultation.
    pub(super) fn is_held_by(&self, person: &Person) -> bool {
        let with = |id: &_| self.facts.parties.person(*id).is_some_and(|known| is_same_person(known, person));
        let stay = self.walk.last_stay().map(|stay| stay.position);
        let holds = matches!(stay, Some(CallerPosition::Talk | CallerPosition::Hold | CallerPosition::Transfer));
        !self.legs.are_over() && self.facts.direction() != Bound::Internal && holds && self.walk.connected.iter().any(with)
    }

    /// The two as one, under the id of the one that rang, or else of this one.
    pub(super) fn merge(mut self, other: Self) -> Self {
        if self.last_ringing.is_none() && other.last_ringing.is_some() {
            return other.merge(self);
        }
        let legs = self.legs.join(other.legs);
        self.facts.join(other.facts, legs);
        self.walk = self.facts.walk(&self.legs);
        self.answered_by = self.answered_by.or(other.answered_by);
        self.phone_seen = self.phone_seen.into_iter().chain(other.phone_seen).min();
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self
    }

    /// Whether a person is known to have answered.
    pub(super) fn was_answered(&self) -> bool {
        self.walk.talks.answer().is_some()
    }

    /// Folds a snapshot. Returns whether it was new; [`Self::emit_due`] decides what follows from it.
    pub(super) fn apply(&mut self, event: &CallEvent, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let recorded = self.legs.record(event, limits.fetches);
        if recorded.receipt == Receipt::Known {
            return false;
        }
        if let Some((from, to)) = recorded.hole {
            out.push(Effect::FetchStates {
                connection: self.call.connection.clone(),
                account: self.call.account.clone(),
                call: event.call.clone(),
                from: from.max(to.saturating_sub(limits.fetch_states.saturating_sub(1))),
                to,
            });
        }
        self.last_seen = now.tick;
        self.report_after = limits.silence;
        self.facts.fold(recorded.leg, event, now.clock);
        self.walk = self.facts.walk(&self.legs);
        if self.walk.stage == Some(RingStage::Phone) {
            self.phone_seen.get_or_insert(now.tick);
        }
        if !std::mem::replace(&mut self.begun, true) {
            // A call first seen in a menu rings in time, whatever of the menu was missed.
            self.call.late &= self.walk.stage == Some(RingStage::Phone);
        }
        true
    }

    /// Folds the report of one of its conversations, which is then over.
    pub(super) fn apply_report(&mut self, report: &Report, now: Now, limits: &Limits) {
        let snapshots = report.full.as_ref().map_or(&[][..], |full| &full.snapshots);
        // What the report's snapshots leave open nobody will ever know: no fetch follows from them.
        let mut ignored = Vec::new();
        for snapshot in snapshots.iter().filter(|snapshot| snapshot.call == report.call) {
            self.apply(snapshot, now, limits, &mut ignored);
        }
        self.legs.report(&report.call, !snapshots.is_empty());
        self.facts.fold_report(report, now.clock);
        self.walk = self.facts.walk(&self.legs);
    }

    /// GoTo has the report of one of its conversations. Returns whether it is to be fetched.
    pub(super) fn announce_report(&mut self, id: &ConversationSpaceId) -> bool {
        self.legs.announce(id)
    }

    /// Emits a better final status, if what was received since the first makes one.
    pub(super) fn revise(&mut self, certain: bool, now: Now, out: &mut Vec<Effect>) {
        if !self.legs.are_over() {
            return;
        }
        let at = self.facts.last.min(now.clock);
        let mut call = self.call.clone();
        let outcome = outcome::conclude(&self.facts, &self.walk, at, self.legs.are_conclusive(), &mut call);
        let (moment, lost) = match outcome {
            Outcome::Known(moment) => (moment, false),
            Outcome::Unknown => (Moment::Ended { lasted: None }, true),
            Outcome::Nothing => return,
        };
        call.lost = lost;
        call.revised = match &self.final_status {
            Some((was, old)) => match outcome::revision((was, old), (&moment, &call), certain) {
                Some(revised) => Some(revised),
                None => return,
            },
            // It was silent for want of facts.
            None if lost => return,
            None => None,
        };
        self.call = call;
        self.silent = false;
        out.push(self.update(moment.clone(), at));
        self.final_status = Some((moment, self.call.clone()));
    }

    /// Completes a message of unknown length.
    pub(super) fn voicemail(&mut self, length: Duration, out: &mut Vec<Effect>) {
        let Some((Moment::Voicemail { length: None }, _)) = self.final_status else { return };
        let moment = Moment::Voicemail { length: Some(length) };
        let mailbox = self.call.course.mailbox.get_or_insert_default();
        (mailbox.message, mailbox.length) = (Some(true), Some(length));
        self.call.revised = Some(crate::model::call::Revised::Completed);
        out.push(self.update(moment.clone(), self.facts.last));
        self.final_status = Some((moment, self.call.clone()));
    }

    /// Whether no snapshot was missing.
    pub(super) fn is_conclusive(&self) -> bool {
        self.legs.are_conclusive()
    }

    /// When a call without a known phone is emitted all the same; `None` for one that is in a menu or a queue.
    fn ring_due(&self, limits: &Limits) -> Option<Instant> {
        let stay = self.walk.last_stay().map(|stay| stay.position).unwrap_or_default();
        let explained = match stay {
            CallerPosition::Menu | CallerPosition::Queue | CallerPosition::Mailbox => self.walk.understood,
            CallerPosition::Hold | CallerPosition::Parked | CallerPosition::Transfer => true,
            CallerPosition::Phone | CallerPosition::Talk => true,
            CallerPosition::Unknown | CallerPosition::Ringing => false,
        };
        let plain = self.facts.direction() == Bound::Inbound;
        (plain && !explained).then(|| self.first_seen + limits.ring_grace)
    }

    /// An outbound conversation rings nobody before its far side takes part.
    fn may_ring(&self) -> bool {
        self.facts.direction() == Bound::Inbound || self.walk.far_side
    }

    /// The stage that may be emitted now.
    fn stage_due(&self, now: Instant, limits: &Limits) -> Option<RingStage> {
        let seen = self.walk.stage;
        if seen == Some(RingStage::Phone) {
            // Phones of a group begin to ring one after the other.
            let wait = if self.walk.in_system { limits.group_grace } else { Duration::ZERO };
            let due = self.phone_seen.is_none_or(|since| now >= since + wait);
            return (due || self.was_answered()).then_some(RingStage::Phone);
        }
        if self.ring_due(limits).is_some_and(|due| now >= due) {
            return Some(RingStage::Phone);
        }
        seen.map(|stage| stage.min(RingStage::Queue)).filter(|_| self.facts.direction() == Bound::Inbound)
    }

    /// Emits what is known now and was not emitted. Returns whether that was the final status.
    pub(super) fn emit_due(&mut self, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let at = self.facts.last;
        if self.walk.leaving && now.tick >= self.last_seen + limits.end_grace {
            self.legs.close();
        }
        if self.legs.are_over() {
            return if self.final_status.is_some() { self.finish_again(now, out) } else { self.finish(at, now, limits, out) };
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

    fn ring(&mut self, at: Timestamp, now: Now, limits: &Limits, out: &mut Vec<Effect>) {
        if !self.may_ring() {
            return;
        }
        let Some(stage) = self.stage_due(now.tick, limits) else { return };
        let talks_now = self.walk.talks.handing_over.as_ref().is_none_or(|it| it.to.is_empty()) && self.was_answered();
        let first = self.last_ringing.as_ref().is_none_or(|rung| rung.course.stage < stage);
        let is_news = self.last_ringing.as_ref().is_some_and(|rung| is_news(rung, &self.call)) && !talks_now;
        if first || is_news {
            self.call.course.stage = stage;
            out.push(self.update(Moment::Ringing, at));
            self.last_ringing = Some(self.call.clone());
        }
    }

    /// Emits who has the call: who answered it first, then each to whom it was handed on.
    fn answer(&mut self, out: &mut Vec<Effect>) {
        let Some((_, first)) = self.walk.talks.answer() else { return };
        if self.last_ringing.is_none() {
            return;
        }
        let handed = self.walk.talks.handed.last();
        let (by, at) = handed.map_or((first.with, first.since), |handed| (handed.to, handed.at));
        let count = self.walk.talks.handed.len();
        let by = match self.facts.direction() {
            Bound::Outbound => self.facts.parties.person(by).or_else(|| self.facts.parties.person(first.with)),
            Bound::Inbound | Bound::Internal => self.facts.parties.person(by),
        };
        let by = by.cloned().unwrap_or(Person { name: None, extension: None, line: None });
        if self.answered_by.as_ref().is_some_and(|(known, counted)| *known == by && *counted == count) {
            return;
        }
        let after = first.waited.unwrap_or_else(|| elapsed(self.facts.started(), first.since));
        self.answered_by = Some((by.clone(), count));
        out.push(self.update(Moment::Answered { by, after }, at));
    }

    /// Emits how it ended, unless that is held back for a snapshot or a report that may still come.
    fn finish(&mut self, at: Timestamp, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let conclusive = self.legs.are_conclusive();
        let mut call = self.call.clone();
        let outcome = outcome::conclude(&self.facts, &self.walk, at, conclusive, &mut call);
        if !conclusive && self.held_until.is_none() {
            self.fetch_reports(out);
            self.held_until = Some(now.tick + limits.outcome_grace);
        }
        // An answer is certain whatever is missing; all else waits for the report.
        let certain = conclusive || matches!(&outcome, Outcome::Known(Moment::Ended { .. })) && self.was_answered();
        if !certain && self.held_until.is_some_and(|until| now.tick < until) {
            return false;
        }
        self.held_until = None;
        let moment = match outcome {
            Outcome::Known(moment) => moment,
            Outcome::Unknown => {
                call.lost = true;
                Moment::Ended { lasted: None }
            }
            Outcome::Nothing => {
                self.silent = true;
                return true;
            }
        };
        self.call = call;
        out.push(self.update(moment.clone(), at));
        self.final_status = Some((moment, self.call.clone()));
        true
    }

    /// The final status of a call whose full report was folded; `None` if there is nothing to tell of it.
    pub(super) fn final_update(mut self, at: Timestamp) -> Option<Telling> {
        if self.is_consultation() {
            return None;
        }
        let outcome = outcome::conclude(&self.facts, &self.walk, at, self.legs.are_conclusive(), &mut self.call);
        let (moment, lost) = match outcome {
            Outcome::Known(moment) => (moment, false),
            Outcome::Unknown => (Moment::Ended { lasted: None }, true),
            Outcome::Nothing => return None,
        };
        (self.call.late, self.call.lost) = (true, lost);
        Some(Telling { call: self.call, moment, at })
    }

    /// Whether it is a conversation between colleagues about a call: it is linked to one, and nobody was put on hold or
    /// handed on in it.
    fn is_consultation(&self) -> bool {
        self.facts.direction() == Bound::Internal
            && self.legs.linked_ids().next().is_some()
            && !self.walk.transferred
    }

    /// Completes the end of a call that was over and then went on elsewhere. Until then nothing is emitted: no card goes
    /// back from an end.
    fn finish_again(&mut self, now: Now, out: &mut Vec<Effect>) -> bool {
        self.revise(true, now, out);
        true
    }

    /// Emits that the end is not known, as of the last snapshot.
    fn abandon(&mut self, out: &mut Vec<Effect>) {
        // A final status that was emitted is not taken back.
        if self.final_status.is_some() || self.last_ringing.is_none() {
            return;
        }
        self.facts.fill(&self.walk, None, &mut self.call);
        self.call.lost = true;
        out.push(self.update(Moment::Ended { lasted: None }, self.facts.last));
    }

    fn update(&self, moment: Moment, at: Timestamp) -> Effect {
        Effect::Emit(Telling { call: self.call.clone(), moment, at })
    }

    /// Fetches the reports of the conversations that have no full one.
    pub(super) fn fetch_reports(&self, out: &mut Vec<Effect>) {
        out.extend(self.legs.unreported().map(|leg| Effect::FetchReport { call: leg.clone() }));
    }

    /// After how much silence it is abandoned.
    fn max_silence(&self, limits: &Limits) -> Duration {
        if self.was_answered() { limits.stale } else { limits.given_up }
    }

    /// When [`Self::emit_due`] and [`Self::give_up_if_silent`] have something to do.
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

    /// After its due time: fetches the report of a call that is silent, and abandons it in the end. Returns whether it did.
    pub(super) fn give_up_if_silent(&mut self, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let silent = now.tick.saturating_duration_since(self.last_seen);
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

/// Whether a ring says more than the last one: who calls, a queue, or somebody whom it did not ring before. Phones that stop
/// are no news.
fn is_news(rung: &Call, call: &Call) -> bool {
    rung.caller != call.caller
        || rung.ours != call.ours
        || rung.queues != call.queues
        || rung.course.forwarded_to != call.course.forwarded_to
        || handed_on(rung) != handed_on(call) && !call.people.is_empty()
        || call.people.iter().any(|person| !rung.people.contains(person))
}

fn handed_on(call: &Call) -> Option<Timestamp> {
    call.course.handed_on.as_ref().map(|handed_on| handed_on.at)
}
