//! Claims of missed calls: buttons of a Slack app over Socket Mode. The real daemon against a simulated Slack, with
//! repeated presses, reminders, erased calls and a kill between press and edit.

use crate::support::{Daemon, DaemonDir, TIMEOUT, TestConfig, eventually, run_to_end};
use poprelay::sim::{AppMessage, ButtonPress, CallPlan, Extension, Party, ScenarioStep, Simulator, SimulatorSettings};
use serde_json::{Value, json};
use std::time::Duration;

pub const CHANNEL: &str = "C0CLAIMS";
pub const SINK: &str = "sinks.claims";
pub const CALL_BACK: &str = "poprelay_call_back";
pub const DONE: &str = "poprelay_done";
pub const UNDO: &str = "poprelay_undo";

/// A daemon with a Slack app that has buttons.
pub struct Claims {
    pub sim: Simulator,
    pub dir: DaemonDir,
}

impl Claims {
    pub async fn new() -> Self {
        let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
        let config = Self::config(&sim);
        let dir = DaemonDir::new(config);
        Self { sim, dir }
    }

    pub fn config(sim: &Simulator) -> TestConfig {
        TestConfig::new(&sim.url())
            .text(SINK, "type", "slack-app")
            .text(SINK, "token", "xoxb-secret-of-the-bot")
            .text(SINK, "app_token", "xapp-secret-of-the-app")
            .text(SINK, "channel", CHANNEL)
            .text(SINK, "api_url", sim.slack_api_url())
    }

    pub async fn start(&mut self) -> Daemon {
        let daemon = self.dir.start();
        daemon.wait_for_log("lane live").await;
        self.wait_for_sockets(1).await;
        daemon
    }

    pub async fn wait_for_sockets(&self, count: usize) {
        eventually(&format!("{count} sockets of the app"), TIMEOUT, async || {
            (self.sim.app_sockets() == count).then_some(())
        })
        .await;
    }

    /// Places a missed call. Returns its message as soon as it has buttons.
    pub async fn missed_call(&self) -> AppMessage {
        let bob = Extension::new("1015", "Bob Roy");
        let steps = [(50, ScenarioStep::Rings { lines: vec![bob] }), (600, ScenarioStep::HangsUp { extension: None })];
        self.sim.place(CallPlan::new("missed", Party::new("ALICE MARTIN", "+15145550199"), steps));
        self.becomes("\"poprelay_call_back\"").await
    }

    /// Waits until the only message of the channel contains `text`.
    pub async fn becomes(&self, text: &str) -> AppMessage {
        eventually(&format!("the message contains {text}"), TIMEOUT, async || {
            let found = self.sim.messages().into_iter().find(|message| message.channel == CHANNEL)?;
            shown(&found).to_string().contains(text).then_some(found)
        })
        .await
    }

    pub fn press(&self, message: &AppMessage, button: &str, user: &str) -> String {
        self.sim.press(&press(message, button, user)).expect("a socket is open")
    }

    /// Waits until an envelope is acknowledged. Returns how long it took.
    pub async fn acknowledged(&self, envelope: &str) -> Duration {
        eventually(&format!("{envelope} is acknowledged"), TIMEOUT, async || self.sim.acknowledged_after(envelope))
            .await
    }

    /// Waits for the private answer to a press. Returns its text.
    async fn private_answer(&self, envelope: &str) -> String {
        let body: Value = eventually(&format!("an answer to {envelope}"), TIMEOUT, async || {
            self.sim.private_answers().into_iter().find(|(id, _)| id == envelope).map(|(_, body)| body)
        })
        .await;
        let field = |key: &str| body.get(key).cloned().unwrap_or_default();
        assert_eq!((field("response_type"), field("replace_original")), (json!("ephemeral"), json!(false)));
        field("text").as_str().unwrap().to_owned()
    }
}

fn press(message: &AppMessage, button: &str, user: &str) -> ButtonPress {
    ButtonPress {
        channel: message.channel.clone(),
        ts: message.ts.clone(),
        action_id: button.to_owned(),
        value: None,
        user: user.to_owned(),
    }
}

fn shown(message: &AppMessage) -> &Value {
    &message.versions.last().unwrap().payload
}

