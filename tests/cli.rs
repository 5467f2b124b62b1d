//! Commands: output and exit codes for valid and invalid input.

use crate::support::{
    DaemonDir, TIMEOUT, TestConfig, config_for, eventually, message_texts, run_to_end, wait_for_messages,
};
use poprelay::sim::{CallPlan, Extension, Party, Simulator, SimulatorSettings};
use std::fs;

/// An address without a listener (the discard port): these tests only read the config.
const UNREACHABLE_URL: &str = "http://127.0.0.1:9";

#[tokio::test]
async fn check_prints_summary_of_config() {
    let dir = DaemonDir::new(TestConfig::new(UNREACHABLE_URL));
    let (status, out, err) = run_to_end(dir.command(&["check"])).await;
    assert!(status.success(), "{err}");
    for text in [
        "main: every account of the login, 2 lanes",
        "desk: Slack webhook, ringing, missed, voicemail",
        "support: Teams workflow",
    ] {
        assert!(out.contains(text), "{text}: {out}");
    }
    assert!(!out.contains("127.0.0.1:9/slack"), "a webhook URL is printed: {out}");
}

#[tokio::test]
async fn unknown_key_exits_78_with_file_line_and_suggestion() {
    let dir = DaemonDir::new(TestConfig::new(UNREACHABLE_URL).rename("connections.main", "client_id", "clientid"));
    for command in ["run", "check", "login"] {
        let (status, _, err) = run_to_end(dir.command(&[command])).await;
        assert_eq!(status.code(), Some(78), "{command}: {err}");
        assert!(
            err.contains("config.toml:3: connections.main.clientid: unknown key; did you mean `client_id`?"),
            "{err}"
        );
    }
}

#[tokio::test]
async fn check_rejects_invalid_source_and_warns_of_missing_file() {
    let wrong = config_for(UNREACHABLE_URL) + "[[enrich]]\ntype = \"http\"\nfields = { name = \"/name\" }\n";
    let dir = DaemonDir::new(&wrong);
    let line = wrong.lines().position(|line| line == "[[enrich]]").unwrap() + 1;
    for command in ["run", "check"] {
        let (status, _, err) = run_to_end(dir.command(&[command])).await;
        assert_eq!(status.code(), Some(78), "{command}: {err}");
        assert!(err.contains(&format!("config.toml:{line}: enrich.0.url: missing")), "{command}: {err}");
    }
    let missing = "[[enrich]]\ntype = \"contacts\"\npath = \"/nowhere/people.csv\"\n";
    let dir = DaemonDir::new(&(config_for(UNREACHABLE_URL) + missing));
    let (status, out, err) = run_to_end(dir.command(&["check"])).await;
    assert!(status.success() && out.contains("warning    enrich.0.path:"), "{out}{err}");
    assert!(!dir.state_dir().join("outbox.sqlite").exists(), "check creates a file");
}

#[tokio::test]
async fn check_contacts_prints_columns_rows_and_masked_cards() {
    let dir = DaemonDir::new("");
    let file = dir.path().join("people.csv");
    let table = "Name,Phone,Birthday,Tier\nAda Quist,514-555-0111 (cell),1979-05-06,Gold\nBo,n/a,,\n";
    fs::write(&file, table).unwrap();
    let source = format!("[[enrich]]\ntype = \"contacts\"\npath = \"{}\"\n", file.display());
    dir.write_config(&(config_for(UNREACHABLE_URL) + &source));
    let (status, out, err) = run_to_end(dir.command(&["check", "--contacts", "--mask", "last4"])).await;
    assert!(status.success(), "{err}");
    for text in [
        "people   1, numbers 1; 0 without a number, 1 refused",
        "column   Birthday: left out as private",
        "refused  line 3: no readable phone number",
        "Ada Quist · Gold",
        "(•••) •••-0111",
    ] {
        assert!(out.contains(text), "{text}: {out}");
    }
    assert!(!out.contains("1979") && !out.contains("555"), "a private or masked value is printed: {out}");
    fs::write(&file, "Name,Phone\n\"Ada,514-555-0111\n").unwrap();
    let (status, _, err) = run_to_end(dir.command(&["check", "--contacts"])).await;
    assert!(status.code() == Some(66) && err.contains("the quote in line 2 is not closed"), "{err}");
}

