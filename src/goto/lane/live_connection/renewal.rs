//! Renewal of the channel of a live connection.

use super::{
    super::{FailureClass, RandomSource, Renewed, RequestFailure, Ticket, channel::parse_lifetime},
    LinkOutcome, LiveConnection, MIN_RENEW_INTERVAL, Renew, Renewal,
};
use std::time::{Duration, Instant};

impl LiveConnection {
    /// Schedules the renewal that the server requested.
    pub(in crate::goto::lane) fn refresh_required(&mut self, now: Instant) {
        match self.renewal {
            Renewal::Due { .. } => {
                let at = now.max(self.channel.renewed_at + MIN_RENEW_INTERVAL);
                self.renewal = Renewal::Due { at, how: Renew::Whole, urgent: true };
            }
            Renewal::Requested { .. } => {}
        }
    }

    pub(in crate::goto::lane) fn awaits_renewal(&self, ticket: Ticket) -> bool {
        matches!(self.renewal, Renewal::Requested { ticket: awaited, .. } if awaited == ticket)
    }

    /// Handles the answer to the awaited renewal.
    pub(in crate::goto::lane) fn renewed(
        &mut self,
        answer: Result<Renewed, RequestFailure>,
        now: Instant,
        random: RandomSource<'_>,
    ) -> LinkOutcome {
        let (sent, how, urgent) = match self.renewal {
            Renewal::Requested { sent, how, urgent, .. } => (sent, how, urgent),
            Renewal::Due { .. } => return LinkOutcome::Healthy,
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) if failure.class == FailureClass::Gone => return LinkOutcome::Gone,
            Err(failure) => return self.on_renewal_failed(how, urgent, failure.retry_after, now, random),
        };
        self.backoff.reset();
        self.channel.renewed_at = sent;
        if answer.lifetime.is_some() {
            self.channel.lifetime = parse_lifetime(answer.lifetime);
        }
        self.renewal =
            Renewal::Due { at: self.channel.renew_at(self.lane, random), how: Renew::Lifetime, urgent: false };
        match answer.url {
            Some(url) if url != self.channel.url => {
                self.channel.url = url;
                LinkOutcome::UrlChanged
            }
            Some(_) | None => LinkOutcome::Healthy,
        }
    }

    /// Schedules the next renewal. After a server request, the other request follows immediately, then a replacement.
    pub(super) fn on_renewal_failed(
        &mut self,
        how: Renew,
        urgent: bool,
        after: Option<Duration>,
        now: Instant,
        random: RandomSource<'_>,
    ) -> LinkOutcome {
        let wait = self.backoff.next(random(), after.or(Some(Duration::from_secs(1))));
        let (at, urgent, outcome) = match how {
            Renew::Whole => (if after.is_none() { now } else { now + wait }, urgent, LinkOutcome::Healthy),
            Renew::Lifetime if urgent && !self.replacing => (now + wait, false, LinkOutcome::Replace),
            Renew::Lifetime => (now + wait, false, LinkOutcome::Healthy),
        };
        self.renewal = Renewal::Due { at, how: Renew::Lifetime, urgent };
        outcome
    }
}
