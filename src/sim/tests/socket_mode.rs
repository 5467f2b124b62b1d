//! Socket Mode with its fault switches.

use super::*;
use futures_util::SinkExt as _;

/// Opens a socket of the app. Returns it with its first frame.
async fn connect(client: &Client) -> (Socket, Value) {
    let url = format!("{}apps.connections.open", client.sim.slack_api_url());
    let answer = client.http.post(url).bearer_auth("xapp-1").send().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let (mut socket, _) = tokio_tungstenite::connect_async(answer["url"].as_str().unwrap()).await.unwrap();
    let first = frame(&mut socket).await.unwrap();
    (socket, first)
}

fn press(client: &Client) -> String {
    let press = json!({ "channel": "C1", "ts": "1.1", "action_id": "a", "user": "U1" });
    client.sim.press(&serde_json::from_value(press).unwrap()).expect("a socket is open")
}

/// Sets the switches as another process does.
async fn set(client: &Client, switches: Value) {
    let (status, faults) =
        client.request("PUT", "/sim/faults", Some(json!({ "app": { "socket_mode": switches } }))).await;
    assert_eq!(status, 200, "{faults}");
}

#[tokio::test]
async fn app_socket_announces_its_end_and_closes() {
    let client = Client::new().await;
    for (switch, reason) in [("warning_after", "warning"), ("refresh_after", "refresh_requested")] {
        let (mut socket, hello) = connect(&client).await;
        assert_eq!((&hello["type"], &hello["num_connections"]), (&json!("hello"), &json!(1)));
        set(&client, json!({ switch: 0.0, "end_delay": 0.2 })).await;
        let announced = frame(&mut socket).await.unwrap();
        assert_eq!((&announced["type"], &announced["reason"]), (&json!("disconnect"), &json!(reason)));
        press(&client);
        assert_eq!(frame(&mut socket).await.unwrap()["type"], "interactive", "served until its end");
        assert_eq!(frame(&mut socket).await, None);
        set(&client, json!({})).await;
        until(|| client.sim.app_sockets() == 0).await;
    }
}

#[tokio::test]
async fn app_socket_is_closed_while_socket_mode_is_switched_off() {
    let client = Client::new().await;
    let (mut open, _) = connect(&client).await;
    set(&client, json!({ "link_disabled": true })).await;
    let (mut new, first) = connect(&client).await;
    for announced in [frame(&mut open).await.unwrap(), first] {
        assert_eq!(announced["reason"], "link_disabled");
    }
    assert_eq!((frame(&mut open).await, frame(&mut new).await), (None, None));
}

#[tokio::test]
async fn app_sockets_receive_doubled_redelivered_and_unknown_envelopes() {
    let client = Client::new().await;
    let (mut old, _) = connect(&client).await;
    let (mut new, _) = connect(&client).await;
    set(&client, json!({ "doubled": 1.0, "redelivered": 1.0, "to_oldest": true })).await;
    let id = press(&client);
    let mut envelopes = Vec::new();
    for _ in 0..3 {
        envelopes.push(frame(&mut old).await.unwrap());
    }
    assert_eq!((&envelopes[0], &envelopes[0]["envelope_id"]), (&envelopes[1], &json!(id)));
    assert_ne!(envelopes[2]["envelope_id"], json!(id));
    assert_eq!(envelopes[2]["payload"], envelopes[0]["payload"]);
    set(&client, json!({ "unknown_every": 0.1 })).await;
    let unknown = frame(&mut new).await.unwrap();
    assert_eq!(unknown["type"], "of_a_later_year");
    for one in [&envelopes[0], &envelopes[2]] {
        let answer = json!({ "envelope_id": one["envelope_id"] });
        old.send(Message::text(answer.to_string())).await.unwrap();
    }
    until(|| client.sim.acknowledged_after(envelopes[2]["envelope_id"].as_str().unwrap()).is_some()).await;
    let open = client.sim.unacknowledged();
    assert!(open.contains(&unknown["envelope_id"].as_str().unwrap().to_owned()) && !open.contains(&id), "{open:?}");
}

#[tokio::test]
async fn app_socket_is_silent_and_ghosts_receive_presses() {
    let client = Client::new().await;
    set(&client, json!({ "ghosts": 2, "to_ghosts": 1.0 })).await;
    let (mut socket, hello) = connect(&client).await;
    assert_eq!(hello["num_connections"], 3);
    let lost = press(&client);
    set(&client, json!({ "silent_after": 0.0 })).await;
    let silent = press(&client);
    socket.send(Message::Ping(Vec::new().into())).await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(300), socket.next()).await;
    assert!(nothing.is_err(), "neither press, pong nor end: {nothing:?}");
    assert_eq!((client.sim.app_sockets(), client.sim.unacknowledged()), (1, vec![lost, silent]));
}
