//! Faults of the network while the daemon runs. A gateway answers for the host, an address drops packets, or a route closes
//! every connection. The daemon relays what was missed when the network is back.

use crate::support::{DaemonDir, TestConfig, eventually, message_texts};
use poprelay::sim::{CallPlan, Extension, Party, Simulator, SimulatorSettings};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Longest time for the daemon to notice silence, to wait for its next try, and to relay what it missed.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(180);

/// Longest time until a call is shown that was placed while both sockets were dead without a sign. The value is 22 s for two
/// pings, and the time of a new socket, of the queries and of the card.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// What the way to GoTo and the chats does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Answers each request with a status line.
    Refuses(&'static str),
    /// Accepts connections and never answers, as a firewall that drops packets.
    Swallows,
    /// Closes each connection.
    Closes,
    /// Swallows the connections that are open, and carries new ones, as a NAT that was restarted.
    Forgets,
}

/// A gateway to the simulator.
struct Gateway {
    address: SocketAddr,
    way: watch::Sender<Way>,
    /// Held by each open connection.
    connections: Arc<()>,
}

/// Starts a gateway whose way can be changed. A change ends all connections, but for one to silence.
async fn start_gateway(sim: &Simulator) -> Gateway {
    let target = sim.url().trim_start_matches("http://").parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, way) = watch::channel(Way::Open);
    let connections = Arc::new(());
    let open = Arc::downgrade(&connections);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (held, way) = (open.upgrade(), way.clone());
            tokio::spawn(async move {
                let _held = held;
                carry(socket, target, way).await
            });
        }
    });
    Gateway { address, way: sender, connections }
}

async fn carry(mut socket: TcpStream, target: SocketAddr, mut way: watch::Receiver<Way>) -> std::io::Result<()> {
    let now = *way.borrow_and_update();
    match now {
        Way::Closes => return Ok(()),
        Way::Swallows => {}
        Way::Refuses(status) => {
            let mut head = [0_u8; 4096];
            let _ = socket.read(&mut head).await?;
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return socket.write_all(answer.as_bytes()).await;
        }
        Way::Open | Way::Forgets => {
            let mut upstream = TcpStream::connect(target).await?;
            tokio::select! {
                ended = tokio::io::copy_bidirectional(&mut socket, &mut upstream) => return ended.map(drop),
                changed = way.changed() => match changed.map(|()| *way.borrow()) {
                    Ok(Way::Swallows) => {}
                    // Both ends stay open: neither learns of it.
                    Ok(Way::Forgets) => std::future::pending().await,
                    Ok(Way::Open | Way::Refuses(_) | Way::Closes) | Err(_) => return Ok(()),
                },
            }
        }
    }
    // Silent until the network is back.
    while way.changed().await.is_ok() && *way.borrow() == Way::Swallows {}
    Ok(())
}

async fn shown(sim: &Simulator, name: &str, within: Duration) {
    eventually(&format!("the call of {name} is shown"), within, async || {
        message_texts(sim, "desk").iter().any(|text| text.contains(name)).then_some(())
    })
    .await;
}

fn call(name: &str) -> CallPlan {
    CallPlan::answered(Party::new(name, "+15145550199"), &Extension::new("1015", "Bob Roy")).at_speed(10.0)
}

/// Cuts the way, places a call meanwhile, and opens the way: the call must be shown.
async fn call_is_relayed_after(ways: &[(Way, &str)]) {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(|faults| faults.chat.per_second = None);
    let Gateway { address: gateway, way, .. } = start_gateway(&sim).await;
    let mut dir = DaemonDir::new(TestConfig::new(&format!("http://{gateway}")).all_outcomes());
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call("BEFORE"));
    shown(&sim, "BEFORE", RECOVERY_TIMEOUT).await;
    for (fault, name) in ways {
        way.send(*fault).unwrap();
        daemon.wait_for_log("lane lost").await;
        sim.place(call(name));
        eventually("the call has ended", RECOVERY_TIMEOUT, async || {
            sim.calls().iter().all(|call| call.ended).then_some(())
        })
        .await;
        assert!(!message_texts(&sim, "desk").iter().any(|text| text.contains(name)), "nothing passes: {fault:?}");
        way.send(Way::Open).unwrap();
        shown(&sim, name, RECOVERY_TIMEOUT).await;
        daemon.wait_for_log("lane live").await;
    }
    let journal = daemon.stop().await;
    assert!(!journal.contains("login required") && !journal.contains("panicked"), "{journal}");
    assert_eq!(dir.read_outbox().dead(), 0, "{}", dir.read_outbox());
}

#[tokio::test]
async fn call_during_a_refusing_gateway_is_relayed_when_it_carries_again() {
    let refusals = [
        (Way::Refuses("502 Bad Gateway"), "GATEWAY"),
        (Way::Refuses("407 Proxy Authentication Required"), "LOGIN"),
        (Way::Closes, "CLOSED"),
    ];
    call_is_relayed_after(&refusals).await;
}

#[tokio::test]
async fn call_during_silence_of_the_network_is_relayed_when_it_is_back() {
    call_is_relayed_after(&[(Way::Swallows, "SILENCE")]).await;
}

#[tokio::test]
async fn sockets_that_a_nat_has_forgotten_are_found_within_30_seconds() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(|faults| faults.chat.per_second = None);
    let gateway = start_gateway(&sim).await;
    let config = TestConfig::new(&format!("http://{}", gateway.address)).all_outcomes();
    let config = config.text("sinks.desk", "url", format!("{}/slack/desk", sim.url()));
    let config = config.text("sinks.support", "url", format!("{}/teams/support", sim.url()));
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    daemon.wait_for_log("lane live").await;
    // The sockets have a host of their own at GoTo: no connection for queries is left that a new socket could use.
    eventually("only the sockets are open", Duration::from_secs(90), async || {
        (Arc::strong_count(&gateway.connections) == 3).then_some(())
    })
    .await;
    gateway.way.send(Way::Forgets).unwrap();
    sim.place(call("FORGOTTEN"));
    shown(&sim, "FORGOTTEN", SILENCE_TIMEOUT).await;
    daemon.wait_for_log("two pings without an answer").await;
    drop(daemon.stop().await);
}
