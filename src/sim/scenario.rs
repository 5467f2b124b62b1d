//! What a call will do: a timed list of beats, as a plan that has no ids and no clock;
//! `shapes` has the usual ones, `snapshot` makes states of it, `play` acts it.

use serde::{Deserialize, Serialize};

/// The account of this world, for whoever does not care.
pub const ACCOUNT: &str = "1234567890123456789";

/// One call to be placed. As JSON every key may be left out: `{"shape":"missed"}` is a whole call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Draft")]
pub struct CallPlan {
    /// The account that is called.
    pub account: String,
    /// `INBOUND` or `OUTBOUND`.
    pub direction: String,
    /// Who calls; unset: the state names no caller at all.
    pub caller: Option<Party>,
    /// Which of the account's numbers is called.
    pub ours: Ours,
    /// What happens, in order of time.
    pub beats: Vec<Timed>,
    /// How many times faster than life it is played.
    pub speed: f64,
    /// What kind of call it is, for people and tests; it does not travel.
    pub shape: String,
}

/// A plan as it is written: what is left out is the shape's, or the usual.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    shape: Option<String>,
    account: Option<String>,
    direction: Option<String>,
    /// `null` is a call whose states name no caller.
    #[serde(default, deserialize_with = "given")]
    caller: Option<Option<Party>>,
    ours: Option<Ours>,
    beats: Option<Vec<Timed>>,
    speed: Option<f64>,
}

/// Tells `null` from a key that is not there.
fn given<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<Option<Party>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl TryFrom<Draft> for CallPlan {
    type Error = String;

    fn try_from(draft: Draft) -> Result<Self, String> {
        let mut plan = match (draft.shape, &draft.beats) {
            (None, _) => Self::default(),
            (Some(shape), Some(_)) => Self { shape, ..Self::default() },
            (Some(shape), None) => Self::shaped(&shape)
                .ok_or_else(|| format!("no such shape: one of {}", super::shapes::SHAPES.join(", ")))?,
        };
        plan.account = draft.account.unwrap_or(plan.account);
        plan.direction = draft.direction.unwrap_or(plan.direction);
        plan.caller = draft.caller.unwrap_or(plan.caller);
        plan.ours = draft.ours.unwrap_or(plan.ours);
        plan.beats = draft.beats.unwrap_or(plan.beats);
        plan.speed = draft.speed.unwrap_or(plan.speed);
        Ok(plan)
    }
}

/// An outside party as the network shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Party {
    /// CNAM.
    pub name: Option<String>,
    /// Number; a hidden one is empty, absent or a word.
    pub number: Option<String>,
}

/// One of the account's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ours {
    /// E.164.
    pub number: String,
    /// Its label.
    pub name: String,
}

/// A colleague's line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Extension, text because of leading zeros.
    pub extension: String,
    /// Whose it is.
    pub name: String,
}

/// A beat and when it comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timed {
    /// Milliseconds since the call came into being, at speed 1.
    pub at_ms: u64,
    /// What happens.
    #[serde(flatten)]
    pub beat: Beat,
}

/// How a mailbox looks in the states of a call. None of the three was ever captured, so all are played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// The caller alone is connected.
    Alone,
    /// A party that is no person is connected too.
    Party,
    /// A system of type `VOICEMAIL` is.
    System,
}

/// One thing that happens to a call. Each makes one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "beat", rename_all = "snake_case")]
pub enum Beat {
    /// The call is there.
    Comes,
    /// It rings these lines.
    Rings {
        /// The lines.
        lines: Vec<Line>,
    },
    /// It stands in a menu.
    Menu,
    /// It waits in a queue.
    Queue {
        /// The queue's name.
        name: String,
    },
    /// The queue rings an agent.
    Offers {
        /// The agent's line.
        line: Line,
    },
    /// A line or agent that rings takes it; the others stop.
    Answers {
        /// Extension of who takes it.
        extension: String,
    },
    /// Whoever has it rings somebody else to hand it over.
    Transfers {
        /// The other line.
        line: Line,
    },
    /// Nobody came; the mailbox takes it.
    Mailbox {
        /// How that looks.
        face: Face,
    },
    /// It is over: the caller hangs up, or the line of the given extension does.
    HangsUp {
        /// Extension of who hangs up; unset: the caller.
        extension: Option<String>,
    },
}

impl Default for Ours {
    fn default() -> Self {
        Self { number: "+15145550100".to_owned(), name: "Main line".to_owned() }
    }
}

impl Default for CallPlan {
    /// A call by Alice Martin that Bob Roy answers.
    fn default() -> Self {
        Self::answered(Party::of("ALICE MARTIN", "+15145550199"), &Line::of("1015", "Bob Roy"))
    }
}

impl Party {
    /// A caller with a name and a number.
    #[must_use]
    pub fn of(name: &str, number: &str) -> Self {
        Self { name: Some(name.to_owned()), number: Some(number.to_owned()) }
    }
}

impl Line {
    /// A line.
    #[must_use]
    pub fn of(extension: &str, name: &str) -> Self {
        Self { extension: extension.to_owned(), name: name.to_owned() }
    }
}

impl CallPlan {
    /// A plan of given beats, with their times.
    #[must_use]
    pub fn of(shape: &str, caller: Party, beats: impl IntoIterator<Item = (u64, Beat)>) -> Self {
        Self {
            account: ACCOUNT.to_owned(),
            direction: "INBOUND".to_owned(),
            caller: Some(caller),
            ours: Ours::default(),
            beats: beats.into_iter().map(|(at_ms, beat)| Timed { at_ms, beat }).collect(),
            speed: 1.0,
            shape: shape.to_owned(),
        }
    }

    /// The same call at another speed.
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
    fn a_plan_travels_as_json_and_what_is_left_out_is_the_usual_call() {
        let plan = CallPlan::transferred(Party::default(), "Support", &Line::of("1", "a"), &Line::of("2", "b"));
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<CallPlan>(&text).unwrap(), plan);
        assert_eq!(serde_json::from_str::<CallPlan>("{}").unwrap(), CallPlan::default());
        let missed: CallPlan = serde_json::from_str(r#"{"shape":"missed","caller":null,"speed":9}"#).unwrap();
        assert_eq!((missed.beats.len(), missed.caller, missed.speed), (3, None, 9.0));
        for wrong in [r#"{"shape":"odd"}"#, r#"{"shap":"missed"}"#] {
            assert!(serde_json::from_str::<CallPlan>(wrong).is_err(), "{wrong}");
        }
    }
}
