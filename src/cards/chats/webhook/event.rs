//! The event of a webhook message. All texts are sanitized and bounded like those of a card.

use crate::{
    cards::{
        RenderOptions,
        caller::MAX_NOTES_UNITS,
        caller_number::{self, MAX_NAME_UNITS},
        content::CardContent,
        facts,
        text::{sanitize_opt, sanitize_url},
    },
    model::{
        call::{Call, CallStatus, CallUpdate, Callback, MissedReason, Person, Revision},
        card::{CallCard, Card, Contact, Match},
        phone::Mask,
        time::Timestamp,
    },
};
use serde::Serialize;

/// Version of the event.
pub const EVENT_VERSION: &str = "1";
/// People, queues, facts and possible contacts in one event, each: an event stays under the 20 kB that the specification
/// recommends, unless every text has its full length in a script of three bytes a letter.
const MAX_ENTRIES: usize = 10;

/// One event: the whole body.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    /// Kind: `call.` and the status, `summary.gap`, `summary.recap`, `alert.firing`, `alert.resolved`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// When it happened.
    pub(super) timestamp: Timestamp,
    /// [`EVENT_VERSION`].
    version: &'static str,
    /// Content.
    pub(super) data: Data,
}

/// Content of an event.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    /// Status and caller, the title of the card.
    pub(super) title: String,
    /// The other rows of the card.
    pub(super) lines: Vec<String>,
    /// Whether the caller was missed or called minutes ago.
    pub(super) urgent: bool,
    /// The call; `null` in summaries and alerts.
    pub(super) call: Option<CallData>,
    /// The caller; `null` in summaries and alerts.
    pub(super) caller: Option<CallerData>,
}

/// A call.
#[derive(Debug, Default, Serialize)]
pub(super) struct CallData {
    /// Id, equal in all events of the call.
    id: String,
    connection: String,
    account: String,
    direction: &'static str,
    status: &'static str,
    started_at: Option<Timestamp>,
    answered_at: Option<Timestamp>,
    /// The account's number that was called, or calls.
    dialed: Dialed,
    queues: Vec<String>,
    /// Colleagues whose phones ring or rang.
    people: Vec<PersonData>,
    answered_by: Option<PersonData>,
    waited_seconds: Option<u64>,
    talk_seconds: Option<u64>,
    voicemail_seconds: Option<u64>,
    missed_reason: Option<&'static str>,
    /// Whether the end of the call is not known.
    end_unknown: bool,
    /// Whether the event corrects an earlier final status of the call.
    corrected: bool,
    /// The later call that returns this missed one; `null` before.
    callback: Option<CallbackData>,
}

#[derive(Debug, Serialize)]
struct CallbackData {
    /// `tried`, `called_back` or `got_through`.
    kind: &'static str,
    /// The colleague who called or answered.
    colleague: Option<PersonData>,
    started_at: Timestamp,
    /// From the end of the missed call to `started_at`.
    after_seconds: u64,
    talk_seconds: Option<u64>,
}

#[derive(Debug, Default, Serialize)]
struct Dialed {
    number: Option<String>,
    label: Option<String>,
}

#[derive(Debug, Serialize)]
struct PersonData {
    name: Option<String>,
    extension: Option<String>,
}

/// A caller.
#[derive(Debug, Default, Serialize)]
pub(super) struct CallerData {
    /// The number as on the card, masked if the sink has a mask.
    number: String,
    /// The number in E.164; `null` if it is masked, withheld or not valid.
    e164: Option<String>,
    /// Name from the network.
    network_name: Option<String>,
    /// Result of the look-up: `one`, `several`, `none`, `not_looked_up`.
    matched: &'static str,
    name: Option<String>,
    company: Option<String>,
    tier: Option<String>,
    owner: Option<String>,
    notes: Option<String>,
    tags: Vec<String>,
    /// `https:` link to the record.
    link: Option<String>,
    facts: Vec<FactData>,
    /// Possible contacts if several match.
    candidates: Vec<Candidate>,
    /// Missed calls since the last talk.
    missed_since: u32,
    /// Earlier calls in 30 days.
    calls_in_month: u32,
}

