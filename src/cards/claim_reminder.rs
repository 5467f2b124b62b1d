//! Content of the reminder of a claim: the caller, the age of the claim, and a try without an answer. Does not decide when a
//! reminder is due.

use super::{
    RenderOptions,
    callback_line::callback_line,
    caller,
    content::{CardContent, ClaimRow, Tone, join_dots},
    duration::format_age,
};
use crate::model::{card::CallCard, claim::ClaimReminder, time::Timestamp};

/// Builds the content: `⏰ No call back seen yet: Alice Martin`, `(514) 555-0199 · claimed 30 min ago`, and who claimed.
pub(super) fn reminder_content(
    card: &CallCard,
    reminder: &ClaimReminder,
    options: &RenderOptions,
    now: Timestamp,
) -> CardContent {
    let caller = caller::caller_lines(card, options, now);
    let call = &card.update.call;
    let mut content = CardContent::new(Tone::Bad, &format!("⏰ No call back seen yet: {}", caller.title));
    let tried = call.course.callback.as_ref().map(|callback| callback_line(callback, now, &options.time_zone));
    let claimed = format!("claimed {}", format_age(reminder.claim.at, now));
    content.summary = join_dots([caller.summary.clone(), Some(claimed), tried]);
    content.push_line(content.summary.clone(), false);
    content.claim_row =
        Some(ClaimRow { call: call.id.clone(), claim: Some(reminder.claim.clone()), buttons: Vec::new() });
    content
}
