//! Content of gap summaries and alerts, and the title of a batch.

use super::{
    Style, caller,
    sheet::{Item, Sheet, Tone, dotted},
    spoken::{count, hour, lasting, window},
    text::{clean, shown},
    words,
};
use crate::model::{
    call::{Moment, MomentKind, Telling},
    card::{Card, Notice, GapSummary},
    time::Timestamp,
};

/// Calls listed in a gap summary; the rest is counted. As many as 20 KB of Teams hold at 150 units of three bytes each.
pub const LISTED: usize = 30;

/// Builds the content of a gap summary.
pub(super) fn recap(recap: &GapSummary, options: &Style, now: Timestamp) -> Sheet {
    let counts = count_by_status(recap.calls.iter().map(|telling| words::state_name(telling, now)));
    let counts = if counts.is_empty() { "no calls".to_owned() } else { counts };
    let missed = recap.calls.iter().any(|telling| telling.moment.kind() == MomentKind::Missed);
    let tone = if missed { Tone::Bad } else { Tone::Past };
    let mut content = Sheet::new(tone, &format!("📋 While disconnected: {counts}"));
    let window = window(recap.from, recap.to, now, &options.time_zone);
    content.line(format!("The connection to GoTo was down {window}."), false);
    content.items =
        recap.calls.iter().take(LISTED).map(|telling| Item { text: entry(telling, options, now), link: None }).collect();
    let more = recap.calls.len().saturating_sub(LISTED);
    if more > 0 {
        content.items.push(Item { text: format!("and {more} more"), link: None });
    }
    let first: Vec<String> = content.items.iter().take(3).map(|item| item.text.clone()).collect();
    content.brief = first.join("; ");
    content
}

/// Renders one call of a gap summary: `❌ 14:05 (514) 555-0199 · network says “MARTIN A” · waited 21 s · Main line`.
fn entry(telling: &Telling, options: &Style, now: Timestamp) -> String {
    let call = &telling.call;
    let number = caller::number(&call.caller.number, call.region, options.mask);
    let network = caller::network(&call.caller, call.region, options.mask);
    let network = shown(network.as_deref(), 40).map(|name| format!("network says “{name}”"));
    let when = hour(call.started, now, &options.time_zone);
    let head = format!("{} {when} {number}", words::emoji(telling));
    let waited = match telling.moment {
        Moment::Missed { after, .. } => Some(format!("waited {}", lasting(after))),
        _ => None,
    };
    clean(&dotted([Some(head), network, waited, words::line_name(call, options)]), 150)
}

/// Builds the content of an alert.
pub(super) fn notice(notice: &Notice) -> Sheet {
    let (tone, emoji) = if notice.over { (Tone::Good, "🟢") } else { (Tone::Bad, "🔴") };
    let mut content = Sheet::new(tone, &format!("{emoji} {}", clean(&notice.title, 140)));
    content.brief = clean(&notice.advice, 300);
    content.line(clean(&notice.advice, 600), false);
    content.small.push("poprelay".to_owned());
    content
}

/// Renders the title of a batch: `📞 12 calls: 9 ringing, 3 missed`.
pub(super) fn many(cards: &[&Card], now: Timestamp) -> String {
    let calls: Vec<&Telling> = cards.iter().filter_map(|card| call_update(card)).collect();
    let states = count_by_status(calls.iter().map(|telling| words::state_name(telling, now)));
    let others = cards.len().saturating_sub(calls.len());
    let calls = (!calls.is_empty()).then(|| format!("{}: {states}", count(calls.len(), "call", "calls")));
    let others = (others > 0).then(|| count(others, "alert", "alerts"));
    let emoji = if states.contains(words::RINGING) { "📞" } else { "📋" };
    format!("{emoji} {}", dotted([calls, others]))
}

fn call_update(card: &Card) -> Option<&Telling> {
    match card {
        Card::Call(card) => Some(&card.telling),
        Card::GapSummary(_) | Card::Shift(_) | Card::Notice(_) => None,
    }
}

/// Counts calls by status: `3 missed, 1 answered`, those that need action first.
fn count_by_status(states: impl Iterator<Item = &'static str>) -> String {
    let states: Vec<&str> = states.collect();
    let counts = words::STATES.into_iter().filter_map(|name| {
        let number = states.iter().filter(|other| **other == name).count();
        (number > 0).then(|| format!("{number} {name}"))
    });
    counts.collect::<Vec<_>>().join(", ")
}
