//! Client of GoTo's authorization server: authorize URL, code exchange and refresh. Classifies failures; decides no
//! timing.

use super::{
    http::{error_code, retry_after},
    lane::{FailureClass, RequestFailure},
};
use crate::{
    model::secret::Secret,
    runtime::http::{NetworkFault, read_body},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};
use url::Url;
use uuid::Uuid;

/// Largest answer of the token endpoint, bytes: two tokens of up to 4096 characters, and room.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Timeout of a token request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// OAuth client registered at GoTo.
#[derive(Debug, Clone)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`; `None` for a public client.
    pub secret: Option<Secret>,
    /// Base URL of the server: `https://authentication.logmeininc.com`, or a test server.
    pub auth_url: Url,
}

/// PKCE code verifier (RFC 7636, S256): binds the code to the process that started the login.
#[derive(Debug, Clone)]
pub struct PkceVerifier(Secret);

/// Returns an unguessable URL-safe text: 244 bits of the system's randomness.
#[must_use]
pub fn random_token() -> String {
    let mut bytes = [0; 32];
    bytes
        .iter_mut()
        .zip(Uuid::new_v4().into_bytes().into_iter().chain(Uuid::new_v4().into_bytes()))
        .for_each(|(slot, byte)| *slot = byte);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl PkceVerifier {
    /// Creates a random verifier.
    #[must_use]
    pub fn new() -> Self {
        Self(Secret::new(random_token()))
    }

    /// Returns the code challenge for the authorize URL.
    #[must_use]
    pub fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.expose().as_bytes()))
    }
}

impl Default for PkceVerifier {
    fn default() -> Self {
        Self::new()
    }
}

/// Tokens from the token endpoint.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Access token for the API.
    pub access: Secret,
    /// Refresh token; `None` if the old one stays valid.
    pub refresh: Option<Secret>,
    /// `expires_in` in seconds, unchecked.
    pub expires_in: Option<i64>,
    /// `scope`: the granted scopes, separated by blanks; `None` if the answer does not state them.
    pub scope: Option<String>,
}

/// Failure of a token request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 400 or 401: the token, code or client is rejected.
    #[error("token request rejected: status {status}, {}", describe(code.as_deref()))]
    Denied {
        /// 400 or 401.
        status: u16,
        /// `error` or `errorCode` of the answer.
        code: Option<String>,
    },
    /// Any other status.
    #[error("authorization server answered with status {status}")]
    Status {
        /// HTTP status.
        status: u16,
        /// `Retry-After`, if stated.
        after: Option<Duration>,
    },
    /// No answer.
    #[error("authorization server is unreachable: {}", NetworkFault::of(.0))]
    Network(#[source] reqwest::Error),
    /// A malformed answer.
    #[error("authorization server sent no access token")]
    Garbled,
}

/// Describes an error code. `invalid_client` is about the client, not about the login.
fn describe(code: Option<&str>) -> Cow<'_, str> {
    match code {
        Some(code) if is_client_error(code) => format!("{code}: client_id or client_secret is wrong").into(),
        Some(code) => code.into(),
        None => "no reason given".into(),
    }
}

/// Returns whether an error code rejects the client: no login helps then.
#[must_use]
pub fn is_client_error(code: &str) -> bool {
    ["invalid_client", "unauthorized_client"].iter().any(|known| code.eq_ignore_ascii_case(known))
}

impl Error {
    /// Returns whether the client itself is rejected: its id or secret is wrong.
    #[must_use]
    pub fn is_invalid_client(&self) -> bool {
        matches!(self, Self::Denied { code: Some(code), .. } if code.eq_ignore_ascii_case("invalid_client"))
    }

    /// Returns the failure for the status of the connection; `None` for a denial, which requires a login.
    #[must_use]
    pub fn failure(&self) -> Option<RequestFailure> {
        match self {
            Self::Denied { .. } => None,
            Self::Status { status, after } => Some(RequestFailure {
                status: Some(*status),
                retry_after: *after,
                ..RequestFailure::new(FailureClass::Transient)
            }),
            Self::Network(error) => Some(RequestFailure::new(FailureClass::Unreachable(NetworkFault::of(error)))),
            Self::Garbled => Some(RequestFailure::new(FailureClass::Transient)),
        }
    }

