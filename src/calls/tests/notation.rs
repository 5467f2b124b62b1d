//! Reads the calls of `composed.txt` and `unusual.txt`, whose notation the files describe, through the wire reader.

use super::script::{epoch, person};
use crate::{
    goto::wire::{self, Frame, Reader},
    model::{
        call::{CallSnapshot, Report},
        phone::Region,
        time::after,
    },
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// A call of a file.
#[derive(Debug, Default)]
pub struct Written {
    pub name: &'static str,
    pub rings: Vec<&'static str>,
    pub end: &'static str,
    /// The ends of further conversations that are calls of their own.
    pub ends: BTreeMap<&'static str, &'static str>,
    pub snapshots: Vec<CallSnapshot>,
    pub reports: Vec<Report>,
}

/// A conversation while it is read.
#[derive(Debug, Clone, Default)]
struct Conversation {
    direction: &'static str,
    linked: Option<&'static str>,
    dialed: Option<&'static str>,
    states: Vec<Value>,
    sequence: u64,
    active: bool,
    began: Option<String>,
    hung_up_by: Option<String>,
    created: Duration,
    ended: Duration,
    is_over: bool,
}

/// Returns all calls of both files.
pub fn calls() -> Vec<Written> {
    let files = [include_str!("composed.txt"), include_str!("unusual.txt")];
    files.into_iter().flat_map(|file| file.split("\n== ").skip(1)).map(read).collect()
}

fn read(text: &'static str) -> Written {
    let (name, lines) = text.split_once('\n').unwrap();
    let mut call = Written { name, ..Written::default() };
    let mut conversations: BTreeMap<&str, Conversation> = BTreeMap::new();
    conversations.insert("a", Conversation { direction: "INBOUND", ..Conversation::default() });
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap();
        match word {
            "ring" => call.rings.push(rest),
            "end" => match rest.split_once(' ').filter(|(id, _)| id.len() == 1) {
                Some((id, end)) => drop(call.ends.insert(id, end)),
                None => call.end = rest,
            },
            "conv" => {
                let mut words = rest.split(' ');
                let (id, direction) = (words.next().unwrap(), words.next().unwrap());
                let mut conversation = Conversation { direction, ..Conversation::default() };
                for (key, value) in words.map(|word| word.split_once('=').unwrap()) {
                    match key {
                        "linked" => conversation.linked = Some(value),
                        "dial" => conversation.dialed = Some(value),
                        key => panic!("{name}: {key}"),
                    }
                }
                conversations.insert(id, conversation);
            }
            _ => {
                let (id, line) = if word.parse::<f64>().is_ok() { ("a", line) } else { (word, rest) };
                conversations.get_mut(id).unwrap().read_state(line);
            }
        }
    }
    for (id, conversation) in conversations {
        conversation.finish(id, &mut call);
    }
    // Within a conversation the order of the file counts: numbers may begin again.
    call.snapshots.sort_by_key(|event| event.state.at);
    call
}

fn reader() -> Reader {
    Reader { connection: "main".try_into().unwrap(), region: Region::US }
}

impl Conversation {
    fn read_state(&mut self, line: &str) {
        let (line, rest) = line.split_once('[').unwrap_or((line, "]"));
        let (systems, marks) = rest.split_once(']').unwrap();
        let mut words = line.split(' ').chain(marks.split(' ')).filter(|word| !word.is_empty());
        let at = Duration::from_secs_f64(words.next().unwrap().parse().unwrap());
        let mut parties = Vec::new();
        self.sequence += 1;
        for word in words {
            if let Some(by) = word.strip_prefix("by=") {
                self.hung_up_by = Some(by.to_owned());
            } else if let Some(number) = word.strip_prefix("seq=") {
                self.sequence = number.parse().unwrap();
            } else if word == "ENDING" {
                self.is_over = true;
            } else {
                let (who, state) = word.rsplit_once(':').unwrap();
                self.active |= state == "I" || state == "C";
                let began = self.began.get_or_insert_with(|| who.to_owned());
                parties.push(party(who, state, began));
            }
        }
        let systems: Vec<Value> = systems.split(' ').filter(|word| !word.is_empty()).map(system).collect();
        let phase = if self.active { "ACTIVE" } else { "STARTING" };
        self.push(at, if self.is_over { "ENDING" } else { phase }, parties, systems);
    }

    fn push(&mut self, at: Duration, phase: &str, parties: Vec<Value>, systems: Vec<Value>) {
        let mut state = json!({
            "id": format!("state-{}", self.states.len()), "sequenceNumber": self.sequence, "type": phase,
            "timestamp": after(epoch(), at).to_string(), "participants": parties,
        });
        if !systems.is_empty() {
            state["interactiveVoiceResponseSystems"] = systems.into();
        }
        if self.states.is_empty() {
            self.created = at;
        }
        self.states.push(state);
        self.ended = at;
    }

