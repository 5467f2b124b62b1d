//! Content of the recap: calls of a day and callers not called back. Does not count; the totals are inputs.

use super::{
    Style, caller,
    sheet::{Detail, Item, Sheet, Tone, dotted},
    spoken::{clock, count, hour, lasting},
    text::{clean, shown},
};
use crate::model::{
    card::{Shift, Waiting},
    phone::Region,
    time::Timestamp,
};

/// Callers listed; the rest is counted. Same length as a gap summary.
pub const LISTED: usize = 30;

/// Builds the content: `📋 Recap: 12 calls, 9 answered, 3 missed`, with the callers not called back.
pub(super) fn shift(shift: &Shift, options: &Style, now: Timestamp) -> Sheet {
    let waiting = shift.waiting.len().saturating_add(shift.more as usize);
    let tone = match (waiting, shift.missed) {
        (1.., _) => Tone::Bad,
        (0, 1..) => Tone::Waiting,
        (0, 0) => Tone::Good,
    };
    let mut content = Sheet::new(tone, &format!("📋 Recap: {}", totals(shift)));
    content.line(callback_line(shift, waiting), true);
    let wait = shift.longest_wait.map(|wait| Detail { label: "Longest wait".to_owned(), value: lasting(wait) });
    content.details.extend(wait);
    content.items = shift.waiting.iter().take(LISTED).map(|one| entry(one, shift.region, options, now)).collect();
    let more = waiting.saturating_sub(content.items.len());
    if more > 0 {
        content.items.push(Item { text: format!("and {more} more"), link: None });
    }
    let zone = &options.time_zone;
    content.small.push(format!("From {} to {}", hour(shift.from, now, zone), clock(shift.to, now, zone)));
    if shift.late {
        content.small.push("posted late: poprelay was not running".to_owned());
    }
    content.brief = content.lines.first().map(|line| line.text.clone()).unwrap_or_default();
    content
}

/// Renders the totals: `12 calls, 8 answered, 3 missed (1 left a message), 1 unknown`.
fn totals(shift: &Shift) -> String {
    if shift.calls == 0 {
        return "no calls".to_owned();
    }
    let some = |number: u32, what: &str| (number > 0).then(|| format!("{number} {what}"));
    let message = some(shift.voicemails, "left a message").map_or_else(String::new, |text| format!(" ({text})"));
    let unknown = shift.calls.saturating_sub(shift.answered).saturating_sub(shift.missed);
    let parts = [
        Some(count(shift.calls as usize, "call", "calls")),
        some(shift.answered, "answered"),
        some(shift.missed, "missed").map(|text| text + &message),
        some(unknown, "unknown"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Renders the line of callbacks to do.
fn callback_line(shift: &Shift, waiting: usize) -> Option<String> {
    let withheld = (shift.withheld > 0)
        .then(|| format!("{} without a number", count(shift.withheld as usize, "missed call", "missed calls")));
    let left = match (waiting, shift.missed > shift.withheld) {
        (1.., _) => Some(format!("{} not called back", count(waiting, "caller", "callers"))),
        (0, true) => Some("All missed callers were called back or got through".to_owned()),
        (0, false) => None,
    };
    Some(dotted([left, withheld])).filter(|text| !text.is_empty())
}

/// Renders one caller: `14:05 (514) 555-0199 · Alice Martin · missed 3 times · left a message`.
fn entry(waiting: &Waiting, region: Option<Region>, options: &Style, now: Timestamp) -> Item {
    let number = caller::number(&waiting.number, region.unwrap_or(Region::US), options.mask);
    let head = format!("{} {number}", hour(waiting.last, now, &options.time_zone));
    let times = (waiting.times > 1).then(|| format!("missed {}", count(waiting.times as usize, "time", "times")));
    let message = waiting.voicemail.then(|| "left a message".to_owned());
    let text = clean(&dotted([Some(head), shown(waiting.name.as_deref(), caller::NAME), times, message]), 150);
    Item { text, link: None }
}
