use super::*;

#[tokio::test]
async fn channel_sends_refresh_and_close_notices_then_expires() {
    let client = Client::new().await;
    client.sim.set_faults(|faults| {
        faults.channels.lifetime = 2;
        faults.channels.refresh_notice = 0.75;
        faults.channels.close_notice = 0.25;
    });
    let (channel, mut socket) = client.listen().await;
    assert_eq!(channel["channelLifetime"], json!(2));
    let id = channel["channelId"].as_str().unwrap();
    let path = format!("/notification-channel/v1/channels/desk/{id}/channel-lifetime");
    assert_eq!(frame(&mut socket).await.unwrap()["data"]["type"], "WEBSOCKET_REFRESH_REQUIRED");
    assert_eq!(client.request("PUT", &path, None).await, (200, json!({ "channelLifetime": 2 })));
    assert_eq!(frame(&mut socket).await.unwrap()["data"]["type"], "WEBSOCKET_REFRESH_REQUIRED");
    assert_eq!(frame(&mut socket).await.unwrap()["data"]["type"], "WEBSOCKET_TO_BE_CLOSED");
    assert!(frame(&mut socket).await.is_none());
    assert_eq!(client.request("GET", &path, None).await.0, 404);
    let url = channel["channelData"]["channelURL"].as_str().unwrap();
    assert!(tokio_tungstenite::connect_async(url).await.is_err());
}

#[tokio::test]
async fn disconnect_drops_closes_or_announces_close() {
    let client = Client::new().await;
    for how in [Disconnect::Dropped, Disconnect::Closed] {
        let (_, mut socket) = client.listen().await;
        until(|| client.sim.channels()[0]["isConnected"] == json!(true)).await;
        client.sim.disconnect(how);
        assert!(frame(&mut socket).await.is_none());
    }
    let (_, mut socket) = client.listen().await;
    until(|| client.sim.channels()[0]["isConnected"] == json!(true)).await;
    client.sim.disconnect(Disconnect::Announced);
    assert_eq!(frame(&mut socket).await.unwrap()["data"]["type"], "WEBSOCKET_TO_BE_CLOSED");
    assert!(frame(&mut socket).await.is_none());
}

#[tokio::test]
async fn drop_every_drops_sockets_at_random() {
    let client = Client::new().await;
    let (_, mut socket) = client.listen().await;
    client.sim.set_faults(|faults| faults.sockets.drop_every = 0.1);
    assert!(frame(&mut socket).await.is_none());
}

#[tokio::test]
async fn silent_socket_stays_open_and_loses_frames() {
    let client = Client::new().await;
    let (_, mut socket) = client.listen().await;
    until(|| client.sim.channels()[0]["isConnected"] == json!(true)).await;
    client.sim.set_faults(|faults| faults.sockets.silent = true);
    client.sim.place(CallPlan::default().at_speed(5_000.0));
    until(|| client.sim.calls()[0].ended).await;
    client.sim.set_faults(|faults| faults.sockets.silent = false);
    until(|| client.sim.send_frame("{}")).await;
    // The next frame is the first one after the silence: no frame of the call was queued.
    assert_eq!(frame(&mut socket).await.unwrap(), json!({}));
    assert!(client.sim.calls()[0].delivered.is_empty());
}

#[tokio::test]
async fn down_rejects_connections_and_keeps_channels() {
    let client = Client::new().await;
    let (channel, mut socket) = client.listen().await;
    client.sim.set_faults(|faults| faults.down = true);
    assert!(frame(&mut socket).await.is_none());
    let url = format!("{}/notification-channel/v1/channels", client.sim.url());
    assert!(client.http.get(url).bearer_auth(&client.token).send().await.is_err());
    client.sim.set_faults(|faults| faults.down = false);
    open(&channel).await;
}

