//! Merges the answers of all sources: which contacts are one person, which source has priority, and which result that
//! is. No I/O.
//!
//! Two contacts are one person if they have the same link, or the same name in any case. A contact without a name joins the
//! only other contact. Two records of one source with the same name and different links stay two. Father and son may share a
//! number, and a wrong name on a card is worse than a list of two. Two names of one source with the same link stay two as
//! well: colleagues have the page of their company in common.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::model::card::{Contact, Match};

/// Answer of one source for a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceAnswer {
    /// Contacts with the number: none, one or more.
    Found(Vec<Contact>),
    /// No answer, with the reason (without secrets).
    Failed(String),
    /// Source without data (its file is missing). The operator was warned.
    Disabled,
}

/// Contacts on a card. A source with more answers another question than the number.
const MAX_CANDIDATES: usize = 10;

/// Merges all answers in config order: the earlier source has priority. Also returns the names of the failed sources.
#[must_use]
pub(super) fn merge<'a>(answers: impl IntoIterator<Item = (&'a str, SourceAnswer)>) -> (Match, Vec<String>) {
    let mut people: Vec<Contact> = Vec::new();
    let mut failed = Vec::new();
    let mut answered = false;
    for (source, answer) in answers {
        match answer {
            SourceAnswer::Disabled => {}
            SourceAnswer::Failed(_) => failed.push(source.to_owned()),
            SourceAnswer::Found(contacts) => {
                answered = true;
                contacts.into_iter().for_each(|contact| add(&mut people, contact));
            }
        }
    }
    merge_unnamed(&mut people);
    people.sort_by_key(|contact| contact.name.is_none());
    people.truncate(MAX_CANDIDATES);
    let found = match people.len() {
        0 if answered => Match::NoMatch,
        0 => Match::NotLookedUp,
        1 => people.pop().map_or(Match::NoMatch, |contact| Match::One { contact: Box::new(contact) }),
        _ => Match::Several { contacts: people },
    };
    (found, failed)
}

fn add(people: &mut Vec<Contact>, contact: Contact) {
    let by_link =
        people.iter_mut().find(|known| known.link.is_some() && known.link == contact.link && !are_two(known, &contact));
    if let Some(known) = by_link {
        return merge_into(known, contact);
    }
    let mut by_name = people.iter_mut().filter(|known| is_same_name(known, &contact));
    match (by_name.next(), by_name.next()) {
        (Some(known), None) => merge_into(known, contact),
        _ => people.push(contact),
    }
}

/// Returns whether one source has both contacts under two names: two people.
fn are_two(known: &Contact, other: &Contact) -> bool {
    let names = known.name.is_some() && other.name.is_some() && folded_name(known) != folded_name(other);
    names && known.source.split(" + ").any(|source| source == other.source)
}

fn is_same_name(known: &Contact, other: &Contact) -> bool {
    let named = known.name.is_some() == other.name.is_some();
    let same = named && folded_name(known).is_some() && folded_name(known) == folded_name(other);
    let two_records = known.source == other.source && known.link.is_some() && other.link.is_some();
    same && !two_records
}

/// Returns the name in lower case, or the company of a record without a name. `Martin, Alice` is `alice martin`.
fn folded_name(contact: &Contact) -> Option<String> {
    let name = contact.name.as_deref().or(contact.company.as_deref())?;
    let turned = match name.split_once(',') {
        Some((last, first)) if contact.name.is_some() && !first.contains(',') => format!("{first} {last}"),
        _ => name.to_owned(),
    };
    Some(turned.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" "))
}

/// Merges records without a name into the only named person, if there is exactly one.
fn merge_unnamed(people: &mut Vec<Contact>) {
    if people.iter().filter(|contact| contact.name.is_some()).count() != 1 {
        return;
    }
    let (mut named, unnamed): (Vec<_>, Vec<_>) = std::mem::take(people).into_iter().partition(|it| it.name.is_some());
    if let Some(person) = named.first_mut() {
        unnamed.into_iter().for_each(|contact| merge_into(person, contact));
    }
    *people = named;
}

