//! Assigns reports to calls, and completes the calls by them. `outcome` decides how a call ended.

use super::{
    Effect,
    direction::from_report,
    identity::{beginner, goes_outside},
    tracker::Tracker,
};
use crate::model::{
    call::{CallDirection, Caller, Person, Report, WireDirection},
    ids::ConversationSpaceId,
    phone::PhoneNumber,
    time::Now,
};
use std::time::Duration;

impl Tracker {
    /// Handles a report. A report closes a call whose end was lost, or decides an outcome that is held back. The report of an
    /// ended call completes the outcome, or corrects it if snapshots were missing at the emission. For an unknown call no
    /// effect is returned: see [`update_from_report`](super::update_from_report).
    pub fn handle_report(&mut self, report: &Report, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        let limits = self.limits;
        let is_ended = self.ended.contains(&report.call);
        let id = if is_ended { &report.call } else { self.root_of(&report.call) }.clone();
        // The report of a linked conversation may be that of a consultation, which is not part of the call.
        if self.open.get(&id).is_some_and(|call| !call.accepts_report(report)) {
            return out;
        }
        if self.is_consultation(report) {
            if let Some(call) = self.open.get(&id).filter(|call| call.is_silent()).map(|call| call.id().clone()) {
                self.drop_consultation(&call, now);
                return out;
            }
            if self.ended.call(&report.call).is_some_and(|call| call.is_silent()) {
                return out;
            }
        }
        if let Some(mut call) = self.remove(&id) {
            call.apply_report(report, now, &limits);
            let over = call.emit_due(now, &limits, &mut out);
            self.insert(call, over, now, &mut out);
        } else if let Some(call) = self.ended.call(&report.call) {
            let certain = call.is_conclusive();
            call.apply_report(report, now, &limits);
            if !call.is_conclusive() && call.announce_report(&report.call) {
                out.push(Effect::FetchReport { call: report.call.clone() });
            }
            call.revise(certain, &mut out);
        }
        out
    }

    /// Handles GoTo's announcement of a conversation's report: the report is fetched once, however often it is announced.
    pub fn report_ready(&mut self, id: &ConversationSpaceId, now: Now) -> Vec<Effect> {
        self.ended.forget(now.instant, &self.limits);
        let root = self.root_of(id).clone();
        let fetch = match self.open.get_mut(&root).filter(|call| call.legs().has(id)) {
            Some(call) => call.announce_report(id),
            None => match self.ended.call(id) {
                Some(call) => call.announce_report(id),
                // A guess may turn out to be wrong.
                None => (!self.ended.contains(id) || self.ended.is_guess(id)) && self.ended.request(id, now.instant),
            },
        };
        let effect = || Effect::FetchReport { call: id.clone() };
        fetch.then(effect).into_iter().collect()
    }

    /// Completes the end of a call with the length of the message that was left.
    pub fn voicemail(&mut self, call: &ConversationSpaceId, length: Duration) -> Vec<Effect> {
        let mut out = Vec::new();
        if let Some(call) = self.ended.call(call) {
            call.voicemail(length, &mut out);
        }
        out
    }

    /// Returns whether a report is of a known call, or of a conversation about one. Any other report is of a separate call.
    #[must_use]
    pub fn covers(&self, report: &Report) -> bool {
        if self.open.contains_key(&report.call) {
            return true;
        }
        if self.ended.contains(&report.call) {
            return is_internal(report) || !self.ended.is_guess(&report.call);
        }
        if let Some(call) = self.call_by_leg.get(&report.call).and_then(|root| self.open.get(root)) {
            return is_internal(report) || call.accepts_report(report);
        }
        self.is_consultation(report)
    }

    /// Returns whether a report is of a conversation that a colleague held about a call.
    pub(super) fn is_consultation(&self, report: &Report) -> bool {
        let began = match report.full.as_ref().and_then(|full| full.snapshots.first()) {
            Some(first) => beginner(&first.state.participants).cloned(),
            None => report.caller.as_ref().and_then(|caller| line_of(report, caller)),
        };
        is_internal(report) && began.zip(report.created_at).is_some_and(|(person, at)| self.had_caller(&person, at))
    }
}

/// Returns whether a report is of a conversation among colleagues.
fn is_internal(report: &Report) -> bool {
    let snapshots = report.full.as_ref().map_or(&[][..], |full| &full.snapshots);
    match snapshots.first() {
        Some(first) => first.direction == WireDirection::Outbound && !snapshots.iter().any(goes_outside),
        None => from_report(report) == Some(CallDirection::Internal),
    }
}

/// Returns the line of a summary's caller, which the summary names by its extension.
fn line_of(report: &Report, caller: &Caller) -> Option<Person> {
    let PhoneNumber::Short(extension) = &caller.number else { return None };
    let extension = Some(extension.to_string());
    let listed = report.people.iter().find(|person| person.extension == extension);
    Some(listed.cloned().unwrap_or(Person { name: caller.name.clone(), extension, line: None }))
}
