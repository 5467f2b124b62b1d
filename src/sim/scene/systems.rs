//! Dial plans, queues and mailboxes of a call and their JSON in live states.

use crate::sim::{
    people,
    scheduled_call::{ScheduledCall, mailbox_id, stable_id},
};
use serde_json::{Value, json};

fn system(id: &str, caller: &str, connected: bool, kind: Value) -> Value {
    let status = if connected { "CONNECTED" } else { "DISCONNECTING" };
    json!({ "id": id, "originator": caller, "status": { "value": status }, "type": kind })
}

/// A node of a dial plan.
#[derive(Debug, Clone)]
struct Node {
    id: String,
    kind: &'static str,
    option: Option<String>,
    result: Option<&'static str>,
}

/// A dial plan that has the caller.
#[derive(Debug, Clone)]
pub(super) struct DialPlan {
    id: String,
    execution: String,
    plan_id: String,
    node: Node,
    previous: (String, String),
    visited: u16,
    /// Whether a phone rings because the caller dialed its extension in the menu.
    pub(super) dialed_extension: bool,
    /// Whether the plan is still there after the next state.
    pub(super) connected: bool,
}

impl DialPlan {
    /// Enters a dial plan at its first node. `depth` tells the stacked plans of an account apart.
    pub(super) fn enter(call: &ScheduledCall, id: String, depth: usize, kind: &'static str) -> Self {
        let execution = call.leg_id(&format!("execution {id}"));
        let node = Node { id: format!("{kind}_1001"), kind, option: None, result: None };
        let (plan_id, previous) = (stable_id(&format!("dial plan {depth}")), (String::new(), String::new()));
        Self { id, execution, plan_id, node, previous, visited: 1, dialed_extension: false, connected: true }
    }

    /// Moves to the next node.
    pub(super) fn go(&mut self, kind: &'static str) {
        let connector = match (&self.node.option, self.node.result) {
            (Some(option), _) => format!("option_{option}"),
            (None, Some("OPEN_SCHEDULE")) => "onOpen".to_owned(),
            _ => "nextNode".to_owned(),
        };
        self.visited += 1;
        let next = Node { id: format!("{kind}_{}", 1000 + self.visited), kind, option: None, result: None };
        self.previous = (std::mem::replace(&mut self.node, next).id, connector);
    }

    /// Leaves the node with a result.
    pub(super) fn leave(&mut self, result: &'static str) {
        self.node.result = Some(result);
    }

    /// Leaves the menu by a key.
    pub(super) fn choose(&mut self, option: &str) {
        (self.node.option, self.node.result) = (Some(option.to_owned()), Some("DIALED_OPTION"));
    }

    /// Returns whether the caller listens to a menu.
    pub(super) fn is_menu(&self) -> bool {
        self.node.kind == "AttendantPromptNode" && self.node.result.is_none()
    }

    /// Returns the JSON.
    pub(super) fn json(&self, caller: &str) -> Value {
        let mut node = json!({ "id": self.node.id, "type": self.node.kind });
        if let Value::Object(map) = &mut node {
            self.node.option.as_ref().map(|option| map.insert("option".to_owned(), option.clone().into()));
            self.node.result.map(|result| map.insert("result".to_owned(), result.into()));
        }
        let kind = json!({
            "value": "DIAL_PLAN", "dialPlanId": self.plan_id, "executionId": self.execution, "currentNode": node,
            "previousNode": { "id": self.previous.0, "connector": self.previous.1 },
        });
        system(&self.id, caller, self.connected, kind)
    }
}

/// A queue that has the caller.
#[derive(Debug, Clone)]
pub(super) struct SimulatedQueue {
    pub(super) id: String,
    pub(super) name: String,
    /// Whether the queue is still there after the next state.
    pub(super) connected: bool,
}

impl SimulatedQueue {
    /// Returns the JSON.
    pub(super) fn json(&self, caller: &str) -> Value {
        let kind = json!({
            "value": "CALL_QUEUE", "queueId": stable_id(&format!("queue {}", self.name)), "queueName": self.name,
            "queueType": "BASIC", "configuredWrapUpDuration": people::queue_wrap_up(&self.name),
        });
        system(&self.id, caller, self.connected, kind)
    }
}

/// A mailbox that has the caller.
#[derive(Debug, Clone)]
pub(super) struct SimulatedMailbox {
    pub(super) id: String,
    /// Extension of the owner. No state contains it.
    pub(super) owner: String,
    /// Number of the account that was called.
    pub(super) called: String,
    /// Time of the mailbox's answer, in milliseconds of the plan.
    pub(super) since: u64,
    /// Whether the caller leaves a message.
    pub(super) message: bool,
    /// Length of the message in milliseconds, at the end.
    pub(super) length: Option<u64>,
    /// Whether the mailbox is still there after the next state.
    pub(super) connected: bool,
}

impl SimulatedMailbox {
    /// Returns the JSON. The outcome is only in the state in which the mailbox leaves.
    pub(super) fn json(&self, caller: &str) -> Value {
        let mut kind =
            json!({ "value": "VOICEMAIL", "voicemailBoxId": mailbox_id(&self.owner), "number": self.called });
        if let (Value::Object(map), false) = (&mut kind, self.connected) {
            let status = if self.length.is_some() { "SUCCESS" } else { "FAILED" };
            map.insert("voicemailStatus".to_owned(), status.into());
            if let Some(length) = self.length {
                map.insert("folder".to_owned(), "INBOX".into());
                map.insert("duration".to_owned(), length.into());
            }
        }
        system(&self.id, caller, self.connected, kind)
    }
}
