//! The outcome of a call: the result that its snapshots and reports prove together. A call with missing snapshots is never
//! missed by a guess.

use super::{facts::Facts, parties::is_same_person, report_outcome::ReportOutcome, walk::Walk};
use crate::model::{
    call::{Call, CallDirection, CallStatus, CallerPosition, Course, GaveUp, Mailbox, MissedReason, Person, Revision},
    time::{Timestamp, elapsed},
};
use std::time::Duration;

/// Outcome of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A proven outcome.
    Known(CallStatus),
    /// The call ended, and it is unknown whether a person answered.
    Unknown,
    /// No party was called: nothing is emitted.
    Nothing,
}

/// Decides the outcome of a call that ended at `at`, and writes its open tasks into `call`. `conclusive`: no snapshot is
/// missing that could show an answer.
pub(super) fn conclude(facts: &Facts, walk: &Walk, at: Timestamp, conclusive: bool, call: &mut Call) -> Outcome {
    facts.fill(walk, Some(at), call);
    if nobody_was_called(facts, walk, call.direction) {
        return Outcome::Nothing;
    }
    let outcome = outcome(facts, walk, at, conclusive, call);
    let course = &mut call.course;
    course.menu_only = matches!(outcome, Outcome::Known(CallStatus::Missed { reason: MissedReason::LeftMenu, .. }));
    let is_answered = matches!(outcome, Outcome::Known(CallStatus::Ended { .. })) || walk.talks.answer().is_some();
    if is_answered && !conclusive && facts.summary.and_then(ReportOutcome::position).is_none() {
        // A missing snapshot may show that the next person answered.
        (course.gave_up, course.handed_on) = (None, None);
    }
    let left = is_left_waiting(course);
    // A message that is not certain counts if no person talked after it.
    let is_last = course.position == CallerPosition::Mailbox;
    let message = course.mailbox.as_ref().is_some_and(|it| it.message.unwrap_or(is_last));
    course.needs_callback = call.direction == CallDirection::Inbound
        && match &outcome {
            Outcome::Known(CallStatus::Missed { .. }) => !course.menu_only,
            Outcome::Known(CallStatus::Ended { .. }) => left || message,
            Outcome::Known(CallStatus::Voicemail { .. }) => true,
            Outcome::Known(_) | Outcome::Unknown | Outcome::Nothing => false,
        };
    outcome
}

/// Returns whether a caller was left waiting after an answer, as far as the snapshots show.
pub(super) fn seems_left_waiting(facts: &Facts, walk: &Walk, at: Timestamp, call: &Call) -> bool {
    let mut call = call.clone();
    facts.fill(walk, Some(at), &mut call);
    is_left_waiting(&call.course)
}

fn is_left_waiting(course: &Course) -> bool {
    match course.gave_up.as_ref().map(|it| it.position) {
        // A plan that continues after a talk has handed nothing on.
        Some(CallerPosition::Menu) | None => {
            course.handed_on.as_ref().is_some_and(|it| it.by.is_some() || it.destination.is_some())
        }
        Some(_) => true,
    }
}

/// Returns whether no party was called: an outbound conversation without a far side, or with only its end received. The phone
/// of a colleague who picks up a parked call makes such a conversation.
fn nobody_was_called(facts: &Facts, walk: &Walk, direction: CallDirection) -> bool {
    match direction {
        CallDirection::Inbound => facts.caller().is_none() && !walk.far_side,
        CallDirection::Outbound | CallDirection::Internal => {
            !walk.far_side && facts.summary.is_none_or(|it| it <= ReportOutcome::Missed)
        }
    }
}

fn outcome(facts: &Facts, walk: &Walk, at: Timestamp, conclusive: bool, call: &mut Call) -> Outcome {
    let summary = facts.summary.unwrap_or(ReportOutcome::Unknown);
    let talked = CallStatus::Ended { talk_time: walk.talks.total() };
    let message = call.course.mailbox.as_ref().and_then(|it| it.message);
    let length = call.course.mailbox.as_ref().and_then(|it| it.length);
    // A message counts in any case: a person has to listen to it.
    if message == Some(true) && call.direction != CallDirection::Outbound {
        return Outcome::Known(CallStatus::Voicemail { duration: length });
    }
    if walk.talks.answer().is_some() {
        if let Some(position) = summary.position().filter(|_| !conclusive) {
            call.course.gave_up.get_or_insert(GaveUp { position, queue: None, after: Duration::ZERO });
        }
        return Outcome::Known(talked);
    }
    // The list of a report names who answered, whatever its snapshots lack.
    if let Some(answered) = answered_by_report(facts, call) {
        return answered;
    }
    // A summary with a mailbox explains a caller who was connected with nothing that a snapshot shows.
    let is_explained = walk.doubtful && summary == ReportOutcome::Mailbox;
    if conclusive && !is_explained {
        return unanswered(facts, walk, at, call);
    }
    match summary {
        ReportOutcome::Talked { lasted } => {
            name_partner(facts, call);
            if walk.forwarded_to.is_some() {
                call.people.clear();
            }
            Outcome::Known(CallStatus::Ended { talk_time: lasted })
        }
        ReportOutcome::LeftWaiting { .. } => {
            call.people.clear();
            let position = summary.position().unwrap_or_default();
            call.course.gave_up = Some(GaveUp { position, queue: None, after: Duration::ZERO });
            Outcome::Known(CallStatus::Ended { talk_time: None })
        }
        ReportOutcome::Mailbox => {
            call.course.mailbox.get_or_insert_with(Mailbox::default);
            Outcome::Known(CallStatus::Voicemail { duration: None })
        }
        ReportOutcome::Missed => unanswered(facts, walk, at, call),
        ReportOutcome::Unknown => Outcome::Unknown,
    }
}

