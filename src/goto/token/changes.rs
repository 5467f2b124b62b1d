//! Changes of a token from outside: other daemons refresh it or have a newer one, the token file is changed or removed. Does
//! not handle the answers of GoTo.

use super::{Effect, RefreshToken, State, TokenMachine};
use std::time::Instant;

impl TokenMachine {
    /// Waits for another daemon's refresh or for the shared database. A published access token stays in use.
    pub(super) fn on_held(&mut self, until: Instant) {
        let State::Refreshing { .. } = self.state else { return };
        self.is_repeat = false;
        let is_valid = self.published.is_some() && self.login_pending.is_none();
        self.state = if is_valid { State::Valid { until } } else { State::Backoff { until } };
    }

    /// Continues with the refresh token of another host.
    pub(super) fn on_newer(&mut self, found: RefreshToken, now: Instant) {
        let State::Refreshing { .. } = self.state else { return };
        self.effects.push(Effect::Persist(found.clone()));
        self.refresh_token = Some(found);
        (self.persist_at, self.last_warning, self.denials, self.is_repeat) = (None, None, 0, false);
        self.refresh(now);
    }

    pub(super) fn on_access_changed(&mut self, now: Instant) {
        if let State::Valid { .. } | State::Backoff { .. } = self.state {
            self.refresh(now);
        }
    }

    /// Writes the token again: the state directory was replaced, and the next start needs the token.
    pub(super) fn on_file_removed(&mut self) {
        let is_idle = matches!(self.state, State::Valid { .. } | State::Backoff { .. });
        if let Some(refresh_token) = self.refresh_token.clone().filter(|_| is_idle && self.persist_at.is_none()) {
            self.effects.push(Effect::Persist(refresh_token));
        }
    }

    /// Uses a token from the file immediately if the machine waits for one, else at the next refresh. Ignores a token older
    /// than the one in memory: the predecessor of a rotated token that was not written.
    pub(super) fn on_file_changed(&mut self, found: RefreshToken, now: Instant) {
        let is_older = self.persist_at.is_some()
            && found.issued <= self.refresh_token.as_ref().and_then(|refresh_token| refresh_token.issued);
        let is_known = self.rejected_token.as_ref().is_some_and(|rejected| rejected.token == found.token)
            || self.refresh_token.as_ref().is_some_and(|refresh_token| refresh_token.token == found.token);
        if is_known || is_older || matches!(self.state, State::Refreshing { .. } | State::Persisting { .. }) {
            return;
        }
        self.refresh_token = Some(found);
        self.persist_at = None;
        self.last_warning = None;
        self.denials = 0;
        self.backoff.reset();
        match self.state {
            State::LoginRequired { .. } | State::Backoff { .. } => self.refresh(now),
            State::Valid { .. } | State::Refreshing { .. } | State::Persisting { .. } => {}
        }
    }
}
