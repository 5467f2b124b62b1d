//! Who may do what: authorization codes, refresh tokens, access tokens. The book behind the OAuth endpoints; no HTTP.
//! There is one user in this world, who owns every grant.

use super::faults::TokenFaults;
use crate::model::time::Now;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// A refresh token that is good from the start, as if somebody had consented before.
pub const FIRST_REFRESH_TOKEN: &str = "first-refresh-token";

/// What a client gets that asks for no scope in particular: all that this world knows.
pub const ALL_SCOPES: &str = "call-events.v1.notifications.manage call-events.v1.events.read cr.v1.read users.v1.lines.read voice-admin.v1.read voicemail.v1.voicemails.read";

/// The user of this world.
pub const PRINCIPAL: &str = "admin@example.com";

/// Life of an unused code; GoTo does not say, RFC 6749 recommends ten minutes at most.
const CODE_LIFE: Duration = Duration::from_secs(600);
/// Life of an access token whose answer does not state one: 60 minutes is GoTo's.
const TOKEN_LIFE: u64 = 3600;
/// More access tokens than this and the oldest are forgotten: a client never needs more than its last few.
const TOKENS_KEPT: usize = 10_000;

/// What was asked on the authorize page.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) client: String,
    pub(super) redirect: Option<String>,
    pub(super) scopes: String,
    pub(super) challenge: Option<String>,
}

#[derive(Debug, Clone)]
struct Code {
    asked: Asked,
    until: Instant,
}

#[derive(Debug, Clone)]
struct Grant {
    client: Option<String>,
    scopes: String,
}

#[derive(Debug, Clone)]
struct Access {
    scopes: String,
    until: Instant,
    number: u64,
}

/// Why a token is no good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Unknown,
    Expired,
}

/// Everything granted.
#[derive(Debug)]
pub(super) struct Grants {
    codes: HashMap<String, Code>,
    refresh: HashMap<String, Grant>,
    access: HashMap<String, Access>,
    issued: u64,
    dice: fastrand::Rng,
}

impl Grants {
    /// Nothing granted but [`FIRST_REFRESH_TOKEN`].
    pub(super) fn new(seed: u64) -> Self {
        let first = Grant { client: None, scopes: ALL_SCOPES.to_owned() };
        Self {
            codes: HashMap::new(),
            refresh: HashMap::from([(FIRST_REFRESH_TOKEN.to_owned(), first)]),
            access: HashMap::new(),
            issued: 0,
            dice: fastrand::Rng::with_seed(seed),
        }
    }

    /// The user consents: a code, good once.
    pub(super) fn consent(&mut self, asked: Asked, now: Instant) -> String {
        let code = self.opaque(48);
        self.codes.retain(|_, code| code.until > now);
        self.codes.insert(code.clone(), Code { asked, until: now + CODE_LIFE });
        code
    }

    /// A code for tokens. The code is gone afterwards, good or not; the error says why in the words of RFC 6749.
    pub(super) fn exchange(
        &mut self,
        code: &str,
        client: &str,
        redirect: Option<&str>,
        verifier: Option<&str>,
        terms: &TokenFaults,
        now: Now,
    ) -> Result<Value, &'static str> {
        let Code { asked, until } = self.codes.remove(code).ok_or("the code is unknown or was used before")?;
        if terms.revoked || until <= now.tick {
            return Err("the code has expired");
        }
        if asked.client != client {
            return Err("the code belongs to another client");
        }
        if asked.redirect.is_some() && asked.redirect.as_deref() != redirect {
            return Err("redirect_uri is not the one of the authorization request");
        }
        match (&asked.challenge, verifier) {
            (None, _) => {}
            (Some(challenge), Some(verifier))
                if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge.trim_end_matches('=') => {}
            (Some(_), _) => return Err("code_verifier does not fit the code_challenge"),
        }
        let grant = Grant { client: Some(asked.client), scopes: granted(&asked.scopes, terms) };
        let refresh = self.opaque(64);
        self.refresh.insert(refresh.clone(), grant.clone());
        Ok(self.issue(&grant.scopes, Some(&refresh), terms, now))
    }

    /// A refresh token for an access token, and for a new refresh token where they rotate.
    pub(super) fn refresh(
        &mut self,
        token: &str,
        client: &str,
        terms: &TokenFaults,
        now: Now,
    ) -> Result<Value, &'static str> {
        let grant = self.refresh.get(token).filter(|_| !terms.revoked).ok_or("the refresh token is not valid")?;
        if grant.client.as_deref().is_some_and(|owner| owner != client) {
            return Err("the refresh token belongs to another client");
        }
        let grant = Grant { client: grant.client.clone(), scopes: granted(&grant.scopes, terms) };
        let next = terms.rotate.then(|| self.opaque(64));
        if let Some(next) = &next {
            self.refresh.insert(next.clone(), grant.clone());
            if !terms.old_lives {
                self.refresh.remove(token);
            }
        }
        Ok(self.issue(&grant.scopes, next.as_deref(), terms, now))
    }

    /// The scopes of an access token, if it is good.
    pub(super) fn scopes(&self, token: &str, now: Instant) -> Result<&str, Trouble> {
        match self.access.get(token) {
            None => Err(Trouble::Unknown),
            Some(access) if access.until <= now => Err(Trouble::Expired),
            Some(access) => Ok(&access.scopes),
        }
    }

    /// Makes every access token handed out so far unknown.
    pub(super) fn forget_access(&mut self) {
        self.access.clear();
    }

    fn issue(&mut self, scopes: &str, refresh: Option<&str>, terms: &TokenFaults, now: Now) -> Value {
        let life = terms.expires_in.unwrap_or(TOKEN_LIFE);
        let exp = now.clock.as_second().saturating_add_unsigned(life);
        let claims = json!({ "exp": exp, "sub": PRINCIPAL, "sc": scopes }).to_string();
        let token = format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"RS512","typ":"JWT"}"#),
            URL_SAFE_NO_PAD.encode(claims),
            self.opaque(86)
        );
        self.issued += 1;
        let until = now.tick + Duration::from_secs(life);
        self.access.insert(token.clone(), Access { scopes: scopes.to_owned(), until, number: self.issued });
        if self.access.len() > TOKENS_KEPT {
            let oldest = self.issued.saturating_sub(TOKENS_KEPT as u64 / 2);
            self.access.retain(|_, access| access.number > oldest);
        }
        let mut answer = json!({
            "access_token": token, "token_type": "Bearer", "scope": scopes, "principal": PRINCIPAL,
        });
        if let Value::Object(map) = &mut answer {
            terms.expires_in.map(|seconds| map.insert("expires_in".to_owned(), seconds.into()));
            refresh.map(|refresh| map.insert("refresh_token".to_owned(), refresh.into()));
        }
        answer
    }

    fn opaque(&mut self, length: usize) -> String {
        std::iter::repeat_with(|| self.dice.alphanumeric()).take(length).collect()
    }
}

