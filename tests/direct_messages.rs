//! Direct messages: the person whose phone rings gets a live message. The real daemon against a simulated Web API.

use crate::support::{DaemonDir, TIMEOUT, TestConfig, eventually, run_to_end};
use poprelay::sim::{AppMessage, CallPlan, Extension, Party, ScenarioStep, Simulator, SimulatorSettings};

const BOB: &str = "D0BOB";
const EVE: &str = "D0EVE";

fn config(sim: &Simulator) -> TestConfig {
    TestConfig::new(&sim.url())
        .text("sinks.living", "type", "slack-app")
        .text("sinks.living", "token", "xoxb-secret-of-the-bot")
        .text("sinks.living", "channel", "C0LIVING")
        .text("sinks.living", "api_url", sim.slack_api_url())
        .text("operator", "sink", "living")
        .set("people", "\"1015\"", "{ slack = \"U0BOB\" }")
        .set("people", "\"1020\"", "{ slack = \"U0EVE\" }")
        .set("[routes]", "sinks", "[\"person\"]")
}

/// Returns the object id of a user in Teams.
const fn teams_user() -> &'static str {
    "0f0e0d0c-0b0a-4998-8877-665544332211"
}

fn teams_config(sim: &Simulator) -> TestConfig {
    let sink = "sinks.teams-calls";
    TestConfig::new(&sim.url())
        .text(sink, "type", "teams-app")
        .text(sink, "tenant", "example.onmicrosoft.com")
        .text(sink, "app_id", "6f1c2c7e-8d34-4f57-9f9c-0a1b2c3d4e5f")
        .text(sink, "secret", "s3cr3t~of-the-teams-app")
        .text(sink, "channel", "19:calls-1_a@thread.tacv2")
        .text(sink, "login_url", sim.teams_login_url())
        .text(sink, "api_url", sim.teams_api_url())
        .set("people", "\"1015\"", format!("{{ teams = \"{}\" }}", teams_user()))
        .set("[routes]", "sinks", "[\"person\"]")
}

fn alice() -> Party {
    Party::new("ALICE MARTIN", "+15145550199")
}

fn bob() -> Extension {
    Extension::new("1015", "Bob Roy")
}

fn newest_text(message: &AppMessage) -> String {
    message.versions.last().unwrap().payload.get("text").unwrap().as_str().unwrap().to_owned()
}

/// Returns the last text of each message in a channel.
fn texts(sim: &Simulator, channel: &str) -> Vec<String> {
    sim.messages().iter().filter(|message| message.channel == channel).map(newest_text).collect()
}

