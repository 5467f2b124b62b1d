//! The caller in the event of a webhook message. All texts are sanitized and bounded like those of a card.

use crate::{
    cards::{
        RenderOptions,
        caller::MAX_NOTES_UNITS,
        caller_number::{self, MAX_NAME_UNITS},
        content::CardContent,
        facts,
        text::{sanitize_opt, sanitize_url},
    },
    model::{
        card::{CallCard, Contact, Match},
        phone::Mask,
    },
};
use serde::Serialize;

/// People, queues, facts and possible contacts in one event, each. An event stays under the 20 kB that the specification
/// recommends. Texts of full length in a script of three bytes a letter may exceed that.
pub(super) const MAX_ENTRIES: usize = 10;

/// A caller.
#[derive(Debug, Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "caller", deny_unknown_fields))]
pub(super) struct CallerData {
    /// The number as on the card, masked if the sink has a mask.
    number: String,
    /// The number in E.164; `null` if it is masked, withheld or not valid.
    #[cfg_attr(test, schemars(regex(pattern = r"^\+[0-9]+$")))]
    e164: Option<String>,
    /// Name from the network.
    network_name: Option<String>,
    /// Result of the look-up.
    #[cfg_attr(test, schemars(extend("enum" = super::values::MATCHES)))]
    matched: &'static str,
    name: Option<String>,
    company: Option<String>,
    tier: Option<String>,
    owner: Option<String>,
    notes: Option<String>,
    tags: Vec<String>,
    /// `https:` link to the record.
    #[cfg_attr(test, schemars(regex(pattern = "^https://")))]
    link: Option<String>,
    #[cfg_attr(test, schemars(length(max = MAX_ENTRIES)))]
    facts: Vec<FactData>,
    /// Possible contacts if several match.
    #[cfg_attr(test, schemars(length(max = MAX_ENTRIES)))]
    candidates: Vec<Candidate>,
    /// Missed calls since the last talk.
    missed_since: u32,
    /// Earlier calls in 30 days.
    calls_in_month: u32,
}

/// One more fact about the caller.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "fact", deny_unknown_fields))]
struct FactData {
    label: String,
    value: String,
}

/// A possible contact.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "candidate", deny_unknown_fields))]
struct Candidate {
    name: Option<String>,
    company: Option<String>,
    /// `https:` link to the record.
    #[cfg_attr(test, schemars(regex(pattern = "^https://")))]
    link: Option<String>,
}

impl CallerData {
    pub(super) fn new(card: &CallCard, content: &CardContent, options: &RenderOptions) -> Self {
        let (call, info) = (&card.update.call, &card.caller_info);
        let history = info.history.clone().unwrap_or_default();
        let is_open = options.mask == Mask::None;
        let caller = Self {
            number: content.fields.number.clone(),
            e164: call.caller.number.as_e164().filter(|_| is_open).map(|number| number.expose().to_owned()),
            network_name: caller_number::network_name(&call.caller, call.region, options.mask),
            missed_since: history.missed_since,
            calls_in_month: history.calls_in_month,
            ..Self::default()
        };
        match &info.matched {
            Match::NotLookedUp => Self { matched: "not_looked_up", ..caller },
            Match::NoMatch => Self { matched: "none", ..caller },
            Match::Several { contacts } => {
                let candidates = contacts.iter().take(MAX_ENTRIES).map(Candidate::from).collect();
                Self { matched: "several", candidates, ..caller }
            }
            Match::One { contact } => Self { matched: "one", ..caller }.with_contact(contact),
        }
    }

    /// Returns a caller for checking templates.
    pub(super) fn sample() -> Self {
        let text = |text: &str| Some(text.to_owned());
        Self {
            name: text("Alice"),
            e164: text("+12025550199"),
            tags: vec!["vip".to_owned()],
            facts: vec![FactData { label: "Label".to_owned(), value: "Value".to_owned() }],
            ..Self::default()
        }
    }

    fn with_contact(self, contact: &Contact) -> Self {
        let facts = contact.facts.iter().filter_map(facts::fact_row).take(MAX_ENTRIES);
        Self {
            name: name(contact.name.as_deref()),
            company: name(contact.company.as_deref()),
            tier: name(contact.tier.as_deref()),
            owner: name(contact.owner.as_deref()),
            notes: sanitize_opt(contact.notes.as_deref(), MAX_NOTES_UNITS),
            tags: facts::tag_names(contact),
            link: contact.link.as_deref().and_then(sanitize_url),
            facts: facts.map(|row| FactData { label: row.label, value: row.value }).collect(),
            ..self
        }
    }

    pub(super) fn reduce(&mut self) {
        (self.notes, self.tags, self.facts, self.candidates) = (None, Vec::new(), Vec::new(), Vec::new());
    }
}

impl From<&Contact> for Candidate {
    fn from(contact: &Contact) -> Self {
        Self {
            name: name(contact.name.as_deref()),
            company: name(contact.company.as_deref()),
            link: contact.link.as_deref().and_then(sanitize_url),
        }
    }
}

/// Returns a name as a card shows it.
pub(super) fn name(text: Option<&str>) -> Option<String> {
    sanitize_opt(text, MAX_NAME_UNITS)
}
