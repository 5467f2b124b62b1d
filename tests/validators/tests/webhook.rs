//! Every event of a webhook is valid against the published schema, and the schema rejects what breaks it.

use jsonschema::Validator;
use poprelay::cards::{EVENT_VERSION, render};
use poprelay::model::{delivery::SinkKind, phone::Mask};
use serde_json::{Value, json};
use validators::{builders, cards};

fn schema() -> Validator {
    let schema: Value = serde_json::from_str(include_str!("../../../deploy/webhook.schema.json")).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

fn faults(schema: &Validator, event: &Value) -> Vec<String> {
    schema.iter_errors(event).map(|error| format!("{} at {}", error, error.instance_path())).collect()
}

#[test]
fn every_event_is_valid() {
    let schema = schema();
    for (name, card) in cards::all() {
        for mask in [Mask::None, Mask::Last4, Mask::All] {
            for plain in [false, true] {
                let body = render(SinkKind::Webhook, &[&card], &builders::style(mask), builders::now(), plain).body;
                let event: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(faults(&schema, &event), [""; 0], "{name} {mask:?} plain {plain}: {event:#}");
                assert_eq!(event["version"], EVENT_VERSION);
            }
        }
    }
}

#[test]
fn broken_event_is_rejected() {
    let schema = schema();
    let (_, card) = cards::all().into_iter().next().unwrap();
    let body = render(SinkKind::Webhook, &[&card], &builders::style(Mask::None), builders::now(), false).body;
    let event: Value = serde_json::from_str(&body).unwrap();
    let breaks: [(&str, Value); 11] = [
        ("/type", json!("call.unknown")),
        ("/timestamp", json!("yesterday")),
        ("/version", json!("2")),
        ("/data/title", json!(null)),
        ("/data/call", json!({ "id": "x" })),
        ("/data/call/direction", json!("sideways")),
        ("/data/call/started_at", json!("yesterday")),
        ("/data/call/waited_seconds", json!(-1)),
        ("/data/call/people", json!([{ "name": "Dana" }])),
        ("/data/caller/network_name", json!("")),
        ("/data/caller/e164", json!("555-0199")),
    ];
    for (pointer, value) in breaks {
        let mut broken = event.clone();
        *broken.pointer_mut(pointer).unwrap() = value;
        assert!(!faults(&schema, &broken).is_empty(), "{pointer}");
    }
    let mut more = event;
    more["data"]["more"] = json!(1);
    assert!(!faults(&schema, &more).is_empty(), "unknown keys");
}
