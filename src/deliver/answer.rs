//! What came back from a post, as the verdict table sees it, and the little of it that may be kept. No sockets here.

use crate::model::time::{Timestamp, elapsed};
use percent_encoding::percent_decode_str;
use std::{borrow::Cow, cmp::Reverse, time::Duration};

/// How much of an answer's body is read at all.
pub const READ_MOST: usize = 4096;
/// How much of an answer of Slack's Web API is read: it repeats the message, some 13,000 characters that may be written
/// as six each, and has to be whole to be understood.
pub const READ_API: usize = 256 * 1024;
/// How much of it is kept, in bytes.
pub const KEEP_MOST: usize = 256;

/// How a post ended. The texts may quote the other side: only [`Answer::shown`] may be kept or logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// An HTTP answer.
    Reply(Reply),
    /// Nothing was sent: no address, no connection, no TLS.
    Unsent(String),
    /// Nothing was sent: the other side's certificate is not valid for it.
    Untrusted(String),
    /// It was sent, and then nothing came: a timeout or a reset. Whether the chat has it is unknown.
    Unsure(String),
    /// The URL cannot be posted to at all.
    Unusable,
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, already relative. Not yet clamped.
    pub retry_after: Option<Duration>,
    /// The first [`READ_MOST`] bytes of the body, of the Web API [`READ_API`].
    pub body: String,
    /// The connection did not break inside them.
    pub whole: bool,
}

impl Answer {
    /// The HTTP status, if there was an answer.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Reply(reply) => Some(reply.status),
            Self::Unsent(_) | Self::Untrusted(_) | Self::Unsure(_) | Self::Unusable => None,
        }
    }

    /// What may be kept of it: at most [`KEEP_MOST`] bytes, no control characters, nothing of `url`, no phone number.
    #[must_use]
    pub fn shown(&self, url: &str) -> String {
        match self {
            Self::Reply(reply) => clean(&reply.body, url),
            Self::Unsent(why) | Self::Untrusted(why) | Self::Unsure(why) => clean(why, url),
            Self::Unusable => "the sink's URL cannot be used".to_owned(),
        }
    }
}

/// `Retry-After`: seconds or an HTTP-date. The date is read against the answer's own `Date` where it has one, so that a
/// wrong clock here does not turn into a wrong wait.
#[must_use]
pub fn retry_after(text: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = http_date(text)?;
    Some(elapsed(date.and_then(http_date).unwrap_or(now), at))
}

/// `Mon, 23 Nov 2026 18:00:00 GMT`, which RFC 2822's grammar covers.
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// Error bodies echo requests ("the request URI '…' does not match", "Cannot POST /…"), and the URL is the secret: every
/// word with `://` and every telling piece of our own URL is covered, also in its decoded form.
fn clean(text: &str, url: &str) -> String {
    let mut covers: Vec<Cow<str>> = pieces(url)
        .flat_map(|piece| [Cow::Borrowed(piece), percent_decode_str(piece).decode_utf8_lossy()])
        .filter(|piece| !piece.is_empty())
        .collect();
    // The longest first: a piece may begin with another one.
    covers.sort_by_key(|piece| Reverse(piece.len()));
    let mut open: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    for piece in &covers {
        open = open.replace(piece.as_ref(), "[…]");
    }
    if text.len() >= READ_MOST {
        // Reading may have stopped in the middle of a piece.
        let longest = covers.first().map_or(0, |piece| piece.chars().count());
        open = open.chars().take(open.chars().count().saturating_sub(longest)).collect();
    }
    let words: Vec<&str> =
        open.split_whitespace().map(|word| if word.contains("://") { "[url]" } else { word }).collect();
    cut(&without_numbers(&words.join(" "))).to_owned()
}

/// Fewest digits that are covered: local numbers have seven.
const NUMBER: usize = 7;

/// An answer may echo the card, and a caller's number is nobody's business in a journal: digits enough for one, as people
/// and cards write them (`+15145550199`, `(514) 555-0199`), are covered.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for c in text.chars() {
        if c.is_ascii_digit() || matches!(c, '+' | '(' | ')' | '-' | '.' | ' ') {
            run.push(c);
        } else {
            spill(&mut run, &mut out);
            out.push(c);
        }
    }
    spill(&mut run, &mut out);
    out
}

fn spill(run: &mut String, out: &mut String) {
    if run.chars().filter(char::is_ascii_digit).count() < NUMBER {
        out.push_str(run);
    } else {
        let (start, end) = (run.starts_with(' '), run.ends_with(' '));
        out.push_str(if start { " [number]" } else { "[number]" });
        out.push_str(if end { " " } else { "" });
    }
    run.clear();
}

