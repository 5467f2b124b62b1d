//! Participants of a call and their JSON in live states.

use crate::sim::{
    scenario::{Extension, Party},
    scheduled_call::{ScheduledCall, stable_id, user_id},
};
use serde_json::{Map, Value, json};

/// Word of GoTo for the number and the name of a withheld caller.
const WITHHELD: &str = "Anonymous";
/// Models of devices, desk phone and app.
const MODELS: [&str; 2] = ["yealink.sip.t46s", "goto.clients"];

/// A participant.
#[derive(Debug, Clone)]
pub(super) struct SimulatedLeg {
    pub(super) id: String,
    /// Extension, or the outside number.
    pub(super) address: String,
    /// Name of the user.
    pub(super) name: String,
    leg_id: String,
    originator: String,
    kind: Value,
    status: &'static str,
    /// Keys of `status` beside its value.
    details: Map<String, Value>,
}

impl SimulatedLeg {
    fn ringing(call: &ScheduledCall, id: String, originator: String, address: &str, name: &str, kind: Value) -> Self {
        let leg_id = call.leg_id(&id);
        let (address, name) = (address.to_owned(), name.to_owned());
        Self { id, address, name, leg_id, originator, kind, status: "RINGING", details: Map::new() }
    }

    /// Creates the participant who begins a call. This participant is its own originator.
    pub(super) fn first(call: &ScheduledCall) -> Self {
        let id = call.part_id("caller");
        if let Some(maker) = &call.plan.maker {
            return Self::line(call, id.clone(), id, maker, 0);
        }
        let unnamed = Party::default();
        let caller = call.plan.caller.as_ref().unwrap_or(&unnamed);
        let number = caller.number.as_deref().unwrap_or(WITHHELD);
        let name = caller.name.as_deref().unwrap_or(if caller.number.is_none() { WITHHELD } else { "" });
        let kind = outside(call, "caller", name, number);
        Self::ringing(call, id.clone(), id, number, name, kind)
    }

    /// Creates a ringing device of a line.
    pub(super) fn line(call: &ScheduledCall, id: String, originator: String, line: &Extension, device: u8) -> Self {
        let device_id = stable_id(&format!("device {} {device}", line.extension));
        let model = MODELS.get(usize::from(device) % MODELS.len()).copied().unwrap_or_default();
        let kind = json!({
            "value": "LINE", "lineId": stable_id(&line.extension), "deviceId": device_id,
            "extensionNumber": line.extension, "name": line.name,
            "device": { "id": device_id, "model": model, "user": { "id": user_id(line) } },
        });
        Self::ringing(call, id, originator, &line.extension, &line.name, kind)
    }

    /// Creates a ringing outside number that is called.
    pub(super) fn callee(call: &ScheduledCall, id: String, originator: String, number: &str) -> Self {
        Self::ringing(call, id, originator, number, "", outside(call, "callee", "", number))
    }

    /// Returns whether the participant has this status.
    pub(super) fn is(&self, status: &str) -> bool {
        self.status == status
    }

    /// Sets the status and its details.
    pub(super) fn set(&mut self, status: &'static str, details: Map<String, Value>) {
        (self.status, self.details) = (status, details);
    }

    /// Returns the participant as a transfer names it in `status`.
    pub(super) fn reference(&self, conversation: &str) -> Value {
        json!({
            "participantId": self.id, "conversationSpaceId": conversation,
            "extensionNumber": self.address, "name": self.name,
        })
    }

    /// Returns the JSON. Only later states contain whether the caller is a contact.
    pub(super) fn json(&self, with_contact: bool) -> Value {
        let mut status = self.details.clone();
        status.insert("value".to_owned(), self.status.into());
        let mut kind = self.kind.clone();
        if let (Value::Object(map), true) = (&mut kind, with_contact && self.kind.get("caller").is_some()) {
            map.insert("contact".to_owned(), json!({ "notAddedReason": "NO_CONTACT" }));
        }
        json!({
            "id": self.id, "legId": self.leg_id, "originator": self.originator, "status": status, "type": kind,
        })
    }
}

fn outside(call: &ScheduledCall, side: &str, name: &str, number: &str) -> Value {
    let ours = &call.plan.called_number;
    json!({
        "value": "PHONE_NUMBER", "phoneNumberId": stable_id(&ours.number), "number": ours.number, "name": ours.name,
        "callProvider": "PSTN", side: { "name": name, "number": number },
    })
}
