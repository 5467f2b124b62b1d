//! Everything goes wrong at once, at random and repeatably, and no call is lost: the real daemon between a GoTo and chats
//! whose switches are thrown every few seconds. Ends with an account of every call.
//!
//! `POPRELAY_CHAOS_CALLS`, `POPRELAY_CHAOS_RATE` (calls a second) and `POPRELAY_CHAOS_SEED` change it; `tests/chaos` sets them.

use crate::support::{
    Home,
    account::{Account, plan},
    config_for,
};
use poprelay::sim::{
    AppFaults, ChannelFaults, ChatFaults, Faults, RestFaults, Settings, SocketFaults, TokenFaults, World,
};
use std::{
    collections::BTreeMap,
    env,
    str::FromStr,
    time::{Duration, Instant},
};

/// When nothing more was told for so long, nothing more will be: the last question for late reports comes after a minute.
const STILL: Duration = Duration::from_secs(100);

fn setting<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Faults as a bad day has them: each switch on or off, and if on, anywhere between a little and a lot.
fn weather(dice: &mut fastrand::Rng) -> Faults {
    let mut share = |most: f64| if dice.bool() { dice.f64() * most } else { 0.0 };
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
        slow: share(0.5),
        slow_ms: 400,
        ..ChatFaults::default()
    };
    let sockets = SocketFaults {
        drop_every: if dice.bool() { dice.f64().mul_add(2.0, 0.7) } else { 0.0 },
        close_every: if dice.bool() { dice.f64().mul_add(4.0, 1.0) } else { 0.0 },
        silent: dice.u8(0..12) == 0,
        doubled: if dice.bool() { 0.2 } else { 0.0 },
        lost: if dice.bool() { 0.05 } else { 0.0 },
    };
    let channels = ChannelFaults {
        lifetime: dice.u64(12..60),
        stated_lifetime: dice.choice([None, None, None, Some(0), Some(10_800)]).flatten(),
        refresh_notice: dice.f64() / 2.0,
        close_notice: dice.f64() / 5.0,
        limit: dice.choice([50, 50, 4]).unwrap_or(50),
        newline_in_url: dice.bool(),
    };
    let down = dice.u8(0..15) == 0;
    let tokens = TokenFaults {
        expires_in: dice.choice([Some(20), Some(20), Some(40), None]).flatten(),
        rotate: dice.bool(),
        // A rotation whose answer is cut off cannot be survived by anybody: not together.
        old_lives: down || dice.bool(),
        server_error: if dice.bool() { 0.3 } else { 0.0 },
        slow_ms: dice.u64(0..1500),
        ..TokenFaults::default()
    };
    let refused = dice.choice([None, None, None, None, Some(403), Some(429), Some(500)]).flatten();
    let accounts: BTreeMap<String, u16> =
        refused.map(|status| (crate::support::ACCOUNT.to_owned(), status)).into_iter().collect();
    Faults { down, tokens, channels, sockets, rest, accounts, chat, app: AppFaults::default() }
}

/// Nothing is wrong, and the chat takes all it gets.
fn calm(faults: &mut Faults) {
    *faults = Faults::default();
    faults.chat.per_second = None;
    faults.tokens.rotate = true;
}

fn config(world: &World) -> String {
    let url = world.url();
    let all = "pace = \"off\"\noutcomes = [\"answered\", \"missed\", \"voicemail\", \"ended\"]";
    config_for(&url)
        .replace("slack/desk\"", &format!("slack/desk\"\n{all}"))
        .replace("teams/support\"", &format!("teams/support\"\n{all}"))
        + &format!("[sinks.front]\ntype = \"slack\"\nurl = \"{url}/slack/front\"\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_and_none_told_twice_whatever_goes_wrong() {
    let seed = setting("POPRELAY_CHAOS_SEED", fastrand::u64(1..1_000_000));
    let calls = setting("POPRELAY_CHAOS_CALLS", 5_000_u32);
    let rate = setting("POPRELAY_CHAOS_RATE", 40.0_f64);
    eprintln!("chaos: {calls} calls, {rate} a second, POPRELAY_CHAOS_SEED={seed}");
    let mut dice = fastrand::Rng::with_seed(seed);
    let world = World::start(Settings { seed, ..Settings::default() }).await.unwrap();
    world.set_faults(calm);
    let mut home = Home::new(&config(&world));
    let daemon = home.run();
    daemon.says("lane live").await;
    let start = Instant::now();
    let mut account = Account::default();
    let mut turn = start + Duration::from_secs(2);
    for number in 0..calls {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        tokio::time::sleep_until(due.into()).await;
        if Instant::now() >= turn {
            // A third of the time nothing is wrong: lanes come up, to be cut down again.
            let fine = dice.u8(0..3) == 0;
            let mut faults = weather(&mut dice);
            if fine {
                calm(&mut faults);
            }
            // An outage of everything is short, so that something is left to go wrong.
            turn = Instant::now() + Duration::from_millis(if faults.down { 1500 } else { dice.u64(2_000..6_000) });
            world.set_faults(|switches| *switches = faults);
            account.read(&world);
            if dice.u8(0..4) == 0 {
                world.expire_tokens();
            }
        }
        world.place(plan(number, &mut dice));
    }
    world.set_faults(calm);
    let settling = Instant::now();
    account.settle(&world, &["desk", "support"], STILL).await;
    let took = settling.elapsed();
    // What is on the wire ends, so that the account is whole.
    let journal = daemon.stop().await;
    account.read(&world);
    let stored = home.stored();
    eprintln!("chaos, seed {seed}: {:.0?}, then settled in {took:.0?}\n{account}\n{stored}", settling - start);
    let words = ["lane lost", "blind window opened", "blind window closed", "consent needed", "panicked"];
    eprintln!("  journal: {:?}", words.map(|word| (word, journal.matches(word).count())));
    if env::var_os("POPRELAY_CHAOS_JOURNAL").is_some() || !account.lost("desk").is_empty() {
        journal
            .lines()
            .filter(|line| !line.contains("DEBUG") && !line.contains("card delivered"))
            .for_each(|line| eprintln!("{line}"));
    }
    for sink in ["desk", "support"] {
        let lost = account.lost(sink);
        let why: Vec<String> = lost.iter().map(|made| account.explain(sink, made, &stored)).collect();
        why.iter().for_each(|why| eprintln!("  {sink} not told: {why}"));
        assert!(why.iter().all(|why| why.contains("dead")), "{sink} lost calls");
    }
    for sink in ["desk", "support", "front"] {
        let twice = account.twice_without_cause(sink, &stored);
        assert!(twice.is_empty(), "{sink} told twice: {twice:#?}");
    }
}
