//! Client of GoTo's REST API, as far as lanes and backfill need it. Bounds every request in time and size, limits the
//! request rate and classifies failures. Contains no other policy.

mod accounts;
mod caller_activity;
mod calls;
mod channels;
mod error;
mod rate_limit;
mod voice_admin;
mod voicemail;

pub use accounts::accounts;
pub use channels::Nickname;
use error::parse_constraint;
pub use error::{Error, classify};

use super::{
    http::{error_code, retry_after},
    token_task::AccessToken,
};
use crate::{
    model::{
        ids::ConnectionName,
        secret::Secret,
        time::{Now, ServerClock, Timestamp},
    },
    runtime::{http::read_body, metrics::ConnectionMetrics},
};
use jiff::SignedDuration;
use rate_limit::RateLimiter;
pub(super) use rate_limit::{REPORTS_PER_SECOND, REQUESTS_PER_SECOND};
use reqwest::{
    Method,
    header::{DATE, HeaderMap},
};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::{mpsc, watch};
use url::Url;

/// Timeout of a request, and of the wait for a first access token.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Wait for a new access token after a 401; a later one serves the next attempt.
const FRESH_TOKEN_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest accepted answer, bytes: a page of 100 calls or reports, and room.
const MAX_RESPONSE_BYTES: usize = 8 * 1024 * 1024;

/// API client of one connection, shared by its lanes.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    base: Url,
    access: watch::Receiver<AccessToken>,
    rejected: mpsc::Sender<Secret>,
    limiter: Arc<Mutex<RateLimiter>>,
    name: ConnectionName,
    /// GoTo's clock, as the last answers state it.
    clock: watch::Sender<Option<ServerClock>>,
    pub(super) metrics: ConnectionMetrics,
}

impl Api {
    pub(super) fn new(
        name: ConnectionName,
        http: reqwest::Client,
        base: Url,
        access: watch::Receiver<AccessToken>,
        rejected: mpsc::Sender<Secret>,
        clock: watch::Sender<Option<ServerClock>>,
    ) -> Self {
        let limiter = Arc::new(Mutex::new(RateLimiter::new(REQUESTS_PER_SECOND, Instant::now())));
        Self { http, base, access, rejected, limiter, name, clock, metrics: ConnectionMetrics::default() }
    }

    /// Returns a client that counts its requests.
    pub(super) fn with_metrics(self, metrics: ConnectionMetrics) -> Self {
        Self { metrics, ..self }
    }

    /// Returns a client with its own rate limit: a 429 for these requests does not pause the lanes.
    pub(super) fn with_own_limit(&self, per_second: f64) -> Self {
        Self { limiter: Arc::new(Mutex::new(RateLimiter::new(per_second, Instant::now()))), ..self.clone() }
    }

    /// Sends a request. A 401 forces one token refresh and one retry.
    ///
    /// # Errors
    /// [`Error`], also for every status but 2xx.
    pub(super) async fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Vec<u8>, Error> {
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| Error::Garbled)?.pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let started = Instant::now();
        let access = self.access_token(None).await?;
        // On the heap while it lasts: the state of a request is large, and some ten tasks of a connection would contain it.
        let first = Box::pin(self.send(&method, &url, body, &access)).await;
        let answer = match first {
            Err(Error::Status { status: 401, .. }) => {
                // A full queue means that a refresh is already requested.
                let _ = self.rejected.try_send(access.clone());
                match self.access_token(Some(&access)).await {
                    Ok(fresh) => Box::pin(self.send(&method, &url, body, &fresh)).await,
                    Err(_) => first,
                }
            }
            other => other,
        };
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let what = path.first().copied().unwrap_or_default();
        match &answer {
            Ok(_) => tracing::debug!(connection = %self.name, what, took_ms = elapsed_ms, "goto answered"),
            Err(error) => {
                tracing::debug!(connection = %self.name, what, took_ms = elapsed_ms, %error, "goto request failed")
            }
        }
        answer
    }

    /// Waits for a valid access token other than `rejected`.
    async fn access_token(&self, rejected: Option<&Secret>) -> Result<Secret, Error> {
        let mut access = self.access.clone();
        let usable = access.wait_for(|state| match state {
            AccessToken::Valid(token, expires) => rejected != Some(token) && Instant::now() < *expires,
            AccessToken::LoginRequired => true,
            AccessToken::Pending => false,
        });
        let timeout = if rejected.is_some() { FRESH_TOKEN_TIMEOUT } else { REQUEST_TIMEOUT };
        match tokio::time::timeout(timeout, usable).await {
            Ok(Ok(state)) => match &*state {
                AccessToken::Valid(token, _) => Ok(token.clone()),
                AccessToken::Pending | AccessToken::LoginRequired => Err(Error::NoToken),
            },
            Ok(Err(_)) | Err(_) => Err(Error::NoToken),
        }
    }

    fn limiter(&self) -> MutexGuard<'_, RateLimiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one request; while a 429 pauses this client, returns that status without a request.
    async fn send(&self, method: &Method, url: &Url, body: Option<&Value>, token: &Secret) -> Result<Vec<u8>, Error> {
        let wait = self.limiter().acquire(Instant::now());
        match wait {
            Ok(wait) => {
                self.metrics.rate_limit_wait(wait);
                tokio::time::sleep(wait).await;
            }
            Err(pause) => {
                return Err(Error::Status { status: 429, code: None, constraint: None, after: Some(pause) });
            }
        }
        let mut request =
            self.http.request(method.clone(), url.clone()).bearer_auth(token.expose()).timeout(REQUEST_TIMEOUT);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|e| Error::Network(e.without_url()));
        self.metrics.request(url.path(), response.as_ref().ok().map(|response| response.status().as_u16()));
        let response = response?;
        let status = response.status().as_u16();
        let learned = Now::current();
        if let Some(offset) = clock_offset(response.headers(), learned.timestamp) {
            self.clock.send_replace(Some(ServerClock { offset, learned }));
        }
        let after = retry_after(status, response.headers(), SystemTime::now());
        if let (429, Some(pause)) = (status, after) {
            self.limiter().pause_for(Instant::now(), pause);
        }
        let body = read_body(response, MAX_RESPONSE_BYTES).await.whole();
        match status {
            200..=299 => Ok(body?),
            _ => {
                let body: Value = serde_json::from_slice(&body.unwrap_or_default()).unwrap_or_default();
                let code = body.get("errorCode").and_then(error_code);
                Err(Error::Status { status, code, constraint: parse_constraint(&body), after })
            }
        }
    }
}

/// Returns the server's time minus the local time, by the `Date` header.
fn clock_offset(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(Timestamp::try_from(date).ok()?.duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_offset_is_server_time_minus_local_time() {
        let headers = HeaderMap::from_iter([(DATE, "Mon, 05 Oct 2026 14:02:11 GMT".parse().unwrap())]);
        let offset = |now: &str| clock_offset(&headers, now.parse().unwrap());
        assert_eq!(offset("2026-10-05T14:03:11Z"), Some(SignedDuration::from_secs(-60)));
        assert_eq!(offset("2026-10-05T13:02:11Z"), Some(SignedDuration::from_hours(1)));
        assert_eq!(clock_offset(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }
}