fn granted(scopes: &str, terms: &TokenFaults) -> String {
    let given = |scope: &&str| !terms.withheld_scopes.iter().any(|withheld| withheld == scope);
    scopes.split_whitespace().filter(given).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(challenge: Option<&str>) -> Asked {
        Asked {
            client: "c".to_owned(),
            redirect: Some("http://localhost:5000/app/redirect".to_owned()),
            scopes: "a b".to_owned(),
            challenge: challenge.map(str::to_owned),
        }
    }

    const TO: Option<&str> = Some("http://localhost:5000/app/redirect");

    #[test]
    fn a_code_is_good_once_for_its_client_and_its_redirect() {
        let (mut grants, now, terms) = (Grants::new(1), Now::read(), TokenFaults::default());
        let code = grants.consent(asked(None), now.tick);
        assert!(grants.exchange(&code, "c", TO, None, &terms, now).is_ok());
        assert!(grants.exchange(&code, "c", TO, None, &terms, now).is_err());
        let code = grants.consent(asked(None), now.tick);
        assert!(grants.exchange(&code, "other", TO, None, &terms, now).is_err());
        let code = grants.consent(asked(None), now.tick);
        assert!(grants.exchange(&code, "c", Some("http://127.0.0.1:5000/app/redirect"), None, &terms, now).is_err());
        let code = grants.consent(asked(None), now.tick);
        let late = Now { tick: now.tick + CODE_LIFE, ..now };
        assert!(grants.exchange(&code, "c", TO, None, &terms, late).is_err());
    }

    #[test]
    fn a_challenge_asks_for_its_verifier() {
        // The pair of RFC 7636, appendix B.
        let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let (mut grants, now, terms) = (Grants::new(1), Now::read(), TokenFaults::default());
        for (verifier, good) in
            [(Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), true), (Some("wrong"), false), (None, false)]
        {
            let code = grants.consent(asked(challenge), now.tick);
            assert_eq!(grants.exchange(&code, "c", TO, verifier, &terms, now).is_ok(), good);
        }
    }

    #[test]
    fn a_rotated_token_kills_the_old_one_unless_told_otherwise() {
        let (mut grants, now) = (Grants::new(1), Now::read());
        let plain = grants.refresh(FIRST_REFRESH_TOKEN, "c", &TokenFaults::default(), now).unwrap();
        assert!(plain.get("refresh_token").is_none());
        let terms = TokenFaults { rotate: true, ..TokenFaults::default() };
        let next = grants.refresh(FIRST_REFRESH_TOKEN, "c", &terms, now).unwrap();
        let next = next["refresh_token"].as_str().unwrap();
        assert!(grants.refresh(FIRST_REFRESH_TOKEN, "c", &terms, now).is_err());
        let kept = TokenFaults { rotate: true, old_lives: true, ..TokenFaults::default() };
        assert!(grants.refresh(next, "c", &kept, now).is_ok());
        assert!(grants.refresh(next, "c", &kept, now).is_ok());
    }

    #[test]
    fn an_access_token_has_its_scopes_until_it_expires() {
        let (mut grants, now) = (Grants::new(1), Now::read());
        let terms = TokenFaults { withheld_scopes: vec!["cr.v1.read".to_owned()], ..TokenFaults::default() };
        let answer = grants.refresh(FIRST_REFRESH_TOKEN, "c", &terms, now).unwrap();
        let token = answer["access_token"].as_str().unwrap();
        let scopes = grants.scopes(token, now.tick).unwrap();
        assert!(scopes.contains("call-events.v1.events.read") && !scopes.contains("cr.v1.read"));
        assert_eq!(grants.scopes(token, now.tick + Duration::from_secs(3600)), Err(Trouble::Expired));
        assert_eq!(grants.scopes("x", now.tick), Err(Trouble::Unknown));
    }
}
