//! One call: what was told of it, what may be told now, and how long that may be held back. One call may be several linked
//! conversations (legs), which share their facts; it is over when all of them are.

use super::{
    Effect, Limits,
    bound::bound,
    facts::Facts,
    leg::Heard,
    legs::Legs,
    outcome,
    snapshot::{Place, caller},
    verdict,
};
use crate::model::{
    call::{Call, CallDirection, CallSnapshot, CallStatus, CallUpdate, Caller, Person, Phase, Report, Revision},
    ids::ConversationSpaceId,
    phone::PhoneNumber,
    time::{Now, Timestamp, elapsed},
};
use std::time::{Duration, Instant};

/// One call under way.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    call: Call,
    facts: Facts,
    legs: Legs,
    first_heard: Instant,
    last_heard: Instant,
    /// How much silence until the report is asked for.
    patience: Duration,
    /// What the newest ring card says, until somebody answers.
    rung: Option<Call>,
    /// Whom the newest answered card names.
    taken: Option<Person>,
    /// The last moment, once it is told.
    told: Option<CallStatus>,
    /// Until when an outcome is held back.
    held: Option<Instant>,
}

impl Progress {
    /// A call whose first snapshot is `event`; it is not heard yet.
    pub(super) fn new(event: &CallSnapshot, now: Now, limits: &Limits) -> Self {
        let facts = Facts::new(event, now.timestamp);
        Self {
            call: Call {
                id: event.call.clone(),
                connection: event.connection.clone(),
                region: event.region,
                account: event.account.clone(),
                direction: CallDirection::Inbound,
                caller: Caller { name: None, number: PhoneNumber::Withheld },
                account_number: None,
                queues: Vec::new(),
                people: Vec::new(),
                transfers: Vec::new(),
                answered_at: None,
                queued_at: None,
                started_at: facts.started(),
                first_seen_late: event.state.sequence > 1 && event.state.phase != Phase::Starting,
                end_unknown: false,
                revision: None,
            },
            facts,
            legs: Legs::default(),
            first_heard: now.instant,
            last_heard: now.instant,
            patience: limits.silence,
            rung: None,
            taken: None,
            told: None,
            held: None,
        }
    }

    /// The id the call goes by: that of its first conversation.
    pub(super) fn id(&self) -> &ConversationSpaceId {
        &self.call.id
    }

    /// Its conversations.
    pub(super) fn legs(&self) -> &Legs {
        &self.legs
    }

    /// Whether the conversation of `event`, which is linked to this call, is part of it.
    pub(super) fn takes(&self, event: &CallSnapshot) -> bool {
        let theirs = caller(&event.state.participants).map(|(_, caller)| caller);
        let same_way = bound(event).is_none_or(|(_, bound)| bound == self.facts.bound());
        // A colleague who calls out for a call has a conversation of his own, unless the caller is in it.
        self.legs.has_room(1) && self.facts.is_same_caller(theirs) && (same_way || theirs.is_some())
    }

