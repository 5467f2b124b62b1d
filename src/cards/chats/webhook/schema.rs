//! The published JSON Schema of an event, generated from its types. Doc comments are its descriptions.

use super::event::Event;
use schemars::{Schema, generate::SchemaSettings, transform::transform_subschemas};
use serde_json::{Value, json};
use std::{env, fs};

/// Place of the published schema.
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/webhook.schema.json");
/// Environment variable that makes the test write the schema.
const WRITE: &str = "POPRELAY_WRITE_SCHEMA";

/// Adds what the types do not show: a text that may be absent is never empty. Drops formats that JSON Schema does not define.
fn complete(schema: &mut Schema) {
    if schema.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        schema.remove("format");
    }
    let is_restricted = ["format", "pattern", "enum"].iter().any(|key| schema.get(*key).is_some());
    if !is_restricted && schema.get("type") == Some(&json!(["string", "null"])) {
        schema.insert("minLength".to_owned(), json!(1));
    }
    transform_subschemas(&mut complete, schema);
}

fn generated() -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Event>();
    complete(&mut schema);
    format!("{}\n", serde_json::to_string_pretty(&schema).unwrap())
}

#[test]
fn published_schema_is_generated_from_the_types() {
    let generated = generated();
    if env::var_os(WRITE).is_some() {
        fs::write(PATH, &generated).unwrap();
    }
    let is_equal = fs::read_to_string(PATH).unwrap() == generated;
    assert!(is_equal, "{PATH} is out of date. Write it with: {WRITE}=1 cargo test --lib published_schema");
}
