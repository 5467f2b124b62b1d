//! Traffic generator: an endless, seeded sequence of realistic office calls. Pure.

use super::{
    people,
    scenario::{CallPlan, Extension, Party},
};
use std::collections::{HashSet, VecDeque};

/// Distinct callers before the first repeat call.
const MIN_CALLERS_BEFORE_REPEAT: usize = 5;
/// Recent callers that may call again.
const MAX_RECENT_CALLERS: usize = 40;

/// An iterator over call plans. The same seed produces the same calls.
#[derive(Debug, Clone)]
pub struct TrafficGenerator {
    rng: fastrand::Rng,
    recent_callers: VecDeque<Party>,
    serial: u32,
    speed: f64,
    repeats: bool,
}

impl TrafficGenerator {
    /// Creates a generator. Its calls are played at the given speed.
    #[must_use]
    pub fn new(seed: u64, speed: f64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let serial = rng.u32(100..200);
        Self { rng, recent_callers: VecDeque::new(), serial, speed, repeats: true }
    }

    /// Disables repeat callers.
    #[must_use]
    pub const fn without_repeats(mut self) -> Self {
        self.repeats = false;
        self
    }

    /// Returns many simultaneous calls from different callers.
    pub fn burst(&mut self, calls: usize) -> Vec<CallPlan> {
        (0..calls)
            .map(|_| {
                let caller = self.new_caller();
                self.plan_for(Some(caller))
            })
            .collect()
    }

    /// Returns a contacts file (CSV) with 60 % of the callers of the next `calls` calls.
    #[must_use]
    pub fn contacts_csv(&self, calls: usize) -> String {
        let mut rng = fastrand::Rng::with_seed(self.rng.get_seed());
        let mut seen = HashSet::new();
        let mut csv = "Name,Company,Phone,Tier,Notes,Link\n".to_owned();
        for caller in self.clone().take(calls).filter_map(|plan| plan.caller) {
            let Some(number) = caller.number.filter(|number| number.starts_with('+')) else { continue };
            if seen.insert(number.clone()) && rng.u8(0..100) < 60 {
                csv.push_str(&people::csv_row(&mut rng, caller.name.as_deref(), &number));
            }
        }
        csv
    }

    fn new_caller(&mut self) -> Party {
        self.serial += 1;
        let party = people::new_caller(&mut self.rng, self.serial);
        self.recent_callers.push_back(party.clone());
        if self.recent_callers.len() > MAX_RECENT_CALLERS {
            self.recent_callers.pop_front();
        }
        party
    }

    /// Returns the next caller: 5 % withhold the number, 20 % have called before.
    fn next_caller(&mut self) -> Option<Party> {
        match self.rng.u8(0..100) {
            0..5 => people::withheld_caller(&mut self.rng),
            5..25 if self.repeats && self.recent_callers.len() >= MIN_CALLERS_BEFORE_REPEAT => {
                let chosen = self.rng.usize(0..self.recent_callers.len());
                self.recent_callers.get(chosen).cloned()
            }
            _ => Some(self.new_caller()),
        }
    }

    fn plan_for(&mut self, caller: Option<Party>) -> CallPlan {
        let rng = &mut self.rng;
        let (who, line) = (caller.clone().unwrap_or_default(), people::random_extension(rng));
        let (queue, to) = (people::random_queue(rng), people::other_extension(rng, &line));
        let group = dedup((0..rng.usize(1..=3)).map(|_| people::random_extension(rng)).chain([line.clone()]).collect());
        let mut plan = match rng.u8(0..100) {
            0..22 => CallPlan::answered(who, &line),
            22..34 => CallPlan::missed(who, &group),
            34..38 => CallPlan::missed(who, std::slice::from_ref(&line)),
            38..48 => CallPlan::voicemail(who, &line),
            48..50 => CallPlan::left_mailbox(who, &line),
            50..60 => CallPlan::ring_group(who, &group, &line),
            60..64 => CallPlan::extension_voicemail(who, &line.clone().with_devices(2)),
            64..78 => CallPlan::queued(who, queue, &line),
            78..82 => CallPlan::transferred(who, queue, &line, &to),
            82..84 => CallPlan::transferred_to_voicemail(who, queue, &line, &to),
            84..86 => CallPlan::transferred_to_queue(who, queue, &line, &to),
            86..88 => CallPlan::warm_transferred(who, queue, &line, &to),
            88..89 => CallPlan::left_on_hold(who, &line),
            89..91 => CallPlan::forwarded(who, people::MOBILE),
            91..96 => CallPlan::left_queue(who, queue),
            _ => CallPlan::left_menu(who),
        };
        // Calls of one preset differ in length.
        let stretch = rng.u64(60..140);
        for timed in plan.steps.iter_mut().filter(|timed| timed.at_ms > 1_000) {
            timed.at_ms = timed.at_ms * stretch / 100;
        }
        plan.called_number = people::random_account_number(rng);
        plan.caller = caller;
        plan.at_speed(self.speed)
    }
}

fn dedup(mut lines: Vec<Extension>) -> Vec<Extension> {
    lines.sort_by(|a, b| a.extension.cmp(&b.extension));
    lines.dedup();
    lines
}

impl Iterator for TrafficGenerator {
    type Item = CallPlan;

    fn next(&mut self) -> Option<CallPlan> {
        let caller = self.next_caller();
        Some(self.plan_for(caller))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn traffic_depends_only_on_seed() {
        let traffic = |seed| TrafficGenerator::new(seed, 1.0).take(50).collect::<Vec<_>>();
        assert_eq!(traffic(7), traffic(7));
        assert_ne!(traffic(7), traffic(8));
    }

    #[test]
    fn traffic_has_all_presets_repeat_callers_and_withheld_numbers() {
        let calls: Vec<CallPlan> = TrafficGenerator::new(3, 1.0).take(1_000).collect();
        let shapes: HashSet<&str> = calls.iter().map(|call| call.shape.as_str()).collect();
        assert_eq!(shapes.len(), 15);
        let mut times: HashMap<Option<&str>, u32> = HashMap::new();
        for call in &calls {
            *times.entry(call.caller.as_ref().and_then(|caller| caller.number.as_deref())).or_default() += 1;
        }
        assert!(times.values().filter(|times| **times > 1).count() > 50);
        assert!(times.contains_key(&Some("Anonymous")));
        assert!(calls.iter().all(|call| call.steps.is_sorted_by_key(|timed| timed.at_ms)));
    }

    #[test]
    fn traffic_without_repeats_has_unique_numbers() {
        let calls: Vec<CallPlan> = TrafficGenerator::new(3, 1.0).without_repeats().take(500).collect();
        let known = |call: &CallPlan| call.caller.clone()?.number.filter(|number| number.starts_with('+'));
        let numbers: Vec<String> = calls.iter().filter_map(known).collect();
        assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), numbers.len());
    }

    #[test]
    fn burst_has_unique_callers() {
        let storm = TrafficGenerator::new(5, 1.0).burst(60);
        let numbers: HashSet<_> = storm.iter().map(|call| call.caller.clone().unwrap().number).collect();
        assert_eq!(numbers.len(), 60);
    }
}