/// Names the partner of a talk that no snapshot shows: one that rang is not named. Only the one line of a summary can be it.
fn name_partner(facts: &Facts, call: &mut Call) {
    if call.direction == CallDirection::Outbound {
        return;
    }
    let began = |person: &Person| facts.initiator.as_ref().is_some_and(|(.., it)| is_same_person(it, person));
    let is_internal = call.direction == CallDirection::Internal;
    let mut listed = facts.listed.iter().filter(|person| !(is_internal && began(person)));
    call.people = match (listed.next(), listed.next()) {
        (Some(one), None) => vec![one.clone()],
        _ => Vec::new(),
    };
}

/// Returns the outcome of a call that no person answered.
fn unanswered(facts: &Facts, walk: &Walk, at: Timestamp, call: &mut Call) -> Outcome {
    if walk.doubtful {
        return Outcome::Unknown;
    }
    let waited = elapsed(facts.started(), at);
    let position = call.course.position;
    let why = match position {
        _ if call.direction != CallDirection::Inbound => MissedReason::NobodyAnswered,
        CallerPosition::Queue if !timed_out(facts) => MissedReason::LeftQueue,
        CallerPosition::Mailbox if call.course.mailbox.as_ref().is_some_and(|it| it.message.is_none()) => {
            // The mailbox may have a message.
            return Outcome::Known(CallStatus::Voicemail { duration: None });
        }
        _ if !walk.rang.is_empty() || !walk.queues.is_empty() || walk.mailbox.is_some() => MissedReason::NobodyAnswered,
        _ if walk.forwarded_to.is_some() => MissedReason::NobodyAnswered,
        CallerPosition::Menu if walk.understood && walk.in_system && !walk.met_machine => MissedReason::LeftMenu,
        _ => MissedReason::Unknown,
    };
    Outcome::Known(CallStatus::Missed { waited, reason: why })
}

/// Returns whether the report states that the queue ended the wait, not the caller.
fn timed_out(facts: &Facts) -> bool {
    let queues = facts.report.iter().flat_map(|report| &report.queues);
    let left = queues.filter_map(|queue| queue.left.as_deref()).next_back();
    left.is_some_and(|left| left != "ABANDON" && left != "ANSWERED")
}

/// Returns the answer that a full report without snapshots proves.
fn answered_by_report(facts: &Facts, call: &mut Call) -> Option<Outcome> {
    let report = facts.report.as_ref()?;
    let in_queue = report.queues.iter().any(|queue| queue.left.as_deref() == Some("ANSWERED"));
    if in_queue || !report.agents.is_empty() {
        call.people.clone_from(&report.agents);
        return Some(Outcome::Known(CallStatus::Ended { talk_time: None }));
    }
    None
}

/// Returns the reason to emit `new` after `emitted`, of a call that is over. `certain`: no snapshot was missing at the first
/// emission, so that an answer in a summary is a system's.
pub(super) fn revision(emitted: (&CallStatus, &Call), new: (&CallStatus, &Call), certain: bool) -> Option<Revision> {
    let ((was, old), (is, call)) = (emitted, new);
    match (was, is) {
        _ if old.end_unknown && !call.end_unknown => Some(Revision::Resolved),
        _ if call.end_unknown => None,
        (CallStatus::Missed { .. }, CallStatus::Ended { .. }) => (!certain).then_some(Revision::Corrected),
        (CallStatus::Voicemail { .. }, CallStatus::Ended { .. }) => (!certain).then_some(Revision::Corrected),
        // An answer is never withdrawn.
        (CallStatus::Ended { .. }, CallStatus::Missed { .. }) => None,
        (CallStatus::Ended { .. }, CallStatus::Voicemail { .. }) => Some(Revision::Resolved),
        (CallStatus::Ended { .. }, CallStatus::Ended { .. })
            if call.course.needs_callback && !old.course.needs_callback =>
        {
            Some(Revision::Resolved)
        }
        _ => (was != is || shows(old) != shows(call)).then_some(Revision::Completed),
    }
}

/// Returns the facts of an ended call that a card shows.
fn shows(call: &Call) -> impl PartialEq + use<'_> {
    let course = &call.course;
    (
        (&call.people, &call.queues, &call.transfers, &call.caller.number, call.answered_at),
        (&course.talks, &course.handed_on, &course.mailbox, &course.gave_up, &course.hung_up, &course.forwarded_to),
    )
}
