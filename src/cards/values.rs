//! What may stand in a template of a line: every name is always there, and empty where nothing is known, so that only a
//! slip is undefined. All text in it is clean.

use super::{
    caller::{self, Caller},
    facts,
    sheet::Parts,
    text::shown,
};
use crate::model::{
    call::Telling,
    card::{CallCard, Contact, Match},
    phone::Mask,
};
use minijinja::{
    Value, context,
    value::{Object, merge_maps},
};
use std::{collections::BTreeMap, sync::Arc};

/// The names; `caller.facts["Label"]` is a fact by its label.
pub(super) const KNOWN: [&str; 20] = [
    "line",
    "sign",
    "moment",
    "state",
    "urgent",
    "late",
    "began",
    "connection",
    "queue",
    "people",
    "called",
    "caller.name",
    "caller.number",
    "caller.company",
    "caller.tier",
    "caller.owner",
    "caller.notes",
    "caller.tags",
    "caller.network",
    "caller.facts",
];

/// Whether a card has this name.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || name.starts_with("caller.facts.")
}

/// What is worth a word besides the card's own.
pub(super) struct Beside<'a> {
    /// The caller as the card has it.
    pub(super) caller: &'a Caller,
    /// The call's facts as the card has them.
    pub(super) parts: &'a Parts,
    /// The state as a sign.
    pub(super) sign: &'a str,
    /// When the call began, written out.
    pub(super) began: &'a str,
    /// Whether it is told late.
    pub(super) late: bool,
    /// How much of numbers the sink sees.
    pub(super) mask: Mask,
}

/// The values of a card.
pub(super) fn of(card: &CallCard, beside: &Beside<'_>) -> Value {
    let Telling { call, moment, .. } = &card.telling;
    let nobody = Contact::default();
    let contact = match &card.found.who {
        Match::One { contact } => contact,
        Match::NotAsked | Match::Nobody | Match::Several { .. } => &nobody,
    };
    let network = caller::network(&call.caller, call.region, beside.mask).unwrap_or_default();
    let text = |text: &Option<String>| shown(text.as_deref(), caller::NAME).unwrap_or_default();
    // As on the card: a company without a person is the name, and the network is asked last.
    let (name, company) = match (text(&contact.name), text(&contact.company)) {
        (name, company) if !name.is_empty() => (name, company),
        (_, company) if !company.is_empty() => (company, String::new()),
        _ => (network.clone(), String::new()),
    };
    let facts = contact.facts.iter().take(100).filter_map(facts::fact);
    let facts = facts.rev().map(|fact| (fact.label.to_lowercase(), fact.value)).collect();
    context! {
        sign => beside.sign,
        moment => moment.kind().as_str(),
        state => beside.parts.state.as_str(),
        urgent => beside.caller.urgent,
        late => beside.late,
        began => beside.began,
        connection => call.connection.as_str(),
        queue => beside.parts.queue.as_str(),
        people => beside.parts.people.as_str(),
        called => beside.parts.called.as_str(),
        caller => context! {
            name => name,
            number => beside.caller.number.as_str(),
            company => company,
            tier => text(&contact.tier),
            owner => text(&contact.owner),
            notes => shown(contact.notes.as_deref(), caller::NOTES).unwrap_or_default(),
            tags => facts::tag_names(contact),
            network => network,
            facts => Value::from_object(Facts(facts)),
        },
    }
}

/// The same, with the line as it would be.
pub(super) fn of_line(values: &Value, as_it_is: &str) -> Value {
    merge_maps([context! { line => as_it_is }, values.clone()])
}

/// Facts by label, whatever its case; a caller who lacks one has an empty one.
#[derive(Debug)]
struct Facts(BTreeMap<String, String>);

impl Object for Facts {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let label = key.as_str()?.trim().to_lowercase();
        Some(self.0.get(&label).map_or_else(|| Value::from(""), |value| Value::from(value.as_str())))
    }
}

/// A call of which nothing is known.
pub(super) fn empty() -> Value {
    sample("", false, Vec::new())
}

/// A call of which everything is known.
pub(super) fn full() -> Value {
    sample("x", true, vec!["x"])
}

fn sample(text: &str, holds: bool, tags: Vec<&'static str>) -> Value {
    let facts = Value::from_object(Facts(BTreeMap::new()));
    context! {
        sign => text, moment => text, state => text, urgent => holds, late => holds, began => text,
        connection => text, queue => text, people => text, called => text,
        caller => context! {
            name => text, number => text, company => text, tier => text, owner => text, notes => text,
            tags => tags, network => text, facts => facts,
        },
    }
}
