//! The vocabulary between the token machine and its driver.

use crate::model::{secret::Secret, time::Timestamp};
use std::time::{Duration, Instant};

/// Why only a human can help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dead {
    /// There is no refresh token at all.
    NoToken,
    /// GoTo refuses the refresh token.
    Refused {
        /// 400 or 401.
        status: u16,
        /// `invalid_grant`, `invalid_client`, …
        code: Option<String>,
    },
    /// The token file may be read by others, or is damaged.
    Unusable,
}

/// How a refresh failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// 400 or 401.
    Denied {
        /// Which.
        status: u16,
        /// The answer's reason.
        code: Option<String>,
    },
    /// Anything that may pass, with what the server asked to wait.
    Transient(Option<Duration>),
}

/// A refresh token and when it was issued, where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The token.
    pub refresh: Secret,
    /// When GoTo issued it; unknown for one from the config.
    pub issued: Option<Timestamp>,
}

/// What a refresh gave.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// The access token.
    pub access: Secret,
    /// The new refresh token, if the old one was replaced.
    pub refresh: Option<Secret>,
    /// `expires_in` in seconds, as it came.
    pub expires_in: Option<i64>,
}

/// What happens.
#[derive(Debug)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The answer to [`Effect::Refresh`].
    Refreshed(Result<Fresh, Failed>),
    /// [`Effect::Keep`] is done, or could not be.
    Kept {
        /// Whether the file is written.
        done: bool,
    },
    /// The API refused this access token.
    Rejected(Secret),
    /// The token file has this now.
    Found(Grant),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Refresh with this token.
    Refresh(Secret),
    /// Write this to the token file, then say [`Input::Kept`].
    Keep(Grant),
    /// Hand this access token out.
    Give {
        /// The token.
        access: Secret,
        /// When it ends.
        expires: Instant,
    },
    /// A human must act.
    Need(Dead),
    /// No human is needed any more.
    Healed,
    /// The refresh token has so many days left.
    Aging(u32),
}
