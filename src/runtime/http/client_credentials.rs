//! Access tokens by the OAuth grant "client credentials" (RFC 6749 section 4.4): one request, without a cache.

use super::response::{BodyError, read_body, retry_after};
use reqwest::Client;
use serde_json::Value;
use std::time::{Duration, SystemTime};
use url::Url;

/// Lifetime of a token whose answer states none: half an hour, a common session of CRMs. A 401 renews it earlier.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(1800);
/// Bounds of a stated lifetime.
const MIN_LIFETIME: Duration = Duration::from_secs(10);
const MAX_LIFETIME: Duration = Duration::from_secs(86_400);
/// Largest answer: two tokens and room.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A client and its token endpoint. No `Debug`: it contains a secret.
#[derive(Clone, Copy)]
pub struct ClientCredentials<'a> {
    /// Token endpoint.
    pub url: &'a Url,
    /// Client id.
    pub id: &'a str,
    /// Client secret.
    pub secret: &'a str,
    /// Scope, if any.
    pub scope: Option<&'a str>,
}

/// A new token. No `Debug`: it is a secret.
pub struct TokenAnswer {
    /// The token.
    pub token: String,
    /// Time for which the token is valid.
    pub lifetime: Duration,
}

/// Reason for a missing token.
#[derive(Debug)]
pub enum TokenFault {
    /// No complete answer. The error contains no URL.
    Transport(reqwest::Error),
    /// A status that is no success.
    Rejected {
        /// HTTP status.
        status: u16,
        /// `Retry-After`, not clamped.
        retry_after: Option<Duration>,
        /// The first 64 KiB of the body. May quote the client.
        body: Vec<u8>,
    },
    /// The answer is longer than 64 KiB.
    TooLarge,
    /// The answer has no token.
    NoToken,
}

impl ClientCredentials<'_> {
    /// Requests a token.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub async fn request(&self, http: &Client) -> Result<TokenAnswer, TokenFault> {
        let mut form =
            vec![("grant_type", "client_credentials"), ("client_id", self.id), ("client_secret", self.secret)];
        form.extend(self.scope.map(|scope| ("scope", scope)));
        let request = http.post(self.url.clone()).header("Accept", "application/json").form(&form);
        let response = request.send().await.map_err(|error| TokenFault::Transport(error.without_url()))?;
        let status = response.status();
        if !status.is_success() {
            let retry_after = retry_after(response.headers(), SystemTime::now());
            let body = read_body(response, MAX_BODY_BYTES).await.bytes;
            return Err(TokenFault::Rejected { status: status.as_u16(), retry_after, body });
        }
        let body = read_body(response, MAX_BODY_BYTES).await.whole().map_err(|error| match error {
            BodyError::CutShort(error) => TokenFault::Transport(error),
            BodyError::TooLong => TokenFault::TooLarge,
        })?;
        parse(&body).ok_or(TokenFault::NoToken)
    }
}

impl TokenAnswer {
    /// Returns the time after which a new token is requested: nine tenths of the lifetime.
    #[must_use]
    pub fn renew_after(&self) -> Duration {
        self.lifetime.mul_f64(0.9)
    }
}

fn parse(body: &[u8]) -> Option<TokenAnswer> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let token = answer.get("access_token")?.as_str().filter(|token| !token.is_empty())?;
    let stated = answer.get("expires_in").and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    let lifetime = stated.map_or(DEFAULT_LIFETIME, Duration::from_secs).clamp(MIN_LIFETIME, MAX_LIFETIME);
    Some(TokenAnswer { token: token.to_owned(), lifetime })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_answer_without_lifetime_is_kept_half_an_hour() {
        let renewed = |text: &str| parse(text.as_bytes()).map(|answer| answer.renew_after().as_secs());
        assert_eq!(renewed(r#"{"access_token":"a","expires_in":3600}"#), Some(3240));
        assert_eq!(renewed(r#"{"access_token":"a","expires_in":"100"}"#), Some(90));
        assert_eq!(renewed(r#"{"access_token":"a"}"#), Some(1620));
        assert_eq!(renewed(r#"{"access_token":"a","expires_in":0}"#), Some(9));
        assert_eq!(renewed(r#"{"access_token":""}"#), None);
        assert_eq!(renewed("<html>"), None);
    }
}
