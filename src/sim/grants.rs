//! Store of authorization codes, refresh tokens and access tokens. No HTTP. One user owns every grant.

use super::faults::TokenFaults;
use crate::model::time::Now;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// A refresh token that is valid from the start, as after an earlier login.
pub const FIRST_REFRESH_TOKEN: &str = "first-refresh-token";

/// The only personal access token. The token has every scope and never expires.
pub const PERSONAL_ACCESS_TOKEN: &str = "personal-access-token";

/// Default scopes of an authorization request without a scope: every scope of the client. `users.v1.read` is not among
/// them, as on a client made by the README.
pub const ALL_SCOPES: &str = "call-events.v1.notifications.manage call-events.v1.events.read cr.v1.read users.v1.lines.read voice-admin.v1.read voicemail.v1.voicemails.read";

/// The only user.
pub const PRINCIPAL: &str = "admin@example.com";

/// Lifetime of an unused code. GoTo documents none; RFC 6749 recommends ten minutes at most.
const CODE_LIFETIME: Duration = Duration::from_secs(600);
/// Lifetime of an access token without a stated one, seconds. GoTo's is 60 minutes.
const TOKEN_LIFETIME_SECS: u64 = 3600;
/// Access tokens in the store. Beyond this limit the older half is removed: a client needs only its latest ones.
const MAX_ACCESS_TOKENS: usize = 10_000;

/// Parameters of an authorization request.
#[derive(Debug, Clone)]
pub(super) struct AuthRequest {
    pub(super) client: String,
    pub(super) redirect: Option<String>,
    pub(super) scopes: String,
    pub(super) challenge: Option<String>,
}

#[derive(Debug, Clone)]
struct AuthCode {
    request: AuthRequest,
    until: Instant,
}

#[derive(Debug, Clone)]
struct Grant {
    client: Option<String>,
    scopes: String,
}

#[derive(Debug, Clone)]
struct IssuedToken {
    scopes: String,
    until: Instant,
    number: u64,
}

/// Reason for an invalid access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccessTokenError {
    Unknown,
    Expired,
}

/// All codes and tokens.
#[derive(Debug)]
pub(super) struct GrantStore {
    codes: HashMap<String, AuthCode>,
    refresh: HashMap<String, Grant>,
    access: HashMap<String, IssuedToken>,
    issued: u64,
    rng: fastrand::Rng,
}

impl GrantStore {
    /// Creates a store with [`FIRST_REFRESH_TOKEN`] only.
    pub(super) fn new(seed: u64) -> Self {
        let first = Grant { client: None, scopes: ALL_SCOPES.to_owned() };
        Self {
            codes: HashMap::new(),
            refresh: HashMap::from([(FIRST_REFRESH_TOKEN.to_owned(), first)]),
            access: HashMap::new(),
            issued: 0,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Issues an authorization code for one use.
    pub(super) fn issue_code(&mut self, request: AuthRequest, now: Instant) -> String {
        let code = self.random_token(48);
        self.codes.retain(|_, code| code.until > now);
        self.codes.insert(code.clone(), AuthCode { request, until: now + CODE_LIFETIME });
        code
    }

    /// Exchanges a code for tokens. The code is invalid afterwards in any case. The error is an `error_description`.
    pub(super) fn exchange(
        &mut self,
        code: &str,
        client: &str,
        redirect: Option<&str>,
        verifier: Option<&str>,
        faults: &TokenFaults,
        now: Now,
    ) -> Result<Value, &'static str> {
        let AuthCode { request, until } = self.codes.remove(code).ok_or("the code is unknown or was used before")?;
        if faults.revoked || until <= now.instant {
            return Err("the code has expired");
        }
        if request.client != client {
            return Err("the code belongs to another client");
        }
        if request.redirect.is_some() && request.redirect.as_deref() != redirect {
            return Err("redirect_uri is not the one of the authorization request");
        }
        match (&request.challenge, verifier) {
            (None, _) => {}
            (Some(challenge), Some(verifier))
                if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge.trim_end_matches('=') => {}
            (Some(_), _) => return Err("code_verifier does not fit the code_challenge"),
        }
        let grant = Grant { client: Some(request.client), scopes: granted_scopes(&request.scopes, faults) };
        let refresh = self.random_token(64);
        self.refresh.insert(refresh.clone(), grant.clone());
        Ok(self.issue(&grant.scopes, Some(&refresh), faults, now))
    }

    /// Exchanges a refresh token for an access token, and for a new refresh token if rotation is on.
    pub(super) fn refresh(
        &mut self,
        token: &str,
        client: &str,
        faults: &TokenFaults,
        now: Now,
    ) -> Result<Value, &'static str> {
        let grant = self.refresh.get(token).filter(|_| !faults.revoked).ok_or("the refresh token is not valid")?;
        if grant.client.as_deref().is_some_and(|owner| owner != client) {
            return Err("the refresh token belongs to another client");
        }
        let grant = Grant { client: grant.client.clone(), scopes: granted_scopes(&grant.scopes, faults) };
        let next = faults.rotate.then(|| self.random_token(64));
        if let Some(next) = &next {
            self.refresh.insert(next.clone(), grant.clone());
            if !faults.old_token_valid {
                self.refresh.remove(token);
            }
        }
        Ok(self.issue(&grant.scopes, next.as_deref(), faults, now))
    }

