//! Summaries, full reports and pages.

use super::*;

#[test]
fn summary_names_the_person_who_answered_or_none() {
    let text = r#"{"data":{"source":"call-events-report","type":"REPORT_SUMMARY","content":{"conversationSpaceId":"b7d1","accountKey":"1",
     "callCreated":"2026-05-01T15:00:00.147Z","callEnded":"2026-05-01T15:00:48.000Z",
     "caller":{"name":"ALICE","number":"+15145550199","type":{"value":"PHONE_NUMBER"}},"callerOutcome":"LEFT_VOICEMAIL",
     "participants":[{"name":"Bob Roy","number":"1015","type":{"value":"LINE","lineId":"l"}},{"type":{"value":"VIRTUAL_PARTICIPANT"}}]}}}"#;
    let Frame::Report(report) = frame(text, &reader()).unwrap() else { panic!() };
    assert_eq!(report.direction, WireDirection::Inbound, "derived from the caller's kind");
    assert_eq!((report.answered_at, report.outcome.as_deref()), (None, Some("LEFT_VOICEMAIL")));
    assert_eq!(report.ended_at.unwrap().to_string(), "2026-05-01T15:00:48Z");
    assert_eq!(report.people.len(), 1);
    assert_eq!(report.people[0].extension.as_deref(), Some("1015"));
}

#[test]
fn report_of_an_outbound_call_has_the_other_side_as_caller() {
    let summary = |direction: &str, called: &str| {
        let text = format!(
            r#"{{"data":{{"source":"call-events-report","type":"REPORT_SUMMARY","content":{{"conversationSpaceId":"b7d1","accountKey":"1",
             "direction":"{direction}","caller":{{"name":"Bob Roy","number":"1015","type":{{"value":"LINE"}}}},"participants":[
             {{"name":"Bob Roy","number":"1015","type":{{"value":"LINE","lineId":"l"}}}},{called}]}}}}}}"#
        );
        let Frame::Report(report) = frame(&text, &reader()).unwrap() else { panic!() };
        report.caller.unwrap().number
    };
    let outside = r#"{"name":"Ann","number":"+15145550199","type":{"value":"PHONE_NUMBER","number":"+15145550100"}}"#;
    let callee = r#"{"type":{"value":"PHONE_NUMBER","number":"+15145550100","callee":{"number":"+15145550199"}}}"#;
    let number = PhoneNumber::parse(Some("+15145550199"), Region::US);
    assert_eq!((summary("OUTBOUND", outside), summary("OUTBOUND", callee)), (number.clone(), number));
    let colleague = r#"{"number":"1020","type":{"value":"LINE"}}"#;
    assert_eq!(summary("OUTBOUND", colleague), PhoneNumber::Short("1015".into()));
}

#[test]
fn full_report_is_read_with_states_and_top_lists() {
    let body = br#"{"conversationSpaceId":"c","accountKey":"1","direction":"INBOUND","callCreated":"2026-05-01T16:00:00Z","callEnded":"2026-05-01T16:05:00Z",
     "participants":[{"type":{"value":"PHONE_NUMBER","number":"+15145550100","name":"+15145550100","caller":{"name":"Ann","number":"+15145550199"}}},
      {"type":{"value":"AGENT","name":"Bob","interactiveVoiceResponseSystemId":"q"},"recordings":[{"id":"r"}]}],
     "interactiveVoiceResponseSystems":[{"id":"q","type":{"value":"CALL_QUEUE","queueName":"Support","leftQueueReason":"ANSWERED","callerWaitDuration":2766}},
      {"type":{"value":"VOICEMAIL","voicemailStatus":"SUCCESS","duration":35000}}],
     "associatedConversations":["d"],"hangupOriginatorId":"p1",
     "actions":[{"timestamp":"2026-05-01T16:05:01.123456789Z","type":{"value":"VOICEMAIL_NEW","durationMs":35000,"extensionNumber":"2066"}},{"type":{"value":"VOICEMAIL_DELETED"}}],
     "callStates":[
      {"participants":[{"type":{"value":"LINE"},"status":{"value":"CONNECTED"}}],"type":"ACTIVE","sequenceNumber":3,"timestamp":"2026-05-01T16:00:35.57Z"},
      {"type":"ENDING","sequenceNumber":4,"timestamp":"2026-05-01T16:05:00Z","participants":[]}]}"#;
    let report = super::report(body, &reader()).unwrap();
    assert_eq!((report.answered_at, report.caller.unwrap().name.as_deref()), (None, Some("Ann")));
    let full = report.full.unwrap();
    assert_eq!(full.snapshots.iter().map(|it| it.state.sequence).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(full.snapshots[0].state.at.unwrap().to_string(), "2026-05-01T16:00:35.57Z");
    assert_eq!(full.snapshots[0].linked, ["d".try_into().unwrap()]);
    assert_eq!(full.snapshots[0].hung_up_by, Some("p1".try_into().unwrap()));
    assert_eq!(
        (full.queues[0].left.as_deref(), full.queues[0].waited),
        (Some("ANSWERED"), Some(Duration::from_millis(2766)))
    );
    assert_eq!(
        (full.mailboxes[0].result.clone(), full.mailboxes[0].length),
        (Some(VoicemailResult::Success), Some(Duration::from_secs(35)))
    );
    assert_eq!((full.messages.len(), full.messages[0].extension.as_deref()), (1, Some("2066")));
    assert_eq!((full.agents[0].name.as_deref(), full.recorded), (Some("Bob"), true));
}

#[test]
fn report_push_with_an_id_alone_is_accepted() {
    for content in
        [r#"{"conversationSpaceId":"c"}"#, r#"{"conversationSpaceId":"c","accountKey":"+1","callerOutcome":"NORMAL"}"#]
    {
        let text =
            format!(r#"{{"data":{{"source":"call-events-report","type":"REPORT_SUMMARY","content":{content}}}}}"#);
        assert_eq!(frame(&text, &reader()).unwrap(), Frame::ReportReady("c".try_into().unwrap()));
    }
}

#[test]
fn page_leaves_out_empty_rows_and_names_the_next() {
    let value: Value = serde_json::from_str(RINGING).unwrap();
    let page = serde_json::json!({"items": [value["data"]["content"], {}, 5], "nextPageMarker": "m"});
    let (calls, next) = active(page.to_string().as_bytes(), &reader()).unwrap();
    assert_eq!((calls.len(), next.as_deref()), (1, Some("m")));
    let content = &value["data"]["content"];
    let page = serde_json::json!({"metadata": content["metadata"], "states": [content["state"], content["state"]]});
    assert_eq!(states(page.to_string().as_bytes(), &reader()).unwrap().0.len(), 2);
    assert_eq!(summaries(b"{}", &reader()).unwrap(), (vec![], None));
    assert!(summaries(b"<html>", &reader()).is_err());
}
