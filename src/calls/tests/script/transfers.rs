//! Writes holds, transfers and the return to a plan. Rings and talks are in the parent.

use super::{Script, person};
use crate::model::{
    call::{ParticipantStatus, TransferParty, Transferring},
    ids::ParticipantId,
};

impl Script {
    /// Puts the caller on hold; `back` resumes the talk.
    pub fn hold(&mut self, ms: u64, back: bool) {
        self.caller = ParticipantStatus::OnHold { by: Some(self.phones[0].id.clone()) };
        self.snap();
        self.wait(ms);
        if back {
            self.caller = ParticipantStatus::Connected;
            self.snap();
        }
    }

    fn transferring(&self, to: &str, warm: bool) -> ParticipantStatus {
        let side = |participant: Option<ParticipantId>, extension: Option<String>| {
            Some(TransferParty { participant, extension, ..TransferParty::default() })
        };
        let by = self.phones.first().map(|phone| phone.id.clone());
        let initiator = side(by, self.phones.first().and_then(|phone| person(&phone.name).extension));
        ParticipantStatus::InTransfer(Box::new(Transferring {
            warm,
            initiator,
            transferrer: None,
            destination: side(None, Some(to.to_owned())),
        }))
    }

    /// Hands the call on without a consultation.
    pub fn transfer(&mut self, to: &str) {
        self.leave_queue();
        self.caller = self.transferring(to, false);
        self.snap();
        self.stop(None);
        self.unwind();
        self.wait(160);
        self.pending = true;
    }

    /// Hands the call on after a consultation of a colleague, whose phone still rings.
    pub fn warm_transfer(&mut self, to: &str) {
        self.hold(2_000, false);
        self.caller = self.transferring(to, true);
        let first = self.phones[0].name.clone();
        self.ring(&[to]);
        self.leave_queue();
        self.stop_one(&first);
        self.unwind();
        self.pending = true;
    }

    fn stop_one(&mut self, name: &str) {
        if let Some(at) = self.phones.iter().position(|phone| phone.name == name) {
            self.phones[at].status = ParticipantStatus::Disconnecting;
            self.snap();
            self.phones.remove(at);
            self.snap();
        }
    }

    /// Ends the talk by the connected person; the plan continues.
    pub fn leave_to_plan(&mut self) {
        self.leave_queue();
        self.caller = ParticipantStatus::InSystem;
        self.stop(None);
        self.snap();
        self.wait(1_500);
    }
}
