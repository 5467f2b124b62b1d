//! What a person gets who types a command, rightly or wrongly.

use crate::support::{Home, SOON, config_for, eventually, run_to_end, shows, within};
use poprelay::sim::{CallPlan, Line, Party, Settings, World};
use std::fs;

/// An address where nobody answers: the config is only read.
const NOWHERE: &str = "http://127.0.0.1:9";

#[tokio::test]
async fn check_says_what_a_config_will_do() {
    let home = Home::new(&config_for(NOWHERE));
    let (status, out, err) = run_to_end(home.command(&["check"])).await;
    assert!(status.success(), "{err}");
    for said in
        ["main: 1 account, 2 lanes", "desk: Slack webhook, ringing, missed, voicemail", "support: Teams workflow"]
    {
        assert!(out.contains(said), "{said}: {out}");
    }
    assert!(!out.contains("127.0.0.1:9/slack"), "no webhook URL is shown: {out}");
}

#[tokio::test]
async fn a_wrong_key_ends_with_78_and_says_file_line_and_what_was_meant() {
    let home = Home::new(&config_for(NOWHERE).replace("client_id", "clientid"));
    for command in ["run", "check", "login"] {
        let (status, _, err) = run_to_end(home.command(&[command])).await;
        assert_eq!(status.code(), Some(78), "{command}: {err}");
        assert!(
            err.contains("config.toml:3: connections.main.clientid: unknown key; did you mean `client_id`?"),
            "{err}"
        );
    }
}

#[tokio::test]
async fn a_source_that_run_would_refuse_is_refused_by_check_too_and_a_missing_file_is_shown() {
    let wrong = config_for(NOWHERE) + "[[enrich]]\ntype = \"http\"\nfields = { name = \"/name\" }\n";
    let home = Home::new(&wrong);
    let line = wrong.lines().position(|line| line == "[[enrich]]").unwrap() + 1;
    for command in ["run", "check"] {
        let (status, _, err) = run_to_end(home.command(&[command])).await;
        assert_eq!(status.code(), Some(78), "{command}: {err}");
        assert!(err.contains(&format!("config.toml:{line}: enrich.0.url: it is missing")), "{command}: {err}");
    }
    home.configure(&(config_for(NOWHERE) + "[[enrich]]\ntype = \"contacts\"\npath = \"/nowhere/people.csv\"\n"));
    let (status, out, err) = run_to_end(home.command(&["check"])).await;
    assert!(status.success() && out.contains("warning    enrich.0.path:"), "{out}{err}");
    assert!(!home.state().join("history.sqlite").exists(), "check makes nothing");
}

#[tokio::test]
async fn a_token_that_others_may_read_is_refused_by_check() {
    let home = Home::new(&config_for(NOWHERE));
    fs::create_dir_all(home.state()).unwrap();
    fs::write(home.state().join("token-main.json"), "{}").unwrap();
    let (status, _, err) = run_to_end(home.command(&["check"])).await;
    assert_eq!(status.code(), Some(77));
    assert!(err.contains("chmod 600"), "{err}");
}

#[tokio::test]
async fn wrong_words_end_with_64_and_help_with_0() {
    let home = Home::new("");
    let (status, _, err) = run_to_end(home.command(&["chek"])).await;
    assert_eq!(status.code(), Some(64));
    assert!(err.contains("check"), "the near word is named: {err}");
    assert!(run_to_end(home.command(&["--help"])).await.0.success());
}

#[tokio::test]
async fn the_verdicts_are_printed_as_a_table_and_as_json() {
    let home = Home::new("");
    let (status, out, _) = run_to_end(home.command(&["verdicts"])).await;
    assert!(status.success() && out.contains("TriggerInputSchemaMismatch"), "{out}");
    let (_, json, _) = run_to_end(home.command(&["verdicts", "--json"])).await;
    assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
}

#[tokio::test]
async fn a_lookup_shows_every_source_and_the_merged_card() {
    let home = Home::new(&config_for(NOWHERE));
    let contacts = home.path().join("people.csv");
    fs::write(&contacts, "Name,Company,Phone\nAlice Martin,Fabrikam,+1 514 555 0199\n").unwrap();
    let table = format!("[[enrich]]\ntype = \"contacts\"\npath = \"{}\"\n", contacts.display());
    home.configure(&(config_for(NOWHERE) + &table));
    fs::create_dir_all(home.state()).unwrap();
    let (status, out, err) = run_to_end(home.command(&["lookup", "(514) 555-0199"])).await;
    assert!(status.success(), "{err}");
    assert!(out.contains("Alice Martin") && out.contains("Fabrikam"), "{out}");
}