#[tokio::test]
async fn rest_faults_and_rate_limit_apply() {
    let client = Client::new().await;
    let path = "/notification-channel/v1/channels";
    client.sim.set_faults(|faults| faults.rest.unauthorized = 1.0);
    assert_eq!(client.request("GET", path, None).await.0, 401);
    client.sim.set_faults(|faults| faults.rest = RestFaults { server_error: 1.0, ..RestFaults::default() });
    assert!(client.request("GET", path, None).await.0 >= 500);
    client.sim.set_faults(|faults| faults.rest = RestFaults { conflict: 1.0, ..RestFaults::default() });
    assert_eq!(client.request("POST", &format!("{path}/desk"), None).await.0, 409);
    client.sim.set_faults(|faults| faults.rest = RestFaults { retry_after: Some(3), ..RestFaults::default() });
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(client.request("GET", path, None).await.0);
    }
    assert!(statuses.contains(&429) && statuses.contains(&200), "{statuses:?}");
    // Another API has a rate of its own.
    assert_eq!(client.request("GET", "/identity/v1/Users/me", None).await.0, 200);
}

#[tokio::test]
async fn control_api_matches_simulator_handle() {
    let client = Client::new().await;
    let (_, mut socket) = client.listen().await;
    let (status, placed) = client.request("POST", "/sim/call", Some(json!({ "speed": 5000.0 }))).await;
    assert_eq!(status, 201);
    assert_eq!(frame(&mut socket).await.unwrap()["data"]["content"]["metadata"]["conversationSpaceId"], placed["id"]);
    until(|| client.sim.calls()[0].delivered.len() == 7).await;
    let (_, calls) = client.request("GET", "/sim/calls?from=0", None).await;
    assert_eq!(calls["items"][0]["delivered"], json!([1, 2, 3, 4, 5, 6, 7]));
    let (status, faults) = client.request("PUT", "/sim/faults", Some(json!({ "chat": { "per_second": null } }))).await;
    assert_eq!((status, &faults["chat"]["burst"]), (200, &json!(8)));
    assert_eq!(client.request("PUT", "/sim/faults", Some(json!({ "chatt": 1 }))).await.0, 400);
    assert_eq!(client.request("GET", "/sim/channels", None).await.1["items"][0]["isConnected"], json!(true));
    assert_eq!(client.request("POST", "/sim/drop?how=cut", None).await.0, 204);
    while frame(&mut socket).await.is_some() {}
    let (_, requests) = client.request("GET", "/sim/requests", None).await;
    let route = |item: &Value| item["route"] == "/call-events/v1/subscriptions" && item["status"] == 207;
    assert!(requests["items"].as_array().unwrap().iter().any(route));
}

#[tokio::test]
async fn stop_frees_port() {
    let client = Client::new().await;
    let (_, mut socket) = client.listen().await;
    let listen = client.sim.address();
    client.sim.stop().await;
    assert!(frame(&mut socket).await.is_none());
    Simulator::start(SimulatorSettings { listen, ..SimulatorSettings::default() }).await.unwrap();
}

#[tokio::test]
async fn drop_ends_connections() {
    let client = Client::new().await;
    let (_, mut socket) = client.listen().await;
    drop(client);
    assert!(frame(&mut socket).await.is_none());
}

#[tokio::test]
async fn events_start_with_earlier_calls_and_posts() {
    let client = Client::new().await;
    client
        .http
        .post(client.sim.webhook_url(ChatKind::Slack, "desk"))
        .json(&json!({ "text": "hi" }))
        .send()
        .await
        .unwrap();
    client.sim.place(CallPlan::default());
    let url = format!("{}/sim/events", client.sim.url());
    let mut events = client.http.get(url).send().await.unwrap();
    let mut seen = String::new();
    while !(seen.contains(r#""calls":1"#) && seen.contains(r#""text":"hi""#)) {
        let part = tokio::time::timeout(BOUND, events.chunk()).await.unwrap().unwrap().unwrap();
        seen.push_str(&String::from_utf8_lossy(&part));
    }
}
