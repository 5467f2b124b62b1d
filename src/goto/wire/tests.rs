//! Snapshots of calls, other frames, and any text.

mod reports;

use super::*;
use crate::model::{
    call::{ParticipantKind, ParticipantStatus, Phase, SystemKind, VoicemailResult, WireDirection},
    phone::PhoneNumber,
};
use proptest::prelude::*;
use serde_json::Value;
use std::time::Duration;

fn reader() -> Reader {
    Reader { connection: ConnectionName::try_from("main").unwrap(), region: Region::US }
}

fn call(text: &str) -> CallSnapshot {
    match frame(text, &reader()).unwrap() {
        Frame::Call(call) => call,
        other => panic!("no call: {other:?}"),
    }
}

const RINGING: &str = r#"{"data":{"source":"call-events","type":"call-state","timestamp":"2026-05-01T14:03:20.905Z","content":{
 "metadata":{"conversationSpaceId":"7c0f-1","direction":"INBOUND","accountKey":"1234567890123456789012","callCreated":"2026-05-01T14:03:20.147Z",
  "associatedConversations":["a-1",{"id":"x","conversationSpaceId":"a-2"},{"id":"a-3"},7,null]},
 "state":{"id":"s","type":"STARTING","sequenceNumber":2,"timestamp":"2026-05-01T14:03:20.880Z","participants":[
  {"id":"p1","type":{"value":"PHONE_NUMBER","number":"+15145550100","name":"Main line","caller":{"name":"ALICE MARTIN","number":"+15145550199"}},"status":{"value":"RINGING"}},
  {"id":"p2","type":{"value":"LINE","lineId":"l1","extensionNumber":"0523","name":"Bob Roy"},"status":{"value":"CONNECTED"}}],
  "interactiveVoiceResponseSystems":[{"type":{"value":"CALL_QUEUE","queueName":"Support","extensionNumber":"8001"}},{"type":{"value":"DIAL_PLAN"}},{"type":{"value":"VOICEMAIL"}}]}}}}"#;

#[test]
fn label_that_repeats_the_number_in_any_notation_is_none() {
    let label = |name: &str| {
        let event = call(&RINGING.replace("Main line", name));
        let ParticipantKind::PhoneNumber { account_number: ours, .. } = &event.state.participants[0].kind else {
            panic!()
        };
        ours.label.clone()
    };
    for name in ["+15145550100", "5145550100", "15145550100", "(514) 555-0100", "+1 514-555-0100", "514.555.0100"] {
        assert_eq!(label(name), None, "{name}");
    }
    for name in ["5145550199", "Main line", "Sales 514-555-0100", "24/7"] {
        assert_eq!(label(name).as_deref(), Some(name));
    }
}

#[test]
fn call_is_read_wrapped_or_bare() {
    let event = call(RINGING);
    assert_eq!(event.account.as_str(), "1234567890123456789012");
    assert_eq!(event.direction, WireDirection::Inbound);
    assert_eq!(event.created_at.unwrap().to_string(), "2026-05-01T14:03:20.147Z");
    assert_eq!(event.linked.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["a-1", "a-2", "a-3", "7"]);
    assert_eq!((event.state.sequence, event.state.phase.clone()), (2, Phase::Starting));
    let ParticipantKind::PhoneNumber { account_number: ours, caller: Some(caller), .. } =
        &event.state.participants[0].kind
    else {
        panic!()
    };
    assert_eq!(ours.label.as_deref(), Some("Main line"));
    assert_eq!(caller.name.as_deref(), Some("ALICE MARTIN"));
    assert_eq!(caller.number.as_e164().unwrap().expose(), "+15145550199");
    let ParticipantKind::Line(person) = &event.state.participants[1].kind else { panic!() };
    assert_eq!(person.extension.as_deref(), Some("0523"), "an extension keeps its zeros");
    assert_eq!(event.state.participants[1].status, ParticipantStatus::Connected);
    let kinds: Vec<_> = event.state.systems.iter().map(|system| &system.kind).collect();
    assert!(
        matches!(kinds[..], [SystemKind::Queue(queue), SystemKind::DialPlan, SystemKind::Voicemail { result: None, .. }]
        if queue.name == "Support")
    );
    let value: Value = serde_json::from_str(RINGING).unwrap();
    assert_eq!(call(&value["data"].to_string()), event);
    assert_eq!(
        call(&serde_json::json!({"content": value["data"]["content"]}).to_string()),
        event,
        "by its shape alone"
    );
}

