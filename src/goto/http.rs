//! Helpers for HTTP responses of GoTo's servers: bounded body, `Retry-After`, error code. Contains no policy.

use crate::model::time::{Timestamp, elapsed};
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::time::Duration;

/// Upper bound of a stated `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Error of reading a body.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// The connection ended before the body.
    #[error("response body is cut short")]
    CutShort(#[source] reqwest::Error),
    /// The body exceeds its limit.
    #[error("response body is too long")]
    TooLong,
}

/// Reads a body of up to `max_bytes`.
pub(super) async fn read_body(mut response: reqwest::Response, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| BodyError::CutShort(e.without_url()))? {
        if body.len() + chunk.len() > max_bytes {
            return Err(BodyError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Parses `Retry-After`, in seconds or as a date, capped at one hour.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    let stated = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => elapsed(now, jiff::fmt::rfc2822::parse(text).ok()?.timestamp()),
    };
    Some(stated.min(MAX_RETRY_AFTER))
}

/// Returns an error code in GoTo's form; other texts are dropped, because they may contain a phone number.
pub(super) fn error_code(value: &Value) -> Option<String> {
    let code = value.as_str()?;
    let is_code = code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    is_code.then(|| code.to_owned())
}
