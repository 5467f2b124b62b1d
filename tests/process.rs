//! The process and what surrounds it: a stalled reader of stderr, a state directory that disappears, the token file's
//! mode, and `check --online`.

use crate::support::{DaemonDir, TIMEOUT, TestConfig, eventually, message_texts, run_to_end};
use poprelay::sim::{CallPlan, Extension, Party, Simulator, SimulatorSettings};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{self, PipeReader, PipeWriter, Write as _},
    os::unix::fs::PermissionsExt as _,
    process::Stdio,
    time::{Duration, Instant},
};

async fn start_simulator() -> Simulator {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(|faults| faults.chat.per_second = None);
    sim
}

fn call(name: &str) -> CallPlan {
    CallPlan::answered(Party::new(name, "+15145550199"), &Extension::new("1015", "Bob Roy")).at_speed(20.0)
}

/// Returns a pipe without room.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

#[tokio::test]
async fn stalled_stderr_delays_neither_calls_nor_the_stop() {
    let sim = start_simulator().await;
    let dir = DaemonDir::for_simulator(&sim);
    let (_reader, writer) = full_pipe();
    let mut command = dir.command(&["run", "--log", "debug"]);
    let mut daemon = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    eventually("a call is shown", TIMEOUT, async || {
        sim.place(call("STALLED PIPE"));
        message_texts(&sim, "desk").iter().any(|text| text.contains("STALLED PIPE")).then_some(())
    })
    .await;
    kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
    let status = eventually("the daemon stops", TIMEOUT, async || daemon.try_wait().unwrap()).await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn removed_state_directory_gets_lock_and_token_again() {
    let sim = start_simulator().await;
    sim.set_faults(|faults| faults.tokens.rotate = true);
    let mut dir = DaemonDir::for_simulator(&sim);
    let first = dir.start();
    first.wait_for_log("lane live").await;
    drop(first.stop().await);
    let token = dir.state_dir().join("token-main.json");
    assert!(token.exists(), "no rotated token was written");
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    fs::remove_dir_all(dir.state_dir()).unwrap();
    daemon.wait_for_log("state directory was removed").await;
    eventually("the token is written again", TIMEOUT * 2, async || token.exists().then_some(())).await;
    let (status, _, err) = run_to_end(dir.command(&["run"])).await;
    assert!(status.code() == Some(77) && err.contains("another poprelay"), "{err}");
    drop(daemon.stop().await);
}

#[tokio::test]
async fn token_file_with_wrong_mode_is_repaired() {
    let sim = start_simulator().await;
    sim.set_faults(|faults| faults.tokens.rotate = true);
    let mut dir = DaemonDir::for_simulator(&sim);
    let first = dir.start();
    first.wait_for_log("lane live").await;
    drop(first.stop().await);
    let token = dir.state_dir().join("token-main.json");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let daemon = dir.start();
    daemon.wait_for_log("mode 600 set").await;
    daemon.wait_for_log("lane live").await;
    assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    drop(daemon.stop().await);
}

#[tokio::test]
async fn check_online_names_the_leg_that_fails() {
    let client = Some(("test-client".to_owned(), Some("test-secret".to_owned())));
    let sim = Simulator::start(SimulatorSettings { client, ..SimulatorSettings::default() }).await.unwrap();
    let source = |server: &str| {
        format!(
            "\n[[enrich]]\ntype = \"http\"\nname = \"crm\"\nurl = \"{server}/find?phone={{{{ number }}}}\"\nfields = {{ name = \"/name\" }}\n"
        )
    };
    let dir = DaemonDir::for_simulator(&sim);
    dir.write_config(format!("{}{}", TestConfig::new(&sim.url()), source(&sim.url())));
    let (status, out, err) = run_to_end(dir.command(&["check", "--online"])).await;
    assert!(status.success(), "{out}{err}");
    for leg in ["main token host", "main API", "main socket", "sink desk", "sink support", "look-up crm"] {
        assert!(out.contains(&format!("online     {leg} 127.0.0.1:")), "{leg}: {out}");
    }
    let broken = TestConfig::new(&sim.url()).text("connections.main", "client_secret", "wrong").text(
        "sinks.support",
        "url",
        "http://127.0.0.1:9/teams/support",
    );
    dir.write_config(format!("{broken}{}", source("http://127.0.0.1:9")));
    let (status, out, err) = run_to_end(dir.command(&["check", "--online"])).await;
    assert_eq!(status.code(), Some(69), "{out}{err}");
    assert!(out.contains("failed     look-up crm 127.0.0.1:9: the host refuses the connection"), "{out}");
    assert!(out.contains("failed     sink support 127.0.0.1:9: the host refuses the connection"), "{out}");
    assert!(out.contains("client_id or client_secret is wrong"), "{out}");
    assert!(err.contains("not reachable: main token host"), "{err}");
}

/// Without GoTo at boot the daemon waits with growing pauses, and is live soon after GoTo is back. The shortest pauses add up
/// to half a second in all but one of 20,000 runs; a loop without pauses takes milliseconds.
#[tokio::test]
async fn goto_away_at_boot_causes_no_exit_and_no_storm() {
    let sim = start_simulator().await;
    sim.set_faults(|faults| faults.down = true);
    let mut dir = DaemonDir::new(TestConfig::new(&sim.url()).text("journal", "level", "info,poprelay::goto=debug"));
    let start = Instant::now();
    let daemon = dir.start();
    let attempts = 6;
    eventually("the token is requested again", TIMEOUT, async || {
        (daemon.journal().matches("token refresh failed").count() >= attempts).then_some(())
    })
    .await;
    let waited = start.elapsed();
    assert!(waited > Duration::from_millis(500), "{attempts} attempts within {waited:?}");
    sim.set_faults(|faults| faults.down = false);
    daemon.wait_for_log("lane live").await;
    sim.place(call("BACK AGAIN"));
    eventually("the call is shown", TIMEOUT, async || {
        message_texts(&sim, "desk").iter().any(|text| text.contains("BACK AGAIN")).then_some(())
    })
    .await;
    daemon.stop().await;
}

/// A name that does not resolve is no reason to exit: the network may come up after the daemon.
#[tokio::test]
async fn unresolvable_goto_at_boot_is_named_and_causes_no_exit() {
    let sim = start_simulator().await;
    let config = TestConfig::new(&sim.url()).text("connections.main", "api_url", "https://goto.invalid").text(
        "connections.main",
        "auth_url",
        "https://goto.invalid",
    );
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    daemon.wait_for_log("token refresh failed, retrying").await;
    let journal = daemon.stop().await;
    assert!(journal.contains("(DNS)") || journal.contains("the DNS server"), "{journal}");
}
