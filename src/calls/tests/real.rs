//! The recorded calls of `tests/calls/real`: live, by their report alone, and with every kind of loss.

mod recordings;

use super::{
    harness::{Harness, Input},
    in_words::end,
};
use crate::{
    calls::update_from_report,
    goto::wire::Frame,
    model::{
        call::{CallSnapshot, CallUpdate, Report, StatusKind},
        ids::ConversationSpaceId,
        time::{Timestamp, elapsed},
    },
};
use recordings::recorded;
use std::time::Duration;

/// A recorded call: its frames, the reports of its conversations, and their summaries.
struct Recorded {
    name: &'static str,
    epoch: Timestamp,
    frames: Vec<Frame>,
    reports: Vec<Report>,
    summaries: Vec<Report>,
    rings: &'static [&'static str],
    end: &'static str,
}

impl Recorded {
    fn snapshots(&self) -> Vec<CallSnapshot> {
        let event = |frame: &Frame| match frame {
            Frame::Call(event) => Some(event.clone()),
            _ => None,
        };
        self.frames.iter().filter_map(event).collect()
    }

    /// Checks the end, without the facts that only some live frames have: the report of the recorded call names no recording.
    fn check_end(&self, harness: &Harness, what: &str) {
        let bare = |text: &str| text.replace(" · recorded", "");
        assert_eq!(harness.end().as_deref().map(bare), Some(bare(self.end)), "{} {what}", self.name);
    }

    /// Returns a GoTo that has the reports two minutes after the end, and announces them if it `pushes`.
    fn harness(&self, has_reports: bool, pushes: bool) -> Harness {
        let mut harness = Harness::new(self.epoch);
        for report in &self.reports {
            let ready = elapsed(self.epoch, report.ended_at.unwrap()) + Duration::from_secs(120);
            if has_reports {
                harness.reports.insert(report.call.clone(), (ready, report.clone()));
            }
            if pushes {
                for again in 0..2 {
                    harness.plan(ready + Duration::from_secs(again), Input::ReportReady(report.call.clone()));
                }
            }
        }
        harness
    }

    fn of(&self, events: impl IntoIterator<Item = CallSnapshot>, has_reports: bool, pushes: bool) -> Harness {
        let mut harness = self.harness(has_reports, pushes);
        for event in events {
            harness.push(event);
        }
        harness.run(Duration::from_secs(600));
        harness
    }

    /// Returns whether a person talked, by the table.
    fn talked(&self) -> bool {
        self.end.contains("with ")
    }

    /// Checks the facts that hold with any loss.
    fn check(&self, harness: &Harness, what: &str) {
        let updates = || harness.updates.iter().map(|(_, update)| update).chain(&harness.from_reports);
        let emitted: Vec<String> =
            updates().map(|update| format!("{:?} {}", update.status.kind(), end(update))).collect();
        let is_false_missed = |update: &CallUpdate| {
            self.talked()
                && (update.status.kind() == StatusKind::Missed
                    || update.status.kind() == StatusKind::Voicemail
                        && update.call.course.mailbox.as_ref().is_none_or(|it| it.message != Some(true)))
        };
        assert!(!updates().any(is_false_missed), "{} {what}: false missed: {emitted:#?}", self.name);
        for update in updates() {
            for talk in &update.call.course.talks {
                let name = match &talk.with {
                    crate::model::call::TalkParty::Person(person) => format!("with {} ", person.name.as_ref().unwrap()),
                    crate::model::call::TalkParty::Outside(_) => "with outside".to_owned(),
                };
                assert!(self.end.contains(&name), "{} {what}: a wrong partner: {emitted:#?}", self.name);
            }
        }
        let finals = |update: &&CallUpdate| update.status.kind().is_final() && update.call.revision.is_none();
        assert!(updates().filter(finals).count() <= 1, "{} {what}: two ends: {emitted:#?}", self.name);
        let ids: std::collections::BTreeSet<&ConversationSpaceId> = updates().map(|update| &update.call.id).collect();
        assert!(ids.len() <= 1, "{} {what}: two calls: {emitted:#?}", self.name);
        let mut fetched = harness.fetched_reports.clone();
        fetched.sort();
        assert!(fetched.len() <= 2 * self.reports.len(), "{} {what}: {fetched:?}", self.name);
    }
}

