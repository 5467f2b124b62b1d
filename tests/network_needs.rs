//! The running daemon on networks that need more than a plain route, or lack something for a while. Examples are a CONNECT
//! proxy, a private authority, and names that cannot be resolved. REST, webhooks and sockets all go to one TLS server, so
//! each leg counts.

use crate::support::{
    Daemon, DaemonDir, TIMEOUT, TestConfig, eventually, message_texts,
    names::{Dns, Names},
    tls::{ConnectProxy, ProxyWay, authority, start_tls},
};
use poprelay::sim::{CallPlan, Disconnect, Extension, Party, Simulator, SimulatorSettings};
use std::{net::SocketAddr, time::Duration};
use tokio::net::TcpListener;

/// Longest time for the daemon to wait for its next try and to relay what it missed.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(180);

/// Starts a simulator behind TLS. Returns the port of its TLS server.
async fn start_simulator() -> (Simulator, u16) {
    let settings = SimulatorSettings { behind_tls: true, ..SimulatorSettings::default() };
    let sim = Simulator::start(settings).await.unwrap();
    sim.set_faults(|faults| faults.chat.per_second = None);
    let port = start_tls(sim.address()).await;
    (sim, port)
}

/// A config without a private authority, whose GoTo and chats are at `host`.
fn bare_config(host: &str, port: u16) -> TestConfig {
    TestConfig::new(&format!("https://{host}:{port}")).all_outcomes()
}

fn config(host: &str, port: u16) -> TestConfig {
    bare_config(host, port).text("network", "ca", authority().display())
}

fn call(name: &str) -> CallPlan {
    CallPlan::answered(Party::new(name, "+15145550199"), &Extension::new("1015", "Bob Roy")).at_speed(10.0)
}

/// Waits until both chats show the call of `name`.
async fn shown(sim: &Simulator, name: &str) {
    for sink in ["desk", "support"] {
        eventually(&format!("{sink} shows the call of {name}"), RECOVERY_TIMEOUT, async || {
            message_texts(sim, sink).iter().any(|text| text.contains(name)).then_some(())
        })
        .await;
    }
}

async fn all_ended(sim: &Simulator) {
    eventually("the calls have ended", TIMEOUT, async || sim.calls().iter().all(|call| call.ended).then_some(())).await;
}

async fn logged(daemon: &Daemon, text: &str) {
    eventually(&format!("the journal contains {text:?}"), RECOVERY_TIMEOUT, async || {
        daemon.journal().contains(text).then_some(())
    })
    .await;
}

async fn live(daemon: &Daemon, times: usize) {
    eventually("a lane is live", RECOVERY_TIMEOUT, async || {
        (daemon.journal().matches("lane live").count() >= times).then_some(())
    })
    .await;
}

async fn stopped(daemon: Daemon, dir: &DaemonDir) {
    let journal = daemon.stop().await;
    assert!(!journal.contains("login required") && !journal.contains("panicked"), "{journal}");
    assert_eq!(dir.read_outbox().dead(), 0, "{}", dir.read_outbox());
}

#[tokio::test]
async fn private_authority_is_named_and_then_trusted_on_every_leg() {
    let (sim, port) = start_simulator().await;
    let mut dir = DaemonDir::new(bare_config("localhost", port));
    let daemon = dir.start();
    logged(&daemon, "the issuer of the certificate is not trusted").await;
    assert!(!daemon.journal().contains("lane live"));
    drop(daemon.stop().await);

    let daemon = dir.start_as(|mut command| {
        command.env("SSL_CERT_FILE", authority());
        command
    });
    live(&daemon, 1).await;
    sim.place(call("BY ENVIRONMENT"));
    shown(&sim, "BY ENVIRONMENT").await;
    stopped(daemon, &dir).await;

    dir.write_config(config("localhost", port));
    let daemon = dir.start();
    live(&daemon, 1).await;
    sim.place(call("BY CONFIG"));
    shown(&sim, "BY CONFIG").await;
    stopped(daemon, &dir).await;
}

#[tokio::test]
async fn card_for_a_chat_with_an_untrusted_certificate_waits_for_the_authority() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let port = start_tls(sim.address()).await;
    let config = TestConfig::new(&sim.url()).text("sinks.desk", "url", format!("https://localhost:{port}/slack/desk"));
    let mut dir = DaemonDir::new(config.clone());
    let daemon = dir.start();
    live(&daemon, 1).await;
    sim.place(call("UNTRUSTED"));
    logged(&daemon, "the issuer of the certificate is not trusted").await;
    assert!(message_texts(&sim, "desk").is_empty());
    drop(daemon.stop().await);
    dir.write_config(config.text("network", "ca", authority().display()));
    let daemon = dir.start();
    shown(&sim, "UNTRUSTED").await;
    stopped(daemon, &dir).await;
}

