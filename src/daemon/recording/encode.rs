//! Encodes snapshots and reports in GoTo's wire form for a recording, readable by the decoder of `goto::wire`. Pure.
//!
//! Names and numbers of persons are replaced by pseudonyms: the same person has the same pseudonym within one run of
//! the daemon. The key is never stored. Fields used by rules stay: account numbers with labels, queues, extensions,
//! accounts, and country and area of a caller's number. A rule that names a caller or a colleague does not match in a
//! recording.

use crate::model::{
    call::{
        AccountNumber, CallSnapshot, CallSystem, Caller, Participant, ParticipantKind, ParticipantStatus, Person,
        Phase, Report, SnapshotState, SystemKind, TransferParty, VoicemailResult, WireDirection,
    },
    phone::{E164, PhoneNumber, Region},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Leading national digits kept in a pseudonym: the area code.
const AREA_DIGITS: usize = 3;
/// Candidates tried for a number valid in its country.
const MAX_CANDIDATES: u8 = 60;

/// Pseudonyms for names and numbers.
pub struct Pseudonyms([u8; 16]);

impl Pseudonyms {
    /// Creates pseudonyms from `key`, which must be random and not stored.
    #[must_use]
    pub const fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    fn digest(&self, kind: &str, text: &str, attempt: u8) -> [u8; 32] {
        let parts = [&self.0, kind.as_bytes(), &[0, attempt], text.as_bytes()];
        parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
    }

    fn name(&self, kind: &str, text: &Option<String>) -> Option<String> {
        let text = text.as_ref()?;
        let id: String = self.digest(kind, text, 0).iter().take(3).map(|byte| format!("{byte:02x}")).collect();
        Some(format!("{kind} {id}"))
    }

    fn number(&self, number: &PhoneNumber) -> Option<String> {
        match number {
            PhoneNumber::Withheld => None,
            PhoneNumber::Unavailable => Some("unavailable".to_owned()),
            PhoneNumber::Short(short) => Some(short.to_string()),
            PhoneNumber::Unparsed(text) => self.name("unreadable", &Some(text.to_string())),
            PhoneNumber::Known(number) => Some(self.replace_number(number)),
        }
    }

    /// Returns another valid number of the same country and area.
    fn replace_number(&self, number: &E164) -> String {
        let whole = number.expose();
        let country = whole.len().saturating_sub(number.national_digits().len());
        let kept = country.saturating_add(AREA_DIGITS).min(whole.len());
        let candidate = |attempt: u8| -> String {
            let digits = self.digest("number", whole, attempt);
            let tail = digits.iter().map(|byte| char::from(b'0' + byte % 10));
            whole.chars().take(kept).chain(tail.take(whole.len().saturating_sub(kept))).collect()
        };
        let is_valid = |text: &String| {
            let read = PhoneNumber::parse(Some(text), Region::US);
            text != whole && read.as_e164().is_some_and(|it| it.country() == number.country())
        };
        (0..MAX_CANDIDATES).map(candidate).find(is_valid).unwrap_or_else(|| candidate(0))
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

/// Encodes a snapshot like a GoTo push.
#[must_use]
pub fn encode_snapshot(event: &CallSnapshot, names: &Pseudonyms) -> Value {
    let metadata = json!({
        "conversationSpaceId": event.call, "accountKey": event.account, "direction": direction(&event.direction),
        "callCreated": event.created_at, "hangupOriginatorId": event.hung_up_by, "associatedConversations": event.linked,
        "dialString": event.dialed.as_ref().and_then(|dialed| names.number(dialed)),
    });
    let ours = event.direction == WireDirection::Inbound;
    let state = state(&event.state, ours, names);
    json!({ "data": {
        "source": "call-events", "type": "call-state", "timestamp": event.state.at,
        "content": { "metadata": metadata, "state": state },
    } })
}

/// Encodes a report like a GoTo push.
#[must_use]
pub fn encode_report(report: &Report, names: &Pseudonyms) -> Value {
    let people: Vec<Value> = report.people.iter().map(|it| json!({ "type": names.person("LINE", it) })).collect();
    json!({ "data": {
        "source": "call-events-report", "type": "REPORT_SUMMARY", "timestamp": report.ended_at,
        "content": {
            "conversationSpaceId": report.call, "accountKey": report.account,
            "direction": direction(&report.direction), "callCreated": report.created_at,
            "callAnswered": report.answered_at, "callEnded": report.ended_at,
            "caller": report.caller.as_ref().map(|caller| names.caller(caller)),
            "callerOutcome": report.outcome, "participants": people,
        },
    } })
}

fn direction(direction: &WireDirection) -> &str {
    match direction {
        WireDirection::Inbound => "INBOUND",
        WireDirection::Outbound => "OUTBOUND",
        WireDirection::Other(word) => word,
    }
}

fn state(state: &SnapshotState, inbound: bool, names: &Pseudonyms) -> Value {
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
        ParticipantKind::PhoneNumber { account_number: ours, caller, callee } => {
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

fn status(status: &ParticipantStatus, names: &Pseudonyms) -> Value {
    let word = match status {
        ParticipantStatus::Ringing => "RINGING",
        ParticipantStatus::Connected => "CONNECTED",
        ParticipantStatus::InSystem => "IN_INTERACTIVE_VOICE_RESPONSE",
        ParticipantStatus::OnHold { by } => {
            let initiator = by.as_ref().map(|by| json!({ "participantId": by }));
            return json!({ "value": "ON_HOLD", "initiator": initiator });
        }
        ParticipantStatus::InTransfer(transfer) => {
            let side = |side: &Option<TransferParty>| side.as_ref().map(|it| transfer_party(it, names));
            return json!({
                "value": if transfer.warm { "IN_WARM_TRANSFER" } else { "IN_DIRECT_TRANSFER" },
                "initiator": side(&transfer.initiator), "transferrer": side(&transfer.transferrer),
                "destination": side(&transfer.destination),
            });
        }
        ParticipantStatus::Disconnecting => "DISCONNECTING",
        ParticipantStatus::Disconnected => "DISCONNECTED",
        ParticipantStatus::Other(word) => word,
    };
    json!({ "value": word })
}

/// Encodes one side of a transfer. A destination longer than an extension is a person's number.
fn transfer_party(side: &TransferParty, names: &Pseudonyms) -> Value {
    let number = side.extension.as_ref().and_then(|it| names.number(&PhoneNumber::parse(Some(it), Region::US)));
    json!({
        "participantId": side.participant, "conversationSpaceId": side.conversation, "extensionNumber": number,
        "name": names.name("Person", &side.name),
    })
}

/// Encodes the outside line. On calls that are not inbound, the number may be the far side's.
fn outside(ours: &AccountNumber, caller: Option<&Caller>, inbound: bool, names: &Pseudonyms) -> Value {
    let (number, label) = match (inbound, &ours.number) {
        (true, PhoneNumber::Known(number)) => (Some(number.expose().to_owned()), ours.label.clone()),
        (true, other) => (names.number(other), ours.label.clone()),
        (false, other) => (names.number(other), names.name("Line", &ours.label)),
    };
    let caller = caller.map(|caller| names.caller(caller));
    json!({ "value": "PHONE_NUMBER", "number": number, "name": label, "caller": caller })
}

fn system(system: &CallSystem, names: &Pseudonyms) -> Value {
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

    /// Decodes the frames of all recordings in tests/calls.
    fn recorded_frames() -> Vec<Frame> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls/real");
        let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
        let texts = files.filter(|path| path.extension().is_some_and(|it| it == "jsonl")).map(fs::read_to_string);
        let frames = texts.flat_map(|text| {
            let text = text.unwrap();
            text.lines().filter_map(|line| wire::frame(line, &reader()).ok()).collect::<Vec<_>>()
        });
        frames.collect()
    }

    fn reencode(frame: &Frame, names: &Pseudonyms) -> Option<(String, Frame)> {
        let value = match frame {
            Frame::Call(event) => encode_snapshot(event, names),
            Frame::Report(it) => encode_report(it, names),
            Frame::ReportReady(_) | Frame::RefreshRequired | Frame::ToBeClosed | Frame::Foreign => return None,
        };
        Some((value.to_string(), wire::frame(&value.to_string(), &reader()).unwrap()))
    }

    /// Formats a frame without names and numbers.
    fn without_persons(frame: &Frame) -> String {
        let mut frame = frame.clone();
        let blank = |caller: &mut Caller| *caller = Caller { name: None, number: PhoneNumber::Withheld };
        match &mut frame {
            Frame::Report(report) => {
                report.caller.iter_mut().for_each(blank);
                report.people.iter_mut().for_each(|person| person.name = None);
            }
            Frame::Call(event) => {
                event.dialed = None;
                for party in &mut event.state.participants {
                    if let ParticipantStatus::InTransfer(transfer) = &mut party.status {
                        let sides = [&mut transfer.initiator, &mut transfer.transferrer, &mut transfer.destination];
                        sides.into_iter().flatten().for_each(|side| side.name = None);
                    }
                    match &mut party.kind {
                        ParticipantKind::PhoneNumber { caller, account_number: ours, callee } => {
                            callee.iter_mut().for_each(blank);
                            caller.iter_mut().for_each(blank);
                            if event.direction != WireDirection::Inbound {
                                *ours = AccountNumber { number: PhoneNumber::Withheld, label: None };
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
    fn encoded_frame_differs_only_in_persons() {
        let names = Pseudonyms::new([7; 16]);
        let frames = recorded_frames();
        assert!(frames.len() >= 10);
        for frame in &frames {
            let Some((text, read)) = reencode(frame, &names) else { continue };
            assert_eq!(without_persons(&read), without_persons(frame));
            for secret in ["5550101", "MAPLE", "Nadia", "Marisol"] {
                assert!(!text.contains(secret), "{secret}: {text}");
            }
        }
    }

    /// The conversation of `direct-answered`.
    const CALL_OF_ONE_CALLER: &str = "f6aaacb6-a482-3adf-9c29-5e94436bb401";

    #[test]
    fn pseudonym_is_stable_within_a_run_and_differs_between_runs() {
        let frames = recorded_frames();
        let numbers = |key: u8| -> std::collections::BTreeSet<String> {
            let names = Pseudonyms::new([key; 16]);
            let known = |caller: &Caller| caller.number.as_e164().map(|it| it.expose().to_owned());
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
                .filter(|it| format!("{it:?}").contains(CALL_OF_ONE_CALLER))
                .filter_map(|frame| reencode(frame, &names))
                .flat_map(|(_, frame)| of(frame))
                .collect()
        };
        let (one, other) = (numbers(1), numbers(2));
        assert_eq!((one.len(), other.len()), (1, 1));
        assert_ne!(one, other);
        let number = one.first().unwrap();
        assert!(number.starts_with("+1647") && number.len() == 12, "{number}");
    }

    #[test]
    fn pseudonym_number_is_valid_in_the_same_country() {
        let names = Pseudonyms::new([3; 16]);
        for text in ["+15145550199", "+442079460000", "+4930123456", "+33142685300", "+390612345678", "+6565550100"] {
            let number = PhoneNumber::parse(Some(text), Region::US);
            let other = names.number(&number).unwrap();
            let read = PhoneNumber::parse(Some(&other), Region::US);
            assert_ne!(other, text);
            assert_eq!(read.as_e164().unwrap().country(), number.as_e164().unwrap().country(), "{text}");
        }
        assert_eq!(names.number(&PhoneNumber::Withheld), None);
        assert_eq!(names.number(&PhoneNumber::parse(Some("1015"), Region::US)).as_deref(), Some("1015"));
        let odd = names.number(&PhoneNumber::parse(Some("sip:alice@x"), Region::US)).unwrap();
        assert!(odd.starts_with("unreadable ") && !odd.contains("alice"));
    }
}
