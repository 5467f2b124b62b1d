//! The message of a call, as the full report, the voicemail API and the call history state it. Pure.

use super::{
    scene::{TimedState, text},
    scheduled_call::{ScheduledCall, mailbox_id, national_number, report_time, stable_id},
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A message in a mailbox.
#[derive(Debug)]
pub(super) struct SimulatedVoicemail {
    id: String,
    caller_name: String,
    caller_number: String,
    extension: String,
    length: u64,
}

/// Returns the message of a conversation. The owner of the mailbox is the line that rang last.
pub(super) fn message(call: &ScheduledCall, states: &[TimedState]) -> Option<SimulatedVoicemail> {
    let systems = |state: &TimedState| state.body.get("interactiveVoiceResponseSystems")?.as_array().cloned();
    let is_left = |system: &Value| text(system, "/type/voicemailStatus") == Some("SUCCESS");
    let mailbox = states.iter().filter_map(systems).flatten().find(is_left)?;
    let caller = states.first()?.body.pointer("/participants/0/type/caller")?;
    let rung = states.iter().rev().find_map(|state| {
        let legs = state.body.get("participants").and_then(Value::as_array)?;
        legs.iter().skip(1).find_map(|leg| text(leg, "/type/extensionNumber"))
    });
    Some(SimulatedVoicemail {
        id: call.leg_id("message"),
        caller_name: text(caller, "/name").unwrap_or_default().to_owned(),
        caller_number: national_number(text(caller, "/number").unwrap_or_default()),
        extension: rung.unwrap_or_default().to_owned(),
        length: mailbox.pointer("/type/duration").and_then(Value::as_u64).unwrap_or_default(),
    })
}

impl SimulatedVoicemail {
    /// Returns the `type` of an action of a full report.
    pub(super) fn action(&self, ended: Timestamp) -> Value {
        json!({
            "value": "VOICEMAIL_NEW", "callerName": self.caller_name, "callerNumber": self.caller_number,
            "calledNumber": self.extension, "extensionNumber": self.extension, "extensionId": stable_id(&self.extension),
            "durationMs": self.length, "createdTime": format!("{ended:.0}"), "mailboxType": "LINE",
            "voicemailId": self.id, "voicemailboxId": mailbox_id(&self.extension),
        })
    }

    /// Returns the item of the voicemail API.
    pub(super) fn item(&self, account: &str, ended: Timestamp) -> Value {
        json!({
            "voicemailId": self.id, "accountKey": account, "extensionNumber": self.extension,
            "callerNumber": self.caller_number, "timestamp": report_time(ended), "status": "NEW",
            "durationMs": self.length, "transcriptionStatus": "IN_PROGRESS",
        })
    }
}
