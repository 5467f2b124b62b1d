//! A new config for a daemon that runs: SIGHUP, with the real binary, under load and with what systemd hears of it.

use crate::support::{
    Daemon, Home, SOON,
    account::{Account, plan},
    config_for, eventually, shown, shows,
};
use poprelay::sim::{CallPlan, Line, Party, Settings, World};
use std::{
    fs::File,
    os::unix::net::UnixDatagram,
    process::Stdio,
    time::{Duration, Instant},
};

const ALL: &str = "pace = \"off\"\noutcomes = [\"answered\", \"missed\", \"voicemail\", \"ended\"]";

async fn world() -> World {
    World::start(Settings::default()).await.unwrap()
}

fn call(world: &World, name: &str) {
    let line = Line::of("1015", "Bob Roy");
    world.place(CallPlan::answered(Party::of(name, "+15145550199"), &line).at_speed(20.0));
}

/// Asks for a reload and waits for its end.
async fn reload(daemon: &Daemon, home: &Home, config: &str) {
    let ends = || {
        let journal = daemon.journal();
        journal.matches("INFO config reloaded").count() + journal.matches("ERROR config refused").count()
    };
    let before = ends();
    home.configure(config);
    daemon.signal("-HUP");
    eventually("the reload is carried out", SOON, async || (ends() > before).then_some(())).await;
}

