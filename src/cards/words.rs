//! Builds the content of a call card: which facts, in which order, in which words. All layouts (Slack, Teams, plain)
//! render this one [`CardContent`]. Does not decide markup, colour or the limits of a chat.

use super::{
    Style,
    caller::{self, Caller},
    happened,
    sheet::{Parts, Sheet, Tone, dotted},
    spoken::{ago, clock},
    text::{shown, turns},
    values::{self, Beside},
    wording::LineName,
};
use crate::model::{
    call::{Bound, Call, Moment, Person, Queue, Revised, Telling},
    card::{CallCard, FRESH},
    time::{Timestamp, elapsed},
};

use minijinja::Value;

/// People named on a card; the rest is counted.
pub(super) const PEOPLE: usize = 3;
/// UTF-16 units of the name of a person, a queue or an account number.
const MAX_NAME_UNITS: usize = 60;

/// Builds the content of one call update.
pub(super) fn call(card: &CallCard, options: &Style, now: Timestamp) -> Sheet {
    let Telling { call, moment, at } = &card.telling;
    let caller = caller::of(card, options, now);
    let late = elapsed(*at, now) > FRESH;
    let started = clock(call.started, now, &options.time_zone);
    // If the queue time prints like the start of the call, the start alone is enough.
    let since = call.queued.map(|queued| clock(queued, now, &options.time_zone)).filter(|since| *since != started);
    let fields = Parts {
        caller: caller.title.clone(),
        number: caller.number.clone(),
        called: account_number(call, options).unwrap_or_default(),
        queue: queues(call).unwrap_or_default(),
        people: people(&call.people).unwrap_or_default(),
        state: happened::state(card, late, since.as_deref()),
    };

    let extra =
        Beside { caller: &caller, parts: &fields, sign: emoji(&card.telling), began: &started, mask: options.mask, late };
    let values = if options.wording.is_empty() { Value::UNDEFINED } else { values::of(card, &extra) };
    let worded = |name: LineName, line: String| options.wording.say(name, line, &values);
    let default_title = title(&card.telling, late.then_some(now), &caller);
    let title = Some(worded(LineName::Title, default_title.clone())).filter(|title| !title.is_empty());
    let mut content = Sheet::new(tone(&card.telling, late), &title.unwrap_or(default_title));
    content.line(worded(LineName::Alert, caller.alert.clone().unwrap_or_default()), true);
    content.line(worded(LineName::Caller, caller.identity.clone().unwrap_or_default()), false);
    content.line(worded(LineName::State, fields.state.clone()), true);
    content.line(worded(LineName::Called, dialed_line(call.bound, &fields)), false);
    content.brief =
        dotted([caller.beside.clone(), Some(fields.state.clone()), line_name(call, options), Some(started.clone())]);
    content.small.push(worded(LineName::Began, format!("Called {started}")));
    content.small.retain(|text| !text.is_empty());
    if call.lost {
        content.small.push(format!("last event {}", ago(*at, now)));
    } else if late && !matches!(moment, Moment::Ringing) {
        content.small.push(format!("posted late, this was {}", ago(*at, now)));
    }
    caller.fill(&mut content);
    content.parts = fields;
    content
}

/// Renders the title: `📞 Alice Martin · VIP`, `❌ 🔥 Missed: (514) 555-0199`, `📤 Dana Roy (1015) calls (514) 555-0199`.
fn title(telling: &Telling, late: Option<Timestamp>, caller: &Caller) -> String {
    let (call, moment) = (&telling.call, &telling.moment);
    let urgent = if caller.urgent { "🔥 " } else { "" };
    let out = call.bound == Bound::Outbound;
    let state = match (moment, late) {
        (Moment::Ringing, Some(now)) => {
            format!("{} {}: ", if out { "Called" } else { "Rang" }, ago(telling.at, now))
        }
        (Moment::Ringing, None) if out => {
            people(&call.people).map_or_else(|| "Outgoing: ".to_owned(), |whom| format!("{whom} calls "))
        }
        (Moment::Ringing, None) => String::new(),
        (Moment::Answered { .. }, _) if out => "Reached: ".to_owned(),
        (Moment::Missed { .. }, _) if out => "Not reached: ".to_owned(),
        (Moment::Answered { .. }, _) => "Answered: ".to_owned(),
        (Moment::Missed { .. }, _) => "Missed: ".to_owned(),
        (Moment::Voicemail { .. }, _) => "Voicemail: ".to_owned(),
        (Moment::Ended { .. }, _) if call.lost => "Outcome unknown: ".to_owned(),
        (Moment::Ended { .. }, _) if call.revised == Some(Revised::Corrected) => "Not missed: ".to_owned(),
        (Moment::Ended { .. }, _) => "Ended: ".to_owned(),
    };
    format!("{} {urgent}{state}{}", emoji(telling), caller.title)
}

