//! Result of a post as the response table reads it, and the redacted excerpt that may be stored. Opens no sockets.

use crate::runtime::http::NetworkFault;
use percent_encoding::percent_decode_str;
use std::{borrow::Cow, cmp::Reverse, time::Duration};

/// Bytes read of a webhook response body.
pub const MAX_BODY_BYTES: usize = 4096;
/// Bytes read of a Slack Web API response body. The body repeats the message (about 13,000 characters, up to six bytes
/// each) and can be parsed only if complete.
pub const MAX_API_BODY_BYTES: usize = 256 * 1024;
/// Bytes kept of a response body.
pub const MAX_EXCERPT_BYTES: usize = 256;

/// Failure without a response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// The failed leg, if the network failed.
    pub fault: Option<NetworkFault>,
    /// The reason in words.
    pub text: String,
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self { fault: None, text }
    }
}

/// Result of a post. The texts may quote the chat: only [`PostResult::redacted`] may be stored or logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostResult {
    /// The chat sent an HTTP response.
    Response(HttpResponse),
    /// Nothing was sent: DNS, connection or TLS failed.
    NotSent(Failure),
    /// Nothing was sent: the certificate of the server is not valid.
    BadCertificate(Failure),
    /// The request was sent and no response came (timeout or reset). The message may have arrived.
    NoResponse(Failure),
    /// The URL is not valid for a POST.
    InvalidUrl,
}

/// An HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status code.
    pub status: u16,
    /// `Retry-After` as a duration, not clamped.
    pub retry_after: Option<Duration>,
    /// The first [`MAX_BODY_BYTES`] of the body, or [`MAX_API_BODY_BYTES`] for the Web API.
    pub body: String,
    /// Whether the body did not end early.
    pub complete: bool,
}

impl PostResult {
    /// Returns the HTTP status if there was a response.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Response(reply) => Some(reply.status),
            Self::NotSent(_) | Self::BadCertificate(_) | Self::NoResponse(_) | Self::InvalidUrl => None,
        }
    }

    /// Returns the failed leg if the network failed.
    #[must_use]
    pub const fn fault(&self) -> Option<NetworkFault> {
        match self {
            Self::NotSent(failure) | Self::BadCertificate(failure) | Self::NoResponse(failure) => failure.fault,
            Self::Response(_) | Self::InvalidUrl => None,
        }
    }

    /// Returns an excerpt to store: at most [`MAX_EXCERPT_BYTES`], no control characters, no part of `url`, no numbers.
    #[must_use]
    pub fn redacted(&self, url: &str) -> String {
        match self {
            Self::Response(reply) => redact(&reply.body, url),
            Self::NotSent(failure) | Self::BadCertificate(failure) | Self::NoResponse(failure) => {
                redact(&failure.text, url)
            }
            Self::InvalidUrl => "the URL of the sink is not valid".to_owned(),
        }
    }
}

/// Redacts each word with `://` and each secret part of the sink's URL, raw and decoded. Error bodies echo requests ("the
/// request URI '…' does not match", "Cannot POST /…"), and the URL is the secret.
fn redact(text: &str, url: &str) -> String {
    let mut secrets: Vec<Cow<str>> = secret_parts(url)
        .flat_map(|part| [Cow::Borrowed(part), percent_decode_str(part).decode_utf8_lossy()])
        .filter(|part| !part.is_empty())
        .collect();
    // Longest first: one part may be a prefix of another.
    secrets.sort_by_key(|part| Reverse(part.len()));
    let mut redacted: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    for part in &secrets {
        redacted = redacted.replace(part.as_ref(), "[…]");
    }
    if text.len() >= MAX_BODY_BYTES {
        // The body limit may have cut a secret part.
        let longest_secret = secrets.first().map_or(0, |part| part.chars().count());
        redacted = redacted.chars().take(redacted.chars().count().saturating_sub(longest_secret)).collect();
    }
    let words: Vec<&str> =
        redacted.split_whitespace().map(|word| if word.contains("://") { "[url]" } else { word }).collect();
    truncate(&mask_numbers(&words.join(" "))).to_owned()
}

/// Digits from which a run is redacted: local numbers have seven.
const MIN_NUMBER_DIGITS: usize = 7;

/// Replaces phone numbers (`+15145550199`, `(514) 555-0199`) with `[number]`. A response may echo the card, and the
/// journal must not contain the caller's number.
fn mask_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() || matches!(c, '+' | '(' | ')' | '-' | '.' | ' ') {
            run.push(c);
        } else {
            flush_run(&mut run, &mut out);
            out.push(c);
        }
    }
    flush_run(&mut run, &mut out);
    out
}

