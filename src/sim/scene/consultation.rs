//! The conversation in which a person consults a colleague before a transfer: outbound, staff only.

use super::{Conversation, StateRecorder, legs::SimulatedLeg};
use crate::sim::{scenario::Extension, scheduled_call::ScheduledCall};
use serde_json::Map;

/// A consultation.
#[derive(Debug)]
pub(super) struct Consultation<'a> {
    recorder: StateRecorder<'a>,
    /// The consulting person.
    pub(super) maker: SimulatedLeg,
    /// The consulted colleague.
    pub(super) colleague: SimulatedLeg,
    ended: bool,
}

impl<'a> Consultation<'a> {
    /// Starts the conversation at a time in milliseconds of the plan. The colleague's phone rings 61 ms later.
    pub(super) fn start(call: &'a ScheduledCall, at: u64, maker: &Extension, line: &Extension) -> Self {
        let maker_id = call.part_id("consulting");
        let maker = SimulatedLeg::line(call, maker_id.clone(), maker_id.clone(), maker, 0);
        let colleague = SimulatedLeg::line(call, call.part_id("consulted"), maker_id, line, 0);
        let mut recorder = StateRecorder::new(call);
        recorder.conversation = call.consultation_id().to_string();
        (recorder.direction, recorder.start) = ("OUTBOUND", at);
        recorder.dial_string = Some(line.extension.clone());
        recorder.push(at, "STARTING", vec![maker.json(false)], Vec::new(), None);
        recorder.push(at + 61, "STARTING", vec![maker.json(true), colleague.json(true)], Vec::new(), None);
        Self { recorder, maker, colleague, ended: false }
    }

    /// Returns the conversation space id.
    pub(super) fn id(&self) -> String {
        self.recorder.conversation.clone()
    }

    /// Ends the conversation once. `main`: the conversation that the colleague is in now.
    pub(super) fn end(&mut self, at: u64, main: Option<&str>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.recorder.facts.associated = main.map(str::to_owned);
        self.maker.set("DISCONNECTING", Map::new());
        self.recorder.push(at, "STARTING", vec![self.maker.json(true)], Vec::new(), None);
        self.recorder.push(at, "ENDING", Vec::new(), Vec::new(), None);
    }

    /// Returns the recorded states.
    pub(super) fn into_conversation(self) -> Conversation {
        Conversation { id: self.recorder.conversation, states: self.recorder.states }
    }
}
