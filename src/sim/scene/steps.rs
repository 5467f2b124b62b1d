//! Changes of each step, with the times between its states as live accounts have them.

use super::{
    Scene,
    consultation::Consultation,
    legs::SimulatedLeg,
    systems::{DialPlan, SimulatedMailbox, SimulatedQueue},
};
use crate::sim::scenario::{Extension, ScenarioStep};
use serde_json::{Map, Value, json};

fn details(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

impl Scene<'_> {
    /// Applies a step. A step that is due before the last state of the previous one follows it.
    pub(super) fn step(&mut self, at_ms: u64, step: &ScenarioStep) {
        self.at = self.at.max(at_ms);
        match step {
            ScenarioStep::Menu => self.menu(),
            ScenarioStep::Chooses { option } => self.choose(option),
            ScenarioStep::Queue { name } => self.queue(name),
            ScenarioStep::Rings { lines } => self.rings(lines),
            ScenarioStep::Dials { number } => self.dials(number),
            ScenarioStep::StopsRinging => self.stop_ringing(),
            ScenarioStep::Answers { extension } => self.answer(extension),
            ScenarioStep::Holds => self.hold(),
            ScenarioStep::Resumes => {
                self.set_caller("CONNECTED");
                self.snap();
            }
            ScenarioStep::Transfers { line } => {
                self.transfer(&line.extension);
                self.at += 158;
                self.ring(line);
            }
            ScenarioStep::TransfersToQueue { name } => {
                self.transfer(&crate::sim::people::queue_extension(name));
                self.at += 114;
                self.enter_queue(name);
            }
            ScenarioStep::Consults { line } => self.consult(line),
            ScenarioStep::HandsOver => self.hand_over(),
            ScenarioStep::Mailbox { message } => self.mailbox(*message),
            ScenarioStep::HangsUp { extension } => self.hang_up(extension.as_deref()),
        }
    }

    fn enter_plan(&mut self, kind: &'static str) {
        let (id, depth) = (self.new_part(), self.plans.len());
        self.plans.push(DialPlan::enter(self.recorder.call, id, depth, kind));
    }

    /// Changes the innermost dial plan and appends a state.
    fn in_plan(&mut self, after: u64, change: impl FnOnce(&mut DialPlan)) {
        self.plans.last_mut().map(change);
        self.snap_after(after);
    }

    /// Enters the first plan of an account, which sets the caller id and jumps to another plan.
    fn first_plan(&mut self) {
        self.active = true;
        self.set_caller("IN_INTERACTIVE_VOICE_RESPONSE");
        self.enter_plan("ModifyCallerIdNode");
        self.snap();
        self.in_plan(3, |plan| plan.leave("CONTINUE"));
        self.in_plan(100, |plan| plan.go("JumpToDialPlanNode"));
    }

    fn menu(&mut self) {
        if self.plans.is_empty() {
            self.first_plan();
        } else {
            self.leave_menu();
            self.in_plan(1, |plan| plan.go("JumpToDialPlanNode"));
        }
        self.enter_plan("ScheduleNode");
        self.snap_after(502);
        self.in_plan(3, |plan| plan.leave("OPEN_SCHEDULE"));
        self.in_plan(100, |plan| plan.go("AttendantPromptNode"));
    }

    fn choose(&mut self, option: &str) {
        self.in_plan(0, |plan| plan.choose(option));
        self.in_plan(1, |plan| plan.go("PlaySoundClipNode"));
        self.in_plan(4_509, |plan| plan.leave("CONTINUE"));
    }

    /// Leaves a menu by its first option, unless the plan is past its menu.
    fn leave_menu(&mut self) {
        if self.plans.last().is_some_and(DialPlan::is_menu) {
            self.in_plan(0, |plan| plan.choose("1"));
        }
    }

    fn queue(&mut self, name: &str) {
        self.leave_queue();
        if !self.plans.is_empty() {
            self.leave_menu();
            self.in_plan(1, |plan| plan.go("CallQueueNode"));
            self.at += 20;
        }
        self.enter_queue(name);
    }

    fn enter_queue(&mut self, name: &str) {
        self.active = true;
        self.set_caller("IN_INTERACTIVE_VOICE_RESPONSE");
        self.queue = Some(SimulatedQueue { id: self.new_part(), name: name.to_owned(), connected: true });
        self.snap();
    }

    /// Takes the queue out of the call, in one state.
    pub(super) fn leave_queue(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.connected = false;
            self.snap();
        }
    }

    fn rings(&mut self, lines: &[Extension]) {
        if let (None, Some(plan)) = (&self.queue, self.plans.last_mut()) {
            if plan.is_menu() {
                plan.dialed_extension = true;
            } else {
                self.in_plan(1, |plan| plan.go("SimpleDialNode"));
                self.at += 28;
            }
        }
        for line in lines {
            self.ring(line);
        }
    }

    /// Rings every device of a line, 4 ms apart.
    fn ring(&mut self, line: &Extension) {
        for device in 0..line.devices {
            let (id, caller) = (self.new_part(), self.caller_id());
            self.last_rung = Some((id.clone(), line.extension.clone()));
            self.legs.push(SimulatedLeg::line(self.recorder.call, id, caller, line, device));
            self.snap();
            self.at += 4;
        }
    }

    fn dials(&mut self, number: &str) {
        if self.recorder.call.plan.maker.is_none() {
            if self.plans.is_empty() {
                self.first_plan();
                self.enter_plan("ExternalNumberNode");
                self.snap_after(502);
            } else {
                self.leave_menu();
                self.in_plan(1, |plan| plan.go("ExternalNumberNode"));
            }
            self.at += 1_036;
        }
        let (id, caller) = (self.new_part(), self.caller_id());
        self.legs.push(SimulatedLeg::callee(self.recorder.call, id, caller, number));
        self.snap();
    }

    /// Stops every ringing phone, each in a state of its own.
    pub(super) fn stop_ringing(&mut self) {
        self.stop_ringing_except(None);
    }

    fn stop_ringing_except(&mut self, answering: Option<&str>) -> bool {
        let mut stopped = false;
        let caller = self.caller_id();
        let rings =
            |leg: &&mut SimulatedLeg| leg.is("RINGING") && leg.id != caller && answering != Some(leg.id.as_str());
        while let Some(leg) = self.legs.iter_mut().find(rings) {
            leg.set("DISCONNECTING", Map::new());
            self.snap();
            stopped = true;
        }
        stopped
    }

    /// Stops the other phones 2 ms before the answer, then connects the first participant, then the phone.
    fn answer(&mut self, extension: &str) {
        let found = self.legs.iter().skip(1).find(|leg| leg.is("RINGING") && leg.address == extension);
        let Some(id) = found.map(|leg| leg.id.clone()) else { return };
        if self.stop_ringing_except(Some(&id)) {
            self.at += 2;
        }
        self.active = true;
        self.set_caller("CONNECTED");
        self.snap();
        self.legs.iter_mut().filter(|leg| leg.id == id).for_each(|leg| leg.set("CONNECTED", Map::new()));
        self.snap();
        if self.recorder.call.plan.recorded {
            self.recorded_since.get_or_insert(self.at);
        }
    }

    fn hold(&mut self) {
        let initiator = self.connected().map(|leg| json!({ "initiator": { "participantId": leg.id } }));
        self.set_caller_with("ON_HOLD", details(initiator.unwrap_or_default()));
        self.snap();
    }

    /// Moves the caller into a direct transfer: queue, transferring phone and dial plans go.
    fn transfer(&mut self, destination: &str) {
        if self.legs.first().is_some_and(|caller| caller.is("ON_HOLD")) {
            self.set_caller("CONNECTED");
            self.snap();
            self.at += 2;
        }
        self.leave_queue();
        let initiator = self.connected().map(|leg| leg.reference(&self.recorder.conversation));
        let status = json!({ "initiator": initiator, "destination": { "number": destination } });
        self.set_caller_with("IN_DIRECT_TRANSFER", details(status));
        self.snap_after(1);
        self.drop_connected();
        self.snap_after(1);
        self.unwind_plans(42);
        self.transferred = true;
    }

    fn drop_connected(&mut self) {
        let connected = self.connected().map(|leg| leg.id.clone());
        let leaves = |leg: &&mut SimulatedLeg| Some(&leg.id) == connected.as_ref();
        self.legs.iter_mut().filter(leaves).for_each(|leg| leg.set("DISCONNECTING", Map::new()));
    }

    fn consult(&mut self, line: &Extension) {
        self.hold();
        let Some(maker) = self.connected().map(|leg| Extension::new(&leg.address, &leg.name)) else { return };
        self.consultation = Some(Consultation::start(self.recorder.call, self.at + 1_900, &maker, line));
    }

    /// Moves the caller into a warm transfer. The colleague keeps id and leg of the consultation, which ends.
    fn hand_over(&mut self) {
        let Some(mut consultation) = self.consultation.take() else { return };
        let status = json!({
            "initiator": self.connected().map(|leg| leg.reference(&self.recorder.conversation)),
            "transferrer": consultation.maker.reference(&consultation.id()),
            "destination": consultation.colleague.reference(&consultation.id()),
        });
        self.recorder.facts.associated = Some(consultation.id());
        self.set_caller_with("IN_WARM_TRANSFER", details(status));
        self.legs.push(consultation.colleague.clone());
        self.snap();
        self.at += 12;
        self.leave_queue();
        self.drop_connected();
        self.snap_after(1);
        consultation.end(self.at + 3, Some(&self.recorder.conversation));
        self.consultation = Some(consultation);
        self.unwind_plans(42);
    }

    fn mailbox(&mut self, message: bool) {
        self.stop_ringing();
        self.leave_queue();
        self.at += 18;
        self.active = true;
        self.set_caller("IN_INTERACTIVE_VOICE_RESPONSE");
        self.mailbox = Some(SimulatedMailbox {
            id: self.new_part(),
            owner: self.last_rung.as_ref().map(|(_, extension)| extension.clone()).unwrap_or_default(),
            called: self.recorder.call.plan.called_number.number.clone(),
            since: self.at,
            message,
            length: None,
            connected: true,
        });
        self.snap();
    }
}
