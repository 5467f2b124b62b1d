//! From an `[[enrich]]` table to a source: every key checked, so that what is wrong is said before the first call.

use super::{
    Http, Source, State,
    answer::Reading,
    ask::Question,
    breaker::Breaker,
    cache::Cache,
    preset,
    template::{Place, Template},
};
use crate::{
    enrich::config::{Problem, SourceConfig, ThenConfig},
    model::{
        phone::Region,
        secret::{Secret, SecretRef},
        time::Span,
    },
};
use reqwest::{
    Certificate, Client, Method,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
    redirect,
};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Semaphore;
use url::{Host, Url};

const GAPS: [&str; 3] = ["number", "digits", "national"];

type Resolve<'a> = &'a dyn Fn(&SecretRef) -> Result<Secret, String>;

impl Http {
    /// A source from its table. `region` is how numbers in its records are read. `http` must not follow redirects: they are followed here, within the origin only.
    ///
    /// # Errors
    /// Everything that is wrong, by key within the table.
    pub fn build(
        config: &SourceConfig,
        resolve: Resolve<'_>,
        http: Client,
        region: Region,
    ) -> Result<Self, Vec<Problem>> {
        let config = &preset::fill(config, resolve).map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let mut keep = |key: &str, reason: String| problems.push(Problem { key: key.to_owned(), reason });
        let http = client(config.ca.as_deref(), http).unwrap_or_else(|reason| {
            keep("ca", reason);
            Client::new()
        });
        let headers = headers(&config.headers, resolve).unwrap_or_else(|(key, reason)| {
            keep(&key, reason);
            Vec::new()
        });
        let question = question(config, resolve, headers.clone()).map_err(|(key, reason)| keep(key, reason)).ok();
        if config.fields.is_empty() {
            keep(
                "fields",
                "nothing is taken from the answer: say what, as in fields = { name = \"/name\" }".to_owned(),
            );
        }
        let reading = Reading::read(config.results.as_deref(), &config.fields, &config.numbers);
        let reading = reading.map_err(|mut wrong| problems.append(&mut wrong)).ok();
        let facts = || config.fields.keys().chain(config.then.iter().flat_map(|then| then.fields.keys()));
        if let Some(label) = config.order.iter().find(|label| !facts().any(|it| it == *label)) {
            problems.push(Problem { key: "order".to_owned(), reason: format!("{label:?} is none of the fields") });
        }
        let then = match (&config.then, &question) {
            (Some(then), Some(first)) => second(then, first, headers).map_err(|mut it| problems.append(&mut it)).ok(),
            _ => None,
        };
        let (Some(question), Some(reading), true) = (question, reading, problems.is_empty()) else {
            return Err(problems);
        };
        let span = |span: Option<Span>, otherwise| span.map_or(Duration::from_secs(otherwise), |span| span.0);
        let state = State {
            cache: Cache::new(span(config.cache, 300), span(config.cache_misses, 60)),
            breaker: Breaker::default(),
            trouble: None,
            failures: 0,
            slow: false,
        };
        Ok(Self(Arc::new(Source {
            name: config.called(),
            region,
            http,
            question,
            reading,
            then,
            order: config.order.clone(),
            timeout: span(config.timeout, 3),
            retries: config.retries.unwrap_or(1).min(5),
            gate: Arc::new(Semaphore::new(config.concurrency.map_or(4, |it| it.clamp(1, 64) as usize))),
            state: Mutex::new(state),
        })))
    }
}

/// The daemon's client, or one of its own that trusts a private authority too.
fn client(ca: Option<&Path>, shared: Client) -> Result<Client, String> {
    let Some(ca) = ca else { return Ok(shared) };
    let pem = fs::read(ca).map_err(|error| format!("{} cannot be read: {error}", ca.display()))?;
    let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(format!("{} has no certificate in PEM in it", ca.display()));
    }
    let client = Client::builder().redirect(redirect::Policy::none()).tls_certs_merge(certificates);
    client.build().map_err(|error| format!("{}: {}", ca.display(), error.without_url()))
}

type Headers = Vec<(HeaderName, Template)>;