fn flush_run(run: &mut String, out: &mut String) {
    if run.chars().filter(char::is_ascii_digit).count() < MIN_NUMBER_DIGITS {
        out.push_str(run);
    } else {
        let (start, end) = (run.starts_with(' '), run.ends_with(' '));
        out.push_str(if start { " [number]" } else { "[number]" });
        out.push_str(if end { " " } else { "" });
    }
    run.clear();
}

/// Returns the parts of a URL after its host that may be secret: long ones, and short ones with digits. Short plain words
/// (`services`, `triggers`) stay readable.
fn secret_parts(url: &str) -> impl Iterator<Item = &str> {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let (_, path) = rest.split_once(['/', '?']).unwrap_or((rest, ""));
    path.split(['/', '?', '&', '=', '#'])
        .filter(|part| part.len() >= 16 || (part.len() >= 6 && part.chars().any(|c| c.is_ascii_digit())))
}

fn truncate(text: &str) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MAX_EXCERPT_BYTES).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const URL: &str = "https://a.logic.azure.com:443/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/\
                       invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sig=AbCdEfGhIjKlMnOpQrStUvWxYz%2B0";

    fn reply(body: &str) -> PostResult {
        PostResult::Response(HttpResponse { status: 404, retry_after: None, body: body.to_owned(), complete: true })
    }

    #[test]
    fn redacted_response_contains_no_caller_number() {
        for (body, expected) in [
            ("cannot post +15145550199 here", "cannot post [number] here"),
            ("\"text\":\"(514) 555-0199 rings\"", "\"text\":\"[number] rings\""),
            ("5145550199", "[number]"),
            (
                "Actual size: 28897 bytes, allowed 28672 (HTTP 413)",
                "Actual size: 28897 bytes, allowed 28672 (HTTP 413)",
            ),
        ] {
            assert_eq!(reply(body).redacted(URL), expected);
        }
    }

    #[test]
    fn redacted_response_contains_no_sink_url() {
        for body in [
            format!("The request URI '{URL}' does not match"),
            format!("Cannot POST {}", URL.split_once(":443").unwrap().1),
            "bad signature AbCdEfGhIjKlMnOpQrStUvWxYz+0".to_owned(),
        ] {
            let shown = reply(&body).redacted(URL);
            assert!(!shown.contains("AbCdEfGh") && !shown.contains("0123456789abcdef"), "{shown}");
        }
        assert_eq!(reply("no_service").redacted(URL), "no_service");
        assert_eq!(reply("{\"code\":\"WorkflowNotFound\"}").redacted(URL), "{\"code\":\"WorkflowNotFound\"}");
    }

    #[test]
    fn redacted_secret_cut_by_body_limit_is_removed() {
        let long = "abc0".repeat(75);
        for padding in 0..310 {
            let body = "x".repeat(padding) + &format!(" {long}").repeat(20);
            let body_read: String = body.chars().take(MAX_BODY_BYTES).collect();
            let shown = reply(&body_read).redacted(&format!("https://x/{long}"));
            assert!(!shown.contains("abc0"), "{shown}");
        }
    }

    #[test]
    fn redacted_part_with_other_part_as_prefix_is_removed() {
        let shown = reply("no 0123456789abcdefghij here").redacted("https://x/0123456789/0123456789abcdefghij");
        assert_eq!(shown, "no […] here");
    }

    proptest! {
        #[test]
        fn redacted_url_in_any_text_is_removed(before in ".*", after in ".*", full in any::<bool>()) {
            let body = if full { URL } else { "AbCdEfGhIjKlMnOpQrStUvWxYz%2B0" };
            let shown = reply(&format!("{before}{body}{after}")).redacted(URL);
            prop_assert!(shown.len() <= MAX_EXCERPT_BYTES);
            prop_assert!(!shown.contains("AbCdEfGhIjKlMnOp"), "{}", shown);
        }
    }

    #[test]
    fn redacted_excerpt_is_short_without_control_characters() {
        let shown = reply(&"é\n\u{1b}[31m".repeat(500)).redacted("");
        assert!(shown.len() <= MAX_EXCERPT_BYTES && shown.len() > MAX_EXCERPT_BYTES - 8);
        assert!(!shown.chars().any(char::is_control));
        assert_eq!(reply("").redacted(""), "");
    }
}
