//! Renders the caller: the four look-up results (one, several, no match, not looked up), a withheld number, the
//! history. Does not render the status of the call.

use super::{
    RenderOptions,
    content::{CardContent, Detail, Item, Link, join_dots},
    duration::{format_age, format_duration, format_ordinal, pluralize},
    facts::{self, MAX_FACTS},
    text::{self, sanitize, sanitize_opt, sanitize_url},
};
use crate::model::{
    call::{self, CallDirection, StatusKind},
    card::{CallCard, CallerHistory, CallerInfo, Contact, Match, PastCall},
    phone::{Mask, NetworkName, PhoneNumber, Region},
    time::Timestamp,
};
use std::collections::BTreeSet;

/// UTF-16 units of a name or company.
pub(super) const MAX_NAME_UNITS: usize = 70;
/// UTF-16 units of a number: an unparsed one may be any text.
const MAX_NUMBER_UNITS: usize = 50;
/// Digits from which a name counts as a phone number: local numbers have seven.
const MIN_NUMBER_DIGITS: usize = 7;
/// UTF-16 units of free text: about five lines on a phone.
pub(super) const MAX_NOTES_UNITS: usize = 300;
/// Contacts listed if several match: the number of buttons Teams allows.
const MAX_CANDIDATES: usize = 6;

/// Texts about a caller.
#[derive(Debug, Default)]
pub(super) struct CallerLines {
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
    pub(super) summary: Option<String>,
    details: Vec<Detail>,
    notes: Option<String>,
    items: Vec<Item>,
    link: Option<Link>,
    footnotes: Vec<String>,
}

/// Renders the caller of a call card.
pub(super) fn caller_lines(card: &CallCard, options: &RenderOptions, now: Timestamp) -> CallerLines {
    let (call, info) = (&card.update.call, &card.caller_info);
    if call.direction == CallDirection::Internal {
        return colleague(&call.caller, call.region, options.mask);
    }
    let number = format_number(&call.caller.number, call.region, options.mask);
    let formatted_number = number.clone();
    let marks = network_marks(&call.caller);
    let unknown =
        unknown(number.clone(), network_name(&call.caller, call.region, options.mask), network_line(&call.caller));
    let mut caller = match &info.matched {
        Match::One { contact } => one(contact, number, marks, unknown, options),
        Match::Several { contacts } => several(contacts, unknown),
        Match::NoMatch => {
            CallerLines { identity: Some(join_dots([unknown.identity, Some(not_found(info))])), ..unknown }
        }
        Match::NotLookedUp => unknown,
    };
    caller.number = formatted_number;
    if let Some(history) = &info.history {
        caller.add_history(history, now);
    }
    if !matches!(info.matched, Match::NoMatch) {
        caller.footnotes.extend(failed_sources_line(info));
    }
    caller
}

impl CallerLines {
    /// Adds rows, notes, items, link and sources to the content of a call card.
    pub(super) fn fill(self, content: &mut CardContent) {
        content.details.extend(self.details);
        content.notes = self.notes;
        content.items = self.items;
        content.link = self.link;
        content.footnotes.extend(self.footnotes);
    }

    fn add_history(&mut self, history: &CallerHistory, now: Timestamp) {
        self.urgent = history.urgent;
        self.alert = alert(history, now);
        let last =
            history.last_call.as_ref().map_or_else(|| "none that we know of".to_owned(), |last| past_call(last, now));
        let (week, month) = (history.calls_in_week as usize, history.calls_in_month as usize);
        let calls = (month > 0).then(|| match week {
            0 => format!("{} in 30 days", pluralize(month, "call", "calls")),
            week => format!("{} in 7 days, {month} in 30", pluralize(week, "call", "calls")),
        });
        let mut rows = vec![Detail { label: "Last call".to_owned(), value: join_dots([Some(last), calls]) }];
        rows.append(&mut self.details);
        self.details = rows;
    }
}

fn alert(history: &CallerHistory, now: Timestamp) -> Option<String> {
    let emoji = if history.urgent { "🔥 " } else { "" };
    let again = history
        .repeat_calls
        .as_ref()
        .map(|again| format!("{} call in {}", format_ordinal(again.nth), format_duration(again.within)));
    let text = match (history.missed_since as usize, &history.last_call) {
        (0, Some(last)) => again.map(|again| format!("{again}, last time {}", format_age(last.at, now))),
        (0, None) => None,
        (missed, _) => {
            let missed = format!("Missed {} since we last talked", pluralize(missed, "time", "times"));
            Some(join_dots([Some(missed), again]))
        }
    };
    text.map(|text| format!("{emoji}{text}"))
}

