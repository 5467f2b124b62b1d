//! Renders the caller: the four look-up results (one, several, no match, not looked up), a withheld number, the
//! history. Does not render the status of the call.

use super::{
    Style,
    facts::{self, FACTS},
    sheet::{Detail, Item, Link, Sheet, dotted},
    spoken::{ago, count, lasting, ordinal},
    text::{self, clean, link, shown},
};
use crate::model::{
    call::{self, Bound, MomentKind},
    card::{CallCard, Contact, Findings, History, Match, PastCall},
    phone::{Mask, Number, Region},
    time::Timestamp,
};
use std::collections::BTreeSet;

/// UTF-16 units of a name or company.
pub(super) const NAME: usize = 70;
/// UTF-16 units of a number: an unparsed one may be any text.
const MAX_NUMBER_UNITS: usize = 50;
/// Digits from which a name counts as a phone number: local numbers have seven.
const MIN_NUMBER_DIGITS: usize = 7;
/// UTF-16 units of free text: about five lines on a phone.
pub(super) const NOTES: usize = 300;
/// Contacts listed if several match: the number of buttons Teams allows.
const MAX_CANDIDATES: usize = 6;

/// Texts about a caller.
#[derive(Debug, Default)]
pub(super) struct Caller {
    /// Name and tier, or the name from the network, or the number, or a substitute.
    pub(super) title: String,
    /// The number alone, or a substitute.
    pub(super) number: String,
    /// Whether the caller was missed or called minutes ago.
    pub(super) urgent: bool,
    /// Reason why the call is urgent.
    pub(super) alert: Option<String>,
    /// Company, number, name from the network.
    pub(super) identity: Option<String>,
    /// Text beside the title in one line: the number, or possible contacts.
    pub(super) beside: Option<String>,
    details: Vec<Detail>,
    notes: Option<String>,
    items: Vec<Item>,
    link: Option<Link>,
    footnotes: Vec<String>,
}

/// Renders the caller of a call card.
pub(super) fn of(card: &CallCard, options: &Style, now: Timestamp) -> Caller {
    let (call, info) = (&card.telling.call, &card.found);
    if call.bound == Bound::Internal {
        return colleague(&call.caller, call.region, options.mask);
    }
    let number = number(&call.caller.number, call.region, options.mask);
    let formatted_number = number.clone();
    let unknown = unknown(number.clone(), network(&call.caller, call.region, options.mask));
    let mut caller = match &info.who {
        Match::One { contact } => one(contact, number, unknown, options),
        Match::Several { contacts } => several(contacts, unknown),
        Match::Nobody => Caller { identity: Some(dotted([unknown.identity, Some(not_found(info))])), ..unknown },
        Match::NotAsked => unknown,
    };
    caller.number = formatted_number;
    if let Some(history) = &info.history {
        caller.add_history(history, now);
    }
    if !matches!(info.who, Match::Nobody) {
        caller.footnotes.extend(failed_sources_line(info));
    }
    caller
}

impl Caller {
    /// Adds rows, notes, items, link and sources to the content of a call card.
    pub(super) fn fill(self, content: &mut Sheet) {
        content.details.extend(self.details);
        content.notes = self.notes;
        content.items = self.items;
        content.link = self.link;
        content.small.extend(self.footnotes);
    }

    fn add_history(&mut self, history: &History, now: Timestamp) {
        self.urgent = history.urgent;
        self.alert = alert(history, now);
        let last = history.last.as_ref().map_or_else(|| "none that we know of".to_owned(), |last| past_call(last, now));
        let (week, month) = (history.week as usize, history.month as usize);
        let calls = (month > 0).then(|| match week {
            0 => format!("{} in 30 days", count(month, "call", "calls")),
            week => format!("{} in 7 days, {month} in 30", count(week, "call", "calls")),
        });
        let mut rows = vec![Detail { label: "Last call".to_owned(), value: dotted([Some(last), calls]) }];
        rows.append(&mut self.details);
        self.details = rows;
    }
}

