//! The `[[enrich]]` tables: their keys, and the type each key belongs to. One flat struct, because an enum tagged by
//! `type` would swallow unknown keys before the config reader can report them. Each source validates its own values.

use crate::model::{secret::SecretRef, time::HumanDuration};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// One `[[enrich]]` table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SourceConfig {
    /// `type`: kind of source.
    #[serde(rename = "type")]
    pub kind: SourceKind,
    /// Name of the source in cards and journal. Default: the preset, else the type.
    pub name: Option<String>,

    /// contacts: a CSV or vCard file.
    pub path: Option<PathBuf>,
    /// contacts: meaning of a column by its header, where the header is not recognized: `name`, `first_name`,
    /// `last_name`, `company`, `tier`, `owner`, `notes`, `tags`, `link`, `phone`, `ignore`, or the label of a fact.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,

    /// http: built-in requests and field paths for a CRM: `hubspot`, `salesforce`, `zendesk`, `pipedrive`,
    /// `freshdesk`.
    pub preset: Option<String>,
    /// http, presets: API token.
    pub token: Option<SecretRef>,
    /// http, presets: host of your CRM account (`example.zendesk.com`). HubSpot has none.
    pub domain: Option<String>,
    /// http: the URL, with `{{ number }}`, `{{ digits }}` or `{{ national }}` in path or query.
    pub url: Option<SecretRef>,
    /// http: `GET` or `POST`. Default: `POST` if there is a body.
    pub method: Option<String>,
    /// http: headers. Values may contain placeholders.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretRef>,
    /// http: body with placeholders. JSON unless a `Content-Type` header differs.
    pub body: Option<String>,
    /// http: JSON pointer to the list of records in the response. Default: derived from `fields`, else the whole
    /// response.
    pub results: Option<String>,
    /// http: values to take from a record: `name`, `company`, `tier`, `owner`, `notes`, `tags`, `link`, or the label
    /// of a fact. Each is a JSON pointer, a template over the record
    /// (`{{ first }} {{ last }}`), or a list of them. The first one with a value
    /// counts.
    #[serde(default)]
    pub fields: BTreeMap<String, FieldPath>,
    /// http: labels of facts in card order. Other facts follow by name.
    #[serde(default)]
    pub order: Vec<String>,
    /// http: pointers to a record's own phone numbers. If given, a record counts only with the caller's number. Needed
    /// for CRMs whose search also returns similar numbers.
    #[serde(default)]
    pub numbers: Vec<String>,
    /// http: further searches, run beside the first one. Their matches are added to its matches.
    #[serde(default)]
    pub also: Vec<SearchConfig>,
    /// http: client credentials, exchanged for access tokens that are sent as `Authorization: Bearer`.
    pub oauth: Option<OauthConfig>,
    /// http: second request, sent if the first found exactly one record.
    pub then: Option<ThenConfig>,
    /// http: timeout of one look-up. An answer after the card's deadline still serves the next card of the call.
    /// Default: 3 s.
    pub timeout: Option<HumanDuration>,
    /// http: cache time of an answer. Default: 5 min.
    pub cache: Option<HumanDuration>,
    /// http: cache time of "no match". Default: 1 min.
    pub cache_misses: Option<HumanDuration>,
    /// http: number of look-ups in parallel. Default: 4.
    pub concurrency: Option<u32>,
    /// http: number of retries of a failed look-up, within the card's deadline. Default: 1.
    pub retries: Option<u32>,
    /// http: PEM file with the certificate of a private CA.
    pub ca: Option<PathBuf>,

    /// history: `false` disables the history.
    pub enabled: Option<bool>,
    /// history: retention of calls. Default: 90 days.
    pub retention: Option<HumanDuration>,
    /// history: a call missed within this time makes the caller urgent. Default: 15 min.
    pub missed_within: Option<HumanDuration>,
    /// history: `calls` calls within this time make the caller urgent. Default: 10 min.
    pub calls_within: Option<HumanDuration>,
    /// history: see `calls_within`. The ringing call counts. Default: 2.
    pub calls: Option<u32>,
    /// history: queries GoTo for calls that the daemon did not receive (`caller-activity`, scope `cr.v1.read`).
    /// Default: yes. A connection without the scope is queried once an hour.
    pub goto: Option<bool>,
}