    /// Whether `other`, which is linked to this call, is the same call.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.facts.bound() == other.facts.bound()
            && self.legs.has_room(other.legs.len())
            && self.facts.is_same_caller(other.facts.caller())
    }

    /// The two as one, under the id of the one that rang, or else of this one.
    pub(super) fn join(mut self, other: Self) -> Self {
        if self.rung.is_none() && other.rung.is_some() {
            return other.join(self);
        }
        let place = self.legs.join(other.legs);
        self.facts.join(other.facts, place);
        self.taken = self.taken.or(other.taken);
        self.first_heard = self.first_heard.min(other.first_heard);
        self.last_heard = self.last_heard.max(other.last_heard);
        self
    }

    /// Whether a person is known to have taken it.
    pub(super) fn was_answered(&self) -> bool {
        self.facts.answer().is_some()
    }

    /// Folds a snapshot. Answers whether it said anything new; what follows from it is [`Self::speak`]'s.
    pub(super) fn hear(&mut self, event: &CallSnapshot, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let (at, heard, hole) = self.legs.hear(event, limits.asks);
        if heard == Heard::Known {
            return false;
        }
        if let Some((from, to)) = hole {
            out.push(Effect::AskStates {
                connection: self.call.connection.clone(),
                account: self.call.account.clone(),
                call: event.call.clone(),
                from: from.max(to.saturating_sub(limits.ask_states.saturating_sub(1))),
                to,
            });
        }
        self.last_heard = now.instant;
        self.patience = limits.silence;
        self.facts.fold(at, event, now.timestamp);
        true
    }

    /// Tells a better last moment, if what was heard since the first makes one.
    pub(super) fn revise(&mut self, was_heard: bool, now: Now, out: &mut Vec<Effect>) {
        let Some(told) = self.told.as_ref().filter(|_| self.legs.are_over()) else { return };
        let at = self.facts.last.min(now.timestamp);
        let better = self.last_moment(at);
        if let Some(revised) = outcome::revised(told, &better, was_heard) {
            self.facts.write_end(&mut self.call);
            self.call.revision = Some(revised);
            out.push(self.tell(better.clone(), at));
            self.told = Some(better);
        }
    }

    /// Completes an end that was told as a message of unknown length.
    pub(super) fn voicemail(&mut self, length: Duration, out: &mut Vec<Effect>) {
        if self.told == Some(CallStatus::Voicemail { duration: None }) {
            let moment = CallStatus::Voicemail { duration: Some(length) };
            self.call.revision = Some(Revision::Completed);
            out.push(self.tell(moment.clone(), self.facts.last));
            self.told = Some(moment);
        }
    }

    /// Whether every snapshot was heard.
    pub(super) fn was_heard(&self) -> bool {
        self.legs.were_heard()
    }

    /// Takes the report of one of its conversations, which is then over.
    pub(super) fn report(&mut self, report: &Report, now: Now) {
        self.legs.report(&report.call);
        self.facts.report = self.facts.report.max(Some(verdict::read(report)));
        self.facts.last = outcome::ended(report, now.timestamp);
    }

    fn ring_due(&self, limits: &Limits) -> Instant {
        let in_menu = self.facts.place.is_some_and(|(_, place)| place == Place::Menu);
        self.first_heard + if in_menu { limits.menu_grace } else { limits.ring_grace }
    }

    /// Tells what is known now and was not told. Answers whether that was the last of the call.
    pub(super) fn speak(&mut self, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let at = self.facts.last;
        self.facts.write(&mut self.call);
        if self.told.is_some() {
            return self.conclude_again(at, out);
        }
        if self.legs.are_over() {
            return self.conclude(at, now, limits, out);
        }
        self.held = None;
        let answer = self.facts.answer();
        if self.taken.is_none() {
            let due = self.facts.names_somebody() || now.instant >= self.ring_due(limits);
            let renewed = self.rung.as_ref().is_some_and(|rung| !says_the_same(rung, &self.call));
            let is_first = self.rung.is_none();
            if is_first && (due || answer.is_some()) || renewed && answer.is_none() {
                out.push(self.tell(CallStatus::Ringing, at));
                self.rung = Some(self.call.clone());
            }
        }
        if let Some(answer) = answer {
            // Who has it now: whoever took it first, until it is handed on.
            let handed = self.call.transfers.last();
            let (by, at) = handed.map_or((&answer.by, answer.at), |transfer| (&transfer.to, transfer.at));
            if self.taken.as_ref() != Some(by) {
                let by = by.clone();
                self.taken = Some(by.clone());
                out.push(self.tell(
                    CallStatus::Answered { answered_by: by, waited: elapsed(self.facts.started(), answer.at) },
                    at,
                ));
            }
        }
        false
    }

    /// Tells how it ended, unless that is held back for a snapshot or a report that may still come.
    fn conclude(&mut self, at: Timestamp, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let answer = self.facts.answer();
        if answer.is_none() && !self.legs.are_sure() {
            let until = match self.held {
                Some(until) => until,
                None => {
                    self.ask_report(out);
                    *self.held.insert(now.instant + limits.outcome_grace)
                }
            };
            if now.instant < until {
                return false;
            }
        }
        let moment = self.last_moment(at);
        self.facts.write_end(&mut self.call);
        out.push(self.tell(moment.clone(), at));
        self.told = Some(moment);
        true
    }

    /// Completes the end of a call that was told as over and then went on elsewhere. Until then nothing is told: no card
    /// goes back from an end.
    fn conclude_again(&mut self, at: Timestamp, out: &mut Vec<Effect>) -> bool {
        if !self.legs.are_over() {
            self.held = None;
            return false;
        }
        let moment = self.last_moment(at);
        // It was told that somebody had it: what was heard since may doubt that, and does not take it back.
        if !matches!(moment, CallStatus::Ended { .. }) {
            return true;
        }
        self.facts.write_end(&mut self.call);
        self.call.revision = Some(Revision::Completed);
        out.push(self.tell(moment.clone(), at));
        self.told = Some(moment);
        true
    }

    fn last_moment(&self, at: Timestamp) -> CallStatus {
        let answer = self.facts.answer();
        let exact = answer.is_some_and(|answer| self.legs.follows(answer.order.leg, answer.order.sequence));
        outcome::last_moment(&self.facts, at, self.legs.are_sure(), exact)
    }

    /// Tells that nobody heard how it ended, as of when it was last heard of.
    fn give_up(&mut self, out: &mut Vec<Effect>) {
        // An end that was told is not taken back.
        if self.told.is_some() {
            return;
        }
        self.facts.write_end(&mut self.call);
        self.call.end_unknown = true;
        out.push(self.tell(CallStatus::Ended { talk_time: None }, self.facts.last));
    }

    fn tell(&self, moment: CallStatus, at: Timestamp) -> Effect {
        Effect::Tell(CallUpdate { call: self.call.clone(), status: moment, at })
    }

    /// Asks for the reports of the conversations that have none.
    pub(super) fn ask_report(&self, out: &mut Vec<Effect>) {
        out.extend(self.legs.unreported().map(|leg| Effect::AskReport {
            connection: self.call.connection.clone(),
            account: self.call.account.clone(),
            call: leg.clone(),
        }));
    }

    /// After how much silence it is given up.
    fn most_silence(&self, limits: &Limits) -> Duration {
        if self.was_answered() { limits.stale } else { limits.given_up }
    }

    /// When it must be looked at again.
    pub(super) fn due(&self, limits: &Limits) -> Instant {
        let silence = self.last_heard + self.patience.min(self.most_silence(limits));
        match self.held {
            Some(until) => until,
            None if self.told.is_none() && self.rung.is_none() && self.taken.is_none() => {
                silence.min(self.ring_due(limits))
            }
            None => silence,
        }
    }

    /// After its due time: asks for the report of a call that is silent, and gives it up in the end. Answers whether it did.
    pub(super) fn is_stale(&mut self, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let silent = now.instant.saturating_duration_since(self.last_heard);
        let most = self.most_silence(limits);
        if silent >= most {
            self.give_up(out);
            return true;
        }
        if silent >= self.patience {
            self.ask_report(out);
            while self.patience <= silent {
                self.patience = self.patience.saturating_mul(2).min(most);
            }
        }
        false
    }
}

/// Whether two ring cards of one call would say the same. The order of people is the order of a list, not news.
fn says_the_same(a: &Call, b: &Call) -> bool {
    a.caller == b.caller
        && a.account_number == b.account_number
        && a.queues == b.queues
        && a.people.len() == b.people.len()
        && a.people.iter().all(|person| b.people.contains(person))
}