fn channels(world: &World) -> Vec<String> {
    let mut ids: Vec<String> = world.channels().iter().map(|channel| channel["channelId"].to_string()).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_reloads_under_load_lose_no_call_and_tell_none_twice() {
    let world = world().await;
    world.set_faults(|faults| {
        faults.chat.per_second = None;
        faults.chat.slow = 0.3;
        faults.chat.slow_ms = 150;
    });
    let plain = config_for(&world.url())
        .replace("slack/desk\"", &format!("slack/desk\"\n{ALL}"))
        .replace("teams/support\"", &format!("teams/support\"\n{ALL}"));
    let configs = [
        plain.replace("pace = \"off\"", "pace = { per_second = 20, burst = 20 }"),
        plain.replace("\"slack/desk", "\"nowhere").replace("type = \"slack\"", "type = \"slak\""),
        format!("{plain}\n[sinks.more]\ntype = \"slack\"\nurl = \"{}/slack/more\"\n", world.url()),
        format!(
            "{plain}\n[[routes]]\nsinks = [\"support\", \"desk\"]\n[cards.lines]\nstate = \"State: {{{{ state }}}}\"\n"
        ),
        plain.clone(),
    ];
    let mut home = Home::new(&plain);
    let daemon = home.run();
    eventually("both lanes live", SOON, async || (daemon.journal().matches("lane live").count() == 2).then_some(()))
        .await;
    let opened = channels(&world);
    let (mut dice, mut account, start) = (fastrand::Rng::with_seed(7), Account::default(), Instant::now());
    let mut number = 0;
    for turn in 0..20 {
        let due = start + Duration::from_secs(turn);
        while Instant::now() < due || number < turn as u32 * 20 {
            world.place(plan(number, &mut dice));
            number += 1;
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        reload(&daemon, &home, &configs[turn as usize % configs.len()]).await;
    }
    account.settle(&world, &["desk", "support"], Duration::from_secs(30)).await;
    let journal = daemon.stop().await;
    account.read(&world);
    let stored = home.stored();
    eprintln!("{account}\n{stored}");
    for sink in ["desk", "support"] {
        let lost: Vec<String> = account.lost(sink).iter().map(|made| account.explain(sink, made, &stored)).collect();
        assert!(lost.is_empty(), "{sink} lost {}: {:#?}", lost.len(), lost.iter().take(20).collect::<Vec<_>>());
        let twice = account.twice_without_cause(sink, &stored);
        assert!(twice.is_empty(), "{sink}: {twice:#?}");
    }
    let said = |what: &str| journal.lines().filter(|line| line.contains(what)).collect::<Vec<_>>();
    assert_eq!((said("INFO config reloaded").len(), said("ERROR config refused").len()), (16, 4));
    assert_eq!(journal.matches("lane live").count(), 2, "no socket was touched");
    assert_eq!(opened.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systemd_hears_of_a_reload_and_of_a_config_that_was_refused_until_a_good_one() {
    let (world, dir) = (world().await, tempfile::tempdir().unwrap());
    let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    socket.set_nonblocking(true).unwrap();
    let home = Home::in_world(&world);
    let mut command = home.command(&["run"]);
    command.env("NOTIFY_SOCKET", dir.path().join("notify")).stderr(File::create(home.path().join("journal")).unwrap());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut heard = String::new();
    let mut hears = async |what: &[&str]| {
        eventually(&format!("systemd hears {what:?}"), SOON, async || {
            let mut bytes = [0; 4096];
            while let Ok(size) = socket.recv(&mut bytes) {
                heard.push_str(std::str::from_utf8(&bytes[..size]).unwrap());
                heard.push('\n');
            }
            what.iter().all(|what| heard.contains(what)).then(|| std::mem::take(&mut heard))
        })
        .await
    };
    let hang_up = || {
        assert!(std::process::Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success())
    };
    hears(&["READY=1", "STATUS=2 of 2 lanes live"]).await;
    home.configure(&config_for(&world.url()).replace("client_id", "klient_id"));
    hang_up();
    let said = hears(&["READY=1", "STATUS=config refused: "]).await;
    assert!(said.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{said}");
    assert!(said.contains("klient_id") || said.contains("client_id"), "{said}");
    home.configure(&config_for(&world.url()).replace("[cards]", "retention = \"9d\"\n[cards]"));
    hang_up();
    let said = hears(&["RELOADING=1", "READY=1", "restart to apply: state.retention"]).await;
    assert!(!said.contains("config refused"), "{said}");
    home.configure(&config_for(&world.url()));
    hang_up();
    hears(&["RELOADING=1", "READY=1\nSTATUS=2 of 2 lanes live, 0 calls"]).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_was_switched_off_is_tried_at_once_when_its_url_was_mended_or_the_config_read_again() {
    let world = world().await;
    let good = config_for(&world.url());
    let mut home = Home::new(&good.replace("/slack/desk", "/nowhere/desk"));
    let daemon = home.run();
    daemon.says("lane live").await;
    call(&world, "ALICE MARTIN");
    daemon.says("sink disabled").await;
    reload(&daemon, &home, &good).await;
    assert!(shows(&world, "desk", 1).await[0].contains("ALICE MARTIN"));
    daemon.says("sink takes cards again").await;
    assert_eq!(shown(&world, "support").len(), 1, "the other sink has nothing told twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_changed_is_opened_anew_and_the_others_keep_their_channels() {
    let world = world().await;
    let one = config_for(&world.url());
    let (head, tail) = one.split_at(one.find("[state]").unwrap());
    let second = head.replace("connections.main", "connections.second");
    let two = format!("{head}{second}{tail}");
    let mut home = Home::new(&two);
    let daemon = home.run();
    let before = eventually("four lanes live", SOON, async || {
        let all = channels(&world);
        (all.len() == 4).then_some(all)
    })
    .await;
    let kept = async |all: usize, old: usize| {
        eventually(&format!("{all} channels, {old} of them old"), SOON, async || {
            let now = channels(&world);
            (now.len() == all && now.iter().filter(|id| before.contains(id)).count() == old).then_some(())
        })
        .await;
    };
    reload(&daemon, &home, &format!("{head}{}{tail}", second.replace("client_id", "lanes = 1\nclient_id"))).await;
    kept(3, 2).await;
    reload(&daemon, &home, &one).await;
    kept(2, 2).await;
    call(&world, "ALICE MARTIN");
    shows(&world, "desk", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journals_level_comes_from_the_config_and_changes_with_it() {
    let world = world().await;
    let quiet = format!("{}\n[journal]\nlevel = \"error\"\n", config_for(&world.url()));
    let home = Home::new(&quiet);
    let log = home.path().join("journal");
    let mut command = home.command(&["run"]);
    let mut child = command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
    eventually("two channels", SOON, async || (channels(&world).len() == 2).then_some(())).await;
    let said = || std::fs::read_to_string(&log).unwrap();
    assert!(!said().contains("INFO"), "{}", said());
    home.configure(&quiet.replace("\"error\"", "\"info\""));
    assert!(std::process::Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap().success());
    eventually("the journal says more", SOON, async || said().contains("config reloaded").then_some(())).await;
    child.kill().unwrap();
    child.wait().unwrap();
}
