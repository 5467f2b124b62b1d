//! Tokens of the simulated login and the request times of each conversation. No HTTP.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// Requests per conversation, each with a sliding window in seconds.
const LIMITS: [(usize, u64); 4] = [(7, 1), (8, 2), (60, 30), (1800, 3600)];

/// Tokens, request times and ids.
#[derive(Debug, Default)]
pub(in crate::sim) struct TeamsStore {
    tokens: HashMap<String, Instant>,
    issued: u64,
    requests: HashMap<String, VecDeque<Instant>>,
    last_id: i64,
}

impl TeamsStore {
    /// Issues a token.
    pub(super) fn issue(&mut self, lifetime: Duration, now: Instant) -> String {
        self.tokens.retain(|_, until| *until > now);
        self.issued += 1;
        let token = format!("teams-token-{}", self.issued);
        self.tokens.insert(token.clone(), now + lifetime);
        token
    }

    /// Returns whether a token is valid.
    pub(super) fn accepts(&self, token: &str, now: Instant) -> bool {
        self.tokens.get(token).is_some_and(|until| *until > now)
    }

    /// Makes every token invalid.
    pub(in crate::sim) fn revoke_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Counts a request to a conversation. Returns false if the request is beyond a limit.
    pub(super) fn allow(&mut self, conversation: &str, now: Instant) -> bool {
        let times = self.requests.entry(conversation.to_owned()).or_default();
        let longest = LIMITS.iter().map(|(_, seconds)| *seconds).max().unwrap_or_default();
        let is_within = |time: &Instant, seconds| now.saturating_duration_since(*time) < Duration::from_secs(seconds);
        while times.front().is_some_and(|time| !is_within(time, longest)) {
            times.pop_front();
        }
        let is_over = |(most, seconds): (usize, u64)| {
            times.iter().rev().take_while(|time| is_within(time, seconds)).count() >= most
        };
        if LIMITS.into_iter().any(is_over) {
            return false;
        }
        times.push_back(now);
        true
    }

    /// Returns a new message id: milliseconds since 1970, never the same twice.
    pub(super) fn next_id(&mut self, now_ms: i64) -> String {
        self.last_id = now_ms.max(self.last_id + 1);
        self.last_id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversation_allows_seven_in_a_second_and_eight_in_two() {
        let (mut store, start) = (TeamsStore::default(), Instant::now());
        let mut count = |ms| (0..20).filter(|_| store.allow("a", start + Duration::from_millis(ms))).count();
        assert_eq!([count(0), count(999), count(1000), count(1999), count(2000)], [7, 0, 1, 0, 7]);
        assert!(store.allow("b", start), "conversations are counted apart");
    }
}
