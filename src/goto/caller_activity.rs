//! Task that queries the past calls of callers, one number at a time and with its own rate limit. Decides the spelling
//! of a number and the cooldown after a failure.

use super::{
    CallerActivityQuery, ConnectionEvent,
    api::{Api, Error},
    lane::FailureClass,
};
use crate::model::{call_record::CallRecord, ids::ConnectionName};
use std::time::Duration;
use tokio::sync::mpsc;

/// Cooldown after 403, or after a rejection that only an operator can resolve.
const REJECTED_COOLDOWN: Duration = Duration::from_secs(3600);
/// Cooldown after 429 without `Retry-After`.
const THROTTLED_COOLDOWN: Duration = Duration::from_secs(300);
/// Cooldown after a missing or malformed answer, and lower bound of every cooldown.
const FAILURE_COOLDOWN: Duration = Duration::from_secs(60);

/// Task that answers [`CallerActivityQuery`]s.
pub(super) struct ActivityTask {
    pub(super) api: Api,
    pub(super) name: ConnectionName,
    pub(super) events: mpsc::Sender<ConnectionEvent>,
}

impl ActivityTask {
    /// Answers queries until every sender is dropped.
    pub(super) async fn run(self, mut queries: mpsc::Receiver<CallerActivityQuery>) {
        let (mut form, mut failing) = (None, false);
        while let Some(query) = queries.recv().await {
            let calls = self.calls(&query, &mut form).await;
            if calls.is_err() != failing {
                failing = !failing;
                match &calls {
                    Ok(_) => tracing::info!(connection = %self.name, "caller activity recovered"),
                    Err(error) => {
                        let wait_s = cooldown(error).as_secs();
                        tracing::info!(connection = %self.name, %error, wait_s, "caller activity unavailable");
                    }
                }
            }
            let calls = calls.map_err(|error| cooldown(&error));
            // The receiver closes only at shutdown.
            let _ = self.events.send(ConnectionEvent::CallerActivity { number: query.number, calls }).await;
        }
    }

    /// Queries the calls of a number. GoTo's spelling of numbers is undocumented: every form is tried until one returns
    /// calls, and that form is used from then on.
    async fn calls(&self, query: &CallerActivityQuery, form: &mut Option<usize>) -> Result<Vec<CallRecord>, Error> {
        let number = &query.number;
        let e164 = number.expose();
        let (mut accepted, mut rejection) = (false, None);
        let forms = [e164.to_owned(), e164.trim_start_matches('+').to_owned(), number.national_digits()];
        for (index, text) in forms.iter().enumerate() {
            if form.is_some_and(|known| known != index) {
                continue;
            }
            match self.api.caller_activity(&query.account, text, (query.from, query.to)).await {
                Ok(calls) if calls.is_empty() => accepted = true,
                Ok(calls) => {
                    *form = Some(index);
                    return Ok(calls);
                }
                // GoTo has no calls under this form, or does not accept the form.
                Err(Error::Status { status: 404, .. }) => accepted = true,
                Err(Error::Status { status: 400, code, constraint, after })
                    if !is_organization_required(code.as_deref()) =>
                {
                    rejection = Some(Error::Status { status: 400, code, constraint, after });
                }
                Err(error) => return Err(error),
            }
        }
        rejection.filter(|_| !accepted).map_or_else(|| Ok(Vec::new()), Err)
    }
}

/// Returns whether the code is `MANDATORY_ORGANIZATION_ID`: the login has several organizations, and no scope here lists
/// them.
fn is_organization_required(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.contains("ORGANIZATION"))
}

/// Returns the time without further queries after this failure.
fn cooldown(error: &Error) -> Duration {
    let failure = error.failure();
    match (failure.class, failure.retry_after) {
        (_, Some(after)) => after.max(FAILURE_COOLDOWN),
        (FailureClass::Rejected, None) => REJECTED_COOLDOWN,
        (FailureClass::Transient, None) if failure.status == Some(429) => THROTTLED_COOLDOWN,
        (_, None) => FAILURE_COOLDOWN,
    }
}
