//! Why a card goes where it goes: the commands that say so, and the daemon that does so.

use crate::support::{Home, SOON, config_for, eventually, run_to_end, shows, text};
use poprelay::sim::{Beat, CallPlan, Line, Party, Settings, World};
use serde_json::Value;
use std::{fs, path::Path};
use tokio::sync::watch;

const NOWHERE: &str = "http://127.0.0.1:9";

fn recording(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls").join(name);
    path.to_str().unwrap().to_owned()
}

const RULES: &str = r#"
[hours.office]
mon-fri = "09:00-17:30"
time_zone = "America/New_York"
holidays = "{ICS}"

[[routes]]
match = { hours = "office", extension = "1015" }
unless = { region = "DE" }
sinks = ["desk"]
mention = { slack = "S0123", when = "always" }
[[routes]]
mute = "2026-12-24/2026-12-26"
sinks = ["support"]
quiet = true
"#;

const HOLIDAYS: &str = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20200704\nRRULE:FREQ=YEARLY\n\
                        SUMMARY:Independence Day\nEND:VEVENT\nEND:VCALENDAR\n";

/// A home with rules and holidays.
fn home(config: &str, rules: &str) -> Home {
    let home = Home::new("");
    let days = home.path().join("days.ics");
    fs::write(&days, HOLIDAYS).unwrap();
    home.configure(&(config.to_owned() + &rules.replace("{ICS}", days.to_str().unwrap())));
    fs::create_dir_all(home.state()).unwrap();
    home
}

async fn said(home: &Home, args: &[&str]) -> String {
    let (status, out, err) = run_to_end(home.command(args)).await;
    assert!(status.success(), "{out}{err}");
    out
}

