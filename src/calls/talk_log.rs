//! The talks with the caller in order: their lengths, the waits before them, and the hand-overs. Snapshots are added in
//! order. Menus and outcomes are decided elsewhere.

use super::{
    observation::{PartyState, QueueId},
    parties::PartyId,
    position::Position,
};
use crate::model::time::{Timestamp, elapsed};
use std::time::Duration;

/// Talks kept for one call; a larger conference has no partner that a card could name.
const MAX_TALKS: usize = 32;

/// The talk of one party, over all its parts.
#[derive(Debug, Clone)]
pub(super) struct PartyTalk {
    pub(super) with: PartyId,
    pub(super) since: Timestamp,
    pub(super) talked: Duration,
    pub(super) held: Duration,
    pub(super) waited: Option<Duration>,
    pub(super) queue: Option<QueueId>,
    /// Whether no snapshot is missing at its start, pauses and end.
    pub(super) exact: bool,
    /// Whether `since` is the time of its start, and not only a time after it.
    pub(super) is_timed: bool,
}

/// A hand-over that was answered.
#[derive(Debug, Clone)]
pub(super) struct Handed {
    pub(super) from: PartyId,
    pub(super) to: PartyId,
    pub(super) at: Timestamp,
}

/// A hand-over that is not answered yet.
#[derive(Debug, Clone)]
pub(super) struct HandingOver {
    pub(super) by: Option<PartyId>,
    pub(super) by_extension: Option<String>,
    pub(super) destination: Option<String>,
    pub(super) to: Vec<PartyId>,
    /// The first queue that took the call.
    pub(super) queue: Option<QueueId>,
    pub(super) at: Timestamp,
    pub(super) rang: Duration,
}

/// The talks of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct TalkLog {
    pub(super) talks: Vec<PartyTalk>,
    pub(super) handed: Vec<Handed>,
    pub(super) handing_over: Option<HandingOver>,
    /// Parties that talk in the newest snapshot with a talk.
    pub(super) talking: Vec<PartyId>,
    /// Whether a snapshot is missing between the first talk and the end of the last one.
    gap: bool,
    /// Whether the newest snapshot shows a talk.
    open: bool,
    first: Option<Position>,
    last: Option<(Position, Timestamp)>,
    was_transfer: bool,
}

/// A snapshot, without its parties.
#[derive(Debug, Clone, Copy)]
pub(super) struct SnapshotContext {
    pub(super) at: Position,
    pub(super) time: Timestamp,
    /// Time until the next snapshot.
    pub(super) lasted: Duration,
    /// Whether the snapshot before this one, and the one before the next, was received.
    pub(super) adjacent: (bool, bool),
    /// Whether a change in this snapshot has its time.
    pub(super) is_timed: bool,
    pub(super) queue: Option<QueueId>,
    pub(super) waits_since: Option<Timestamp>,
}

impl TalkLog {
    /// Records a snapshot.
    pub(super) fn record(
        &mut self,
        context: &SnapshotContext,
        served: Option<&PartyState>,
        connected: &[PartyId],
        talking: &[PartyId],
        ringing: &[PartyId],
    ) {
        self.infer(context, served, connected);
        self.open = !talking.is_empty();
        for with in talking {
            self.talk(context, *with);
        }
        if let Some(PartyState::OnHold { by }) = served {
            let holder = by.or(self.talking.first().copied());
            if let Some(talk) = self.talks.iter_mut().find(|talk| Some(talk.with) == holder) {
                talk.held += context.lasted;
                talk.exact &= context.adjacent.0 && context.adjacent.1;
            }
        }
        if let Some(first) = talking.first() {
            self.gap |= self.first.is_some() && !context.adjacent.0;
            self.first.get_or_insert(context.at);
            self.last = Some((context.at, context.time));
            self.hand_to(*first, talking, context.time);
            self.talking = talking.to_vec();
            self.handing_over = None;
        }
        self.hand_over(context, served, ringing);
    }

