//! Answers of a source, believed for a while, "nobody" too. Bounded. Pure.

use crate::model::{card::Contact, phone::E164};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Most numbers that are kept: some kilobytes each at worst.
const MOST: usize = 10_000;

/// People by number, with the time until which they are believed.
#[derive(Debug)]
pub struct Cache {
    hits: Duration,
    misses: Duration,
    kept: HashMap<u64, (Instant, Vec<Contact>)>,
}

impl Cache {
    /// Keeps people for `hits`, and that there are none for `misses`.
    #[must_use]
    pub fn new(hits: Duration, misses: Duration) -> Self {
        Self { hits, misses, kept: HashMap::new() }
    }

    /// What is believed of the number now.
    #[must_use]
    pub fn get(&self, number: &E164, now: Instant) -> Option<Vec<Contact>> {
        self.kept.get(&number.digits()).filter(|(until, _)| now < *until).map(|(_, people)| people.clone())
    }

    /// Keeps an answer. When it is full, what is stale goes, and if that is not enough, everything: a source is then asked
    /// once more for numbers that call again, which is cheaper than an order of use kept for every look-up.
    pub fn put(&mut self, number: &E164, people: &[Contact], now: Instant) {
        if self.kept.len() >= MOST {
            self.kept.retain(|_, (until, _)| now < *until);
        }
        if self.kept.len() >= MOST {
            self.kept.clear();
        }
        let believed = if people.is_empty() { self.misses } else { self.hits };
        if let Some(until) = now.checked_add(believed) {
            self.kept.insert(number.digits(), (until, people.to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::phone::{Number, Region};

    fn number(last: u32) -> E164 {
        Number::read(Some(&format!("+1514{last:07}")), Region::US).known().unwrap().clone()
    }

    #[test]
    fn people_are_believed_longer_than_that_there_are_none() {
        let now = Instant::now();
        let mut cache = Cache::new(Duration::from_secs(300), Duration::from_secs(60));
        cache.put(&number(1), &[Contact::default()], now);
        cache.put(&number(2), &[], now);
        let later = now + Duration::from_secs(59);
        assert_eq!((cache.get(&number(1), later).unwrap().len(), cache.get(&number(2), later).unwrap().len()), (1, 0));
        let later = now + Duration::from_secs(60);
        assert!(cache.get(&number(1), later).is_some() && cache.get(&number(2), later).is_none());
        assert!(cache.get(&number(1), now + Duration::from_secs(300)).is_none());
    }

    #[test]
    fn a_flood_of_numbers_stays_within_its_bound() {
        let now = Instant::now();
        let mut cache = Cache::new(Duration::from_secs(300), Duration::from_secs(60));
        for last in 0..25_000 {
            cache.put(&number(last), &[], now);
            assert!(cache.kept.len() <= MOST);
        }
        assert!(cache.get(&number(24_999), now).is_some());
    }
}
