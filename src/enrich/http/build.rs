//! Builds an HTTP source from an `[[enrich]]` table. Checks every key, so that problems are reported before the first
//! call.

mod request_templates;

use super::{
    Http, Inner, State, breaker::CircuitBreaker, cache::Cache, oauth::TokenRequest, preset, request::RequestTemplate,
    response::ResponseMapping, template::Template,
};
use crate::{
    enrich::{
        SecretReader,
        config::{OauthConfig, SourceConfig, SourceProblem},
    },
    model::{
        phone::Region,
        secret::{Secret, SecretRef},
        time::HumanDuration,
    },
    runtime::http::HttpStack,
};
use request_templates::{follow_up, further_search, headers, origin, request_template};
use std::{
    cell::RefCell,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use url::Url;

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
