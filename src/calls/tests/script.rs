//! Writes calls as GoTo would push them, by the grammar of its walks, and records the truth about them.

mod end;
mod transfers;

use crate::model::{
    call::{
        AccountNumber, CallSnapshot, CallSystem, Caller, Participant, ParticipantKind, ParticipantStatus, Person,
        Phase, Queue, SnapshotState, SystemKind, VoicemailResult, WireDirection,
    },
    ids::{ConversationSpaceId, ParticipantId},
    phone::{PhoneNumber, Region},
    time::{Timestamp, after},
};
use std::time::Duration;

/// Returns the time at 0.
pub fn epoch() -> Timestamp {
    "2026-11-03T09:00:00Z".parse().unwrap()
}

/// Truth about a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// People who talked, each with the milliseconds of the talk, in order.
    pub talks: Vec<(String, u64)>,
    pub rang: Vec<String>,
    pub message: bool,
    pub menu_only: bool,
    pub callback: bool,
}

/// A phone of the call.
#[derive(Debug, Clone)]
struct Phone {
    name: String,
    id: ParticipantId,
    kind: ParticipantKind,
    status: ParticipantStatus,
}

/// A call being written.
#[derive(Debug, Clone)]
pub struct Script {
    pub now: u64,
    pub snapshots: Vec<CallSnapshot>,
    pub truth: Truth,
    id: ConversationSpaceId,
    active: bool,
    caller: ParticipantStatus,
    phones: Vec<Phone>,
    plans: usize,
    queue: Option<Queue>,
    voicemail: Option<SystemKind>,
    participants: usize,
    pub linked: Vec<ConversationSpaceId>,
    /// Whether the call was handed on, without an answer since.
    pending: bool,
    hung_up_by: Option<ParticipantId>,
}

pub fn person(name: &str) -> Person {
    let number = name.bytes().fold(0_u32, |sum, byte| sum * 7 % 900 + u32::from(byte));
    Person { name: Some(name.into()), extension: Some(format!("2{number:03}")), line: Some(format!("line-{name}")) }
}

impl Script {
    /// Starts an inbound call whose caller rings.
    pub fn inbound() -> Self {
        let mut script = Self {
            now: 0,
            snapshots: Vec::new(),
            truth: Truth::default(),
            id: "call".try_into().unwrap(),
            active: false,
            caller: ParticipantStatus::Ringing,
            phones: Vec::new(),
            plans: 0,
            queue: None,
            voicemail: None,
            participants: 0,
            linked: Vec::new(),
            pending: false,
            hung_up_by: None,
        };
        script.snap();
        script
    }

    /// Appends a snapshot of the present state.
    pub fn snap(&mut self) {
        let caller =
            Caller { name: Some("MAPLE BAKERY".into()), number: PhoneNumber::parse(Some("+16475550101"), Region::US) };
        let ours = AccountNumber { number: PhoneNumber::parse(Some("+14165550110"), Region::US), label: None };
        let kind = ParticipantKind::PhoneNumber { account_number: ours, caller: Some(caller), callee: None };
        let began: ParticipantId = "caller".try_into().unwrap();
        let party = |id: &ParticipantId, kind, status| Participant {
            id: Some(id.clone()),
            leg: Some(id.clone()),
            originator: Some("caller".try_into().unwrap()),
            kind,
            status,
        };
        let mut participants = vec![party(&began, kind, self.caller.clone())];
        participants.extend(self.phones.iter().map(|phone| party(&phone.id, phone.kind.clone(), phone.status.clone())));
        self.push(participants, if self.active { Phase::Active } else { Phase::Starting });
    }

    fn push(&mut self, participants: Vec<Participant>, phase: Phase) {
        let connected = |kind| CallSystem { kind, status: ParticipantStatus::Connected };
        let ending = phase == Phase::Ending;
        let plans = (0..self.plans).map(|_| connected(SystemKind::DialPlan));
        let queue = self.queue.iter().map(|queue| connected(SystemKind::Queue(queue.clone())));
        let mailbox = self.voicemail.iter().map(|kind| CallSystem {
            kind: kind.clone(),
            status: match kind {
                SystemKind::Voicemail { result: None, .. } => ParticipantStatus::Connected,
                _ => ParticipantStatus::Disconnecting,
            },
        });
        let systems = if ending { Vec::new() } else { plans.chain(queue).chain(mailbox).collect() };
        self.snapshots.push(CallSnapshot {
            connection: "main".try_into().unwrap(),
            region: Region::US,
            account: "42".try_into().unwrap(),
            call: self.id.clone(),
            direction: WireDirection::Inbound,
            created_at: Some(epoch()),
            hung_up_by: self.hung_up_by.clone().filter(|_| ending),
            dialed: None,
            linked: self.linked.clone(),
            state: SnapshotState {
                sequence: self.snapshots.len() as u64 + 1,
                phase,
                at: Some(after(epoch(), Duration::from_millis(self.now))),
                participants,
                systems,
                recorded: false,
            },
        });
    }

