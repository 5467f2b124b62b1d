//! Sends one HTTP request: fills the template, follows redirects within the origin only and reads a response of bounded size.
//! Does not decide when to query.

use super::template::{Encoding, Template};
use crate::{
    model::secret::Secret,
    runtime::{
        http::{self, BodyError, NetworkFault},
        json,
    },
};
use reqwest::{
    Client, Method, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER},
};
use serde_json::Value;
use std::time::{Duration, SystemTime};
use url::Url;

/// Largest response body: 256 KiB, a hundred times the size of a look-up.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// Most redirects, all to the same origin.
const MAX_REDIRECTS: usize = 3;

/// Request with values to fill in. No `Debug`: headers contain tokens.
pub(super) struct RequestTemplate {
    /// HTTP method.
    pub method: Method,
    /// URL. Its origin has no values.
    pub url: Template,
    /// Headers. One contains a token.
    pub headers: Vec<(HeaderName, Template)>,
    /// Body.
    pub body: Option<Template>,
}

/// Reason for a missing answer. Contains neither URL nor query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SourceError {
    /// No response within the timeout.
    #[error("no response within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// No connection, or a lost one.
    #[error("request failed: {0}")]
    Unreachable(&'static str),
    /// 401, 403.
    #[error("token rejected (HTTP {0})")]
    Unauthorized(u16),
    /// 429, 503 with `Retry-After`, or a limit named in a 403; with the wait of `Retry-After`.
    #[error("rate limit of the CRM reached")]
    Throttled(Option<Duration>),
    /// 5xx.
    #[error("server error (HTTP {0})")]
    ServerError(u16),
    /// The token endpoint rejects the client.
    #[error("the token endpoint rejects client_id or client_secret (HTTP {0})")]
    ClientRejected(u16),
    /// The token endpoint sent no token.
    #[error("the token endpoint sent no access token")]
    NoToken,
    /// Another status.
    #[error("unexpected status (HTTP {0})")]
    UnexpectedStatus(u16),
    /// Redirect to another origin, or a redirect loop.
    #[error("redirect to another origin, or a redirect loop")]
    Redirected,
    /// More than 256 KiB.
    #[error("response is larger than 256 KiB")]
    TooLarge,
    /// HTML, or broken JSON.
    #[error("response is not JSON")]
    NotJson,
    /// JSON without the configured record list.
    #[error("response has nothing at {0}")]
    NoResults(String),
    /// The filled values are not a valid request.
    #[error("request cannot be built")]
    InvalidRequest,
    /// Circuit breaker open after earlier failures.
    #[error("no request sent after repeated failures")]
    CircuitOpen,
    /// No permit before the deadline or timeout: all look-ups of `concurrency` are running.
    #[error("too many look-ups are running")]
    Busy,
}

impl SourceError {
    /// Returns whether an immediate retry may succeed.
    #[must_use]
    pub(super) const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::ServerError(_))
    }

    /// Returns the wait that the server requested.
    #[must_use]
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled(wait) => *wait,
            _ => None,
        }
    }
}

impl RequestTemplate {
    /// Sends the request, filled with `values` and with `bearer` as its token if there is one. `None` if the server has no
    /// match (404, 204).
    ///
    /// # Errors
    /// See [`SourceError`].
    pub(super) async fn send(
        &self,
        http: &Client,
        bearer: Option<&Secret>,
        values: &minijinja::Value,
    ) -> Result<Option<Value>, SourceError> {
        let url = self.url.fill(values).ok_or(SourceError::InvalidRequest)?;
        let mut url = Url::parse(&url).map_err(|_| SourceError::InvalidRequest)?;
        let mut headers = self.headers(values)?;
        if let Some(bearer) = bearer {
            headers.insert(AUTHORIZATION, bearer_header(bearer)?);
        }
        let body = match &self.body {
            Some(body) => Some(body.fill(values).ok_or(SourceError::InvalidRequest)?),
            None => None,
        };
        for _ in 0..=MAX_REDIRECTS {
            let request = http.request(self.method.clone(), url.clone()).headers(headers.clone());
            let request = body.iter().fold(request, |request, body| request.body(body.clone()));
            let response = request.send().await.map_err(|error| transport_error(&error))?;
            match redirect_target(&response, &url) {
                Ok(None) => return read_response(response).await,
                Ok(Some(next)) => url = next,
                Err(failure) => return Err(failure),
            }
        }
        Err(SourceError::Redirected)
    }