/// The pieces of a URL behind its host that could be a secret: long, or short with digits. Plain short words
/// (`services`, `triggers`) stay readable.
fn pieces(url: &str) -> impl Iterator<Item = &str> {
    let (_, behind) = url.split_once("://").unwrap_or(("", url));
    let (_, path) = behind.split_once(['/', '?']).unwrap_or((behind, ""));
    path.split(['/', '?', '&', '=', '#'])
        .filter(|piece| piece.len() >= 16 || (piece.len() >= 6 && piece.chars().any(|c| c.is_ascii_digit())))
}

fn cut(text: &str) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= KEEP_MOST).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const URL: &str = "https://a.logic.azure.com:443/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/\
                       invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sig=AbCdEfGhIjKlMnOpQrStUvWxYz%2B0";

    fn reply(body: &str) -> Answer {
        Answer::Reply(Reply { status: 404, retry_after: None, body: body.to_owned(), whole: true })
    }

    #[test]
    fn an_answer_that_echoes_a_callers_number_is_kept_without_it() {
        for (echo, kept) in [
            ("cannot post +15145550199 here", "cannot post [number] here"),
            ("\"text\":\"(514) 555-0199 rings\"", "\"text\":\"[number] rings\""),
            ("5145550199", "[number]"),
            (
                "Actual size: 28897 bytes, allowed 28672 (HTTP 413)",
                "Actual size: 28897 bytes, allowed 28672 (HTTP 413)",
            ),
        ] {
            assert_eq!(reply(echo).shown(URL), kept);
        }
    }

    #[test]
    fn an_answer_that_echoes_our_url_is_kept_without_it() {
        for echo in [
            format!("The request URI '{URL}' does not match"),
            format!("Cannot POST {}", URL.split_once(":443").unwrap().1),
            "bad signature AbCdEfGhIjKlMnOpQrStUvWxYz+0".to_owned(),
        ] {
            let shown = reply(&echo).shown(URL);
            assert!(!shown.contains("AbCdEfGh") && !shown.contains("0123456789abcdef"), "{shown}");
        }
        assert_eq!(reply("no_service").shown(URL), "no_service");
        assert_eq!(reply("{\"code\":\"WorkflowNotFound\"}").shown(URL), "{\"code\":\"WorkflowNotFound\"}");
    }

    #[test]
    fn a_secret_of_which_reading_saw_only_the_start_is_not_kept_either() {
        let long = "abc0".repeat(75);
        for fill in 0..310 {
            let echo = "x".repeat(fill) + &format!(" {long}").repeat(20);
            let read: String = echo.chars().take(READ_MOST).collect();
            let shown = reply(&read).shown(&format!("https://x/{long}"));
            assert!(!shown.contains("abc0"), "{shown}");
        }
    }

    #[test]
    fn a_piece_that_begins_with_another_is_covered_whole() {
        let shown = reply("no 0123456789abcdefghij here").shown("https://x/0123456789/0123456789abcdefghij");
        assert_eq!(shown, "no […] here");
    }

    proptest! {
        #[test]
        fn whatever_stands_around_it_our_url_is_covered(before in ".*", after in ".*", whole in any::<bool>()) {
            let echo = if whole { URL } else { "AbCdEfGhIjKlMnOpQrStUvWxYz%2B0" };
            let shown = reply(&format!("{before}{echo}{after}")).shown(URL);
            prop_assert!(shown.len() <= KEEP_MOST);
            prop_assert!(!shown.contains("AbCdEfGhIjKlMnOp"), "{}", shown);
        }
    }

    #[test]
    fn what_is_kept_is_short_and_cannot_forge_journal_lines() {
        let shown = reply(&"é\n\u{1b}[31m".repeat(500)).shown("");
        assert!(shown.len() <= KEEP_MOST && shown.len() > KEEP_MOST - 8);
        assert!(!shown.chars().any(char::is_control));
        assert_eq!(reply("").shown(""), "");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_against_the_answers_own_clock() {
        let now: Timestamp = "2026-11-23T18:00:00Z".parse().unwrap();
        let date = "Mon, 23 Nov 2026 18:00:30 GMT";
        assert_eq!(retry_after("7", None, now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(" 0.5 ", None, now), Some(Duration::from_millis(500)));
        assert_eq!(retry_after(date, None, now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(date, Some("Mon, 23 Nov 2026 18:00:20 GMT"), now), Some(Duration::from_secs(10)));
        assert_eq!(retry_after("Mon, 23 Nov 2020 18:00:30 GMT", None, now), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(retry_after(nonsense, None, now), None, "{nonsense}");
        }
    }
}