async fn becomes(sim: &Simulator, channel: &str, words: &[&str]) {
    eventually(&format!("{channel} shows {words:?}"), TIMEOUT, async || {
        let texts = texts(sim, channel);
        (texts.len() == words.len() && texts.iter().zip(words).all(|(text, word)| text.contains(word))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn message_follows_the_call_to_each_person_it_rings() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(CallPlan::missed(alice(), &[bob(), Extension::new("1099", "Zoe Unlisted")]).at_speed(20.0));
    becomes(&sim, BOB, &["Missed"]).await;
    let eve = Extension::new("1020", "Eve Kim");
    sim.place(CallPlan::transferred(Party::new("CAROL ROY", "+15145550188"), "Support", &bob(), &eve).at_speed(20.0));
    becomes(&sim, EVE, &["Ended"]).await;
    becomes(&sim, BOB, &["Missed", "Ended"]).await;
    assert_eq!(texts(&sim, "C0LIVING"), Vec::<String>::new(), "the rule names only the person");
    daemon.stop().await;
}

#[tokio::test]
async fn message_to_a_person_shows_that_the_next_phone_rings() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let eve = Extension::new("1020", "Eve Kim");
    let hunt = [
        (50, ScenarioStep::Queue { name: "Support".to_owned() }),
        (300, ScenarioStep::Rings { lines: vec![bob()] }),
        (2_300, ScenarioStep::StopsRinging),
        (2_500, ScenarioStep::Rings { lines: vec![eve] }),
        // Beyond the test: only a ring can edit the message to Bob.
        (120_000, ScenarioStep::HangsUp { extension: None }),
    ];
    sim.place(CallPlan::new("hunt", alice(), hunt));
    becomes(&sim, BOB, &["Rings Bob Roy"]).await;
    becomes(&sim, EVE, &["Rings Eve Kim"]).await;
    becomes(&sim, BOB, &["Rings Eve Kim"]).await;
    daemon.stop().await;
    assert_eq!(sim.messages().len(), 2, "the message to Bob is edited, not repeated");
}

#[tokio::test]
async fn person_who_left_costs_no_other_person_a_message() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(|faults| {
        faults.app.unknown.insert("U0EVE".to_owned());
    });
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(CallPlan::missed(alice(), &[bob(), Extension::new("1020", "Eve Kim")]).at_speed(20.0));
    becomes(&sim, BOB, &["Missed"]).await;
    eventually("the operator is alerted of Eve", TIMEOUT, async || {
        texts(&sim, "C0LIVING").iter().any(|text| text.contains("person-1020")).then_some(())
    })
    .await;
    sim.place(CallPlan::missed(alice(), &[bob(), Extension::new("1020", "Eve Kim")]).at_speed(20.0));
    becomes(&sim, BOB, &["Missed", "Missed"]).await;
    eventually("both calls of Eve are given up", TIMEOUT, async || {
        let list = async |state| run_to_end(dir.command(&["outbox", "list", "--state", state])).await.1;
        let (dead, waiting) = (list("dead").await, list("waiting").await);
        (dead.matches("person-1020").count() == 2 && !waiting.contains("person-1020")).then_some(())
    })
    .await;
    let journal = daemon.stop().await;
    assert!(!journal.contains("sink disabled"), "{journal}");
    let alerts = texts(&sim, "C0LIVING").iter().filter(|text| text.contains("gets no direct messages")).count();
    assert_eq!(alerts, 1, "one alert for one person");
}

#[tokio::test]
async fn check_names_a_teams_user_without_the_app() {
    let (sim, dana) = (Simulator::start(SimulatorSettings::default()).await.unwrap(), teams_user());
    let config = teams_config(&sim);
    let (status, out, err) = run_to_end(DaemonDir::new(config.clone()).command(&["check", "--online"])).await;
    assert!(status.success() && out.contains("which can write to the person"), "{out}{err}");
    sim.set_faults(|faults| {
        faults.teams_app.not_installed.insert(dana.to_owned());
    });
    let (status, out, err) = run_to_end(DaemonDir::new(config).command(&["check", "--online"])).await;
    let failed = out.lines().find(|line| line.starts_with("failed     sink person-1015 login"));
    assert!(status.code() == Some(69) && failed.is_some_and(|line| line.contains("not for the person")), "{out}{err}");
    assert!(sim.messages().is_empty(), "nothing is posted");
}

#[tokio::test]
async fn person_is_found_by_email_once_and_an_unknown_address_is_named() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(|faults| {
        faults.app.unknown.insert("U0EVE".to_owned());
    });
    let people = |config: TestConfig| {
        config.set("people", "\"1015\"", "{ email = \"Bob@example.com\" }").set(
            "people",
            "\"1020\"",
            "{ email = \"eve@example.com\" }",
        )
    };
    let mut dir = DaemonDir::new(people(config(&sim)));
    let (_, out, _) = run_to_end(dir.command(&["check", "--online"])).await;
    assert!(out.contains("member U0BOB has the e-mail address"), "{out}");
    let failed = out.lines().find(|line| line.starts_with("failed     sink person-1020 "));
    assert!(failed.is_some_and(|line| line.contains("users_not_found") && line.contains("e-mail")), "{out}");
    let lookups = || {
        let counts = sim.request_counts();
        let lookups = counts.iter().filter(|((_, route, _), _)| route.contains("lookupByEmail"));
        lookups.map(|(_, count)| *count).sum::<u64>()
    };
    let checked = lookups();
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    for call in 0..2 {
        sim.place(CallPlan::missed(alice(), &[bob(), Extension::new("1020", "Eve Kim")]).at_speed(20.0));
        becomes(&sim, BOB, &["Missed", "Missed"][..=call]).await;
    }
    eventually("the operator is alerted of Eve", TIMEOUT, async || {
        texts(&sim, "C0LIVING").iter().any(|text| text.contains("person-1020")).then_some(())
    })
    .await;
    let journal = daemon.stop().await;
    assert!(journal.contains("the workspace has no such member"), "{journal}");
    assert_eq!(lookups() - checked, 2, "one for each address: the found one is kept, the unknown one waits an hour");
}

#[tokio::test]
async fn teams_app_writes_to_a_person_and_edits_the_message() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let (config, dana) = (teams_config(&sim), teams_user());
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let direct = format!("a:1-{dana}");
    let shown = |sim: &Simulator| -> Vec<String> {
        sim.messages()
            .iter()
            .filter(|one| one.channel == direct)
            .map(|one| one.versions.last().unwrap().payload.to_string())
            .collect()
    };
    for count in 1..=2 {
        sim.place(CallPlan::missed(alice(), &[bob()]).at_speed(20.0));
        eventually(&format!("{count} missed calls are shown"), TIMEOUT, async || {
            let shown = shown(&sim);
            (shown.len() == count && shown.iter().all(|text| text.contains("Missed:"))).then_some(())
        })
        .await;
    }
    daemon.stop().await;
    assert_eq!(sim.messages().len(), 2, "no message in the channel");
    let opened = sim.request_counts();
    let opened: u64 =
        opened.iter().filter(|((_, route, _), _)| route.ends_with("/v3/conversations")).map(|(_, count)| count).sum();
    assert_eq!(opened, 1, "the conversation is opened once");
}

#[tokio::test]
async fn check_names_people_without_app_or_rule() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let check = async |config: TestConfig| run_to_end(DaemonDir::new(config).command(&["check"])).await;
    let (status, out, err) = check(config(&sim)).await;
    assert!(status.success() && out.contains("person-1015: direct messages of a Slack app"), "{out}{err}");
    let (status, _, err) = check(config(&sim).set("people", "\"1016\"", "{ slack = \"bob\" }")).await;
    assert!(status.code() == Some(78) && err.contains("people.1016.slack: expected a member's id"), "{err}");
    let without_app = TestConfig::new(&sim.url()).set("people", "\"1015\"", "{ slack = \"U0BOB\" }");
    let (status, _, err) = check(without_app).await;
    let text = "direct messages need a sink of type = \"slack-app\"";
    assert!(status.code() == Some(78) && err.contains(text), "{err}");
    let unrouted = config(&sim).set("[routes]", "sinks", "[\"living\"]");
    let (status, out, err) = check(unrouted).await;
    assert!(status.success() && out.contains("no rule has \"person\" in its sinks"), "{out}{err}");
}