    fn headers(&self, values: &minijinja::Value) -> Result<HeaderMap, SourceError> {
        let mut headers = HeaderMap::new();
        headers.insert(reqwest::header::ACCEPT, HeaderValue::from_static("application/json"));
        if self.body.as_ref().is_some_and(|body| body.encoding() == Encoding::Json) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        for (name, text) in &self.headers {
            let text = text.fill(values).ok_or(SourceError::InvalidRequest)?;
            let mut text = HeaderValue::from_str(&text).map_err(|_| SourceError::InvalidRequest)?;
            text.set_sensitive(true);
            headers.insert(name.clone(), text);
        }
        Ok(headers)
    }
}

fn bearer_header(token: &Secret) -> Result<HeaderValue, SourceError> {
    let text = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
    let mut text = text.map_err(|_| SourceError::InvalidRequest)?;
    text.set_sensitive(true);
    Ok(text)
}

/// Returns the redirect target if its scheme, host and port are unchanged. The same request, headers included, is sent
/// there.
fn redirect_target(response: &Response, from: &Url) -> Result<Option<Url>, SourceError> {
    if !response.status().is_redirection() {
        return Ok(None);
    }
    let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
    let next = location.and_then(|it| from.join(it).ok()).ok_or(SourceError::Redirected)?;
    let same_origin = next.scheme() == from.scheme()
        && next.host() == from.host()
        && next.port_or_known_default() == from.port_or_known_default();
    if same_origin { Ok(Some(next)) } else { Err(SourceError::Redirected) }
}

async fn read_response(response: Response) -> Result<Option<Value>, SourceError> {
    let status = response.status();
    match status {
        StatusCode::NOT_FOUND | StatusCode::NO_CONTENT => return Ok(None),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(rejection(response).await),
        StatusCode::TOO_MANY_REQUESTS => {
            return Err(SourceError::Throttled(http::retry_after(response.headers(), SystemTime::now())));
        }
        StatusCode::SERVICE_UNAVAILABLE if response.headers().contains_key(RETRY_AFTER) => {
            return Err(SourceError::Throttled(http::retry_after(response.headers(), SystemTime::now())));
        }
        _ if status.is_server_error() => return Err(SourceError::ServerError(status.as_u16())),
        _ if !status.is_success() => return Err(SourceError::UnexpectedStatus(status.as_u16())),
        _ => {}
    }
    let body = http::read_body(response, MAX_BODY_BYTES).await.whole().map_err(|error| match error {
        BodyError::CutShort(error) => transport_error(&error),
        BodyError::TooLong => SourceError::TooLarge,
    })?;
    json::from_slice(&body).map(Some).map_err(|_| SourceError::NotJson)
}

/// Classifies a 401 or 403. Salesforce answers 403 with this code when the daily limit of requests is reached.
async fn rejection(response: Response) -> SourceError {
    let status = response.status().as_u16();
    let body = http::read_body(response, MAX_BODY_BYTES).await.bytes;
    if String::from_utf8_lossy(&body).contains("REQUEST_LIMIT_EXCEEDED") {
        return SourceError::Throttled(None);
    }
    SourceError::Unauthorized(status)
}

/// Returns the kind of a reqwest error, without the URL.
pub(super) fn transport_error(error: &reqwest::Error) -> SourceError {
    SourceError::Unreachable(if error.is_body() || error.is_decode() {
        "response is incomplete"
    } else {
        NetworkFault::of(error).as_str()
    })
}
