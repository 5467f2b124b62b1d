//! What a call will do: a timed list of beats, and the shapes that calls usually have. A plan has no ids and no clock;
//! `snapshot` makes states of it, `play` acts it.

use serde::{Deserialize, Serialize};

/// The account of this world, for whoever does not care.
pub const ACCOUNT: &str = "1234567890123456789";

/// One call to be placed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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

    /// A direct line rings and answers.
    #[must_use]
    pub fn answered(caller: Party, by: &Line) -> Self {
        let extension = by.extension.clone();
        Self::of(
            "answered",
            caller,
            [
                (53, Beat::Comes),
                (733, Beat::Rings { lines: vec![by.clone()] }),
                (8_954, Beat::Answers { extension }),
                (162_464, Beat::HangsUp { extension: None }),
            ],
        )
    }

    /// Lines ring and nobody takes it.
    #[must_use]
    pub fn missed(caller: Party, lines: &[Line]) -> Self {
        Self::of(
            "missed",
            caller,
            [
                (53, Beat::Comes),
                (753, Beat::Rings { lines: lines.to_vec() }),
                (21_000, Beat::HangsUp { extension: None }),
            ],
        )
    }

    /// Nobody takes it and the caller speaks to the mailbox.
    #[must_use]
    pub fn voicemail(caller: Party, line: &Line, face: Face) -> Self {
        Self::of(
            "voicemail",
            caller,
            [
                (53, Beat::Comes),
                (753, Beat::Rings { lines: vec![line.clone()] }),
                (20_853, Beat::Mailbox { face }),
                (47_853, Beat::HangsUp { extension: None }),
            ],
        )
    }

    /// Through a menu and a queue to an agent.
    #[must_use]
    pub fn queued(caller: Party, queue: &str, agent: &Line) -> Self {
        let extension = agent.extension.clone();
        Self::of(
            "queue",
            caller,
            [
                (53, Beat::Comes),
                (853, Beat::Menu),
                (11_953, Beat::Queue { name: queue.to_owned() }),
                (29_853, Beat::Offers { line: agent.clone() }),
                (34_853, Beat::Answers { extension }),
                (129_853, Beat::HangsUp { extension: None }),
            ],
        )
    }

    /// Through a menu and a queue to an agent, who hands it on.
    #[must_use]
    pub fn transferred(caller: Party, queue: &str, agent: &Line, to: &Line) -> Self {
        let mut plan = Self::queued(caller, queue, agent);
        plan.shape = "transfer".to_owned();
        plan.beats.pop();
        let (line, extension) = (to.clone(), to.extension.clone());
        let tail = [
            (129_853, Beat::Transfers { line }),
            (137_853, Beat::Answers { extension: extension.clone() }),
            (299_853, Beat::HangsUp { extension: Some(extension) }),
        ];
        plan.beats.extend(tail.into_iter().map(|(at_ms, beat)| Timed { at_ms, beat }));
        plan
    }

    /// The caller gives up in the queue.
    #[must_use]
    pub fn left_queue(caller: Party, queue: &str) -> Self {
        let queue = Beat::Queue { name: queue.to_owned() };
        Self::of(
            "left-queue",
            caller,
            [(53, Beat::Comes), (853, Beat::Menu), (9_000, queue), (71_000, Beat::HangsUp { extension: None })],
        )
    }

    /// The caller gives up in the menu.
    #[must_use]
    pub fn left_menu(caller: Party) -> Self {
        let over = Beat::HangsUp { extension: None };
        Self::of("left-menu", caller, [(53, Beat::Comes), (853, Beat::Menu), (12_000, over)])
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
        assert_eq!(serde_json::from_str::<CallPlan>("{}").unwrap().shape, "answered");
    }

    #[test]
    fn the_beats_of_every_shape_come_in_order_of_time_and_end_with_the_call() {
        let (bob, eve) = (Line::of("1015", "Bob Roy"), Line::of("1020", "Eve Kim"));
        let who = Party::default;
        for plan in [
            CallPlan::default(),
            CallPlan::missed(who(), &[bob.clone(), eve.clone()]),
            CallPlan::voicemail(who(), &bob, Face::System),
            CallPlan::queued(who(), "Support", &bob),
            CallPlan::transferred(who(), "Support", &bob, &eve),
            CallPlan::left_queue(who(), "Support"),
            CallPlan::left_menu(who()),
        ] {
            assert!(plan.beats.is_sorted_by_key(|timed| timed.at_ms), "{}", plan.shape);
            assert!(matches!(plan.beats.last().unwrap().beat, Beat::HangsUp { .. }), "{}", plan.shape);
        }
    }
}
