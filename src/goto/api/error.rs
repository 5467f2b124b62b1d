//! Failures of requests to GoTo, and their classes for a lane.

use crate::{
    goto::lane::{FailureClass, RequestFailure},
    runtime::http::{BodyError, NetworkFault},
};
use serde_json::Value;
use std::time::Duration;

/// Failure of a request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No access token is available.
    #[error("no access token")]
    NoToken,
    /// No answer: connection failure or timeout.
    #[error("goto is unreachable: {}", NetworkFault::of(.0))]
    Network(#[source] reqwest::Error),
    /// The answer is too large, cut short or malformed.
    #[error("goto sent a malformed answer")]
    Garbled,
    /// GoTo names no account of the login.
    #[error("goto names no account of this login")]
    NoAccounts,
    /// The status is not 2xx.
    #[error("goto answered with status {status}, {}", refusal_text(code.as_deref(), constraint.as_deref()))]
    Status {
        /// HTTP status.
        status: u16,
        /// `errorCode` of the body.
        code: Option<String>,
        /// First constraint of the body: the field and its problem.
        constraint: Option<String>,
        /// `Retry-After`.
        after: Option<Duration>,
    },
}

impl From<BodyError> for Error {
    fn from(why: BodyError) -> Self {
        match why {
            BodyError::CutShort(error) => Self::Network(error),
            BodyError::TooLong => Self::Garbled,
        }
    }
}

impl Error {
    /// Returns the failure as classified for the lane machine.
    #[must_use]
    pub fn failure(&self) -> RequestFailure {
        match self {
            Self::NoToken => RequestFailure::new(FailureClass::NoToken),
            Self::NoAccounts => RequestFailure::new(FailureClass::NoAccounts),
            Self::Network(error) => RequestFailure::new(FailureClass::Unreachable(NetworkFault::of(error))),
            Self::Garbled => RequestFailure::new(FailureClass::Transient),
            Self::Status { status, after, code, constraint } => RequestFailure {
                class: classify(*status),
                status: Some(*status),
                retry_after: *after,
                reason: (code.is_some() || constraint.is_some())
                    .then(|| refusal_text(code.as_deref(), constraint.as_deref()).into()),
            },
        }
    }

    /// Returns whether a subscription exists already: 409 with a constraint that names it. A 409 of the channel limit has
    /// none.
    pub(super) fn is_existing(&self) -> bool {
        matches!(self, Self::Status { status: 409, constraint: Some(constraint), .. }
            if constraint.to_ascii_lowercase().contains("exist"))
    }
}

/// Joins the code and the constraint of a refusal. The body's message is left out: it names a WebSocket channel for any
/// error.
fn refusal_text(code: Option<&str>, constraint: Option<&str>) -> String {
    match (code, constraint) {
        (Some(code), Some(constraint)) => format!("{code} ({constraint})"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) => "no code".to_owned(),
    }
}

/// Classifies an HTTP status.
#[must_use]
pub const fn classify(status: u16) -> FailureClass {
    match status {
        404 | 410 => FailureClass::Gone,
        409 => FailureClass::TooManyChannels,
        408 | 425 | 429 | 500..=599 => FailureClass::Transient,
        300..=499 => FailureClass::Rejected,
        _ => FailureClass::Transient,
    }
}

/// Parses the first constraint of an error body: `constraints` in the call-events API, `constraintViolations` elsewhere.
pub(super) fn parse_constraint(body: &Value) -> Option<String> {
    let list = body.get("constraints").filter(|list| list.is_array()).or_else(|| body.get("constraintViolations"));
    let first = list?.as_array()?.first()?;
    let text = |name| first.get(name).and_then(Value::as_str).filter(|text| is_plain(text));
    match (text("field"), text("constraint")) {
        (Some(field), Some(constraint)) => Some(format!("{field}: {constraint}")),
        (field, constraint) => field.or(constraint).map(str::to_owned),
    }
}

/// Returns whether a text can be logged: short words, and too few digits for a phone number or a key.
fn is_plain(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " _-.,[]'".contains(c);
    (1..=80).contains(&text.len())
        && text.chars().all(allowed)
        && text.chars().filter(char::is_ascii_digit).count() <= 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn constraint_is_read_under_both_names_and_without_numbers() {
        let of = |body: Value| parse_constraint(&body);
        let call_events = json!({"constraints": [{"field": "Events[0]", "constraint": "INVALID"}]});
        assert_eq!(of(call_events).as_deref(), Some("Events[0]: INVALID"));
        let others = json!({"constraintViolations": [{"field": "id", "constraint": "Subscription already exists"}]});
        assert_eq!(of(others).as_deref(), Some("id: Subscription already exists"));
        assert_eq!(
            of(json!({"constraints": [{"field": "a", "constraint": "call +15145550199"}]})).as_deref(),
            Some("a")
        );
        for empty in [json!({}), json!({"constraints": []}), json!({"constraints": "x"}), json!([])] {
            assert_eq!(of(empty), None);
        }
    }

    #[test]
    fn conflict_is_success_only_if_its_constraint_is_exists() {
        let conflict = |constraint: Option<&str>| Error::Status {
            status: 409,
            code: Some("CONFLICT".to_owned()),
            constraint: constraint.map(str::to_owned),
            after: None,
        };
        assert!(conflict(Some("id: Subscription already exists")).is_existing());
        assert!(!conflict(None).is_existing() && !conflict(Some("too many channels")).is_existing());
    }

    #[test]
    fn refusal_names_code_and_constraint() {
        let error = Error::Status {
            status: 400,
            code: Some("BAD_REQUEST".to_owned()),
            constraint: Some("Events[0]: INVALID".to_owned()),
            after: None,
        };
        assert_eq!(error.to_string(), "goto answered with status 400, BAD_REQUEST (Events[0]: INVALID)");
        assert_eq!(error.failure().reason.as_deref(), Some("BAD_REQUEST (Events[0]: INVALID)"));
    }
}
