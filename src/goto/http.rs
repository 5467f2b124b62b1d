//! Helpers for HTTP responses of GoTo's servers: `Retry-After` within a bound, error code. Contains no policy.

use crate::runtime::http;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Upper bound of a stated `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// Upper bound with a 5xx: an outage often ends before the stated time, and calls are missed until the retry.
const MAX_OUTAGE_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Parses `Retry-After`, in seconds or as a date, capped at one hour, with a 5xx at five minutes.
pub(super) fn retry_after(status: u16, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let max = if status >= 500 { MAX_OUTAGE_RETRY_AFTER } else { MAX_RETRY_AFTER };
    http::retry_after(headers, now).map(|stated| stated.min(max))
}

/// Returns an error code in GoTo's form; other texts are dropped, because they may contain a phone number.
pub(super) fn error_code(value: &Value) -> Option<String> {
    let code = value.as_str()?;
    let is_code = code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    is_code.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_capped_by_status() {
        let headers = HeaderMap::from_iter([(reqwest::header::RETRY_AFTER, "86400".parse().unwrap())]);
        let seconds = |status| retry_after(status, &headers, SystemTime::UNIX_EPOCH).map(|wait| wait.as_secs());
        assert_eq!((seconds(429), seconds(503)), (Some(3600), Some(300)));
        assert_eq!(retry_after(503, &HeaderMap::new(), SystemTime::UNIX_EPOCH), None);
    }
}
