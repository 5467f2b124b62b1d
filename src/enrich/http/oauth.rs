//! Access tokens of a source by the grant "client credentials" (RFC 6749 section 4.4). The source keeps a token until
//! nine tenths of its lifetime are over, or until the CRM rejects it.

use super::request::{SourceError, transport_error};
use crate::{
    model::secret::Secret,
    runtime::http::{self, BodyError},
};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime};
use url::Url;

/// Lifetime of a token whose answer states none: half an hour, a common session of CRMs. A 401 renews it earlier.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(1800);
/// Bounds of a stated lifetime.
const MIN_LIFETIME: Duration = Duration::from_secs(10);
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);
/// Largest answer: two tokens and room.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Request of a token. No `Debug`: it contains a secret.
pub struct TokenRequest {
    /// Token endpoint.
    pub url: Url,
    /// Client id.
    pub client_id: Secret,
    /// Client secret.
    pub client_secret: Secret,
    /// Scope, if any.
    pub scope: Option<String>,
}

/// An access token.
pub struct AccessToken {
    /// The token.
    pub token: Secret,
    /// Time from which a new one is requested.
    pub renew_at: Instant,
}

impl TokenRequest {
    /// Requests a token.
    ///
    /// # Errors
    /// [`SourceError`], without text of the answer.
    pub async fn send(&self, http: &Client) -> Result<AccessToken, SourceError> {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", self.client_id.expose()),
            ("client_secret", self.client_secret.expose()),
        ];
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        let request = http.post(self.url.clone()).header("Accept", "application/json").form(&form);
        let response = request.send().await.map_err(|error| transport_error(&error))?;
        let status = response.status();
        match status {
            StatusCode::TOO_MANY_REQUESTS => {
                return Err(SourceError::Throttled(http::retry_after(response.headers(), SystemTime::now())));
            }
            _ if status.is_server_error() => return Err(SourceError::ServerError(status.as_u16())),
            _ if !status.is_success() => return Err(SourceError::ClientRejected(status.as_u16())),
            _ => {}
        }
        let body = http::read_body(response, MAX_BODY_BYTES).await.whole().map_err(|error| match error {
            BodyError::CutShort(error) => transport_error(&error),
            BodyError::TooLong => SourceError::TooLarge,
        })?;
        parse(&body, Instant::now()).ok_or(SourceError::NoToken)
    }
}

fn parse(body: &[u8], now: Instant) -> Option<AccessToken> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let token = answer.get("access_token")?.as_str().filter(|token| !token.is_empty())?;
    let stated = answer.get("expires_in").and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    let lifetime = stated.map_or(DEFAULT_LIFETIME, Duration::from_secs).clamp(MIN_LIFETIME, MAX_LIFETIME);
    Some(AccessToken { token: Secret::new(token), renew_at: now + lifetime.mul_f64(0.9) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_answer_without_lifetime_is_kept_half_an_hour() {
        let now = Instant::now();
        let lifetime = |text: &str| parse(text.as_bytes(), now).map(|it| it.renew_at.duration_since(now).as_secs());
        assert_eq!(lifetime(r#"{"access_token":"a","expires_in":3600}"#), Some(3240));
        assert_eq!(lifetime(r#"{"access_token":"a","expires_in":"100"}"#), Some(90));
        assert_eq!(lifetime(r#"{"access_token":"a"}"#), Some(1620));
        assert_eq!(lifetime(r#"{"access_token":"a","expires_in":0}"#), Some(9));
        assert_eq!(lifetime(r#"{"access_token":""}"#), None);
        assert_eq!(lifetime("<html>"), None);
    }
}
