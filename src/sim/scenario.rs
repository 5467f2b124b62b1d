//! Call plans: timed steps without ids and clock. `presets` has the common ones, `snapshot` derives the states, `player`
//! plays them.

use serde::{Deserialize, Serialize};

/// Default account key.
pub const ACCOUNT: &str = "1234567890123456789";

/// A call to place. In JSON every key is optional: `{"shape":"missed"}` is a complete plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "CallPlanSpec")]
pub struct CallPlan {
    /// Account key.
    pub account: String,
    /// `INBOUND` or `OUTBOUND`.
    pub direction: String,
    /// Caller; `None`: the states name no caller.
    pub caller: Option<Party>,
    /// Called number of the account.
    #[serde(rename = "ours")]
    pub called_number: CalledNumber,
    /// Steps in order of time.
    #[serde(rename = "beats")]
    pub steps: Vec<TimedStep>,
    /// Playback speed; 1 is real time.
    pub speed: f64,
    /// Name of the preset. The wire format does not contain it.
    pub shape: String,
}

/// The JSON form of a plan. Missing keys come from the preset or from the default plan.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallPlanSpec {
    shape: Option<String>,
    account: Option<String>,
    direction: Option<String>,
    /// `null`: the states name no caller.
    #[serde(default, deserialize_with = "present")]
    caller: Option<Option<Party>>,
    ours: Option<CalledNumber>,
    beats: Option<Vec<TimedStep>>,
    speed: Option<f64>,
}

/// Distinguishes `null` from a missing key.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<Party>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl TryFrom<CallPlanSpec> for CallPlan {
    type Error = String;

    fn try_from(spec: CallPlanSpec) -> Result<Self, String> {
        let mut plan = match (spec.shape, &spec.beats) {
            (None, _) => Self::default(),
            (Some(shape), Some(_)) => Self { shape, ..Self::default() },
            (Some(shape), None) => Self::preset_or_error(&shape)?,
        };
        plan.account = spec.account.unwrap_or(plan.account);
        plan.direction = spec.direction.unwrap_or(plan.direction);
        plan.caller = spec.caller.unwrap_or(plan.caller);
        plan.called_number = spec.ours.unwrap_or(plan.called_number);
        plan.steps = spec.beats.unwrap_or(plan.steps);
        plan.speed = spec.speed.unwrap_or(plan.speed);
        Ok(plan)
    }
}

/// The outside party as the network shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Party {
    /// Network name (CNAM).
    pub name: Option<String>,
    /// Number. A withheld number is empty, absent or a word.
    pub number: Option<String>,
}

/// A phone number of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalledNumber {
    /// Number in E.164.
    pub number: String,
    /// Label of the number.
    pub name: String,
}

/// An extension of the staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Extension number; text because of leading zeros.
    pub extension: String,
    /// Name of the user.
    pub name: String,
}

/// A step and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedStep {
    /// Milliseconds since the start of the call, at speed 1.
    pub at_ms: u64,
    /// The step.
    #[serde(flatten)]
    pub step: ScenarioStep,
}

/// Form of a mailbox in the states of a call. No real one was recorded, so that all three are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoicemailShape {
    /// Only the caller is connected.
    Alone,
    /// A virtual participant is connected too.
    Party,
    /// A system of type `VOICEMAIL` is connected too.
    System,
}

/// One step of a call. Each step makes one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "beat", rename_all = "snake_case")]
pub enum ScenarioStep {
    /// The call is created.
    #[serde(rename = "comes")]
    Created,
    /// Lines ring.
    Rings {
        /// The lines.
        lines: Vec<Extension>,
    },
    /// The caller is in a menu.
    Menu,
    /// The caller waits in a queue.
    Queue {
        /// Queue name.
        name: String,
    },
    /// The queue rings an agent.
    Offers {
        /// Line of the agent.
        line: Extension,
    },
    /// A ringing line or agent answers; the others stop.
    Answers {
        /// Extension that answers.
        extension: String,
    },
    /// The connected person calls another line to transfer the call.
    Transfers {
        /// Target of the transfer.
        line: Extension,
    },
    /// The mailbox answers.
    Mailbox {
        /// Form of the mailbox in the states.
        face: VoicemailShape,
    },
    /// The call ends: the caller hangs up, or the line of the given extension does.
    HangsUp {
        /// Extension that hangs up; `None`: the caller.
        extension: Option<String>,
    },
}

impl Default for CalledNumber {
    fn default() -> Self {
        Self { number: "+15145550100".to_owned(), name: "Main line".to_owned() }
    }
}

impl Default for CallPlan {
    /// Returns a call by Alice Martin that Bob Roy answers.
    fn default() -> Self {
        Self::answered(Party::new("ALICE MARTIN", "+15145550199"), &Extension::new("1015", "Bob Roy"))
    }
}

impl Party {
    /// Creates a caller with a name and a number.
    #[must_use]
    pub fn new(name: &str, number: &str) -> Self {
        Self { name: Some(name.to_owned()), number: Some(number.to_owned()) }
    }
}

impl Extension {
    /// Creates an extension.
    #[must_use]
    pub fn new(extension: &str, name: &str) -> Self {
        Self { extension: extension.to_owned(), name: name.to_owned() }
    }
}

impl CallPlan {
    /// Creates a plan of steps with their times in milliseconds.
    #[must_use]
    pub fn new(shape: &str, caller: Party, beats: impl IntoIterator<Item = (u64, ScenarioStep)>) -> Self {
        Self {
            account: ACCOUNT.to_owned(),
            direction: "INBOUND".to_owned(),
            caller: Some(caller),
            called_number: CalledNumber::default(),
            steps: beats.into_iter().map(|(at_ms, beat)| TimedStep { at_ms, step: beat }).collect(),
            speed: 1.0,
            shape: shape.to_owned(),
        }
    }

    /// Sets the playback speed.
    #[must_use]
    pub fn at_speed(mut self, speed: f64) -> Self {
        self.speed = speed;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_plan_round_trips_json_and_fills_missing_keys() {
        let plan =
            CallPlan::transferred(Party::default(), "Support", &Extension::new("1", "a"), &Extension::new("2", "b"));
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<CallPlan>(&text).unwrap(), plan);
        assert_eq!(serde_json::from_str::<CallPlan>("{}").unwrap(), CallPlan::default());
        let missed: CallPlan = serde_json::from_str(r#"{"shape":"missed","caller":null,"speed":9}"#).unwrap();
        assert_eq!((missed.steps.len(), missed.caller, missed.speed), (3, None, 9.0));
        for wrong in [r#"{"shape":"odd"}"#, r#"{"shap":"missed"}"#] {
            assert!(serde_json::from_str::<CallPlan>(wrong).is_err(), "{wrong}");
        }
    }
}