fn headers(config: &BTreeMap<String, SecretRef>, resolve: Resolve<'_>) -> Result<Headers, (String, String)> {
    let mut headers = Vec::new();
    for (name, value) in config {
        let key = format!("headers.{name}");
        let Ok(read) = HeaderName::from_bytes(name.as_bytes()) else {
            return Err((key, "no name of a header".to_owned()));
        };
        let secret = match resolve(value) {
            Ok(secret) => secret,
            Err(reason) => return Err((key, reason)),
        };
        // Not an error, which would quote what may be part of a token.
        let text = secret.expose();
        let value = Template::read(text, &GAPS, false).unwrap_or_else(|_| Template::text(text));
        let sample = value.fill(Place::Text, |_| Some("1".into())).unwrap_or_default();
        if HeaderValue::from_str(&sample).is_err() {
            return Err((key, "it has characters that no header can have".to_owned()));
        }
        headers.push((read, value));
    }
    Ok(headers)
}

fn question(config: &SourceConfig, resolve: Resolve<'_>, headers: Headers) -> Result<Question, (&'static str, String)> {
    let place = config.url.as_ref().ok_or(("url", "it is missing".to_owned()))?;
    let url = resolve(place).map_err(|reason| ("url", reason))?;
    let url = Template::read(url.expose(), &GAPS, false).map_err(|reason| ("url", reason))?;
    origin(&url).map_err(|reason| ("url", reason))?;
    let form = headers.iter().any(|(name, value)| *name == CONTENT_TYPE && value.head().contains("form"));
    let place = if form { Place::Url } else { Place::Json };
    let body = match &config.body {
        Some(body) => Some((Template::read(body, &GAPS, false).map_err(|reason| ("body", reason))?, place)),
        None => None,
    };
    let method = match config.method.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None if body.is_some() => Method::POST,
        None | Some("GET") => Method::GET,
        Some("POST") => Method::POST,
        Some(other) => return Err(("method", format!("{other:?} is neither GET nor POST"))),
    };
    let asks =
        url.has_gaps() || body.iter().any(|(it, _)| it.has_gaps()) || headers.iter().any(|(_, it)| it.has_gaps());
    if !asks {
        return Err((
            "url",
            "neither it nor the body says where the number goes: {number}, {digits} or {national}".to_owned(),
        ));
    }
    Ok(Question { method, url, headers, body })
}

fn second(then: &ThenConfig, first: &Question, headers: Headers) -> Result<(Question, Reading), Vec<Problem>> {
    let mut problems = Vec::new();
    let reading = Reading::read(None, &then.fields, &[]);
    let url = Template::read(&then.url, &[], true).and_then(|url| {
        let same = origin(&url)? == origin(&first.url)?;
        if same { Ok(url) } else { Err("it is at another host than the first: the token would go there".to_owned()) }
    });
    let url = url.map_err(|reason| problems.push(Problem { key: "then.url".to_owned(), reason })).ok();
    let reading = reading.map_err(|wrong| {
        problems.extend(wrong.into_iter().map(|it| Problem { key: format!("then.{}", it.key), reason: it.reason }));
    });
    match (url, reading) {
        (Some(url), Ok(reading)) => Ok((Question { method: Method::GET, url, headers, body: None }, reading)),
        _ => Err(problems),
    }
}

/// Scheme, host and port of a URL whose gaps all stand behind them.
fn origin(url: &Template) -> Result<url::Origin, String> {
    let head = url.head();
    let behind = head.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?']));
    let parsed = Url::parse(head).ok().filter(|_| behind || !url.has_gaps());
    let parsed =
        parsed.ok_or("no URL like https://crm.example.com/api?phone={number}: scheme, host and port come first")?;
    let loopback = match parsed.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if parsed.scheme() != "https" && !(parsed.scheme() == "http" && loopback) {
        return Err(
            "it must be https:// (http:// is for this machine only): the token would be readable on the way".to_owned()
        );
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("it has a user name or password in it: put them into headers = { Authorization = … }".to_owned());
    }
    Ok(parsed.origin())
}