#[tokio::test]
async fn check_rejects_world_readable_token_file() {
    let dir = DaemonDir::new(TestConfig::new(UNREACHABLE_URL));
    fs::create_dir_all(dir.state_dir()).unwrap();
    fs::write(dir.state_dir().join("token-main.json"), "{}").unwrap();
    let (status, _, err) = run_to_end(dir.command(&["check"])).await;
    assert_eq!(status.code(), Some(77));
    assert!(err.contains("chmod 600"), "{err}");
}

#[tokio::test]
async fn unknown_command_exits_64_and_help_exits_0() {
    let dir = DaemonDir::new("");
    let (status, _, err) = run_to_end(dir.command(&["chek"])).await;
    assert_eq!(status.code(), Some(64));
    assert!(err.contains("check"), "no similar command is suggested: {err}");
    assert!(run_to_end(dir.command(&["--help"])).await.0.success());
}

#[tokio::test]
async fn response_rules_print_same_rows_as_table_and_json() {
    let dir = DaemonDir::new("");
    let (status, out, _) = run_to_end(dir.command(&["responses"])).await;
    assert!(status.success() && out.contains("TriggerInputSchemaMismatch"), "{out}");
    let (_, json, _) = run_to_end(dir.command(&["responses", "--json"])).await;
    let rules: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    let rows = out.lines().skip(1).take_while(|line| !line.is_empty()).count();
    assert_eq!(rules.len(), rows, "{out}");
    for rule in &rules {
        let has_text = |key: &str| rule[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(rule["sinks"].is_array() && has_text("answer") && has_text("action") && has_text("reason"), "{rule}");
    }
    let mismatch = |rule: &&serde_json::Value| rule["answer"].to_string().contains("TriggerInputSchemaMismatch");
    let rule = rules.iter().find(mismatch).unwrap();
    assert_eq!(rule["sinks"], serde_json::json!(["teams"]), "{rule}");
    assert!(rule["advice"].as_str().is_some_and(|advice| !advice.is_empty()), "{rule}");
}

#[tokio::test]
async fn lookup_prints_every_source_and_merged_card() {
    let dir = DaemonDir::new(TestConfig::new(UNREACHABLE_URL));
    let contacts = dir.path().join("people.csv");
    fs::write(&contacts, "Name,Company,Phone\nAlice Martin,Fabrikam,+1 514 555 0199\n").unwrap();
    let table = format!("[[enrich]]\ntype = \"contacts\"\npath = \"{}\"\n", contacts.display());
    dir.write_config(&(config_for(UNREACHABLE_URL) + &table));
    fs::create_dir_all(dir.state_dir()).unwrap();
    let (status, out, err) = run_to_end(dir.command(&["lookup", "(514) 555-0199"])).await;
    assert!(status.success(), "{err}");
    assert!(out.contains("Alice Martin") && out.contains("Fabrikam"), "{out}");
}

#[tokio::test]
async fn watched_status_is_redrawn_until_the_reader_ends_it() {
    let dir = DaemonDir::new(TestConfig::new(UNREACHABLE_URL));
    let output = dir.path().join("watched");
    let mut command = dir.command(&["status", "--watch"]);
    let mut child = command.stdout(fs::File::create(&output).unwrap()).spawn().unwrap();
    let screens = eventually("two screens", TIMEOUT, async || {
        let text = fs::read_to_string(&output).unwrap();
        (text.matches("\u{1b}[H\u{1b}[2J").count() == 2).then_some(text)
    })
    .await;
    assert!(screens.matches("no events received").count() >= 1, "{screens}");
    assert_eq!(child.try_wait().unwrap(), None, "a connection without events ends no watch");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn demo_of_20_calls_posts_all_and_exits_0() {
    let dir = DaemonDir::new("");
    let (status, out, err) = run_to_end(dir.command(&["demo", "--calls", "20", "--rate", "20"])).await;
    assert!(status.success(), "{out}\n{err}");
    assert!(out.contains("20 of 20 calls posted"), "{out}");
}

#[tokio::test]
async fn forget_removes_number_from_all_files_of_running_daemon() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let mut dir = DaemonDir::for_simulator(&sim);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let (caller, bob) = (Party::new("ALICE MARTIN", "+15145550199"), Extension::new("1015", "Bob Roy"));
    sim.place(CallPlan::answered(caller, &bob).at_speed(20.0));
    wait_for_messages(&sim, "desk", 1).await;
    wait_for_messages(&sim, "support", 1).await;
    eventually("the call is over", TIMEOUT, async || sim.calls().iter().all(|call| call.ended).then_some(())).await;
    let held = |text: &str| {
        let files =
            fs::read_dir(dir.state_dir()).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap_or_default());
        files.flatten().collect::<Vec<u8>>().windows(text.len()).any(|bytes| bytes == text.as_bytes())
    };
    assert!(held("15145550199"), "the number was never stored");
    // The relay may still write the end of the call after the first `forget`.
    let out = eventually("the number is erased", TIMEOUT, async || {
        let (status, out, _) = run_to_end(dir.command(&["forget", "(514) 555-0199"])).await;
        (status.success() && !held("15145550199")).then_some(out)
    })
    .await;
    assert!(out.contains("history: ") && out.contains("outbox: "), "{out}");
    daemon.stop().await;
    assert!(!held("15145550199") && !held("ALICE MARTIN"));
    let (status, _, err) = run_to_end(dir.command(&["forget", "anonymous"])).await;
    assert_eq!(status.code(), Some(65), "{err}");
}

