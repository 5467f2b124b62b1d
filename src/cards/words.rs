//! What a card says: which facts, in which order, in which words. Every form of a card (Slack, Teams, plain) is laid out
//! from this one [`Sheet`], so that they cannot come to disagree. Decides nothing of markup, limits of a chat, or colour.

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

/// People named on a card; the rest are counted.
pub(super) const PEOPLE: usize = 3;
/// Longest name of a person, a queue or one of our numbers, in UTF-16 units.
const NAME: usize = 60;

/// A moment of a call.
pub(super) fn call(card: &CallCard, style: &Style, now: Timestamp) -> Sheet {
    let Telling { call, moment, at } = &card.telling;
    let caller = caller::of(card, style, now);
    let late = elapsed(*at, now) > FRESH;
    let began = clock(call.started, now, &style.time_zone);
    // A queue that was entered at once is as old as the call, which stands there anyway.
    let since = call.queued.map(|queued| clock(queued, now, &style.time_zone)).filter(|since| *since != began);
    let parts = Parts {
        caller: caller.title.clone(),
        number: caller.number.clone(),
        called: ours(call, style).unwrap_or_default(),
        queue: queues(call).unwrap_or_default(),
        people: people(&call.people).unwrap_or_default(),
        state: happened::state(card, late, since.as_deref()),
    };

    let beside =
        Beside { caller: &caller, parts: &parts, sign: emoji(&card.telling), began: &began, mask: style.mask, late };
    let values = if style.wording.is_empty() { Value::UNDEFINED } else { values::of(card, &beside) };
    let say = |name: LineName, line: String| style.wording.say(name, line, &values);
    let plain = title(&card.telling, late.then_some(now), &caller);
    let titled = Some(say(LineName::Title, plain.clone())).filter(|title| !title.is_empty());
    let mut sheet = Sheet::new(tone(&card.telling, late), &titled.unwrap_or(plain));
    sheet.line(say(LineName::Alert, caller.alert.clone().unwrap_or_default()), true);
    sheet.line(say(LineName::Caller, caller.identity.clone().unwrap_or_default()), false);
    sheet.line(say(LineName::State, parts.state.clone()), true);
    sheet.line(say(LineName::Called, via(call.bound, &parts)), false);
    sheet.brief =
        dotted([caller.beside.clone(), Some(parts.state.clone()), line_name(call, style), Some(began.clone())]);
    sheet.small.push(say(LineName::Began, format!("Called {began}")));
    sheet.small.retain(|text| !text.is_empty());
    if call.lost {
        sheet.small.push(format!("last heard of {}", ago(*at, now)));
    } else if late && !matches!(moment, Moment::Ringing) {
        sheet.small.push(format!("posted late, this was {}", ago(*at, now)));
    }
    caller.fill(&mut sheet);
    sheet.parts = parts;
    sheet
}

/// `📞 Alice Martin · VIP`, `❌ 🔥 Missed: (514) 555-0199`, `📤 Dana Roy (1015) calls (514) 555-0199`.
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
        (Moment::Ended { .. }, _) if call.lost => "Lost sight of: ".to_owned(),
        (Moment::Ended { .. }, _) if call.revised == Some(Revised::Corrected) => "Not missed: ".to_owned(),
        (Moment::Ended { .. }, _) => "Ended: ".to_owned(),
    };
    format!("{} {urgent}{state}{}", emoji(telling), caller.title)
}

/// The state as a sign that is seen before anything is read.
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

/// A ring that is still fresh.
pub(super) const RINGING: &str = "ringing";
/// The states as a count names them, the ones to act on first.
pub(super) const STATES: [&str; 6] = [RINGING, "rang", "missed", "voicemail", "answered", "ended"];

/// The state of a call as a count names it.
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
        // Nobody waits for us to call back where we called.
        Moment::Missed { .. } if matches!(telling.call.bound, Bound::Outbound) => Tone::Past,
        Moment::Missed { .. } => Tone::Bad,
        Moment::Voicemail { .. } => Tone::Waiting,
        Moment::Ended { .. } => Tone::Past,
    }
}

/// Which of our numbers and queues: `To Main line (514) 555-0100 · queue Support`; of an outbound call `From …`.
fn via(bound: Bound, parts: &Parts) -> String {
    let way = if bound == Bound::Outbound { "From" } else { "To" };
    let ours = (!parts.called.is_empty()).then(|| format!("{way} {}", parts.called));
    dotted([ours, (!parts.queue.is_empty()).then(|| format!("queue {}", parts.queue))])
}

/// The same in few words: `Main line · Support`.
pub(super) fn line_name(call: &Call, style: &Style) -> Option<String> {
    let label = call.ours.as_ref().and_then(|ours| shown(ours.label.as_deref(), NAME));
    let via = dotted([label.or_else(|| ours(call, style)), queues(call)]);
    (!via.is_empty()).then_some(via)
}

/// `Main line (514) 555-0100`.
fn ours(call: &Call, style: &Style) -> Option<String> {
    let ours = call.ours.as_ref()?;
    let number = shown(ours.number.shown(call.region, style.mask).as_deref(), NAME);
    match (shown(ours.label.as_deref(), NAME), number) {
        (Some(label), Some(number)) if turns(&label) => Some(format!("{label} · tel. {number}")),
        (Some(label), Some(number)) => Some(format!("{label} {number}")),
        (label, number) => label.or(number),
    }
}

/// `Sales → Support`: the last of them, in order.
fn queues(call: &Call) -> Option<String> {
    let passed = call.queues.len().saturating_sub(PEOPLE);
    let queues: Vec<String> = call.queues.iter().skip(passed).map(queue_name).collect();
    (!queues.is_empty()).then(|| queues.join(" → "))
}

pub(super) fn queue_name(queue: &Queue) -> String {
    shown(Some(&queue.name), NAME)
        .or_else(|| shown(queue.extension.as_deref(), NAME))
        .unwrap_or_else(|| "a queue".to_owned())
}

/// `Bob Roy (1015), Eve Li (1016) and 3 more`.
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

/// `Bob Roy (1015)`.
pub(super) fn person(person: &Person) -> Option<String> {
    let extension = shown(person.extension.as_deref(), 12);
    match (shown(person.name.as_deref(), NAME), extension) {
        (Some(name), Some(extension)) => Some(format!("{name} ({extension})")),
        (Some(name), None) => Some(name),
        (None, Some(extension)) => Some(format!("extension {extension}")),
        (None, None) => None,
    }
}
