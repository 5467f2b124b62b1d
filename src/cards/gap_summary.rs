//! Content of gap summaries and alerts, and the title of a batch.

use super::{
    RenderOptions, call_card, caller_number,
    content::{CardContent, Item, Tone, join_dots},
    duration::{format_duration, format_time, format_time_range, pluralize},
    text::{sanitize, sanitize_opt},
};
use crate::model::{
    call::{CallStatus, CallUpdate, StatusKind},
    card::{Alert, Card, GapSummary},
    time::Timestamp,
};

/// Calls listed in a gap summary; the rest is counted. As many as 20 KB of Teams hold at 150 units of three bytes each.
pub const MAX_LISTED_CALLS: usize = 30;

/// Builds the content of a gap summary.
pub(super) fn gap_content(recap: &GapSummary, options: &RenderOptions, now: Timestamp) -> CardContent {
    let counts = count_by_status(recap.calls.iter().map(|update| call_card::status_name(update, now)));
    let counts = if counts.is_empty() { "no calls".to_owned() } else { counts };
    let missed = recap.calls.iter().any(|update| update.status.kind() == StatusKind::Missed);
    let tone = if missed { Tone::Bad } else { Tone::Past };
    let mut content = CardContent::new(tone, &format!("📋 While disconnected: {counts}"));
    let window = format_time_range(recap.from, recap.to, now, &options.time_zone);
    content.push_line(format!("The connection to GoTo was down {window}."), false);
    content.items = recap
        .calls
        .iter()
        .take(MAX_LISTED_CALLS)
        .map(|update| Item { text: entry(update, options, now), link: None })
        .collect();
    let more = recap.calls.len().saturating_sub(MAX_LISTED_CALLS);
    if more > 0 {
        content.items.push(Item { text: format!("and {more} more"), link: None });
    }
    let first: Vec<String> = content.items.iter().take(3).map(|item| item.text.clone()).collect();
    content.summary = first.join("; ");
    content
}

/// Renders one call of a gap summary: `❌ 14:05 (514) 555-0199 · network: “MARTIN A” · waited 21 s · Main line`.
fn entry(update: &CallUpdate, options: &RenderOptions, now: Timestamp) -> String {
    let call = &update.call;
    let number = caller_number::format_number(&call.caller.number, call.region, options.mask);
    let network = caller_number::network_name(&call.caller, call.region, options.mask);
    let network = sanitize_opt(network.as_deref(), 40).map(|name| format!("network: “{name}”"));
    let when = format_time(call.started_at, now, &options.time_zone);
    let head = format!("{} {when} {number}", call_card::status_emoji(update));
    let waited = match update.status {
        CallStatus::Missed { waited: after, .. } => Some(format!("waited {}", format_duration(after))),
        _ => None,
    };
    sanitize(&join_dots([Some(head), network, waited, call_card::number_and_queues(call, options)]), 150)
}

/// Builds the content of an alert.
pub(super) fn alert_content(alert: &Alert) -> CardContent {
    let (tone, emoji) = if alert.resolved { (Tone::Good, "🟢") } else { (Tone::Bad, "🔴") };
    let mut content = CardContent::new(tone, &format!("{emoji} {}", sanitize(&alert.title, 140)));
    content.summary = sanitize(&alert.advice, 300);
    content.push_line(sanitize(&alert.advice, 600), false);
    content.footnotes.push("poprelay".to_owned());
    content
}

/// Renders the title of a batch: `📞 12 calls: 9 ringing, 3 missed`.
pub(super) fn batch_title(cards: &[&Card], now: Timestamp) -> String {
    let calls: Vec<&CallUpdate> = cards.iter().filter_map(|card| call_update(card)).collect();
    let states = count_by_status(calls.iter().map(|update| call_card::status_name(update, now)));
    let others = cards.len().saturating_sub(calls.len());
    let calls = (!calls.is_empty()).then(|| format!("{}: {states}", pluralize(calls.len(), "call", "calls")));
    let others = (others > 0).then(|| pluralize(others, "alert", "alerts"));
    let emoji = if states.contains(call_card::RINGING) { "📞" } else { "📋" };
    format!("{emoji} {}", join_dots([calls, others]))
}

fn call_update(card: &Card) -> Option<&CallUpdate> {
    match card {
        Card::Call(card) => Some(&card.update),
        Card::GapSummary(_) | Card::Recap(_) | Card::Alert(_) => None,
    }
}

/// Counts calls by status: `3 missed, 1 answered`, those that need action first.
fn count_by_status(states: impl Iterator<Item = &'static str>) -> String {
    let states: Vec<&str> = states.collect();
    let counts = call_card::STATUS_NAMES.into_iter().filter_map(|name| {
        let number = states.iter().filter(|other| **other == name).count();
        (number > 0).then(|| format!("{number} {name}"))
    });
    counts.collect::<Vec<_>>().join(", ")
}