#[derive(Debug, Serialize)]
struct FactData {
    label: String,
    value: String,
}

#[derive(Debug, Serialize)]
struct Candidate {
    name: Option<String>,
    company: Option<String>,
    link: Option<String>,
}

impl Event {
    /// Builds the event of a card. `plain` leaves out of a call what a receiver could reject: rows, notes, facts,
    /// possible contacts.
    pub(super) fn new(
        card: &Card,
        content: &CardContent,
        options: &RenderOptions,
        now: Timestamp,
        plain: bool,
    ) -> Self {
        let kind = match card {
            Card::Call(card) => format!("call.{}", card.update.kind().as_str()),
            Card::GapSummary(_) => "summary.gap".to_owned(),
            Card::Recap(_) => "summary.recap".to_owned(),
            Card::Alert(alert) => if alert.resolved { "alert.resolved" } else { "alert.firing" }.to_owned(),
        };
        let (call, caller) = match card {
            Card::Call(card) => {
                let mut caller = CallerData::new(card, content, options);
                if plain {
                    caller.reduce();
                }
                (Some(CallData::new(&card.update, options)), Some(caller))
            }
            Card::GapSummary(_) | Card::Recap(_) | Card::Alert(_) => (None, None),
        };
        let has_lines = !plain || call.is_none();
        let lines = if has_lines { content.rows().into_iter().skip(1).collect() } else { Vec::new() };
        let data = Data { title: content.title.clone(), lines, urgent: content.urgent, call, caller };
        Self { kind, timestamp: card.occurred_at().unwrap_or(now), version: EVENT_VERSION, data }
    }

    /// Returns the source for CloudEvents: a path with the name of the connection.
    pub(super) fn source(&self) -> String {
        self.data.call.as_ref().map_or_else(|| "/poprelay".to_owned(), |call| format!("/poprelay/{}", call.connection))
    }

    /// Returns an event for checking templates, with everything or without data.
    pub(super) fn sample(is_full: bool) -> Self {
        let text = |text: &str| is_full.then(|| text.to_owned());
        let person = || PersonData { name: text("Dana"), extension: text("1015") };
        let call = CallData {
            id: "call".to_owned(),
            connection: "main".to_owned(),
            people: if is_full { vec![person()] } else { Vec::new() },
            queues: text("Support").into_iter().collect(),
            answered_by: is_full.then(person),
            waited_seconds: is_full.then_some(1),
            ..CallData::default()
        };
        let fact = || FactData { label: "Label".to_owned(), value: "Value".to_owned() };
        let caller = CallerData {
            name: text("Alice"),
            e164: text("+12025550199"),
            tags: text("vip").into_iter().collect(),
            facts: if is_full { vec![fact()] } else { Vec::new() },
            ..CallerData::default()
        };
        let data = Data {
            title: "x".to_owned(),
            lines: text("x").into_iter().collect(),
            urgent: is_full,
            call: is_full.then_some(call),
            caller: is_full.then_some(caller),
        };
        Self { kind: "call.ringing".to_owned(), timestamp: Timestamp::UNIX_EPOCH, version: EVENT_VERSION, data }
    }
}

impl CallData {
    fn new(CallUpdate { call, status, .. }: &CallUpdate, options: &RenderOptions) -> Self {
        let (mut answered_by, mut waited, mut talk, mut voicemail, mut missed_reason) = (None, None, None, None, None);
        match status {
            CallStatus::Ringing => {}
            CallStatus::Answered { answered_by: person, waited: time } => {
                (answered_by, waited) = (Some(person.into()), Some(*time));
            }
            CallStatus::Missed { waited: time, reason } => {
                (waited, missed_reason) = (Some(*time), Some(reason_name(*reason)));
            }
            CallStatus::Voicemail { duration } => voicemail = *duration,
            CallStatus::Ended { talk_time } => talk = *talk_time,
        }
        Self {
            id: call.id.to_string(),
            connection: call.connection.to_string(),
            account: call.account.to_string(),
            direction: call.direction.as_str(),
            status: status.kind().as_str(),
            started_at: Some(call.started_at),
            answered_at: call.answered_at,
            dialed: dialed(call, options),
            queues: call.queues.iter().take(MAX_ENTRIES).filter_map(|queue| name(Some(&queue.name))).collect(),
            people: call.people.iter().take(MAX_ENTRIES).map(PersonData::from).collect(),
            answered_by,
            waited_seconds: waited.map(|time| time.as_secs()),
            talk_seconds: talk.map(|time| time.as_secs()),
            voicemail_seconds: voicemail.map(|time| time.as_secs()),
            missed_reason,
            end_unknown: call.end_unknown,
            corrected: call.revision == Some(Revision::Corrected),
            callback: call.course.callback.as_ref().map(CallbackData::from),
        }
    }
}

