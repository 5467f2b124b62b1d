//! Events, own bodies and headers. `tests/validators` checks events against the schema.

use super::*;
use crate::{
    cards::tests::{ago, alice, call, card, now, one, options, ringing},
    model::{
        call::{CallStatus, MissedReason},
        card::{Alert, CardOptions, Match},
        phone::Mask,
    },
};
use serde_json::{Value, json};
use std::time::Duration;

fn rendered(card: &Card, options: &RenderOptions) -> Value {
    serde_json::from_str(&render(card, options, now(), false).body).unwrap()
}

fn with_format(body: Option<&str>, headers: &[(&str, &str)], cloud_events: bool) -> RenderOptions {
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    RenderOptions { webhook: WebhookFormat::compile(body, &headers, cloud_events).unwrap(), ..options() }
}

fn errors(body: &str) -> String {
    WebhookFormat::compile(Some(body), &[], false).unwrap_err()[0].to_string()
}

#[test]
fn event_of_a_ring_has_call_and_caller() {
    let event = rendered(&ringing(one(alice())), &options());
    assert_eq!((&event["type"], &event["version"]), (&json!("call.ringing"), &json!("1")));
    assert_eq!(event["timestamp"], "2026-11-23T19:03:17Z");
    let (call, caller) = (&event["data"]["call"], &event["data"]["caller"]);
    assert_eq!(call["id"], "call-1");
    assert_eq!(call["people"], json!([{ "name": "Bob Roy", "extension": "1015" }]));
    assert_eq!(call["dialed"], json!({ "number": "(514) 555-0100", "label": "Main line" }));
    assert_eq!((&caller["number"], &caller["e164"]), (&json!("(514) 555-0199"), &json!("+15145550199")));
    assert_eq!((&caller["name"], &caller["matched"]), (&json!("Alice Martin"), &json!("one")));
    assert_eq!(caller["facts"], json!([{ "label": "Open tickets", "value": "2" }]));
    assert_eq!(caller["link"], "https://crm.example.com/42?a=1&b=2");
}

#[test]
fn event_mask_of_sink_and_of_rule_hides_numbers() {
    let masked = RenderOptions { mask: Mask::Last4, ..options() };
    let event = rendered(&ringing(one(alice())), &masked);
    let caller = &event["data"]["caller"];
    assert_eq!((&caller["number"], &caller["e164"]), (&json!("(•••) •••-0199"), &Value::Null));
    let Card::Call(mut call) = ringing(Match::NoMatch) else { unreachable!() };
    call.options = CardOptions { mask: Some(Mask::All), ..CardOptions::default() };
    let text = rendered(&Card::Call(call), &options()).to_string();
    assert!(!text.contains("5550199") && !text.contains("555-0199"), "{text}");
}

#[test]
fn event_statuses_have_their_own_fields() {
    let missed = CallStatus::Missed { waited: Duration::from_secs(21), reason: MissedReason::LeftQueue };
    let event = rendered(&card(call("+15145550199"), missed, ago(3), Match::NoMatch), &options());
    let call = &event["data"]["call"];
    assert_eq!((&event["type"], &call["waited_seconds"]), (&json!("call.missed"), &json!(21)));
    assert_eq!(call["missed_reason"], "left_queue");
    let alert = Card::Alert(Alert { title: "Log in".into(), advice: "Now".into(), resolved: false });
    let event = rendered(&alert, &options());
    assert_eq!((&event["type"], &event["data"]["call"]), (&json!("alert.firing"), &Value::Null));
}

#[test]
fn event_plain_leaves_out_notes_and_facts() {
    let full = render(&ringing(one(alice())), &options(), now(), false).body;
    let plain: Value = serde_json::from_str(&render(&ringing(one(alice())), &options(), now(), true).body).unwrap();
    assert!(full.contains("Open tickets") && !plain.to_string().contains("Open tickets"));
    assert_eq!(plain["data"]["caller"]["name"], "Alice Martin");
}

#[test]
fn own_body_values_are_json_and_cannot_leave_their_place() {
    let mut contact = alice();
    contact.name = Some(r#"A"}, "admin": true, {"b": "\"#.to_owned());
    let body = r#"{"who": {{ caller.name }}, "all": {{ caller }}, "n": {{ caller.facts | length }}, "x": {{ text }}}"#;
    let event = rendered(&ringing(one(contact)), &with_format(Some(body), &[], false));
    assert_eq!(event["who"], r#"A"}, "admin": true, {"b": "\"#);
    assert_eq!((&event["n"], &event["admin"]), (&json!(1), &Value::Null));
    // Summaries and alerts have the same variables, without data.
    let alert = Card::Alert(Alert { title: "Log in".into(), advice: "Now".into(), resolved: false });
    assert_eq!(rendered(&alert, &with_format(Some(body), &[], false))["who"], Value::Null);
}

#[test]
fn own_body_mistakes_are_found_when_the_config_is_read() {
    assert!(errors("{{ caler.name }}").contains("undefined"), "{}", errors("{{ caler.name }}"));
    assert!(errors(r#"{"a": "{{ title }}"}"#).contains("without quotes"));
    assert!(errors("{{").contains("syntax"), "{}", errors("{{"));
    assert!(errors("{% for i in range(9000) %}{% for j in range(9000) %}1{% endfor %}{% endfor %}").contains("fuel"));
    let header = WebhookFormat::compile(None, &[("x-a".into(), "{{ nope }}".into())], false).unwrap_err();
    assert_eq!(header[0].header.as_deref(), Some("x-a"));
}

#[test]
fn headers_are_ascii_and_follow_the_event() {
    let format = with_format(None, &[("x-title", "{{ title }}"), ("x-fixed", "a b")], true);
    let headers = render(&ringing(one(alice())), &format, now(), false).headers;
    let value = |name: &str| headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str());
    assert_eq!(value("x-fixed"), Some("a b"));
    assert_eq!(value("x-title"), Some("%F0%9F%93%9E Alice Martin %C2%B7 VIP"));
    assert_eq!((value("ce-specversion"), value("ce-type")), (Some("1.0"), Some("call.ringing")));
    assert_eq!((value("ce-source"), value("ce-time")), (Some("/poprelay/main"), Some("2026-11-23T19:03:17Z")));
}
