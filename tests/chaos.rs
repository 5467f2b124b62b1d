//! Chaos test: the real daemon with random, repeatable faults of GoTo and the chats that change every few seconds, hang-ups and
//! frozen sockets included. No call may be lost and no card may become a dead letter. Prints the delivery ledger at the end.
//!
//! Settings: `POPRELAY_CHAOS_CALLS`, `POPRELAY_CHAOS_RATE` (calls per second), `POPRELAY_CHAOS_SEED`; `tests/chaos` sets
//! them.

use crate::support::{
    DaemonDir, TestConfig,
    ledger::{DeliveryLedger, random_call},
};
use poprelay::sim::{
    ChannelFaults, ChatFaults, Faults, RestFaults, Simulator, SimulatorSettings, SocketFaults, TokenFaults,
};
use std::{
    collections::BTreeMap,
    env,
    str::FromStr,
    time::{Duration, Instant},
};

/// Time without a new message after which none follows: the longest wait after attempts without an answer is five minutes.
pub const QUIET_PERIOD: Duration = Duration::from_secs(320);

/// Calls of a run with long freezes: two minutes at the default rate.
const LONG_RUN: u32 = 5_000;

/// Settings and simulator of a run.
pub struct ChaosRun {
    pub seed: u64,
    pub calls: u32,
    /// Calls per second.
    pub rate: f64,
    pub rng: fastrand::Rng,
    pub sim: Simulator,
}

impl ChaosRun {
    /// Starts a simulator with the settings of the environment, or with these.
    pub async fn start(name: &str, calls: u32, rate: f64) -> Self {
        let seed = setting("POPRELAY_CHAOS_SEED", fastrand::u64(1..1_000_000));
        let (calls, rate) = (setting("POPRELAY_CHAOS_CALLS", calls), setting("POPRELAY_CHAOS_RATE", rate));
        eprintln!("{name}: {calls} calls, {rate} a second, POPRELAY_CHAOS_SEED={seed}");
        let sim = Simulator::start(SimulatorSettings { seed, ..SimulatorSettings::default() }).await.unwrap();
        Self { seed, calls, rate, rng: fastrand::Rng::with_seed(seed), sim }
    }
}

fn setting<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Returns random faults: each switch is off, or has a random share.
pub fn random_faults(rng: &mut fastrand::Rng) -> Faults {
    let mut share = |most: f64| if rng.bool() { rng.f64() * most } else { 0.0 };
    let rest = RestFaults {
        unauthorized: share(0.1),
        conflict: share(0.3),
        too_many: share(0.15),
        server_error: share(0.15),
        hang: share(0.03),
        slow: share(0.5),
        slow_ms: 1500,
        retry_after: None,
        per_second: Some(10),
    };
    let chat = ChatFaults {
        per_second: None,
        too_many: share(0.1),
        server_error: share(0.1),
        hang: share(0.02),
        hang_after_accept: share(0.01),
        hang_up: share(0.1),
        hang_up_after_accept: share(0.03),
        web_page: share(0.05),
        bad_gateway: share(0.05),
        slow: share(0.5),
        slow_ms: 400,
        ..ChatFaults::default()
    };
    let sockets = SocketFaults {
        drop_every: if rng.bool() { rng.f64().mul_add(2.0, 0.7) } else { 0.0 },
        close_every: if rng.bool() { rng.f64().mul_add(4.0, 1.0) } else { 0.0 },
        silent: rng.u8(0..12) == 0,
        doubled: if rng.bool() { 0.2 } else { 0.0 },
        lost: if rng.bool() { 0.05 } else { 0.0 },
    };
    let channels = ChannelFaults {
        lifetime: rng.u64(12..60),
        stated_lifetime: rng.choice([None, None, None, Some(0), Some(10_800)]).flatten(),
        refresh_notice: rng.f64() / 2.0,
        close_notice: rng.f64() / 5.0,
        limit: rng.choice([50, 50, 4]).unwrap_or(50),
        newline_in_url: rng.bool(),
    };
    let down = rng.u8(0..15) == 0;
    let tokens = TokenFaults {
        expires_in: rng.choice([Some(20), Some(20), Some(40), None]).flatten(),
        rotate: rng.bool(),
        // No client survives a rotation whose answer is lost: `down` and strict rotation exclude each other.
        old_token_valid: down || rng.bool(),
        server_error: if rng.bool() { 0.3 } else { 0.0 },
        slow_ms: rng.u64(0..1500),
        ..TokenFaults::default()
    };
    let refused = rng.choice([None, None, None, None, Some(403), Some(429), Some(500)]).flatten();
    let accounts: BTreeMap<String, u16> =
        refused.map(|status| (crate::support::ACCOUNT.to_owned(), status)).into_iter().collect();
    Faults { down, tokens, channels, sockets, rest, accounts, chat, ..Faults::default() }
}