#[tokio::test]
async fn each_rule_says_why_it_takes_a_call_or_not_at_a_time() {
    let home = home(&config_for(NOWHERE), RULES);
    let file = recording("unanswered.jsonl");
    let at = async |time: &str| said(&home, &["route", "--event", &file, "--at", time]).await;
    let noon = at("2026-11-23T12:00").await;
    for line in [
        "ringing of call voicemail-1, decided at 2026-11-23T17:00:00Z",
        "  hours office: open",
        "  rule 1: matches, to desk",
        "  rule 2: not reached",
        "  → desk, told (mentions S0123), because rule 1 matches",
    ] {
        assert!(noon.contains(line), "{line}: {noon}");
    }
    let night = at("2026-11-23T20:00:00-05:00").await;
    assert!(night.contains("hours office: closed\n  rule 1: no, for hours\n  rule 2: matches, to support"), "{night}");
    let holiday = at("2025-07-04T12:00").await;
    assert!(holiday.contains("hours office: closed for Independence Day"), "{holiday}");
    let muted = at("2026-12-26T20:00").await;
    assert!(muted.contains("rule 2: matches and is muted, to nobody\n  → nobody"), "{muted}");
    let json = said(&home, &["route", "--json", "--event", &file, "--at", "2026-11-23T12:00"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["routed"][0]["sink"], "desk");
    assert_eq!(json[0]["rules"][1]["result"], "not_reached");
}

#[tokio::test]
async fn what_is_no_time_or_no_recording_is_refused() {
    let home = home(&config_for(NOWHERE), RULES);
    let file = recording("unanswered.jsonl");
    let config = home.path().join("config.toml");
    for (args, code) in [
        (["route", "--event", &file, "--at", "noon"].as_slice(), 64),
        (&["route", "--event", "/nonexistent"], 65),
        (&["replay", config.to_str().unwrap()], 65),
        (&["replay", &file, "--against", "/nonexistent"], 78),
        (&["explain", "abc"], 64),
        (&["explain", "no-such-call"], 69),
    ] {
        let (status, out, err) = run_to_end(home.command(args)).await;
        assert_eq!(status.code(), Some(code), "{args:?}: {out}{err}");
        assert!(!err.is_empty());
    }
}

#[tokio::test]
async fn a_replay_prints_the_cards_and_against_another_config_only_what_differs() {
    let home = home(&config_for(NOWHERE), RULES);
    let file = recording("unanswered.jsonl");
    let cards = said(&home, &["replay", &file]).await;
    assert!(cards.contains("ringing of call voicemail-1") && cards.contains("to desk, by rule 1 (mentions S0123)"));
    assert!(cards.contains("  📞 DUBOIS C") && cards.contains("  ❌ Missed: DUBOIS C"), "{cards}");
    let old = home.path().join("old.toml");
    let config = fs::read_to_string(home.path().join("config.toml")).unwrap();
    fs::write(&old, &config).unwrap();
    let old = old.to_str().unwrap();
    assert_eq!(said(&home, &["replay", &file, "--against", old]).await, "no difference\n");
    fs::write(old, config.replace("[\"desk\"]", "[\"support\"]")).unwrap();
    let changes = said(&home, &["replay", &file, "--against", old]).await;
    assert!(changes.contains("+ ringing of call voicemail-1") && changes.contains("- missed of call"), "{changes}");
    assert!(changes.lines().all(|line| line.is_empty() || line.starts_with(['+', '-'])), "{changes}");
    let json = said(&home, &["replay", &file, "--json"]).await;
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((first["sink"].as_str(), first["by"]["rule"].as_u64()), (Some("desk"), Some(1)));
    let night = said(&home, &["replay", &file, "--at", "2026-11-23T22:00"]).await;
    assert!(night.contains("to support, by rule 2 (quiet)") && !night.contains("to desk"), "{night}");
}

#[tokio::test]
async fn what_was_decided_sent_and_answered_is_explained_and_the_end_follows_the_ring() {
    let world = World::start(Settings::default()).await.unwrap();
    let rules = "\n[hours.always]\nmon-sun = \"00:00-24:00\"\n\
                 [[routes]]\nmatch = { moment = \"ringing\", hours = \"always\", region = \"CA\" }\nsinks = [\"desk\"]\n\
                 mask = \"last4\"\nmention = { slack = \"S0123\", when = \"always\" }\n\
                 [[routes]]\nmatch = { moment = \"missed\" }\nsinks = [\"support\"]\n";
    let mut home = home(&config_for(&world.url()), rules);
    let daemon = home.run();
    daemon.says("lane live").await;
    let bob = Line::of("1015", "Bob Roy");
    world.place(CallPlan::missed(Party::of("ALICE MARTIN", "+15145550199"), &[bob]).at_speed(20.0));
    let desk = shows(&world, "desk", 2).await;
    shows(&world, "support", 1).await;
    assert!(desk[1].contains("Missed"), "the end of a call comes to where it rang: {desk:?}");
    for card in &desk {
        assert!(card.contains("(•••) •••-0199") && card.contains("<!subteam^S0123>"), "{card}");
    }
    let support: Vec<String> = world.posts().iter().filter(|post| post.name == "support").map(text).collect();
    assert!(support[0].contains("(514) 555-0199"), "a rule without a mask leaves it to the sink: {support:?}");
    let id = world.calls()[0].id.to_string();
    let told = eventually("both are delivered", SOON, async || {
        let told = said(&home, &["explain", &id]).await;
        (told.matches(" delivered").count() == 3).then_some(told)
    })
    .await;
    for said in [
        "hours always: open",
        "rule 1: matches, to desk",
        "rule 1: no, for moment",
        "→ desk (numbers masked; mentions S0123), why: rule 1; delivery",
        "→ support, why: rule 2; delivery",
        "→ desk (numbers masked; mentions S0123), why: the call's ring went there",
        "200: ok",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert!(!told.contains("5550199") && !told.contains("555-0199") && !told.contains("has changed"), "{told}");
    daemon.stop().await;
    // The config of now is another one: what was sent stays what was sent.
    let config = fs::read_to_string(home.path().join("config.toml")).unwrap();
    home.configure(&config.replace("region = \"CA\"", "region = \"DE\""));
    let since = said(&home, &["explain", id.get(..8).unwrap()]).await;
    assert!(since.contains("rule 1: no, for region"), "{since}");
    assert!(since.contains("the config has changed since: now it would not go there"), "{since}");
    let json: Value = serde_json::from_str(&said(&home, &["explain", "--json", &id]).await).unwrap();
    assert_eq!(json["deliveries"].as_array().unwrap().len(), 3);
    assert_eq!(json["deliveries"][0]["routed"]["by"]["rule"], 1);
}

/// A CRM that answers once it may.
async fn crm_that_waits() -> (String, watch::Sender<bool>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (may, waits) = watch::channel(false);
    let answer = async move || {
        waits.clone().wait_for(|may| *may).await.unwrap();
        axum::Json(serde_json::json!({ "name": "Alice of the CRM", "tier": "VIP" }))
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap() });
    (url, may)
}

#[tokio::test]
async fn facts_that_come_after_the_ring_was_posted_route_what_follows_it_and_do_not_ring_twice() {
    let world = World::start(Settings::default()).await.unwrap();
    let (crm, may) = crm_that_waits().await;
    let rules = format!(
        "\n[[enrich]]\ntype = \"http\"\nname = \"crm\"\nurl = \"{crm}?phone={{number}}\"\ntimeout = \"10s\"\n\
         fields = {{ name = \"/name\", tier = \"/tier\" }}\n\
         [[routes]]\nmatch = {{ tier = \"VIP\" }}\nsinks = [\"support\"]\n[[routes]]\nsinks = [\"desk\"]\n"
    );
    let mut home = home(&config_for(&world.url()), &rules);
    let daemon = home.run();
    daemon.says("lane live").await;
    let rings = Beat::Rings { lines: vec![Line::of("1015", "Bob Roy")] };
    let beats = [(0, Beat::Comes), (50, rings), (8_000, Beat::HangsUp { extension: None })];
    world.place(CallPlan::of("late", Party::of("ALICE MARTIN", "+15145550199"), beats));
    assert!(shows(&world, "desk", 1).await[0].contains("ALICE MARTIN"));
    may.send(true).unwrap();
    let (desk, support) = (shows(&world, "desk", 2).await, shows(&world, "support", 1).await);
    assert!(desk[1].contains("Missed: Alice of the CRM"), "{desk:?}");
    assert!(support[0].contains("Missed: Alice of the CRM"), "{support:?}");
    daemon.stop().await;
    assert_eq!(shows(&world, "support", 1).await.len(), 1, "the ring went to a second sink");
}

#[tokio::test]
async fn a_daemon_records_what_it_hears_without_saying_who_it_was() {
    let world = World::start(Settings::default()).await.unwrap();
    let config = config_for(&world.url()).replace("[state]", "[state]\nrecord = true");
    let mut home = home(&config, "");
    let daemon = home.run();
    daemon.says("lane live").await;
    let bob = Line::of("1015", "Bob Roy");
    world.place(CallPlan::missed(Party::of("ALICE MARTIN", "+15145550199"), &[bob]).at_speed(20.0));
    shows(&world, "desk", 2).await;
    let file = eventually("the call's end is recorded", SOON, async || {
        let folder = fs::read_dir(home.state().join("recordings")).ok()?;
        let file = folder.map(|file| file.unwrap().path()).next()?;
        fs::read_to_string(&file).unwrap().contains("ENDING").then_some(file)
    })
    .await;
    daemon.stop().await;
    let recorded = fs::read_to_string(&file).unwrap();
    for secret in ["ALICE", "5550199", "Bob Roy"] {
        assert!(!recorded.contains(secret), "{secret}: {recorded}");
    }
    let snapshots = recorded.lines().filter(|line| line.contains("\"call-events\"")).count();
    let cards = said(&home, &["replay", file.to_str().unwrap()]).await;
    assert!(cards.contains("📞 Caller ") && cards.contains("❌ Missed: Caller "), "{cards}");
    assert!(cards.contains("(514) ") && cards.contains("(1015)"), "{cards}");
    assert!(snapshots <= 6, "each lane's copy is left out: {snapshots}");
}
