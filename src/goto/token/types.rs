//! Types between the token machine and its task.

pub use crate::model::shared_token::RefreshToken;

use crate::model::secret::Secret;
use std::time::{Duration, Instant};

/// Reason why a login is required.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginReason {
    /// No refresh token exists.
    NoToken,
    /// GoTo rejects the refresh token.
    Rejected {
        /// 400 or 401.
        status: u16,
        /// `invalid_grant`, `invalid_client`, …
        code: Option<String>,
    },
    /// The token file is readable by others, or damaged.
    Unusable,
}

impl LoginReason {
    /// Returns whether GoTo rejects the OAuth client: its id or secret is wrong, and a login does not help.
    #[must_use]
    pub fn is_invalid_client(&self) -> bool {
        matches!(self, Self::Rejected { code: Some(code), .. } if code.eq_ignore_ascii_case("invalid_client"))
    }
}

/// Failure of a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefreshError {
    /// The authorization server rejects the token or client.
    Denied {
        /// 400 or 401.
        status: u16,
        /// `error` or `errorCode` of the answer.
        code: Option<String>,
    },
    /// A transient failure, with the server's `Retry-After`.
    Transient(Option<Duration>),
    /// No connection was established.
    Unreached,
    /// The request may have been processed, but its answer was lost.
    AnswerLost,
}

/// Answer to a refresh.
#[derive(Debug, Clone)]
pub struct TokenResponse {
    /// The access token.
    pub access: Secret,
    /// The new refresh token, if the old one was rotated.
    pub refresh: Option<Secret>,
    /// `expires_in` in seconds, unchecked.
    pub expires_in: Option<i64>,
    /// `scope`, if stated.
    pub scope: Option<String>,
}

/// Input of the token machine.
#[derive(Debug)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The answer to [`Effect::Refresh`].
    Refreshed(Result<TokenResponse, RefreshError>),
    /// Answers [`Effect::Refresh`]: another daemon refreshes, or the shared database is not yet reachable. No request was sent.
    Held {
        /// Time until the next attempt.
        pause: Duration,
    },
    /// Answers [`Effect::Refresh`]: another host has a newer refresh token. No request was sent.
    Newer(RefreshToken),
    /// Another daemon has a newer access token.
    AccessChanged,
    /// The result of [`Effect::Persist`].
    Persisted {
        /// Whether the file is written.
        done: bool,
    },
    /// The API rejected this access token.
    Rejected(Secret),
    /// The token file was changed and holds this token, or another host has it.
    FileChanged(RefreshToken),
    /// The token file existed and is removed.
    FileRemoved,
}

/// Action for the token task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Refreshes with this token.
    Refresh(Secret),
    /// Writes this token to the token file; answered by [`Input::Persisted`].
    Persist(RefreshToken),
    /// Publishes this access token.
    Publish {
        /// The token.
        access: Secret,
        /// Expiry of the token.
        expires: Instant,
    },
    /// An operator must log in.
    RequireLogin(LoginReason),
    /// A token is valid again after a required login.
    LoginRestored,
    /// Days until the refresh token expires.
    ExpiresSoon(u32),
}
