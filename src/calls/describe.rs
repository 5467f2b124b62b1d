//! Writes the known facts of a call into the [`Call`] that leaves the tracker. Decides neither the outcome nor the updates.

use super::{
    facts::Facts,
    identity::colleague,
    observation::QueueId,
    parties::{PartyId, Role},
    talk_log::{HandingOver, PartyTalk},
    walk::Walk,
};
use crate::model::{
    call::{
        Call, CallDirection, CallerPosition, Course, GaveUp, HandOver, HungUp, Mailbox, Person, Queue, RingStage,
        Talk as Talked, TalkParty, Transfer,
    },
    phone::PhoneNumber,
    time::{Timestamp, elapsed},
};

/// People named on one call at most: a card names three.
const MAX_PEOPLE: usize = 32;

/// End of the call; `None` while the call is open.
pub(super) type CallEnd = Option<Timestamp>;

impl Facts {
    /// Writes the known facts into `call`.
    pub(super) fn fill(&self, walk: &Walk, ended: CallEnd, call: &mut Call) {
        call.direction = self.direction();
        let other_side = match call.direction {
            CallDirection::Inbound => self.caller().cloned(),
            CallDirection::Outbound => self.callee.as_ref().map(|(.., callee)| callee.clone()),
            CallDirection::Internal => self.initiator.as_ref().map(|(.., person)| colleague(person, call.region)),
        };
        if let Some(other_side) = other_side {
            call.caller = other_side;
        }
        call.account_number = self.account_number.as_ref().map(|(.., ours)| ours.clone());
        call.queues = walk.queues.iter().filter_map(|(id, _)| self.queue(*id)).collect();
        call.queued_at = walk.queues.iter().map(|(_, since)| *since).max();
        call.people = self.people_of(walk, ended.is_some());
        let person = |id: PartyId| self.parties.person(id).cloned();
        let transfers =
            walk.talks.handed.iter().filter_map(|handed| {
                Some(Transfer { from: person(handed.from)?, to: person(handed.to)?, at: handed.at })
            });
        call.transfers = transfers.take(Call::MAX_TRANSFERS).collect();
        call.answered_at = walk.talks.answer().filter(|(_, talk)| talk.is_timed).map(|(_, talk)| talk.since);
        call.started_at = self.started();
        call.course = self.course(walk, ended);
    }

    /// Returns the people of the call: those who talk, else those whose phones ring. For an unanswered call, all people whose
    /// phones rang.
    fn people_of(&self, walk: &Walk, ended: bool) -> Vec<Person> {
        let maker = self.parties.began().filter(|_| self.direction() == CallDirection::Outbound);
        let waits = walk.talks.handing_over.as_ref().filter(|it| !it.to.is_empty());
        let ids: Vec<PartyId> = match (maker, waits) {
            (Some(maker), _) if walk.talks.talking.is_empty() => vec![maker],
            (_, Some(_)) if !ended => walk.ringing.clone(),
            (None, _) if walk.talks.talking.is_empty() && ended => walk.rang.clone(),
            (None, _) if walk.talks.talking.is_empty() => walk.ringing.clone(),
            _ => walk.talks.talking.clone(),
        };
        self.persons(&ids)
    }

    /// Returns the people whose phones rang.
    pub(super) fn rung(&self, walk: &Walk) -> Vec<Person> {
        self.persons(&walk.rang)
    }

    /// Returns the people who talked last.
    pub(super) fn talkers(&self, walk: &Walk) -> Vec<Person> {
        self.persons(&walk.talks.talking)
    }

    fn persons(&self, ids: &[PartyId]) -> Vec<Person> {
        ids.iter().filter_map(|id| self.parties.person(*id).cloned()).take(MAX_PEOPLE).collect()
    }

    fn queue(&self, id: QueueId) -> Option<Queue> {
        self.queues.get(id).cloned()
    }

    fn course(&self, walk: &Walk, ended: CallEnd) -> Course {
        let stay = walk.last_stay();
        let position = stay.map(|stay| stay.position).unwrap_or_default();
        let handed_on = walk.talks.handing_over.as_ref().map(|it| self.hand_over(it));
        let mailbox = walk.mailbox.as_ref().map(|stay| {
            // The mailbox behind a queue or another phone may belong to another person.
            let handed_to = || {
                let handed = walk.talks.handing_over.as_ref().filter(|it| it.to.is_empty())?;
                let is_direct = walk.queues.iter().all(|(_, since)| *since < handed.at);
                self.owner(handed.destination.as_deref()?).filter(|_| is_direct)
            };
            let owner = match stay.after_ringing.as_deref() {
                Some([one]) => self.parties.person(*one).cloned(),
                Some([]) => handed_to(),
                _ => None,
            };
            Mailbox { message: stay.message, length: stay.length, owner }
        });
        let mut course = Course {
            stage: walk.stage.unwrap_or(RingStage::Start),
            position,
            waits_since: walk.waits_since,
            rang: walk.rang_for,
            talks: walk.talks.talks.iter().filter_map(|talk| self.talk(talk)).collect(),
            handed_on,
            mailbox,
            gave_up: ended.and_then(|ended| self.gave_up(walk, ended)),
            hung_up: ended.and_then(|_| self.hung_up(walk, position)),
            forwarded_to: walk.forwarded_to.and_then(|id| self.parties.outside(id).cloned()),
            recorded: walk.recorded,
            needs_callback: false,
            callback: None,
            menu_only: false,
        };
        self.add_report(&mut course);
        course
    }