/// Copies the fields that `known` lacks from `contact`.
fn merge_into(known: &mut Contact, contact: Contact) {
    let Contact { name, company, tier, owner, notes, tags, link, facts, source } = contact;
    known.name = known.name.take().or(name);
    known.company = known.company.take().or(company);
    known.tier = known.tier.take().or(tier);
    known.owner = known.owner.take().or(owner);
    known.notes = known.notes.take().or(notes);
    known.link = known.link.take().or(link);
    for tag in tags {
        if !known.tags.iter().any(|it| it.to_lowercase() == tag.to_lowercase()) {
            known.tags.push(tag);
        }
    }
    for fact in facts {
        if !known.facts.iter().any(|it| it.label.to_lowercase() == fact.label.to_lowercase()) {
            known.facts.push(fact);
        }
    }
    if !known.source.split(" + ").any(|it| it == source) {
        known.source = format!("{} + {source}", known.source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::card::Fact;
    use proptest::prelude::*;

    fn person(source: &str, name: &str) -> Contact {
        let name = Some(name).filter(|it| !it.is_empty()).map(str::to_owned);
        Contact { name, source: source.into(), ..Contact::default() }
    }

    fn one(found: Match) -> Contact {
        match found {
            Match::One { contact } => *contact,
            other => panic!("{other:?} is not one contact"),
        }
    }

    #[test]
    fn merge_same_name_in_two_sources_is_one_person_first_source_wins() {
        let mut mine = person("contacts", "Alice Martin");
        mine.tier = Some("Gold".into());
        let mut theirs = person("crm", "ALICE  martin");
        theirs.tier = Some("Silver".into());
        theirs.link = Some("https://crm.example.com/1".into());
        theirs.facts = vec![Fact { label: "Tickets".into(), value: "2".into(), source: "crm".into() }];
        let (found, failed) =
            merge([("contacts", SourceAnswer::Found(vec![mine])), ("crm", SourceAnswer::Found(vec![theirs]))]);
        let alice = one(found);
        assert_eq!(alice.name.unwrap(), "Alice Martin");
        assert_eq!(alice.tier.unwrap(), "Gold");
        assert_eq!(alice.link.unwrap(), "https://crm.example.com/1");
        assert_eq!(alice.facts[0].source, "crm");
        assert_eq!(alice.source, "contacts + crm");
        assert!(failed.is_empty());
    }

    #[test]
    fn merge_rows_of_one_file_with_the_same_name_are_one_person() {
        let mut second = person("contacts", "Martin, Alice");
        second.notes = Some("prefers mail".into());
        second.tags = vec!["VIP".into()];
        let rows = SourceAnswer::Found(vec![person("contacts", "Alice Martin"), second]);
        let alice = one(merge([("contacts", rows)]).0);
        assert_eq!((alice.name.as_deref(), alice.notes.as_deref()), (Some("Alice Martin"), Some("prefers mail")));
        assert_eq!((alice.tags, alice.source.as_str()), (vec!["VIP".to_owned()], "contacts"));
        let junior = SourceAnswer::Found(vec![person("contacts", "John Smith"), person("contacts", "John Smith Jr.")]);
        assert!(matches!(merge([("contacts", junior)]).0, Match::Several { .. }), "father and son stay two");
    }

    #[test]
    fn merge_two_names_is_several() {
        let said = SourceAnswer::Found(vec![person("contacts", "Alice"), person("contacts", "Bob")]);
        let (Match::Several { contacts }, _) = merge([("contacts", said)]) else { panic!("not several contacts") };
        assert_eq!(contacts.len(), 2);
    }

    #[test]
    fn merge_unnamed_record_joins_the_only_person_in_any_order() {
        let mut tickets = person("desk", "");
        tickets.tier = Some("VIP".into());
        for order in [[0, 1], [1, 0]] {
            let said = [
                ("desk", SourceAnswer::Found(vec![tickets.clone()])),
                ("crm", SourceAnswer::Found(vec![person("crm", "Alice")])),
            ];
            let (found, _) = merge(order.map(|at: usize| said[at].clone()));
            let alice = one(found);
            assert_eq!((alice.name.as_deref(), alice.tier.as_deref()), (Some("Alice"), Some("VIP")));
        }
        let both = SourceAnswer::Found(vec![person("crm", "Alice"), person("crm", "Bob")]);
        let (Match::Several { contacts }, _) = merge([("desk", SourceAnswer::Found(vec![tickets])), ("crm", both)])
        else {
            panic!("not several contacts")
        };
        assert_eq!(contacts.len(), 3);
    }

    #[test]
    fn merge_two_links_of_one_name_in_one_source_stay_two() {
        let linked = |link: &str| Contact { link: Some(link.into()), ..person("crm", "John Smith") };
        let two = SourceAnswer::Found(vec![linked("https://a/1"), linked("https://a/2")]);
        assert!(matches!(merge([("crm", two)]).0, Match::Several { .. }));
        let same = SourceAnswer::Found(vec![linked("https://a/1"), linked("https://a/1")]);
        assert!(matches!(merge([("crm", same)]).0, Match::One { .. }));
    }

    #[test]
    fn merge_two_names_of_one_source_with_one_link_stay_two() {
        let linked = |source: &str, name: &str| Contact { link: Some("https://a".into()), ..person(source, name) };
        let colleagues = SourceAnswer::Found(vec![linked("contacts", "Alice"), linked("contacts", "Bob")]);
        assert!(matches!(merge([("contacts", colleagues)]).0, Match::Several { .. }));
        let spellings = [
            ("a", SourceAnswer::Found(vec![linked("a", "Bob")])),
            ("b", SourceAnswer::Found(vec![linked("b", "Robert")])),
        ];
        assert!(matches!(merge(spellings).0, Match::One { .. }));
    }

    #[test]
    fn merge_without_any_answer_is_not_looked_up() {
        let no_match = || SourceAnswer::Found(Vec::new());
        assert_eq!(
            merge([("a", no_match()), ("b", SourceAnswer::Failed("slow".into()))]),
            (Match::NoMatch, vec!["b".to_owned()])
        );
        assert_eq!(merge([("b", SourceAnswer::Failed("slow".into()))]), (Match::NotLookedUp, vec!["b".to_owned()]));
        assert_eq!(merge([("c", SourceAnswer::Disabled)]), (Match::NotLookedUp, vec![]));
        assert_eq!(merge([]), (Match::NotLookedUp, vec![]));
    }

    proptest! {
        #[test]
        fn merge_keeps_every_name_up_to_ten(names in prop::collection::vec("[A-C]{0,2}", 0..12)) {
            let said = names.iter().map(|name| ("s", SourceAnswer::Found(vec![person("s", name)])));
            let mut merged: Vec<String> = match merge(said).0 {
                Match::One { contact } => contact.name.into_iter().collect(),
                Match::Several { contacts } => contacts.into_iter().filter_map(|it| it.name).collect(),
                Match::NoMatch | Match::NotLookedUp => vec![],
            };
            let mut expected: Vec<String> = names.into_iter().filter(|it| !it.is_empty()).collect();
            expected.sort();
            expected.dedup();
            merged.sort();
            prop_assert!(merged == expected || merged.len() == 10 && merged.iter().all(|name| expected.contains(name)));
        }
    }
}
