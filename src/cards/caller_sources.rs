//! Renders the sources of a contact: its link, the matching sources, and the sources without an answer.

use super::{
    content::Link,
    facts::MAX_FACTS,
    text::{sanitize, sanitize_opt, sanitize_url},
};
use crate::model::card::{CallerInfo, Contact};
use std::collections::BTreeSet;

pub(super) fn contact_link(contact: &Contact, verb: &str) -> Option<Link> {
    let url = sanitize_url(contact.link.as_deref()?)?;
    let label = sanitize_opt(Some(&source_name(&contact.source)), 40)
        .map_or_else(|| "Open".to_owned(), |name| format!("{verb} {name}"));
    Some(Link { url, label })
}

/// Lists the sources of a contact: `found by number in CRM, Contacts`.
pub(super) fn sources_line(contact: &Contact) -> Option<String> {
    let all = std::iter::once(&contact.source).chain(contact.facts.iter().take(MAX_FACTS).map(|fact| &fact.source));
    let mut seen = BTreeSet::new();
    let names: Vec<String> =
        all.map(|name| source_name(name)).filter(|name| !name.is_empty() && seen.insert(name.clone())).collect();
    (!names.is_empty()).then(|| sanitize(&format!("found by number in {}", names.join(", ")), 120))
}

/// Lists sources that failed: `CRM did not answer`.
pub(super) fn failed_sources_line(info: &CallerInfo) -> Option<String> {
    let names: Vec<String> = info
        .failed_sources
        .iter()
        .take(MAX_FACTS)
        .map(|name| source_name(name))
        .filter(|name| !name.is_empty())
        .collect();
    (!names.is_empty()).then(|| format!("{} did not answer", sanitize(&names.join(", "), 120)))
}

/// Formats the config name of a source: `crm` as CRM, `zoho-desk` as Zoho desk.
fn source_name(name: &str) -> String {
    let name = sanitize(name, 30).replace(['-', '_'], " ");
    if name.chars().count() <= 3 {
        return name.to_uppercase();
    }
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
