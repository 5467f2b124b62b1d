//! The daemon is killed, again and again, in the middle of its work: what was in its store or what GoTo still tells is told
//! afterwards, and nothing twice but what was on the wire at that moment. And stopped in order: then nothing at all.

use crate::support::{
    Daemon, Home,
    account::{Account, plan},
    config_for, eventually,
};
use poprelay::sim::{Settings, World};
use std::time::{Duration, Instant};

/// When nothing more was told for so long, nothing more will be: the last question for late reports comes after a minute.
const STILL: Duration = Duration::from_secs(100);
const ALL: &str = "pace = \"off\"\noutcomes = [\"answered\", \"missed\", \"voicemail\", \"ended\"]";

async fn scene() -> (World, Home) {
    let world = World::start(Settings::default()).await.unwrap();
    world.set_faults(|faults| {
        faults.chat.per_second = None;
        faults.chat.slow = 0.5;
        faults.chat.slow_ms = 200;
        // A kill between GoTo's answer and the disk loses a rotated token: nobody can survive that, so the old one lives.
        faults.tokens.rotate = true;
        faults.tokens.old_lives = true;
    });
    let config = config_for(&world.url())
        .replace("slack/desk\"", &format!("slack/desk\"\n{ALL}"))
        .replace("teams/support\"", &format!("teams/support\"\n{ALL}"));
    (world, Home::new(&config))
}

/// Places calls at `rate` a second for `lasting`, and hands the daemon to `end` every 1 to 3 s for another.
async fn under_load(
    world: &World,
    home: &mut Home,
    (rate, lasting): (f64, Duration),
    account: &mut Account,
    mut end: impl AsyncFnMut(Daemon),
) -> Daemon {
    let mut dice = fastrand::Rng::with_seed(9);
    let mut daemon = home.run();
    daemon.says("lane live").await;
    let start = Instant::now();
    let (mut number, mut next) = (0, start + Duration::from_secs(2));
    while start.elapsed() < lasting {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        tokio::time::sleep_until(due.into()).await;
        world.place(plan(number, &mut dice));
        number += 1;
        if Instant::now() >= next {
            end(daemon).await;
            account.read(world);
            daemon = home.run();
            next = Instant::now() + Duration::from_millis(dice.u64(1_000..3_000));
        }
    }
    daemon
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_killed_every_few_seconds_loses_nothing() {
    let (world, mut home) = scene().await;
    let (mut account, mut kills) = (Account::default(), 0);
    let load = (100.0, Duration::from_secs(60));
    let daemon = under_load(&world, &mut home, load, &mut account, async |daemon: Daemon| {
        kills += 1;
        daemon.kill();
    })
    .await;
    account.settle(&world, &["desk", "support"], STILL).await;
    drop(daemon.stop().await);
    account.read(&world);
    let stored = home.stored();
    eprintln!("{kills} kills\n{account}\n{stored}");
    for sink in ["desk", "support"] {
        let lost: Vec<String> = account.lost(sink).iter().map(|made| account.explain(sink, made, &stored)).collect();
        assert!(lost.is_empty(), "{sink} lost {}: {:#?}", lost.len(), lost.iter().take(20).collect::<Vec<_>>());
        // One message is on the wire of each sink at a kill, and it may have said many cards.
        let twice = account.messages_twice(sink);
        assert!(twice <= kills, "{sink}: {twice} messages were repeated by {kills} kills");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_stopped_and_started_under_load_loses_nothing_and_tells_nothing_twice() {
    let (world, mut home) = scene().await;
    let (mut account, mut stops) = (Account::default(), 0);
    let load = (50.0, Duration::from_secs(25));
    let daemon = under_load(&world, &mut home, load, &mut account, async |daemon: Daemon| {
        let start = Instant::now();
        let journal = daemon.stop().await;
        assert!(start.elapsed() < Duration::from_secs(10), "a stop took {:?}", start.elapsed());
        let (left, said) = (world.channels(), journal.contains("channels left behind"));
        let last: Vec<&str> = journal.lines().rev().take(40).collect();
        assert!(left.is_empty() || said, "{left:#?}: {last:#?}");
        stops += 1;
    })
    .await;
    account.settle(&world, &["desk", "support"], STILL).await;
    drop(daemon.stop().await);
    account.read(&world);
    let stored = home.stored();
    eprintln!("{stops} stops\n{account}\n{stored}");
    for sink in ["desk", "support"] {
        let lost: Vec<String> = account.lost(sink).iter().map(|made| account.explain(sink, made, &stored)).collect();
        assert!(lost.is_empty(), "{sink} lost {}: {:#?}", lost.len(), lost.iter().take(20).collect::<Vec<_>>());
        assert_eq!(account.twice(sink), [], "{sink}");
    }
}

/// Between send and settle: the chat has the card, the daemon does not know it yet, and dies.
#[tokio::test]
async fn what_was_on_the_wire_at_a_kill_is_sent_again_and_what_was_settled_is_not() {
    let (world, mut home) = scene().await;
    world.set_faults(|faults| (faults.chat.slow, faults.chat.hang_after_accept) = (0.0, 0.0));
    let mut dice = fastrand::Rng::with_seed(3);
    let mut ring = |index| {
        let mut plan = plan(index, &mut dice);
        plan.beats.truncate(2);
        plan.speed = 1.0;
        world.place(plan)
    };
    let daemon = home.run();
    daemon.says("lane live").await;
    ring(0);
    daemon.says("card delivered").await;
    world.set_faults(|faults| faults.chat.hang_after_accept = 1.0);
    ring(1);
    let mut account = Account::default();
    eventually("the second card is with the chats", Duration::from_secs(30), async || {
        account.read(&world);
        (account.lost("desk").is_empty() && account.lost("support").is_empty()).then_some(())
    })
    .await;
    daemon.kill();
    world.set_faults(|faults| faults.chat.hang_after_accept = 0.0);
    let daemon = home.run();
    eventually("the second card is told again", Duration::from_secs(30), async || {
        account.read(&world);
        (account.twice("desk").len() == 1 && account.twice("support").len() == 1).then_some(())
    })
    .await;
    drop(daemon.stop().await);
    account.read(&world);
    assert_eq!(account.messages("desk"), 3, "the first card once, the second twice");
    assert_eq!(home.stored().waiting(), 0);
}

/// Between admission and lease: the sink is held, nothing is on the wire, and the daemon dies.
#[tokio::test]
async fn what_waits_at_a_kill_is_told_once() {
    let (world, mut home) = scene().await;
    world.set_faults(|faults| faults.chat.too_many = 1.0);
    let mut dice = fastrand::Rng::with_seed(4);
    let daemon = home.run();
    daemon.says("lane live").await;
    for index in 0..20 {
        world.place(plan(index, &mut dice));
    }
    eventually("every call has rung", Duration::from_secs(30), async || {
        let calls = world.calls();
        calls.iter().all(|made| made.said > 1).then_some(())
    })
    .await;
    daemon.kill();
    world.set_faults(|faults| faults.chat.too_many = 0.0);
    let daemon = home.run();
    let mut account = Account::default();
    account.settle(&world, &["desk", "support"], STILL).await;
    drop(daemon.stop().await);
    account.read(&world);
    assert_eq!((account.twice("desk"), account.twice("support")), (Vec::new(), Vec::new()));
}
