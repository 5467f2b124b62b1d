//! Facts of one call: the caller, and its snapshots in order. The order of arrival does not matter. Decides neither the
//! outcome nor the updates.

use super::{
    direction::{direction_of, from_report},
    identity::{account_number, callee, caller, initiator},
    legs::Legs,
    observation::{Queues, observe},
    parties::Parties,
    position::{Position, Ranked, keep_best},
    report_outcome::ReportOutcome,
    timeline::Timeline,
    walk::Walk,
};
use crate::model::{
    call::{AccountNumber, CallDirection, CallSnapshot, Caller, FullReport, Person, Report},
    ids::ParticipantId,
    time::{Timestamp, elapsed},
};
use std::time::Duration;

/// Largest plausible difference between a timestamp and the daemon's clock. Beyond it a clock is wrong, and the timestamp is
/// ignored.
const MAX_CLOCK_ERROR: Duration = Duration::from_secs(24 * 60 * 60);

/// The position of the facts of a report that are not in its snapshots.
const LAST: Position = Position { leg: usize::MAX, sequence: u64::MAX };

/// Facts of a call.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) direction: Ranked<CallDirection>,
    caller: Ranked<Caller>,
    pub(super) callee: Ranked<Caller>,
    pub(super) initiator: Ranked<Person>,
    pub(super) account_number: Ranked<AccountNumber>,
    pub(super) parties: Parties,
    pub(super) queues: Queues,
    timeline: Timeline,
    created_at: Option<Timestamp>,
    first: (Position, Timestamp),
    /// Time of the newest snapshot.
    pub(super) last: Timestamp,
    /// `hangupOriginatorId` of the newest snapshot that has one.
    pub(super) hung_up_by: Option<(Position, ParticipantId)>,
    /// The facts of a summary.
    pub(super) summary: Option<ReportOutcome>,
    /// The lines that a summary lists: the call reached them.
    pub(super) listed: Vec<Person>,
    /// The facts of a full report that are not in its snapshots.
    pub(super) report: Option<Box<FullReport>>,
}

/// Returns `at`, if it is plausible by the daemon's clock.
pub(super) fn plausible(at: Option<Timestamp>, clock: Timestamp) -> Option<Timestamp> {
    at.filter(|at| elapsed(*at, clock).max(elapsed(clock, *at)) <= MAX_CLOCK_ERROR)
}

impl Facts {
    /// Creates the facts of a call before its first snapshot. `clock`: the daemon's time.
    pub(super) fn new(event: &CallSnapshot, clock: Timestamp) -> Self {
        let at = plausible(event.state.at, clock).unwrap_or(clock);
        Self {
            direction: None,
            caller: None,
            callee: None,
            initiator: None,
            account_number: None,
            parties: Parties::default(),
            queues: Queues::default(),
            timeline: Timeline::default(),
            created_at: None,
            first: (Position { leg: 0, sequence: event.state.sequence }, at),
            last: at,
            hung_up_by: None,
            summary: None,
            listed: Vec::new(),
            report: None,
        }
    }

    /// Adds a snapshot. Who calls is kept from where it is known best; all else is read from the snapshots in order.
    pub(super) fn fold(&mut self, leg: usize, event: &CallSnapshot, clock: Timestamp) {
        let position = Position { leg, sequence: event.state.sequence };
        let participants = &event.state.participants;
        let at = plausible(event.state.at, clock).unwrap_or(clock);
        self.first = self.first.min((position, at));
        self.last = self.last.max(at);
        self.created_at = self.created_at.or_else(|| plausible(event.created_at, clock));
        keep_best(&mut self.direction, position, direction_of(event).as_ref().map(|(rank, it)| (*rank, it)));
        keep_best(&mut self.caller, position, caller(participants));
        keep_best(&mut self.callee, position, callee(event).as_ref().map(|(rank, callee)| (*rank, callee)));
        keep_best(&mut self.initiator, position, initiator(participants));
        keep_best(&mut self.account_number, position, account_number(participants));
        let originator = event.hung_up_by.as_ref().map(|id| (position, id.clone()));
        if originator.as_ref().map(|(at, _)| at) > self.hung_up_by.as_ref().map(|(at, _)| at) {
            self.hung_up_by = originator;
        }
        let seen = observe(event, position, at, &mut self.parties, &mut self.queues);
        self.timeline.insert(position, seen);
    }

