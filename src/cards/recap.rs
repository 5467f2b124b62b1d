//! The cards that are not about one call: what came and went while nobody listened, and the daemon's own trouble.

use super::{
    Style, caller,
    sheet::{Item, Sheet, Tone, dotted},
    spoken::{count, hour, lasting, window},
    text::{clean, shown},
    words,
};
use crate::model::{
    call::{Moment, MomentKind, Telling},
    card::{Card, Notice, Recap},
    time::Timestamp,
};

/// Calls listed in a recap; the rest are counted. As many as 20 KB of Teams hold at 150 units of three bytes each.
pub const LISTED: usize = 30;

/// What came and went in a blind window.
pub(super) fn recap(recap: &Recap, style: &Style, now: Timestamp) -> Sheet {
    let counts = tally(recap.calls.iter().map(|telling| words::state_name(telling, now)));
    let counts = if counts.is_empty() { "no calls".to_owned() } else { counts };
    let missed = recap.calls.iter().any(|telling| telling.moment.kind() == MomentKind::Missed);
    let tone = if missed { Tone::Bad } else { Tone::Past };
    let mut sheet = Sheet::new(tone, &format!("📋 While we were away: {counts}"));
    let window = window(recap.from, recap.to, now, &style.time_zone);
    sheet.line(format!("The link to GoTo was down {window}."), false);
    sheet.items =
        recap.calls.iter().take(LISTED).map(|telling| Item { text: entry(telling, style, now), link: None }).collect();
    let more = recap.calls.len().saturating_sub(LISTED);
    if more > 0 {
        sheet.items.push(Item { text: format!("and {more} more"), link: None });
    }
    let first: Vec<String> = sheet.items.iter().take(3).map(|item| item.text.clone()).collect();
    sheet.brief = first.join("; ");
    sheet
}

/// `❌ 14:05 (514) 555-0199 · network says “MARTIN A” · waited 21 s · Main line`.
fn entry(telling: &Telling, style: &Style, now: Timestamp) -> String {
    let call = &telling.call;
    let number = caller::number(&call.caller.number, call.region, style.mask);
    let network = caller::network(&call.caller, call.region, style.mask);
    let network = shown(network.as_deref(), 40).map(|name| format!("network says “{name}”"));
    let when = hour(call.started, now, &style.time_zone);
    let head = format!("{} {when} {number}", words::emoji(telling));
    let waited = match telling.moment {
        Moment::Missed { after, .. } => Some(format!("waited {}", lasting(after))),
        _ => None,
    };
    clean(&dotted([Some(head), network, waited, words::line_name(call, style)]), 150)
}

/// The daemon's own trouble.
pub(super) fn notice(notice: &Notice) -> Sheet {
    let (tone, sign) = if notice.over { (Tone::Good, "🟢") } else { (Tone::Bad, "🔴") };
    let mut sheet = Sheet::new(tone, &format!("{sign} {}", clean(&notice.title, 140)));
    sheet.brief = clean(&notice.advice, 300);
    sheet.line(clean(&notice.advice, 600), false);
    sheet.small.push("poprelay".to_owned());
    sheet
}

/// The title of a message that says many cards: `📞 12 calls: 9 ringing, 3 missed`.
pub(super) fn many(cards: &[&Card], now: Timestamp) -> String {
    let calls: Vec<&Telling> = cards.iter().filter_map(|card| telling(card)).collect();
    let states = tally(calls.iter().map(|telling| words::state_name(telling, now)));
    let others = cards.len().saturating_sub(calls.len());
    let calls = (!calls.is_empty()).then(|| format!("{}: {states}", count(calls.len(), "call", "calls")));
    let others = (others > 0).then(|| count(others, "notice", "notices"));
    let sign = if states.contains(words::RINGING) { "📞" } else { "📋" };
    format!("{sign} {}", dotted([calls, others]))
}

fn telling(card: &Card) -> Option<&Telling> {
    match card {
        Card::Call(card) => Some(&card.telling),
        Card::Recap(_) | Card::Shift(_) | Card::Notice(_) => None,
    }
}

/// `3 missed, 1 answered`: how many of each, the ones to act on first.
fn tally(states: impl Iterator<Item = &'static str>) -> String {
    let states: Vec<&str> = states.collect();
    let said = words::STATES.into_iter().filter_map(|name| {
        let number = states.iter().filter(|other| **other == name).count();
        (number > 0).then(|| format!("{number} {name}"))
    });
    said.collect::<Vec<_>>().join(", ")
}