#[test]
fn odd_field_of_a_call_is_kept_and_the_rest_is_read() {
    let event = call(
        r#"{"source":"call-events","content":{"metadata":{"conversationSpaceId":"c","accountKey":12,"direction":"SIDEWAYS","callCreated":"yesterday"},
        "state":{"type":["?"],"sequenceNumber":"3","participants":[null,5,"x",{},
          {"id":"bad id","type":"LINE","name":"Flat","extensionNumber":1015,"status":"HELD"},
          {"type":{"value":"PHONE_NUMBER","caller":"+15145550199"}},
          {"type":{"value":"PHONE_NUMBER","caller":{"number":null}}},
          {"type":{"value":"HOLOGRAM","caller":{"number":"Anonymous"}},"status":{"value":7}}],
         "interactiveVoiceResponseSystems":{"not":"a list"}}}}"#,
    );
    assert_eq!(event.account.as_str(), "12");
    assert_eq!(event.direction, WireDirection::Other("SIDEWAYS".to_owned()));
    assert_eq!((event.created_at, event.state.sequence), (None, 3));
    assert_eq!(event.state.phase, Phase::Other(String::new()));
    assert_eq!(event.state.participants.len(), 8, "a place in the list is a leg");
    let flat = &event.state.participants[4];
    assert_eq!((flat.id.as_ref(), &flat.status), (None, &ParticipantStatus::Other("HELD".to_owned())));
    assert!(
        matches!(&flat.kind, ParticipantKind::Line(it) if it.name.as_deref() == Some("Flat") && it.extension.as_deref() == Some("1015"))
    );
    let callers: Vec<_> = event.state.participants[5..]
        .iter()
        .map(|party| match &party.kind {
            ParticipantKind::PhoneNumber { caller, .. } | ParticipantKind::Other { caller, .. } => {
                caller.clone().unwrap().number
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(matches!(&callers[..], [PhoneNumber::Known(_), PhoneNumber::Withheld, PhoneNumber::Withheld]));
}

#[test]
fn attribute_that_a_strict_parser_refuses_does_not_cost_the_call() {
    let expected = call(RINGING);
    let deep = format!("\"future\": {}1{}, ", "{\"a\":[".repeat(10_000), "]}".repeat(10_000));
    for (place, replacement) in [
        ("\"id\":\"s\",", "\"load\": 1e400, "),
        ("\"id\":\"s\",", "\"note\": \"half \\ud83d\","),
        ("\"id\":\"s\",", &deep),
    ] {
        assert_eq!(call(&RINGING.replace(place, replacement)), expected, "{replacement:.40}");
    }
    let named = call(&RINGING.replace("ALICE MARTIN", "ALICE \\ud83d"));
    let ParticipantKind::PhoneNumber { caller: Some(caller), .. } = &named.state.participants[0].kind else { panic!() };
    assert_eq!(caller.name.as_deref(), Some("ALICE \u{fffd}"));
}

#[test]
fn caller_without_a_name_at_a_payphone_is_named_by_its_parameter() {
    let named = r#""name":"ALICE MARTIN","number":"+15145550199""#;
    let caller = |number: &str| {
        let event = call(&RINGING.replace(named, number));
        let ParticipantKind::PhoneNumber { caller, .. } = event.state.participants[0].kind.clone() else { panic!() };
        caller.unwrap()
    };
    let payphone = caller(r#""number":"+15145550199;cpc=payphone""#);
    assert_eq!(payphone.name.as_deref(), Some("payphone"));
    assert_eq!(payphone.number.as_e164().unwrap().expose(), "+15145550199");
    let named = caller(r#""name":"ALICE MARTIN","number":"+15145550199;cpc=payphone""#);
    assert_eq!(named.name.as_deref(), Some("ALICE MARTIN"), "a name from the network counts more");
    assert_eq!(caller(r#""number":"+15145550199;cpc=ordinary""#).name, None);
}

#[test]
fn control_frame_is_recognized_and_foreign_one_ignored() {
    let read = |text| frame(text, &reader()).unwrap();
    assert_eq!(read(r#"{"data":{"type":"WEBSOCKET_REFRESH_REQUIRED"}}"#), Frame::RefreshRequired);
    assert_eq!(read(r#"{"type":"WEBSOCKET_TO_BE_CLOSED"}"#), Frame::ToBeClosed);
    for foreign in [
        r#"{"data":{"source":"voicemail","type":"NEW_VOICEMAIL","content":{"callerNumber":"+1"}}}"#,
        r#"{"data":{"type":"WEBSOCKET_OF_TOMORROW"}}"#,
        r#"{"data":7}"#,
        "{}",
    ] {
        assert_eq!(read(foreign), Frame::Foreign, "{foreign}");
    }
}

#[test]
fn frame_that_is_garbage_gives_an_error_without_its_text() {
    let why = |text: &str| frame(text, &reader()).unwrap_err();
    assert_eq!(why(""), Unreadable::Json { line: 1, column: 0 });
    assert_eq!(why("[]"), Unreadable::Shape);
    assert_eq!(why(r#"{"source":"call-events"}"#), Unreadable::Lacks("metadata"));
    assert_eq!(
        why(r#"{"source":"call-events","content":{"metadata":{"accountKey":"1"},"state":{}}}"#),
        Unreadable::Lacks("conversationSpaceId")
    );
    assert_eq!(
        why(r#"{"source":"call-events-report","content":{"accountKey":"+15145550199"}}"#),
        Unreadable::Lacks("accountKey")
    );
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(why(&deep), Unreadable::Shape, "depth is bounded");
    assert!(!why(r#"{"source":"+15145550199"#).to_string().contains("5145"));
}

#[test]
fn status_keeps_the_values_beside_it() {
    let event = call(
        r#"{"source":"call-events","content":{"metadata":{"conversationSpaceId":"c","accountKey":"1","direction":"INBOUND"},"state":{"sequenceNumber":9,
        "participants":[
         {"id":"p1","legId":"l1","originator":"p1","type":{"value":"PHONE_NUMBER","number":"+14165550110","name":"+14165550110","caller":{"number":"Anonymous"}},
          "status":{"value":"IN_WARM_TRANSFER","initiator":{"participantId":"p2","conversationSpaceId":"c","extensionNumber":"2052","name":"M"},
           "transferrer":{"participantId":"x1","conversationSpaceId":"d"},"destination":{"participantId":"p3","conversationSpaceId":"d","extensionNumber":"2040"}}},
         {"id":"p2","type":"LINE","status":{"value":"ON_HOLD","initiator":{"participantId":"p9"}}},
         {"id":"p3","type":"LINE","status":{"value":"IN_DIRECT_TRANSFER","destination":{"number":"1102"}}},
         {"id":"p4","type":"LINE","status":{"value":"IN_A_DREAM"}}],
        "interactiveVoiceResponseSystems":[{"type":{"value":"VOICEMAIL","voicemailStatus":"FAILED"},"status":{"value":"DISCONNECTING"}},{"type":{"value":"FUTURE"}}]}}}"#,
    );
    let parties = &event.state.participants;
    let ParticipantStatus::InTransfer(warm) = &parties[0].status else { panic!() };
    assert!(warm.warm && warm.destination.as_ref().unwrap().participant == Some("p3".try_into().unwrap()));
    assert_eq!(event.linked, ["d".try_into().unwrap()], "a transfer names the consultation");
    assert_eq!(parties[1].status, ParticipantStatus::OnHold { by: Some("p9".try_into().unwrap()) });
    let ParticipantStatus::InTransfer(direct) = &parties[2].status else { panic!() };
    assert_eq!((direct.warm, direct.destination.as_ref().unwrap().extension.as_deref()), (false, Some("1102")));
    assert_eq!(parties[3].status, ParticipantStatus::Other("IN_A_DREAM".to_owned()));
    let ParticipantKind::PhoneNumber { account_number: ours, caller, .. } = &parties[0].kind else { panic!() };
    assert_eq!(
        (&ours.label, &caller.as_ref().unwrap().number),
        (&None, &PhoneNumber::Withheld),
        "a name that is the number is none"
    );
    let systems = &event.state.systems;
    assert!(matches!(&systems[0].kind, SystemKind::Voicemail { result: Some(VoicemailResult::Failed), length: None }));
    assert_eq!(
        (&systems[0].status, &systems[1].kind),
        (&ParticipantStatus::Disconnecting, &SystemKind::Other("FUTURE".to_owned()))
    );
}

proptest! {
    #[test]
    fn any_text_is_no_call_and_its_error_has_no_part_of_it(text in ".*") {
        match frame(&text, &reader()) {
            Ok(frame) => prop_assert_eq!(frame, Frame::Foreign),
            Err(Unreadable::Json { .. } | Unreadable::Shape) => {}
            Err(Unreadable::Lacks(field)) => prop_assert!(false, "a call without {field}"),
        }
    }

    #[test]
    fn any_json_in_place_of_a_fact_costs_no_more_than_that_fact(place in 0usize..40, odd in 0usize..8) {
        let mut value: Value = serde_json::from_str(RINGING).unwrap();
        let odd = [Value::Null, true.into(), 5.into(), (-1.5).into(), "".into(), "\u{202e}\u{0}".into(), serde_json::json!([[]]), serde_json::json!({"value": {}})][odd].clone();
        let mut left = place;
        replace_nth(&mut value, &mut left, &odd);
        match frame(&value.to_string(), &reader()) {
            Ok(Frame::Call(read)) => {
                let expected = call(RINGING);
                prop_assert!(read.call == expected.call || read.call.as_str() == "5" || read.call.as_str() == "-1.5");
                prop_assert!(read.state.participants.len() <= 2 && read.state.systems.len() <= 3);
            }
            // What names the frame, the call or its account was replaced.
            Ok(Frame::Foreign) | Err(Unreadable::Shape) => {}
            Err(Unreadable::Lacks(field)) => {
                let indispensable = ["metadata", "state", "conversationSpaceId", "accountKey"];
                prop_assert!(indispensable.contains(&field), "{}", field);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

/// Replaces the n-th value, counted in depth, by `odd`.
fn replace_nth(value: &mut Value, left: &mut usize, odd: &Value) {
    if *left == 0 {
        *value = odd.clone();
    }
    *left = left.wrapping_sub(1);
    match value {
        Value::Object(map) => map.values_mut().for_each(|inner| replace_nth(inner, left, odd)),
        Value::Array(list) => list.iter_mut().for_each(|inner| replace_nth(inner, left, odd)),
        _ => {}
    }
}