    /// Adds the facts of a report that are not in its snapshots.
    pub(super) fn fold_report(&mut self, report: &Report, clock: Timestamp) {
        if let Some(full) = &report.full {
            let top = FullReport { snapshots: Vec::new(), ..(**full).clone() };
            match &mut self.report {
                Some(known) => join_reports(known, top),
                None => self.report = Some(Box::new(top)),
            }
        } else {
            self.summary = self.summary.max(Some(ReportOutcome::read(report)));
            self.listed.clone_from(&report.people);
        }
        // The snapshots take precedence.
        let caller = report.caller.as_ref();
        match from_report(report) {
            Some(CallDirection::Inbound) => keep_best(&mut self.caller, LAST, caller.map(|caller| (0, caller))),
            Some(CallDirection::Outbound) => keep_best(&mut self.callee, LAST, caller.map(|caller| (0, caller))),
            Some(CallDirection::Internal) | None => {}
        }
        if let Some(ended) = plausible(report.ended_at, clock) {
            self.last = self.last.max(ended);
        }
        self.created_at = self.created_at.or_else(|| plausible(report.created_at, clock));
    }

    /// Walks through the snapshots.
    pub(super) fn walk(&self, legs: &Legs) -> Walk {
        Walk::through(&self.timeline, &self.parties, self.direction(), |at| legs.follows(at))
    }

    /// Which way the call goes.
    pub(super) fn direction(&self) -> CallDirection {
        self.direction.map(|(.., direction)| direction).unwrap_or_default()
    }

    /// Returns the start of the call, or the best estimate.
    pub(super) fn started(&self) -> Timestamp {
        self.created_at.unwrap_or(self.first.1)
    }

    /// Returns the caller, if a snapshot names one.
    pub(super) fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref().map(|(_, _, caller)| caller)
    }

    /// Returns whether `theirs` may be the same caller. An unnamed caller may be any.
    pub(super) fn is_same_caller(&self, theirs: Option<&Caller>) -> bool {
        match (theirs, self.caller()) {
            (Some(theirs), Some(ours)) => theirs.number == ours.number,
            _ => true,
        }
    }

    /// Adds the facts of another call that turned out to be this one. Its conversations come after `legs` others.
    pub(super) fn join(&mut self, other: Self, legs: usize) {
        let at = Position::default().behind(legs);
        keep_best(&mut self.caller, at, other.caller.as_ref().map(|(rank, _, caller)| (*rank, caller)));
        keep_best(&mut self.account_number, at, other.account_number.as_ref().map(|(rank, _, it)| (*rank, it)));
        let parties = self.parties.join(&other.parties);
        let queues = self.queues.join(&other.queues);
        self.timeline.join(other.timeline, legs, &parties, &queues);
        self.created_at = self.created_at.into_iter().chain(other.created_at).min();
        self.first.1 = self.first.1.min(other.first.1);
        self.last = self.last.max(other.last);
        self.hung_up_by = other.hung_up_by.map(|(at, id)| (at.behind(legs), id)).or(self.hung_up_by.take());
        self.summary = self.summary.max(other.summary);
        match (&mut self.report, other.report) {
            (Some(known), Some(new)) => join_reports(known, *new),
            (known @ None, new) => *known = new,
            (Some(_), None) => {}
        }
    }
}

fn join_reports(known: &mut FullReport, new: FullReport) {
    // `actions` grow after a call: a later report contains those of an earlier one.
    if new.messages.len() > known.messages.len() {
        known.messages = new.messages;
    }
    for queue in new.queues {
        if !known.queues.contains(&queue) {
            known.queues.push(queue);
        }
    }
    for mailbox in new.mailboxes {
        if !known.mailboxes.contains(&mailbox) {
            known.mailboxes.push(mailbox);
        }
    }
    for agent in new.agents {
        if !known.agents.contains(&agent) {
            known.agents.push(agent);
        }
    }
    known.recorded |= new.recorded;
}
