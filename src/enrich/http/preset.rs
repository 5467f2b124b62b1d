//! Presets of known CRMs: http tables filled in from the public documentation of each API. Keys in the user's table
//! override the preset. Every preset compares numbers of records with the caller's as E.164, because these searches
//! also return similar ones. Pure.

use crate::{
    enrich::config::{FieldPath, SourceConfig, SourceProblem, ThenConfig},
    model::secret::{Secret, SecretRef},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::path::Path;
use url::{Host, Url};

const PRESETS: [&str; 5] = ["freshdesk", "hubspot", "pipedrive", "salesforce", "zendesk"];

struct Preset {
    /// URL after `https://`. `{domain}` is the user's host.
    url: &'static str,
    header: &'static str,
    token: fn(&str) -> String,
    body: Option<&'static str>,
    results: &'static str,
    fields: &'static [(&'static str, &'static [&'static str])],
    numbers: &'static [&'static str],
    then: Option<(&'static str, &'static [(&'static str, &'static str)])>,
    /// Fields of the CRM that the request searches, for `poprelay check`.
    searches: &'static str,
}

/// CRM API v3, object search. Its calculated properties contain numbers without country code, hence the search by
/// national number. The token is a private app's, with scope `crm.objects.contacts.read`.
static HUBSPOT: Preset = Preset {
    url: "api.hubapi.com/crm/v3/objects/contacts/search",
    header: "Authorization",
    token: bearer,
    body: Some(concat!(
        r#"{"filterGroups":["#,
        r#"{"filters":[{"propertyName":"hs_searchable_calculated_phone_number","operator":"EQ","value":{{ national }}}]},"#,
        r#"{"filters":[{"propertyName":"hs_searchable_calculated_mobile_number","operator":"EQ","value":{{ national }}}]},"#,
        r#"{"filters":[{"propertyName":"phone","operator":"EQ","value":{{ number }}}]}],"#,
        r#""properties":["firstname","lastname","email","phone","mobilephone","company","jobtitle","lifecyclestage","hs_lead_status"],"#,
        r#""limit":10}"#
    )),
    results: "/results",
    fields: &[
        (
            "name",
            &[
                "{{ properties.firstname }} {{ properties.lastname }}",
                "/properties/lastname",
                "/properties/firstname",
                "/properties/email",
            ],
        ),
        ("company", &["/properties/company"]),
        ("tier", &["/properties/lifecyclestage"]),
        ("Job title", &["/properties/jobtitle"]),
        ("Lead status", &["/properties/hs_lead_status"]),
        ("link", &["/url"]),
    ],
    numbers: &["/properties/phone", "/properties/mobilephone"],
    then: None,
    searches: "contacts by phone and mobile phone (calculated numbers, national form) and phone (E.164)",
};

/// REST API, SOSL search in phone fields, which ignores the format of numbers. The token is an access token with scope
/// `api`. Salesforce tokens expire within hours, hence its file must be renewed by other means.
static SALESFORCE: Preset = Preset {
    url: "{domain}/services/data/v60.0/search/?q=FIND+%7B{{ national }}%7D+IN+PHONE+FIELDS+RETURNING+\
        Contact(Id,Name,Phone,MobilePhone,HomePhone,OtherPhone,Title,Description,Account.Name,Owner.Name),\
        Lead(Id,Name,Phone,MobilePhone,Title,Status,Company,Owner.Name)",
    header: "Authorization",
    token: bearer,
    body: None,
    results: "/searchRecords",
    fields: &[
        ("name", &["/Name"]),
        ("company", &["/Account/Name", "/Company"]),
        ("owner", &["/Owner/Name"]),
        ("notes", &["/Description"]),
        ("Title", &["/Title"]),
        ("Lead status", &["/Status"]),
        ("link", &["https://{domain}/{{ Id }}"]),
    ],
    numbers: &["/Phone", "/MobilePhone", "/HomePhone", "/OtherPhone"],
    then: None,
    searches: "all phone fields of contacts and leads",
};

