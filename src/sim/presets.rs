//! Presets: common call plans, timed like the calls of live accounts.

use super::{
    people::STAFF,
    scenario::{
        CallPlan, Extension, Party,
        ScenarioStep::{
            self, Answers, Chooses, Consults, Dials, HandsOver, HangsUp, Holds, Mailbox, Menu, Queue, Resumes, Rings,
            StopsRinging, Transfers, TransfersToQueue,
        },
        TimedStep,
    },
};

/// Names of the presets.
pub const PRESETS: [&str; 18] = [
    "answered",
    "missed",
    "voicemail",
    "voicemail-failed",
    "ring-group",
    "extension-voicemail",
    "queue",
    "left-queue",
    "left-menu",
    "transfer",
    "transfer-voicemail",
    "transfer-queue",
    "warm-transfer",
    "left-on-hold",
    "forwarded",
    "internal",
    "outbound",
    "outbound-missed",
];

/// Step in which the caller hangs up.
const CALLER: ScenarioStep = HangsUp { extension: None };

fn rings(lines: &[&Extension]) -> ScenarioStep {
    Rings { lines: lines.iter().map(|line| (*line).clone()).collect() }
}

fn answers(line: &Extension) -> ScenarioStep {
    Answers { extension: line.extension.clone() }
}