#[tokio::test]
async fn missed_call_is_claimed_undone_and_done() {
    let mut claims = Claims::new().await;
    let daemon = claims.start().await;
    let message = claims.missed_call().await;
    let envelope = claims.press(&message, CALL_BACK, "U0DANA");
    let mut acknowledgements = vec![claims.acknowledged(&envelope).await];
    let claimed = claims.becomes("🙋 <@U0DANA> calls back").await;
    assert_eq!((&claimed.ts, claims.sim.messages().len()), (&message.ts, 1), "an edit, no second message");
    eventually("the open list names Dana", TIMEOUT, async || {
        let (_, open, _) = run_to_end(claims.dir.command(&["open"])).await;
        open.contains("Dana since").then_some(())
    })
    .await;
    let (_, open, _) = run_to_end(claims.dir.command(&["open", "--json"])).await;
    assert!(open.contains(r#""claimed_by": "Dana""#) && open.contains(r#""claimed_by_id": "U0DANA""#), "{open}");
    let late = claims.press(&claimed, DONE, "U0EVE");
    let done = claims.becomes("✅ Done: <@U0EVE>").await;
    acknowledgements.push(claims.acknowledged(&late).await);
    let (_, open, _) = run_to_end(claims.dir.command(&["open"])).await;
    assert!(open.contains("no missed caller waits"), "{open}");
    let undo = claims.press(&done, UNDO, "U0DANA");
    assert!(claims.private_answer(&undo).await.contains("Only <@U0EVE>"));
    for (shown, user, becomes) in
        [(&done, "U0EVE", "🙋 <@U0DANA> calls back"), (&done, "U0DANA", "\"poprelay_call_back\"")]
    {
        let envelope = claims.press(shown, UNDO, user);
        claims.becomes(becomes).await;
        acknowledgements.push(claims.acknowledged(&envelope).await);
    }
    // The fastest of some: one may wait for the processor of a busy test machine.
    let fastest = acknowledgements.iter().min().unwrap();
    assert!(*fastest < Duration::from_millis(500), "well inside a second: {acknowledgements:?}");
    assert!(
        acknowledgements.iter().all(|took| *took < Duration::from_secs(3)),
        "Slack waits 3 s: {acknowledgements:?}"
    );
    let journal = daemon.stop().await;
    assert!(!journal.contains("xapp-secret") && !journal.contains("ticket="), "{journal}");
}

#[tokio::test]
async fn second_person_gets_a_private_answer_and_changes_nothing() {
    let mut claims = Claims::new().await;
    let daemon = claims.start().await;
    let message = claims.missed_call().await;
    let first = claims.press(&message, CALL_BACK, "U0DANA");
    let second = claims.press(&message, CALL_BACK, "U0EVE");
    let doubled = claims.press(&message, CALL_BACK, "U0DANA");
    assert_eq!(claims.private_answer(&second).await, "<@U0DANA> was faster and calls back.");
    for envelope in [&first, &second, &doubled] {
        claims.acknowledged(envelope).await;
    }
    let claimed = claims.becomes("🙋 <@U0DANA> calls back").await;
    let journal = daemon.stop().await;
    let versions = claims.sim.messages().pop().unwrap().versions.len();
    assert_eq!(versions, claimed.versions.len(), "one edit only");
    assert!(journal.contains("repeated"), "{journal}");
}

/// Places a missed call of another caller and claims it. Returns its message.
async fn claimed_call(claims: &Claims, number: &str) -> AppMessage {
    let count = claims.sim.messages().len();
    let bob = Extension::new("1015", "Bob Roy");
    let steps = [(50, ScenarioStep::Rings { lines: vec![bob] }), (300, ScenarioStep::HangsUp { extension: None })];
    claims.sim.place(CallPlan::new("missed", Party::new("ALICE MARTIN", number), steps));
    let message = eventually(&format!("{number} was missed"), TIMEOUT, async || {
        let message = claims.sim.messages().get(count).cloned()?;
        shown(&message).to_string().contains(CALL_BACK).then_some(message)
    })
    .await;
    let envelope = claims.press(&message, CALL_BACK, "U0DANA");
    claims.acknowledged(&envelope).await;
    message
}

/// Returns the messages that remind of a claim.
fn reminders(sim: &Simulator) -> Vec<AppMessage> {
    sim.messages().into_iter().filter(|one| shown(one).to_string().contains("No call back seen yet")).collect()
}

#[tokio::test]
async fn claim_without_a_call_back_is_reminded_once_in_its_thread() {
    let mut claims = Claims::new().await;
    // Longer than the steps below take on a busy machine.
    claims.dir = DaemonDir::new(Claims::config(&claims.sim).text(SINK, "claim_reminder", "12s"));
    let daemon = claims.start().await;
    let done = claimed_call(&claims, "+15145550101").await;
    let envelope = claims.press(&done, DONE, "U0DANA");
    claims.acknowledged(&envelope).await;
    let returned = "+15145550102";
    claimed_call(&claims, returned).await;
    let dials = (50, ScenarioStep::Dials { number: returned.to_owned() });
    let steps = [
        dials,
        (100, ScenarioStep::Answers { extension: returned.to_owned() }),
        (900, ScenarioStep::HangsUp { extension: None }),
    ];
    claims.sim.place(CallPlan::made_by("outbound", &Extension::new("1015", "Bob Roy"), steps));
    let open = claimed_call(&claims, "+15145550103").await;
    let reminder = eventually("a reminder", TIMEOUT, async || reminders(&claims.sim).pop()).await;
    assert_eq!(reminder.thread.as_ref(), Some(&open.ts));
    assert!(shown(&reminder).to_string().contains("<@U0DANA> calls back"), "{reminder:?}");
    // A kill could come between post and settlement, and the reminder would be posted again.
    daemon.stop().await;
    let daemon = claims.start().await;
    let next = claimed_call(&claims, "+15145550104").await;
    let threads = eventually("the reminder of the next claim", TIMEOUT, async || {
        let threads: Vec<_> = reminders(&claims.sim).into_iter().filter_map(|one| one.thread).collect();
        (threads.len() > 1).then_some(threads)
    })
    .await;
    assert_eq!(threads, [open.ts, next.ts], "neither done nor called back, and once across the restart");
    daemon.stop().await;
}

#[tokio::test]
async fn kill_between_press_and_edit_is_followed_by_the_edit() {
    let mut claims = Claims::new().await;
    let daemon = claims.start().await;
    let message = claims.missed_call().await;
    claims.sim.set_faults(|faults| faults.app.server_error = 1.0);
    let envelope = claims.press(&message, CALL_BACK, "U0DANA");
    claims.acknowledged(&envelope).await;
    daemon.kill();
    assert!(!shown(claims.sim.messages().first().unwrap()).to_string().contains("U0DANA"), "not edited yet");
    claims.sim.set_faults(|faults| faults.app.server_error = 0.0);
    let daemon = claims.start().await;
    let claimed = claims.becomes("🙋 <@U0DANA> calls back").await;
    assert_eq!((claimed.ts, claims.sim.messages().len()), (message.ts, 1));
    daemon.stop().await;
}

#[tokio::test]
async fn press_on_an_erased_call_and_an_unknown_button_are_answered() {
    let mut claims = Claims::new().await;
    let daemon = claims.start().await;
    let message = claims.missed_call().await;
    let other = ButtonPress { value: Some("a call".to_owned()), ..press(&message, "poprelay_snooze", "U0DANA") };
    let envelope = claims.sim.press(&other).unwrap();
    assert!(claims.private_answer(&envelope).await.contains("another version"));
    daemon.wait_for_log("press of an unknown button").await;
    let (status, _, err) = run_to_end(claims.dir.command(&["forget", "+15145550199"])).await;
    assert!(status.success(), "{err}");
    let envelope = claims.press(&message, CALL_BACK, "U0DANA");
    assert!(claims.private_answer(&envelope).await.contains("not stored any more"));
    daemon.wait_for_log("press without effect").await;
    claims.sim.send_to_app(&json!({ "type": "slash_commands", "envelope_id": "e-slash", "payload": {} }));
    daemon.wait_for_log("slack sends a payload that is not used").await;
    daemon.stop().await;
}
