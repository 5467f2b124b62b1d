//! Presets: common call plans, timed like the reference sequences.

use super::scenario::{Beat, CallPlan, Face, Line, Party, Timed};

/// Names of the presets.
pub const SHAPES: [&str; 7] = ["answered", "missed", "voicemail", "queue", "transfer", "left-queue", "left-menu"];

impl CallPlan {
    /// Returns a preset with Alice Martin as caller; `None` if the name is not in [`SHAPES`].
    #[must_use]
    pub fn shaped(shape: &str) -> Option<Self> {
        let alice = Party::of("ALICE MARTIN", "+15145550199");
        let (bob, eve) = (Line::of("1015", "Bob Roy"), Line::of("1020", "Eve Kim"));
        Some(match shape {
            "answered" => Self::answered(alice, &bob),
            "missed" => Self::missed(alice, &[bob]),
            "voicemail" => Self::voicemail(alice, &bob, Face::Alone),
            "queue" => Self::queued(alice, "Support", &bob),
            "transfer" => Self::transferred(alice, "Support", &bob, &eve),
            "left-queue" => Self::left_queue(alice, "Support"),
            "left-menu" => Self::left_menu(alice),
            _ => return None,
        })
    }

    /// Returns a call to a direct line that answers.
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

    /// Returns a call to lines that do not answer.
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

    /// Returns a call that the mailbox answers.
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

    /// Returns a call through a menu and a queue to an agent.
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

    /// Returns a call through a menu and a queue to an agent, who transfers it.
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

    /// Returns a call whose caller hangs up in the queue.
    #[must_use]
    pub fn left_queue(caller: Party, queue: &str) -> Self {
        let queue = Beat::Queue { name: queue.to_owned() };
        Self::of(
            "left-queue",
            caller,
            [(53, Beat::Comes), (853, Beat::Menu), (9_000, queue), (71_000, Beat::HangsUp { extension: None })],
        )
    }

    /// Returns a call whose caller hangs up in the menu.
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
    fn preset_steps_are_in_time_order_and_end_with_hangup() {
        for shape in SHAPES {
            let plan = CallPlan::shaped(shape).unwrap();
            assert_eq!(plan.shape, shape);
            assert!(plan.beats.is_sorted_by_key(|timed| timed.at_ms), "{shape}");
            assert!(matches!(plan.beats.last().unwrap().beat, Beat::HangsUp { .. }), "{shape}");
        }
    }
}
