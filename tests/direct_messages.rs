//! Direct messages: the person whose phone rings gets a live message. The real daemon against a simulated Web API.

use crate::support::{DaemonDir, TIMEOUT, TestConfig, eventually, run_to_end};
use poprelay::sim::{AppMessage, CallPlan, Extension, Party, Simulator, SimulatorSettings};

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
    sim.place(CallPlan::missed(alice(), &[bob()]).at_speed(20.0));
    becomes(&sim, BOB, &["Missed", "Missed"]).await;
    daemon.stop().await;
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
