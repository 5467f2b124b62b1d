//! Builds the request templates of a source: URL, headers and body of its searches and of the follow-up.

use super::Resolve;
use crate::{
    enrich::{
        config::{SearchConfig, SourceConfig, SourceProblem, ThenConfig},
        http::{
            request::RequestTemplate,
            response::ResponseMapping,
            template::{Encoding, Template, placeholders},
        },
    },
    model::secret::{Secret, SecretRef},
};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use std::collections::BTreeMap;
use url::{Host, Url};

/// Values of a search: the caller's number as E.164, its digits, and its national digits.
const NUMBER_VALUES: [&str; 3] = ["number", "digits", "national"];

pub(super) type Headers = Vec<(HeaderName, Template)>;

pub(super) fn headers(config: &BTreeMap<String, SecretRef>, resolve: Resolve<'_>) -> Result<Headers, (String, String)> {
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
        let value =
            Template::compile(text, Encoding::Text, Some(&NUMBER_VALUES)).unwrap_or_else(|_| Template::text(text));
        let sample = value.fill(&sample_values()).unwrap_or_default();
        if HeaderValue::from_str(&sample).is_err() {
            return Err((key, "value has characters that a header must not contain".to_owned()));
        }
        headers.push((header, value));
    }
    Ok(headers)
}

pub(super) fn request_template(
    config: &SourceConfig,
    resolve: Resolve<'_>,
    headers: Headers,
) -> Result<RequestTemplate, (&'static str, String)> {
    let url = config.url.as_ref().ok_or(("url", "missing".to_owned()))?;
    let url = resolve(url).map_err(|reason| ("url", reason))?;
    let url = Template::compile(url.expose(), Encoding::Url, Some(&NUMBER_VALUES)).map_err(|reason| ("url", reason))?;
    origin(&url).map_err(|reason| ("url", reason))?;
    let form = headers.iter().any(|(name, value)| *name == CONTENT_TYPE && value.head().contains("form"));
    let encoding = if form { Encoding::Url } else { Encoding::Json };
    let body = match &config.body {
        Some(body) => Some(body_template(body, encoding).map_err(|reason| ("body", reason))?),
        None => None,
    };
    let method = match config.method.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None if body.is_some() => Method::POST,
        None | Some("GET") => Method::GET,
        Some("POST") => Method::POST,
        Some(other) => return Err(("method", format!("{other:?} is neither GET nor POST"))),
    };
    let has_number =
        url.has_values() || body.iter().any(Template::has_values) || headers.iter().any(|(_, it)| it.has_values());
    if !has_number {
        let values = placeholders(&NUMBER_VALUES);
        return Err(("url", format!("no number in url, body or headers. Add one of {values}")));
    }
    Ok(RequestTemplate { method, url, headers, body })
}

/// Builds a search of `also`. The token must stay at one origin.
pub(super) fn further_search(
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

fn body_template(body: &str, encoding: Encoding) -> Result<Template, String> {
    let template = Template::compile(body, encoding, Some(&NUMBER_VALUES))?;
    let sample = template.fill(&sample_values()).ok_or("the template fails for a number")?;
    if encoding == Encoding::Json
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&sample)
    {
        return Err(format!("no JSON ({error}). Write {{{{ number }}}} without quotes: values bring their own"));
    }
    Ok(template)
}

/// Returns a number as in a search.
fn sample_values() -> minijinja::Value {
    minijinja::context! { number => "+15145550199", digits => "15145550199", national => "5145550199" }
}

pub(super) fn follow_up(
    then: &ThenConfig,
    first: &RequestTemplate,
    headers: Headers,
) -> Result<(RequestTemplate, ResponseMapping), Vec<SourceProblem>> {
    let mut problems = Vec::new();
    let mapping = ResponseMapping::from_config(None, &then.fields, &[]);
    let url = Template::compile(&then.url, Encoding::Url, None).and_then(|url| {
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

/// Returns scheme, host and port of a URL whose values all follow them.
pub(super) fn origin(url: &Template) -> Result<url::Origin, String> {
    let head = url.head();
    let has_full_origin = head.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?']));
    let parsed = Url::parse(head).ok().filter(|_| has_full_origin || !url.has_values());
    let parsed = parsed
        .ok_or("not a URL like https://crm.example.com/api?phone={{ number }}: scheme, host and port come first")?;
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