/// Renders an earlier call: `12 min ago, missed`, `2 days ago, talked to Bob Roy`.
fn past_call(last: &PastCall, now: Timestamp) -> String {
    let with = sanitize_opt(last.answered_by.as_deref(), MAX_NAME_UNITS);
    let outcome = match (last.outcome, with) {
        (StatusKind::Ringing, _) => "rang".to_owned(),
        (StatusKind::Answered | StatusKind::Ended, Some(with)) => format!("talked to {with}"),
        (StatusKind::Answered | StatusKind::Ended, None) => "answered".to_owned(),
        (StatusKind::Missed, _) => "missed".to_owned(),
        (StatusKind::Voicemail, _) => "voicemail".to_owned(),
    };
    format!("{}, {outcome}", format_age(last.at, now))
}

/// Formats a number, or returns a substitute.
pub(super) fn format_number(number: &PhoneNumber, region: Region, mask: Mask) -> String {
    let text = number.format(region, mask).and_then(|text| sanitize_opt(Some(&text), MAX_NUMBER_UNITS));
    match (number, text) {
        (PhoneNumber::Unavailable, _) => "Number not available".to_owned(),
        (PhoneNumber::Withheld, _) | (_, None) => "Withheld number".to_owned(),
        (PhoneNumber::Known(_), Some(text)) => text,
        (PhoneNumber::Short(_), Some(text)) => format!("Short number {text}"),
        (PhoneNumber::Unparsed(_), Some(text)) if text.contains(char::is_alphabetic) => {
            format!("Unreadable number “{text}”")
        }
        (PhoneNumber::Unparsed(_), Some(text)) => format!("Not a valid number “{text}”"),
    }
}

/// Returns the name from the network, unless it repeats the number, stands in place of a name, or contains a number that the
/// mask hides.
pub(super) fn network_name(caller: &call::Caller, region: Region, mask: Mask) -> Option<String> {
    let name = NetworkName::parse(caller.name.as_deref()?).name;
    let name = sanitize_opt(name.as_deref(), MAX_NAME_UNITS)?;
    if mask != Mask::None && name.chars().filter(char::is_ascii_digit).count() >= MIN_NUMBER_DIGITS {
        return None;
    }
    let lettered = name.contains(char::is_alphabetic);
    match PhoneNumber::parse(Some(&name), region) {
        PhoneNumber::Withheld | PhoneNumber::Unavailable => None,
        PhoneNumber::Known(_) | PhoneNumber::Short(_) => lettered.then_some(name),
        PhoneNumber::Unparsed(_) => Some(name),
    }
}

/// Renders the caller of an internal call by name and extension; there is no look-up.
fn colleague(caller: &call::Caller, region: Region, mask: Mask) -> CallerLines {
    let name = sanitize_opt(caller.name.as_deref(), MAX_NAME_UNITS);
    let extension = match &caller.number {
        PhoneNumber::Withheld | PhoneNumber::Unavailable => None,
        number => number.format(region, mask).and_then(|text| sanitize_opt(Some(&text), MAX_NUMBER_UNITS)),
    };
    let title = match (name, &extension) {
        (Some(name), Some(extension)) => format!("{name} ({extension})"),
        (Some(name), None) => name,
        (None, Some(extension)) => format!("Extension {extension}"),
        (None, None) => "A colleague".to_owned(),
    };
    let kind = Some("Internal call".to_owned());
    CallerLines {
        title,
        number: extension.unwrap_or_default(),
        identity: kind.clone(),
        summary: kind,
        ..CallerLines::default()
    }
}

/// Returns the marks of the network about the caller: `verified by the network`.
fn network_marks(caller: &call::Caller) -> Option<String> {
    let marks = caller.name.as_deref().map(|name| NetworkName::parse(name).marks).unwrap_or_default();
    (!marks.is_empty()).then(|| join_dots(marks.iter().map(|mark| Some(mark.to_string()))))
}

/// Returns what the network sent in place of a name, and its marks: `wireless caller`.
fn network_line(caller: &call::Caller) -> Option<String> {
    let substitute = caller.name.as_deref().and_then(|name| NetworkName::parse(name).substitute);
    let substitute = substitute.map(|text| match text.as_str() {
        "unavailable" | "not available" => "name unavailable".to_owned(),
        "unknown" | "unknown name" | "caller unknown" | "unknown caller" | "unknown number" => {
            "name unknown".to_owned()
        }
        _ => text,
    });
    let line = join_dots([sanitize_opt(substitute.as_deref(), MAX_NAME_UNITS), network_marks(caller)]);
    (!line.is_empty()).then_some(line)
}

/// Renders a caller without a contact by the name from the network, labelled as such, or by the number. `line` is the rest
/// that the network sent.
fn unknown(number: String, network: Option<String>, line: Option<String>) -> CallerLines {
    let Some(name) = network else {
        return CallerLines { title: number, identity: line.clone(), summary: line, ..CallerLines::default() };
    };
    let as_shown = Some("name as the network shows it".to_owned());
    let beside = join_dots([Some(keep_ltr(number, &[&name])), as_shown, line]);
    CallerLines { title: name, identity: Some(beside.clone()), summary: Some(beside), ..CallerLines::default() }
}