#[tokio::test]
async fn the_second_daemon_on_one_state_directory_ends_with_77() {
    let world = World::start(Settings::default()).await.unwrap();
    let mut home = Home::in_world(&world);
    let daemon = home.run();
    daemon.says("lane live").await;
    let mut second = home.run();
    let status = within(SOON, second.exit(SOON)).await;
    assert_eq!(status.code(), Some(77));
    assert!(second.journal().contains("another poprelay works in"), "{}", second.journal());
    daemon.stop().await;
}

#[tokio::test]
async fn a_demo_of_twenty_calls_shows_them_and_ends_with_0() {
    let home = Home::new("");
    let (status, out, err) = run_to_end(home.command(&["demo", "--calls", "20", "--rate", "20"])).await;
    assert!(status.success(), "{out}\n{err}");
    assert!(out.contains("20 of 20 calls were told"), "{out}");
}

#[tokio::test]
async fn of_a_forgotten_number_no_file_of_a_running_daemon_holds_a_byte() {
    let world = World::start(Settings::default()).await.unwrap();
    let mut home = Home::in_world(&world);
    let daemon = home.run();
    daemon.says("lane live").await;
    let (caller, bob) = (Party::of("ALICE MARTIN", "+15145550199"), Line::of("1015", "Bob Roy"));
    world.place(CallPlan::answered(caller, &bob).at_speed(20.0));
    shows(&world, "desk", 1).await;
    shows(&world, "support", 1).await;
    eventually("the call is over", SOON, async || world.calls().iter().all(|call| call.over).then_some(())).await;
    let held = |text: &str| {
        let files = fs::read_dir(home.state()).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap_or_default());
        files.flatten().collect::<Vec<u8>>().windows(text.len()).any(|bytes| bytes == text.as_bytes())
    };
    assert!(held("15145550199"), "it was there");
    // What the relay still has under way of the call's end may come in after the first time.
    let out = eventually("it is forgotten", SOON, async || {
        let (status, out, _) = run_to_end(home.command(&["forget", "(514) 555-0199"])).await;
        (status.success() && !held("15145550199")).then_some(out)
    })
    .await;
    assert!(out.contains("history: ") && out.contains("outbox: "), "{out}");
    daemon.stop().await;
    assert!(!held("15145550199") && !held("ALICE MARTIN"));
    let (status, _, err) = run_to_end(home.command(&["forget", "anonymous"])).await;
    assert_eq!(status.code(), Some(65), "{err}");
}

#[tokio::test]
async fn a_test_card_is_sent_and_what_the_chat_answered_is_said() {
    let world = World::start(Settings::default()).await.unwrap();
    let app = format!(
        "[sinks.app]\ntype = \"slack-app\"\ntoken = \"xoxb-secret\"\nchannel = \"C0TEST\"\napi_url = \"{}\"\n",
        world.slack_api()
    );
    let home = Home::new(&format!("{}\n{app}", config_for(&world.url())));
    let send = async |sink| run_to_end(home.command(&["test-card", "--sink", sink])).await;
    let (status, out, _) = send("desk").await;
    assert!(status.success() && out.contains("desk: card delivered (HTTP 200)"), "{out}");
    let (status, out, _) = send("support").await;
    assert!(status.success() && out.contains("support: card accepted (HTTP 202)"), "{out}");
    let (status, out, _) = send("app").await;
    assert!(status.success() && out.contains("app: card delivered") && out.contains("app: edit delivered"), "{out}");
    let messages = world.messages();
    assert_eq!((messages.len(), messages.first().map(|message| message.said.len())), (1, Some(2)));
    assert_eq!(world.posts().len(), 2);
    world.set_faults(|faults| {
        faults.app.uninvited.insert("C0TEST".to_owned());
    });
    let (status, _, err) = send("app").await;
    assert_eq!(status.code(), Some(69));
    assert!(err.contains("not_in_channel") && err.contains("/invite") && !err.contains("xoxb"), "{err}");
    assert_eq!(send("nobody").await.0.code(), Some(64));
    assert!(!home.state().join("outbox.sqlite").exists(), "the outbox is not touched");
}
