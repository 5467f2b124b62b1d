//! Cache of look-ups with time to live, including "no match". Bounded. Pure.

use crate::model::{card::Contact, phone::E164};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Most cached numbers. Each costs some kilobytes at worst.
const MAX_NUMBERS: usize = 10_000;

/// Contacts by number, with their expiry.
#[derive(Debug)]
pub(super) struct Cache {
    hit_ttl: Duration,
    miss_ttl: Duration,
    entries: HashMap<u64, (Instant, Vec<Contact>)>,
}

impl Cache {
    /// Creates a cache that keeps contacts for `hit_ttl` and "no match" for `miss_ttl`.
    #[must_use]
    pub(super) fn new(hit_ttl: Duration, miss_ttl: Duration) -> Self {
        Self { hit_ttl, miss_ttl, entries: HashMap::new() }
    }

    /// Returns the unexpired contacts of the number.
    #[must_use]
    pub(super) fn get(&self, number: &E164, now: Instant) -> Option<Vec<Contact>> {
        self.entries.get(&number.as_u64()).filter(|(until, _)| now < *until).map(|(_, people)| people.clone())
    }

    /// Stores an answer. A full cache drops expired entries. If that frees none, the cache is cleared: querying repeat
    /// callers once more is cheaper than tracking the order of use.
    pub(super) fn put(&mut self, number: &E164, people: &[Contact], now: Instant) {
        if self.entries.len() >= MAX_NUMBERS {
            self.entries.retain(|_, (until, _)| now < *until);
        }
        if self.entries.len() >= MAX_NUMBERS {
            self.entries.clear();
        }
        let ttl = if people.is_empty() { self.miss_ttl } else { self.hit_ttl };
        if let Some(until) = now.checked_add(ttl) {
            self.entries.insert(number.as_u64(), (until, people.to_vec()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::phone::{PhoneNumber, Region};

    fn number(last: u32) -> E164 {
        PhoneNumber::parse(Some(&format!("+1514{}", 2_000_000 + last)), Region::US).as_e164().unwrap().clone()
    }

    #[test]
    fn cache_contacts_expire_later_than_no_match() {
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
    fn cache_many_numbers_stay_within_bound() {
        let now = Instant::now();
        let mut cache = Cache::new(Duration::from_secs(300), Duration::from_secs(60));
        for last in 0..25_000 {
            cache.put(&number(last), &[], now);
            assert!(cache.entries.len() <= MAX_NUMBERS);
        }
        assert!(cache.get(&number(24_999), now).is_some());
    }
}
