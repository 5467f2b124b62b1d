use super::*;
use futures_util::SinkExt as _;

fn fast() -> CallPlan {
    CallPlan::default().at_speed(2_000.0)
}

#[tokio::test]
async fn call_frames_reach_subscribed_socket_and_are_recorded() {
    let client = Client::new().await;
    let unsent = client.sim.place(fast());
    until(|| client.sim.calls()[0].ended).await;
    let (channel, mut socket) = client.listen().await;
    let call = client.sim.place(fast());
    let mut kinds = Vec::new();
    for sequence in 1..=7 {
        let frame = frame(&mut socket).await.unwrap();
        assert_eq!((&frame["data"]["source"], &frame["data"]["type"]), (&json!("call-events"), &json!("call-state")));
        let content = &frame["data"]["content"];
        assert_eq!(content["metadata"]["conversationSpaceId"], json!(call));
        assert_eq!(content["metadata"]["accountKey"], json!(ACCOUNT));
        assert_eq!(content["state"]["sequenceNumber"], json!(sequence));
        assert_eq!(frame["eventId"], json!(sequence));
        let caller = &content["state"]["participants"][0]["type"]["caller"]["number"];
        let expected = if sequence == 7 { Value::Null } else { json!("+15145550199") };
        assert_eq!(*caller, expected);
        kinds.push(content["state"]["type"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds, ["STARTING", "STARTING", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ENDING"]);
    until(|| client.sim.calls()[1].delivered.len() == 7).await;
    let calls = client.sim.calls();
    assert_eq!((calls[0].id.as_str(), calls[0].delivered.len(), calls[0].states_reached), (unsent.as_str(), 0, 7));
    let path = format!("/notification-channel/v1/channels/desk/{}", channel["channelId"].as_str().unwrap());
    assert_eq!(client.request("GET", &path, None).await.1["channelData"]["isConnected"], json!(true));
    assert_eq!(client.request("DELETE", &path, None).await.0, 204);
    assert!(frame(&mut socket).await.is_none());
    let (status, body) = client.request("GET", &path, None).await;
    assert_eq!((status, &body["errorCode"]), (404, &json!("RTC-NOTIFICATION-CHANNEL-NOT-FOUND")));
}

#[tokio::test]
async fn ping_is_answered_with_same_payload() {
    let client = Client::new().await;
    let (_, mut socket) = client.listen().await;
    socket.send(Message::Ping(r#"{"sequence":7}"#.into())).await.unwrap();
    let pong = tokio::time::timeout(BOUND, socket.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(pong, Message::Pong(r#"{"sequence":7}"#.into()));
}

#[tokio::test]
async fn subscription_returns_one_result_per_account() {
    let client = Client::new().await;
    client.sim.set_faults(|faults| {
        faults.accounts.insert("2".to_owned(), 404);
        faults.accounts.insert("3".to_owned(), 403);
    });
    let channel = client.channel().await;
    let id = channel["channelId"].as_str().unwrap();
    let accounts = json!([{ "id": "1", "events": ["STARTING"] }, { "id": "2" }, { "id": "3" }]);
    let body = json!({ "channelId": id, "accountKeys": accounts });
    let (status, answer) = client.request("POST", "/call-events/v1/subscriptions", Some(body)).await;
    assert_eq!(status, 207);
    let results: Vec<_> = answer["accountKeys"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(results, [200, 404, 403]);
    assert_eq!(answer["accountKeys"][1]["errorCode"], "NOT_FOUND");
    let path = format!("/call-events/v1/subscriptions?channelId={id}");
    assert_eq!(client.request("GET", &path, None).await.1, json!({ "accountKeys": ["1"] }));
    assert_eq!(client.request("DELETE", &format!("{path}&accountKey=1"), None).await.0, 204);
    assert_eq!(client.request("GET", &path, None).await.1, json!({ "accountKeys": [] }));
    let body = json!({ "channelId": "no", "accountKeys": [{ "id": "1" }] });
    assert_eq!(client.request("POST", "/call-events/v1/subscriptions", Some(body)).await.0, 404);
}

#[tokio::test]
async fn rest_lists_active_call_and_reports_ended_call() {
    let report_delay = Duration::from_secs(1);
    let client = Client::with_settings(SimulatorSettings { report_delay, ..SimulatorSettings::default() }).await;
    let channel = client.channel().await;
    let body = json!({
        "channelId": channel["channelId"], "eventTypes": ["REPORT_SUMMARY"], "accountKeys": [ACCOUNT],
    });
    let (status, items) = client.request("POST", "/call-events-report/v1/subscriptions", Some(body)).await;
    assert_eq!((status, &items["items"][0]["value"]), (201, &json!(ACCOUNT)));
    let mut socket = open(&channel).await;
    // The end of the call comes after this test.
    let call = client.sim.place(CallPlan::default());
    until(|| client.sim.calls()[0].states_reached == 2).await;
    let path = format!("/call-events/v1/conversation-spaces?accountKey={ACCOUNT}&accountKey=2");
    let (_, spaces) = client.request("GET", &path, None).await;
    assert_eq!(spaces["items"][0]["metadata"]["conversationSpaceId"], json!(call));
    assert_eq!(spaces["items"][0]["state"]["sequenceNumber"], json!(2));
    let path = format!("/call-events/v1/conversation-spaces/{call}/events");
    let (_, events) = client.request("GET", &format!("{path}?sequenceFrom=1&sequenceTo=1"), None).await;
    assert_eq!(events["states"].as_array().unwrap().len(), 1);
    assert_eq!(client.request("GET", &format!("/call-events-report/v1/reports/{call}"), None).await.0, 404);

    let start = jiff::Timestamp::now().to_string();
    let who = Party::new("Ann", "+15145550111");
    let call = client.sim.place(CallPlan::missed(who, &[Extension::new("1015", "Bob Roy")]).at_speed(1_000.0));
    let report = frame(&mut socket).await.unwrap();
    assert_eq!(report["data"]["type"], json!("REPORT_SUMMARY"));
    assert_eq!(report["data"]["content"], json!({ "conversationSpaceId": call }));
    let (status, full) = client.request("GET", &format!("/call-events-report/v1/reports/{call}"), None).await;
    assert_eq!((status, full["callStates"].as_array().unwrap().len()), (200, 5));
    let path = format!("/call-events-report/v1/report-summaries?startTime={start}&accountKey={ACCOUNT}");
    let (status, list) = client.request("GET", &format!("{path}&endTime=2999-01-01T00:00:00Z"), None).await;
    assert_eq!((status, &list["errorCode"]), (400, &json!("BAD_REQUEST")));
    let soon = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(1)).unwrap();
    let (status, list) = client.request("GET", &format!("{path}&endTime={soon}"), None).await;
    let summary = &list["items"][0];
    assert_eq!((status, &summary["callerOutcome"], &summary["caller"]["name"]), (200, &json!("MISSED"), &json!("Ann")));
    assert!(summary.get("callAnswered").is_none());
    assert_eq!(summary["participants"][0]["name"], json!("Bob Roy"));
}

#[tokio::test]
async fn warm_transfer_is_two_conversations_with_two_reports() {
    let client = Client::new().await;
    let (_, mut socket) = client.listen().await;
    let call = client.sim.place(CallPlan::preset("warm-transfer").unwrap().at_speed(2_000.0));
    let (mut ids, mut ended) = (std::collections::BTreeSet::new(), 0);
    while ended < 2 {
        let frame = frame(&mut socket).await.unwrap();
        ids.insert(frame["data"]["content"]["metadata"]["conversationSpaceId"].as_str().unwrap().to_owned());
        ended += usize::from(frame["data"]["content"]["state"]["type"] == "ENDING");
    }
    assert!(ids.len() == 2 && ids.contains(&call));
    assert_eq!(client.sim.calls().len(), 1);
    for id in &ids {
        let path = format!("/call-events-report/v1/reports/{id}");
        let fetch = async {
            loop {
                match client.request("GET", &path, None).await {
                    (200, report) => return report,
                    // Below the rate limit of the API.
                    _ => tokio::time::sleep(Duration::from_millis(200)).await,
                }
            }
        };
        let report = tokio::time::timeout(BOUND, fetch).await.unwrap();
        let other = report["associatedConversations"][0].as_str().unwrap();
        assert!(ids.contains(other) && other != id);
    }
}

#[tokio::test]
async fn channel_list_is_paged_and_channel_51_is_rejected() {
    let client = Client::new().await;
    client.sim.set_faults(|faults| faults.rest.per_second = None);
    for _ in 0..50 {
        client.channel().await;
    }
    let body = Some(json!({ "channelType": "WebSocket" }));
    assert_eq!(client.request("POST", "/notification-channel/v1/channels/desk", body).await.0, 409);
    let mut seen = std::collections::HashSet::new();
    let mut path = "/notification-channel/v1/channels?pageSize=20".to_owned();
    for size in [20, 20, 10] {
        let (_, page) = client.request("GET", &path, None).await;
        let items = page["items"].as_array().unwrap();
        assert_eq!(items.len(), size);
        seen.extend(items.iter().map(|item| item["channelId"].as_str().unwrap().to_owned()));
        let marker = page["nextPageMarker"].as_str().unwrap_or_default();
        path = format!("/notification-channel/v1/channels?pageSize=20&pageMarker={marker}");
    }
    assert_eq!(seen.len(), 50);
    assert_eq!(client.request("GET", "/notification-channel/v1/channels?pageSize=0", None).await.0, 400);
}
