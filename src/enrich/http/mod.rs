//! HTTP source: decides when a CRM is queried, how often and how long its answers are cached. A look-up that misses
//! the card's deadline goes on until the source's own timeout, to fill the cache for the call's next card.

mod breaker;
mod build;
mod cache;
mod oauth;
mod preset;
mod request;
mod response;
mod search;
mod template;
#[cfg(test)]
mod tests;
mod value;

use super::{SecretReader, config::SourceConfig, merge::SourceAnswer, pending::AnswerFuture};
use crate::model::{
    card::Contact,
    phone::{E164, Region},
    secret::Secret,
};
use breaker::CircuitBreaker;
use build::Requests;
use cache::Cache;
use oauth::SourceToken;
use request::SourceError;
use reqwest::Client;
pub(super) use response::ResponseMapping;
use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinHandle, spawn_blocking},
    time::{sleep, timeout, timeout_at},
};

/// Wait before a retry, plus up to half of it at random.
const RETRY_PAUSE: Duration = Duration::from_millis(40);

/// Source backed by an HTTP API.
#[derive(Clone)]
pub(super) struct Http(Arc<Inner>);

struct Inner {
    name: String,
    region: Region,
    http: Client,
    /// Table of the source, to build the requests again.
    config: SourceConfig,
    read_secret: SecretReader,
    requests: Mutex<Arc<Requests>>,
    /// Access token of `oauth`. One look-up requests it, the others wait.
    token: AsyncMutex<Option<SourceToken>>,
    /// Labels of facts in card order.
    order: Vec<String>,
    timeout: Duration,
    retries: u32,
    permits: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    cache: Cache,
    breaker: CircuitBreaker,
    /// Kind of the last error in the journal.
    last_error: Option<mem::Discriminant<SourceError>>,
    /// Failed look-ups since the last answer.
    failures: u64,
    /// Last look-up missed the card's deadline, as logged.
    misses_deadline: bool,
}

impl Http {
    /// Returns the values of all secrets.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.0.requests().secrets.clone()
    }

    /// Reads the secrets again, and tries a source with new ones immediately.
    pub(super) async fn refresh_secrets(&self) {
        if self.0.reload_secrets().await {
            self.0.token.lock().await.take();
            self.0.state().breaker.on_success();
        }
    }

    /// Returns the CRM's contacts before `deadline`. Otherwise returns the failure and the pending answer.
    pub(super) async fn find(
        &self,
        number: &E164,
        deadline: Instant,
    ) -> (SourceAnswer, Option<AnswerFuture<SourceAnswer>>) {
        let until = tokio::time::Instant::from_std(deadline);
        if let Some(people) = self.0.state().cache.get(number, Instant::now()) {
            return (SourceAnswer::Found(people), None);
        }
        let mut permit = Box::pin(Arc::clone(&self.0.permits).acquire_owned());
        let Ok(permit) = timeout_at(until, &mut permit).await else {
            let source = Arc::clone(&self.0);
            let wait = self.0.timeout;
            let number = number.clone();
            // The request keeps its position in the queue for a permit.
            let task = tokio::spawn(async move {
                let permit = timeout(wait, permit).await.map_err(|_| SourceError::Busy)?;
                source.lookup_task(number, deadline, permit.map_err(|_| SourceError::Busy)?).await
            });
            return (SourceAnswer::Failed(SourceError::Busy.to_string()), Some(pending_answer(task)));
        };
        let Ok(permit) = permit else { return (SourceAnswer::Failed(SourceError::Busy.to_string()), None) };
        let mut task = tokio::spawn(Arc::clone(&self.0).lookup_task(number.clone(), deadline, permit));
        let result = timeout_at(until, &mut task).await;
        if !matches!(result, Ok(Ok(Err(SourceError::CircuitOpen)))) {
            self.0.record_deadline(result.is_err());
        }
        match result {
            Ok(result) => (to_answer(result), None),
            Err(_) => {
                (SourceAnswer::Failed("no answer before the card's deadline".to_owned()), Some(pending_answer(task)))
            }
        }
    }
}

type LookupTask = JoinHandle<Result<Vec<Contact>, SourceError>>;

fn to_answer(result: Result<Result<Vec<Contact>, SourceError>, JoinError>) -> SourceAnswer {
    match result {
        Ok(Ok(people)) => SourceAnswer::Found(people),
        Ok(Err(failure)) => SourceAnswer::Failed(failure.to_string()),
        Err(_) => SourceAnswer::Failed("look-up was cancelled".to_owned()),
    }
}