    /// Returns whether the request may have been processed although no usable answer came. GoTo may then still accept the old
    /// token.
    #[must_use]
    pub fn is_lost_answer(&self) -> bool {
        match self {
            Self::Network(error) => !error.is_connect(),
            Self::Garbled => true,
            Self::Denied { .. } | Self::Status { .. } => false,
        }
    }
}

impl Client {
    /// Returns the URL where an operator gives consent; `None` if `auth_url` cannot be a base.
    ///
    /// `scopes`: names separated by blanks; `None` requests every scope of the client.
    #[must_use]
    pub fn authorize_url(
        &self,
        redirect_uri: &Url,
        state: &str,
        verifier: &PkceVerifier,
        scopes: Option<&str>,
    ) -> Option<Url> {
        let mut url = self.endpoint("authorize")?;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.id)
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("state", state)
            .append_pair("code_challenge", &verifier.challenge())
            .append_pair("code_challenge_method", "S256");
        if let Some(scopes) = scopes {
            url.query_pairs_mut().append_pair("scope", scopes);
        }
        Some(url)
    }

    /// Exchanges the code of a consent for tokens.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn exchange(
        &self,
        http: &reqwest::Client,
        code: &Secret,
        redirect_uri: &Url,
        verifier: &PkceVerifier,
    ) -> Result<Tokens, Error> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect_uri.as_str()),
            ("client_id", &self.id),
            ("code_verifier", verifier.0.expose()),
        ];
        self.request_tokens(http, &form).await
    }

    /// Exchanges a refresh token for tokens.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn refresh(&self, http: &reqwest::Client, token: &Secret) -> Result<Tokens, Error> {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())];
        if self.secret.is_none() {
            form.push(("client_id", &self.id));
        }
        self.request_tokens(http, &form).await
    }

    /// Exchanges a personal access token for an access token. No scope is sent: the token's own scopes count.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn exchange_pat(&self, http: &reqwest::Client, pat: &Secret) -> Result<Tokens, Error> {
        let form = [("grant_type", "personal_access_token"), ("pat", pat.expose())];
        self.request_tokens(http, &form).await
    }

    async fn request_tokens(&self, http: &reqwest::Client, form: &[(&str, &str)]) -> Result<Tokens, Error> {
        let url = self.endpoint("token").ok_or(Error::Garbled)?;
        let mut request = http.post(url).form(form).timeout(REQUEST_TIMEOUT).header("Accept", "application/json");
        if let Some(secret) = &self.secret {
            request = request.basic_auth(&self.id, Some(secret.expose()));
        }
        let response = request.send().await.map_err(|e| Error::Network(e.without_url()))?;
        let status = response.status().as_u16();
        let after = retry_after(status, response.headers(), SystemTime::now());
        let body = read_body(response, MAX_RESPONSE_BYTES).await.whole();
        match status {
            200..=299 => body.ok().and_then(|body| parse_tokens(&body)).ok_or(Error::Garbled),
            400 | 401 => Err(Error::Denied { status, code: body.ok().and_then(|body| parse_error_code(&body)) }),
            _ => Err(Error::Status { status, after }),
        }
    }

    fn endpoint(&self, name: &str) -> Option<Url> {
        let mut url = self.auth_url.clone();
        url.path_segments_mut().ok()?.pop_if_empty().extend(["oauth", name]);
        Some(url)
    }
}

fn parse_tokens(body: &[u8]) -> Option<Tokens> {
    let response: Value = serde_json::from_slice(body).ok()?;
    let text = |name| response.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(Secret::new);
    let expires_in = response.get("expires_in");
    Some(Tokens {
        access: text("access_token")?,
        refresh: text("refresh_token"),
        expires_in: expires_in.and_then(|value| value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())),
        scope: response.get("scope").and_then(Value::as_str).map(str::to_owned),
    })
}

/// Parses the error code, spelled as in RFC 6749 or as in GoTo's other services.
fn parse_error_code(body: &[u8]) -> Option<String> {
    let response: Value = serde_json::from_slice(body).ok()?;
    error_code(response.get("error").or_else(|| response.get("errorCode"))?)
}

#[cfg(test)]
mod tests;