fn alert(history: &History, now: Timestamp) -> Option<String> {
    let emoji = if history.urgent { "🔥 " } else { "" };
    let again =
        history.again.as_ref().map(|again| format!("{} call in {}", ordinal(again.nth), lasting(again.within)));
    let text = match (history.missed_since as usize, &history.last) {
        (0, Some(last)) => again.map(|again| format!("{again}, last time {}", ago(last.at, now))),
        (0, None) => None,
        (missed, _) => {
            let missed = format!("Missed {} since we last talked", count(missed, "time", "times"));
            Some(dotted([Some(missed), again]))
        }
    };
    text.map(|text| format!("{emoji}{text}"))
}

/// Renders an earlier call: `12 min ago, missed`, `2 days ago, talked to Bob Roy`.
fn past_call(last: &PastCall, now: Timestamp) -> String {
    let with = shown(last.with.as_deref(), NAME);
    let outcome = match (last.outcome, with) {
        (MomentKind::Ringing, _) => "rang".to_owned(),
        (MomentKind::Answered | MomentKind::Ended, Some(with)) => format!("talked to {with}"),
        (MomentKind::Answered | MomentKind::Ended, None) => "answered".to_owned(),
        (MomentKind::Missed, _) => "missed".to_owned(),
        (MomentKind::Voicemail, _) => "voicemail".to_owned(),
    };
    format!("{}, {outcome}", ago(last.at, now))
}

/// Formats a number, or returns a substitute.
pub(super) fn number(number: &Number, region: Region, mask: Mask) -> String {
    let text = number.shown(region, mask).and_then(|text| shown(Some(&text), MAX_NUMBER_UNITS));
    match (number, text) {
        (Number::Withheld, _) | (_, None) => "Withheld number".to_owned(),
        (Number::Known(_), Some(text)) => text,
        (Number::Short(_), Some(text)) => format!("Short number {text}"),
        (Number::Unreadable(_), Some(text)) => format!("Unreadable number “{text}”"),
    }
}

/// Returns the name from the network, unless it repeats the number, is a word for a withheld number, or contains a
/// number that the mask hides.
pub(super) fn network(caller: &call::Caller, region: Region, mask: Mask) -> Option<String> {
    let name = shown(caller.name.as_deref(), NAME)?;
    if mask != Mask::None && name.chars().filter(char::is_ascii_digit).count() >= MIN_NUMBER_DIGITS {
        return None;
    }
    let lettered = name.contains(char::is_alphabetic);
    match Number::read(Some(&name), region) {
        Number::Withheld => None,
        Number::Known(_) | Number::Short(_) => lettered.then_some(name),
        Number::Unreadable(_) => Some(name),
    }
}

/// Renders the caller of an internal call by name and extension; there is no look-up.
fn colleague(caller: &call::Caller, region: Region, mask: Mask) -> Caller {
    let name = shown(caller.name.as_deref(), NAME);
    let extension = match &caller.number {
        Number::Withheld => None,
        number => number.shown(region, mask).and_then(|text| shown(Some(&text), MAX_NUMBER_UNITS)),
    };
    let title = match (name, &extension) {
        (Some(name), Some(extension)) => format!("{name} ({extension})"),
        (Some(name), None) => name,
        (None, Some(extension)) => format!("Extension {extension}"),
        (None, None) => "A colleague".to_owned(),
    };
    let kind = Some("Internal call".to_owned());
    Caller { title, number: extension.unwrap_or_default(), identity: kind.clone(), beside: kind, ..Caller::default() }
}

/// Renders a caller without a contact by the name from the network, labelled as such, or by the number.
fn unknown(number: String, network: Option<String>) -> Caller {
    let Some(name) = network else { return Caller { title: number, ..Caller::default() } };
    let beside = dotted([Some(keep_ltr(number, &[&name])), Some("name as the network shows it".to_owned())]);
    Caller { title: name, identity: Some(beside.clone()), beside: Some(beside), ..Caller::default() }
}

/// Prefixes a number beside right-to-left text with `Tel.`: without letters before it, its digit groups are reordered.
fn keep_ltr(number: String, beside: &[&str]) -> String {
    if beside.iter().any(|text| text::turns(text)) { format!("Tel. {number}") } else { number }
}