/// Support API: user search, then the count of unsolved tickets. A leading `*` finds numbers written with signs. The
/// token is an OAuth token, or `agent@example.com/token:API-TOKEN`.
static ZENDESK: Preset = Preset {
    url: "{domain}/api/v2/search.json?query=type%3Auser+phone%3A*{{ national }}",
    header: "Authorization",
    token: bearer_or_basic,
    body: None,
    results: "/results",
    fields: &[
        ("name", &["/name"]),
        ("notes", &["/notes", "/details"]),
        ("tags", &["/tags"]),
        ("link", &["https://{domain}/agent/users/{{ id }}"]),
    ],
    numbers: &["/phone", "/shared_phone_number"],
    then: Some((
        "{domain}/api/v2/search/count.json?query=type%3Aticket+status%3Csolved+requester%3A{{ id }}",
        &[("Open tickets", "/count")],
    )),
    searches: "the phone field of users",
};

/// API v2, person search. The token is an API token.
static PIPEDRIVE: Preset = Preset {
    url: "{domain}/api/v2/persons/search?fields=phone&limit=10&term={{ national }}",
    header: "x-api-token",
    token: str::to_owned,
    body: None,
    results: "/data/items",
    fields: &[
        ("name", &["/item/name"]),
        ("company", &["/item/organization/name"]),
        ("Email", &["/item/primary_email", "/item/emails"]),
        ("link", &["https://{domain}/person/{{ item.id }}"]),
    ],
    numbers: &["/item/phones"],
    then: None,
    searches: "the phone field of persons",
};

/// API v2, contact search, which compares texts: the request contains the three usual spellings of the number. The
/// token is an API key.
static FRESHDESK: Preset = Preset {
    url: "{domain}/api/v2/search/contacts?query=%22phone%3A%27{{ number }}%27%20OR%20mobile%3A%27{{ number }}%27%20OR%20\
        phone%3A%27{{ digits }}%27%20OR%20mobile%3A%27{{ digits }}%27%20OR%20phone%3A%27{{ national }}%27%20OR%20mobile%3A%27{{ national }}%27%22",
    header: "Authorization",
    token: basic_without_password,
    body: None,
    results: "/results",
    fields: &[
        ("name", &["/name"]),
        ("notes", &["/description"]),
        ("tags", &["/tags"]),
        ("Job title", &["/job_title"]),
        ("link", &["https://{domain}/a/contacts/{{ id }}"]),
    ],
    numbers: &["/phone", "/mobile"],
    then: Some(("{domain}/api/v2/companies/{{ company_id }}", &[("company", "/name")])),
    searches: "phone and mobile of contacts (E.164, digits, national form)",
};

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn bearer_or_basic(token: &str) -> String {
    if token.contains(':') { format!("Basic {}", BASE64_STANDARD.encode(token)) } else { bearer(token) }
}

fn basic_without_password(token: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{token}:X")))
}

/// Returns the table with its preset filled in, if any.
///
/// # Errors
/// An unknown preset, or one without token or host.
pub(super) fn fill(
    config: &SourceConfig,
    resolve: &dyn Fn(&SecretRef) -> Result<Secret, String>,
) -> Result<SourceConfig, SourceProblem> {
    let problem = |key: &str, reason: String| SourceProblem { key: key.to_owned(), reason };
    let preset = match config.preset.as_deref() {
        None if config.token.is_some() => {
            return Err(problem("token", "only presets use this key. Use headers = { Authorization = … }".to_owned()));
        }
        None => return Ok(config.clone()),
        Some(name) => {
            by_name(name).ok_or_else(|| problem("preset", format!("{name:?} is not one of {}", PRESETS.join(", "))))?
        }
    };
    let token = match (&config.token, &config.oauth) {
        (Some(_), Some(_)) => return Err(problem("token", "set either token or oauth".to_owned())),
        (None, None) => return Err(problem("token", "missing".to_owned())),
        (Some(token), None) => Some(resolve(token).map_err(|reason| problem("token", reason))?),
        (None, Some(_)) => None,
    };
    let domain = match (&config.domain, preset.url.contains("{domain}")) {
        (Some(domain), true) => host(domain).map_err(|reason| problem("domain", reason))?,
        (None, true) => {
            return Err(problem(
                "domain",
                "missing. Set the host of your CRM account, like example.zendesk.com".to_owned(),
            ));
        }
        (_, false) => String::new(),
    };
    Ok(preset.apply_to(config, token.as_ref(), &domain))
}

