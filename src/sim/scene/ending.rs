//! The end of a call: phones, systems, dial plans and the caller leave one after the other.

use super::{Scene, systems::DialPlan};
use serde_json::Map;

/// Time from the answer of a mailbox to the start of the message, milliseconds at speed 1.
const GREETING: u64 = 7_600;

impl Scene<'_> {
    /// Ends the call.
    pub(super) fn hang_up(&mut self, extension: Option<&str>) {
        let by_staff = |address: &str| self.legs.iter().skip(1).find(|leg| leg.address == address);
        let by = extension.and_then(by_staff).map_or_else(|| self.caller_id(), |leg| leg.id.clone());
        let (talked, states) = (self.connected().is_some(), self.recorder.states.len());
        self.stop_ringing();
        self.leave_mailbox();
        self.leave_queue();
        self.leave_talk();
        // The hang-up itself ends a plan in which the caller is alone.
        let alone = self.recorder.states.len() == states;
        self.unwind_plans(if alone { 0 } else { 42 });
        self.set_caller("DISCONNECTING");
        self.snap_after(7);
        // Without a talk GoTo names only a phone that rang out after a transfer.
        let rang_out = self.last_rung.as_ref().filter(|_| self.transferred).map(|(id, _)| id.clone());
        self.recorder.facts.hung_up_by = if talked { Some(by) } else { rang_out };
        self.recorder.push(self.at, "ENDING", Vec::new(), Vec::new(), self.recorded_since);
        if let Some(consultation) = &mut self.consultation {
            consultation.end(self.at, None);
        }
    }

    fn leave_mailbox(&mut self) {
        let at = self.at;
        let call = self.recorder.call;
        if let Some(mailbox) = &mut self.mailbox {
            mailbox.connected = false;
            let length = at.saturating_sub(mailbox.since).saturating_sub(GREETING);
            // GoTo's lengths are whole seconds.
            let seconds = call.scaled(length).as_secs().max(1);
            mailbox.length = mailbox.message.then_some(seconds * 1_000);
            self.snap();
        }
    }

    /// Removes the phone first. The caller is back in the innermost plan, if there is one.
    fn leave_talk(&mut self) {
        let Some(id) = self.connected().map(|leg| leg.id.clone()) else { return };
        if !self.plans.is_empty() {
            self.set_caller("IN_INTERACTIVE_VOICE_RESPONSE");
        }
        self.legs.iter_mut().filter(|leg| leg.id == id).for_each(|leg| leg.set("DISCONNECTING", Map::new()));
        self.snap();
    }

    /// Ends the stacked dial plans, the innermost first. `first` is the time before it, in milliseconds.
    pub(super) fn unwind_plans(&mut self, first: u64) {
        let mut pause = first;
        while let Some(plan) = self.plans.last_mut() {
            plan.leave(result(plan));
            plan.connected = false;
            self.snap_after(pause);
            pause = 11;
        }
    }
}

const fn result(plan: &DialPlan) -> &'static str {
    if plan.dialed_extension { "DIALED_EXTENSION" } else { "COMPLETED" }
}
