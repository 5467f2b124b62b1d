//! Who calls, in words: the four honest results of a look-up (one, several, nobody, not asked), a hidden number, the past.
//! Decides what is said of a caller; nothing of what happens to the call.

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

/// Longest name or company, in UTF-16 units.
pub(super) const NAME: usize = 70;
/// Longest number: an unreadable one may be any text.
const NUMBER: usize = 50;
/// So many digits are a number, whatever stands around them: local numbers have seven.
const DIGITS: usize = 7;
/// Longest free text: about five lines on a phone.
pub(super) const NOTES: usize = 300;
/// Callers listed where there are several: as many as Teams takes buttons.
const CANDIDATES: usize = 6;

/// What is said of a caller.
#[derive(Debug, Default)]
pub(super) struct Caller {
    /// Name and tier, or the name that the network sends, or the number, or what is known in its place.
    pub(super) title: String,
    /// The number alone, or the words in its place.
    pub(super) number: String,
    /// Marked: missed or called minutes ago.
    pub(super) urgent: bool,
    /// Why it is urgent.
    pub(super) alert: Option<String>,
    /// Company, number, what the network says.
    pub(super) identity: Option<String>,
    /// What stands beside the title in one line: the number, or who it may be.
    pub(super) beside: Option<String>,
    details: Vec<Detail>,
    notes: Option<String>,
    items: Vec<Item>,
    link: Option<Link>,
    small: Vec<String>,
}

/// Reads a card for what it says of the caller.
pub(super) fn of(card: &CallCard, style: &Style, now: Timestamp) -> Caller {
    let (call, found) = (&card.telling.call, &card.found);
    if call.bound == Bound::Internal {
        return colleague(&call.caller, call.region, style.mask);
    }
    let number = number(&call.caller.number, call.region, style.mask);
    let shown_number = number.clone();
    let unknown = unknown(number.clone(), network(&call.caller, call.region, style.mask));
    let mut caller = match &found.who {
        Match::One { contact } => one(contact, number, unknown, style),
        Match::Several { contacts } => several(contacts, unknown),
        Match::Nobody => Caller { identity: Some(dotted([unknown.identity, Some(not_found(found))])), ..unknown },
        Match::NotAsked => unknown,
    };
    caller.number = shown_number;
    if let Some(history) = &found.history {
        caller.past(history, now);
    }
    if !matches!(found.who, Match::Nobody) {
        caller.small.extend(silent(found));
    }
    caller
}

impl Caller {
    /// Adds what is known of the caller to the card of a call.
    pub(super) fn fill(self, sheet: &mut Sheet) {
        sheet.details.extend(self.details);
        sheet.notes = self.notes;
        sheet.items = self.items;
        sheet.link = self.link;
        sheet.small.extend(self.small);
    }

    fn past(&mut self, history: &History, now: Timestamp) {
        self.urgent = history.urgent;
        self.alert = alert(history, now);
        let last = history.last.as_ref().map_or_else(|| "none that we know of".to_owned(), |last| past_call(last, now));
        let (week, month) = (history.week as usize, history.month as usize);
        let calls = (month > 0).then(|| match week {
            0 => format!("{} in 30 days", count(month, "call", "calls")),
            week => format!("{} in 7 days, {month} in 30", count(week, "call", "calls")),
        });
        let mut past = vec![Detail { label: "Last call".to_owned(), value: dotted([Some(last), calls]) }];
        past.append(&mut self.details);
        self.details = past;
    }
}

fn alert(history: &History, now: Timestamp) -> Option<String> {
    let sign = if history.urgent { "🔥 " } else { "" };
    let again = history.again.as_ref().map(|it| format!("{} call in {}", ordinal(it.nth), lasting(it.within)));
    let said = match (history.missed_since as usize, &history.last) {
        (0, Some(last)) => again.map(|again| format!("{again}, last time {}", ago(last.at, now))),
        (0, None) => None,
        (missed, _) => {
            let missed = format!("Missed {} since we last talked", count(missed, "time", "times"));
            Some(dotted([Some(missed), again]))
        }
    };
    said.map(|said| format!("{sign}{said}"))
}

/// `12 min ago, missed`, `2 days ago, talked to Bob Roy`.
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

/// A caller's number, or the words that stand in its place.
pub(super) fn number(number: &Number, region: Region, mask: Mask) -> String {
    let text = number.shown(region, mask).and_then(|text| shown(Some(&text), NUMBER));
    match (number, text) {
        (Number::Withheld, _) | (_, None) => "Withheld number".to_owned(),
        (Number::Known(_), Some(text)) => text,
        (Number::Short(_), Some(text)) => format!("Short number {text}"),
        (Number::Unreadable(_), Some(text)) => format!("Unreadable number “{text}”"),
    }
}

