//! Many answers to one question: who is it? Decides who is the same person, whose word counts first, and which of the
//! honest results it is. No I/O.
//!
//! Two contacts are one person if they have the same link, or the same name whatever its case. A contact without a name
//! claims no person, so it joins the only other one there is. One source's two records of one name with different links
//! stay two: father and son share a number, and a wrong name on a card is worse than a list of two.

use crate::model::card::{Contact, Match};

/// What one source said of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The people it knows by the number: none, one, or more.
    Knows(Vec<Contact>),
    /// It should have said something, and did not; why, without anything secret in it.
    Silent(String),
    /// It has nothing to ask (its file is missing), which the operator was told.
    Off,
}

/// Most candidates that a card gets: more is a source that answers something else than it was asked.
const CANDIDATES: usize = 10;

/// All answers as one, in the order of the config: the earlier source's word counts. Beside it the sources that were silent.
#[must_use]
pub fn merge<'a>(said: impl IntoIterator<Item = (&'a str, Said)>) -> (Match, Vec<String>) {
    let mut people: Vec<Contact> = Vec::new();
    let mut silent = Vec::new();
    let mut answered = false;
    for (source, said) in said {
        match said {
            Said::Off => {}
            Said::Silent(_) => silent.push(source.to_owned()),
            Said::Knows(contacts) => {
                answered = true;
                contacts.into_iter().for_each(|contact| join(&mut people, contact));
            }
        }
    }
    gather_the_nameless(&mut people);
    people.sort_by_key(|contact| contact.name.is_none());
    people.truncate(CANDIDATES);
    let found = match people.len() {
        0 if answered => Match::Nobody,
        0 => Match::NotAsked,
        1 => people.pop().map_or(Match::Nobody, |contact| Match::One { contact: Box::new(contact) }),
        _ => Match::Several { contacts: people },
    };
    (found, silent)
}

fn join(people: &mut Vec<Contact>, contact: Contact) {
    let by_link = people.iter_mut().find(|known| known.link.is_some() && known.link == contact.link);
    if let Some(known) = by_link {
        return absorb(known, contact);
    }
    let mut by_name = people.iter_mut().filter(|known| is_namesake(known, &contact));
    match (by_name.next(), by_name.next()) {
        (Some(known), None) => absorb(known, contact),
        _ => people.push(contact),
    }
}

fn is_namesake(known: &Contact, other: &Contact) -> bool {
    let named = known.name.is_some() == other.name.is_some();
    let same = named && folded(known).is_some() && folded(known) == folded(other);
    let two_records = known.source == other.source && known.link.is_some() && other.link.is_some();
    same && !two_records
}

/// The name, or the company of a record that is about a company alone.
fn folded(contact: &Contact) -> Option<String> {
    let name = contact.name.as_deref().or(contact.company.as_deref())?;
    Some(name.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" "))
}

/// A record without a name says something of whoever has the number; if that is one person, of that person.
fn gather_the_nameless(people: &mut Vec<Contact>) {
    if people.iter().filter(|contact| contact.name.is_some()).count() != 1 {
        return;
    }
    let (mut named, nameless): (Vec<_>, Vec<_>) = std::mem::take(people).into_iter().partition(|it| it.name.is_some());
    if let Some(person) = named.first_mut() {
        nameless.into_iter().for_each(|contact| absorb(person, contact));
    }
    *people = named;
}