    /// Exchanges the personal access token for an access token, without a refresh token.
    pub(super) fn exchange_pat(&mut self, pat: &str, faults: &TokenFaults, now: Now) -> Result<Value, &'static str> {
        if pat != PERSONAL_ACCESS_TOKEN || faults.revoked {
            return Err("the personal access token is not valid");
        }
        Ok(self.issue(&granted_scopes(ALL_SCOPES, faults), None, faults, now))
    }

    /// Returns the scopes of a valid access token.
    pub(super) fn scopes(&self, token: &str, now: Instant) -> Result<&str, AccessTokenError> {
        match self.access.get(token) {
            None => Err(AccessTokenError::Unknown),
            Some(access) if access.until <= now => Err(AccessTokenError::Expired),
            Some(access) => Ok(&access.scopes),
        }
    }

    /// Makes every issued access token invalid.
    pub(super) fn revoke_access_tokens(&mut self) {
        self.access.clear();
    }

    fn issue(&mut self, scopes: &str, refresh: Option<&str>, faults: &TokenFaults, now: Now) -> Value {
        let life = faults.expires_in.unwrap_or(TOKEN_LIFETIME_SECS);
        let exp = now.timestamp.as_second().saturating_add_unsigned(life);
        let claims = json!({ "exp": exp, "sub": PRINCIPAL, "sc": scopes }).to_string();
        let token = format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"RS512","typ":"JWT"}"#),
            URL_SAFE_NO_PAD.encode(claims),
            self.random_token(86)
        );
        self.issued += 1;
        let until = now.instant + Duration::from_secs(life);
        self.access.insert(token.clone(), IssuedToken { scopes: scopes.to_owned(), until, number: self.issued });
        if self.access.len() > MAX_ACCESS_TOKENS {
            let oldest = self.issued.saturating_sub(MAX_ACCESS_TOKENS as u64 / 2);
            self.access.retain(|_, access| access.number > oldest);
        }
        let mut answer = json!({
            "access_token": token, "token_type": "Bearer", "scope": scopes, "principal": PRINCIPAL,
        });
        if let Value::Object(map) = &mut answer {
            faults.expires_in.map(|seconds| map.insert("expires_in".to_owned(), seconds.into()));
            refresh.map(|refresh| map.insert("refresh_token".to_owned(), refresh.into()));
        }
        answer
    }

    fn random_token(&mut self, length: usize) -> String {
        std::iter::repeat_with(|| self.rng.alphanumeric()).take(length).collect()
    }
}

