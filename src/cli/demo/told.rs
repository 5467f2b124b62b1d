//! Which calls the channels have seen, judged from outside: by the caller's number in what was posted. Pure.

use crate::sim::{Made, Posted, Service};
use serde_json::Value;
use std::time::Duration;

/// Digits that tell one caller of a demo from another, from the end of the number: national and international forms share
/// them.
const DIGITS: usize = 8;

/// The calls that one of the channels has not seen.
pub fn untold<'a>(calls: &'a [Made], posts: &[Posted]) -> Vec<&'a Made> {
    let posts = read(posts);
    let seen = |call: &Made, service| first(call, &posts, service).is_some();
    calls.iter().filter(|call| !seen(call, Service::Slack) || !seen(call, Service::Teams)).collect()
}

/// How long after its first frame each call was first seen in the Slack channel, shortest first.
pub fn waits(calls: &[Made], posts: &[Posted]) -> Vec<Duration> {
    let posts = read(posts);
    let wait = |call: &Made| {
        let seen = first(call, &posts, Service::Slack)?;
        Duration::try_from(seen.post.at.duration_since(call.heard_at?)).ok()
    };
    let mut waits: Vec<Duration> = calls.iter().filter_map(wait).collect();
    waits.sort_unstable();
    waits
}

/// A post with all its text.
struct Read<'a> {
    post: &'a Posted,
    /// The text of each string in it, in small letters.
    words: Vec<String>,
    /// The digits of each string in it.
    digits: Vec<String>,
}

fn read(posts: &[Posted]) -> Vec<Read<'_>> {
    posts
        .iter()
        .map(|post| {
            let mut words = Vec::new();
            strings(&post.payload, &mut words);
            let digits = words.iter().map(|text| text.chars().filter(char::is_ascii_digit).collect()).collect();
            Read { post, words, digits }
        })
        .collect()
}

fn strings(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.to_lowercase()),
        Value::Array(list) => list.iter().for_each(|one| strings(one, into)),
        Value::Object(map) => map.values().for_each(|one| strings(one, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The first post that shows the call: it came after the call did, and has the caller's number, or for a caller without
/// one the word for that.
fn first<'a>(call: &Made, posts: &'a [Read<'a>], service: Service) -> Option<&'a Read<'a>> {
    let number: Vec<char> = call.caller.iter().flat_map(|number| number.chars()).filter(char::is_ascii_digit).collect();
    let key: String = number.iter().skip(number.len().saturating_sub(DIGITS)).collect();
    posts.iter().filter(|read| read.post.service == service && read.post.at >= call.started).find(|read| {
        if key.is_empty() {
            read.words.iter().any(|text| text.contains("withheld"))
        } else {
            read.digits.iter().any(|digits| digits.contains(&key))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn call(number: Option<&str>, at: i64) -> Made {
        let started = Timestamp::from_second(at).unwrap();
        Made {
            number: 0,
            id: "x".to_owned(),
            account: "1".to_owned(),
            direction: "INBOUND".to_owned(),
            shape: "answered".to_owned(),
            name: None,
            caller: number.map(str::to_owned),
            started,
            states: 4,
            said: 4,
            heard: BTreeSet::from([1]),
            heard_at: Some(started),
            over: true,
        }
    }

    fn post(service: Service, text: &str, at: i64) -> Posted {
        let at = Timestamp::from_second(at).unwrap();
        let payload = json!({ "blocks": [{ "text": { "text": text } }] });
        Posted { number: 0, at, service, name: "x".to_owned(), status: 200, shown: true, payload }
    }

    #[test]
    fn a_call_is_told_when_both_channels_show_its_number_in_any_form() {
        let calls = [call(Some("+15145550199"), 10)];
        let slack = post(Service::Slack, "Ann (514) 555-0199", 12);
        assert_eq!(untold(&calls, std::slice::from_ref(&slack)).len(), 1);
        let posts = [slack, post(Service::Teams, "Ann +1 514-555-0199", 12)];
        assert!(untold(&calls, &posts).is_empty());
        assert_eq!(waits(&calls, &posts), [Duration::from_secs(2)]);
        assert_eq!(untold(&[call(Some("+15145550198"), 10)], &posts).len(), 1);
    }

    #[test]
    fn what_was_posted_before_a_call_does_not_tell_it() {
        let posts = [post(Service::Slack, "5145550199", 9), post(Service::Teams, "5145550199", 9)];
        assert_eq!(untold(&[call(Some("+15145550199"), 10)], &posts).len(), 1);
    }

    #[test]
    fn a_caller_without_a_number_is_told_by_the_word_for_that() {
        for number in [None, Some(""), Some("anonymous")] {
            let calls = [call(number, 10)];
            let posts = |text| [post(Service::Slack, text, 11), post(Service::Teams, text, 11)];
            assert!(untold(&calls, &posts("📞 Withheld number")).is_empty());
            assert_eq!(untold(&calls, &posts("📞 514 555 0199")).len(), 1);
        }
    }
}
