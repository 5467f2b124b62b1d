//! Through whose hands a call went: who answered it first and after how long, who had it next. Decides the words of one
//! line; a card that is edited as its call moves keeps in it what its state no longer says.

use super::{
    spoken::lasting,
    words::{PEOPLE, person},
};
use crate::model::{
    call::{Moment, Person},
    card::CallCard,
};

/// `Dana (1015) answered after 8 s, then Bob (1016)`; of a card that never lived only whom the call was handed on to.
pub(super) fn earlier(card: &CallCard) -> Option<String> {
    let mut answers = card.before.iter().filter_map(|moment| match moment {
        Moment::Answered { by, after } => Some((name(by), *after)),
        _ => None,
    });
    if let Some((first, after)) = answers.next() {
        let later: Vec<String> = answers.map(|(name, _)| name).collect();
        let surplus = later.len().saturating_sub(PEOPLE);
        let then = later.iter().skip(surplus).map(|name| format!(", then {name}"));
        return Some(format!("{first} answered after {}{}", lasting(after), then.collect::<String>()));
    }
    if !matches!(card.telling.moment, Moment::Ended { .. }) {
        return None;
    }
    let transfers = &card.telling.call.transfers;
    let surplus = transfers.len().saturating_sub(PEOPLE);
    let mut hands = transfers.iter().skip(surplus);
    let first = hands.next()?;
    let on = hands.map(|transfer| format!(" → {}", name(&transfer.to)));
    Some(format!("Handed on: {} → {}{}", name(&first.from), name(&first.to), on.collect::<String>()))
}

/// `Dana (1015) answered after 8 s`, or who took it over from somebody else.
pub(super) fn answered(card: &CallCard, by: &Person, after: std::time::Duration) -> String {
    let verb = if card.before.is_empty() { "answered" } else { "took over" };
    format!("{} {verb} after {}", name(by), lasting(after))
}

fn name(by: &Person) -> String {
    person(by).unwrap_or_else(|| "Somebody".to_owned())
}