/// Prefixes a number beside right-to-left text with `Tel.`: without letters before it, its digit groups are reordered.
fn keep_ltr(number: String, beside: &[&str]) -> String {
    if beside.iter().any(|text| text::contains_rtl(text)) { format!("Tel. {number}") } else { number }
}

fn one(
    contact: &Contact,
    number: String,
    marks: Option<String>,
    unknown: CallerLines,
    options: &RenderOptions,
) -> CallerLines {
    let company = sanitize_opt(contact.company.as_deref(), MAX_NAME_UNITS);
    let (name, company) = match (sanitize_opt(contact.name.as_deref(), MAX_NAME_UNITS), company) {
        (Some(name), company) => (Some(name), company),
        (None, company) => (company, None),
    };
    let tier = sanitize_opt(contact.tier.as_deref(), 24);
    let Some(name) = name else {
        // A record without a name still has facts worth showing.
        let nameless = CallerLines { title: join_dots([Some(unknown.title), tier]), ..unknown };
        return known(nameless, contact, options);
    };
    let number = keep_ltr(number, &[&name, company.as_deref().unwrap_or_default()]);
    let identity = join_dots([company, Some(number.clone()), marks]);
    let title = join_dots([Some(name), tier]);
    known(
        CallerLines { title, identity: Some(identity), summary: Some(number), ..CallerLines::default() },
        contact,
        options,
    )
}

fn known(mut caller: CallerLines, contact: &Contact, options: &RenderOptions) -> CallerLines {
    caller.details = facts::rows(contact, options.facts.as_deref());
    caller.notes = sanitize_opt(contact.notes.as_deref(), MAX_NOTES_UNITS);
    caller.link = contact_link(contact, "Open in");
    if options.show_sources {
        caller.footnotes.extend(sources_line(contact));
    }
    caller
}

fn several(contacts: &[Contact], unknown: CallerLines) -> CallerLines {
    let listed = contacts.iter().take(MAX_CANDIDATES).map(|contact| {
        let name = sanitize_opt(contact.name.as_deref(), MAX_NAME_UNITS);
        let text = join_dots([
            name,
            sanitize_opt(contact.company.as_deref(), MAX_NAME_UNITS),
            sanitize_opt(contact.tier.as_deref(), 24),
        ]);
        let text = if text.is_empty() { "A record without a name".to_owned() } else { text };
        Item { link: contact_link(contact, "Open in"), text }
    });
    let mut items: Vec<Item> = listed.collect();
    let more = contacts.len().saturating_sub(MAX_CANDIDATES);
    if more > 0 {
        items.push(Item { text: format!("and {more} more"), link: None });
    }
    let shared = format!("{} share this number", pluralize(contacts.len(), "contact", "contacts"));
    let names: Vec<String> =
        contacts.iter().take(2).filter_map(|contact| sanitize_opt(contact.name.as_deref(), 30)).collect();
    let maybe = (!names.is_empty()).then(|| format!("maybe {}", names.join(" or ")));
    let identity = Some(join_dots([unknown.identity.clone(), Some(shared)]));
    CallerLines { identity, summary: Some(join_dots([unknown.summary.clone(), maybe])), items, ..unknown }
}

fn contact_link(contact: &Contact, verb: &str) -> Option<Link> {
    let url = sanitize_url(contact.link.as_deref()?)?;
    let label = sanitize_opt(Some(&source_name(&contact.source)), 40)
        .map_or_else(|| "Open".to_owned(), |name| format!("{verb} {name}"));
    Some(Link { url, label })
}

/// Lists the sources of a contact: `found by number in CRM, Contacts`.
fn sources_line(contact: &Contact) -> Option<String> {
    let all = std::iter::once(&contact.source).chain(contact.facts.iter().take(MAX_FACTS).map(|fact| &fact.source));
    let mut seen = BTreeSet::new();
    let names: Vec<String> =
        all.map(|name| source_name(name)).filter(|name| !name.is_empty() && seen.insert(name.clone())).collect();
    (!names.is_empty()).then(|| sanitize(&format!("found by number in {}", names.join(", ")), 120))
}

/// Lists sources that failed: `CRM did not answer`.
fn failed_sources_line(info: &CallerInfo) -> Option<String> {
    let names: Vec<String> = info
        .failed_sources
        .iter()
        .take(MAX_FACTS)
        .map(|name| source_name(name))
        .filter(|name| !name.is_empty())
        .collect();
    (!names.is_empty()).then(|| format!("{} did not answer", sanitize(&names.join(", "), 120)))
}

fn not_found(info: &CallerInfo) -> String {
    failed_sources_line(info)
        .map_or_else(|| "Not in our records".to_owned(), |failed| format!("Not found, but {failed}"))
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