/// Returns the emoji of the call status.
pub(super) fn emoji(telling: &Telling) -> &'static str {
    match (&telling.moment, telling.call.bound) {
        (Moment::Ringing, Bound::Outbound) => "📤",
        (Moment::Ringing, Bound::Inbound | Bound::Internal) => "📞",
        (Moment::Ended { .. }, _) if telling.call.lost => "❔",
        (Moment::Answered { .. } | Moment::Ended { .. }, _) => "✅",
        (Moment::Missed { .. }, Bound::Outbound) => "📵",
        (Moment::Missed { .. }, Bound::Inbound | Bound::Internal) => "❌",
        (Moment::Voicemail { .. }, _) => "📭",
    }
}

/// Name of a ring that is younger than [`LATE_AFTER`].
pub(super) const RINGING: &str = "ringing";
/// Status names in the order of a count, those that need action first.
pub(super) const STATES: [&str; 6] = [RINGING, "rang", "missed", "voicemail", "answered", "ended"];

/// Returns the status name of a call for counts.
pub(super) fn state_name(telling: &Telling, now: Timestamp) -> &'static str {
    match telling.moment {
        Moment::Ringing if elapsed(telling.at, now) > FRESH => "rang",
        Moment::Ringing => RINGING,
        Moment::Answered { .. } => "answered",
        Moment::Missed { .. } => "missed",
        Moment::Voicemail { .. } => "voicemail",
        Moment::Ended { .. } => "ended",
    }
}

const fn tone(telling: &Telling, late: bool) -> Tone {
    match &telling.moment {
        Moment::Ringing if late => Tone::Past,
        Moment::Ringing => Tone::Now,
        Moment::Answered { .. } => Tone::Good,
        // An unanswered outbound call needs no callback.
        Moment::Missed { .. } if matches!(telling.call.bound, Bound::Outbound) => Tone::Past,
        Moment::Missed { .. } => Tone::Bad,
        Moment::Voicemail { .. } => Tone::Waiting,
        Moment::Ended { .. } => Tone::Past,
    }
}

/// Renders account number and queues: `To Main line (514) 555-0100 · queue Support`; of an outbound call `From …`.
fn dialed_line(bound: Bound, fields: &Parts) -> String {
    let way = if bound == Bound::Outbound { "From" } else { "To" };
    let number = (!fields.called.is_empty()).then(|| format!("{way} {}", fields.called));
    dotted([number, (!fields.queue.is_empty()).then(|| format!("queue {}", fields.queue))])
}

/// Renders account number and queues in short: `Main line · Support`.
pub(super) fn line_name(call: &Call, options: &Style) -> Option<String> {
    let label = call.ours.as_ref().and_then(|ours| shown(ours.label.as_deref(), MAX_NAME_UNITS));
    let summary = dotted([label.or_else(|| account_number(call, options)), queues(call)]);
    (!summary.is_empty()).then_some(summary)
}

/// Renders the account number with its label: `Main line (514) 555-0100`.
fn account_number(call: &Call, options: &Style) -> Option<String> {
    let ours = call.ours.as_ref()?;
    let number = shown(ours.number.shown(call.region, options.mask).as_deref(), MAX_NAME_UNITS);
    match (shown(ours.label.as_deref(), MAX_NAME_UNITS), number) {
        (Some(label), Some(number)) if turns(&label) => Some(format!("{label} · tel. {number}")),
        (Some(label), Some(number)) => Some(format!("{label} {number}")),
        (label, number) => label.or(number),
    }
}

/// Renders the last queues of the call in order: `Sales → Support`.
fn queues(call: &Call) -> Option<String> {
    let skipped = call.queues.len().saturating_sub(PEOPLE);
    let queues: Vec<String> = call.queues.iter().skip(skipped).map(queue_name).collect();
    (!queues.is_empty()).then(|| queues.join(" → "))
}

/// Returns name or extension of a queue.
pub(super) fn queue_name(queue: &Queue) -> String {
    shown(Some(&queue.name), MAX_NAME_UNITS)
        .or_else(|| shown(queue.extension.as_deref(), MAX_NAME_UNITS))
        .unwrap_or_else(|| "a queue".to_owned())
}

/// Lists people: `Bob Roy (1015), Eve Li (1016) and 3 more`.
pub(super) fn people(people: &[Person]) -> Option<String> {
    let named: Vec<String> = people.iter().filter_map(person).collect();
    let more = named.len().saturating_sub(PEOPLE);
    let first = named.into_iter().take(PEOPLE).collect::<Vec<_>>().join(", ");
    match (first.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(first),
        (false, more) => Some(format!("{first} and {more} more")),
    }
}

/// Renders a person with the extension: `Bob Roy (1015)`.
pub(super) fn person(person: &Person) -> Option<String> {
    let extension = shown(person.extension.as_deref(), 12);
    match (shown(person.name.as_deref(), MAX_NAME_UNITS), extension) {
        (Some(name), Some(extension)) => Some(format!("{name} ({extension})")),
        (Some(name), None) => Some(name),
        (None, Some(extension)) => Some(format!("extension {extension}")),
        (None, None) => None,
    }
}