/// Returns a URL of a preset for an account at `domain`.
fn url_at(text: &str, domain: &str) -> String {
    let scheme = if is_loopback(domain) { "http" } else { "https" };
    format!("{scheme}://{}", text.replace("{domain}", domain))
}

fn by_name(name: &str) -> Option<&'static Preset> {
    match name {
        "hubspot" => Some(&HUBSPOT),
        "salesforce" => Some(&SALESFORCE),
        "zendesk" => Some(&ZENDESK),
        "pipedrive" => Some(&PIPEDRIVE),
        "freshdesk" => Some(&FRESHDESK),
        _ => None,
    }
}

impl SourceConfig {
    /// Returns the fields of the CRM that the preset searches.
    #[must_use]
    pub fn searched_fields(&self) -> Option<&'static str> {
        by_name(self.preset.as_deref()?).map(|preset| preset.searches)
    }

    /// Returns the servers that look-ups of the source connect to, without path and query: these may contain secrets.
    /// Empty for a source without a server, and for a URL that cannot be read. `credentials` is the folder of
    /// `{ credential = … }`.
    #[must_use]
    pub fn servers(&self, credentials: &Path) -> Vec<Url> {
        let read = |secret: &SecretRef| secret.read(Some(credentials)).ok();
        let own = || self.url.as_ref().and_then(read).map(|url| url.expose().to_owned());
        let preset = || {
            let preset = by_name(self.preset.as_deref()?)?;
            let domain = self.domain.as_deref().map(host).transpose().ok()?.unwrap_or_default();
            Some(url_at(preset.url, &domain))
        };
        let search = if self.url.is_some() { own() } else { preset() };
        let oauth = self.oauth.as_ref().map(|oauth| oauth.url.clone());
        let root = |text: String| {
            let mut url = Url::parse(&text).ok()?;
            url.set_path("/");
            url.set_query(None);
            Some(url)
        };
        let mut servers: Vec<Url> = [search, oauth].into_iter().flatten().filter_map(root).collect();
        servers.dedup();
        servers
    }
}

impl Preset {
    fn apply_to(&self, config: &SourceConfig, token: Option<&Secret>, domain: &str) -> SourceConfig {
        let at = |text: &str| text.replace("{domain}", domain);
        let url = |text: &str| url_at(text, domain);
        let mut filled = config.clone();
        filled.url = filled.url.or_else(|| Some(SecretRef::Text(Secret::new(url(self.url)))));
        filled.body = filled.body.or_else(|| self.body.map(str::to_owned));
        filled.results = filled.results.or_else(|| Some(self.results.to_owned()));
        if let Some(token) = token {
            let header = SecretRef::Text(Secret::new((self.token)(token.expose())));
            filled.headers.entry(self.header.to_owned()).or_insert(header);
        }
        for (name, paths) in self.fields {
            let pick = FieldPath::FirstOf(paths.iter().map(|path| at(path)).collect());
            filled.fields.entry((*name).to_owned()).or_insert(pick);
        }
        if filled.numbers.is_empty() {
            filled.numbers = self.numbers.iter().map(|pointer| (*pointer).to_owned()).collect();
        }
        filled.then = filled.then.or_else(|| {
            let (then, fields) = self.then?;
            let fields =
                fields.iter().map(|(name, path)| ((*name).to_owned(), FieldPath::One((*path).to_owned()))).collect();
            Some(ThenConfig { url: url(then), fields })
        });
        filled
    }
}

/// Validates a host name without path or port of another URL part, because the host becomes part of URLs that carry
/// the token.
fn host(domain: &str) -> Result<String, String> {
    let domain = domain.trim().trim_start_matches("https://").trim_end_matches('/');
    let invalid = || format!("{domain:?} is not a host. Use the form example.zendesk.com");
    let url = Url::parse(&format!("https://{domain}/")).map_err(|_| invalid())?;
    let host_only = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    let no_markup = !domain.is_empty() && !domain.contains(['{', '}', '@', '/']);
    if host_only && no_markup { Ok(domain.to_owned()) } else { Err(invalid()) }
}

fn is_loopback(domain: &str) -> bool {
    let url = Url::parse(&format!("http://{domain}/")).ok();
    match url.as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
