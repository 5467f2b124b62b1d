//! The team of the demo in its Slack app: Dana claims every second missed call with a press, and a claimed caller is called back.
//! A press of the person at the page counts like Dana's. Decides by the messages shown; [`Team::act`] presses and places calls.

use crate::sim::{AppMessage, ButtonPress, CallPlan, Extension, ScenarioStep, Simulator};
use serde_json::Value;
use std::{collections::HashSet, time::Duration};
use tokio::time::Instant;

/// Id of the channel of the app.
const CHANNEL: &str = "C0CALLS";
/// Id of Dana. The page knows her name.
const DANA: &str = "U0DANA";
/// Time from a missed call to Dana's press, long enough for a press of the person at the page.
const PRESS_AFTER: Duration = Duration::from_secs(6);
/// Time from a claim to the call back.
const CALL_AFTER: Duration = Duration::from_secs(5);

/// Returns the config of the app's sink.
pub(super) fn sink(world: &Simulator) -> String {
    let api = world.slack_api_url();
    format!(
        "\n[sinks.calls]\ntype = \"slack-app\"\ntoken = \"xoxb-demo\"\napp_token = \"xapp-demo\"\n\
         channel = \"{CHANNEL}\"\napi_url = \"{api}\"\n"
    )
}

/// Waits until an action of the team is due.
pub(super) async fn wait(team: Option<&Team>) {
    match team.and_then(Team::next_due) {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Action of a colleague.
#[derive(Debug, Clone)]
enum Act {
    Press(ButtonPress),
    CallBack { number: String, colleague: Extension },
}

/// The colleagues and their planned actions.
#[derive(Debug, Default)]
pub(super) struct Team {
    due: Vec<(Instant, Act)>,
    /// Messages with buttons that were processed, and messages with a claim.
    missed: HashSet<String>,
    claimed: HashSet<String>,
}

impl Team {
    fn next_due(&self) -> Option<Instant> {
        self.due.iter().map(|(at, _)| *at).min()
    }

    /// Reads an event of the simulator: a missed call, or a claim.
    pub(super) fn on_event(&mut self, event: &str, world: &Simulator, now: Instant) {
        let Ok(mut event) = serde_json::from_str::<Value>(event) else { return };
        let message = event.get_mut("message").map(Value::take).unwrap_or_default();
        let Ok(message) = serde_json::from_value::<AppMessage>(message) else { return };
        let Some(shown) = message.versions.last().filter(|_| message.channel == CHANNEL) else { return };
        let text = shown.payload.to_string();
        if text.contains("poprelay_call_back") && self.missed.insert(message.ts.clone()) && self.missed.len() % 2 == 1 {
            let press = ButtonPress {
                channel: message.channel,
                ts: message.ts,
                action_id: "poprelay_call_back".to_owned(),
                value: None,
                user: DANA.to_owned(),
            };
            self.due.push((now + PRESS_AFTER, Act::Press(press)));
        } else if text.contains("🙋") && self.claimed.insert(message.ts.clone()) {
            let number = caller_of(&shown.payload, world);
            let colleague =
                if text.contains(DANA) { Extension::new("1016", "Dana Roy") } else { Extension::new("1000", "You") };
            self.due.extend(number.map(|number| (now + CALL_AFTER, Act::CallBack { number, colleague })));
        }
    }

    /// Performs the due actions.
    pub(super) fn act(&mut self, world: &Simulator, now: Instant) {
        let (due, later) = self.due.drain(..).partition(|(at, _)| *at <= now);
        self.due = later;
        let due: Vec<(Instant, Act)> = due;
        for (_, act) in due {
            match act {
                // A claim of another person makes the press a question that only Dana would see.
                Act::Press(press) if self.claimed.contains(&press.ts) => {}
                Act::Press(press) => drop(world.press(&press)),
                Act::CallBack { number, colleague } => drop(world.place(call_back(&number, &colleague))),
            }
        }
    }
}

/// Returns the number of the caller of a message: its buttons have the id of the call.
fn caller_of(payload: &Value, world: &Simulator) -> Option<String> {
    let blocks = payload.get("blocks")?.as_array()?.iter();
    let mut elements = blocks.filter_map(|block| block.get("elements")?.as_array()).flatten();
    let call = elements.find_map(|element| element.get("value")?.as_str())?;
    let call = world.calls().into_iter().find(|known| known.id == call)?;
    call.caller.filter(|number| number.starts_with('+'))
}

/// Returns an outbound call that is answered and ends after some seconds.
fn call_back(number: &str, colleague: &Extension) -> CallPlan {
    let number = number.to_owned();
    let steps = [
        (50, ScenarioStep::Dials { number: number.clone() }),
        (2_000, ScenarioStep::Answers { extension: number }),
        (7_000, ScenarioStep::HangsUp { extension: None }),
    ];
    CallPlan::made_by("outbound", colleague, steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimulatorSettings;
    use serde_json::json;

    fn event(ts: &str, text: &str, call: &str) -> String {
        let button = json!({ "type": "button", "action_id": text, "value": call });
        let payload = json!({ "text": text, "blocks": [{ "type": "actions", "elements": [button] }] });
        let version = json!({ "at": "2026-11-30T02:00:00Z", "payload": payload });
        let message = json!({ "number": 1, "channel": CHANNEL, "ts": ts, "thread": null, "versions": [version], "deleted": false });
        json!({ "news": "message", "message": message }).to_string()
    }

    #[tokio::test]
    async fn team_claims_every_second_missed_call_and_calls_back_once() {
        let world = Simulator::start(SimulatorSettings::default()).await.unwrap();
        let call = world.place(CallPlan::default());
        let (mut team, now) = (Team::default(), Instant::now());
        for ts in ["1", "1", "2", "3"] {
            team.on_event(&event(ts, "poprelay_call_back", &call), &world, now);
        }
        let presses = |team: &Team| team.due.iter().filter(|(_, act)| matches!(act, Act::Press(_))).count();
        assert_eq!(presses(&team), 2, "the first and the third");
        for text in ["🙋 <@U0YOU> calls back", "🙋 <@U0YOU> calls back"] {
            team.on_event(&event("1", text, &call), &world, now);
        }
        let calls: Vec<&str> = team
            .due
            .iter()
            .filter_map(
                |(_, act)| if let Act::CallBack { colleague, .. } = act { Some(colleague.name.as_str()) } else { None },
            )
            .collect();
        assert_eq!(calls, ["You"]);
        team.act(&world, now + CALL_AFTER);
        assert_eq!((team.due.len(), world.calls().len()), (2, 2), "the presses are later");
        team.act(&world, now + PRESS_AFTER);
        assert_eq!(team.next_due(), None);
    }
}
