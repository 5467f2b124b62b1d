//! Counts the calls that the channels show, by the caller's number in the posted text. Each entry of a message covers one
//! call. The ring of a second call and a late update of the first are indistinguishable for one caller: a counted demo
//! has no repeated caller. Pure.

use crate::sim::{CallSummary, ChatKind, WebhookRequest};
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::HashMap, time::Duration};

/// Last digits that identify a caller of the demo: national and international formats share them.
const KEY_DIGITS: usize = 8;

/// Returns the calls that get a card under the demo's config: those that reach more than a menu.
pub(super) fn posted_by_default(calls: &[CallSummary]) -> Vec<CallSummary> {
    calls.iter().filter(|call| !call.menu_only).cloned().collect()
}

/// Returns the calls missing in at least one channel.
pub(super) fn missing<'a>(calls: &'a [CallSummary], posts: &[WebhookRequest]) -> Vec<&'a CallSummary> {
    let (slack, teams) = (first_posts(calls, posts, ChatKind::Slack), first_posts(calls, posts, ChatKind::Teams));
    let both = slack.into_iter().zip(teams).map(|(slack, teams)| slack.is_some() && teams.is_some());
    calls.iter().zip(both).filter(|(_, both)| !both).map(|(call, _)| call).collect()
}

/// Returns the time from the first ring to the Slack post of each call, shortest first.
pub(super) fn latencies(calls: &[CallSummary], posts: &[WebhookRequest]) -> Vec<Duration> {
    let first_posts = first_posts(calls, posts, ChatKind::Slack);
    let wait = |(call, at): (&CallSummary, Option<Timestamp>)| {
        Duration::try_from(at?.duration_since(call.ring_delivered_at?)).ok()
    };
    let mut waits: Vec<Duration> = calls.iter().zip(first_posts).filter_map(wait).collect();
    waits.sort_unstable();
    waits
}

/// Returns the first post of each call in a channel: the earliest unassigned entry after the call's start.
fn first_posts(calls: &[CallSummary], posts: &[WebhookRequest], service: ChatKind) -> Vec<Option<Timestamp>> {
    let texts: Vec<(Timestamp, Vec<String>)> =
        posts.iter().filter(|post| post.chat == service).map(|post| (post.at, texts(&post.payload))).collect();
    let mut entries: HashMap<String, Vec<Timestamp>> = HashMap::new();
    calls
        .iter()
        .map(|call| {
            let caller_key = caller_key(call);
            let unassigned = entries.entry(caller_key.clone()).or_insert_with(|| entry_times(&texts, &caller_key));
            let next = unassigned.iter().position(|at| *at >= call.started)?;
            Some(unassigned.remove(next))
        })
        .collect()
}

/// Returns the times of all entries with a key, oldest first.
fn entry_times(posts: &[(Timestamp, Vec<String>)], caller_key: &str) -> Vec<Timestamp> {
    let has = |text: &&String| {
        if caller_key.is_empty() {
            return text.to_lowercase().contains("withheld");
        }
        text.chars().filter(char::is_ascii_digit).collect::<String>().contains(caller_key)
    };
    let times = |(at, texts): &(Timestamp, Vec<String>)| std::iter::repeat_n(*at, texts.iter().filter(has).count());
    posts.iter().flat_map(times).collect()
}

/// Returns the last digits of the caller's number; empty for a withheld number.
fn caller_key(call: &CallSummary) -> String {
    let digits: Vec<char> = call.caller.iter().flat_map(|number| number.chars()).filter(char::is_ascii_digit).collect();
    digits.iter().skip(digits.len().saturating_sub(KEY_DIGITS)).collect()
}

/// Returns every visible text of a message; fallback texts repeat the same content.
fn texts(payload: &Value) -> Vec<String> {
    let mut all = Vec::new();
    match payload.get("blocks") {
        Some(blocks) => collect_texts(blocks, &mut all),
        None => collect_texts(payload, &mut all),
    }
    all
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(list) => list.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(map) => {
            map.iter().filter(|(key, _)| *key != "fallbackText").for_each(|(_, item)| collect_texts(item, texts))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn call(number: Option<&str>, at: i64) -> CallSummary {
        let started = Timestamp::from_second(at).unwrap();
        CallSummary {
            number: 0,
            id: "x".to_owned(),
            account: "1".to_owned(),
            direction: "INBOUND".to_owned(),
            shape: "answered".to_owned(),
            name: None,
            caller: number.map(str::to_owned),
            started,
            states: 4,
            states_reached: 4,
            delivered: BTreeSet::from([1]),
            menu_only: false,
            ring_delivered_at: Some(started),
            ended: true,
        }
    }

    fn post(service: ChatKind, text: &str, at: i64) -> WebhookRequest {
        let at = Timestamp::from_second(at).unwrap();
        let payload = json!({ "blocks": [{ "text": { "text": text } }] });
        let name = "x".to_owned();
        WebhookRequest { number: 0, at, chat: service, name, status: 200, shown: true, payload, signed: None }
    }

    #[test]
    fn missing_call_shown_in_both_channels_is_covered() {
        let calls = [call(Some("+15145550199"), 10)];
        let slack = post(ChatKind::Slack, "Ann (514) 555-0199", 12);
        assert_eq!(missing(&calls, std::slice::from_ref(&slack)).len(), 1);
        let posts = [slack, post(ChatKind::Teams, "Ann +1 514-555-0199", 12)];
        assert!(missing(&calls, &posts).is_empty());
        assert_eq!(latencies(&calls, &posts), [Duration::from_secs(2)]);
        assert_eq!(missing(&[call(Some("+15145550198"), 10)], &posts).len(), 1);
    }

    #[test]
    fn posted_by_default_leaves_out_menu_only_calls() {
        let menu_only = CallSummary { menu_only: true, ..call(Some("+15145550199"), 10) };
        assert_eq!(posted_by_default(&[menu_only, call(None, 11)]), [call(None, 11)]);
    }

    #[test]
    fn missing_post_before_call_does_not_count() {
        let posts = [post(ChatKind::Slack, "5145550199", 9), post(ChatKind::Teams, "5145550199", 9)];
        assert_eq!(missing(&[call(Some("+15145550199"), 10)], &posts).len(), 1);
    }

    #[test]
    fn missing_withheld_number_is_covered_by_word() {
        for number in [None, Some(""), Some("Anonymous")] {
            let calls = [call(number, 10)];
            let posts = |text| [post(ChatKind::Slack, text, 11), post(ChatKind::Teams, text, 11)];
            assert!(missing(&calls, &posts("📞 Withheld number")).is_empty());
            assert_eq!(missing(&calls, &posts("📞 514 555 0199")).len(), 1);
        }
    }

    #[test]
    fn missing_repeated_caller_needs_two_entries() {
        let calls = [call(Some("+15145550199"), 10), call(Some("+15145550199"), 11)];
        let once = [post(ChatKind::Slack, "5145550199", 12), post(ChatKind::Teams, "5145550199", 12)];
        assert_eq!(missing(&calls, &once).len(), 1);
        let twice: Vec<WebhookRequest> = once.iter().chain(&once).cloned().collect();
        assert!(missing(&calls, &twice).is_empty());
        let mut merged = once;
        for post in &mut merged {
            let entry = json!({ "text": "(514) 555-0199" });
            post.payload =
                json!({ "text": "again 5145550199", "blocks": [entry, entry], "fallbackText": "5145550199" });
        }
        assert!(missing(&calls, &merged).is_empty());
        let third = [calls.as_slice(), &[call(Some("+15145550199"), 11)]].concat();
        assert_eq!(missing(&third, &merged).len(), 1);
    }
}