/// What `contact` knows beyond `known` goes over to it.
fn absorb(known: &mut Contact, contact: Contact) {
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
            other => panic!("{other:?} is not one"),
        }
    }

    #[test]
    fn the_same_name_from_two_sources_is_one_person_and_the_first_source_counts() {
        let mut mine = person("contacts", "Alice Martin");
        mine.tier = Some("Gold".into());
        let mut theirs = person("crm", "ALICE  martin");
        theirs.tier = Some("Silver".into());
        theirs.link = Some("https://crm.example.com/1".into());
        theirs.facts = vec![Fact { label: "Tickets".into(), value: "2".into(), source: "crm".into() }];
        let (found, silent) = merge([("contacts", Said::Knows(vec![mine])), ("crm", Said::Knows(vec![theirs]))]);
        let alice = one(found);
        assert_eq!(alice.name.unwrap(), "Alice Martin");
        assert_eq!(alice.tier.unwrap(), "Gold");
        assert_eq!(alice.link.unwrap(), "https://crm.example.com/1");
        assert_eq!(alice.facts[0].source, "crm");
        assert_eq!(alice.source, "contacts + crm");
        assert!(silent.is_empty());
    }

    #[test]
    fn two_names_on_one_number_are_several_and_none_is_chosen() {
        let said = Said::Knows(vec![person("contacts", "Alice"), person("contacts", "Bob")]);
        let (Match::Several { contacts }, _) = merge([("contacts", said)]) else { panic!("not several") };
        assert_eq!(contacts.len(), 2);
    }

    #[test]
    fn a_record_without_a_name_joins_the_only_person_wherever_it_stands() {
        let mut tickets = person("desk", "");
        tickets.tier = Some("VIP".into());
        for order in [[0, 1], [1, 0]] {
            let said =
                [("desk", Said::Knows(vec![tickets.clone()])), ("crm", Said::Knows(vec![person("crm", "Alice")]))];
            let (found, _) = merge(order.map(|at: usize| said[at].clone()));
            let alice = one(found);
            assert_eq!((alice.name.as_deref(), alice.tier.as_deref()), (Some("Alice"), Some("VIP")));
        }
        let both = Said::Knows(vec![person("crm", "Alice"), person("crm", "Bob")]);
        let (Match::Several { contacts }, _) = merge([("desk", Said::Knows(vec![tickets])), ("crm", both)]) else {
            panic!("not several")
        };
        assert_eq!(contacts.len(), 3);
    }

    #[test]
    fn one_source_that_keeps_two_records_of_one_name_is_believed() {
        let linked = |link: &str| Contact { link: Some(link.into()), ..person("crm", "John Smith") };
        let two = Said::Knows(vec![linked("https://a/1"), linked("https://a/2")]);
        assert!(matches!(merge([("crm", two)]).0, Match::Several { .. }));
        let same = Said::Knows(vec![linked("https://a/1"), linked("https://a/1")]);
        assert!(matches!(merge([("crm", same)]).0, Match::One { .. }));
    }

    #[test]
    fn nobody_is_said_only_by_a_source_that_answered() {
        let nobody = || Said::Knows(Vec::new());
        assert_eq!(merge([("a", nobody()), ("b", Said::Silent("slow".into()))]), (Match::Nobody, vec!["b".to_owned()]));
        assert_eq!(merge([("b", Said::Silent("slow".into()))]), (Match::NotAsked, vec!["b".to_owned()]));
        assert_eq!(merge([("c", Said::Off)]), (Match::NotAsked, vec![]));
        assert_eq!(merge([]), (Match::NotAsked, vec![]));
    }

    proptest! {
        #[test]
        fn no_name_that_was_said_is_lost_up_to_ten(names in prop::collection::vec("[A-C]{0,2}", 0..12)) {
            let said = names.iter().map(|name| ("s", Said::Knows(vec![person("s", name)])));
            let mut told: Vec<String> = match merge(said).0 {
                Match::One { contact } => contact.name.into_iter().collect(),
                Match::Several { contacts } => contacts.into_iter().filter_map(|it| it.name).collect(),
                Match::Nobody | Match::NotAsked => vec![],
            };
            let mut meant: Vec<String> = names.into_iter().filter(|it| !it.is_empty()).collect();
            meant.sort();
            meant.dedup();
            told.sort();
            prop_assert!(told == meant || told.len() == 10 && told.iter().all(|name| meant.contains(name)));
        }
    }
}