/// `type` of an `[[enrich]]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Contacts file (CSV or vCard).
    Contacts,
    /// HTTP API of a CRM.
    Http,
    /// Calls recorded by this daemon. Enabled unless `enabled = false`.
    History,
}

impl SourceKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Contacts, Self::Http, Self::History];
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

/// Path of a field in a record, or several. The first one with a value counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum FieldPath {
    /// Single path.
    One(String),
    /// Paths by priority.
    FirstOf(Vec<String>),
}

impl FieldPath {
    pub(super) fn paths(&self) -> &[String] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::FirstOf(paths) => paths,
        }
    }
}

/// One entry of `also`: a search with the headers of the first one. Missing `fields` and `numbers` are those of the first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchConfig {
    /// URL with the origin of the first request.
    pub url: String,
    /// `GET` or `POST`. Default: `POST` if there is a body.
    pub method: Option<String>,
    /// Body.
    pub body: Option<String>,
    /// JSON pointer to the list of records.
    pub results: Option<String>,
    /// Field paths into a record.
    #[serde(default)]
    pub fields: BTreeMap<String, FieldPath>,
    /// Pointers to a record's own phone numbers.
    #[serde(default)]
    pub numbers: Vec<String>,
}

/// `oauth` of an http source: the grant "client credentials".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OauthConfig {
    /// Token endpoint.
    pub url: String,
    /// Client id.
    pub client_id: SecretRef,
    /// Client secret.
    pub client_secret: SecretRef,
    /// Scope, if the endpoint requires one.
    pub scope: Option<String>,
}

/// `then` of an http source: a second request whose URL is a template over the record (`{{ id }}`). Headers are those of
/// the first request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ThenConfig {
    /// URL with the origin of the first request.
    pub url: String,
    /// Field paths into the second response.
    pub fields: BTreeMap<String, FieldPath>,
}

/// Problem with one key of the `[[enrich]]` tables, or with its file or secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceProblem {
    /// Config key, like `enrich[1].fields.tier`.
    pub key: String,
    /// Problem and hint.
    pub reason: String,
}

impl fmt::Display for SourceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.reason)
    }
}

/// All config problems of the sources, one a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(SourceProblem::to_string).collect::<Vec<_>>().join("\n"))]
pub struct InvalidSources(pub Vec<SourceProblem>);

impl SourceConfig {
    /// Returns a table with only its type.
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
            also: Vec::new(),
            oauth: None,
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

    /// Returns the name, else the preset, else the type.
    pub(super) fn display_name(&self) -> String {
        self.name.clone().or_else(|| self.preset.clone()).unwrap_or_else(|| self.kind.to_string())
    }

    /// Returns the keys that belong to another source type.
    pub(super) fn misplaced_keys(&self) -> Vec<&'static str> {
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
            (SourceKind::Http, "also", !self.also.is_empty()),
            (SourceKind::Http, "oauth", self.oauth.is_some()),
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
    fn source_config_from_manual_is_read() {
        let (source, unknown) = read(
            r#"[[enrich]]
            type = "http"
            name = "crm"
            url = "https://crm.example.com/api/contacts?phone={{ number }}"
            headers = { Authorization = { credential = "crm-token" } }
            fields = { name = "/results/0/name", tier = ["/results/0/tier", "/results/0/level"] }
            timeout = "500ms""#,
        );
        assert_eq!(source.kind, SourceKind::Http);
        assert_eq!(source.display_name(), "crm");
        assert_eq!(source.headers["Authorization"], SecretRef::Credential("crm-token".into()));
        assert_eq!(source.fields["tier"].paths().len(), 2);
        assert!(unknown.is_empty() && source.misplaced_keys().is_empty());
    }

    #[test]
    fn source_config_unknown_and_misplaced_keys_are_reported() {
        let (source, unknown) = read("[[enrich]]\ntype = 'contacts'\npaht = 'x'\npath = 'y'\nretention = '9d'");
        assert_eq!(unknown, ["enrich.0.paht"]);
        assert_eq!(source.misplaced_keys(), ["retention"]);
    }
}
