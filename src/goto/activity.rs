//! Asks for the past calls of callers, one number at a time and at a pace of its own: the lanes never wait for it. Decides
//! in which form a number is asked for, and how long GoTo is left alone after it could not say.

use super::{
    Heard, PastAsk,
    api::{Api, Error},
    lifecycle::Class,
};
use crate::model::{ids::ConnectionName, past::Remembered};
use std::time::Duration;
use tokio::sync::mpsc;

/// Questions that wait for their turn; more are left unasked.
pub(super) const WAITING: usize = 16;
/// After 403, or a refusal that only a human can mend: it is asked again once an hour.
const REFUSED: Duration = Duration::from_secs(3600);
/// After 429 without a `Retry-After`.
const THROTTLED: Duration = Duration::from_secs(300);
/// After no answer, or one that cannot be read.
const FAILED: Duration = Duration::from_secs(60);

/// What asks for past calls.
pub(super) struct Activity {
    pub(super) api: Api,
    pub(super) name: ConnectionName,
    pub(super) heard: mpsc::Sender<Heard>,
}

impl Activity {
    /// Answers as long as there is somebody who asks.
    pub(super) async fn run(self, mut asks: mpsc::Receiver<PastAsk>) {
        let (mut form, mut failing) = (None, false);
        while let Some(ask) = asks.recv().await {
            let calls = self.calls(&ask, &mut form).await;
            if calls.is_err() != failing {
                failing = !failing;
                match &calls {
                    Ok(_) => tracing::info!(connection = %self.name, "goto tells past calls of callers again"),
                    Err(error) => {
                        let wait_s = left_alone(error).as_secs();
                        tracing::info!(connection = %self.name, %error, wait_s, "goto tells no past calls of callers");
                    }
                }
            }
            let calls = calls.map_err(|error| left_alone(&error));
            // The other end closes only when the daemon stops.
            let _ = self.heard.send(Heard::Past { number: ask.number, calls }).await;
        }
    }

    /// GoTo writes numbers in its own form, which is not documented: all are tried until one has calls, and that one is
    /// the form from then on.
    async fn calls(&self, ask: &PastAsk, form: &mut Option<usize>) -> Result<Vec<Remembered>, Error> {
        let number = &ask.number;
        let e164 = number.expose();
        let (mut understood, mut refused) = (false, None);
        let forms = [e164.to_owned(), e164.trim_start_matches('+').to_owned(), number.national()];
        for (place, text) in forms.iter().enumerate() {
            if form.is_some_and(|known| known != place) {
                continue;
            }
            match self.api.activity(&ask.account, text, (ask.from, ask.to)).await {
                Ok(calls) if calls.is_empty() => understood = true,
                Ok(calls) => {
                    *form = Some(place);
                    return Ok(calls);
                }
                // Nothing is known by this form of the number, or it is none to GoTo.
                Err(Error::Status { status: 404, .. }) => understood = true,
                Err(Error::Status { status: 400, code, after }) if !is_about_the_login(code.as_deref()) => {
                    refused = Some(Error::Status { status: 400, code, after });
                }
                Err(error) => return Err(error),
            }
        }
        refused.filter(|_| !understood).map_or_else(|| Ok(Vec::new()), Err)
    }
}

/// `MANDATORY_ORGANIZATION_ID`: a login of several organizations is asked for one, which no scope of ours can find out.
fn is_about_the_login(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.contains("ORGANIZATION"))
}

fn left_alone(error: &Error) -> Duration {
    let trouble = error.trouble();
    match (trouble.class, trouble.after) {
        (_, Some(after)) => after.max(FAILED),
        (Class::Refused, None) => REFUSED,
        (Class::Transient, None) if trouble.status == Some(429) => THROTTLED,
        (_, None) => FAILED,
    }
}
