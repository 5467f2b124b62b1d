//! The simulator against whole calls in the shape of live accounts (`tests/calls/real`). Requires the same states in the same
//! order, with exactly the same keys and words.

use super::{Conversation, ScheduledCall, TimedState, conversations, first_ring};
use crate::sim::{
    envelope::Notification,
    report,
    scenario::{
        CallPlan, Extension, Party,
        ScenarioStep::{self, *},
    },
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::PathBuf};

fn line(extension: &str) -> Extension {
    Extension::new(extension, &format!("Colleague {extension}"))
}

fn rings(extensions: &[&str]) -> ScenarioStep {
    Rings { lines: extensions.iter().map(|extension| line(extension)).collect() }
}

fn answers(extension: &str) -> ScenarioStep {
    Answers { extension: extension.to_owned() }
}

fn ends(extension: Option<&str>) -> ScenarioStep {
    HangsUp { extension: extension.map(str::to_owned) }
}

fn queue() -> ScenarioStep {
    Queue { name: "Sales".to_owned() }
}

fn chooses() -> ScenarioStep {
    Chooses { option: "2".to_owned() }
}

/// Returns the plan of the call in a recording. Only the order of the steps counts here.
fn plan(recording: &str) -> CallPlan {
    let outside = || "+14165550199".to_owned();
    let mailbox = |message| Mailbox { message };
    let steps = match recording {
        "direct-answered" => vec![rings(&["1"]), answers("1"), ends(None)],
        "direct-voicemail" => vec![rings(&["1"]), mailbox(true), ends(None)],
        "direct-voicemail-failed" => vec![rings(&["1"]), mailbox(false), ends(None)],
        "anonymous-missed" => vec![rings(&["1"]), ends(None)],
        "menu-hang-up" => vec![Menu, ends(None)],
        "menu-forwarded-outside" => vec![Dials { number: outside() }, answers(&outside()), ends(None)],
        "menu-extension-voicemail" => {
            let two_devices = Rings { lines: vec![line("1").with_devices(2)] };
            vec![Menu, two_devices, mailbox(true), ends(None)]
        }
        "menu-ring-group-answered" => vec![Menu, chooses(), rings(&["1", "2"]), answers("1"), ends(Some("1"))],
        "menu-queue-answered" => vec![Menu, chooses(), Menu, queue(), rings(&["1"]), answers("1"), ends(None)],
        "queue-abandon" => {
            let group = || rings(&["1", "2", "3"]);
            vec![Menu, chooses(), Menu, queue(), group(), StopsRinging, group(), ends(None)]
        }
        "direct-transfer-then-voicemail" => {
            let (enters, transfers) = ([Menu, chooses(), Menu, queue()], Transfers { line: line("2") });
            let talks = [rings(&["1"]), answers("1"), Holds, transfers, mailbox(true), ends(None)];
            enters.into_iter().chain(talks).collect()
        }
        "direct-transfer-to-queue" => {
            let transfers = TransfersToQueue { name: "Support".to_owned() };
            let first = [Menu, chooses(), rings(&["1", "2"]), answers("1"), Holds];
            first.into_iter().chain([transfers, rings(&["3"]), answers("3"), ends(None)]).collect()
        }
        "warm-transfer-answered" => {
            let (first, consults) = ([Menu, queue(), rings(&["1"]), answers("1")], Consults { line: line("2") });
            first.into_iter().chain([consults, HandsOver, answers("2"), ends(Some("2"))]).collect()
        }
        "staff-to-staff" => vec![rings(&["2"]), answers("2"), ends(None)],
        "outbound-answered" => vec![Dials { number: outside() }, answers(&outside()), ends(None)],
        "outbound-no-answer" => vec![Dials { number: outside() }, ends(None)],
        other => panic!("no plan for {other}"),
    };
    let steps = (1..).map(|at| at * 10_000).zip(steps);
    let mut plan = match recording {
        "staff-to-staff" | "outbound-answered" | "outbound-no-answer" => CallPlan::made_by("", &line("0017"), steps),
        _ => CallPlan::new("", Party::new("MAPLE BAKERY", "+16475550101"), steps),
    };
    plan.recorded = recording == "menu-queue-answered";
    plan.caller.take_if(|_| recording == "anonymous-missed");
    plan
}

