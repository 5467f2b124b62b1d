//! Missed calls that are returned: the message of an app is edited, a webhook gets one short card, across restarts and kills.

use crate::support::{
    Daemon, DaemonDir, TIMEOUT, TestConfig, eventually, message_texts, run_to_end, wait_for_messages,
};
use poprelay::sim::{AppMessage, CallPlan, Extension, Party, ScenarioStep, Simulator, SimulatorSettings};

const ALICE: &str = "+15145550199";
const SINK: &str = "sinks.living";

async fn start_simulator() -> Simulator {
    Simulator::start(SimulatorSettings::default()).await.unwrap()
}

/// A Slack app, and the webhook `desk` with `called_back`. The webhook `support` has the default outcomes.
fn config(sim: &Simulator) -> TestConfig {
    TestConfig::new(&sim.url())
        .set("sinks.desk", "outcomes", r#"["missed", "called_back"]"#)
        .text(SINK, "type", "slack-app")
        .text(SINK, "token", "xoxb-secret-of-the-bot")
        .text(SINK, "channel", "C0LIVING")
        .text(SINK, "api_url", sim.slack_api_url())
}

fn dana() -> Extension {
    Extension::new("1015", "Dana Roy")
}

fn missed() -> CallPlan {
    let steps = [(50, ScenarioStep::Rings { lines: vec![dana()] }), (2000, ScenarioStep::HangsUp { extension: None })];
    CallPlan::new("missed", Party::new("ALICE MARTIN", ALICE), steps)
}

/// Returns a call of Dana to Alice that is answered after a second, or not at all.
fn outbound(answered: bool) -> CallPlan {
    let number = ALICE.to_owned();
    let mut steps = vec![(50, ScenarioStep::Dials { number: number.clone() })];
    steps.extend(answered.then_some((1000, ScenarioStep::Answers { extension: number })));
    steps.push((4000, ScenarioStep::HangsUp { extension: None }));
    CallPlan::made_by("outbound", &dana(), steps)
}

/// Returns the newest version of each message of the app.
fn live(sim: &Simulator) -> Vec<String> {
    let newest = |message: &AppMessage| message.versions.last().unwrap().payload.to_string();
    sim.messages().iter().map(newest).collect()
}

async fn running(dir: &mut DaemonDir) -> Daemon {
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    daemon
}

/// Returns the callers on the open list, beside the running daemon or without it.
async fn open_list(dir: &DaemonDir) -> Vec<serde_json::Value> {
    let (status, out, err) = run_to_end(dir.command(&["open", "--json", "--show-numbers"])).await;
    assert!(status.success(), "{err}");
    serde_json::from_str(&out).unwrap()
}

async fn all_show(sim: &Simulator, count: usize, texts: &[&str]) -> Vec<String> {
    eventually(&format!("{count} messages show {texts:?}"), TIMEOUT, async || {
        let shown = live(sim);
        let is_shown = |message: &String| texts.iter().all(|text| message.contains(text));
        (shown.len() == count && shown.iter().all(is_shown)).then_some(shown)
    })
    .await
}

#[tokio::test]
async fn missed_calls_are_tried_then_called_back_across_restarts() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = running(&mut dir).await;
    sim.place(missed());
    all_show(&sim, 1, &["Missed:"]).await;
    sim.place(missed());
    all_show(&sim, 2, &["Missed:"]).await;
    wait_for_messages(&sim, "desk", 2).await;
    let list = open_list(&dir).await;
    assert_eq!((list.len(), &list[0]["missed_calls"], &list[0]["number"]), (1, &2.into(), &"(514) 555-0199".into()));
    drop(daemon.stop().await);

    let daemon = running(&mut dir).await;
    sim.place(outbound(false));
    all_show(&sim, 2, &["Missed:", "Dana Roy (1015) tried at", "no answer"]).await;
    eventually("the try is posted", TIMEOUT, async || {
        message_texts(&sim, "desk").iter().any(|text| text.contains("tried at")).then_some(())
    })
    .await;
    let list = open_list(&dir).await;
    assert_eq!((list.len(), &list[0]["tried_by"]), (1, &"Dana Roy".into()), "the caller still waits");
    daemon.kill();

    let daemon = running(&mut dir).await;
    sim.place(outbound(true));
    all_show(&sim, 2, &["Called back: ", "Called back by Dana Roy (1015) after"]).await;
    all_show(&sim, 2, &["Called back by Dana Roy (1015) after", "talked"]).await;
    eventually("the call back is posted", TIMEOUT, async || {
        message_texts(&sim, "desk").iter().any(|text| text.contains("Called back by")).then_some(())
    })
    .await;
    drop(daemon.stop().await);
    assert_eq!(open_list(&dir).await.len(), 0);
    let short = |word: &str| message_texts(&sim, "desk").iter().filter(|text| text.contains(word)).count();
    assert_eq!((short("tried at"), short("Called back by")), (1, 1), "{:?}", message_texts(&sim, "desk"));
    let support = message_texts(&sim, "support").join("\n");
    assert!(!support.contains("tried at") && !support.contains("Called back by"), "{support}");
}

#[tokio::test]
async fn caller_who_gets_through_closes_the_missed_call() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = running(&mut dir).await;
    sim.place(missed());
    all_show(&sim, 1, &["Missed:"]).await;
    daemon.kill();
    let daemon = running(&mut dir).await;
    let steps = [
        (50, ScenarioStep::Rings { lines: vec![dana()] }),
        (1000, ScenarioStep::Answers { extension: dana().extension }),
        (4000, ScenarioStep::HangsUp { extension: None }),
    ];
    sim.place(CallPlan::new("answered", Party::new("ALICE MARTIN", ALICE), steps));
    eventually("the missed call shows that she got through", TIMEOUT, async || {
        let shown = live(&sim);
        let count = |word: &str| shown.iter().filter(|message| message.contains(word)).count();
        let text = "answered by Dana Roy (1015), talked";
        (shown.len() == 2 && count("Got through: ") == 1 && count(text) == 1 && count("Ended: ") == 1).then_some(())
    })
    .await;
    drop(daemon.stop().await);
}