fn hangs_up(line: &Extension) -> ScenarioStep {
    HangsUp { extension: Some(line.extension.clone()) }
}

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
            "voicemail" => Self::voicemail(alice, &bob),
            "voicemail-failed" => Self::left_mailbox(alice, &bob),
            "ring-group" => Self::ring_group(alice, &[bob.clone(), eve], &bob),
            "extension-voicemail" => Self::extension_voicemail(alice, &bob.with_devices(2)),
            "queue" => Self::queued(alice, "Support", &bob),
            "left-queue" => Self::left_queue(alice, "Support"),
            "left-menu" => Self::left_menu(alice),
            "transfer" => Self::transferred(alice, "Support", &bob, &eve),
            "transfer-voicemail" => Self::transferred_to_voicemail(alice, "Support", &bob, &eve),
            "transfer-queue" => Self::transferred_to_queue(alice, "Support", &bob, &eve),
            "warm-transfer" => Self::warm_transferred(alice, "Support", &bob, &eve),
            "left-on-hold" => Self::left_on_hold(alice, &bob),
            "forwarded" => Self::forwarded(alice, "+15145550188"),
            "internal" => Self::internal(&bob, &eve),
            "outbound" => Self::outbound(&bob, "+15145550199"),
            "outbound-missed" => Self::outbound_missed(&bob, "+15145550199"),
            _ => return None,
        })
    }

    /// Returns a call to a direct line that answers.
    #[must_use]
    pub fn answered(caller: Party, by: &Extension) -> Self {
        Self::new("answered", caller, [(84, rings(&[by])), (8_954, answers(by)), (162_464, CALLER)])
    }

    /// Returns a call to lines that do not answer: a direct line, or a ring group behind a menu.
    #[must_use]
    pub fn missed(caller: Party, lines: &[Extension]) -> Self {
        let ring = Rings { lines: lines.to_vec() };
        if lines.len() < 2 {
            return Self::new("missed", caller, [(84, ring), (21_000, CALLER)]);
        }
        let option = Chooses { option: "3".to_owned() };
        Self::new("missed", caller, [(170, Menu), (8_800, option), (13_330, ring), (34_000, CALLER)])
    }

    /// Returns a call that the mailbox answers, with a message.
    #[must_use]
    pub fn voicemail(caller: Party, line: &Extension) -> Self {
        let mailbox = Mailbox { message: true };
        Self::new("voicemail", caller, [(84, rings(&[line])), (20_090, mailbox), (51_970, CALLER)])
    }

    /// Returns a call whose caller leaves no message in the mailbox.
    #[must_use]
    pub fn left_mailbox(caller: Party, line: &Extension) -> Self {
        let mailbox = Mailbox { message: false };
        Self::new("voicemail-failed", caller, [(84, rings(&[line])), (20_090, mailbox), (25_750, CALLER)])
    }

    /// Returns a call through a menu to a ring group. One phone answers and hangs up.
    #[must_use]
    pub fn ring_group(caller: Party, lines: &[Extension], by: &Extension) -> Self {
        let steps = [
            (170, Menu),
            (8_817, Chooses { option: "3".to_owned() }),
            (13_328, Rings { lines: lines.to_vec() }),
            (21_110, answers(by)),
            (205_322, hangs_up(by)),
        ];
        Self::new("ring-group", caller, steps)
    }

    /// Returns a call to an extension dialed in the menu, with a message in its mailbox.
    #[must_use]
    pub fn extension_voicemail(caller: Party, line: &Extension) -> Self {
        let mailbox = Mailbox { message: true };
        let steps = [(278, Menu), (12_470, rings(&[line])), (32_474, mailbox), (76_004, CALLER)];
        Self::new("extension-voicemail", caller, steps)
    }

    /// Returns a call through a menu and a queue to an agent. The talk is recorded.
    #[must_use]
    pub fn queued(caller: Party, queue: &str, agent: &Extension) -> Self {
        let steps = [
            (170, Menu),
            (11_532, Chooses { option: "1".to_owned() }),
            (24_511, Queue { name: queue.to_owned() }),
            (24_880, rings(&[agent])),
            (34_853, answers(agent)),
            (129_853, CALLER),
        ];
        Self { recorded: true, ..Self::new("queue", caller, steps) }
    }

    fn continued(mut self, shape: &str, steps: impl IntoIterator<Item = (u64, ScenarioStep)>) -> Self {
        self.steps.pop();
        self.steps.extend(steps.into_iter().map(|(at_ms, step)| TimedStep { at_ms, step }));
        Self { shape: shape.to_owned(), recorded: false, ..self }
    }

    /// Returns a call through a queue to an agent, who transfers it to a colleague.
    #[must_use]
    pub fn transferred(caller: Party, queue: &str, agent: &Extension, to: &Extension) -> Self {
        let steps = [
            (127_800, Holds),
            (129_853, Transfers { line: to.clone() }),
            (137_853, answers(to)),
            (299_853, hangs_up(to)),
        ];
        Self::queued(caller, queue, agent).continued("transfer", steps)
    }

    /// Returns a transferred call that the colleague does not answer, with a message in the mailbox.
    #[must_use]
    pub fn transferred_to_voicemail(caller: Party, queue: &str, agent: &Extension, to: &Extension) -> Self {
        let steps = [
            (52_300, Holds),
            (54_350, Transfers { line: to.clone() }),
            (74_580, Mailbox { message: true }),
            (116_820, CALLER),
        ];
        Self::queued(caller, queue, agent).continued("transfer-voicemail", steps)
    }

    /// Returns a call to a ring group, whose first answer transfers it to a queue.
    #[must_use]
    pub fn transferred_to_queue(caller: Party, queue: &str, first: &Extension, agent: &Extension) -> Self {
        let steps = [
            (59_500, Holds),
            (62_490, TransfersToQueue { name: queue.to_owned() }),
            (62_970, rings(&[agent])),
            (66_080, answers(agent)),
            (372_050, CALLER),
        ];
        Self::ring_group(caller, std::slice::from_ref(first), first).continued("transfer-queue", steps)
    }

    /// Returns a call through a queue to an agent, who calls a colleague and hands the caller over.
    #[must_use]
    pub fn warm_transferred(caller: Party, queue: &str, agent: &Extension, to: &Extension) -> Self {
        let steps = [
            (76_670, Consults { line: to.clone() }),
            (82_840, HandsOver),
            (88_200, answers(to)),
            (229_400, hangs_up(to)),
        ];
        Self::queued(caller, queue, agent).continued("warm-transfer", steps)
    }

    /// Returns a call whose caller hangs up in the queue. Two agents ring, twice.
    #[must_use]
    pub fn left_queue(caller: Party, queue: &str) -> Self {
        let [first, second] = [0, 1].map(|place| {
            let (extension, name) = STAFF.get(place).copied().unwrap_or_default();
            Extension::new(extension, name)
        });
        let steps = [
            (170, Menu),
            (6_430, Chooses { option: "2".to_owned() }),
            (12_550, Queue { name: queue.to_owned() }),
            (12_900, rings(&[&first, &second])),
            (42_900, StopsRinging),
            (43_250, rings(&[&first, &second])),
            (59_800, CALLER),
        ];
        Self::new("left-queue", caller, steps)
    }

    /// Returns a call whose caller hangs up in the menu.
    #[must_use]
    pub fn left_menu(caller: Party) -> Self {
        Self::new("left-menu", caller, [(170, Menu), (9_342, CALLER)])
    }

    /// Returns an answered call whose caller hangs up while on hold.
    #[must_use]
    pub fn left_on_hold(caller: Party, by: &Extension) -> Self {
        let steps = [(41_000, Holds), (60_300, Resumes), (75_000, Holds), (141_000, CALLER)];
        Self::answered(caller, by).continued("left-on-hold", steps)
    }

    /// Returns a call that a dial plan forwards to an outside number.
    #[must_use]
    pub fn forwarded(caller: Party, number: &str) -> Self {
        let (number, by) = (number.to_owned(), number.to_owned());
        let steps = [(275, Dials { number }), (3_386, Answers { extension: by }), (277_603, CALLER)];
        Self::new("forwarded", caller, steps)
    }

    /// Returns a call between colleagues.
    #[must_use]
    pub fn internal(maker: &Extension, callee: &Extension) -> Self {
        Self::made_by("internal", maker, [(55, rings(&[callee])), (5_388, answers(callee)), (246_178, CALLER)])
    }

    /// Returns a call to an outside number that answers.
    #[must_use]
    pub fn outbound(maker: &Extension, number: &str) -> Self {
        let (number, by) = (number.to_owned(), number.to_owned());
        let steps = [(434, Dials { number }), (20_420, Answers { extension: by }), (277_900, CALLER)];
        Self::made_by("outbound", maker, steps)
    }

    /// Returns a call to an outside number that does not answer.
    #[must_use]
    pub fn outbound_missed(maker: &Extension, number: &str) -> Self {
        let number = number.to_owned();
        Self::made_by("outbound-missed", maker, [(82, Dials { number }), (24_200, CALLER)])
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
            assert!(matches!(plan.steps.last().unwrap().step, HangsUp { .. }), "{shape}");
        }
    }
}