const RECORDINGS: [&str; 16] = [
    "anonymous-missed",
    "direct-answered",
    "direct-transfer-then-voicemail",
    "direct-transfer-to-queue",
    "direct-voicemail",
    "direct-voicemail-failed",
    "menu-extension-voicemail",
    "menu-forwarded-outside",
    "menu-hang-up",
    "menu-queue-answered",
    "menu-ring-group-answered",
    "outbound-answered",
    "outbound-no-answer",
    "queue-abandon",
    "staff-to-staff",
    "warm-transfer-answered",
];

fn simulated(recording: &str) -> (ScheduledCall, Vec<Conversation>) {
    let started = "2026-10-05T14:02:11.246Z".parse().unwrap();
    let call = ScheduledCall { id: uuid::Uuid::nil(), started, plan: plan(recording) };
    let all = conversations(&call);
    (call, all)
}

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/calls/real").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn frames(recording: &str) -> Vec<Value> {
    let frames: Vec<Value> =
        file(&format!("{recording}.jsonl")).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    frames.into_iter().filter(|frame| frame["data"]["type"] == "call-state").collect()
}

/// Returns the frames of all conversations in order of time.
fn simulated_frames(all: &[Conversation]) -> Vec<Value> {
    let mut states: Vec<&TimedState> = all.iter().flat_map(|one| &one.states).collect();
    states.sort_by_key(|state| state.after);
    let frame = |state: &TimedState| {
        let content = json!({ "metadata": state.metadata, "state": state.body });
        let text = Notification::call_state(content, Timestamp::UNIX_EPOCH).text(1);
        serde_json::from_str(&text).unwrap()
    };
    states.into_iter().map(frame).collect()
}

/// Returns one line for each state of each conversation: type, participants and systems with their statuses. Steps from one
/// node of a dial plan to the next make equal lines; one is kept.
fn outline(frames: &[Value]) -> Vec<String> {
    let parts = |state: &Value, key: &str| -> Vec<String> {
        let all = state[key].as_array().cloned().unwrap_or_default();
        all.iter().map(|one| format!("{}:{}", one["type"]["value"], one["status"]["value"])).collect()
    };
    let mut lines: Vec<String> = frames
        .iter()
        .map(|frame| {
            let (metadata, state) = (&frame["data"]["content"]["metadata"], &frame["data"]["content"]["state"]);
            let (legs, systems) = (parts(state, "participants"), parts(state, "interactiveVoiceResponseSystems"));
            format!("{} {} {legs:?} {systems:?}", metadata["direction"], state["type"]).replace(['"', '\\'], "")
        })
        .collect();
    lines.dedup();
    lines
}

/// Collects the path of every key. A `value` of a type or status is a part of the path.
fn keys(value: &Value, path: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            let word = map.get("value").and_then(Value::as_str).map(|word| format!("<{word}>")).unwrap_or_default();
            for (key, inner) in map {
                let path = format!("{path}{word}.{key}");
                keys(inner, &path, out);
                out.insert(path);
            }
        }
        Value::Array(list) => list.iter().for_each(|inner| keys(inner, &format!("{path}[]"), out)),
        _ => {}
    }
}

fn assert_same_keys(made: &[Value], real: &[Value], name: &str) {
    let all = |values: &[Value]| {
        let mut out = BTreeSet::new();
        values.iter().for_each(|value| keys(value, "", &mut out));
        out
    };
    let (made, real) = (all(made), all(real));
    let missing: Vec<_> = real.difference(&made).collect();
    let unknown: Vec<_> = made.difference(&real).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "{name}: missing {missing:?}, unknown {unknown:?}");
}

fn json_file(name: &str) -> Value {
    serde_json::from_str(&file(name)).unwrap()
}

#[test]
fn simulated_states_are_those_of_the_recording() {
    for recording in RECORDINGS {
        let (_, all) = simulated(recording);
        assert_eq!(outline(&simulated_frames(&all)), outline(&frames(recording)), "{recording}");
    }
}

#[test]
fn simulated_frames_have_the_keys_of_the_recording() {
    for recording in RECORDINGS {
        let (_, all) = simulated(recording);
        assert_same_keys(&simulated_frames(&all), &frames(recording), recording);
    }
}

