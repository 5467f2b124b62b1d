//! Updates of a call without a received snapshot, by its report alone: for the time after an event gap.

use super::{Limits, direction::from_report, report_outcome::ReportOutcome, tracked_call::TrackedCall};
use crate::model::{
    call::{
        Call, CallDirection, CallStatus, CallUpdate, Caller, CallerPosition, Course, GaveUp, Mailbox, MissedReason,
        Report,
    },
    phone::PhoneNumber,
    time::{Now, Timestamp, elapsed},
};
use std::time::{Duration, Instant};

/// Returns the final status of a reported call. `None` for a call that is part of another (a consultation, a pick-up), and
/// for an unknown direction. `clock` replaces missing times.
#[must_use]
pub fn update_from_report(report: &Report, clock: Timestamp) -> Option<CallUpdate> {
    // The times of a report are not checked for plausibility: an event gap may be days long.
    let at = report.ended_at.unwrap_or(clock);
    let snapshots = report.full.as_ref().map_or(&[][..], |full| &full.snapshots);
    match snapshots.first() {
        Some(first) => {
            #[expect(clippy::disallowed_methods, reason = "the tracked call lives no longer than this function")]
            let instant = Instant::now();
            let (now, limits) = (Now { instant, timestamp: at }, Limits::default());
            let mut call = TrackedCall::new(first, now, &limits);
            call.apply_report(report, now, &limits);
            call.final_update(at)
        }
        None => by_summary(report, at),
    }
}

/// Returns whether a report contains all facts of a full report.
#[must_use]
pub fn is_conclusive(report: &Report) -> bool {
    report.full.is_some() || matches!(ReportOutcome::read(report), ReportOutcome::Missed)
}

/// Returns whether a summary alone proves how the call ended, though not with whom.
#[must_use]
pub fn proves_outcome(report: &Report) -> bool {
    // A mailbox may have been reached without a message.
    !matches!(ReportOutcome::read(report), ReportOutcome::Unknown | ReportOutcome::Mailbox)
}

fn by_summary(report: &Report, at: Timestamp) -> Option<CallUpdate> {
    let direction = from_report(report)?;
    let outcome = ReportOutcome::read(report);
    // The phone of a colleague who picks up a call makes an outbound conversation without a far side.
    if direction == CallDirection::Internal && report.people.len() < 2 && outcome <= ReportOutcome::Missed {
        return None;
    }
    let started = report.created_at.unwrap_or(at);
    let (mut course, mut lost, mut people) = (Course::default(), false, report.people.clone());
    let status = match outcome {
        ReportOutcome::Talked { lasted } => {
            // One of the listed people talked. That person is named only if a single one is listed.
            people.truncate(if people.len() == 1 || direction != CallDirection::Inbound { people.len() } else { 0 });
            CallStatus::Ended { talk_time: lasted }
        }
        ReportOutcome::LeftWaiting { .. } => {
            let position = outcome.position().unwrap_or_default();
            course.gave_up = Some(GaveUp { position, queue: None, after: Duration::ZERO });
            course.position = position;
            course.needs_callback = direction == CallDirection::Inbound;
            people.clear();
            CallStatus::Ended { talk_time: None }
        }
        ReportOutcome::Mailbox => {
            course.mailbox = Some(Mailbox::default());
            course.position = CallerPosition::Mailbox;
            course.needs_callback = direction == CallDirection::Inbound;
            CallStatus::Voicemail { duration: None }
        }
        ReportOutcome::Missed => {
            course.needs_callback = direction == CallDirection::Inbound;
            let why = if direction != CallDirection::Inbound || !report.people.is_empty() {
                MissedReason::NobodyAnswered
            } else {
                MissedReason::Unknown
            };
            CallStatus::Missed { waited: elapsed(started, at), reason: why }
        }
        ReportOutcome::Unknown => {
            lost = true;
            people.clear();
            CallStatus::Ended { talk_time: None }
        }
    };
    let call = Call {
        direction,
        people,
        first_seen_late: true,
        end_unknown: lost,
        course,
        ..Call::new(
            report.call.clone(),
            report.connection.clone(),
            report.account.clone(),
            report.region,
            report.caller.clone().unwrap_or(Caller { name: None, number: PhoneNumber::Withheld }),
            started,
        )
    };
    Some(CallUpdate { call, status, at })
}
