//! The `[[enrich]]` tables: their keys, and which belong to which type. One flat struct, because an enum tagged by `type`
//! would swallow unknown keys before the config's reader can name them. What the values mean stands with each source.

use crate::model::{secret::SecretRef, time::Span};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// One `[[enrich]]` table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SourceConfig {
    /// `type`: what the source is.
    #[serde(rename = "type")]
    pub kind: SourceKind,
    /// What cards and journal call it. Default: the type, or the preset.
    pub name: Option<String>,

    /// contacts: a CSV or vCard file.
    pub path: Option<PathBuf>,
    /// contacts: what a column is, by its header, where the header does not say it: `name`, `first_name`, `last_name`,
    /// `company`, `tier`, `owner`, `notes`, `tags`, `link`, `phone`, `ignore`, or the label of a fact.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,

    /// http: a CRM whose requests and answers are known: `hubspot`, `salesforce`, `zendesk`, `pipedrive`, `freshdesk`.
    pub preset: Option<String>,
    /// http, presets: the token.
    pub token: Option<SecretRef>,
    /// http, presets: your host at the CRM (`example.zendesk.com`); HubSpot has none.
    pub domain: Option<String>,
    /// http: the URL, with `{number}`, `{digits}` or `{national}` in path or query.
    pub url: Option<SecretRef>,
    /// http: `GET` or `POST`. Default: `POST` if there is a body.
    pub method: Option<String>,
    /// http: headers; values may have placeholders.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretRef>,
    /// http: body with placeholders; JSON unless a `Content-Type` header says otherwise.
    pub body: Option<String>,
    /// http: JSON pointer to the list of records in the answer. Default: derived from `fields`, else the whole answer.
    pub results: Option<String>,
    /// http: what to take from a record: `name`, `company`, `tier`, `owner`, `notes`, `tags`, `link`, or a fact's label,
    /// each a JSON pointer, a text with `{/pointers}`, or a list of them of which the first that gives something counts.
    #[serde(default)]
    pub fields: BTreeMap<String, Pick>,
    /// http: labels of facts in the order in which cards show them; others follow by name.
    #[serde(default)]
    pub order: Vec<String>,
    /// http: pointers to a record's own phone numbers. If given, only a record with the caller's number counts; good for
    /// CRMs whose search also finds similar numbers.
    #[serde(default)]
    pub numbers: Vec<String>,
    /// http: a second request about the one record that the first found.
    pub then: Option<ThenConfig>,
    /// http: how long one look-up may take; beyond the card's deadline its answer still helps the call's next card.
    /// Default: 3 s.
    pub timeout: Option<Span>,
    /// http: how long an answer is believed. Default: 5 min.
    pub cache: Option<Span>,
    /// http: how long "nobody" is believed. Default: 1 min.
    pub cache_misses: Option<Span>,
    /// http: how many look-ups run at once. Default: 4.
    pub concurrency: Option<u32>,
    /// http: how often a look-up that failed is repeated while the card's deadline allows it. Default: 1.
    pub retries: Option<u32>,
    /// http: PEM file with the certificate of a private authority.
    pub ca: Option<PathBuf>,

    /// history: `false` turns it off.
    pub enabled: Option<bool>,
    /// history: how long calls are remembered. Default: 90 days.
    pub retention: Option<Span>,
    /// history: a caller who was missed within this time is urgent. Default: 15 min.
    pub missed_within: Option<Span>,
    /// history: so many calls (`calls`) within this time are urgent. Default: 10 min.
    pub calls_within: Option<Span>,
    /// history: see `calls_within`; the call that rings counts. Default: 2.
    pub calls: Option<u32>,
    /// history: whether GoTo is asked for the calls that this daemon did not see (`caller-activity`, scope `cr.v1.read`).
    /// Default: yes; a login without the scope is not asked again for an hour.
    pub goto: Option<bool>,
}

/// `type` of an `[[enrich]]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A file of people.
    Contacts,
    /// A CRM that answers over HTTP.
    Http,
    /// What this daemon itself saw; on unless `enabled = false`.
    History,
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contacts => "contacts",
            Self::Http => "http",
            Self::History => "history",
        })
    }
}

/// Where a field is found: one place or several, of which the first that gives something counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Pick {
    /// One place.
    One(String),
    /// Several.
    FirstOf(Vec<String>),
}

impl Pick {
    pub(super) fn places(&self) -> &[String] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::FirstOf(places) => places,
        }
    }
}

/// `then` of an http source: a second request, its URL made from the record by `{/pointers}`. Headers are the first's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ThenConfig {
    /// The URL, at the same host as the first.
    pub url: String,
    /// As in the table itself, from the second answer.
    pub fields: BTreeMap<String, Pick>,
}