/// Runs a daemon behind a proxy that first fails in this way, then carries, fails again, and carries again.
async fn proxy_fails_and_carries(way: ProxyWay, reason: &str) {
    let (sim, port) = start_simulator().await;
    let proxy = ConnectProxy::start(way).await;
    // Only the proxy resolves the name: nothing reaches the simulator beside it.
    let config = config("goto.test", port).text("network", "proxy", format!("http://{}", proxy.address));
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    logged(&daemon, reason).await;
    assert!(!daemon.journal().contains("lane live"));
    proxy.set(ProxyWay::Open);
    live(&daemon, 2).await;
    sim.place(call("CARRIED"));
    shown(&sim, "CARRIED").await;
    let losses = daemon.journal().matches("lane lost").count();
    proxy.set(way);
    eventually("both lanes are lost", RECOVERY_TIMEOUT, async || {
        (daemon.journal().matches("lane lost").count() >= losses + 2).then_some(())
    })
    .await;
    sim.place(call("MEANWHILE"));
    all_ended(&sim).await;
    assert!(!message_texts(&sim, "desk").iter().any(|text| text.contains("MEANWHILE")), "nothing passes: {way:?}");
    proxy.set(ProxyWay::Open);
    shown(&sim, "MEANWHILE").await;
    let expected = format!("goto.test:{port}");
    assert!(proxy.hosts().iter().all(|host| *host == expected), "{:?}", proxy.hosts());
    stopped(daemon, &dir).await;
}

#[tokio::test]
async fn proxy_without_login_is_named_and_loses_no_call() {
    proxy_fails_and_carries(
        ProxyWay::Answers("407 Proxy Authentication Required"),
        "the proxy rejects the login (407)",
    )
    .await;
}

#[tokio::test]
async fn proxy_that_forbids_the_host_is_named_and_loses_no_call() {
    proxy_fails_and_carries(ProxyWay::Answers("403 Forbidden"), "the proxy refuses to connect to the host").await;
}

#[tokio::test]
async fn proxy_that_closes_is_named_and_loses_no_call() {
    proxy_fails_and_carries(ProxyWay::Closes, "the proxy refuses to connect to the host").await;
}

#[tokio::test]
async fn proxy_that_hangs_is_named_and_loses_no_call() {
    proxy_fails_and_carries(ProxyWay::Hangs, "no answer in time").await;
}

#[tokio::test]
async fn proxy_that_does_not_run_yet_is_named_and_used_once_it_runs() {
    let (sim, port) = start_simulator().await;
    let closed: SocketAddr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut dir = DaemonDir::new(config("goto.test", port));
    let daemon = dir.start_as(|mut command| {
        command.env("HTTPS_PROXY", format!("http://{closed}"));
        command
    });
    logged(&daemon, "the proxy cannot be reached").await;
    let _proxy = ConnectProxy::start_at(closed, ProxyWay::Open).await;
    live(&daemon, 1).await;
    sim.place(call("LATE PROXY"));
    shown(&sim, "LATE PROXY").await;
    stopped(daemon, &dir).await;
}

/// Runs a daemon whose names cannot be resolved, then can, then cannot again.
async fn names_fail_and_return(dns: Dns) {
    let (sim, port) = start_simulator().await;
    let mut dir = DaemonDir::new(config("goto.test", port));
    let Some(names) = Names::new(dir.path(), dns) else { return };
    let daemon = dir.start_as(|command| names.wrap(command));
    logged(&daemon, "DNS").await;
    assert!(!daemon.journal().contains("lane live"));
    names.set(&["goto.test"]);
    live(&daemon, 2).await;
    sim.place(call("RESOLVED"));
    shown(&sim, "RESOLVED").await;
    let losses = daemon.journal().matches("lane lost").count();
    names.set(&[]);
    sim.disconnect(Disconnect::Dropped);
    eventually("both lanes are lost", RECOVERY_TIMEOUT, async || {
        (daemon.journal().matches("lane lost").count() >= losses + 2).then_some(())
    })
    .await;
    sim.place(call("MEANWHILE"));
    all_ended(&sim).await;
    names.set(&["goto.test"]);
    shown(&sim, "MEANWHILE").await;
    stopped(daemon, &dir).await;
}

#[tokio::test]
async fn name_that_does_not_exist_is_named_and_loses_no_call_when_it_returns() {
    names_fail_and_return(Dns::NoSuchName).await;
}

#[tokio::test]
async fn dns_server_that_fails_is_named_and_loses_no_call_when_it_returns() {
    names_fail_and_return(Dns::Fails).await;
}

#[tokio::test]
async fn dns_server_that_is_silent_is_named_and_loses_no_call_when_it_returns() {
    names_fail_and_return(Dns::Silent).await;
}
