//! Decides the card of a row from the stored card and a new one: a status never goes back, and caller info never gets worse.
//! Pure.

use super::row::progress;
use crate::model::{
    call::{CallStatus, Revision},
    card::{CallCard, CallerInfo, Card, Match},
    delivery::EnqueueMode,
};

/// Returns the updated card for a stored card and a new one; `None`: unchanged. An erased card stays erased; an unreadable
/// one is replaced.
pub(super) fn updated_card(old: &str, new: &Card, rule: EnqueueMode) -> Option<Card> {
    let Card::Call(new) = new else { return None };
    if old.is_empty() {
        return None;
    }
    let old = match serde_json::from_str(old) {
        Ok(Card::Call(old)) => old,
        _ if matches!(rule, EnqueueMode::MergeInfo | EnqueueMode::MergeCallback) => return None,
        _ => return Some(Card::Call(new.clone())),
    };
    let updated = match rule {
        EnqueueMode::MergeInfo => {
            CallCard { caller_info: better_info(&old.caller_info, &new.caller_info).clone(), ..(*old).clone() }
        }
        EnqueueMode::MergeCallback => with_callback(&old, new)?,
        EnqueueMode::Insert | EnqueueMode::UpdatePending | EnqueueMode::UpsertLive | EnqueueMode::Reply => {
            advanced(&old, new)?
        }
    };
    (updated != *old).then(|| Card::Call(Box::new(updated)))
}

/// Returns the card with the new status; `None` if the status would go back.
fn advanced(old: &CallCard, new: &CallCard) -> Option<CallCard> {
    let (old_status, new_status) = (&old.update.status, &new.update.status);
    // A call that was handed on rings again.
    let rings_again = matches!((old_status, new_status), (CallStatus::Answered { .. }, CallStatus::Ringing))
        && new.update.call.course.handed_on.is_some()
        && new.update.at >= old.update.at;
    if progress(new_status.kind()) < progress(old_status.kind()) && !rings_again {
        return None;
    }
    // Of two answers, the later one is current.
    if matches!((old_status, new_status), (CallStatus::Answered { .. }, CallStatus::Answered { .. }))
        && new.update.at < old.update.at
    {
        return None;
    }
    // A repeated route decision for the same status is not a change.
    let routed = if old_status.kind() == new_status.kind() { &old.routed } else { &new.routed };
    let found = better_info(&old.caller_info, &new.caller_info).clone();
    let mut card = CallCard { caller_info: found, routed: routed.clone(), claims: old.claims.clone(), ..new.clone() };
    if new.update.call.revision != Some(Revision::CalledBack) {
        card.update.call.course.callback.clone_from(&old.update.call.course.callback);
    }
    Some(card)
}

/// Returns the card of a missed call with the callback of the new one; `None` if it does not show the end.
fn with_callback(old: &CallCard, new: &CallCard) -> Option<CallCard> {
    if !old.update.status.kind().is_final() {
        return None;
    }
    let mut card = CallCard { options: new.options.clone(), ..old.clone() };
    card.update.call.course.callback.clone_from(&new.update.call.course.callback);
    (card.update.call.revision, card.update.at) = (new.update.call.revision, new.update.at);
    Some(card)
}

/// Returns the newer caller info, unless sources that answered before failed this time.
fn better_info<'a>(old: &'a CallerInfo, new: &'a CallerInfo) -> &'a CallerInfo {
    let was_looked_up = |info: &CallerInfo| info.matched != Match::NotLookedUp;
    if new.failed_sources.len() > old.failed_sources.len() || (was_looked_up(old) && !was_looked_up(new)) {
        old
    } else {
        new
    }
}
