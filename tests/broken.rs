//! What is broken around the daemon: its store, its state directory, its config, GoTo's frames and answers, the chats' answers.
//! It says so, goes on where it can, and nothing is lost on the way.

use crate::support::{
    Home, SOON,
    account::{Account, plan},
    config_for, eventually, shown, shows,
};
use axum::{Router, http::header, response::IntoResponse as _, routing::post};
use poprelay::sim::{CallPlan, FIRST_REFRESH_TOKEN, Line, Party, Settings, World};
use rusqlite::Connection;
use serde_json::json;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

async fn world() -> World {
    let world = World::start(Settings::default()).await.unwrap();
    world.set_faults(|faults| faults.chat.per_second = None);
    world
}

fn call(name: &str) -> CallPlan {
    CallPlan::answered(Party::of(name, "+15145550199"), &Line::of("1015", "Bob Roy")).at_speed(20.0)
}

/// A daemon is up and relays: what `name` makes is shown.
async fn relays(world: &World, name: &str) {
    world.place(call(name));
    eventually("the call is shown", SOON, async || {
        shown(world, "desk").iter().any(|text| text.contains(name)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_damaged_store_is_set_aside_and_the_daemon_goes_on() {
    let world = world().await;
    let mut home = Home::in_world(&world);
    let daemon = home.run();
    daemon.says("lane live").await;
    drop(daemon.stop().await);
    let file = home.state().join("outbox.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = 0x5a);
    fs::write(&file, bytes).unwrap();
    let daemon = home.run();
    daemon.says("damaged").await;
    daemon.says("lane live").await;
    relays(&world, "AFTER DAMAGE").await;
    drop(daemon.stop().await);
    let names = fs::read_dir(home.state()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().any(|name| name.contains(".damaged-")), "the damaged file is kept");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_not_touched() {
    let world = world().await;
    let mut home = Home::in_world(&world);
    fs::create_dir_all(home.state()).unwrap();
    let file = home.state().join("outbox.sqlite");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);").unwrap();
    let before = fs::read(&file).unwrap();
    let mut daemon = home.run();
    assert_eq!(daemon.exit(SOON).await.code(), Some(77), "{}", daemon.journal());
    assert!(daemon.journal().contains("another program"), "{}", daemon.journal());
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn a_second_daemon_on_one_state_directory_ends_with_77_and_the_first_goes_on() {
    let world = world().await;
    let mut home = Home::in_world(&world);
    let first = home.run();
    first.says("lane live").await;
    let mut second = home.run();
    assert_eq!(second.exit(SOON).await.code(), Some(77), "{}", second.journal());
    relays(&world, "STILL THERE").await;
    drop(first.stop().await);
}

#[tokio::test]
async fn a_state_directory_that_vanishes_costs_no_card_and_is_told() {
    let world = world().await;
    let config = config_for(&world.url()) + "[operator]\nsink = \"support\"\n";
    let mut home = Home::new(&config);
    let daemon = home.run();
    daemon.says("lane live").await;
    fs::remove_dir_all(home.state()).unwrap();
    daemon.says("store keeps in memory only").await;
    relays(&world, "WITHOUT A DISK").await;
    daemon.says("store writes again").await;
    relays(&world, "WITH A DISK").await;
    eventually("the operator is told", SOON, async || {
        shown(&world, "support").iter().any(|text| text.contains("store cannot write")).then_some(())
    })
    .await;
    drop(daemon.stop().await);
    assert!(home.state().join("outbox.sqlite").exists());
}

#[tokio::test]
async fn a_store_that_may_not_be_written_stops_nothing() {
    // A directory in the store's place: no user, root included, can write it as a file.
    let world = world().await;
    let mut home = Home::in_world(&world);
    fs::create_dir_all(home.state().join("outbox.sqlite")).unwrap();
    let daemon = home.run();
    daemon.says("lane live").await;
    relays(&world, "NO STORE").await;
    assert!(daemon.journal().contains("Volatile"), "{}", daemon.journal());
    drop(daemon.stop().await);
}

#[tokio::test]
async fn cards_of_a_sink_that_left_the_config_are_kept_and_told_when_it_is_back() {
    let world = world().await;
    let mut home = Home::in_world(&world);
    world.set_faults(|faults| {
        faults.chat.gone.insert("/teams/support".to_owned(), 503);
    });
    let daemon = home.run();
    daemon.says("lane live").await;
    relays(&world, "KEPT FOR LATER").await;
    drop(daemon.stop().await);
    let whole = config_for(&world.url());
    let (without, _) = whole.split_once("[sinks.support]").unwrap();
    home.configure(without);
    let daemon = home.run();
    daemon.says("lane live").await;
    daemon.says("cards wait for a sink that is not in the config sink=support").await;
    drop(daemon.stop().await);
    assert!(home.stored().waiting() > 0, "{}", home.stored());
    world.set_faults(|faults| faults.chat.gone.clear());
    home.configure(&whole);
    let daemon = home.run();
    let cards = shows(&world, "support", 1).await;
    assert!(cards.iter().any(|text| text.contains("KEPT FOR LATER")), "{cards:?}");
    drop(daemon.stop().await);
}

#[tokio::test]
async fn a_webhook_that_redirects_is_switched_off_and_its_url_is_carried_nowhere() {
    let world = world().await;
    let visits = Arc::new(AtomicUsize::new(0));
    let elsewhere = Arc::clone(&visits);
    let app = Router::new()
        .route(
            "/hook",
            post(|| async { (axum::http::StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response() }),
        )
        .route(
            "/elsewhere",
            axum::routing::any(move || async move { elsewhere.fetch_add(1, Ordering::Relaxed).to_string() }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let moved = format!("http://{}/hook", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut home = Home::new(&config_for(&world.url()).replace(&format!("{}/teams/support", world.url()), &moved));
    let daemon = home.run();
    daemon.says("lane live").await;
    relays(&world, "BESIDE A REDIRECT").await;
    daemon.says("sink disabled").await;
    drop(daemon.stop().await);
    assert_eq!(visits.load(Ordering::Relaxed), 0);
    assert!(home.stored().waiting() > 0, "its cards wait");
    server.abort();
}

#[tokio::test]
async fn frames_that_say_nothing_readable_stop_nothing() {
    let world = world().await;
    let mut home = Home::in_world(&world);
    let daemon = home.run();
    daemon.says("lane live").await;
    let deep = "[".repeat(100_000);
    let strange = json!({ "data": { "source": "call-events", "type": "call-state", "content": { "state": 7 } } });
    let unknown = json!({ "data": { "source": "weather", "type": "RAIN", "content": {} } });
    let control = json!({ "data": { "type": "WEBSOCKET_SOMETHING_NEW" } });
    let frames = ["", "\0", "{", "null", "[]", "{\"data\":null}", &deep];
    for frame in frames.into_iter().map(str::to_owned).chain([strange, unknown, control].map(|frame| frame.to_string()))
    {
        world.say(&frame);
    }
    daemon.says("frame not readable").await;
    relays(&world, "AFTER GARBAGE").await;
    // Whoever sends one may send a thousand: the journal says the first, and counts the others.
    assert_eq!(daemon.journal().matches("frame not readable").count(), 1);
    // Over the largest notification there is: the socket ends, and the lanes come back.
    world.say(&format!("\"{}\"", "x".repeat(3 << 20)));
    daemon.says("lane lost").await;
    relays(&world, "AFTER A FLOOD").await;
    drop(daemon.stop().await);
}

#[tokio::test]
async fn an_account_that_is_refused_is_told_and_the_other_is_heard() {
    let world = world().await;
    world.set_faults(|faults| {
        faults.accounts.insert("42".to_owned(), 403);
    });
    let both = format!("account_keys = [\"42\", \"{}\"]", crate::support::ACCOUNT);
    let config = config_for(&world.url()).replace(&format!("account_keys = [\"{}\"]", crate::support::ACCOUNT), &both);
    let mut home = Home::new(&config);
    let daemon = home.run();
    daemon.says("account refused").await;
    daemon.says("lane live").await;
    relays(&world, "THE OTHER ACCOUNT").await;
    drop(daemon.stop().await);
}

#[tokio::test]
async fn a_token_without_a_life_and_a_channel_of_none_are_lived_with() {
    let world = world().await;
    world.set_faults(|faults| {
        faults.tokens.expires_in = None;
        faults.channels.stated_lifetime = Some(0);
        faults.channels.newline_in_url = true;
    });
    let mut home = Home::in_world(&world);
    let daemon = home.run();
    daemon.says("lane live").await;
    relays(&world, "NO LIFETIMES").await;
    let asked: u64 = world.requests().values().sum();
    assert!(asked < 60, "no hot loop: {:?}", world.requests());
    drop(daemon.stop().await);
}

#[tokio::test]
async fn a_login_that_is_revoked_is_told_and_heals_when_somebody_logs_in() {
    let world = world().await;
    world.set_faults(|faults| faults.tokens.revoked = true);
    let mut home = Home::in_world(&world);
    let daemon = home.run();
    daemon.says("consent needed").await;
    let asked = || {
        world
            .requests()
            .iter()
            .filter(|((_, route, _), _)| route == "/oauth/token")
            .map(|(_, times)| times)
            .sum::<u64>()
    };
    let before = asked();
    world.set_faults(|faults| faults.tokens.revoked = false);
    // What `poprelay login` leaves: a token of its own, in a new file of the old name.
    world.set_faults(|faults| faults.tokens.rotate = true);
    let form = [("grant_type", "refresh_token"), ("refresh_token", FIRST_REFRESH_TOKEN), ("client_id", "test-client")];
    let answer = reqwest::Client::new().post(format!("{}/oauth/token", world.url())).form(&form).send().await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    let token = home.state().join("token-main.json");
    let kept = json!({ "refresh_token": answer["refresh_token"], "issued": jiff::Timestamp::now() });
    let new = token.with_extension("new");
    fs::write(&new, kept.to_string()).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&new, &token).unwrap();
    daemon.says("consent given").await;
    daemon.says("lane live").await;
    relays(&world, "LOGGED IN AGAIN").await;
    assert!(asked() - before <= 4, "it does not hammer");
    drop(daemon.stop().await);
}

#[tokio::test]
async fn a_blind_hour_of_many_calls_is_told_to_the_last_caller() {
    let world = world().await;
    let config = config_for(&world.url())
        .replace("slack/desk\"", "slack/desk\"\noutcomes = [\"ended\", \"missed\", \"voicemail\"]");
    let mut home = Home::new(&config);
    let daemon = home.run();
    daemon.says("lane live").await;
    drop(daemon.stop().await);
    let mut dice = fastrand::Rng::with_seed(5);
    for index in 0..100 {
        world.place(plan(index, &mut dice).at_speed(500.0));
    }
    eventually("all calls are over", SOON, async || world.calls().iter().all(|made| made.over).then_some(())).await;
    let daemon = home.run();
    let mut account = Account::default();
    account.settle(&world, &["desk"], Duration::from_secs(90)).await;
    drop(daemon.stop().await);
    account.read(&world);
    let lost: Vec<String> = account.lost("desk").iter().map(|made| format!("{made:?}")).collect();
    assert!(lost.is_empty(), "lost {}: {:#?}", lost.len(), lost.iter().take(5).collect::<Vec<_>>());
    assert!(account.twice("desk").is_empty());
}
