//! The calls of one number: a page of `caller-activity/{number}`. `duration` is not read: its unit is documented nowhere.

use super::{
    Unreadable, json,
    pick::{list, object, text, time},
};
use crate::{model::call_record::CallRecord, runtime::json::Value};

/// Items that are read from one answer: GoTo's largest `pageSize`.
const MOST: usize = 10_000;

/// Reads an answer. Items without a start time are left out.
///
/// # Errors
/// [`Unreadable`] if the body is not a list of calls.
pub fn activity(body: &[u8]) -> Result<Vec<CallRecord>, Unreadable> {
    json(body, |page| {
        if !page.get("items").is_array() {
            return Err(Unreadable::Lacks("items"));
        }
        Ok(list(page, "items", MOST).filter_map(item).collect())
    })
}

fn item(value: &Value<'_>) -> Option<CallRecord> {
    let outbound = text(value, "direction").is_some_and(|word| word.eq_ignore_ascii_case("OUTBOUND"));
    let colleague = object(value, if outbound { "caller" } else { "callee" });
    Some(CallRecord {
        outbound,
        started_at: time(value, "startTime")?,
        answered_at: time(value, "answerTime"),
        ended_at: time(value, "endTime"),
        colleague: colleague.and_then(|it| text(it, "name")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_answer_is_read_and_unanswered_call_has_no_person() {
        let body = br#"{"items":[
            {"direction":"INBOUND","startTime":"2026-11-20T10:00:00.123456Z","answerTime":"2026-11-20T10:00:08Z",
             "endTime":"2026-11-20T10:03:00Z","duration":900,"disposition":16,
             "caller":{"name":"Ann","number":"5145550199"},"callee":{"name":"Ben","number":"5145550100"}},
            {"direction":"OUTBOUND","startTime":"2026-11-20T11:00:00Z","endTime":"2026-11-20T11:00:20Z",
             "caller":{"name":"Ben"},"callee":{"name":"Ann"}},
            {"direction":"INBOUND","startTime":null}, 7]}"#;
        let calls = activity(body).unwrap();
        let [answered, tried] = calls.as_slice() else { panic!("{calls:?}") };
        assert_eq!((answered.outbound, answered.colleague.as_deref()), (false, Some("Ben")));
        assert_eq!(answered.answered_at.unwrap().to_string(), "2026-11-20T10:00:08Z");
        assert_eq!((tried.outbound, tried.answered_at, tried.colleague.as_deref()), (true, None, Some("Ben")));
    }

    #[test]
    fn answer_without_a_list_is_an_error() {
        for body in ["", "[]", "{}", r#"{"items":{}}"#, "<html>"] {
            assert!(activity(body.as_bytes()).is_err(), "{body}");
        }
    }
}
