//! Faults of the network while the daemon runs: a gateway that answers for the host, an address that swallows packets, a route
//! that closes every connection. The daemon relays what was missed when the network is back.

use crate::support::{DaemonDir, TestConfig, eventually, message_texts};
use poprelay::sim::{CallPlan, Extension, Party, Simulator, SimulatorSettings};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Longest time for the daemon to notice silence, to wait for its next try, and to relay what it missed.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(180);

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
}

/// Starts a gateway whose way can be changed. A change ends all connections, but for one to silence.
async fn start_gateway(target: SocketAddr) -> (SocketAddr, watch::Sender<Way>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, way) = watch::channel(Way::Open);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(carry(socket, target, way.clone()));
        }
    });
    (address, sender)
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
        Way::Open => {
            let mut upstream = TcpStream::connect(target).await?;
            tokio::select! {
                ended = tokio::io::copy_bidirectional(&mut socket, &mut upstream) => return ended.map(drop),
                changed = way.changed() => if changed.is_err() || *way.borrow() != Way::Swallows { return Ok(()) },
            }
        }
    }
    // Silent until the network is back.
    while way.changed().await.is_ok() && *way.borrow() == Way::Swallows {}
    Ok(())
}

async fn shown(sim: &Simulator, name: &str) {
    eventually(&format!("the call of {name} is shown"), RECOVERY_TIMEOUT, async || {
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
    let target = sim.url().trim_start_matches("http://").parse().unwrap();
    let (gateway, way) = start_gateway(target).await;
    let mut dir = DaemonDir::new(TestConfig::new(&format!("http://{gateway}")).all_outcomes());
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call("BEFORE"));
    shown(&sim, "BEFORE").await;
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
        shown(&sim, name).await;
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