fn pending_answer(task: LookupTask) -> AnswerFuture<SourceAnswer> {
    Box::pin(async move { Some(to_answer(task.await)) })
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one look-up within the source's timeout and records the result.
    async fn lookup_task(
        self: Arc<Self>,
        number: E164,
        deadline: Instant,
        _permit: OwnedSemaphorePermit,
    ) -> Result<Vec<Contact>, SourceError> {
        {
            let (mut state, now) = (self.state(), Instant::now());
            // The previous holder of the permit may have queried the same number.
            if let Some(people) = state.cache.get(&number, now) {
                return Ok(people);
            }
            if !state.breaker.allows(now) {
                return Err(SourceError::CircuitOpen);
            }
        }
        let limited = timeout(self.timeout, self.query(&number, deadline)).await;
        let result = limited.unwrap_or(Err(SourceError::TimedOut(self.timeout)));
        self.record_result(&number, &result);
        result
    }

    /// Searches until an answer, with retries. A rejected token is read or requested again, once.
    async fn query(&self, number: &E164, deadline: Instant) -> Result<Vec<Contact>, SourceError> {
        let mut retries_left = self.retries;
        let mut renewed = false;
        loop {
            match self.search(number).await {
                Err(SourceError::Unauthorized(_)) if !renewed && self.renew_credentials().await => renewed = true,
                Err(failure) if failure.is_transient() && retries_left > 0 => {
                    let pause = RETRY_PAUSE + RETRY_PAUSE.mul_f64(fastrand::f64() / 2.0);
                    if Instant::now() + pause >= deadline {
                        return Err(failure);
                    }
                    retries_left -= 1;
                    sleep(pause).await;
                }
                answer => return answer,
            }
        }
    }

    fn requests(&self) -> Arc<Requests> {
        Arc::clone(&self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the access token, requested if necessary; `None` for a source without `oauth`.
    async fn bearer(&self, requests: &Requests) -> Result<Option<Secret>, SourceError> {
        let Some(oauth) = &requests.oauth else { return Ok(None) };
        let mut current = self.token.lock().await;
        if let Some(SourceToken { token, renew_at }) = &*current
            && Instant::now() < *renew_at
        {
            return Ok(Some(token.clone()));
        }
        let new = oauth.send(&self.http).await?;
        let token = new.token.clone();
        *current = Some(new);
        Ok(Some(token))
    }

    /// Drops the access token and reads the secrets again. Returns whether another attempt may succeed.
    async fn renew_credentials(&self) -> bool {
        let has_new_token = self.token.lock().await.take().is_some();
        self.reload_secrets().await || has_new_token
    }

    /// Reads the secrets again and builds the requests again if one changed. A secret that cannot be read changes nothing.
    async fn reload_secrets(&self) -> bool {
        let (config, read_secret) = (self.config.clone(), Arc::clone(&self.read_secret));
        let built = spawn_blocking(move || Requests::build(&config, &*read_secret)).await;
        let Ok(Ok(new)) = built else { return false };
        let changed = new.secrets != self.requests().secrets;
        if changed {
            *self.requests.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
            tracing::info!(source = self.name, "secrets of the source changed, read again");
        }
        changed
    }

    /// Logs once when answers start to miss the card's deadline, and once when they meet it again.
    fn record_deadline(&self, slow: bool) {
        match (mem::replace(&mut self.state().misses_deadline, slow), slow) {
            (false, true) => {
                tracing::warn!(source = self.name, "source misses the card deadline, facts omitted")
            }
            (true, false) => tracing::info!(source = self.name, "source meets the card deadline again"),
            (false, false) | (true, true) => {}
        }
    }

    /// Updates cache and circuit breaker. Logs once per change of the error kind.
    fn record_result(&self, number: &E164, result: &Result<Vec<Contact>, SourceError>) {
        let now = Instant::now();
        let mut state = self.state();
        match result {
            Ok(people) => {
                state.cache.put(number, people, now);
                state.breaker.on_success();
                let repeats = mem::take(&mut state.failures);
                if state.last_error.take().is_some() {
                    tracing::info!(source = self.name, repeats, "source recovered");
                }
            }
            Err(failure) => {
                match failure {
                    SourceError::Throttled(wait) => state.breaker.on_throttled(now, *wait),
                    other => state.breaker.on_failure(now, other.retry_after()),
                }
                state.failures = state.failures.saturating_add(1);
                let kind = mem::discriminant(failure);
                if state.last_error.replace(kind) != Some(kind) {
                    tracing::warn!(source = self.name, error = %failure, "source failed, facts omitted");
                }
            }
        }
    }
}
