//! Labelled rows of a contact on a card: selection, order and length.

use super::{content::Detail, duration::pluralize, text::sanitize_opt};
use crate::model::card::{Contact, Fact};

/// Facts on a card if the config selects none; the rest is counted.
pub(super) const MAX_FACTS: usize = 8;
/// Facts a config may select: as many as fit a Teams message with the longest values.
pub const MAX_CHOSEN_FACTS: usize = 10;
/// UTF-16 units of the value of a fact.
const MAX_VALUE_UNITS: usize = 200;
/// UTF-16 units of a label.
const MAX_LABEL_UNITS: usize = 40;
/// UTF-16 units of the name of the owner.
const MAX_OWNER_UNITS: usize = 70;
/// Tags on a card.
const MAX_TAGS: usize = 6;

/// Returns the rows of `contact` for the selected labels, in their order, or all rows.
pub(super) fn rows(contact: &Contact, selected: Option<&[String]>) -> Vec<Detail> {
    let Some(labels) = selected else { return all(contact) };
    let row = |label: &String| match label.to_lowercase().as_str() {
        "owner" => owner(contact),
        "tags" => tags(contact),
        folded => contact.facts.iter().find(|fact| fact.label.trim().to_lowercase() == folded).and_then(fact_row),
    };
    labels.iter().take(MAX_CHOSEN_FACTS).filter_map(row).collect()
}

fn all(contact: &Contact) -> Vec<Detail> {
    let mut rows: Vec<Detail> = contact.facts.iter().filter_map(fact_row).take(MAX_FACTS + 1).collect();
    if rows.len() > MAX_FACTS {
        rows.truncate(MAX_FACTS);
        let left = contact.facts.len().saturating_sub(MAX_FACTS);
        rows.push(Detail { label: "And".to_owned(), value: pluralize(left, "more fact", "more facts") });
    }
    rows.extend(owner(contact));
    rows.extend(tags(contact));
    rows
}

/// Returns the row of a fact, unless its value is empty.
pub(super) fn fact_row(fact: &Fact) -> Option<Detail> {
    let label = sanitize_opt(Some(&fact.label), MAX_LABEL_UNITS).unwrap_or_else(|| "Also".to_owned());
    sanitize_opt(Some(&fact.value), MAX_VALUE_UNITS).map(|value| Detail { label, value })
}

fn owner(contact: &Contact) -> Option<Detail> {
    sanitize_opt(contact.owner.as_deref(), MAX_OWNER_UNITS).map(|value| Detail { label: "Owner".to_owned(), value })
}

fn tags(contact: &Contact) -> Option<Detail> {
    let tags = tag_names(contact);
    (!tags.is_empty()).then(|| Detail { label: "Tags".to_owned(), value: tags.join(", ") })
}

/// Returns the sanitized tags of a contact.
pub(super) fn tag_names(contact: &Contact) -> Vec<String> {
    contact.tags.iter().filter_map(|tag| sanitize_opt(Some(tag), 30)).take(MAX_TAGS).collect()
}
