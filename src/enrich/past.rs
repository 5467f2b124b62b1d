//! What is known of a caller's past calls: what was seen, and what GoTo remembers beside it. Decides when which is waited
//! for; the asking is done by whoever hears GoTo.

use super::{
    Enricher,
    history::{SAME, Shelf},
    late::{Past, Pending},
};
use crate::model::{
    call::Call,
    card::History,
    ids::ConnectionName,
    past::Remembered,
    phone::E164,
    time::{Now, Timestamp, before},
};
use futures_util::FutureExt;
use std::time::{Duration, Instant};
use tokio::time::{timeout, timeout_at};

/// GoTo is asked in up to three forms of the number, each given up after 10 s, behind others' questions: later is too late.
const PATIENCE: Duration = Duration::from_secs(40);

impl Enricher {
    pub(super) async fn past(
        &self,
        number: &E164,
        call: Option<String>,
        now: Now,
        deadline: Instant,
    ) -> (Past, Option<Pending<History>>, Option<Duration>) {
        let Some(shelf) = &self.history else { return (Past::Off, None, None) };
        let until = deadline.into();
        let mut seen = past(shelf.clone(), number.clone(), call.clone(), now).boxed();
        let answer = timeout_at(until, &mut seen).await;
        let took = Some(now.tick.elapsed());
        let said = match answer {
            Ok(Some(history)) => Past::Said(history),
            Ok(None) => Past::Silent,
            Err(_) => return (Past::Silent, Some(seen), took),
        };
        let Some(mut awaited) = self.elsewhere.as_ref().and_then(|(elsewhere, _)| elsewhere.awaited(number)) else {
            return (said, None, took);
        };
        let (shelf, number) = (shelf.clone(), number.clone());
        let mut remembered = async move {
            timeout(PATIENCE, awaited.wait_for(|done| *done)).await.ok()?.ok()?;
            past(shelf, number, call, now).await
        }
        .boxed();
        match timeout_at(until, &mut remembered).await {
            Ok(Some(history)) => (Past::Said(history), None, took),
            Ok(None) => (said, None, took),
            Err(_) => (said, Some(remembered), took),
        }
    }

    /// The span of past calls that GoTo should be asked for before this call's caller is looked up, if it should. The
    /// number then counts as asked about: whoever asks must bring the answer to [`Self::remembers`].
    pub fn wonders(&self, call: &Call, now: Now) -> Option<(Timestamp, Timestamp)> {
        let (elsewhere, back) = self.history.as_ref().and(self.elsewhere.as_ref())?;
        let number = call.caller.number.known()?;
        // Up to this call, which is no past of its own.
        let to = before(call.started, SAME);
        elsewhere.wonders(&call.connection, number, now.tick).then(|| (before(now.clock, *back), to))
    }

    /// What GoTo remembers of a number, or how long `connection` wants to be left alone with such questions.
    pub fn remembers(
        &self,
        connection: &ConnectionName,
        number: &E164,
        calls: Result<Vec<Remembered>, Duration>,
        now: Now,
    ) {
        let (Some(shelf), Some((elsewhere, _))) = (&self.history, &self.elsewhere) else { return };
        match calls {
            Ok(legs) => {
                shelf.import(number, legs);
                elsewhere.answered(number);
            }
            Err(wait) => elsewhere.silent(connection, number, wait, now.tick),
        }
    }
}

async fn past(shelf: Shelf, number: E164, call: Option<String>, now: Now) -> Option<History> {
    let answer = shelf.find(&number, call, now.clock).await;
    answer.inspect_err(|error| tracing::debug!(%error, "history is silent")).ok()
}