    /// Adds the end, and makes the frames and the report.
    fn finish(mut self, id: &str, call: &mut Written) {
        if !self.is_over {
            self.sequence += 1;
            self.push(self.ended + Duration::from_millis(1), "ENDING", Vec::new(), Vec::new());
        }
        let linked: Vec<&str> = self.linked.into_iter().collect();
        let created = after(epoch(), self.created).to_string();
        for state in &self.states {
            let mut metadata = json!({
                "conversationSpaceId": id, "direction": self.direction, "accountKey": "42",
                "callCreated": created, "callInitiator": "DIRECT", "associatedConversations": linked,
            });
            if let Some(dialed) = self.dialed {
                metadata["dialString"] = dialed.into();
            }
            if state["type"] == "ENDING" {
                metadata["hangupOriginatorId"] = self.hung_up_by.clone().into();
            }
            let frame = json!({
                "event": "Notification", "eventId": 1, "timestamp": state["timestamp"],
                "data": { "id": "frame", "source": "call-events", "type": "call-state", "timestamp": state["timestamp"],
                    "ttl": 600, "content": { "metadata": metadata, "state": state } },
            });
            let Ok(Frame::Call(event)) = wire::frame(&frame.to_string(), &reader()) else {
                panic!("{}: {frame}", call.name)
            };
            call.snapshots.push(event);
        }
        let report = json!({
            "conversationSpaceId": id, "callCreated": created,
            "callEnded": after(epoch(), self.ended).to_string(), "callInitiator": "DIRECT", "direction": self.direction,
            "accountKey": "42", "participants": [], "interactiveVoiceResponseSystems": [],
            "associatedConversations": linked, "hangupOriginatorId": self.hung_up_by, "callStates": self.states,
        });
        call.reports.push(wire::report(report.to_string().as_bytes(), &reader()).unwrap());
    }
}

/// Returns a party. `began`: the party that began the conversation.
fn party(who: &str, state: &str, began: &str) -> Value {
    let id = who.trim_start_matches(['@', '?']);
    let bare = id.split(['#', '~', '^']).next().unwrap();
    let outside = |name: &str, number: &str| {
        json!({ "value": "PHONE_NUMBER", "number": "+14165550110", "name": "+14165550110", "callProvider": "PSTN",
            "caller": { "name": name, "number": number } })
    };
    let kind = match who {
        "C" => outside("MAPLE BAKERY", "+16475550101"),
        "C2" => outside("HARBOUR INN", "+19055550103"),
        "L" => {
            json!({ "value": "PHONE_NUMBER", "number": "+14165550110", "callee": { "name": "", "number": "+19025550104" } })
        }
        "bot" => json!({ "value": "VIRTUAL_PARTICIPANT", "name": "Receptionist" }),
        _ if who.starts_with('?') => json!({ "value": id.to_uppercase() }),
        _ if who.starts_with('>') => json!({ "value": "PHONE_NUMBER", "number": "+14165550110",
            "callee": { "name": "", "number": who.trim_start_matches('>') } }),
        _ => {
            let line = id.split('#').next().unwrap();
            let extension = person(if line.contains('^') { line } else { bare }).extension;
            json!({ "value": if who.starts_with('@') { "AGENT" } else { "LINE" }, "name": bare,
                "lineId": format!("line-{line}"), "extensionNumber": extension })
        }
    };
    json!({ "id": id, "legId": id, "originator": began, "status": status(state), "type": kind })
}

fn status(state: &str) -> Value {
    let inner = || state.split_once('(').unwrap().1.trim_end_matches(')');
    let side = |who: &str| {
        json!({ "participantId": who, "extensionNumber": person(who.split('#').next().unwrap()).extension,
        "name": who.split('#').next().unwrap() })
    };
    let destination = |to: &str| match to.starts_with(|c: char| c.is_alphabetic()) {
        true => person(to).extension.unwrap(),
        false => to.to_owned(),
    };
    match state {
        "R" => json!({ "value": "RINGING" }),
        "C" => json!({ "value": "CONNECTED" }),
        "I" => json!({ "value": "IN_INTERACTIVE_VOICE_RESPONSE" }),
        "X" => json!({ "value": "DISCONNECTING" }),
        _ if state.starts_with("H(") => json!({ "value": "ON_HOLD", "initiator": { "participantId": inner() } }),
        _ if state.starts_with("T(") => {
            let (by, to) = inner().split_once('>').unwrap();
            json!({ "value": "IN_DIRECT_TRANSFER", "initiator": side(by), "destination": { "number": destination(to) } })
        }
        _ if state.starts_with("W(") => {
            let (by, to) = inner().split_once('>').unwrap();
            json!({ "value": "IN_WARM_TRANSFER", "initiator": side(by), "transferrer": side(&format!("{by}#9")), "destination": side(to) })
        }
        word => json!({ "value": word }),
    }
}

fn system(word: &str) -> Value {
    let (word, status) = word.strip_suffix('!').map_or((word, "CONNECTED"), |word| (word, "DISCONNECTING"));
    let kind = match word {
        "D" => {
            json!({ "value": "DIAL_PLAN", "dialPlanId": "plan", "currentNode": { "id": "n", "type": "AttendantPromptNode" } })
        }
        "V" => json!({ "value": "VOICEMAIL", "voicemailBoxId": "box" }),
        "V-" => json!({ "value": "VOICEMAIL", "voicemailBoxId": "box", "voicemailStatus": "FAILED" }),
        _ if word.starts_with("V+") => {
            let seconds: u64 = word.trim_start_matches("V+").parse().unwrap();
            json!({ "value": "VOICEMAIL", "voicemailBoxId": "box", "voicemailStatus": "SUCCESS", "folder": "INBOX", "duration": seconds * 1000 })
        }
        _ if word.starts_with("Q:") => {
            let name = word.trim_start_matches("Q:");
            json!({ "value": "CALL_QUEUE", "queueId": name, "queueName": name, "queueType": "BASIC" })
        }
        word => json!({ "value": word }),
    };
    json!({ "id": word, "originator": "C", "status": { "value": status }, "type": kind })
}
