//! Items of the caller activity API, in the form of the guide's samples. Pure.

use super::{
    report, scene,
    scheduled_call::{ScheduledCall, national_number},
};
use serde_json::{Value, json};

/// Returns the outside number as the API writes it: ten digits in North America, all digits elsewhere.
pub(super) fn outside_number(call: &ScheduledCall) -> Option<String> {
    let caller = call.plan.caller.as_ref().and_then(|caller| caller.number.as_deref());
    let dialed = || call.dial_string().filter(|dialed| dialed.len() > 6);
    caller.map(national_number).or_else(dialed)
}

/// Returns the item of a call. The unit of `duration` is undocumented.
pub(super) fn item(call: &ScheduledCall) -> Option<Value> {
    let report = report::summary(scene::conversations(call).first()?);
    let party = |pointer: &str| report.pointer(pointer).and_then(Value::as_str);
    let ours = json!(call.plan.called_number.number.trim_start_matches("+1"));
    let outbound = call.plan.maker.is_some();
    let (outside, colleague) =
        if outbound { ("/participants/0/name", "/caller/name") } else { ("/caller/name", "/participants/0/name") };
    let outside = json!({ "name": party(outside), "number": outside_number(call) });
    let colleague = json!({ "name": party(colleague), "number": ours });
    let (caller, callee) = if outbound { (colleague, outside) } else { (outside, colleague) };
    let mut item = json!({
        "direction": call.plan.direction(), "startTime": report.get("callCreated"), "endTime": report.get("callEnded"),
        "duration": 900, "disposition": 16, "caller": caller, "callee": callee,
    });
    if let (Value::Object(item), Some(answered)) = (&mut item, report.get("callAnswered")) {
        item.insert("answerTime".to_owned(), answered.clone());
    }
    Some(item)
}
