//! Content of the recap: calls of a day and callers not called back. Does not count; the totals are inputs.

use super::{
    RenderOptions,
    callback_line::callback_line,
    caller_number,
    content::{CardContent, Detail, Item, Tone, join_dots},
    duration::{format_duration, format_time, format_zoned_time, pluralize},
    names::MAX_PERSON_UNITS,
    text::{sanitize, sanitize_opt},
};
use crate::model::{
    card::{CardLatency, PendingCallback, Recap},
    phone::Region,
    time::{Timestamp, elapsed},
};

/// Callers listed; the rest is counted. Same length as a gap summary.
pub const MAX_LISTED_CALLERS: usize = 30;

/// Builds the content: `📋 Recap: 12 calls, 9 answered, 3 missed`, with the callers not called back.
pub(super) fn recap_content(recap: &Recap, options: &RenderOptions, now: Timestamp) -> CardContent {
    let waiting = recap.pending.len().saturating_add(recap.pending_omitted as usize);
    let tone = match (waiting, recap.missed) {
        (1.., _) => Tone::Bad,
        (0, 1..) => Tone::Waiting,
        (0, 0) => Tone::Good,
    };
    let mut content = CardContent::new(tone, &format!("📋 Recap: {}", totals(recap)));
    content.push_line(waiting_line(recap, waiting), true);
    let wait = recap.longest_wait.map(|wait| Detail { label: "Longest wait".to_owned(), value: format_duration(wait) });
    content.details.extend(wait);
    content.details.extend(recap.latency.map(|it| Detail { label: "Call to card".to_owned(), value: latency(&it) }));
    content.items =
        recap.pending.iter().take(MAX_LISTED_CALLERS).map(|one| entry(one, recap.region, options, now)).collect();
    let more = waiting.saturating_sub(content.items.len());
    if more > 0 {
        content.items.push(Item { text: format!("and {more} more"), link: None });
    }
    let zone = &options.time_zone;
    content.footnotes.push(format!(
        "From {} to {}",
        format_time(recap.from, now, zone),
        format_zoned_time(recap.to, now, zone)
    ));
    if recap.late {
        content.footnotes.push("posted late: poprelay was not running".to_owned());
    }
    content.summary = content.lines.first().map(|line| line.text.clone()).unwrap_or_default();
    content
}

/// Renders the totals: `12 calls, 8 answered, 3 missed (1 left a message), 1 unknown`.
fn totals(recap: &Recap) -> String {
    if recap.calls == 0 {
        return "no calls".to_owned();
    }
    let some = |number: u32, what: &str| (number > 0).then(|| format!("{number} {what}"));
    let message = some(recap.voicemails, "left a message").map_or_else(String::new, |text| format!(" ({text})"));
    let unknown = recap.calls.saturating_sub(recap.answered).saturating_sub(recap.missed);
    let parts = [
        Some(pluralize(recap.calls as usize, "call", "calls")),
        some(recap.answered, "answered"),
        some(recap.missed, "missed").map(|text| text + &message),
        some(unknown, "unknown"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Renders the times from call to card: `0.4 s, 95 % within 1.2 s`.
fn latency(latency: &CardLatency) -> String {
    let [median, p95] = [latency.median, latency.p95].map(|it| format!("{:.1} s", it.as_secs_f64()));
    format!("{median}, 95 % within {p95}")
}

/// Renders the line of callbacks to do.
fn waiting_line(recap: &Recap, waiting: usize) -> Option<String> {
    let withheld = (recap.withheld > 0)
        .then(|| format!("{} without a number", pluralize(recap.withheld as usize, "missed call", "missed calls")));
    let left = match (waiting, recap.missed > recap.withheld) {
        (1.., _) => Some(format!("{} not called back", pluralize(waiting, "caller", "callers"))),
        (0, true) => Some("All missed callers were called back or got through".to_owned()),
        (0, false) => None,
    };
    Some(join_dots([left, withheld])).filter(|text| !text.is_empty())
}

/// UTF-16 units of one caller: ten of them share a section of 3,000 characters in Slack.
const MAX_ENTRY_UNITS: usize = 280;

/// Renders one caller: `14:05 (514) 555-0199 · Alice Martin · missed 3 times · left a message · waits 5 h · Dana Roy (1015) tried
/// at 14:32, no answer · 🙋 Dana calls back since 14:40`.
fn entry(waiting: &PendingCallback, region: Option<Region>, options: &RenderOptions, now: Timestamp) -> Item {
    let number = caller_number::format_number(&waiting.number, region.unwrap_or(Region::US), options.mask);
    let head = format!("{} {number}", format_time(waiting.last_missed, now, &options.time_zone));
    let times = (waiting.missed_calls > 1)
        .then(|| format!("missed {}", pluralize(waiting.missed_calls as usize, "time", "times")));
    let message = waiting.voicemail.then(|| "left a message".to_owned());
    let name = sanitize_opt(waiting.name.as_deref(), caller_number::MAX_NAME_UNITS);
    let waits = waiting.waits_since.map(|since| format!("waits {}", format_duration(elapsed(since, now))));
    let tried = waiting.tried.as_ref().map(|tried| callback_line(tried, now, &options.time_zone));
    let claimed = waiting.claimed.as_ref().and_then(|(person, since)| {
        let person = sanitize_opt(Some(person), MAX_PERSON_UNITS)?;
        Some(format!("🙋 {person} calls back since {}", format_time(*since, now, &options.time_zone)))
    });
    let text = sanitize(&join_dots([Some(head), name, times, message, waits, tried, claimed]), MAX_ENTRY_UNITS);
    Item { text, link: None }
}
