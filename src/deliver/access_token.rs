//! Access tokens of bots by client credentials: cached, renewed before their end, and requested once for all sinks with the
//! same bot. Contains no policy about the responses of a chat.

use super::{
    post,
    response::{HttpResponse, PostResult},
};
use crate::{
    model::{secret::Secret, time::Now},
    runtime::http::{ClientCredentials, TokenAnswer, TokenFault},
};
use reqwest::Client;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::Mutex as AsyncMutex, time::timeout};
use url::Url;

/// Pause after a failed renewal while the old token is still valid.
const RENEWAL_RETRY: Duration = Duration::from_secs(60);

/// A client and the endpoint of its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Token endpoint.
    pub token_url: Url,
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: Secret,
    /// Scope.
    pub scope: &'static str,
}

/// Token caches of a daemon's sinks, one for each client that a config had. Secrets are stored only as a hash with a random
/// key of this process.
#[derive(Debug, Clone, Default)]
pub struct TokenRegistry(Arc<Mutex<TokenCaches>>);

#[derive(Debug, Default)]
struct TokenCaches {
    hasher: RandomState,
    caches: HashMap<u64, TokenCache>,
}

/// The token of one client. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct TokenCache(Arc<AsyncMutex<Option<CachedToken>>>);

#[derive(Debug)]
struct CachedToken {
    token: Secret,
    renew_at: Instant,
    expires_at: Instant,
}

impl TokenRegistry {
    /// Returns the cache of a client.
    #[must_use]
    pub fn get(&self, client: &Credentials) -> TokenCache {
        let mut registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = client.client_secret.expose();
        let key = registry.hasher.hash_one((client.token_url.as_str(), &client.client_id, secret, client.scope));
        registry.caches.entry(key).or_default().clone()
    }
}

impl TokenCache {
    /// Returns a valid token, other than `rejected`. One request is in flight; other callers wait for its token. While the old
    /// token is valid, a failed renewal changes nothing.
    ///
    /// # Errors
    /// The result of the message, which was not sent: [`PostResult::Response`] with `token_error` and `code` if the token
    /// endpoint answered.
    pub async fn token(
        &self,
        http: &Client,
        client: &Credentials,
        rejected: Option<&Secret>,
    ) -> Result<Secret, PostResult> {
        let mut cached = self.0.lock().await;
        let now = Now::current().instant;
        cached.take_if(|token| !token.is_valid(rejected, now));
        if let Some(current) = cached.as_ref().filter(|token| now < token.renew_at) {
            return Ok(current.token.clone());
        }
        match (client.request(http).await, cached.as_mut()) {
            (Ok(answer), _) => Ok(cached.insert(CachedToken::new(answer, now)).token.clone()),
            (Err(_), Some(current)) => {
                current.renew_at = now + RENEWAL_RETRY;
                Ok(current.token.clone())
            }
            (Err(result), None) => Err(result),
        }
    }
}

impl CachedToken {
    /// Creates an entry. `now`: time of the request, so that the token ends earlier here than at the server.
    fn new(answer: TokenAnswer, now: Instant) -> Self {
        let (renew_at, expires_at) = (now + answer.renew_after(), now + answer.lifetime);
        Self { token: Secret::new(answer.token), renew_at, expires_at }
    }

    fn is_valid(&self, rejected: Option<&Secret>, now: Instant) -> bool {
        rejected != Some(&self.token) && now < self.expires_at
    }
}

impl Credentials {
    async fn request(&self, http: &Client) -> Result<TokenAnswer, PostResult> {
        let (url, id, secret) = (&self.token_url, self.client_id.as_str(), self.client_secret.expose());
        let credentials = ClientCredentials { url, id, secret, scope: Some(self.scope) };
        match timeout(post::REQUEST_TIMEOUT, credentials.request(http)).await {
            Ok(answer) => answer.map_err(to_result),
            Err(_) => Err(PostResult::NotSent("no answer to the request of a token".to_owned().into())),
        }
    }
}

