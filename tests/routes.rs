//! Routing: the commands that explain it and the daemon that applies it.

use crate::support::{DaemonDir, TIMEOUT, TestConfig, eventually, message_text, run_to_end, wait_for_messages};
use poprelay::sim::{CallPlan, Extension, Party, ScenarioStep, Simulator, SimulatorSettings};
use serde_json::Value;
use std::{fs, path::Path};
use tokio::sync::watch;

const UNREACHABLE_URL: &str = "http://127.0.0.1:9";

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
compact = true
"#;

const HOLIDAYS: &str = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20200704\nRRULE:FREQ=YEARLY\n\
                        SUMMARY:Independence Day\nEND:VEVENT\nEND:VCALENDAR\n";

/// Prepares a daemon with rules and a holiday calendar.
fn prepare(config: TestConfig, rules: &str) -> DaemonDir {
    let dir = DaemonDir::new("");
    let days = dir.path().join("days.ics");
    fs::write(&days, HOLIDAYS).unwrap();
    dir.write_config(config.to_string() + &rules.replace("{ICS}", days.to_str().unwrap()));
    fs::create_dir_all(dir.state_dir()).unwrap();
    dir
}

async fn output(dir: &DaemonDir, args: &[&str]) -> String {
    let (status, out, err) = run_to_end(dir.command(args)).await;
    assert!(status.success(), "{out}{err}");
    out
}

#[tokio::test]
async fn replay_rules_explains_each_rule_at_a_time() {
    let dir = prepare(TestConfig::new(UNREACHABLE_URL), RULES);
    let file = recording("unanswered.jsonl");
    let at = async |time: &str| output(&dir, &["replay", &file, "--rules", "--at", time]).await;
    let noon = at("2026-11-23T12:00").await;
    for line in [
        "ringing of call unanswered-1, decided at 2026-11-23T17:00:00Z",
        "  hours office: open",
        "  rule 1: matches, to desk",
        "  rule 2: not reached",
        "  → desk, posts a card (mentions S0123), because rule 1 matches",
    ] {
        assert!(noon.contains(line), "{line}: {noon}");
    }
    let night = at("2026-11-23T20:00:00-05:00").await;
    assert!(
        night.contains("hours office: closed\n  rule 1: no match: hours\n  rule 2: matches, to support"),
        "{night}"
    );
    let holiday = at("2025-07-04T12:00").await;
    assert!(holiday.contains("hours office: closed for Independence Day"), "{holiday}");
    let muted = at("2026-12-26T20:00").await;
    assert!(muted.contains("rule 2: matches, muted\n  → no sink"), "{muted}");
    let json = output(&dir, &["replay", &file, "--rules", "--json", "--at", "2026-11-23T12:00"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["routed"][0]["sink"], "desk");
    assert_eq!(json[0]["rules"][1]["result"], "not_reached");
}

#[tokio::test]
async fn invalid_time_or_recording_exits_with_code() {
    let dir = prepare(TestConfig::new(UNREACHABLE_URL), RULES);
    let file = recording("unanswered.jsonl");
    let config = dir.path().join("config.toml");
    for (args, code) in [
        (["replay", &file, "--rules", "--at", "noon"].as_slice(), 64),
        (&["replay", "/nonexistent", "--rules"], 65),
        (&["replay", config.to_str().unwrap()], 65),
        (&["replay", &file, "--against", "/nonexistent"], 78),
        (&["explain", "abc"], 64),
        (&["explain", "no-such-call"], 69),
    ] {
        let (status, out, err) = run_to_end(dir.command(args)).await;
        assert_eq!(status.code(), Some(code), "{args:?}: {out}{err}");
        assert!(!err.is_empty());
    }
}

#[tokio::test]
async fn replay_prints_cards_or_differences_to_other_config() {
    let dir = prepare(TestConfig::new(UNREACHABLE_URL), RULES);
    let file = recording("unanswered.jsonl");
    let cards = output(&dir, &["replay", &file]).await;
    assert!(
        cards.contains("ringing of call unanswered-1")
            && cards.contains("to desk (mentions S0123), because rule 1 matches")
    );
    assert!(cards.contains("  📞 DUBOIS C") && cards.contains("  ❌ Missed: DUBOIS C"), "{cards}");
    let old = dir.path().join("old.toml");
    let config = fs::read_to_string(dir.path().join("config.toml")).unwrap();
    fs::write(&old, &config).unwrap();
    let old = old.to_str().unwrap();
    assert_eq!(output(&dir, &["replay", &file, "--against", old]).await, "no difference\n");
    fs::write(old, config.replace("[\"desk\"]", "[\"support\"]")).unwrap();
    let changes = output(&dir, &["replay", &file, "--against", old]).await;
    assert!(changes.contains("+ ringing of call unanswered-1") && changes.contains("- missed of call"), "{changes}");
    assert!(changes.lines().all(|line| line.is_empty() || line.starts_with(['+', '-'])), "{changes}");
    let json = output(&dir, &["replay", &file, "--json"]).await;
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((first["sink"].as_str(), first["by"]["rule"].as_u64()), (Some("desk"), Some(1)));
    let night = output(&dir, &["replay", &file, "--at", "2026-11-23T22:00"]).await;
    assert!(night.contains("to support (compact), because rule 2 matches") && !night.contains("to desk"), "{night}");
}

#[tokio::test]
async fn explain_prints_routing_and_answers_and_end_follows_ring() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let rules = "\n[hours.always]\nmon-sun = \"00:00-24:00\"\n\
                 [[routes]]\nmatch = { status = \"ringing\", hours = \"always\", region = \"CA\" }\nsinks = [\"desk\"]\n\
                 mask = \"last4\"\nmention = { slack = \"S0123\", when = \"always\" }\n\
                 [[routes]]\nmatch = { status = \"missed\" }\nsinks = [\"support\"]\n";
    let mut dir = prepare(TestConfig::new(&sim.url()), rules);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let bob = Extension::new("1015", "Bob Roy");
    sim.place(CallPlan::missed(Party::new("ALICE MARTIN", "+15145550199"), &[bob]).at_speed(20.0));
    let desk = wait_for_messages(&sim, "desk", 2).await;
    wait_for_messages(&sim, "support", 1).await;
    assert!(desk[1].contains("Missed"), "the end is not posted to the sink of the ring card: {desk:?}");
    for card in &desk {
        assert!(card.contains("(•••) •••-0199") && card.contains("<!subteam^S0123>"), "{card}");
    }
    let support: Vec<String> = sim.posts().iter().filter(|post| post.name == "support").map(message_text).collect();
    assert!(support[0].contains("(514) 555-0199"), "a rule without a mask must use the mask of the sink: {support:?}");
    let id = sim.calls()[0].id.to_string();
    let explained = eventually("both are delivered", TIMEOUT, async || {
        let explained = output(&dir, &["explain", &id]).await;
        (explained.matches(" delivered").count() == 3).then_some(explained)
    })
    .await;
    for part in [
        "hours always: open",
        "rule 1: matches, to desk",
        "rule 1: no match: status",
        "→ desk (numbers masked; mentions S0123), why: rule 1; delivery",
        "→ support, why: rule 2; delivery",
        "→ desk (numbers masked; mentions S0123), why: the call's ringing card went there",
        "200: ok",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    assert!(
        !explained.contains("5550199") && !explained.contains("555-0199") && !explained.contains("config changed"),
        "{explained}"
    );
    daemon.stop().await;
    // The config has changed since: the explanation of sent cards must not change.
    let config = fs::read_to_string(dir.path().join("config.toml")).unwrap();
    dir.write_config(config.replace("region = \"CA\"", "region = \"DE\""));
    let since = output(&dir, &["explain", id.get(..8).unwrap()]).await;
    assert!(since.contains("rule 1: no match: region"), "{since}");
    assert!(since.contains("the config changed: now not sent there"), "{since}");
    let json: Value = serde_json::from_str(&output(&dir, &["explain", "--json", &id]).await).unwrap();
    assert_eq!(json["deliveries"].as_array().unwrap().len(), 3);
    assert_eq!(json["deliveries"][0]["routed"]["by"]["rule"], 1);
}

/// Starts a CRM that answers after the sender is set to true. Returns its URL and the sender.
async fn blocked_crm() -> (String, watch::Sender<bool>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (unblock, unblocked) = watch::channel(false);
    let answer = async move || {
        unblocked.clone().wait_for(|unblocked| *unblocked).await.unwrap();
        axum::Json(serde_json::json!({ "name": "Alice of the CRM", "tier": "VIP" }))
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap() });
    (url, unblock)
}

