//! GoTo's REST API, as far as a lane and its catch-up need it. Each call is one question and one answer, bounded in time and
//! size; what failed comes back with its class. Decides nothing but how fast may be asked.

mod activity;
mod calls;
mod channels;
mod pace;
mod voicemail;

pub use channels::Nickname;

use super::{
    answer::{self, Unread, retry_after, word},
    grant::Access,
    lifecycle::{Class, Trouble},
};
use crate::model::{ids::ConnectionName, secret::Secret, time::Timestamp};
use pace::Pace;
use reqwest::Method;
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, watch};
use url::Url;

/// One answer is given up after this.
const WITHIN: Duration = Duration::from_secs(10);
/// After a 401, a token that takes longer to come is for the next try.
const FRESH_WITHIN: Duration = Duration::from_secs(5);
/// Largest answer that is read: 100 calls or reports a page, and room.
const LONGEST: usize = 8 * 1024 * 1024;
/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no access token.
    #[error("there is no access token")]
    NoToken,
    /// No answer.
    #[error("no answer")]
    Network(#[source] reqwest::Error),
    /// The answer is too large, cut short, or none.
    #[error("the answer cannot be read")]
    Garbled,
    /// The answer is a refusal.
    #[error("answered with status {status}, {}", code.as_deref().unwrap_or("no code"))]
    Status {
        /// Which.
        status: u16,
        /// `errorCode`.
        code: Option<String>,
        /// `Retry-After`.
        after: Option<Duration>,
    },
}

impl From<Unread> for Error {
    fn from(why: Unread) -> Self {
        match why {
            Unread::CutShort(error) => Self::Network(error),
            Unread::TooLong => Self::Garbled,
        }
    }
}

impl Error {
    /// How the lane's machine takes it.
    #[must_use]
    pub const fn trouble(&self) -> Trouble {
        match self {
            Self::NoToken => Trouble { class: Class::NoToken, status: None, after: None },
            Self::Network(_) | Self::Garbled => Trouble { class: Class::Transient, status: None, after: None },
            Self::Status { status, after, .. } => {
                Trouble { class: class(*status), status: Some(*status), after: *after }
            }
        }
    }

    /// The status of the answer, if there was one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.trouble().status
    }
}

/// How a status is to be taken.
#[must_use]
pub const fn class(status: u16) -> Class {
    match status {
        404 | 410 => Class::Gone,
        409 => Class::Full,
        408 | 425 | 429 | 500..=599 => Class::Transient,
        300..=499 => Class::Refused,
        _ => Class::Transient,
    }
}

/// A login's way to the API, shared by its lanes.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    base: Url,
    access: watch::Receiver<Access>,
    rejected: mpsc::Sender<Secret>,
    pace: Arc<Mutex<Pace>>,
    name: ConnectionName,
}

impl Api {
    pub(super) fn new(
        name: ConnectionName,
        http: reqwest::Client,
        base: Url,
        access: watch::Receiver<Access>,
        rejected: mpsc::Sender<Secret>,
    ) -> Self {
        let pace = Arc::new(Mutex::new(Pace::rested(Instant::now())));
        Self { http, base, access, rejected, pace, name }
    }

    /// The same way with a pace of its own: a rest that these questions are told to take is not the lanes'.
    pub(super) fn apart(&self) -> Self {
        Self { pace: Arc::new(Mutex::new(Pace::rested(Instant::now()))), ..self.clone() }
    }

    /// Asks one question. A 401 makes one refresh, and the question is asked once more.
    ///
    /// # Errors
    /// [`Error`], also for every status but 2xx.
    pub(super) async fn ask(
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
        let began = Instant::now();
        let access = self.access(None).await?;
        let first = self.once(&method, &url, body, &access).await;
        let answer = match first {
            Err(Error::Status { status: 401, .. }) => {
                // A full queue means that the refresh is asked for already.
                let _ = self.rejected.try_send(access.clone());
                match self.access(Some(&access)).await {
                    Ok(fresh) => self.once(&method, &url, body, &fresh).await,
                    Err(_) => first,
                }
            }
            other => other,
        };
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let what = path.first().copied().unwrap_or_default();
        match &answer {
            Ok(_) => tracing::debug!(connection = %self.name, what, took_ms = took, "goto answered"),
            Err(error) => {
                tracing::debug!(connection = %self.name, what, took_ms = took, %error, "goto did not answer well")
            }
        }
        answer
    }

    /// A token that lives and is not `but`.
    async fn access(&self, but: Option<&Secret>) -> Result<Secret, Error> {
        let mut access = self.access.clone();
        let usable = access.wait_for(|it| match it {
            Access::Given(token, expires) => but != Some(token) && Instant::now() < *expires,
            Access::Consent => true,
            Access::Awaited => false,
        });
        let within = if but.is_some() { FRESH_WITHIN } else { WITHIN };
        match tokio::time::timeout(within, usable).await {
            Ok(Ok(it)) => match &*it {
                Access::Given(token, _) => Ok(token.clone()),
                Access::Awaited | Access::Consent => Err(Error::NoToken),
            },
            Ok(Err(_)) | Err(_) => Err(Error::NoToken),
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request, unless GoTo has asked the login to rest: then that answer is given again.
    async fn once(&self, method: &Method, url: &Url, body: Option<&Value>, token: &Secret) -> Result<Vec<u8>, Error> {
        let turn = self.pace().take(Instant::now());
        match turn {
            Ok(turn) => tokio::time::sleep(turn).await,
            Err(rest) => return Err(Error::Status { status: 429, code: None, after: Some(rest) }),
        }
        let mut request = self.http.request(method.clone(), url.clone()).bearer_auth(token.expose()).timeout(WITHIN);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|e| Error::Network(e.without_url()))?;
        let status = answer.status().as_u16();
        let after = retry_after(answer.headers(), Timestamp::now());
        if let (429, Some(rest)) = (status, after) {
            self.pace().hold(Instant::now(), rest);
        }
        let body = answer::bounded(answer, LONGEST).await;
        match status {
            200..=299 => Ok(body?),
            _ => Err(Error::Status { status, code: body.ok().and_then(|body| code(&body)), after }),
        }
    }
}

/// `errorCode` of an error body, if it is one word.
fn code(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    word(value.get("errorCode")?)
}