/// The name that the network sends, unless it is the number once more, the word for a hidden one, or has a number in it
/// that a mask would have covered.
pub(super) fn network(caller: &call::Caller, region: Region, mask: Mask) -> Option<String> {
    let name = shown(caller.name.as_deref(), NAME)?;
    if mask != Mask::None && name.chars().filter(char::is_ascii_digit).count() >= DIGITS {
        return None;
    }
    let lettered = name.contains(char::is_alphabetic);
    match Number::read(Some(&name), region) {
        Number::Withheld => None,
        Number::Known(_) | Number::Short(_) => lettered.then_some(name),
        Number::Unreadable(_) => Some(name),
    }
}

/// A colleague who calls a colleague: by name and extension, which nobody looks up.
fn colleague(caller: &call::Caller, region: Region, mask: Mask) -> Caller {
    let name = shown(caller.name.as_deref(), NAME);
    let extension = match &caller.number {
        Number::Withheld => None,
        number => number.shown(region, mask).and_then(|text| shown(Some(&text), NUMBER)),
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

/// A caller whom no source names: by the network's name, which is said to be that, or by the number.
fn unknown(number: String, network: Option<String>) -> Caller {
    let Some(name) = network else { return Caller { title: number, ..Caller::default() } };
    let beside = dotted([Some(upright(number, &[&name])), Some("name as the network shows it".to_owned())]);
    Caller { title: name, identity: Some(beside.clone()), beside: Some(beside), ..Caller::default() }
}

/// Right-to-left text turns the groups of a number beside it round; a word of letters before the number keeps them.
fn upright(number: String, beside: &[&str]) -> String {
    if beside.iter().any(|text| text::turns(text)) { format!("Tel. {number}") } else { number }
}

fn one(contact: &Contact, number: String, unknown: Caller, style: &Style) -> Caller {
    let company = shown(contact.company.as_deref(), NAME);
    let (name, company) = match (shown(contact.name.as_deref(), NAME), company) {
        (Some(name), company) => (Some(name), company),
        (None, company) => (company, None),
    };
    let tier = shown(contact.tier.as_deref(), 24);
    let Some(name) = name else {
        // A record without a name: what the record says is still worth reading.
        let nameless = Caller { title: dotted([Some(unknown.title), tier]), ..unknown };
        return known(nameless, contact, style);
    };
    let number = upright(number, &[&name, company.as_deref().unwrap_or_default()]);
    let identity = dotted([company, Some(number.clone())]);
    let title = dotted([Some(name), tier]);
    known(Caller { title, identity: Some(identity), beside: Some(number), ..Caller::default() }, contact, style)
}

fn known(mut caller: Caller, contact: &Contact, style: &Style) -> Caller {
    caller.details = facts::rows(contact, style.facts.as_deref());
    caller.notes = shown(contact.notes.as_deref(), NOTES);
    caller.link = contact_link(contact, "Open in");
    if style.why {
        caller.small.extend(why(contact));
    }
    caller
}

fn several(contacts: &[Contact], unknown: Caller) -> Caller {
    let listed = contacts.iter().take(CANDIDATES).map(|contact| {
        let name = shown(contact.name.as_deref(), NAME);
        let text = dotted([name, shown(contact.company.as_deref(), NAME), shown(contact.tier.as_deref(), 24)]);
        let text = if text.is_empty() { "A record without a name".to_owned() } else { text };
        Item { link: contact_link(contact, "Open in"), text }
    });
    let mut items: Vec<Item> = listed.collect();
    let more = contacts.len().saturating_sub(CANDIDATES);
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
        shown(Some(&source(&contact.source)), 40).map_or_else(|| "Open".to_owned(), |name| format!("{verb} {name}"));
    Some(Link { url, label })
}

/// Where it is known from: `found by number in CRM, Contacts`.
fn why(contact: &Contact) -> Option<String> {
    let all = std::iter::once(&contact.source).chain(contact.facts.iter().take(FACTS).map(|fact| &fact.source));
    let mut seen = BTreeSet::new();
    let names: Vec<String> =
        all.map(|name| source(name)).filter(|name| !name.is_empty() && seen.insert(name.clone())).collect();
    (!names.is_empty()).then(|| clean(&format!("found by number in {}", names.join(", ")), 120))
}

fn silent(found: &Findings) -> Option<String> {
    let names: Vec<String> =
        found.silent.iter().take(FACTS).map(|name| source(name)).filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then(|| format!("{} did not answer", clean(&names.join(", "), 120)))
}

fn not_found(found: &Findings) -> String {
    silent(found).map_or_else(|| "Not in our records".to_owned(), |silent| format!("Not found, but {silent}"))
}

/// A source's config name as a person writes it: `crm` is CRM, `zoho-desk` Zoho desk.
fn source(name: &str) -> String {
    let name = clean(name, 30).replace(['-', '_'], " ");
    if name.chars().count() <= 3 {
        return name.to_uppercase();
    }
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
