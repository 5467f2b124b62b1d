//! A scheduled call: its plan, id, start and constant facts. Pure. All other ids derive from the call id.

use super::scenario::{CallPlan, Extension};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;
use uuid::Uuid;

/// Delay between the end of a call and its report, at speed 1. GoTo's guide: "as soon as the call completes".
const REPORT_DELAY: Duration = Duration::from_secs(6);

/// A scheduled call. Its states derive from these fields alone.
#[derive(Debug, Clone)]
pub(super) struct ScheduledCall {
    /// Conversation space id.
    pub(super) id: Uuid,
    /// Start of the call.
    pub(super) started: Timestamp,
    /// Steps of the call.
    pub(super) plan: CallPlan,
}

/// Formats a time as GoTo does: ISO 8601 in UTC with milliseconds.
pub(super) fn format_timestamp(at: Timestamp) -> String {
    format!("{at:.3}")
}

impl ScheduledCall {
    /// Returns the stable id of a part of the call.
    pub(super) fn part_id(&self, name: &str) -> String {
        Uuid::new_v5(&self.id, name.as_bytes()).to_string()
    }

    /// Converts a time of the plan to real time since the start.
    pub(super) fn scaled(&self, at_ms: u64) -> Duration {
        let speed = if self.plan.speed.is_finite() { self.plan.speed.max(0.001) } else { 1.0 };
        Duration::from_millis(at_ms).div_f64(speed)
    }

    /// Returns the clock time at a duration since the start.
    pub(super) fn time_at(&self, after: Duration) -> Timestamp {
        self.started.checked_add(after).unwrap_or(Timestamp::MAX)
    }

    /// Returns the duration from the start to the report.
    pub(super) fn report_delay(&self) -> Duration {
        let end = self.plan.steps.last().map_or(0, |timed| timed.at_ms);
        self.scaled(end + u64::try_from(REPORT_DELAY.as_millis()).unwrap_or(u64::MAX))
    }

    /// Returns `metadata`, with the originator of the hangup after the end.
    pub(super) fn metadata(&self, hung_up_by: Option<&str>) -> Value {
        let mut map = Map::new();
        map.insert("conversationSpaceId".to_owned(), self.id.to_string().into());
        map.insert("direction".to_owned(), self.plan.direction.clone().into());
        map.insert("accountKey".to_owned(), self.plan.account.clone().into());
        map.insert("callCreated".to_owned(), format_timestamp(self.started).into());
        map.insert("callInitiator".to_owned(), "DIRECT".into());
        hung_up_by.map(|who| map.insert("hangupOriginatorId".to_owned(), who.into()));
        Value::Object(map)
    }

    /// Returns the `type` object of the outside party.
    pub(super) fn phone_party(&self) -> Value {
        let mut kind = json!({
            "value": "PHONE_NUMBER", "phoneNumberId": stable_id(&self.plan.called_number.number),
            "number": self.plan.called_number.number, "name": self.plan.called_number.name,
        });
        if let (Value::Object(map), Some(caller)) = (&mut kind, &self.plan.caller) {
            let mut party = Map::new();
            caller.name.as_ref().map(|name| party.insert("name".to_owned(), name.clone().into()));
            caller.number.as_ref().map(|number| party.insert("number".to_owned(), number.clone().into()));
            let side = if self.plan.direction == "OUTBOUND" { "callee" } else { "caller" };
            map.insert(side.to_owned(), Value::Object(party));
        }
        kind
    }
}

/// Returns the stable id of a line, number or queue, independent of a call.
pub(super) fn stable_id(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

/// Returns the `userKey` of a line: more digits than a 64-bit float can hold.
pub(super) fn user_key(line: &Extension) -> String {
    let digits: String = line.extension.chars().filter(char::is_ascii_digit).collect();
    format!("98765432109876{digits:0>5}")
}