#[tokio::test]
async fn test_card_is_posted_and_answer_of_chat_is_printed() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let config = TestConfig::new(&sim.url())
        .text("sinks.app", "type", "slack-app")
        .text("sinks.app", "token", "xoxb-secret")
        .text("sinks.app", "channel", "C0TEST")
        .text("sinks.app", "api_url", sim.slack_api_url());
    let dir = DaemonDir::new(config);
    let send = async |sink| run_to_end(dir.command(&["test-card", "--sink", sink])).await;
    let (status, out, _) = send("desk").await;
    assert!(status.success() && out.contains("desk: card delivered (HTTP 200)"), "{out}");
    let (status, out, _) = send("support").await;
    assert!(status.success() && out.contains("support: card A accepted (HTTP 202)"), "{out}");
    assert!(out.contains("card A, or both: shape = \"message\", as it is now"), "{out}");
    assert!(out.contains("card B only: shape = \"card\"\n"), "{out}");
    let (status, out, _) = send("app").await;
    assert!(status.success() && out.contains("app: card delivered") && out.contains("app: edit delivered"), "{out}");
    let messages = sim.messages();
    assert_eq!((messages.len(), messages.first().map(|message| message.versions.len())), (1, Some(2)));
    assert_eq!(sim.posts().len(), 2);
    let shown_in_support = || message_texts(&sim, "support").join("\n");
    assert!(shown_in_support().contains("Test card A") && !shown_in_support().contains("Test card B"));
    sim.set_faults(|faults| {
        faults.chat.bare_card.insert("/teams/support".to_owned());
    });
    assert!(send("support").await.0.success());
    let posts = sim.posts();
    let last = posts.last().unwrap();
    assert!(last.shown && last.payload.to_string().contains("Test card B"), "a flow that posts the body shows card B");
    sim.set_faults(|faults| {
        faults.app.uninvited.insert("C0TEST".to_owned());
    });
    let (status, _, err) = send("app").await;
    assert_eq!(status.code(), Some(69));
    assert!(err.contains("not_in_channel") && err.contains("/invite") && !err.contains("xoxb"), "{err}");
    assert_eq!(send("unknown").await.0.code(), Some(64));
    assert!(!dir.state_dir().join("outbox.sqlite").exists(), "test-card creates an outbox");
}