/// Removes all faults and the chats' rate limits.
pub fn clear_faults(faults: &mut Faults) {
    *faults = Faults::default();
    faults.chat.per_second = None;
    faults.tokens.rotate = true;
}

/// Returns for how long these faults last. A complete outage is short, so that other faults get time. In a long run sockets
/// freeze for longer than the daemon takes to find that out.
fn duration_of(faults: &Faults, calls: u32, rng: &mut fastrand::Rng) -> Duration {
    Duration::from_millis(match (faults.down, faults.sockets.silent) {
        (true, _) => 1500,
        (false, true) if calls >= LONG_RUN => rng.u64(10_000..40_000),
        (false, _) => rng.u64(2_000..6_000),
    })
}

fn config(sim: &Simulator) -> TestConfig {
    let url = sim.url();
    let config = TestConfig::new(&url).all_outcomes();
    config.text("sinks.front", "type", "slack").text("sinks.front", "url", format!("{url}/slack/front"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_loses_no_call_and_repeats_no_card() {
    let ChaosRun { seed, calls, rate, mut rng, sim } = ChaosRun::start("chaos", 1_000, 40.0).await;
    sim.set_faults(clear_faults);
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let start = Instant::now();
    let mut ledger = DeliveryLedger::default();
    let mut turn = start + Duration::from_secs(2);
    for number in 0..calls {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        tokio::time::sleep_until(due.into()).await;
        if Instant::now() >= turn {
            // A third of the time there are no faults, so that lanes come up and are dropped again.
            let fine = rng.u8(0..3) == 0;
            let mut faults = random_faults(&mut rng);
            if fine {
                clear_faults(&mut faults);
            }
            turn = Instant::now() + duration_of(&faults, calls, &mut rng);
            sim.set_faults(|switches| *switches = faults);
            ledger.read(&sim);
            if rng.u8(0..4) == 0 {
                sim.expire_tokens();
            }
        }
        sim.place(random_call(number, &mut rng));
    }
    sim.set_faults(clear_faults);
    let settling = Instant::now();
    ledger.settle(&sim, &["desk", "support"], QUIET_PERIOD).await;
    let took = settling.elapsed();
    // Stopping finishes the requests in flight, so that the ledger is complete.
    let journal = daemon.stop().await;
    ledger.read(&sim);
    let stored = dir.read_outbox();
    eprintln!("chaos, seed {seed}: {:.0?}, then settled in {took:.0?}\n{ledger}\n{stored}", settling - start);
    let words = ["lane lost", "event gap opened", "event gap closed", "login required", "panicked"];
    eprintln!("  journal: {:?}", words.map(|word| (word, journal.matches(word).count())));
    if env::var_os("POPRELAY_CHAOS_JOURNAL").is_some() || !ledger.lost_calls("desk").is_empty() {
        journal
            .lines()
            .filter(|line| !line.contains("DEBUG") && !line.contains("card delivered"))
            .for_each(|line| eprintln!("{line}"));
    }
    for sink in ["desk", "support"] {
        let lost = ledger.lost_calls(sink);
        let why: Vec<String> = lost.iter().map(|made| ledger.explain(sink, made, &stored)).collect();
        why.iter().for_each(|why| eprintln!("  {sink} lost: {why}"));
        assert!(lost.is_empty(), "{sink}: {} of {calls} calls are lost", lost.len());
    }
    assert_eq!(stored.dead(), 0, "dead letters: {stored}");
    for sink in ["desk", "support", "front"] {
        let twice = ledger.unexplained_repeats(sink, &stored);
        assert!(twice.is_empty(), "{sink} has repeated cards: {twice:#?}");
    }
}
