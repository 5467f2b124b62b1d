//! Presets: common call plans, timed like the reference sequences.

use super::scenario::{CallPlan, Extension, Party, ScenarioStep, TimedStep, VoicemailShape};

/// Names of the presets.
pub const PRESETS: [&str; 7] = ["answered", "missed", "voicemail", "queue", "transfer", "left-queue", "left-menu"];

impl CallPlan {
    /// Returns a preset, or an error that lists the names.
    pub(super) fn preset_or_error(shape: &str) -> Result<Self, String> {
        Self::preset(shape).ok_or_else(|| format!("unknown shape, expected one of {}", PRESETS.join(", ")))
    }

    /// Returns a preset with Alice Martin as caller; `None` if the name is not in [`PRESETS`].
    #[must_use]
    pub fn preset(shape: &str) -> Option<Self> {
        let alice = Party::new("ALICE MARTIN", "+15145550199");
        let (bob, eve) = (Extension::new("1015", "Bob Roy"), Extension::new("1020", "Eve Kim"));
        Some(match shape {
            "answered" => Self::answered(alice, &bob),
            "missed" => Self::missed(alice, &[bob]),
            "voicemail" => Self::voicemail(alice, &bob, VoicemailShape::Alone),
            "queue" => Self::queued(alice, "Support", &bob),
            "transfer" => Self::transferred(alice, "Support", &bob, &eve),
            "left-queue" => Self::left_queue(alice, "Support"),
            "left-menu" => Self::left_menu(alice),
            _ => return None,
        })
    }

    /// Returns a call to a direct line that answers.
    #[must_use]
    pub fn answered(caller: Party, by: &Extension) -> Self {
        let extension = by.extension.clone();
        Self::new(
            "answered",
            caller,
            [
                (53, ScenarioStep::Created),
                (733, ScenarioStep::Rings { lines: vec![by.clone()] }),
                (8_954, ScenarioStep::Answers { extension }),
                (162_464, ScenarioStep::HangsUp { extension: None }),
            ],
        )
    }

    /// Returns a call to lines that do not answer.
    #[must_use]
    pub fn missed(caller: Party, lines: &[Extension]) -> Self {
        Self::new(
            "missed",
            caller,
            [
                (53, ScenarioStep::Created),
                (753, ScenarioStep::Rings { lines: lines.to_vec() }),
                (21_000, ScenarioStep::HangsUp { extension: None }),
            ],
        )
    }

    /// Returns a call that the mailbox answers.
    #[must_use]
    pub fn voicemail(caller: Party, line: &Extension, face: VoicemailShape) -> Self {
        Self::new(
            "voicemail",
            caller,
            [
                (53, ScenarioStep::Created),
                (753, ScenarioStep::Rings { lines: vec![line.clone()] }),
                (20_853, ScenarioStep::Mailbox { face }),
                (47_853, ScenarioStep::HangsUp { extension: None }),
            ],
        )
    }

    /// Returns a call through a menu and a queue to an agent.
    #[must_use]
    pub fn queued(caller: Party, queue: &str, agent: &Extension) -> Self {
        let extension = agent.extension.clone();
        Self::new(
            "queue",
            caller,
            [
                (53, ScenarioStep::Created),
                (853, ScenarioStep::Menu),
                (11_953, ScenarioStep::Queue { name: queue.to_owned() }),
                (29_853, ScenarioStep::Offers { line: agent.clone() }),
                (34_853, ScenarioStep::Answers { extension }),
                (129_853, ScenarioStep::HangsUp { extension: None }),
            ],
        )
    }

    /// Returns a call through a menu and a queue to an agent, who transfers it.
    #[must_use]
    pub fn transferred(caller: Party, queue: &str, agent: &Extension, to: &Extension) -> Self {
        let mut plan = Self::queued(caller, queue, agent);
        plan.shape = "transfer".to_owned();
        plan.steps.pop();
        let (line, extension) = (to.clone(), to.extension.clone());
        let tail = [
            (129_853, ScenarioStep::Transfers { line }),
            (137_853, ScenarioStep::Answers { extension: extension.clone() }),
            (299_853, ScenarioStep::HangsUp { extension: Some(extension) }),
        ];
        plan.steps.extend(tail.into_iter().map(|(at_ms, beat)| TimedStep { at_ms, step: beat }));
        plan
    }

    /// Returns a call whose caller hangs up in the queue.
    #[must_use]
    pub fn left_queue(caller: Party, queue: &str) -> Self {
        let queue = ScenarioStep::Queue { name: queue.to_owned() };
        Self::new(
            "left-queue",
            caller,
            [
                (53, ScenarioStep::Created),
                (853, ScenarioStep::Menu),
                (9_000, queue),
                (71_000, ScenarioStep::HangsUp { extension: None }),
            ],
        )
    }

    /// Returns a call whose caller hangs up in the menu.
    #[must_use]
    pub fn left_menu(caller: Party) -> Self {
        let over = ScenarioStep::HangsUp { extension: None };
        Self::new("left-menu", caller, [(53, ScenarioStep::Created), (853, ScenarioStep::Menu), (12_000, over)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preset_steps_are_in_time_order_and_end_with_hangup() {
        for shape in PRESETS {
            let plan = CallPlan::preset(shape).unwrap();
            assert_eq!(plan.shape, shape);
            assert!(plan.steps.is_sorted_by_key(|timed| timed.at_ms), "{shape}");
            assert!(matches!(plan.steps.last().unwrap().step, ScenarioStep::HangsUp { .. }), "{shape}");
        }
    }
}
