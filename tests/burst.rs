//! Bursts of calls against a chat that accepts one message per second: every call is shown within the bound and the daemon
//! causes no 429.

use crate::support::{
    DaemonDir, TestConfig, eventually,
    ledger::{DeliveryLedger, caller_number},
};
use poprelay::sim::{CallPlan, Extension, Party, Simulator, SimulatorSettings};
use std::time::{Duration, Instant};

/// Longest time from the start of a call to its first card in a burst of 60 calls. Measured on the simulator's clock.
const MAX_DELAY_MS: i64 = 15_000;

/// Starts a simulator that limits as documented (1/s, burst 4) and prepares one Slack sink with the default rate.
async fn one_slack_sink() -> (Simulator, DaemonDir) {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(|faults| faults.chat.burst = 4);
    let dir = DaemonDir::new(TestConfig::new(&sim.url()).without("sinks.support"));
    (sim, dir)
}

/// Waits until `desk` shows every call. Returns the ledger and the sorted delays in milliseconds.
async fn shown_calls(sim: &Simulator, within: Duration) -> (DeliveryLedger, Vec<i64>) {
    let mut ledger = DeliveryLedger::default();
    eventually("every call is shown", within, async || {
        ledger.read(sim);
        ledger.lost_calls("desk").is_empty().then_some(())
    })
    .await;
    let delays = ledger.delays("desk", sim);
    (ledger, delays)
}

fn print_delays(what: &str, ledger: &DeliveryLedger, delays: &[i64]) {
    let at = |share: usize| delays.get((delays.len() - 1) * share / 100).unwrap();
    let (messages, refused) = (ledger.messages("desk"), ledger.rejected("desk", 429));
    eprintln!(
        "{what}: {messages} messages, {refused} rejected with 429; first card after p50 {} ms, p95 {} ms, max {} ms",
        at(50),
        at(95),
        at(100)
    );
}

/// Returns a call without a menu at real speed: its phone rings immediately and until its card is shown, for 20 s.
fn slow_call(index: u32) -> CallPlan {
    let caller = Party { name: None, number: Some(caller_number(index)) };
    CallPlan::voicemail(caller, &Extension::new("1015", "Bob Roy"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn burst_of_60_calls_is_shown_in_time_without_429() {
    let (sim, mut dir) = one_slack_sink().await;
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let start = Instant::now();
    for index in 0..60 {
        tokio::time::sleep_until((start + Duration::from_millis(16) * index).into()).await;
        sim.place(slow_call(index));
    }
    let (ledger, delays) = shown_calls(&sim, Duration::from_secs(30)).await;
    print_delays("60 calls in a second", &ledger, &delays);
    let last = *delays.last().unwrap();
    assert!(last < MAX_DELAY_MS, "the last call was shown after {last} ms");
    assert_eq!(ledger.rejected("desk", 429), 0, "requests rejected with 429");
    assert!(ledger.messages("desk") <= 20, "60 calls need few messages: {}", ledger.messages("desk"));
    drop(daemon.stop().await);
    assert!(ledger.repeated_cards("desk").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_of_600_calls_in_a_minute_is_shown_without_429() {
    let (sim, mut dir) = one_slack_sink().await;
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let start = Instant::now();
    for index in 0..600 {
        tokio::time::sleep_until((start + Duration::from_millis(100) * index).into()).await;
        sim.place(slow_call(index));
    }
    let (ledger, delays) = shown_calls(&sim, Duration::from_secs(60)).await;
    print_delays("600 calls in a minute", &ledger, &delays);
    assert_eq!(ledger.rejected("desk", 429), 0, "requests rejected with 429");
    drop(daemon.stop().await);
    assert!(ledger.repeated_cards("desk").is_empty());
}
