//! One question over HTTP: builds the request, follows redirects within its own origin only, takes a bounded answer.
//! Decides nothing about when to ask.

use super::template::{Place, Template};
use reqwest::{
    Client, Method, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use serde_json::Value;
use std::{borrow::Cow, time::Duration};
use url::Url;

/// Largest answer that is read: 256 KiB, a hundred times what a look-up needs.
const LARGEST: usize = 256 * 1024;
/// Redirects that are followed, all to the same origin.
const REDIRECTS: usize = 3;

/// A request with gaps. No `Debug`: its headers have tokens.
pub struct Question {
    /// How to ask.
    pub method: Method,
    /// Where; its origin has no gaps.
    pub url: Template,
    /// With which headers; a token is in one of them.
    pub headers: Vec<(HeaderName, Template)>,
    /// The body, and how values are written in it.
    pub body: Option<(Template, Place)>,
}

/// Why there is no answer. Says neither URL nor what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Too slow.
    #[error("it took longer than {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// No connection, or one that broke.
    #[error("it cannot be reached: {0}")]
    Unreachable(&'static str),
    /// 401, 403.
    #[error("it refuses the token (HTTP {0})")]
    Refused(u16),
    /// 429, with the wait it asks for.
    #[error("it is asked too often (HTTP 429)")]
    Throttled(Option<Duration>),
    /// 5xx.
    #[error("it is broken (HTTP {0})")]
    Broken(u16),
    /// Another status.
    #[error("it does not understand the request (HTTP {0})")]
    Misunderstood(u16),
    /// To another host, or in circles.
    #[error("it redirects to another place, which is not followed")]
    Redirected,
    /// More than 256 KiB.
    #[error("its answer is larger than 256 KiB")]
    TooLarge,
    /// HTML, or broken JSON.
    #[error("its answer is no JSON")]
    NotJson,
    /// JSON of another shape than the config says.
    #[error("its answer has nothing at {0}")]
    NoResults(String),
    /// The values do not make a request.
    #[error("the request cannot be made")]
    Unaskable,
    /// It failed before and is left alone for a while.
    #[error("it failed before and is left alone for a while")]
    LeftAlone,
    /// So many look-ups are under way that this one did not begin.
    #[error("too many look-ups are under way")]
    Busy,
}

impl Failure {
    /// Whether the same question may be answered in the next moment.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Broken(_))
    }

    /// The wait the server asks for.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled(wait) => *wait,
            _ => None,
        }
    }
}

impl Question {
    /// Asks, gaps filled by `value`. `None`: the server knows nothing of it (404, 204).
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn ask<'v>(
        &self,
        http: &Client,
        value: impl Fn(&str) -> Option<Cow<'v, str>>,
    ) -> Result<Option<Value>, Failure> {
        let url = self.url.fill(Place::Url, &value).ok_or(Failure::Unaskable)?;
        let mut url = Url::parse(&url).map_err(|_| Failure::Unaskable)?;
        let headers = self.headers(&value)?;
        let body = match &self.body {
            Some((body, place)) => Some(body.fill(*place, &value).ok_or(Failure::Unaskable)?),
            None => None,
        };
        for _ in 0..=REDIRECTS {
            let request = http.request(self.method.clone(), url.clone()).headers(headers.clone());
            let request = body.iter().fold(request, |request, body| request.body(body.clone()));
            let response = request.send().await.map_err(|error| unreachable(&error))?;
            match redirected(&response, &url) {
                Ok(None) => return answer(response).await,
                Ok(Some(next)) => url = next,
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Redirected)
    }

    fn headers<'v>(&self, value: &impl Fn(&str) -> Option<Cow<'v, str>>) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(reqwest::header::ACCEPT, HeaderValue::from_static("application/json"));
        if matches!(self.body, Some((_, Place::Json))) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, text) in &self.headers {
            let text = text.fill(Place::Text, value).ok_or(Failure::Unaskable)?;
            let mut text = HeaderValue::from_str(&text).map_err(|_| Failure::Unaskable)?;
            text.set_sensitive(true);
            headers.insert(name.clone(), text);
        }
        Ok(headers)
    }
}

/// The next place, if it is within the same scheme, host and port: it is asked the same, with the same headers.
fn redirected(response: &Response, from: &Url) -> Result<Option<Url>, Failure> {
    if !response.status().is_redirection() {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
    let next = location.and_then(|it| from.join(it).ok()).ok_or(Failure::Redirected)?;
    let home = next.scheme() == from.scheme()
        && next.host() == from.host()
        && next.port_or_known_default() == from.port_or_known_default();
    if home { Ok(Some(next)) } else { Err(Failure::Redirected) }
}

async fn answer(response: Response) -> Result<Option<Value>, Failure> {
    let status = response.status();
    match status {
        StatusCode::NOT_FOUND | StatusCode::NO_CONTENT => return Ok(None),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Failure::Refused(status.as_u16())),
        StatusCode::TOO_MANY_REQUESTS => return Err(Failure::Throttled(retry_after(response.headers()))),
        _ if status.is_server_error() => return Err(Failure::Broken(status.as_u16())),
        _ if !status.is_success() => return Err(Failure::Misunderstood(status.as_u16())),
        _ => {}
    }
    let body = bounded(response).await?;
    // serde_json stops at a depth of 128 by itself.
    serde_json::from_slice(&body).map(Some).map_err(|_| Failure::NotJson)
}

async fn bounded(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len().saturating_add(chunk.len()) > LARGEST {
            return Err(Failure::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Seconds or a date; what is neither is as if it were not there.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(crate::model::time::elapsed(crate::model::time::Timestamp::now(), at))
}

/// What reqwest says, without what it says it of.
fn unreachable(error: &reqwest::Error) -> Failure {
    Failure::Unreachable(if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "no answer in time"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the connection broke"
    })
}
