//! Talking to GoTo's authorization server: the address for a human's consent, the exchange of its code, and the refresh.
//! Says how a failure is to be taken; decides nothing about when.

use super::answer::{bounded, retry_after, word};
use crate::model::{secret::Secret, time::Timestamp};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// One answer of the token endpoint: two tokens of up to 4096 characters, and room.
const LONGEST: usize = 64 * 1024;
/// A token request that takes longer is given up.
const WITHIN: Duration = Duration::from_secs(10);

/// Call events and their subscription, and the reports that close blind windows. Channels need no scope.
pub const SCOPES: &str = "call-events.v1.notifications.manage call-events.v1.events.read cr.v1.read";
/// To look into mailboxes for the length of a message: asked for only where the config wants that, since a scope that the
/// client does not have ends the login.
pub const VOICEMAIL_SCOPE: &str = "voicemail.v1.voicemails.read";

/// The OAuth client at GoTo.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its secret; without one it is a public client.
    pub secret: Option<Secret>,
    /// `https://authentication.logmeininc.com`, or where else the server is.
    pub auth_url: Url,
}

/// A proof key (RFC 7636, S256): whoever redeems the code has started the login.
#[derive(Debug, Clone)]
pub struct ProofKey(Secret);

/// Text that nobody guesses: 244 bits of the system's randomness, safe in a URL.
#[must_use]
pub fn unguessable() -> String {
    let mut bytes = [0; 32];
    bytes
        .iter_mut()
        .zip(Uuid::new_v4().into_bytes().into_iter().chain(Uuid::new_v4().into_bytes()))
        .for_each(|(slot, byte)| *slot = byte);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl ProofKey {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        Self(Secret::new(unguessable()))
    }

    /// What the authorize URL shows of it.
    #[must_use]
    pub fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose().as_bytes()))
    }
}

impl Default for ProofKey {
    fn default() -> Self {
        Self::new()
    }
}

/// What the token endpoint gave.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// For the API.
    pub access: Secret,
    /// For the next refresh; absent when the old one stays.
    pub refresh: Option<Secret>,
    /// `expires_in`, as it came.
    pub expires_in: Option<i64>,
}

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 400 or 401: the token, code or client is not accepted.
    #[error("the authorization server refuses: status {status}, {}", code.as_deref().unwrap_or("no reason given"))]
    Denied {
        /// 400 or 401.
        status: u16,
        /// `error` or `errorCode` of the answer.
        code: Option<String>,
    },
    /// Any other status.
    #[error("the authorization server answers with status {status}")]
    Status {
        /// Which.
        status: u16,
        /// `Retry-After`, if said.
        after: Option<Duration>,
    },
    /// No answer.
    #[error("the authorization server cannot be reached")]
    Network(#[source] reqwest::Error),
    /// An answer that is none.
    #[error("the authorization server's answer has no access token in it")]
    Garbled,
}

impl Error {
    /// Whether GoTo said `invalid_grant`: the token or code is dead, not the moment bad.
    #[must_use]
    pub fn is_invalid_grant(&self) -> bool {
        matches!(self, Self::Denied { code: Some(code), .. } if code.eq_ignore_ascii_case("invalid_grant"))
    }
}

impl Client {
    /// Where a human gives consent. `None` if `auth_url` is no base for a path.
    #[must_use]
    pub fn authorize_url(&self, redirect_uri: &Url, state: &str, key: &ProofKey, scopes: &str) -> Option<Url> {
        let mut url = self.endpoint("authorize")?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.id)
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("scope", scopes)
            .append_pair("state", state)
            .append_pair("code_challenge", &key.challenge())
            .append_pair("code_challenge_method", "S256");
        Some(url)
    }

    /// Redeems the code of a consent.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn exchange(
        &self,
        http: &reqwest::Client,
        code: &Secret,
        redirect_uri: &Url,
        key: &ProofKey,
    ) -> Result<Tokens, Error> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect_uri.as_str()),
            ("client_id", &self.id),
            ("code_verifier", key.0.expose()),
        ];
        self.ask(http, &form).await
    }

    /// Redeems a refresh token.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn refresh(&self, http: &reqwest::Client, token: &Secret) -> Result<Tokens, Error> {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())];
        if self.secret.is_none() {
            form.push(("client_id", &self.id));
        }
        self.ask(http, &form).await
    }

    async fn ask(&self, http: &reqwest::Client, form: &[(&str, &str)]) -> Result<Tokens, Error> {
        let url = self.endpoint("token").ok_or(Error::Garbled)?;
        let mut request = http.post(url).form(form).timeout(WITHIN).header("Accept", "application/json");
        if let Some(secret) = &self.secret {
            request = request.basic_auth(&self.id, Some(secret.expose()));
        }
        let answer = request.send().await.map_err(|e| Error::Network(e.without_url()))?;
        let status = answer.status().as_u16();
        let after = retry_after(answer.headers(), Timestamp::now());
        let body = bounded(answer, LONGEST).await;
        match status {
            200..=299 => body.ok().and_then(|body| read(&body)).ok_or(Error::Garbled),
            400 | 401 => Err(Error::Denied { status, code: body.ok().and_then(|body| reason(&body)) }),
            _ => Err(Error::Status { status, after }),
        }
    }

    fn endpoint(&self, name: &str) -> Option<Url> {
        let mut url = self.auth_url.clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend(["oauth", name]);
        Some(url)
    }
}

fn read(body: &[u8]) -> Option<Tokens> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let text = |name| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(Secret::new);
    let expires_in = answer.get("expires_in");
    Some(Tokens {
        access: text("access_token")?,
        refresh: text("refresh_token"),
        expires_in: expires_in.and_then(|it| it.as_i64().or_else(|| it.as_str()?.trim().parse().ok())),
    })
}

/// The reason as RFC 6749 or as GoTo's other services spell it.
fn reason(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    word(answer.get("error").or_else(|| answer.get("errorCode"))?)
}

#[cfg(test)]
mod tests;
