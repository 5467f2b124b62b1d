//! Builds an HTTP source from an `[[enrich]]` table. Checks every key, so that problems are reported before the first
//! call.

use super::{
    Http, Inner, State,
    breaker::CircuitBreaker,
    cache::Cache,
    oauth::TokenRequest,
    preset,
    request::RequestTemplate,
    response::ResponseMapping,
    template::{Encoding, Template},
};
use crate::{
    enrich::{
        SecretReader,
        config::{OauthConfig, SearchConfig, SourceConfig, SourceProblem, ThenConfig},
    },
    model::{
        phone::Region,
        secret::{Secret, SecretRef},
        time::HumanDuration,
    },
    runtime::http::HttpStack,
};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use url::{Host, Url};

const PLACEHOLDERS: [&str; 3] = ["number", "digits", "national"];

type Resolve<'a> = &'a dyn Fn(&SecretRef) -> Result<Secret, String>;

/// Requests of a source, built from its table and its secrets.
pub(super) struct Requests {
    /// The search of the table, then those of `also`.
    pub searches: Vec<(RequestTemplate, ResponseMapping)>,
    /// Second request, for a single match.
    pub then: Option<(RequestTemplate, ResponseMapping)>,
    /// Request of an access token.
    pub oauth: Option<TokenRequest>,
    /// Values of all secrets, in the order of reading.
    pub secrets: Vec<Secret>,
}

impl Http {
    /// Builds a source from its table. `region` completes numbers in records. The source follows redirects itself,
    /// within the origin.
    ///
    /// # Errors
    /// All problems, by key within the table.
    pub(crate) fn build(
        config: &SourceConfig,
        read_secret: &SecretReader,
        http: &HttpStack,
        region: Region,
    ) -> Result<Self, Vec<SourceProblem>> {
        let mut problems = Vec::new();
        let http = match &config.ca {
            Some(ca) => http.with_ca(ca).map_err(|error| {
                let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
                problems.push(SourceProblem { key: "ca".to_owned(), reason: format!("{error}{cause}") });
            }),
            None => Ok(http.http.clone()),
        };
        let requests = Requests::build(config, &**read_secret).map_err(|mut found| problems.append(&mut found));
        let (Ok(http), Ok(requests)) = (http, requests) else { return Err(problems) };
        let span = |span: Option<HumanDuration>, default| span.map_or(Duration::from_secs(default), |span| span.0);
        let state = State {
            cache: Cache::new(span(config.cache, 300), span(config.cache_misses, 60)),
            breaker: CircuitBreaker::default(),
            last_error: None,
            failures: 0,
            misses_deadline: false,
        };
        Ok(Self(Arc::new(Inner {
            name: config.display_name(),
            region,
            http,
            config: config.clone(),
            read_secret: Arc::clone(read_secret),
            requests: Mutex::new(Arc::new(requests)),
            token: AsyncMutex::new(None),
            order: config.order.clone(),
            timeout: span(config.timeout, 3),
            retries: config.retries.unwrap_or(1).min(5),
            permits: Arc::new(Semaphore::new(config.concurrency.map_or(4, |it| it.clamp(1, 64) as usize))),
            state: Mutex::new(state),
        })))
    }
}

