//! Call plans: timed steps without ids and clock. `presets` has the common ones, `scene` derives the states, `player`
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
    /// Colleague who makes the call; `None`: the call comes from outside. GoTo marks both an outbound call and a call
    /// between colleagues as `OUTBOUND`.
    pub maker: Option<Extension>,
    /// Caller from outside; `None`: the number is withheld.
    pub caller: Option<Party>,
    /// Number of the account: the one that was called, or the one that an outside party sees.
    pub called_number: CalledNumber,
    /// Steps in order of time.
    pub steps: Vec<TimedStep>,
    /// Whether the talk is recorded.
    pub recorded: bool,
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
    maker: Option<Extension>,
    /// `null`: the number is withheld.
    #[serde(default, deserialize_with = "present")]
    caller: Option<Option<Party>>,
    called_number: Option<CalledNumber>,
    steps: Option<Vec<TimedStep>>,
    recorded: Option<bool>,
    speed: Option<f64>,
}

/// Distinguishes `null` from a missing key.
fn present<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<Party>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl TryFrom<CallPlanSpec> for CallPlan {
    type Error = String;

    fn try_from(spec: CallPlanSpec) -> Result<Self, String> {
        let mut plan = match (spec.shape, &spec.steps) {
            (None, _) => Self::default(),
            (Some(shape), Some(_)) => Self { shape, ..Self::default() },
            (Some(shape), None) => Self::preset_or_error(&shape)?,
        };
        plan.account = spec.account.unwrap_or(plan.account);
        plan.maker = spec.maker.or(plan.maker);
        plan.caller = spec.caller.unwrap_or(plan.caller);
        plan.called_number = spec.called_number.unwrap_or(plan.called_number);
        plan.steps = spec.steps.unwrap_or(plan.steps);
        plan.recorded = spec.recorded.unwrap_or(plan.recorded);
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
    /// Number; `None`: withheld.
    pub number: Option<String>,
}

/// A phone number of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalledNumber {
    /// Number in E.164.
    pub number: String,
    /// Label of the number. GoTo repeats the number if there is none.
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
    /// Devices of the line. Each one rings as a participant of its own.
    #[serde(default = "one_device")]
    pub devices: u8,
}

const fn one_device() -> u8 {
    1
}

/// A step and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedStep {
    /// Milliseconds since the start of the call, at speed 1. The first state is always at 0.
    pub at_ms: u64,
    /// The step.
    #[serde(flatten)]
    pub step: ScenarioStep,
}

/// One step of a call. A step makes all states that GoTo makes of it, some of them in the same millisecond.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum ScenarioStep {
    /// A dial plan takes the call and plays a menu. Within a menu, the chosen option leads to the menu of another dial plan.
    Menu,
    /// The caller chooses an option of the menu, and an announcement of 4.5 s follows.
    Chooses {
        /// The key.
        option: String,
    },
    /// The call enters a queue: as an option of the menu, or directly.
    Queue {
        /// Queue name.
        name: String,
    },
    /// Phones of staff ring: agents in a queue, the dialed extension in a menu, a ring group after an option.
    Rings {
        /// The lines.
        lines: Vec<Extension>,
    },
    /// An outside number is called: by the maker, or by a dial plan that forwards the call.
    Dials {
        /// Number in E.164.
        number: String,
    },
    /// Every ringing phone stops without an answer.
    StopsRinging,
    /// A ringing phone answers; the others stop.
    Answers {
        /// Extension that answers, or the outside number.
        extension: String,
    },
    /// The connected person puts the caller on hold.
    Holds,
    /// The connected person takes the caller off hold.
    Resumes,
    /// The connected person hands the caller on without a consultation (direct transfer), and the target rings.
    Transfers {
        /// Target of the transfer.
        line: Extension,
    },
    /// The connected person hands the caller on to a queue (direct transfer).
    TransfersToQueue {
        /// Queue name.
        name: String,
    },
    /// The connected person puts the caller on hold and calls a colleague in a conversation of its own.
    Consults {
        /// The colleague.
        line: Extension,
    },
    /// The consulting person hands the caller on to the colleague, whose phone still rings (warm transfer).
    HandsOver,
    /// The mailbox of the line that rang last answers.
    Mailbox {
        /// Whether the caller leaves a message.
        message: bool,
    },
    /// The call ends: the caller hangs up, or the phone of the given extension does.
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
        Self { extension: extension.to_owned(), name: name.to_owned(), devices: 1 }
    }

    /// Sets the number of devices of the line.
    #[must_use]
    pub fn with_devices(mut self, devices: u8) -> Self {
        self.devices = devices;
        self
    }
}

impl CallPlan {
    /// Creates a plan of steps with their times in milliseconds.
    #[must_use]
    pub fn new(shape: &str, caller: Party, steps: impl IntoIterator<Item = (u64, ScenarioStep)>) -> Self {
        Self {
            account: ACCOUNT.to_owned(),
            maker: None,
            caller: Some(caller),
            called_number: CalledNumber::default(),
            steps: steps.into_iter().map(|(at_ms, step)| TimedStep { at_ms, step }).collect(),
            recorded: false,
            speed: 1.0,
            shape: shape.to_owned(),
        }
    }

    /// Creates a plan of a call that a colleague makes.
    #[must_use]
    pub fn made_by(shape: &str, maker: &Extension, steps: impl IntoIterator<Item = (u64, ScenarioStep)>) -> Self {
        Self { maker: Some(maker.clone()), caller: None, ..Self::new(shape, Party::default(), steps) }
    }

    /// Returns GoTo's `direction`.
    #[must_use]
    pub const fn direction(&self) -> &'static str {
        if self.maker.is_some() { "OUTBOUND" } else { "INBOUND" }
    }

    /// Returns whether the caller reaches nothing but a menu.
    #[must_use]
    pub fn is_menu_only(&self) -> bool {
        use ScenarioStep::{Chooses, HangsUp, Menu};
        self.steps.iter().all(|timed| matches!(timed.step, Menu | Chooses { .. } | HangsUp { .. }))
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
        assert_eq!((missed.steps.len(), missed.caller, missed.speed), (2, None, 9.0));
        let own = r#"{"steps":[{"at_ms":5,"step":"rings","lines":[{"extension":"1","name":"a"}]}]}"#;
        assert_eq!(serde_json::from_str::<CallPlan>(own).unwrap().steps[0].at_ms, 5);
        for wrong in [r#"{"shape":"odd"}"#, r#"{"shap":"missed"}"#] {
            assert!(serde_json::from_str::<CallPlan>(wrong).is_err(), "{wrong}");
        }
    }
}
