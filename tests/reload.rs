//! Config reload by SIGHUP: the real binary under load, and the notifications to systemd.

use crate::support::{
    Daemon, DaemonDir, TIMEOUT, TestConfig, eventually,
    ledger::{DeliveryLedger, random_call},
    message_texts, wait_for_messages,
};
use poprelay::sim::{CallPlan, Extension, Party, Simulator, SimulatorSettings};
use std::{
    fmt::Display,
    fs::File,
    io::Write as _,
    os::unix::net::UnixDatagram,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

async fn start_simulator() -> Simulator {
    Simulator::start(SimulatorSettings::default()).await.unwrap()
}

fn call(sim: &Simulator, name: &str) {
    let line = Extension::new("1015", "Bob Roy");
    sim.place(CallPlan::answered(Party::new(name, "+15145550199"), &line).at_speed(20.0));
}

/// Requests a reload and waits for its end.
async fn reload(daemon: &Daemon, dir: &DaemonDir, config: impl Display) {
    let ends = || {
        let journal = daemon.journal();
        journal.matches("INFO config reloaded").count() + journal.matches("ERROR config reload rejected").count()
    };
    let before = ends();
    dir.write_config(config);
    daemon.signal("-HUP");
    eventually("the reload is done", TIMEOUT, async || (ends() > before).then_some(())).await;
}

fn channels(sim: &Simulator) -> Vec<String> {
    let mut ids: Vec<String> = sim.channels().iter().map(|channel| channel["channelId"].to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_no_call_and_repeat_no_card() {
    let sim = start_simulator().await;
    sim.set_faults(|faults| {
        faults.chat.per_second = None;
        faults.chat.slow = 0.3;
        faults.chat.slow_ms = 150;
    });
    let plain = TestConfig::new(&sim.url()).all_outcomes();
    let pace = "{ per_second = 20, burst = 20 }";
    let more = plain.clone().text("sinks.more", "type", "slack");
    let worded = plain.clone().text("cards.lines", "state", "State: {{ state }}");
    let configs = [
        plain.clone().set("sinks.desk", "pace", pace).set("sinks.support", "pace", pace).to_string(),
        plain.clone().text("sinks.desk", "type", "slak").to_string(),
        more.text("sinks.more", "url", format!("{}/slack/more", sim.url())).to_string(),
        format!("{worded}\n[[routes]]\nsinks = [\"support\", \"desk\"]\n"),
        plain.to_string(),
    ];
    let mut dir = DaemonDir::new(&plain);
    let daemon = dir.start();
    eventually("both lanes live", TIMEOUT, async || (daemon.journal().matches("lane live").count() == 2).then_some(()))
        .await;
    let opened = channels(&sim);
    let (mut rng, mut ledger, start) = (fastrand::Rng::with_seed(7), DeliveryLedger::default(), Instant::now());
    let mut number = 0;
    for turn in 0..20 {
        let due = start + Duration::from_secs(turn);
        while Instant::now() < due || number < turn as u32 * 20 {
            sim.place(random_call(number, &mut rng));
            number += 1;
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        reload(&daemon, &dir, &configs[turn as usize % configs.len()]).await;
    }
    ledger.settle(&sim, &["desk", "support"], Duration::from_secs(30)).await;
    let journal = daemon.stop().await;
    ledger.read(&sim);
    let stored = dir.read_outbox();
    eprintln!("{ledger}\n{stored}");
    for sink in ["desk", "support"] {
        let lost: Vec<String> =
            ledger.lost_calls(sink).iter().map(|made| ledger.explain(sink, made, &stored)).collect();
        assert!(lost.is_empty(), "{sink} lost {}: {:#?}", lost.len(), lost.iter().take(20).collect::<Vec<_>>());
        let twice = ledger.unexplained_repeats(sink, &stored);
        assert!(twice.is_empty(), "{sink}: {twice:#?}");
    }
    let entries = |what: &str| journal.lines().filter(|line| line.contains(what)).collect::<Vec<_>>();
    assert_eq!((entries("INFO config reloaded").len(), entries("ERROR config reload rejected").len()), (16, 4));
    assert_eq!(journal.matches("lane live").count(), 2, "a lane reconnected");
    assert_eq!(opened.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systemd_is_notified_of_reload_and_rejected_config() {
    let (sim, socket_dir) = (start_simulator().await, tempfile::tempdir().unwrap());
    let socket = UnixDatagram::bind(socket_dir.path().join("notify")).unwrap();
    socket.set_nonblocking(true).unwrap();
    let dir = DaemonDir::for_simulator(&sim);
    let mut command = dir.command(&["run"]);
    command
        .env("NOTIFY_SOCKET", socket_dir.path().join("notify"))
        .stderr(File::create(dir.path().join("journal")).unwrap());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut received = String::new();
    let mut wait_for_notification = async |what: &[&str]| {
        eventually(&format!("systemd receives {what:?}"), TIMEOUT, async || {
            let mut bytes = [0; 4096];
            while let Ok(size) = socket.recv(&mut bytes) {
                received.push_str(std::str::from_utf8(&bytes[..size]).unwrap());
                received.push('\n');
            }
            what.iter().all(|what| received.contains(what)).then(|| std::mem::take(&mut received))
        })
        .await
    };
    let send_hup = || {
        assert!(std::process::Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success())
    };
    wait_for_notification(&["READY=1", "STATUS=2 of 2 lanes live"]).await;
    dir.write_config(TestConfig::new(&sim.url()).rename("connections.main", "client_id", "klient_id"));
    send_hup();
    let notified = wait_for_notification(&["READY=1", "STATUS=config rejected: "]).await;
    assert!(notified.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{notified}");
    assert!(notified.contains("klient_id"), "{notified}");
    dir.write_config(TestConfig::new(&sim.url()).text("state", "retention", "9d"));
    send_hup();
    let notified =
        wait_for_notification(&["RELOADING=1", "READY=1", "restart required to apply: state.retention"]).await;
    assert!(!notified.contains("config rejected"), "{notified}");
    dir.write_config(TestConfig::new(&sim.url()));
    send_hup();
    wait_for_notification(&["RELOADING=1", "READY=1\nSTATUS=2 of 2 lanes live, 0 calls today"]).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disabled_sink_is_retried_after_reload_with_new_url() {
    let sim = start_simulator().await;
    let good = TestConfig::new(&sim.url());
    let mut dir = DaemonDir::new(good.clone().text("sinks.desk", "url", format!("{}/nowhere/desk", sim.url())));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    call(&sim, "ALICE MARTIN");
    daemon.wait_for_log("sink disabled").await;
    reload(&daemon, &dir, &good).await;
    assert!(wait_for_messages(&sim, "desk", 1).await[0].contains("ALICE MARTIN"));
    daemon.wait_for_log("sink recovered").await;
    assert_eq!(message_texts(&sim, "support").len(), 1, "the other sink repeated a card");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_connection_reconnects_and_others_keep_channels() {
    let sim = start_simulator().await;
    let one = TestConfig::new(&sim.url());
    let two = one.clone().copy("connections.main", "connections.second");
    let mut dir = DaemonDir::new(&two);
    let daemon = dir.start();
    let before = eventually("four lanes live", TIMEOUT, async || {
        let all = channels(&sim);
        (all.len() == 4).then_some(all)
    })
    .await;
    let kept = async |all: usize, old: usize| {
        eventually(&format!("{all} channels, {old} of them old"), TIMEOUT, async || {
            let now = channels(&sim);
            (now.len() == all && now.iter().filter(|id| before.contains(id)).count() == old).then_some(())
        })
        .await;
    };
    reload(&daemon, &dir, two.set("connections.second", "lanes", 1)).await;
    kept(3, 2).await;
    reload(&daemon, &dir, &one).await;
    kept(2, 2).await;
    call(&sim, "ALICE MARTIN");
    wait_for_messages(&sim, "desk", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn journal_level_follows_config_on_reload() {
    let sim = start_simulator().await;
    let quiet = TestConfig::new(&sim.url()).text("journal", "level", "error");
    let dir = DaemonDir::new(&quiet);
    let log_file = dir.path().join("journal");
    let mut command = dir.command(&["run"]);
    let mut child = command.stdout(Stdio::null()).stderr(File::create(&log_file).unwrap()).spawn().unwrap();
    eventually("two channels", TIMEOUT, async || (channels(&sim).len() == 2).then_some(())).await;
    let log_text = || std::fs::read_to_string(&log_file).unwrap();
    assert!(!log_text().contains("INFO"), "{}", log_text());
    dir.write_config(quiet.text("journal", "level", "info"));
    assert!(std::process::Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success());
    eventually("the journal has info entries", TIMEOUT, async || log_text().contains("config reloaded").then_some(()))
        .await;
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The config is a pipe: the daemon waits for its content, so the signal certainly comes before the daemon runs.
#[tokio::test]
async fn hangup_during_the_start_is_a_reload_and_ends_nothing() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::for_simulator(&sim);
    let path = dir.path().join("config.toml");
    let text = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg("-m").arg("600").arg(&path).status().unwrap().success());
    let daemon = dir.start();
    let pipe = path.clone();
    // Completes when the daemon opens the other end.
    let mut writer = tokio::task::spawn_blocking(move || File::create(pipe).unwrap()).await.unwrap();
    daemon.signal("-HUP");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, &text).unwrap();
    writer.write_all(&text).unwrap();
    drop(writer);
    daemon.wait_for_log("config reloaded").await;
    daemon.wait_for_log("lane live").await;
    drop(daemon.stop().await);
}
