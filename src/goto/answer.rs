//! Reading what GoTo's servers answer, whichever of them it is: a body up to a bound, a wait, a code. Pure but for the body.

use crate::model::time::{Timestamp, elapsed};
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::time::Duration;

/// A server that asks for more than this is asked again all the same.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    /// The connection ended before it did.
    #[error("the answer is cut short")]
    CutShort(#[source] reqwest::Error),
    /// It is longer than its bound.
    #[error("the answer is too long")]
    TooLong,
}

/// Reads a body of up to `longest` bytes.
pub(super) async fn bounded(mut answer: reqwest::Response, longest: usize) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| Unread::CutShort(e.without_url()))? {
        if body.len() + chunk.len() > longest {
            return Err(Unread::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `Retry-After` in seconds or as a date, up to an hour.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    let asked = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => elapsed(now, jiff::fmt::rfc2822::parse(text).ok()?.timestamp()),
    };
    Some(asked.min(LONGEST_ASKED))
}

/// A code as GoTo writes them; anything else could be a text with a number in it.
pub(super) fn word(value: &Value) -> Option<String> {
    let code = value.as_str()?;
    let is_word = code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    is_word.then(|| code.to_owned())
}