fn granted_scopes(scopes: &str, faults: &TokenFaults) -> String {
    let allowed = |scope: &&str| !faults.withheld_scopes.iter().any(|withheld| withheld == scope);
    scopes.split_whitespace().filter(allowed).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(challenge: Option<&str>) -> AuthRequest {
        AuthRequest {
            client: "c".to_owned(),
            redirect: Some("http://localhost:5000/app/redirect".to_owned()),
            scopes: "a b".to_owned(),
            challenge: challenge.map(str::to_owned),
        }
    }

    const REDIRECT: Option<&str> = Some("http://localhost:5000/app/redirect");

    #[test]
    fn code_is_valid_once_for_its_client_and_redirect() {
        let (mut grants, now, faults) = (GrantStore::new(1), Now::current(), TokenFaults::default());
        let code = grants.issue_code(request(None), now.instant);
        assert!(grants.exchange(&code, "c", REDIRECT, None, &faults, now).is_ok());
        assert!(grants.exchange(&code, "c", REDIRECT, None, &faults, now).is_err());
        let code = grants.issue_code(request(None), now.instant);
        assert!(grants.exchange(&code, "other", REDIRECT, None, &faults, now).is_err());
        let code = grants.issue_code(request(None), now.instant);
        assert!(grants.exchange(&code, "c", Some("http://127.0.0.1:5000/app/redirect"), None, &faults, now).is_err());
        let code = grants.issue_code(request(None), now.instant);
        let late = Now { instant: now.instant + CODE_LIFETIME, ..now };
        assert!(grants.exchange(&code, "c", REDIRECT, None, &faults, late).is_err());
    }

    #[test]
    fn code_with_challenge_requires_its_verifier() {
        // The pair of RFC 7636, appendix B.
        let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let (mut grants, now, faults) = (GrantStore::new(1), Now::current(), TokenFaults::default());
        for (verifier, good) in
            [(Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), true), (Some("wrong"), false), (None, false)]
        {
            let code = grants.issue_code(request(challenge), now.instant);
            assert_eq!(grants.exchange(&code, "c", REDIRECT, verifier, &faults, now).is_ok(), good);
        }
    }

    #[test]
    fn refresh_with_rotation_invalidates_old_token_by_default() {
        let (mut grants, now) = (GrantStore::new(1), Now::current());
        let plain = grants.refresh(FIRST_REFRESH_TOKEN, "c", &TokenFaults::default(), now).unwrap();
        assert!(plain.get("refresh_token").is_none());
        let faults = TokenFaults { rotate: true, ..TokenFaults::default() };
        let next = grants.refresh(FIRST_REFRESH_TOKEN, "c", &faults, now).unwrap();
        let next = next["refresh_token"].as_str().unwrap();
        assert!(grants.refresh(FIRST_REFRESH_TOKEN, "c", &faults, now).is_err());
        let kept = TokenFaults { rotate: true, old_token_valid: true, ..TokenFaults::default() };
        assert!(grants.refresh(next, "c", &kept, now).is_ok());
        assert!(grants.refresh(next, "c", &kept, now).is_ok());
    }

    #[test]
    fn pat_yields_access_token_without_refresh_token_until_revoked() {
        let (mut grants, now) = (GrantStore::new(1), Now::current());
        let answer = grants.exchange_pat(PERSONAL_ACCESS_TOKEN, &TokenFaults::default(), now).unwrap();
        assert!(answer["access_token"].is_string() && answer.get("refresh_token").is_none());
        assert!(grants.exchange_pat("other", &TokenFaults::default(), now).is_err());
        let faults = TokenFaults { revoked: true, ..TokenFaults::default() };
        assert!(grants.exchange_pat(PERSONAL_ACCESS_TOKEN, &faults, now).is_err());
    }

    #[test]
    fn access_token_has_granted_scopes_until_expiry() {
        let (mut grants, now) = (GrantStore::new(1), Now::current());
        let faults = TokenFaults { withheld_scopes: vec!["cr.v1.read".to_owned()], ..TokenFaults::default() };
        let answer = grants.refresh(FIRST_REFRESH_TOKEN, "c", &faults, now).unwrap();
        let token = answer["access_token"].as_str().unwrap();
        let scopes = grants.scopes(token, now.instant).unwrap();
        assert!(scopes.contains("call-events.v1.events.read") && !scopes.contains("cr.v1.read"));
        assert_eq!(grants.scopes(token, now.instant + Duration::from_secs(3600)), Err(AccessTokenError::Expired));
        assert_eq!(grants.scopes("x", now.instant), Err(AccessTokenError::Unknown));
    }
}