/// Returns the result of a message without a token.
fn to_result(fault: TokenFault) -> PostResult {
    match fault {
        TokenFault::Transport(error) => match post::classify_error(error) {
            PostResult::NoResponse(reason) => PostResult::NotSent(reason),
            other => other,
        },
        TokenFault::Rejected { status, retry_after, body } => rejection(status, retry_after, &body),
        TokenFault::TooLarge | TokenFault::NoToken => rejection(200, None, b""),
    }
}

/// Reduces an answer without a token to the error's word and its first number.
fn rejection(status: u16, retry_after: Option<Duration>, body: &[u8]) -> PostResult {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = answer.get("error").and_then(Value::as_str).unwrap_or("no token");
    let code = answer.pointer("/error_codes/0").and_then(Value::as_u64);
    let body = json!({ "token_error": error, "code": code }).to_string();
    PostResult::Response(HttpResponse { status, retry_after, body, complete: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::tests::sockets::{client, closed_port};

    fn credentials(token_url: &str) -> Credentials {
        let client_secret = Secret::new("s");
        Credentials { token_url: token_url.parse().unwrap(), client_id: "a".to_owned(), client_secret, scope: "x" }
    }

    fn cache_with(lifetime: u64, now: Instant) -> TokenCache {
        let answer = TokenAnswer { token: "t".to_owned(), lifetime: Duration::from_secs(lifetime) };
        TokenCache(Arc::new(AsyncMutex::new(Some(CachedToken::new(answer, now)))))
    }

    #[test]
    fn token_is_valid_until_its_end_unless_rejected() {
        let (start, token) = (Instant::now(), Secret::new("t"));
        let answer = TokenAnswer { token: "t".to_owned(), lifetime: Duration::from_secs(100) };
        let cached = CachedToken::new(answer, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!((cached.renew_at, cached.expires_at), (at(90), at(100)));
        assert!(cached.is_valid(None, at(99)) && !cached.is_valid(None, at(100)));
        assert!(cached.is_valid(Some(&Secret::new("other")), at(99)) && !cached.is_valid(Some(&token), at(1)));
    }

    #[tokio::test]
    async fn failed_renewal_keeps_a_valid_token_only() {
        let client_of_dead_server = credentials(&closed_port().await);
        let token = async |cache: &TokenCache, rejected| cache.token(&client(), &client_of_dead_server, rejected).await;
        let held = Secret::new("t");
        let earlier = Instant::now().checked_sub(Duration::from_secs(95)).unwrap();
        let due = cache_with(100, earlier);
        assert_eq!(token(&due, None).await, Ok(held.clone()), "renewal is due, the token is valid");
        assert!(matches!(token(&due, Some(&held)).await, Err(PostResult::NotSent(_))));
        assert!(matches!(token(&cache_with(90, earlier), None).await, Err(PostResult::NotSent(_))), "expired");
    }

    #[test]
    fn registry_shares_the_cache_of_one_client_only() {
        let registry = TokenRegistry::default();
        let (one, other) = (credentials("https://x.example/a"), credentials("https://x.example/b"));
        assert!(Arc::ptr_eq(&registry.get(&one).0, &registry.get(&one).0));
        assert!(!Arc::ptr_eq(&registry.get(&one).0, &registry.get(&other).0));
        let other_secret = Credentials { client_secret: Secret::new("new"), ..one.clone() };
        assert!(!Arc::ptr_eq(&registry.get(&one).0, &registry.get(&other_secret).0));
    }

    #[test]
    fn rejection_is_reduced_to_word_and_number() {
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000222: secret of app 1","error_codes":[7000222]}"#;
        let of = |status, body: &[u8]| match rejection(status, None, body) {
            PostResult::Response(reply) => (reply.status, reply.body),
            other => panic!("{other:?}"),
        };
        assert_eq!(of(401, body), (401, r#"{"code":7000222,"token_error":"invalid_client"}"#.to_owned()));
        assert_eq!(of(503, b"<html>"), (503, r#"{"code":null,"token_error":"no token"}"#.to_owned()));
    }
}
