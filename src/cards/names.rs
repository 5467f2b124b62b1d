//! Names of people and queues on a card, sanitized and bounded.

use super::text::sanitize_opt;
use crate::model::call::{Person, Queue};

/// People named on a card; the rest is counted.
pub(super) const MAX_PEOPLE: usize = 3;
/// UTF-16 units of the name of a person, a queue or an account number.
pub(super) const MAX_PERSON_UNITS: usize = 60;

/// Returns name or extension of a queue.
pub(super) fn queue_name(queue: &Queue) -> String {
    sanitize_opt(Some(&queue.name), MAX_PERSON_UNITS)
        .or_else(|| sanitize_opt(queue.extension.as_deref(), MAX_PERSON_UNITS))
        .unwrap_or_else(|| "a queue".to_owned())
}

/// Lists people: `Bob Roy (1015), Eve Li (1016) and 3 more`.
pub(super) fn list_people(people: &[Person]) -> Option<String> {
    let named: Vec<String> = people.iter().filter_map(format_person).collect();
    let more = named.len().saturating_sub(MAX_PEOPLE);
    let first = named.into_iter().take(MAX_PEOPLE).collect::<Vec<_>>().join(", ");
    match (first.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(first),
        (false, more) => Some(format!("{first} and {more} more")),
    }
}

/// Renders a person with the extension: `Bob Roy (1015)`.
pub(super) fn format_person(person: &Person) -> Option<String> {
    let extension = sanitize_opt(person.extension.as_deref(), 12);
    match (sanitize_opt(person.name.as_deref(), MAX_PERSON_UNITS), extension) {
        (Some(name), Some(extension)) => Some(format!("{name} ({extension})")),
        (Some(name), None) => Some(name),
        (None, Some(extension)) => Some(format!("extension {extension}")),
        (None, None) => None,
    }
}
