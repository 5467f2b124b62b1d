//! Whole calls of `composed.txt`, played through the wire reader: live, by their report alone, and with every loss.

use super::{
    harness::{Harness, Input, end},
    script::{epoch, person},
};
use crate::{
    goto::wire::{self, Frame, Reader},
    model::{
        call::{CallDirection, CallSnapshot, CallUpdate, Report, StatusKind, TalkParty},
        phone::Region,
        time::{after, elapsed},
    },
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// A call of the file.
#[derive(Debug, Default)]
struct Composed {
    name: &'static str,
    rings: Vec<&'static str>,
    end: &'static str,
    snapshots: Vec<CallSnapshot>,
    reports: Vec<Report>,
}

/// A conversation while it is read.
#[derive(Debug, Clone)]
struct Conversation {
    direction: &'static str,
    linked: Option<&'static str>,
    states: Vec<Value>,
    active: bool,
    began: Option<String>,
    hung_up_by: Option<String>,
    ended: Duration,
}

fn calls() -> Vec<Composed> {
    include_str!("composed.txt").split("\n== ").skip(1).map(read).collect()
}

fn read(text: &'static str) -> Composed {
    let (name, lines) = text.split_once('\n').unwrap();
    let mut call = Composed { name, ..Composed::default() };
    let mut conversations: BTreeMap<&str, Conversation> = BTreeMap::new();
    let new = |direction, linked| Conversation {
        direction,
        linked,
        states: Vec::new(),
        active: false,
        began: None,
        hung_up_by: None,
        ended: Duration::ZERO,
    };
    conversations.insert("a", new("INBOUND", None));
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap();
        match word {
            "ring" => call.rings.push(rest),
            "end" => call.end = rest,
            "conv" => {
                let mut words = rest.split(' ');
                let (id, direction) = (words.next().unwrap(), words.next().unwrap());
                let linked = words.next().map(|it| it.strip_prefix("linked=").unwrap());
                conversations.insert(id, new(direction, linked));
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
    call.snapshots.sort_by_key(|event| (event.state.at, event.call.clone(), event.state.sequence));
    call
}

fn reader() -> Reader {
    Reader { connection: "main".try_into().unwrap(), region: Region::US }
}

impl Conversation {
    fn read_state(&mut self, line: &str) {
        let (line, systems) =
            line.split_once(" [").map_or((line, ""), |(line, rest)| (line, rest.trim_end_matches(']')));
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let at = Duration::from_secs_f64(words.next().unwrap().parse().unwrap());
        let mut parties = Vec::new();
        for word in words {
            match word.strip_prefix("by=") {
                Some(by) => self.hung_up_by = Some(by.to_owned()),
                None => {
                    let (who, state) = word.rsplit_once(':').unwrap();
                    self.active |= state == "I" || state == "C";
                    let began = self.began.get_or_insert_with(|| who.to_owned());
                    parties.push(party(who, state, began));
                }
            }
        }
        let systems: Vec<Value> = systems.split(' ').filter(|word| !word.is_empty()).map(system).collect();
        self.push(at, if self.active { "ACTIVE" } else { "STARTING" }, parties, systems);
    }

    fn push(&mut self, at: Duration, phase: &str, parties: Vec<Value>, systems: Vec<Value>) {
        let sequence = self.states.len() + 1;
        let mut state = json!({
            "id": format!("state-{sequence}"), "sequenceNumber": sequence, "type": phase,
            "timestamp": after(epoch(), at).to_string(), "participants": parties,
        });
        if !systems.is_empty() {
            state["interactiveVoiceResponseSystems"] = systems.into();
        }
        self.states.push(state);
        self.ended = at;
    }

    /// Adds the end, and makes the frames and the report.
    fn finish(mut self, id: &str, call: &mut Composed) {
        self.push(self.ended + Duration::from_millis(1), "ENDING", Vec::new(), Vec::new());
        let linked: Vec<&str> = self.linked.into_iter().collect();
        for state in &self.states {
            let mut metadata = json!({
                "conversationSpaceId": id, "direction": self.direction, "accountKey": "42",
                "callCreated": epoch().to_string(), "callInitiator": "DIRECT", "associatedConversations": linked,
            });
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
            "conversationSpaceId": id, "callCreated": epoch().to_string(),
            "callEnded": after(epoch(), self.ended).to_string(), "callInitiator": "DIRECT", "direction": self.direction,
            "accountKey": "42", "participants": [], "interactiveVoiceResponseSystems": [],
            "associatedConversations": linked, "hangupOriginatorId": self.hung_up_by, "callStates": self.states,
        });
        call.reports.push(wire::report(report.to_string().as_bytes(), &reader()).unwrap());
    }
}

/// `began`: who began the conversation.
fn party(who: &str, state: &str, began: &str) -> Value {
    let id = who.trim_start_matches('@');
    let bare = id.split(['#', '~']).next().unwrap();
    let kind = match who {
        "C" => {
            json!({ "value": "PHONE_NUMBER", "number": "+14165550110", "name": "+14165550110", "callProvider": "PSTN",
            "caller": { "name": "MAPLE BAKERY", "number": "+16475550101" } })
        }
        "L" => {
            json!({ "value": "PHONE_NUMBER", "number": "+14165550110", "callee": { "name": "", "number": "+19025550104" } })
        }
        "bot" => json!({ "value": "VIRTUAL_PARTICIPANT", "name": "Receptionist" }),
        _ if who.starts_with('>') => json!({ "value": "PHONE_NUMBER", "number": "+14165550110",
            "callee": { "name": "", "number": who.trim_start_matches('>') } }),
        _ => json!({ "value": if who.starts_with('@') { "AGENT" } else { "LINE" }, "name": bare,
            "lineId": format!("line-{}", id.split('#').next().unwrap()), "extensionNumber": person(bare).extension }),
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

/// Returns whether an update is of the call itself. The call has the id of its consultation if that was received first.
fn is_of_call(update: &CallUpdate) -> bool {
    update.call.id.as_str() == "a" || update.call.direction == CallDirection::Inbound
}

impl Composed {
    fn harness(&self, has_reports: bool) -> Harness {
        let mut harness = Harness::new(epoch());
        for report in self.reports.iter().filter(|_| has_reports) {
            let ready = elapsed(epoch(), report.ended_at.unwrap()) + Duration::from_secs(90);
            harness.reports.insert(report.call.clone(), (ready, report.clone()));
            harness.plan(ready, Input::ReportReady(report.call.clone()));
        }
        harness
    }

    fn of(&self, events: impl IntoIterator<Item = CallSnapshot>, has_reports: bool) -> Harness {
        let mut harness = self.harness(has_reports);
        events.into_iter().for_each(|event| harness.push(event));
        harness.run(Duration::from_secs(900));
        harness
    }

    /// What an update claims that is not true: a missed call that a person answered, or a partner who was never connected.
    fn false_claim(&self, update: &CallUpdate) -> Option<String> {
        let talked = self.end.contains("with ");
        let claims_miss = update.status.kind() == StatusKind::Missed && (talked || self.end.contains("voicemail"));
        let wrong = update.call.course.talks.iter().any(|talk| {
            let name = match &talk.with {
                TalkParty::Person(person) => person.name.clone().unwrap_or_default(),
                TalkParty::Outside(_) => "outside".to_owned(),
            };
            !self.end.contains(&format!("with {name} "))
        });
        (claims_miss || wrong).then(|| end(update))
    }

    /// The last end of the call itself.
    fn end_of(&self, harness: &Harness) -> Option<String> {
        let updates = harness.updates.iter().map(|(_, update)| update).rev().chain(&harness.from_reports);
        let mut ends = updates.filter(|it| is_of_call(it) && it.status.kind().is_final());
        ends.next().map(end)
    }

    /// Returns the false claims of all updates. A consultation whose call is lost counts as a separate call.
    fn false_claims(&self, harness: &Harness) -> Vec<String> {
        let updates = harness.updates.iter().map(|(_, update)| update).chain(&harness.from_reports);
        let updates = updates.filter(|update| is_of_call(update));
        updates.filter_map(|update| self.false_claim(update)).collect()
    }
}

#[test]
fn composed_calls_are_emitted_as_a_person_reads_them() {
    let mut odd = Vec::new();
    for call in calls() {
        for has_reports in [false, true] {
            let harness = call.of(call.snapshots.clone(), has_reports);
            let (rings, end) = (harness.phone_rings(), harness.end().unwrap_or_default());
            if rings != call.rings || end != call.end {
                odd.push(format!("{} ({has_reports}):\n  {rings:#?}\n  {end}\n  {}", call.name, call.end));
            }
        }
    }
    assert!(odd.is_empty(), "{}", odd.join("\n"));
    assert!(calls().len() >= 40);
}

#[test]
fn reports_of_composed_calls_give_the_same_ends() {
    let mut odd = Vec::new();
    for call in calls() {
        let end = call.end_of(&call.of([], true)).unwrap_or_default();
        if end != call.end {
            odd.push(format!("{}:\n  {end}\n  {}", call.name, call.end));
        }
    }
    assert!(odd.is_empty(), "{}", odd.join("\n"));
}

#[test]
fn doubled_and_shuffled_snapshots_of_composed_calls_give_the_same_ends() {
    for call in calls() {
        let mut harness = call.harness(true);
        for (at, event) in (0_u64..).zip(&call.snapshots) {
            for spread in [7_919, 209_458] {
                let late = Duration::from_millis(at * spread % 2_500);
                harness.plan(elapsed(epoch(), event.state.at.unwrap()) + late, Input::Snapshot(event.clone().into()));
            }
        }
        harness.run(Duration::from_secs(900));
        assert_eq!(call.end_of(&harness).as_deref(), Some(call.end), "{}", call.name);
        assert_eq!(call.false_claims(&harness), [""; 0], "{}", call.name);
    }
}

#[test]
fn second_call_of_the_same_caller_is_a_call_of_its_own() {
    let find = |name: &str| calls().into_iter().find(|call| call.name == name).unwrap();
    let first = find("caller who hangs up on hold");
    let second = find("two devices of one person, the second answers");
    let mut harness = Harness::new(epoch());
    for event in first.snapshots {
        harness.push(event);
    }
    for mut event in second.snapshots {
        event.call = "second".try_into().unwrap();
        event.state.at = event.state.at.map(|at| after(at, Duration::from_secs(7)));
        harness.push(event);
    }
    harness.run(Duration::from_secs(900));
    let ends = |id: &str| -> Vec<String> {
        let of_call = harness.updates.iter().filter(|(_, it)| it.call.id.as_str() == id && it.status.kind().is_final());
        of_call.map(|(_, it)| end(it)).collect()
    };
    assert_eq!(ends("a"), [first.end]);
    assert_eq!(ends("second"), [second.end]);
}

#[test]
fn composed_calls_with_losses_claim_nothing_false() {
    let mut odd = Vec::new();
    for call in calls() {
        let count = call.snapshots.len();
        let losses = (0..count).map(|lost| (lost..lost + 1, false)).chain((1..count).map(|from| (0..from, true)));
        for (lost, is_half) in losses.chain((1..count).map(|from| (from..count, true))) {
            let rest =
                || call.snapshots.iter().enumerate().filter(|(at, _)| !lost.contains(at)).map(|(_, it)| it.clone());
            let (without, with) = (call.of(rest(), false), call.of(rest(), true));
            let mut claims = call.false_claims(&without);
            claims.extend(call.false_claims(&with));
            if !claims.is_empty() {
                odd.push(format!("{} without {lost:?} ({is_half}): {claims:?}", call.name));
            } else if call.end_of(&with).as_deref() != Some(call.end) {
                odd.push(format!(
                    "{} without {lost:?}:\n  {}\n  {}",
                    call.name,
                    call.end_of(&with).unwrap_or_default(),
                    call.end
                ));
            }
        }
    }
    assert!(odd.is_empty(), "{}\n{}", odd.len(), odd.join("\n"));
}
