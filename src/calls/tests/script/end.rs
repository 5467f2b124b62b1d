//! Writes the end of a call with its truth, and the full report. Summaries are in `composed::summaries`.

use super::Script;
use crate::model::call::{FullReport, ParticipantStatus, Phase, Report, ReportedMailbox, SystemKind, WireDirection};

impl Script {
    /// Hangs up, by the caller or by the connected person.
    pub fn hang_up(&mut self, by_caller: bool) {
        let waiting = self.pending
            || self.is_ringing()
            || self.queue.is_some()
            || matches!(self.caller, ParticipantStatus::OnHold { .. });
        let in_mailbox = self.snapshots.last().is_some_and(|last| {
            last.state.systems.iter().any(|system| matches!(system.kind, SystemKind::Voicemail { .. }))
        });
        let talked = !self.truth.talks.is_empty();
        let reached = talked || !self.truth.rang.is_empty() || self.queue_seen() || self.mailbox_seen();
        self.truth.menu_only = !reached && self.plans > 0;
        self.truth.callback = self.truth.message
            || if talked { waiting && !self.is_talking() || in_mailbox && self.pending } else { !self.truth.menu_only };
        let by = self.phones.first().map(|phone| phone.id.clone()).filter(|_| !by_caller);
        self.hung_up_by = by.or_else(|| Some("caller".try_into().unwrap()));
        self.leave_queue();
        if self.plans > 0 && self.is_talking() {
            self.caller = ParticipantStatus::InSystem;
        }
        self.stop(None);
        self.unwind();
        self.caller = ParticipantStatus::Disconnecting;
        self.snap();
        self.push(Vec::new(), Phase::Ending);
    }

    fn queue_seen(&self) -> bool {
        self.any_system(|kind| matches!(kind, SystemKind::Queue(_)))
    }

    fn mailbox_seen(&self) -> bool {
        self.any_system(|kind| matches!(kind, SystemKind::Voicemail { .. }))
    }

    fn any_system(&self, is: impl Fn(&SystemKind) -> bool) -> bool {
        self.snapshots.iter().flat_map(|event| &event.state.systems).any(|system| is(&system.kind))
    }

    /// Returns the full report.
    pub fn report(&self) -> Report {
        let last = self.snapshots.last().unwrap();
        let mailboxes = self.snapshots.iter().flat_map(|event| &event.state.systems).filter_map(|it| match &it.kind {
            SystemKind::Voicemail { result: result @ Some(_), length } => {
                Some(ReportedMailbox { result: result.clone(), length: *length })
            }
            _ => None,
        });
        let full =
            FullReport { snapshots: self.snapshots.clone(), mailboxes: mailboxes.collect(), ..FullReport::default() };
        Report {
            connection: last.connection.clone(),
            region: last.region,
            account: last.account.clone(),
            call: last.call.clone(),
            direction: WireDirection::Inbound,
            created_at: last.created_at,
            answered_at: last.created_at,
            ended_at: last.state.at,
            caller: None,
            outcome: None,
            people: Vec::new(),
            full: Some(Box::new(full)),
        }
    }
}