impl Requests {
    /// Builds the requests of a table.
    ///
    /// # Errors
    /// All problems, by key within the table.
    pub(super) fn build(config: &SourceConfig, read_secret: Resolve<'_>) -> Result<Self, Vec<SourceProblem>> {
        let read = RefCell::new(Vec::new());
        let resolve: Resolve<'_> = &|secret| read_secret(secret).inspect(|value| read.borrow_mut().push(value.clone()));
        let config = &preset::fill(config, resolve).map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let mut report = |key: &str, reason: String| problems.push(SourceProblem { key: key.to_owned(), reason });
        let headers = headers(&config.headers, resolve).unwrap_or_else(|(key, reason)| {
            report(&key, reason);
            Vec::new()
        });
        let request =
            request_template(config, resolve, headers.clone()).map_err(|(key, reason)| report(key, reason)).ok();
        if config.fields.is_empty() {
            report("fields", "no fields are mapped. Add some, as in fields = { name = \"/name\" }".to_owned());
        }
        let oauth = config.oauth.as_ref().map(|oauth| token_request(oauth, config, resolve));
        let oauth = oauth.transpose().map_err(|(key, reason)| report(key, reason)).ok().flatten();
        let mapping = ResponseMapping::from_config(config.results.as_deref(), &config.fields, &config.numbers);
        let mapping = mapping.map_err(|mut found| problems.append(&mut found)).ok();
        let labels = || {
            let then = config.then.iter().flat_map(|then| then.fields.keys());
            config.fields.keys().chain(then).chain(config.also.iter().flat_map(|also| also.fields.keys()))
        };
        if let Some(label) = config.order.iter().find(|label| !labels().any(|it| it == *label)) {
            problems
                .push(SourceProblem { key: "order".to_owned(), reason: format!("{label:?} is not one of the fields") });
        }
        let then = match (&config.then, &request) {
            (Some(then), Some(first)) => {
                follow_up(then, first, headers.clone()).map_err(|mut it| problems.append(&mut it)).ok()
            }
            _ => None,
        };
        let mut searches = Vec::new();
        for (at, also) in config.also.iter().enumerate() {
            let Some(first) = &request else { break };
            match further_search(also, config, first, headers.clone()) {
                Ok(search) => searches.push(search),
                Err(found) => problems.extend(
                    found
                        .into_iter()
                        .map(|it| SourceProblem { key: format!("also.{at}.{}", it.key), reason: it.reason }),
                ),
            }
        }
        match (request, mapping) {
            (Some(request), Some(mapping)) if problems.is_empty() => {
                searches.insert(0, (request, mapping));
                Ok(Self { searches, then, oauth, secrets: read.take() })
            }
            _ => Err(problems),
        }
    }
}

/// Builds the request of access tokens. The secret must not travel in the clear, and only one header may authorize.
fn token_request(
    oauth: &OauthConfig,
    config: &SourceConfig,
    resolve: Resolve<'_>,
) -> Result<TokenRequest, (&'static str, String)> {
    if config.headers.keys().any(|name| name.eq_ignore_ascii_case("authorization")) {
        return Err(("oauth", "set either oauth or headers = { Authorization = … }".to_owned()));
    }
    origin(&Template::text(&oauth.url)).map_err(|reason| ("oauth.url", reason))?;
    Ok(TokenRequest {
        url: Url::parse(&oauth.url).map_err(|_| ("oauth.url", "not a URL".to_owned()))?,
        client_id: resolve(&oauth.client_id).map_err(|reason| ("oauth.client_id", reason))?,
        client_secret: resolve(&oauth.client_secret).map_err(|reason| ("oauth.client_secret", reason))?,
        scope: oauth.scope.clone(),
    })
}

/// Builds a search of `also`. The token must stay at one origin.
fn further_search(
    also: &SearchConfig,
    config: &SourceConfig,
    first: &RequestTemplate,
    headers: Headers,
) -> Result<(RequestTemplate, ResponseMapping), Vec<SourceProblem>> {
    let problem = |(key, reason): (&str, String)| vec![SourceProblem { key: key.to_owned(), reason }];
    let table = SourceConfig {
        url: Some(SecretRef::Text(Secret::new(also.url.clone()))),
        method: also.method.clone(),
        body: also.body.clone(),
        ..SourceConfig::new(config.kind)
    };
    let inline: Resolve<'_> = &|secret| secret.read(None).map_err(|error| error.to_string());
    let request = request_template(&table, inline, headers).map_err(problem)?;
    let same_origin = origin(&request.url).and_then(|this| Ok(this == origin(&first.url)?));
    if !same_origin.map_err(|reason| problem(("url", reason)))? {
        let reason = "origin differs from the first URL. The token must stay at one origin";
        return Err(problem(("url", reason.to_owned())));
    }
    let fields = if also.fields.is_empty() { &config.fields } else { &also.fields };
    let numbers = if also.numbers.is_empty() { &config.numbers } else { &also.numbers };
    let results = also.results.as_deref().or(config.results.as_deref());
    Ok((request, ResponseMapping::from_config(results, fields, numbers)?))
}

type Headers = Vec<(HeaderName, Template)>;