/// What is wrong with one key of the `[[enrich]]` tables, or with what it points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key as the config writes it: `enrich[1].fields.tier`.
    pub key: String,
    /// What is wrong and what was meant.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.reason)
    }
}

/// Why there is no [`super::Enricher`]: all that is wrong, one a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
pub struct BadSources(pub Vec<Problem>);

impl SourceConfig {
    /// A table with only its type.
    #[must_use]
    pub const fn new(kind: SourceKind) -> Self {
        Self {
            kind,
            name: None,
            path: None,
            columns: BTreeMap::new(),
            preset: None,
            token: None,
            domain: None,
            url: None,
            method: None,
            headers: BTreeMap::new(),
            body: None,
            results: None,
            fields: BTreeMap::new(),
            order: Vec::new(),
            numbers: Vec::new(),
            then: None,
            timeout: None,
            cache: None,
            cache_misses: None,
            concurrency: None,
            retries: None,
            ca: None,
            enabled: None,
            retention: None,
            missed_within: None,
            calls_within: None,
            calls: None,
            goto: None,
        }
    }

    /// What the source is called.
    pub(super) fn called(&self) -> String {
        self.name.clone().or_else(|| self.preset.clone()).unwrap_or_else(|| self.kind.to_string())
    }

    /// The keys that are set though they belong to another type.
    pub(super) fn strangers(&self) -> Vec<&'static str> {
        let set = [
            (SourceKind::Contacts, "path", self.path.is_some()),
            (SourceKind::Contacts, "columns", !self.columns.is_empty()),
            (SourceKind::Http, "preset", self.preset.is_some()),
            (SourceKind::Http, "token", self.token.is_some()),
            (SourceKind::Http, "domain", self.domain.is_some()),
            (SourceKind::Http, "url", self.url.is_some()),
            (SourceKind::Http, "method", self.method.is_some()),
            (SourceKind::Http, "headers", !self.headers.is_empty()),
            (SourceKind::Http, "body", self.body.is_some()),
            (SourceKind::Http, "results", self.results.is_some()),
            (SourceKind::Http, "fields", !self.fields.is_empty()),
            (SourceKind::Http, "order", !self.order.is_empty()),
            (SourceKind::Http, "numbers", !self.numbers.is_empty()),
            (SourceKind::Http, "then", self.then.is_some()),
            (SourceKind::Http, "timeout", self.timeout.is_some()),
            (SourceKind::Http, "cache", self.cache.is_some()),
            (SourceKind::Http, "cache_misses", self.cache_misses.is_some()),
            (SourceKind::Http, "concurrency", self.concurrency.is_some()),
            (SourceKind::Http, "retries", self.retries.is_some()),
            (SourceKind::Http, "ca", self.ca.is_some()),
            (SourceKind::History, "enabled", self.enabled.is_some()),
            (SourceKind::History, "retention", self.retention.is_some()),
            (SourceKind::History, "missed_within", self.missed_within.is_some()),
            (SourceKind::History, "calls_within", self.calls_within.is_some()),
            (SourceKind::History, "calls", self.calls.is_some()),
            (SourceKind::History, "goto", self.goto.is_some()),
        ];
        set.into_iter().filter(|(kind, _, set)| *set && *kind != self.kind).map(|(_, key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        enrich: Vec<SourceConfig>,
    }

    fn read(toml: &str) -> (SourceConfig, Vec<String>) {
        let mut unknown = Vec::new();
        let reader = toml::Deserializer::parse(toml).unwrap();
        let mut file: File = serde_ignored::deserialize(reader, |path| unknown.push(path.to_string())).unwrap();
        (file.enrich.remove(0), unknown)
    }

    #[test]
    fn the_tables_of_the_manual_are_read() {
        let (source, unknown) = read(
            r#"[[enrich]]
            type = "http"
            name = "crm"
            url = "https://crm.example.com/api/contacts?phone={number}"
            headers = { Authorization = { credential = "crm-token" } }
            fields = { name = "/results/0/name", tier = ["/results/0/tier", "/results/0/level"] }
            timeout = "500ms""#,
        );
        assert_eq!(source.kind, SourceKind::Http);
        assert_eq!(source.called(), "crm");
        assert_eq!(source.headers["Authorization"], SecretRef::Credential("crm-token".into()));
        assert_eq!(source.fields["tier"].places().len(), 2);
        assert!(unknown.is_empty() && source.strangers().is_empty());
    }

    #[test]
    fn a_key_that_nobody_knows_or_that_belongs_elsewhere_can_be_named() {
        let (source, unknown) = read("[[enrich]]\ntype = 'contacts'\npaht = 'x'\npath = 'y'\nretention = '9d'");
        assert_eq!(unknown, ["enrich.0.paht"]);
        assert_eq!(source.strangers(), ["retention"]);
    }
}