    /// Adds the facts that only a full report has: the owner of the mailbox, and the existence of a recording.
    fn add_report(&self, course: &mut Course) {
        let Some(report) = &self.report else { return };
        course.recorded |= report.recorded;
        let reported = report.mailboxes.iter().filter_map(|it| it.message().map(|message| (message, it.length))).max();
        if let Some((message, length)) = reported {
            let mailbox = course.mailbox.get_or_insert_default();
            mailbox.message = mailbox.message.max(Some(message));
            mailbox.length = mailbox.length.or(length);
        }
        if let Some(message) = report.messages.first() {
            let mailbox = course.mailbox.get_or_insert_default();
            mailbox.message = Some(true);
            mailbox.length = mailbox.length.or(message.length);
            mailbox.owner = message.extension.as_deref().and_then(|it| self.owner(it)).or(mailbox.owner.take());
        }
    }

    fn owner(&self, extension: &str) -> Option<Person> {
        let bare = || Person { name: None, extension: Some(extension.to_owned()), line: None };
        let known = self.parties.by_extension(extension).cloned();
        // A destination may be an outside number, which has no mailbox here.
        known.or_else(|| {
            (!matches!(PhoneNumber::parse(Some(extension), crate::model::phone::Region::US), PhoneNumber::Known(_)))
                .then(bare)
        })
    }

    fn hand_over(&self, it: &HandingOver) -> HandOver {
        let by = it.by.and_then(|id| self.parties.person(id)).cloned();
        HandOver {
            by: by.or_else(|| self.owner(it.by_extension.as_deref()?)),
            to: self.persons(&it.to),
            destination: it.destination.clone(),
            queue: it.queue.and_then(|id| self.queue(id)),
            at: it.at,
            rang: it.rang,
        }
    }

    fn talk(&self, talk: &PartyTalk) -> Option<Talked> {
        let with = match self.parties.person(talk.with) {
            Some(person) => TalkParty::Person(person.clone()),
            None => TalkParty::Outside(self.parties.outside(talk.with)?.clone()),
        };
        Some(Talked {
            with,
            since: talk.since,
            talked: talk.exact.then_some(talk.talked),
            held: talk.held,
            waited: talk.waited,
            queue: talk.queue.and_then(|id| self.queue(id)),
        })
    }

    /// Returns the position in which the caller hung up, if the caller had no partner at the end.
    fn gave_up(&self, walk: &Walk, ended: Timestamp) -> Option<GaveUp> {
        use CallerPosition::{Hold, Mailbox, Menu, Parked, Phone, Queue, Ringing, Talk, Transfer, Unknown};
        let stay = walk.last_stay()?;
        let since = match stay.position {
            Talk | Mailbox | Unknown => return None,
            Menu if walk.talks.answer().is_none() => self.started(),
            Ringing => self.started(),
            Phone => walk.waits_since.unwrap_or(stay.since),
            Transfer => walk.talks.handing_over.as_ref().map_or(stay.since, |it| it.at),
            Queue | Hold | Parked | Menu => stay.since,
        };
        let queue = stay.queue.and_then(|id| self.queue(id));
        Some(GaveUp { position: stay.position, queue, after: elapsed(since, ended) })
    }

    /// Returns the side that hung up. GoTo names a participant, which proves something only of a participant of the talk.
    fn hung_up(&self, walk: &Walk, position: CallerPosition) -> Option<HungUp> {
        let (_, id) = self.hung_up_by.as_ref()?;
        let id = self.parties.find(id)?;
        if position != CallerPosition::Talk || self.direction() != CallDirection::Inbound {
            return None;
        }
        if !walk.talks.talking.contains(&id) {
            // The first conversation received may be a consultation of colleagues about the call.
            return (self.parties.role(id, self.direction()) == Role::Served).then_some(HungUp::Caller);
        }
        Some(self.parties.person(id).map_or(HungUp::Outside, |person| HungUp::Person(person.clone())))
    }
}
