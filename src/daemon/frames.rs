//! A call as a frame once more, for a recording: in GoTo's form, so that what reads GoTo reads it, and without what names
//! a person. Pure. Callers and colleagues get names and numbers in the place of theirs, the same for the same within one
//! run of the daemon, so that what belongs together still does; the key of that is never written down.
//!
//! What rules ask about stays as it is: our own numbers with their labels, queues, extensions, accounts, and of a caller's
//! number its country and area. A rule that names a caller or a colleague does not match in a recording.

use crate::model::{
    call::{
        CallEvent, CallState, Caller, Direction, OurNumber, Participant, ParticipantKind, Person, Phase, Report,
        Status, System, SystemKind, TransferParty, VoicemailResult,
    },
    phone::{E164, Number, Region},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Digits of a national number that stay: the area.
const AREA: usize = 3;
/// Numbers that are tried for one that its country has.
const TRIES: u8 = 60;

/// Names and numbers in the place of others.
pub struct Pseudonyms([u8; 16]);

impl Pseudonyms {
    /// Those of a key, which must be of chance and kept nowhere.
    #[must_use]
    pub const fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    fn digest(&self, kind: &str, text: &str, turn: u8) -> [u8; 32] {
        let parts = [&self.0, kind.as_bytes(), &[0, turn], text.as_bytes()];
        parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
    }

    fn name(&self, kind: &str, text: &Option<String>) -> Option<String> {
        let text = text.as_ref()?;
        let id: String = self.digest(kind, text, 0).iter().take(3).map(|byte| format!("{byte:02x}")).collect();
        Some(format!("{kind} {id}"))
    }

    fn number(&self, number: &Number) -> Option<String> {
        match number {
            Number::Withheld => None,
            Number::Short(short) => Some(short.to_string()),
            Number::Unreadable(text) => self.name("unreadable", &Some(text.to_string())),
            Number::Known(number) => Some(self.known(number)),
        }
    }

    /// Another number of the same area that its country could have given out.
    fn known(&self, number: &E164) -> String {
        let whole = number.expose();
        let country = whole.len().saturating_sub(number.national().len());
        let kept = country.saturating_add(AREA).min(whole.len());
        let other = |turn: u8| -> String {
            let digits = self.digest("number", whole, turn);
            let tail = digits.iter().map(|byte| char::from(b'0' + byte % 10));
            whole.chars().take(kept).chain(tail.take(whole.len().saturating_sub(kept))).collect()
        };
        let fits = |text: &String| {
            let read = Number::read(Some(text), Region::US);
            text != whole && read.known().is_some_and(|it| it.country() == number.country())
        };
        (0..TRIES).map(other).find(fits).unwrap_or_else(|| other(0))
    }

    fn caller(&self, caller: &Caller) -> Value {
        json!({ "name": self.name("Caller", &caller.name), "number": self.number(&caller.number) })
    }

    fn person(&self, kind: &str, person: &Person) -> Value {
        json!({
            "value": kind, "name": self.name("Person", &person.name), "extensionNumber": person.extension,
            "lineId": person.line,
        })
    }
}

/// A snapshot as GoTo pushes it.
#[must_use]
pub fn call(event: &CallEvent, names: &Pseudonyms) -> Value {
    let metadata = json!({
        "conversationSpaceId": event.call, "accountKey": event.account, "direction": direction(&event.direction),
        "callCreated": event.created, "hangupOriginatorId": event.hung_up_by, "associatedConversations": event.linked,
        "dialString": event.dialed.as_ref().and_then(|dialed| names.number(dialed)),
    });
    let ours = event.direction == Direction::Inbound;
    let state = state(&event.state, ours, names);
    json!({ "data": {
        "source": "call-events", "type": "call-state", "timestamp": event.state.at,
        "content": { "metadata": metadata, "state": state },
    } })
}

/// A report as GoTo pushes it.
#[must_use]
pub fn report(report: &Report, names: &Pseudonyms) -> Value {
    let people: Vec<Value> = report.people.iter().map(|it| json!({ "type": names.person("LINE", it) })).collect();
    json!({ "data": {
        "source": "call-events-report", "type": "REPORT_SUMMARY", "timestamp": report.ended,
        "content": {
            "conversationSpaceId": report.call, "accountKey": report.account,
            "direction": direction(&report.direction), "callCreated": report.created,
            "callAnswered": report.answered, "callEnded": report.ended,
            "caller": report.caller.as_ref().map(|caller| names.caller(caller)),
            "callerOutcome": report.outcome, "participants": people,
        },
    } })
}

fn direction(direction: &Direction) -> &str {
    match direction {
        Direction::Inbound => "INBOUND",
        Direction::Outbound => "OUTBOUND",
        Direction::Other(word) => word,
    }
}

fn state(state: &CallState, inbound: bool, names: &Pseudonyms) -> Value {
    let phase = match &state.phase {
        Phase::Starting => "STARTING",
        Phase::Active => "ACTIVE",
        Phase::Ending => "ENDING",
        Phase::Other(word) => word,
    };
    let parties: Vec<Value> = state.participants.iter().map(|it| participant(it, inbound, names)).collect();
    let systems: Vec<Value> = state.systems.iter().map(|it| system(it, names)).collect();
    let recordings = if state.recorded { json!([{}]) } else { json!([]) };
    json!({
        "type": phase, "sequenceNumber": state.sequence, "timestamp": state.at, "participants": parties,
        "interactiveVoiceResponseSystems": systems, "recordings": recordings,
    })
}

fn participant(party: &Participant, inbound: bool, names: &Pseudonyms) -> Value {
    let kind = match &party.kind {
        ParticipantKind::PhoneNumber { ours, caller, callee } => {
            let mut outside = outside(ours, caller.as_ref(), inbound, names);
            if let (Some(callee), Some(fields)) = (callee, outside.as_object_mut()) {
                fields.insert("callee".to_owned(), names.caller(callee));
            }
            outside
        }
        ParticipantKind::Line(person) => names.person("LINE", person),
        ParticipantKind::Agent(person) => names.person("AGENT", person),
        ParticipantKind::Virtual(name) => json!({ "value": "VIRTUAL_PARTICIPANT", "name": names.name("Party", name) }),
        ParticipantKind::Other { value, caller } => {
            json!({ "value": value, "caller": caller.as_ref().map(|caller| names.caller(caller)) })
        }
    };
    json!({
        "id": party.id, "legId": party.leg, "originator": party.originator, "type": kind,
        "status": status(&party.status, names),
    })
}

fn status(status: &Status, names: &Pseudonyms) -> Value {
    let word = match status {
        Status::Ringing => "RINGING",
        Status::Connected => "CONNECTED",
        Status::InSystem => "IN_INTERACTIVE_VOICE_RESPONSE",
        Status::OnHold { by } => {
            let initiator = by.as_ref().map(|by| json!({ "participantId": by }));
            return json!({ "value": "ON_HOLD", "initiator": initiator });
        }
        Status::InTransfer(transfer) => {
            let side = |side: &Option<TransferParty>| side.as_ref().map(|it| transfer_party(it, names));
            return json!({
                "value": if transfer.warm { "IN_WARM_TRANSFER" } else { "IN_DIRECT_TRANSFER" },
                "initiator": side(&transfer.initiator), "transferrer": side(&transfer.transferrer),
                "destination": side(&transfer.destination),
            });
        }
        Status::Disconnecting => "DISCONNECTING",
        Status::Disconnected => "DISCONNECTED",
        Status::Other(word) => word,
    };
    json!({ "value": word })
}

/// A side of a transfer. A destination that is longer than an extension is a caller's number.
fn transfer_party(side: &TransferParty, names: &Pseudonyms) -> Value {
    let number = side.extension.as_ref().and_then(|it| names.number(&Number::read(Some(it), Region::US)));
    json!({
        "participantId": side.participant, "conversationSpaceId": side.conversation, "extensionNumber": number,
        "name": names.name("Person", &side.name),
    })
}

/// The outside line. Of a call that does not come in, the number may be that of the other side.
fn outside(ours: &OurNumber, caller: Option<&Caller>, inbound: bool, names: &Pseudonyms) -> Value {
    let (number, label) = match (inbound, &ours.number) {
        (true, Number::Known(number)) => (Some(number.expose().to_owned()), ours.label.clone()),
        (true, other) => (names.number(other), ours.label.clone()),
        (false, other) => (names.number(other), names.name("Line", &ours.label)),
    };
    let caller = caller.map(|caller| names.caller(caller));
    json!({ "value": "PHONE_NUMBER", "number": number, "name": label, "caller": caller })
}

fn system(system: &System, names: &Pseudonyms) -> Value {
    let kind = match &system.kind {
        SystemKind::Queue(queue) => {
            json!({ "value": "CALL_QUEUE", "queueName": queue.name, "extensionNumber": queue.extension })
        }
        SystemKind::DialPlan => json!({ "value": "DIAL_PLAN" }),
        SystemKind::Voicemail { result, length } => {
            let result = result.as_ref().map(|result| match result {
                VoicemailResult::Success => "SUCCESS",
                VoicemailResult::Failed => "FAILED",
                VoicemailResult::Other(word) => word,
            });
            let length = length.and_then(|length| u64::try_from(length.as_millis()).ok());
            json!({ "value": "VOICEMAIL", "voicemailStatus": result, "duration": length })
        }
        SystemKind::Other(value) => json!({ "value": value }),
    };
    json!({ "type": kind, "status": status(&system.status, names) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goto::wire::{self, Frame, Reader};
    use std::{fs, path::Path};

    fn reader() -> Reader {
        Reader { connection: "main".try_into().unwrap(), region: Region::US }
    }

    /// The frames of all recordings that the tests have.
    fn recorded() -> Vec<Frame> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls");
        let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
        let texts = files.filter(|path| path.extension().is_some_and(|it| it == "jsonl")).map(fs::read_to_string);
        let frames = texts.flat_map(|text| {
            let text = text.unwrap();
            text.lines().filter_map(|line| wire::frame(line, &reader()).ok()).collect::<Vec<_>>()
        });
        frames.collect()
    }

    fn again(frame: &Frame, names: &Pseudonyms) -> Option<(String, Frame)> {
        let value = match frame {
            Frame::Call(event) => call(event, names),
            Frame::Report(it) => report(it, names),
            Frame::ReportReady(_) | Frame::RefreshRequired | Frame::ToBeClosed | Frame::Foreign => return None,
        };
        Some((value.to_string(), wire::frame(&value.to_string(), &reader()).unwrap()))
    }

    /// What is left of a frame without names and numbers.
    fn bare(frame: &Frame) -> String {
        let mut frame = frame.clone();
        let blank = |caller: &mut Caller| *caller = Caller { name: None, number: Number::Withheld };
        match &mut frame {
            Frame::Report(report) => {
                report.caller.iter_mut().for_each(blank);
                report.people.iter_mut().for_each(|person| person.name = None);
            }
            Frame::Call(event) => {
                event.dialed = None;
                for party in &mut event.state.participants {
                    match &mut party.kind {
                        ParticipantKind::PhoneNumber { caller, ours, callee } => {
                            callee.iter_mut().for_each(blank);
                            caller.iter_mut().for_each(blank);
                            if event.direction != Direction::Inbound {
                                *ours = OurNumber { number: Number::Withheld, label: None };
                            }
                        }
                        ParticipantKind::Other { caller, .. } => caller.iter_mut().for_each(blank),
                        ParticipantKind::Line(person) | ParticipantKind::Agent(person) => person.name = None,
                        ParticipantKind::Virtual(name) => *name = None,
                    }
                }
            }
            Frame::ReportReady(_) | Frame::RefreshRequired | Frame::ToBeClosed | Frame::Foreign => {}
        }
        format!("{frame:?}")
    }

    #[test]
    fn a_recorded_frame_says_the_same_again_but_for_who_it_is() {
        let names = Pseudonyms::new([7; 16]);
        let frames = recorded();
        assert!(frames.len() >= 10);
        for frame in &frames {
            let Some((text, read)) = again(frame, &names) else { continue };
            assert_eq!(bare(&read), bare(frame));
            for secret in ["5550142", "DUBOIS", "Bob Roy", "Eve"] {
                assert!(!text.contains(secret), "{secret}: {text}");
            }
        }
    }

    #[test]
    fn one_caller_is_one_other_caller_throughout_and_another_in_another_run() {
        let frames = recorded();
        let numbers = |key: u8| -> std::collections::BTreeSet<String> {
            let names = Pseudonyms::new([key; 16]);
            let known = |caller: &Caller| caller.number.known().map(|it| it.expose().to_owned());
            let of = |frame: Frame| match frame {
                Frame::Report(report) => report.caller.as_ref().and_then(known).into_iter().collect::<Vec<_>>(),
                Frame::Call(event) => {
                    let parties = event.state.participants.iter().filter_map(|party| match &party.kind {
                        ParticipantKind::PhoneNumber { caller: Some(caller), .. } => known(caller),
                        _ => None,
                    });
                    parties.collect()
                }
                _ => Vec::new(),
            };
            frames
                .iter()
                .filter(|it| format!("{it:?}").contains("unanswered-1") || bare(it).contains("voicemail-1"))
                .filter_map(|frame| again(frame, &names))
                .flat_map(|(_, frame)| of(frame))
                .collect()
        };
        let (one, other) = (numbers(1), numbers(2));
        assert_eq!((one.len(), other.len()), (1, 1));
        assert_ne!(one, other);
        let number = one.first().unwrap();
        assert!(number.starts_with("+1514") && number.len() == 12, "{number}");
    }

    #[test]
    fn a_number_in_the_place_of_another_is_one_of_its_country() {
        let names = Pseudonyms::new([3; 16]);
        for text in ["+15145550199", "+442079460000", "+4930123456", "+33142685300", "+390612345678", "+6565550100"] {
            let number = Number::read(Some(text), Region::US);
            let other = names.number(&number).unwrap();
            let read = Number::read(Some(&other), Region::US);
            assert_ne!(other, text);
            assert_eq!(read.known().unwrap().country(), number.known().unwrap().country(), "{text}");
        }
        assert_eq!(names.number(&Number::Withheld), None);
        assert_eq!(names.number(&Number::read(Some("1015"), Region::US)).as_deref(), Some("1015"));
        let odd = names.number(&Number::read(Some("sip:alice@x"), Region::US)).unwrap();
        assert!(odd.starts_with("unreadable ") && !odd.contains("alice"));
    }
}
