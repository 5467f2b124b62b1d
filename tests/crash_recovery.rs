//! Crash recovery: the daemon is killed repeatedly under load. Stored deliveries and calls that GoTo still lists are posted
//! afterwards. Only a request in flight at a kill may be repeated; a clean stop repeats none.

use crate::support::{
    Daemon, DaemonDir, TestConfig, eventually,
    ledger::{DeliveryLedger, caller_number, random_call},
};
use poprelay::sim::{CallPlan, Extension, Party, Simulator, SimulatorSettings};
use std::time::{Duration, Instant};

/// Time without a new message after which none follows: the last request for late reports is sent after a minute.
const QUIET_PERIOD: Duration = Duration::from_secs(100);
/// Stops per stop that leaves channels behind. A stop has 3 s to delete them; the simulator answers immediately.
const STOPS_PER_LEFTOVER: u32 = 4;

/// Returns how many channels the daemon names as left behind.
fn channels_left(journal: &str) -> usize {
    let line = journal.lines().find(|line| line.contains("channels left behind"));
    let number = line.and_then(|line| line.split("channels=").nth(1)?.split_whitespace().next());
    number.map_or(0, |number| number.parse().unwrap())
}

async fn slow_chat() -> (Simulator, DaemonDir) {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(|faults| {
        faults.chat.per_second = None;
        faults.chat.slow = 0.5;
        faults.chat.slow_ms = 200;
        // A kill between GoTo's answer and the disk loses a rotated token. No client survives that, so the old one stays valid.
        faults.tokens.rotate = true;
        faults.tokens.old_token_valid = true;
    });
    let dir = DaemonDir::new(TestConfig::new(&sim.url()).all_outcomes());
    (sim, dir)
}