fn headers(config: &BTreeMap<String, SecretRef>, resolve: Resolve<'_>) -> Result<Headers, (String, String)> {
    let mut headers = Vec::new();
    for (name, value) in config {
        let key = format!("headers.{name}");
        let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else {
            return Err((key, "not a header name".to_owned()));
        };
        let secret = match resolve(value) {
            Ok(secret) => secret,
            Err(reason) => return Err((key, reason)),
        };
        // An error would quote what may be part of a token.
        let text = secret.expose();
        let value = Template::read(text, &PLACEHOLDERS, false).unwrap_or_else(|_| Template::text(text));
        let sample = value.fill(Encoding::Text, |_| Some("1".into())).unwrap_or_default();
        if HeaderValue::from_str(&sample).is_err() {
            return Err((key, "value has characters that a header must not contain".to_owned()));
        }
        headers.push((header, value));
    }
    Ok(headers)
}

fn request_template(
    config: &SourceConfig,
    resolve: Resolve<'_>,
    headers: Headers,
) -> Result<RequestTemplate, (&'static str, String)> {
    let url = config.url.as_ref().ok_or(("url", "missing".to_owned()))?;
    let url = resolve(url).map_err(|reason| ("url", reason))?;
    let url = Template::read(url.expose(), &PLACEHOLDERS, false).map_err(|reason| ("url", reason))?;
    origin(&url).map_err(|reason| ("url", reason))?;
    let form = headers.iter().any(|(name, value)| *name == CONTENT_TYPE && value.head().contains("form"));
    let encoding = if form { Encoding::Url } else { Encoding::Json };
    let body = match &config.body {
        Some(body) => Some((Template::read(body, &PLACEHOLDERS, false).map_err(|reason| ("body", reason))?, encoding)),
        None => None,
    };
    let method = match config.method.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None if body.is_some() => Method::POST,
        None | Some("GET") => Method::GET,
        Some("POST") => Method::POST,
        Some(other) => return Err(("method", format!("{other:?} is neither GET nor POST"))),
    };
    let has_number = url.has_placeholders()
        || body.iter().any(|(it, _)| it.has_placeholders())
        || headers.iter().any(|(_, it)| it.has_placeholders());
    if !has_number {
        return Err((
            "url",
            "no placeholder for the number in url, body or headers. Add {number}, {digits} or {national}".to_owned(),
        ));
    }
    Ok(RequestTemplate { method, url, headers, body })
}

fn follow_up(
    then: &ThenConfig,
    first: &RequestTemplate,
    headers: Headers,
) -> Result<(RequestTemplate, ResponseMapping), Vec<SourceProblem>> {
    let mut problems = Vec::new();
    let mapping = ResponseMapping::from_config(None, &then.fields, &[]);
    let url = Template::read(&then.url, &[], true).and_then(|url| {
        let is_same = origin(&url)? == origin(&first.url)?;
        if is_same {
            Ok(url)
        } else {
            Err("origin differs from the first URL. The token must stay at one origin".to_owned())
        }
    });
    let url = url.map_err(|reason| problems.push(SourceProblem { key: "then.url".to_owned(), reason })).ok();
    let mapping = mapping.map_err(|found| {
        problems
            .extend(found.into_iter().map(|it| SourceProblem { key: format!("then.{}", it.key), reason: it.reason }));
    });
    match (url, mapping) {
        (Some(url), Ok(mapping)) => Ok((RequestTemplate { method: Method::GET, url, headers, body: None }, mapping)),
        _ => Err(problems),
    }
}

/// Returns scheme, host and port of a URL whose placeholders all follow them.
fn origin(url: &Template) -> Result<url::Origin, String> {
    let head = url.head();
    let has_full_origin = head.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?']));
    let parsed = Url::parse(head).ok().filter(|_| has_full_origin || !url.has_placeholders());
    let parsed =
        parsed.ok_or("not a URL like https://crm.example.com/api?phone={number}: scheme, host and port come first")?;
    let loopback = match parsed.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if parsed.scheme() != "https" && !(parsed.scheme() == "http" && loopback) {
        return Err("must be https:// (http:// is for loopback only), or the token is readable in transit".to_owned());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("URL contains a user name or password. Use headers = { Authorization = … }".to_owned());
    }
    Ok(parsed.origin())
}
