//! Failed refreshes, rejected tokens, and the login that follows.

use super::{
    DENIAL_RETRY_DELAY, LoginReason, MIN_FORCED_REFRESH_INTERVAL, REJECTED_RETRY, RefreshError, State, TokenMachine,
};
use super::{Effect, RefreshToken};
use crate::{model::secret::Secret, runtime::backoff::BackoffPolicy};
use std::time::Instant;

impl TokenMachine {
    pub(super) fn on_refresh_failed(&mut self, error: RefreshError, now: Instant, random: f64) {
        if !matches!(self.state, State::Refreshing { .. }) {
            return;
        }
        match error {
            RefreshError::Transient(after) => {
                self.is_repeat = false;
                self.state = State::Backoff { until: now + self.backoff.next(random, after) };
            }
            RefreshError::Unreached => {
                self.is_repeat = false;
                self.state =
                    State::Backoff { until: now + self.backoff.next_within(random, BackoffPolicy::UNREACHED_MAX) };
            }
            RefreshError::AnswerLost if !self.is_repeat => {
                self.is_repeat = true;
                self.refresh(now);
            }
            RefreshError::AnswerLost => {
                self.is_repeat = false;
                self.state = State::Backoff { until: now + self.backoff.next(random, None) };
            }
            RefreshError::Denied { status, code } => {
                self.denials += 1;
                if code.as_deref() == Some("invalid_grant") || self.denials >= 2 {
                    self.discard_token(LoginReason::Rejected { status, code }, now);
                } else {
                    self.state = State::Backoff { until: now + DENIAL_RETRY_DELAY };
                }
            }
        }
    }

    fn discard_token(&mut self, reason: LoginReason, now: Instant) {
        let is_final = matches!(&reason, LoginReason::Rejected { code: Some(code), .. } if code == "invalid_grant");
        self.denials = 0;
        self.is_repeat = false;
        let rejected_token = self.refresh_token.take();
        match self
            .config_token
            .take()
            .filter(|config_token| rejected_token.as_ref().is_none_or(|rejected| rejected.token != *config_token))
        {
            Some(config_token) => {
                self.refresh_token = Some(RefreshToken::from_config(config_token));
                self.refresh(now);
            }
            None => self.require_login(reason, (!is_final).then(|| now + REJECTED_RETRY)),
        }
        self.persist_at = None;
        self.rejected_token = rejected_token;
    }

    pub(super) fn require_login(&mut self, reason: LoginReason, retry_at: Option<Instant>) {
        self.state = State::LoginRequired { retry_at };
        if self.login_pending.as_ref() != Some(&reason) {
            self.login_pending = Some(reason.clone());
            self.effects.push(Effect::RequireLogin(reason));
        }
    }

    pub(super) fn on_rejected(&mut self, access: &Secret, now: Instant) {
        let State::Valid { .. } = self.state else { return };
        let too_soon = self.last_forced.is_some_and(|at| now.duration_since(at) < MIN_FORCED_REFRESH_INTERVAL);
        if self.published.as_ref() == Some(access) && !too_soon {
            self.last_forced = Some(now);
            self.refresh(now);
        }
    }
}
