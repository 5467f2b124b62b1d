//! Which calls the channels have seen, judged from outside: by the caller's number in what was posted. Each entry of a
//! message tells one call, so that a caller who calls twice must be seen twice. What this cannot tell apart: the ring of a
//! second call and a late word on the first, of the same caller; hence a demo that counts has every caller call once. Pure.

use crate::sim::{Made, Posted, Service};
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::HashMap, time::Duration};

/// Digits that tell one caller of a demo from another, from the end of the number: national and international forms share
/// them.
const DIGITS: usize = 8;

/// The calls that one of the channels has not seen.
pub fn untold<'a>(calls: &'a [Made], posts: &[Posted]) -> Vec<&'a Made> {
    let (slack, teams) = (seen(calls, posts, Service::Slack), seen(calls, posts, Service::Teams));
    let both = slack.into_iter().zip(teams).map(|(slack, teams)| slack.is_some() && teams.is_some());
    calls.iter().zip(both).filter(|(_, both)| !both).map(|(call, _)| call).collect()
}

/// How long after its first frame each call was first seen in the Slack channel, shortest first.
pub fn waits(calls: &[Made], posts: &[Posted]) -> Vec<Duration> {
    let seen = seen(calls, posts, Service::Slack);
    let wait = |(call, at): (&Made, Option<Timestamp>)| Duration::try_from(at?.duration_since(call.heard_at?)).ok();
    let mut waits: Vec<Duration> = calls.iter().zip(seen).filter_map(wait).collect();
    waits.sort_unstable();
    waits
}

/// For each call, oldest first, when a channel first had an entry for it: the earliest that is no other call's and did not
/// come before the call.
fn seen(calls: &[Made], posts: &[Posted], service: Service) -> Vec<Option<Timestamp>> {
    let texts: Vec<(Timestamp, Vec<String>)> =
        posts.iter().filter(|post| post.service == service).map(|post| (post.at, texts(&post.payload))).collect();
    let mut entries: HashMap<String, Vec<Timestamp>> = HashMap::new();
    calls
        .iter()
        .map(|call| {
            let key = key(call);
            let left = entries.entry(key.clone()).or_insert_with(|| all(&texts, &key));
            let next = left.iter().position(|at| *at >= call.started)?;
            Some(left.remove(next))
        })
        .collect()
}

/// When each entry with the given key was posted, oldest first.
fn all(posts: &[(Timestamp, Vec<String>)], key: &str) -> Vec<Timestamp> {
    let has = |text: &&String| {
        if key.is_empty() {
            return text.to_lowercase().contains("withheld");
        }
        text.chars().filter(char::is_ascii_digit).collect::<String>().contains(key)
    };
    let times = |(at, texts): &(Timestamp, Vec<String>)| std::iter::repeat_n(*at, texts.iter().filter(has).count());
    posts.iter().flat_map(times).collect()
}

/// The end of the caller's number; nothing for a caller who hides it.
fn key(call: &Made) -> String {
    let digits: Vec<char> = call.caller.iter().flat_map(|number| number.chars()).filter(char::is_ascii_digit).collect();
    digits.iter().skip(digits.len().saturating_sub(DIGITS)).collect()
}

/// Every text that a message shows; the fallback texts say the same again.
fn texts(payload: &Value) -> Vec<String> {
    let mut all = Vec::new();
    match payload.get("blocks") {
        Some(blocks) => gather(blocks, &mut all),
        None => gather(payload, &mut all),
    }
    all
}

fn gather(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|one| gather(one, into)),
        Value::Object(map) => {
            map.iter().filter(|(key, _)| *key != "fallbackText").for_each(|(_, one)| gather(one, into))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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

    #[test]
    fn a_caller_who_calls_twice_must_be_seen_twice_in_two_messages_or_in_one() {
        let calls = [call(Some("+15145550199"), 10), call(Some("+15145550199"), 11)];
        let once = [post(Service::Slack, "5145550199", 12), post(Service::Teams, "5145550199", 12)];
        assert_eq!(untold(&calls, &once).len(), 1);
        let twice: Vec<Posted> = once.iter().chain(&once).cloned().collect();
        assert!(untold(&calls, &twice).is_empty());
        let mut merged = once;
        for post in &mut merged {
            let entry = json!({ "text": "(514) 555-0199" });
            post.payload =
                json!({ "text": "again 5145550199", "blocks": [entry, entry], "fallbackText": "5145550199" });
        }
        assert!(untold(&calls, &merged).is_empty());
        let third = [calls.as_slice(), &[call(Some("+15145550199"), 11)]].concat();
        assert_eq!(untold(&third, &merged).len(), 1);
    }
}