#[test]
fn simulated_reports_have_the_keys_of_the_recording() {
    for recording in RECORDINGS {
        let (call, all) = simulated(recording);
        for (conversation, suffix) in all.iter().zip(["", ".2"]) {
            let name = format!("{recording}{suffix}");
            let (report, real) = (report::full_report(&call, conversation), json_file(&format!("{name}.report.json")));
            assert_same_keys(&[report], &[real], &name);
            let (summary, real) = (report::summary(conversation), json_file(&format!("{name}.summary.json")));
            assert_same_keys(std::slice::from_ref(&summary), std::slice::from_ref(&real), &name);
            assert_eq!(summary["callerOutcome"], real["callerOutcome"], "{name}");
            let count = |summary: &Value| summary["participants"].as_array().unwrap().len();
            assert_eq!(count(&summary), count(&real), "{name}");
        }
    }
}

#[test]
fn simulated_dial_plans_use_only_words_of_the_recordings() {
    let words = |frames: &[Value]| {
        let mut words = BTreeSet::new();
        for system in frames.iter().filter_map(|frame| {
            frame.pointer("/data/content/state/interactiveVoiceResponseSystems").and_then(Value::as_array)
        }) {
            for kind in system.iter().map(|one| &one["type"]).filter(|kind| kind["value"] == "DIAL_PLAN") {
                let (node, previous) = (&kind["currentNode"], &kind["previousNode"]);
                words.insert(format!("{} {}", node["type"], node["result"]));
                words.insert(format!("from {}", previous["connector"]).replace(char::is_numeric, "N"));
            }
        }
        words
    };
    let real: BTreeSet<String> = RECORDINGS.iter().flat_map(|recording| words(&frames(recording))).collect();
    for recording in RECORDINGS {
        let made = words(&simulated_frames(&simulated(recording).1));
        assert!(made.is_subset(&real), "{recording}: {:?}", made.difference(&real));
    }
}

#[test]
fn simulated_preset_follows_the_rules_of_every_call() {
    for shape in crate::sim::PRESETS {
        let started = "2026-10-05T14:02:10Z".parse().unwrap();
        let call = ScheduledCall { id: uuid::Uuid::nil(), started, plan: CallPlan::preset(shape).unwrap() };
        for conversation in conversations(&call) {
            let states = &conversation.states;
            assert!(states.iter().zip(1..).all(|(state, number)| state.sequence == number), "{shape}");
            assert!(states.is_sorted_by_key(|state| state.after), "{shape}");
            assert!(states.windows(2).any(|two| two[0].body["timestamp"] == two[1].body["timestamp"]), "{shape}");
            let (last, first) = (states.last().unwrap(), states.first().unwrap());
            assert_eq!((last.kind, &last.body["participants"]), ("ENDING", &json!([])), "{shape}");
            assert!(last.body.get("interactiveVoiceResponseSystems").is_none(), "{shape}");
            assert_eq!(first.body["timestamp"], first.metadata["callCreated"], "{shape}");
            assert!(first.metadata.get("callInitiator").is_none() && !first.body.to_string().contains("contact"));
            let gone = |state: &TimedState| {
                let parts = ["participants", "interactiveVoiceResponseSystems"];
                let all = parts.iter().filter_map(|key| state.body.get(*key)?.as_array().cloned()).flatten();
                let leaves = |one: &Value| one["status"]["value"] == "DISCONNECTING";
                all.filter(leaves).map(|one| one["id"].to_string()).collect::<BTreeSet<_>>()
            };
            assert!(states.windows(2).all(|two| gone(&two[0]).is_disjoint(&gone(&two[1]))), "{shape}");
        }
    }
}

#[test]
fn first_ring_is_the_first_ringing_phone() {
    for (shape, sequence) in [("answered", Some(2)), ("left-menu", None), ("extension-voicemail", Some(8))] {
        let call = ScheduledCall {
            id: uuid::Uuid::nil(),
            started: Timestamp::UNIX_EPOCH,
            plan: CallPlan::preset(shape).unwrap(),
        };
        assert_eq!(first_ring(&conversations(&call)[0].states), sequence, "{shape}");
    }
}
