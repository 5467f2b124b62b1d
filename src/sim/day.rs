//! Believable days: an endless, seeded run of calls as an office gets them. Pure.

use super::{
    people,
    scenario::{CallPlan, Face, Line, Party},
};
use std::collections::{HashSet, VecDeque};

/// Nobody calls again before so many have called.
const FEW: usize = 5;
/// Callers remembered, who may call again.
const REGULARS: usize = 40;

/// Calls, one after the other. The same seed gives the same calls.
#[derive(Debug, Clone)]
pub struct Day {
    dice: fastrand::Rng,
    seen: VecDeque<Party>,
    serial: u32,
    speed: f64,
    repeats: bool,
}

impl Day {
    /// A day by its seed, its calls played at the given speed.
    #[must_use]
    pub fn new(seed: u64, speed: f64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        let serial = dice.u32(100..200);
        Self { dice, seen: VecDeque::new(), serial, speed, repeats: true }
    }

    /// The same, but nobody calls twice.
    #[must_use]
    pub const fn without_repeats(mut self) -> Self {
        self.repeats = false;
        self
    }

    /// Many callers at once, each another one: what a broken boiler or a newsletter does.
    pub fn storm(&mut self, calls: usize) -> Vec<CallPlan> {
        (0..calls)
            .map(|_| {
                let caller = self.stranger();
                self.call(Some(caller))
            })
            .collect()
    }

    /// Address book (CSV) of an office that knows somewhat more than half of those who will call in the next `calls`.
    #[must_use]
    pub fn address_book(&self, calls: usize) -> String {
        let mut dice = fastrand::Rng::with_seed(self.dice.get_seed());
        let mut seen = HashSet::new();
        let mut book = "Name,Company,Phone,Tier,Notes,Link\n".to_owned();
        for caller in self.clone().take(calls).filter_map(|plan| plan.caller) {
            let Some(number) = caller.number.filter(|number| number.starts_with('+')) else { continue };
            if seen.insert(number.clone()) && dice.u8(0..100) < 60 {
                book.push_str(&people::entry(&mut dice, caller.name.as_deref(), &number));
            }
        }
        book
    }

    fn stranger(&mut self) -> Party {
        self.serial += 1;
        let party = people::stranger(&mut self.dice, self.serial);
        self.seen.push_back(party.clone());
        if self.seen.len() > REGULARS {
            self.seen.pop_front();
        }
        party
    }

    /// Five in a hundred hide their number; of the others a fifth has called before.
    fn caller(&mut self) -> Option<Party> {
        match self.dice.u8(0..100) {
            0..5 => people::withheld(&mut self.dice),
            5..25 if self.repeats && self.seen.len() >= FEW => {
                let chosen = self.dice.usize(0..self.seen.len());
                self.seen.get(chosen).cloned()
            }
            _ => Some(self.stranger()),
        }
    }

    fn call(&mut self, caller: Option<Party>) -> CallPlan {
        let dice = &mut self.dice;
        let (who, line) = (caller.clone().unwrap_or_default(), people::line(dice));
        let queue = people::queue(dice);
        let mut plan = match dice.u8(0..100) {
            0..38 => CallPlan::answered(who, &line),
            38..52 => {
                let lines: Vec<Line> = (0..dice.usize(1..=3)).map(|_| people::line(dice)).collect();
                CallPlan::missed(who, &once(lines))
            }
            52..65 => {
                let face = dice.choice([Face::Alone, Face::Party, Face::System]).unwrap_or(Face::Alone);
                CallPlan::voicemail(who, &line, face)
            }
            65..82 => CallPlan::queued(who, queue, &line),
            82..89 => {
                let mut to = people::line(dice);
                while to == line {
                    to = people::line(dice);
                }
                CallPlan::transferred(who, queue, &line, &to)
            }
            89..96 => CallPlan::left_queue(who, queue),
            _ => CallPlan::left_menu(who),
        };
        // No two calls of a kind take equally long.
        let stretch = dice.u64(60..140);
        for timed in plan.beats.iter_mut().filter(|timed| timed.at_ms > 1_000) {
            timed.at_ms = timed.at_ms * stretch / 100;
        }
        plan.ours = people::ours(dice);
        plan.caller = caller;
        plan.at_speed(self.speed)
    }
}

fn once(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by(|a, b| a.extension.cmp(&b.extension));
    lines.dedup();
    lines
}

impl Iterator for Day {
    type Item = CallPlan;

    fn next(&mut self) -> Option<CallPlan> {
        let caller = self.caller();
        Some(self.call(caller))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_same_seed_gives_the_same_day_and_another_one_another() {
        let day = |seed| Day::new(seed, 1.0).take(50).collect::<Vec<_>>();
        assert_eq!(day(7), day(7));
        assert_ne!(day(7), day(8));
    }

    #[test]
    fn a_day_has_every_shape_of_call_and_callers_who_come_back_or_hide() {
        let calls: Vec<CallPlan> = Day::new(3, 1.0).take(1_000).collect();
        let shapes: HashSet<&str> = calls.iter().map(|call| call.shape.as_str()).collect();
        assert_eq!(shapes.len(), 7);
        let mut times: HashMap<Option<&str>, u32> = HashMap::new();
        for call in &calls {
            *times.entry(call.caller.as_ref().and_then(|caller| caller.number.as_deref())).or_default() += 1;
        }
        assert!(times.values().filter(|times| **times > 1).count() > 50);
        assert!(times.keys().any(|number| number.is_none_or(str::is_empty)));
        assert!(calls.iter().all(|call| call.beats.is_sorted_by_key(|timed| timed.at_ms)));
    }

    #[test]
    fn a_day_without_repeats_has_no_number_twice() {
        let calls: Vec<CallPlan> = Day::new(3, 1.0).without_repeats().take(500).collect();
        let known = |call: &CallPlan| call.caller.clone()?.number.filter(|number| number.starts_with('+'));
        let numbers: Vec<String> = calls.iter().filter_map(known).collect();
        assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), numbers.len());
    }

    #[test]
    fn a_storm_is_of_different_callers() {
        let storm = Day::new(5, 1.0).storm(60);
        let numbers: HashSet<_> = storm.iter().map(|call| call.caller.clone().unwrap().number).collect();
        assert_eq!(numbers.len(), 60);
    }
}
