//! Words of a missed call that waits for its call back: the claim and the buttons. Does not decide the effect of a press.

use super::content::ClaimRow;
use crate::model::{
    card::CallCard,
    claim::{Button, Claim, ClaimKind, can_undo},
    time::Timestamp,
};

/// Returns claim and buttons of a card at `now`; `None` without either. `has_buttons`: the chat returns presses.
pub(super) fn of_card(card: &CallCard, has_buttons: bool, now: Timestamp) -> Option<ClaimRow> {
    if !card.needs_callback() {
        return None;
    }
    let claim = card.claims.as_ref().and_then(|claims| claims.current.clone());
    let buttons = if has_buttons { buttons(claim.as_ref(), now) } else { Vec::new() };
    let is_empty = claim.is_none() && buttons.is_empty();
    (!is_empty).then(|| ClaimRow { call: card.update.call.id.clone(), claim, buttons })
}

fn buttons(claim: Option<&Claim>, now: Timestamp) -> Vec<Button> {
    let next: &[Button] = match claim.map(|claim| claim.kind) {
        None => &[Button::CallBack, Button::Done],
        Some(ClaimKind::CallsBack) => &[Button::Done],
        Some(ClaimKind::Done) => &[],
    };
    let undo = claim.filter(|claim| can_undo(claim, now)).map(|_| Button::Undo);
    next.iter().copied().chain(undo).collect()
}

/// Returns the text of a button. Slack allows 75 characters and shows about 30.
pub(super) const fn label(button: Button) -> &'static str {
    match button {
        Button::CallBack => "I call back",
        Button::Done => "Done",
        Button::Undo => "Undo",
    }
}

/// Returns the text with the person who claims the call. `person`: the person in the chat's own markup.
pub(super) fn claim_text(claim: &Claim, person: &str) -> String {
    match claim.kind {
        ClaimKind::CallsBack => format!("🙋 {person} calls back"),
        ClaimKind::Done => format!("✅ Done: {person}"),
    }
}
