//! Renders the caller: the four look-up results (one, several, no match, not looked up), a withheld number, the
//! history. Does not render the status of the call.

use super::{
    RenderOptions,
    caller_number::{MAX_NAME_UNITS, MAX_NUMBER_UNITS, format_number, network_line, network_marks, network_name},
    caller_sources::{contact_link, failed_sources_line, sources_line},
    content::{CardContent, Detail, Item, Link, join_dots},
    duration::{format_age, format_duration, format_ordinal, pluralize},
    facts,
    text::{self, sanitize_opt},
};
use crate::model::{
    call::{self, CallDirection, StatusKind},
    card::{CallCard, CallerHistory, CallerInfo, Contact, Match, PastCall},
    phone::{Mask, PhoneNumber, Region},
    time::Timestamp,
};

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
        (StatusKind::Missed | StatusKind::CalledBack, _) => "missed".to_owned(),
        (StatusKind::Voicemail, _) => "voicemail".to_owned(),
    };
    format!("{}, {outcome}", format_age(last.at, now))
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

fn not_found(info: &CallerInfo) -> String {
    failed_sources_line(info)
        .map_or_else(|| "Not in our records".to_owned(), |failed| format!("Not found, but {failed}"))
}