fn one(contact: &Contact, number: String, unknown: Caller, options: &Style) -> Caller {
    let company = shown(contact.company.as_deref(), NAME);
    let (name, company) = match (shown(contact.name.as_deref(), NAME), company) {
        (Some(name), company) => (Some(name), company),
        (None, company) => (company, None),
    };
    let tier = shown(contact.tier.as_deref(), 24);
    let Some(name) = name else {
        // A record without a name still has facts worth showing.
        let nameless = Caller { title: dotted([Some(unknown.title), tier]), ..unknown };
        return known(nameless, contact, options);
    };
    let number = keep_ltr(number, &[&name, company.as_deref().unwrap_or_default()]);
    let identity = dotted([company, Some(number.clone())]);
    let title = dotted([Some(name), tier]);
    known(Caller { title, identity: Some(identity), beside: Some(number), ..Caller::default() }, contact, options)
}

fn known(mut caller: Caller, contact: &Contact, options: &Style) -> Caller {
    caller.details = facts::rows(contact, options.facts.as_deref());
    caller.notes = shown(contact.notes.as_deref(), NOTES);
    caller.link = contact_link(contact, "Open in");
    if options.why {
        caller.footnotes.extend(sources_line(contact));
    }
    caller
}

fn several(contacts: &[Contact], unknown: Caller) -> Caller {
    let listed = contacts.iter().take(MAX_CANDIDATES).map(|contact| {
        let name = shown(contact.name.as_deref(), NAME);
        let text = dotted([name, shown(contact.company.as_deref(), NAME), shown(contact.tier.as_deref(), 24)]);
        let text = if text.is_empty() { "A record without a name".to_owned() } else { text };
        Item { link: contact_link(contact, "Open in"), text }
    });
    let mut items: Vec<Item> = listed.collect();
    let more = contacts.len().saturating_sub(MAX_CANDIDATES);
    if more > 0 {
        items.push(Item { text: format!("and {more} more"), link: None });
    }
    let shared = format!("{} share this number", count(contacts.len(), "contact", "contacts"));
    let names: Vec<String> = contacts.iter().take(2).filter_map(|contact| shown(contact.name.as_deref(), 30)).collect();
    let maybe = (!names.is_empty()).then(|| format!("maybe {}", names.join(" or ")));
    let identity = Some(dotted([unknown.identity.clone(), Some(shared)]));
    Caller { identity, beside: Some(dotted([unknown.beside.clone(), maybe])), items, ..unknown }
}

fn contact_link(contact: &Contact, verb: &str) -> Option<Link> {
    let url = link(contact.link.as_deref()?)?;
    let label =
        shown(Some(&source_name(&contact.source)), 40).map_or_else(|| "Open".to_owned(), |name| format!("{verb} {name}"));
    Some(Link { url, label })
}

/// Lists the sources of a contact: `found by number in CRM, Contacts`.
fn sources_line(contact: &Contact) -> Option<String> {
    let all = std::iter::once(&contact.source).chain(contact.facts.iter().take(FACTS).map(|fact| &fact.source));
    let mut seen = BTreeSet::new();
    let names: Vec<String> =
        all.map(|name| source_name(name)).filter(|name| !name.is_empty() && seen.insert(name.clone())).collect();
    (!names.is_empty()).then(|| clean(&format!("found by number in {}", names.join(", ")), 120))
}

/// Lists sources that failed: `CRM did not answer`.
fn failed_sources_line(info: &Findings) -> Option<String> {
    let names: Vec<String> =
        info.silent.iter().take(FACTS).map(|name| source_name(name)).filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then(|| format!("{} did not answer", clean(&names.join(", "), 120)))
}

fn not_found(info: &Findings) -> String {
    failed_sources_line(info).map_or_else(|| "Not in our records".to_owned(), |failed| format!("Not found, but {failed}"))
}

/// Formats the config name of a source: `crm` as CRM, `zoho-desk` as Zoho desk.
fn source_name(name: &str) -> String {
    let name = clean(name, 30).replace(['-', '_'], " ");
    if name.chars().count() <= 3 {
        return name.to_uppercase();
    }
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
