//! The event of a webhook message. All texts are sanitized and bounded like those of a card.

use super::{
    caller_data::{CallerData, MAX_ENTRIES, name},
    values,
};
use crate::{
    cards::{RenderOptions, content::CardContent},
    model::{
        call::{Call, CallStatus, CallUpdate, Callback, Person, Revision},
        card::Card,
        time::Timestamp,
    },
};
use serde::Serialize;

/// Version of the event.
pub const EVENT_VERSION: &str = "1";

/// Body of a message to a sink of `type = "webhook"`. Keys are only added within a version.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields, title = "Event of poprelay, version 1"))]
pub(super) struct Event {
    /// What happened.
    #[serde(rename = "type")]
    #[cfg_attr(test, schemars(extend("enum" = values::event_types())))]
    pub(super) kind: String,
    /// Time of the event, RFC 3339.
    pub(super) timestamp: Timestamp,
    /// Version of the event.
    #[cfg_attr(test, schemars(extend("const" = EVENT_VERSION)))]
    version: &'static str,
    /// Card, call and caller.
    pub(super) data: Data,
}

/// Content of an event.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "data", deny_unknown_fields))]
pub(super) struct Data {
    /// Status and caller, the title of the card.
    #[cfg_attr(test, schemars(length(min = 1)))]
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
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "call", deny_unknown_fields))]
pub(super) struct CallData {
    /// Id, equal in all events of the call.
    #[cfg_attr(test, schemars(length(min = 1)))]
    id: String,
    /// Name of the GoTo login in the config.
    #[cfg_attr(test, schemars(length(min = 1)))]
    connection: String,
    /// Account key, digits.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9]+$")))]
    account: String,
    #[cfg_attr(test, schemars(extend("enum" = values::DIRECTIONS)))]
    direction: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = values::STATUSES)))]
    status: &'static str,
    started_at: Option<Timestamp>,
    answered_at: Option<Timestamp>,
    /// The account's number that was called, or calls.
    dialed: Dialed,
    /// Names of the queues of the call.
    #[cfg_attr(test, schemars(length(max = MAX_ENTRIES), inner(length(min = 1))))]
    queues: Vec<String>,
    /// Colleagues whose phones ring or rang.
    #[cfg_attr(test, schemars(length(max = MAX_ENTRIES)))]
    people: Vec<PersonData>,
    /// Colleague who answered; `null` in events of other statuses.
    answered_by: Option<PersonData>,
    waited_seconds: Option<u64>,
    talk_seconds: Option<u64>,
    voicemail_seconds: Option<u64>,
    /// Cause of a missed call; `null` in events of other statuses.
    #[cfg_attr(test, schemars(extend("enum" = values::MISSED_REASONS)))]
    missed_reason: Option<&'static str>,
    /// Whether the end of the call is not known.
    end_unknown: bool,
    /// Whether the event corrects an earlier final status of the call.
    corrected: bool,
    /// The later call that returns this missed one; `null` before.
    callback: Option<CallbackData>,
}

/// A later call that returns a missed one.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "callback", deny_unknown_fields))]
struct CallbackData {
    /// A try without an answer, a call back, or the caller called again and a person answered.
    #[cfg_attr(test, schemars(extend("enum" = values::CALLBACK_KINDS)))]
    kind: &'static str,
    /// The colleague who called or answered.
    colleague: Option<PersonData>,
    started_at: Timestamp,
    /// From the end of the missed call to `started_at`.
    after_seconds: u64,
    talk_seconds: Option<u64>,
}

/// A number of the account.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "dialed", deny_unknown_fields))]
struct Dialed {
    number: Option<String>,
    label: Option<String>,
}

/// A colleague.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "person", deny_unknown_fields))]
struct PersonData {
    name: Option<String>,
    extension: Option<String>,
}

impl Event {
    /// Builds the event of a card. `plain` leaves out the parts of a call that a receiver could reject: rows, notes, facts,
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
        let data = Data {
            title: "x".to_owned(),
            lines: text("x").into_iter().collect(),
            urgent: is_full,
            call: is_full.then_some(call),
            caller: is_full.then(CallerData::sample),
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
                (answered_by, waited) = (Some(person.into()), Some(*time).filter(|_| call.is_wait_known()));
            }
            CallStatus::Missed { waited: time, reason } => {
                (waited, missed_reason) = (Some(*time), Some(values::reason_name(*reason)));
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

fn dialed(call: &Call, options: &RenderOptions) -> Dialed {
    let Some(ours) = &call.account_number else { return Dialed::default() };
    let number = ours.number.format(call.region, options.mask);
    Dialed { number: name(number.as_deref()), label: name(ours.label.as_deref()) }
}

impl From<&Person> for PersonData {
    fn from(person: &Person) -> Self {
        Self { name: name(person.name.as_deref()), extension: name(person.extension.as_deref()) }
    }
}
