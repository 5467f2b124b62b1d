//! Helpers for HTTP responses of GoTo's servers: `Retry-After` within a bound, error code. Contains no policy.

use crate::runtime::http;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Upper bound of a stated `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Parses `Retry-After`, in seconds or as a date, capped at one hour.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    http::retry_after(headers, now).map(|stated| stated.min(MAX_RETRY_AFTER))
}

/// Returns an error code in GoTo's form; other texts are dropped, because they may contain a phone number.
pub(super) fn error_code(value: &Value) -> Option<String> {
    let code = value.as_str()?;
    let is_code = code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    is_code.then(|| code.to_owned())
}