/// Places calls at `rate` per second for `lasting`. Every 1 to 3 s `end` stops the daemon and a new one starts.
async fn under_load(
    sim: &Simulator,
    dir: &mut DaemonDir,
    (rate, lasting): (f64, Duration),
    ledger: &mut DeliveryLedger,
    mut end: impl AsyncFnMut(Daemon),
) -> Daemon {
    let mut rng = fastrand::Rng::with_seed(9);
    let mut daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let start = Instant::now();
    let (mut number, mut next) = (0, start + Duration::from_secs(2));
    while start.elapsed() < lasting {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        tokio::time::sleep_until(due.into()).await;
        sim.place(random_call(number, &mut rng));
        number += 1;
        if Instant::now() >= next {
            end(daemon).await;
            ledger.read(sim);
            daemon = dir.start();
            next = Instant::now() + Duration::from_millis(rng.u64(1_000..3_000));
        }
    }
    daemon
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_under_load_lose_no_call() {
    let (sim, mut dir) = slow_chat().await;
    let (mut ledger, mut kills) = (DeliveryLedger::default(), 0);
    let load = (100.0, Duration::from_secs(60));
    let daemon = under_load(&sim, &mut dir, load, &mut ledger, async |daemon: Daemon| {
        kills += 1;
        daemon.kill();
    })
    .await;
    ledger.settle(&sim, &["desk", "support"], QUIET_PERIOD).await;
    drop(daemon.stop().await);
    ledger.read(&sim);
    let stored = dir.read_outbox();
    eprintln!("{kills} kills\n{ledger}\n{stored}");
    for sink in ["desk", "support"] {
        let lost: Vec<String> =
            ledger.lost_calls(sink).iter().map(|made| ledger.explain(sink, made, &stored)).collect();
        assert!(lost.is_empty(), "{sink} lost {}: {:#?}", lost.len(), lost.iter().take(20).collect::<Vec<_>>());
        // At a kill each sink has one message in flight, which may hold many cards.
        let twice = ledger.repeated_messages(sink);
        assert!(twice <= kills, "{sink}: {twice} messages repeated by {kills} kills");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_under_load_lose_no_call_and_repeat_no_card() {
    let (sim, mut dir) = slow_chat().await;
    let (mut ledger, mut stops, mut leftovers) = (DeliveryLedger::default(), 0_u32, 0_u32);
    let load = (50.0, Duration::from_secs(25));
    let daemon = under_load(&sim, &mut dir, load, &mut ledger, async |daemon: Daemon| {
        let start = Instant::now();
        let journal = daemon.stop().await;
        assert!(start.elapsed() < Duration::from_secs(10), "a stop took {:?}", start.elapsed());
        let left = sim.channels();
        let last: Vec<&str> = journal.lines().rev().take(40).collect();
        let named = channels_left(&journal);
        assert!(left.len() <= named, "{named} named, left {left:#?}: {last:#?}");
        leftovers += u32::from(!left.is_empty());
        stops += 1;
    })
    .await;
    ledger.settle(&sim, &["desk", "support"], QUIET_PERIOD).await;
    drop(daemon.stop().await);
    ledger.read(&sim);
    let stored = dir.read_outbox();
    eprintln!("{stops} stops, {leftovers} left channels behind\n{ledger}\n{stored}");
    assert!(leftovers * STOPS_PER_LEFTOVER <= stops, "{leftovers} of {stops} stops left channels behind");
    // The last daemon had time to delete its own channels and those of earlier ones.
    eventually("all channels are deleted", Duration::from_secs(5), async || sim.channels().is_empty().then_some(()))
        .await;
    for sink in ["desk", "support"] {
        let lost: Vec<String> =
            ledger.lost_calls(sink).iter().map(|made| ledger.explain(sink, made, &stored)).collect();
        assert!(lost.is_empty(), "{sink} lost {}: {:#?}", lost.len(), lost.iter().take(20).collect::<Vec<_>>());
        assert_eq!(ledger.repeated_cards(sink), [], "{sink}");
    }
}

/// A kill between send and settle: the chat has the card and the store does not record it yet.
#[tokio::test]
async fn kill_repeats_request_in_flight_but_not_settled_card() {
    let (sim, mut dir) = slow_chat().await;
    sim.set_faults(|faults| (faults.chat.slow, faults.chat.hang_after_accept) = (0.0, 0.0));
    // The phone rings for 20 s: the first card is all that is due within the test.
    let ring = |index| {
        let caller = Party { name: None, number: Some(caller_number(index)) };
        sim.place(CallPlan::voicemail(caller, &Extension::new("1015", "Bob Roy")))
    };
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    ring(0);
    daemon.wait_for_log("card delivered").await;
    sim.set_faults(|faults| faults.chat.hang_after_accept = 1.0);
    ring(1);
    let mut ledger = DeliveryLedger::default();
    eventually("both chats have the second card", Duration::from_secs(30), async || {
        ledger.read(&sim);
        (ledger.lost_calls("desk").is_empty() && ledger.lost_calls("support").is_empty()).then_some(())
    })
    .await;
    daemon.kill();
    sim.set_faults(|faults| faults.chat.hang_after_accept = 0.0);
    let daemon = dir.start();
    eventually("the second card is posted again", Duration::from_secs(30), async || {
        ledger.read(&sim);
        (ledger.repeated_cards("desk").len() == 1 && ledger.repeated_cards("support").len() == 1).then_some(())
    })
    .await;
    drop(daemon.stop().await);
    ledger.read(&sim);
    assert_eq!(ledger.messages("desk"), 3, "the first card once, the second twice");
    assert_eq!(dir.read_outbox().waiting(), 0);
}

/// A kill between enqueue and lease: the sink waits and no request is in flight.
#[tokio::test]
async fn kill_with_waiting_cards_posts_each_once() {
    let (sim, mut dir) = slow_chat().await;
    sim.set_faults(|faults| faults.chat.too_many = 1.0);
    let mut rng = fastrand::Rng::with_seed(4);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    for index in 0..20 {
        sim.place(random_call(index, &mut rng));
    }
    eventually("every call has rung", Duration::from_secs(30), async || {
        let calls = sim.calls();
        calls.iter().all(|made| made.states_reached > 1).then_some(())
    })
    .await;
    daemon.kill();
    sim.set_faults(|faults| faults.chat.too_many = 0.0);
    let daemon = dir.start();
    let mut ledger = DeliveryLedger::default();
    ledger.settle(&sim, &["desk", "support"], QUIET_PERIOD).await;
    drop(daemon.stop().await);
    ledger.read(&sim);
    assert_eq!((ledger.repeated_cards("desk"), ledger.repeated_cards("support")), (Vec::new(), Vec::new()));
}