#[test]
fn calls_received_whole_are_emitted_as_expected() {
    let mut odd = Vec::new();
    for call in recorded() {
        for (has_reports, pushes) in [(false, false), (true, true), (false, true)] {
            let harness = call.of(call.snapshots(), has_reports, pushes);
            if harness.phone_rings() != call.rings {
                odd.push(format!("{}: {:#?}", call.name, harness.phone_rings()));
            }
            if harness.end().as_deref() != Some(call.end) {
                odd.push(format!("{}:\n  {}\n  {}", call.name, call.end, harness.end().unwrap_or_default()));
            }
            let revised = harness
                .updates
                .iter()
                .filter(|(_, it)| it.call.revision.is_some())
                .map(|(_, it)| format!("{:?} {}", it.call.revision, end(it)));
            let revised: Vec<String> = revised.collect();
            if !revised.is_empty() {
                odd.push(format!("{}: revised {revised:#?}", call.name));
            }
            call.check(&harness, "whole");
        }
    }
    assert!(odd.is_empty(), "{}", odd.join("\n"));
}

#[test]
fn reports_alone_give_the_same_ends() {
    for call in recorded() {
        let harness = call.of([], true, true);
        call.check_end(&harness, "report only");
        call.check(&harness, "report only");
        assert_eq!(harness.fetched_reports.len(), call.reports.len(), "{}: once each", call.name);
    }
}

#[test]
fn each_lost_frame_leaves_the_same_end_once_the_report_is_read() {
    for call in recorded() {
        let snapshots = call.snapshots();
        for lost in 0..snapshots.len() {
            let rest = || snapshots.iter().enumerate().filter(|(at, _)| *at != lost).map(|(_, event)| event.clone());
            let what = format!("without frame {lost}");
            let harness = call.of(rest(), true, true);
            call.check_end(&harness, &what);
            call.check(&harness, &what);
            call.check(&call.of(rest(), false, false), &format!("{what}, no reports"));
        }
    }
}

#[test]
fn a_lost_half_leaves_the_same_end_once_the_report_is_read() {
    for call in recorded() {
        let snapshots = call.snapshots();
        for from in 1..snapshots.len() {
            for rest in [&snapshots[from..], &snapshots[..from]] {
                let what = format!("cut at {from}");
                let harness = call.of(rest.to_vec(), true, true);
                call.check_end(&harness, &what);
                call.check(&harness, &what);
                call.check(&call.of(rest.to_vec(), false, false), &format!("{what}, no reports"));
            }
        }
    }
}

#[test]
fn doubled_and_shuffled_frames_give_the_same_end() {
    for call in recorded() {
        let mut harness = call.harness(true, true);
        for (at, event) in call.snapshots().into_iter().enumerate() {
            let time = elapsed(call.epoch, event.state.at.unwrap());
            // Two lanes with delays that let frames overtake each other.
            for (lane, spread) in [(1, 7_919), (2, 104_729)] {
                let late = Duration::from_millis((at as u64 * spread * lane) % 2_500);
                harness.plan(time + late, Input::Snapshot(event.clone().into()));
            }
        }
        harness.run(Duration::from_secs(600));
        call.check_end(&harness, "shuffled");
        call.check(&harness, "shuffled");
    }
}

#[test]
fn summaries_alone_claim_only_what_they_prove() {
    for call in recorded() {
        let Some(update) = call.summaries.first().and_then(|it| update_from_report(it, call.epoch)) else {
            panic!("{}: its summary is of a call", call.name);
        };
        let words = end(&update);
        let outcome = call.summaries[0].outcome.clone().unwrap();
        match outcome.as_str() {
            "LEFT_DIAL_PLAN" | "LEFT_QUEUE" => assert!(words.starts_with("unknown"), "{}: {words}", call.name),
            "VOICEMAIL" => assert!(words.starts_with("voicemail · message?"), "{}: {words}", call.name),
            _ => assert_eq!(
                words.split(" · ").find(|it| ["ended", "missed"].contains(it)),
                call.end.split(" · ").find(|it| ["ended", "missed"].contains(it)),
                "{}",
                call.name
            ),
        }
    }
}