    pub fn wait(&mut self, ms: u64) {
        self.now += ms;
    }

    fn enter(&mut self) {
        (self.active, self.caller) = (true, ParticipantStatus::InSystem);
    }

    /// Enters a plan, which offers a menu.
    pub fn menu(&mut self, ms: u64) {
        self.wait(150);
        self.enter();
        self.plans += 1;
        self.snap();
        self.snap();
        self.wait(ms);
        self.snap();
    }

    pub fn enter_queue(&mut self, name: &str) {
        self.leave_queue();
        self.enter();
        self.queue = Some(Queue { name: name.into(), extension: None });
        self.snap();
        self.wait(200);
    }

    fn leave_queue(&mut self) {
        if self.queue.take().is_some() {
            self.snap();
        }
    }

    /// Rings phones one after the other.
    pub fn ring(&mut self, names: &[&str]) {
        for name in names {
            self.add(name, ParticipantKind::Line(person(name)));
            self.wait(2);
        }
    }

    pub fn ring_outside(&mut self) {
        let ours = AccountNumber { number: PhoneNumber::parse(Some("+14165550110"), Region::US), label: None };
        let callee = Caller { name: None, number: PhoneNumber::parse(Some("+14165550199"), Region::US) };
        self.add("outside", ParticipantKind::PhoneNumber { account_number: ours, caller: None, callee: Some(callee) });
    }

    fn add(&mut self, name: &str, kind: ParticipantKind) {
        self.participants += 1;
        let id = format!("p{}", self.participants).as_str().try_into().unwrap();
        if !self.truth.rang.iter().any(|known| known == name) {
            self.truth.rang.push(name.to_owned());
        }
        self.phones.push(Phone { name: name.to_owned(), id, kind, status: ParticipantStatus::Ringing });
        self.snap();
    }

    /// Stops phones one after the other, except `keep`.
    fn stop(&mut self, keep: Option<&str>) {
        while let Some(at) = self.phones.iter().position(|phone| Some(phone.name.as_str()) != keep) {
            self.phones[at].status = ParticipantStatus::Disconnecting;
            self.snap();
            self.phones.remove(at);
        }
    }

    /// Stops all phones without an answer.
    pub fn ring_out(&mut self, ms: u64) {
        self.wait(ms);
        self.stop(None);
        self.wait(15);
    }

    /// Answers with the first phone after `ms`.
    pub fn answer(&mut self, ms: u64) {
        self.wait(ms);
        let Some(name) = self.phones.first().map(|phone| phone.name.clone()) else { return };
        self.stop(Some(&name));
        (self.active, self.caller) = (true, ParticipantStatus::Connected);
        self.snap();
        self.phones[0].status = ParticipantStatus::Connected;
        self.snap();
        if !self.truth.talks.iter().any(|(known, _)| *known == name) {
            self.truth.talks.push((name, 0));
        }
        self.pending = false;
    }

    pub fn is_talking(&self) -> bool {
        self.caller == ParticipantStatus::Connected
    }

    pub fn is_ringing(&self) -> bool {
        !self.is_talking() && !self.phones.is_empty()
    }

    pub fn has_plan(&self) -> bool {
        self.plans > 0
    }

    pub fn talk(&mut self, ms: u64) {
        self.wait(ms);
        let name = &self.phones[0].name;
        self.truth.talks.iter_mut().filter(|(known, _)| known == name).for_each(|(_, talked)| *talked += ms);
    }

    fn unwind(&mut self) {
        self.leave_queue();
        while self.plans > 0 {
            self.wait(11);
            self.plans -= 1;
            self.snap();
        }
    }

    pub fn mailbox(&mut self, success: bool) {
        self.leave_queue();
        self.enter();
        let kind = |result, length| Some(SystemKind::Voicemail { result, length });
        self.voicemail = kind(None, None);
        self.snap();
        self.wait(9_000);
        self.voicemail = match success {
            true => kind(Some(VoicemailResult::Success), Some(Duration::from_secs(7))),
            false => kind(Some(VoicemailResult::Failed), None),
        };
        self.snap();
        self.voicemail = None;
        self.truth.message |= success;
    }
}
