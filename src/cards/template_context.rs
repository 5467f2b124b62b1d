//! Variables of card line templates. Every variable is always defined, empty without data, so only a typing error is
//! undefined. All texts are sanitized.

use super::{
    caller::{self, CallerLines},
    caller_number,
    content::CardFields,
    facts,
    text::sanitize_opt,
};
use crate::model::{
    card::{CallCard, Contact, Match},
    phone::Mask,
};
use minijinja::{
    Value, context,
    value::{Object, merge_maps},
};
use std::{collections::BTreeMap, sync::Arc};

/// Names of the variables; `caller.facts["Label"]` is a fact by its label.
pub(super) const VARIABLES: [&str; 20] = [
    "line",
    "sign",
    "status",
    "state",
    "urgent",
    "late",
    "started",
    "connection",
    "queue",
    "people",
    "dialed",
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

/// Returns whether a template may use this variable.
pub(super) fn is_variable(name: &str) -> bool {
    VARIABLES.contains(&name) || name.starts_with("caller.facts.")
}

/// Inputs of the template context beside the card.
pub(super) struct ExtraFields<'a> {
    /// Caller lines of the card.
    pub(super) caller: &'a CallerLines,
    /// Fields of the card.
    pub(super) fields: &'a CardFields,
    /// Emoji of the status.
    pub(super) emoji: &'a str,
    /// Printed start time of the call.
    pub(super) started: &'a str,
    /// Visible part of a phone number.
    pub(super) mask: Mask,
    /// Whether the card is posted late.
    pub(super) late: bool,
}

/// Builds the template context of a card.
pub(super) fn build_context(card: &CallCard, extra: &ExtraFields<'_>) -> Value {
    let call = &card.update.call;
    let no_contact = Contact::default();
    let contact = match &card.caller_info.matched {
        Match::One { contact } => contact,
        Match::NotLookedUp | Match::NoMatch | Match::Several { .. } => &no_contact,
    };
    let network = caller_number::network_name(&call.caller, call.region, extra.mask).unwrap_or_default();
    let text = |text: &Option<String>| sanitize_opt(text.as_deref(), caller_number::MAX_NAME_UNITS).unwrap_or_default();
    // As on the card: a company without a person is the name; the network's name is the last choice.
    let (name, company) = match (text(&contact.name), text(&contact.company)) {
        (name, company) if !name.is_empty() => (name, company),
        (_, company) if !company.is_empty() => (company, String::new()),
        _ => (network.clone(), String::new()),
    };
    let facts = contact.facts.iter().take(100).filter_map(facts::fact_row);
    let facts = facts.rev().map(|fact| (fact.label.to_lowercase(), fact.value)).collect();
    context! {
        sign => extra.emoji,
        status => card.update.kind().as_str(),
        state => extra.fields.state.as_str(),
        urgent => extra.caller.urgent,
        late => extra.late,
        started => extra.started,
        connection => call.connection.as_str(),
        queue => extra.fields.queue.as_str(),
        people => extra.fields.people.as_str(),
        dialed => extra.fields.dialed.as_str(),
        caller => context! {
            name => name,
            number => extra.caller.number.as_str(),
            company => company,
            tier => text(&contact.tier),
            owner => text(&contact.owner),
            notes => sanitize_opt(contact.notes.as_deref(), caller::MAX_NOTES_UNITS).unwrap_or_default(),
            tags => facts::tag_names(contact),
            network => network,
            facts => Value::from_object(FactsByLabel(facts)),
        },
    }
}

/// Adds the default text of the line to the context.
pub(super) fn with_line(values: &Value, default_text: &str) -> Value {
    merge_maps([context! { line => default_text }, values.clone()])
}

/// Facts by label, ignoring case; an unknown label is an empty text.
#[derive(Debug)]
struct FactsByLabel(BTreeMap<String, String>);

impl Object for FactsByLabel {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let label = key.as_str()?.trim().to_lowercase();
        Some(self.0.get(&label).map_or_else(|| Value::from(""), |value| Value::from(value.as_str())))
    }
}

/// Builds a sample context without any caller data.
pub(super) fn empty_sample() -> Value {
    sample("", false, Vec::new())
}

/// Builds a sample context with all caller data.
pub(super) fn full_sample() -> Value {
    sample("x", true, vec!["x"])
}

fn sample(text: &str, flag: bool, tags: Vec<&'static str>) -> Value {
    let facts = Value::from_object(FactsByLabel(BTreeMap::new()));
    context! {
        sign => text, status => text, state => text, urgent => flag, late => flag, started => text,
        connection => text, queue => text, people => text, dialed => text,
        caller => context! {
            name => text, number => text, company => text, tier => text, owner => text, notes => text,
            tags => tags, network => text, facts => facts,
        },
    }
}