    /// Infers a talk that no snapshot shows: a person who puts the caller on hold or hands the call on has talked before.
    fn infer(&mut self, context: &SnapshotContext, served: Option<&PartyState>, connected: &[PartyId]) {
        let by = match served {
            Some(PartyState::OnHold { by }) => *by,
            Some(PartyState::Transfer(to)) => to.by,
            _ => None,
        };
        let Some(with) = by.filter(|by| connected.contains(by) && self.talks.iter().all(|talk| talk.with != *by))
        else {
            return;
        };
        self.talk(&SnapshotContext { lasted: Duration::ZERO, adjacent: (false, false), ..*context }, with);
        self.first.get_or_insert(context.at);
        self.hand_to(with, &[with], context.time);
        self.talking = vec![with];
    }

    fn talk(&mut self, context: &SnapshotContext, with: PartyId) {
        let exact = context.adjacent.0 && context.adjacent.1;
        if let Some(talk) = self.talks.iter_mut().find(|talk| talk.with == with) {
            talk.talked += context.lasted;
            talk.exact &= exact;
        } else if self.talks.len() < MAX_TALKS {
            self.talks.push(PartyTalk {
                with,
                since: context.time,
                talked: context.lasted,
                held: Duration::ZERO,
                waited: context.waits_since.map(|since| elapsed(since, context.time)).filter(|_| context.adjacent.0),
                queue: context.queue,
                exact,
                is_timed: context.is_timed,
            });
        }
    }

    /// Records a new partner of the caller, if the previous partner is gone.
    fn hand_to(&mut self, to: PartyId, talking: &[PartyId], at: Timestamp) {
        let holder = self.handed.last().map(|handed| handed.to).or(self.talks.first().map(|talk| talk.with));
        if let Some(from) = holder.filter(|holder| !talking.contains(holder)) {
            self.handed.push(Handed { from, to, at });
        }
    }

    fn hand_over(&mut self, context: &SnapshotContext, served: Option<&PartyState>, ringing: &[PartyId]) {
        if let Some(PartyState::Transfer(to)) = served {
            if !std::mem::replace(&mut self.was_transfer, true) {
                self.handing_over = Some(HandingOver {
                    by: to.by.or(self.talking.first().copied()),
                    by_extension: to.by_extension.clone(),
                    destination: to.extension.clone(),
                    to: Vec::new(),
                    queue: None,
                    at: context.time,
                    rang: Duration::ZERO,
                });
            }
        } else {
            self.was_transfer = false;
            if let Some(it) = self.handing_over.as_mut().filter(|it| it.by.is_some() || it.destination.is_some()) {
                it.queue = it.queue.or(context.queue);
            }
        }
        let waits = matches!(served, Some(PartyState::InSystem | PartyState::Ringing | PartyState::Transfer(_)));
        if ringing.is_empty() || !waits || self.first.is_none() && self.handing_over.is_none() {
            return;
        }
        // A plan that continues after a talk rings other phones too, without a hand-over by a person.
        let handing_over = self.handing_over.get_or_insert_with(|| HandingOver {
            by: None,
            by_extension: None,
            destination: None,
            to: Vec::new(),
            queue: None,
            at: context.time,
            rang: Duration::ZERO,
        });
        handing_over.rang += context.lasted;
        for id in ringing.iter().filter(|id| Some(**id) != handing_over.by) {
            if !handing_over.to.contains(id) {
                handing_over.to.push(*id);
            }
        }
    }

    /// Makes all durations unknown.
    pub(super) fn blur(&mut self) {
        self.gap = true;
        self.talks.iter_mut().for_each(|talk| talk.exact = false);
    }

    /// Returns whether a party has talked.
    pub(super) fn has(&self, with: PartyId) -> bool {
        self.talks.iter().any(|talk| talk.with == with)
    }

    /// Returns whether the newest snapshot shows the call being handed on.
    pub(super) const fn is_transferring(&self) -> bool {
        self.was_transfer
    }

    /// Returns the first talk of a call, with its position.
    pub(super) fn answer(&self) -> Option<(Position, &PartyTalk)> {
        Some((self.first?, self.talks.first()?))
    }

    /// Returns the time of all talks, if no snapshot is missing in them; `None` during a talk.
    pub(super) fn total(&self) -> Option<Duration> {
        let exact = !self.gap && !self.open && self.talks.iter().all(|talk| talk.exact);
        exact.then(|| self.talks.iter().map(|talk| talk.talked).sum())
    }
}