impl From<&Callback> for CallbackData {
    fn from(Callback { call, after }: &Callback) -> Self {
        Self {
            kind: call.kind.as_str(),
            colleague: call.colleague.as_ref().map(PersonData::from),
            started_at: call.started_at,
            after_seconds: after.as_secs(),
            talk_seconds: call.talked.map(|talked| talked.as_secs()),
        }
    }
}

const fn reason_name(reason: MissedReason) -> &'static str {
    match reason {
        MissedReason::NobodyAnswered => "no_answer",
        MissedReason::LeftQueue => "left_queue",
        MissedReason::LeftMenu => "left_menu",
        MissedReason::Unknown => "unknown",
    }
}

fn dialed(call: &Call, options: &RenderOptions) -> Dialed {
    let Some(ours) = &call.account_number else { return Dialed::default() };
    let number = ours.number.format(call.region, options.mask);
    Dialed { number: name(number.as_deref()), label: name(ours.label.as_deref()) }
}

fn name(text: Option<&str>) -> Option<String> {
    sanitize_opt(text, MAX_NAME_UNITS)
}

impl From<&Person> for PersonData {
    fn from(person: &Person) -> Self {
        Self { name: name(person.name.as_deref()), extension: name(person.extension.as_deref()) }
    }
}

impl CallerData {
    fn new(card: &CallCard, content: &CardContent, options: &RenderOptions) -> Self {
        let (call, info) = (&card.update.call, &card.caller_info);
        let history = info.history.clone().unwrap_or_default();
        let is_open = options.mask == Mask::None;
        let caller = Self {
            number: content.fields.number.clone(),
            e164: call.caller.number.as_e164().filter(|_| is_open).map(|number| number.expose().to_owned()),
            network_name: caller_number::network_name(&call.caller, call.region, options.mask),
            missed_since: history.missed_since,
            calls_in_month: history.calls_in_month,
            ..Self::default()
        };
        match &info.matched {
            Match::NotLookedUp => Self { matched: "not_looked_up", ..caller },
            Match::NoMatch => Self { matched: "none", ..caller },
            Match::Several { contacts } => {
                let candidates = contacts.iter().take(MAX_ENTRIES).map(Candidate::from).collect();
                Self { matched: "several", candidates, ..caller }
            }
            Match::One { contact } => Self { matched: "one", ..caller }.with_contact(contact),
        }
    }

    fn with_contact(self, contact: &Contact) -> Self {
        let facts = contact.facts.iter().filter_map(facts::fact_row).take(MAX_ENTRIES);
        Self {
            name: name(contact.name.as_deref()),
            company: name(contact.company.as_deref()),
            tier: name(contact.tier.as_deref()),
            owner: name(contact.owner.as_deref()),
            notes: sanitize_opt(contact.notes.as_deref(), MAX_NOTES_UNITS),
            tags: facts::tag_names(contact),
            link: contact.link.as_deref().and_then(sanitize_url),
            facts: facts.map(|row| FactData { label: row.label, value: row.value }).collect(),
            ..self
        }
    }

    fn reduce(&mut self) {
        (self.notes, self.tags, self.facts, self.candidates) = (None, Vec::new(), Vec::new(), Vec::new());
    }
}

impl From<&Contact> for Candidate {
    fn from(contact: &Contact) -> Self {
        Self {
            name: name(contact.name.as_deref()),
            company: name(contact.company.as_deref()),
            link: contact.link.as_deref().and_then(sanitize_url),
        }
    }
}
