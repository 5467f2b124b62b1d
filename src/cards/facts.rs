//! The labelled rows that a contact brings onto a card: which of them, in which order, how long.

use super::{sheet::Detail, spoken::count, text::shown};
use crate::model::card::{Contact, Fact};

/// Facts on a card of which the config chooses none; the rest are counted.
pub(super) const FACTS: usize = 8;
/// Most facts that a config may choose: what the longest values of so many leave room for in a message of Teams.
pub const CHOSEN: usize = 10;
/// Longest value of a fact, in UTF-16 units.
const VALUE: usize = 200;
/// Longest label.
const LABEL: usize = 40;
/// Longest name of a colleague.
const OWNER: usize = 70;
/// Tags shown.
const TAGS: usize = 6;

/// The rows of `contact`: those of the labels that were chosen, in that order, or all there are.
pub(super) fn rows(contact: &Contact, chosen: Option<&[String]>) -> Vec<Detail> {
    let Some(labels) = chosen else { return all(contact) };
    let row = |label: &String| match label.to_lowercase().as_str() {
        "owner" => owner(contact),
        "tags" => tags(contact),
        folded => contact.facts.iter().find(|fact| fact.label.trim().to_lowercase() == folded).and_then(fact),
    };
    labels.iter().take(CHOSEN).filter_map(row).collect()
}

fn all(contact: &Contact) -> Vec<Detail> {
    let mut rows: Vec<Detail> = contact.facts.iter().filter_map(fact).take(FACTS + 1).collect();
    if rows.len() > FACTS {
        rows.truncate(FACTS);
        let left = contact.facts.len().saturating_sub(FACTS);
        rows.push(Detail { label: "And".to_owned(), value: count(left, "more fact", "more facts") });
    }
    rows.extend(owner(contact));
    rows.extend(tags(contact));
    rows
}

/// One fact, if it says anything.
pub(super) fn fact(fact: &Fact) -> Option<Detail> {
    let label = shown(Some(&fact.label), LABEL).unwrap_or_else(|| "Also".to_owned());
    shown(Some(&fact.value), VALUE).map(|value| Detail { label, value })
}

fn owner(contact: &Contact) -> Option<Detail> {
    shown(contact.owner.as_deref(), OWNER).map(|value| Detail { label: "Owner".to_owned(), value })
}

fn tags(contact: &Contact) -> Option<Detail> {
    let tags = tag_names(contact);
    (!tags.is_empty()).then(|| Detail { label: "Tags".to_owned(), value: tags.join(", ") })
}

/// The tags that are shown.
pub(super) fn tag_names(contact: &Contact) -> Vec<String> {
    contact.tags.iter().filter_map(|tag| shown(Some(tag), 30)).take(TAGS).collect()
}
