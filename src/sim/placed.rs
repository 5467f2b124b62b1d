//! A call that was placed: its plan, its id, its start, and the facts of it that never change. Pure; all ids follow from
//! the call's own.

use super::scenario::{CallPlan, Line};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;
use uuid::Uuid;

/// How long after its end a call's report is there, at speed 1. "As soon as the call completes", says the guide.
const REPORT_AFTER: Duration = Duration::from_secs(6);

/// A call that was placed: all that its states follow from.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// The conversation space.
    pub(super) id: Uuid,
    /// When it came into being.
    pub(super) started: Timestamp,
    /// What it does.
    pub(super) plan: CallPlan,
}

/// ISO 8601 in UTC with milliseconds, as all of GoTo's times.
pub(super) fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}

impl Placed {
    /// A part's own id, the same every time it is asked for.
    pub(super) fn part(&self, name: &str) -> String {
        Uuid::new_v5(&self.id, name.as_bytes()).to_string()
    }

    /// A moment of the plan in real time since the start.
    pub(super) fn real(&self, at_ms: u64) -> Duration {
        let speed = if self.plan.speed.is_finite() { self.plan.speed.max(0.001) } else { 1.0 };
        Duration::from_millis(at_ms).div_f64(speed)
    }

    /// The clock at a time since the start.
    pub(super) fn at(&self, after: Duration) -> Timestamp {
        self.started.checked_add(after).unwrap_or(Timestamp::MAX)
    }

    /// When the report is there, since the start.
    pub(super) fn reported(&self) -> Duration {
        let end = self.plan.beats.last().map_or(0, |timed| timed.at_ms);
        self.real(end + u64::try_from(REPORT_AFTER.as_millis()).unwrap_or(u64::MAX))
    }

    /// `metadata`, with who hung up once somebody has.
    pub(super) fn metadata(&self, hung_up_by: Option<&str>) -> Value {
        let mut map = Map::new();
        map.insert("conversationSpaceId".to_owned(), self.id.to_string().into());
        map.insert("direction".to_owned(), self.plan.direction.clone().into());
        map.insert("accountKey".to_owned(), self.plan.account.clone().into());
        map.insert("callCreated".to_owned(), written(self.started).into());
        map.insert("callInitiator".to_owned(), "DIRECT".into());
        hung_up_by.map(|who| map.insert("hangupOriginatorId".to_owned(), who.into()));
        Value::Object(map)
    }

    /// The `type` of the outside party.
    pub(super) fn phone(&self) -> Value {
        let mut kind = json!({
            "value": "PHONE_NUMBER", "phoneNumberId": id_of(&self.plan.ours.number),
            "number": self.plan.ours.number, "name": self.plan.ours.name,
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

/// An id of something that outlives calls: a line, a number, a queue.
pub(super) fn id_of(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

/// `userKey` of a line: digits, more than fit a 64-bit float.
pub(super) fn user_key(line: &Line) -> String {
    let digits: String = line.extension.chars().filter(char::is_ascii_digit).collect();
    format!("98765432109876{digits:0>5}")
}