#[tokio::test]
async fn late_caller_info_routes_end_but_does_not_repeat_ring() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let (crm, unblock) = blocked_crm().await;
    let rules = format!(
        "\n[[enrich]]\ntype = \"http\"\nname = \"crm\"\nurl = \"{crm}?phone={{{{ number }}}}\"\ntimeout = \"10s\"\n\
         fields = {{ name = \"/name\", tier = \"/tier\" }}\n\
         [[routes]]\nmatch = {{ tier = \"VIP\" }}\nsinks = [\"support\"]\n[[routes]]\nsinks = [\"desk\"]\n"
    );
    let mut dir = prepare(TestConfig::new(&sim.url()), &rules);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let rings = ScenarioStep::Rings { lines: vec![Extension::new("1015", "Bob Roy")] };
    let steps = [(50, rings), (8_000, ScenarioStep::HangsUp { extension: None })];
    sim.place(CallPlan::new("late", Party::new("ALICE MARTIN", "+15145550199"), steps));
    assert!(wait_for_messages(&sim, "desk", 1).await[0].contains("ALICE MARTIN"));
    unblock.send(true).unwrap();
    let (desk, support) = (wait_for_messages(&sim, "desk", 2).await, wait_for_messages(&sim, "support", 1).await);
    assert!(desk[1].contains("Missed: Alice of the CRM"), "{desk:?}");
    assert!(support[0].contains("Missed: Alice of the CRM"), "{support:?}");
    daemon.stop().await;
    assert_eq!(wait_for_messages(&sim, "support", 1).await.len(), 1, "the ring card was posted to a second sink");
}

#[tokio::test]
async fn recording_contains_no_personal_data_and_replays() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let mut dir = prepare(TestConfig::new(&sim.url()).set("state", "record", true), "");
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let bob = Extension::new("1015", "Bob Roy");
    sim.place(CallPlan::missed(Party::new("ALICE MARTIN", "+15145550199"), &[bob]).at_speed(20.0));
    wait_for_messages(&sim, "desk", 2).await;
    let file = eventually("the call's end is recorded", TIMEOUT, async || {
        let folder = fs::read_dir(dir.state_dir().join("recordings")).ok()?;
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
    let cards = output(&dir, &["replay", file.to_str().unwrap()]).await;
    assert!(cards.contains("📞 Caller ") && cards.contains("❌ Missed: Caller "), "{cards}");
    assert!(cards.contains("(514) ") && cards.contains("(1015)"), "{cards}");
    assert!(snapshots <= 6, "the copy of the second lane is recorded: {snapshots}");
}
