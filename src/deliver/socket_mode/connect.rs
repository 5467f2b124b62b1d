//! Opens one socket: requests its URL, which is a credential for one use, and connects. Contains no policy about retries.

use super::types::OpenFailure;
use crate::{
    deliver::{post, response::PostResult, slack_errors},
    model::secret::Secret,
    runtime::{
        http::{WebSocket, is_allowed_socket_url, open_socket, socket_config},
        text::printable_start,
    },
};
use reqwest::Client;
use serde::Deserialize;
use std::time::Duration;
use url::Url;

/// Timeout of DNS, TCP, proxy, TLS and handshake together.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest frame: a press repeats its message, which has 50 blocks of 3,000 characters at most.
const MAX_FRAME_BYTES: usize = 1024 * 1024;
/// Longest error word that is printed. Slack's longest has 42 characters.
const MAX_WORD_LENGTH: usize = 64;
/// Wait after a 429 without `Retry-After`: that of Slack's Python library.
const DEFAULT_RATE_WAIT: Duration = Duration::from_secs(30);

/// Error words of `apps.connections.open` that need a person, beside those of a bot token.
const NEEDS_PERSON: &[&str] =
    &["user_removed_from_team", "team_disabled", "forbidden_team", "socket_mode_not_enabled", "app_not_installed"];

/// Describes the reason for which Slack rejects an app, by Slack's word.
#[must_use]
pub fn rejection(word: &str) -> String {
    let cause = match word {
        "link_disabled" | "socket_mode_not_enabled" => "Socket Mode is switched off",
        _ if slack_errors::MISSING_SCOPE.contains(&word) => "the app token lacks the scope connections:write",
        _ => "Slack rejects the app token",
    };
    format!("{cause} ({})", printable_start(word, MAX_WORD_LENGTH))
}

/// Response to `apps.connections.open`.
#[derive(Debug, Deserialize)]
struct OpenResponse {
    ok: bool,
    url: Option<Secret>,
    error: Option<String>,
}

/// Opens a socket.
pub(super) async fn open(http: &Client, api: &Secret, app_token: &Secret) -> Result<WebSocket, OpenFailure> {
    let method = Secret::new(format!("{}/apps.connections.open", api.expose().trim_end_matches('/')));
    let url = socket_url(&post::post_with_token(http, &method, app_token, String::new()).await)?;
    let config = socket_config(MAX_FRAME_BYTES);
    open_socket(http, &url, config, HANDSHAKE_TIMEOUT).await.map_err(|_| OpenFailure::Transient)
}

/// Returns the result of a check of an app token, from the response to `apps.connections.open`.
///
/// # Errors
/// Slack's word and the remedy.
pub fn judge_app_token(answer: &PostResult) -> Result<String, String> {
    match socket_url(answer) {
        Ok(_) => Ok("app token accepted".to_owned()),
        Err(OpenFailure::Rejected(word)) => Err(format!(
            "{}: Slack rejects the app token. Create an app-level token with the scope connections:write and switch Socket Mode on.",
            printable_start(&word, MAX_WORD_LENGTH)
        )),
        Err(OpenFailure::Throttled(_)) => Ok("app token not checked, Slack limits the rate".to_owned()),
        Err(OpenFailure::Transient) => Err("apps.connections.open failed. Try again later.".to_owned()),
    }
}

/// Returns the URL of the socket from the response.
fn socket_url(answer: &PostResult) -> Result<Url, OpenFailure> {
    let PostResult::Response(reply) = answer else { return Err(OpenFailure::Transient) };
    let throttled = || OpenFailure::Throttled(reply.retry_after.unwrap_or(DEFAULT_RATE_WAIT));
    let response: Option<OpenResponse> = serde_json::from_str(&reply.body).ok();
    match response {
        _ if reply.status == 429 => Err(throttled()),
        Some(OpenResponse { ok: true, url: Some(url), .. }) => {
            let url = Url::parse(url.expose()).ok().filter(is_allowed_socket_url);
            url.ok_or(OpenFailure::Transient)
        }
        Some(OpenResponse { error: Some(word), .. }) => {
            let word = word.as_str();
            let lists = [NEEDS_PERSON, slack_errors::INVALID_TOKEN, slack_errors::MISSING_SCOPE];
            if slack_errors::RATE_LIMITED.contains(&word) {
                Err(throttled())
            } else if lists.iter().any(|list| list.contains(&word)) {
                Err(OpenFailure::Rejected(word.to_owned()))
            } else {
                Err(OpenFailure::Transient)
            }
        }
        _ => Err(OpenFailure::Transient),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::response::HttpResponse;

    fn opened(status: u16, body: &str) -> Result<Url, OpenFailure> {
        let retry_after = (status == 429).then_some(Duration::from_secs(7));
        socket_url(&PostResult::Response(HttpResponse { status, retry_after, body: body.to_owned(), complete: true }))
    }

    #[test]
    fn socket_url_is_read_and_failures_are_classified() {
        let url = opened(200, r#"{"ok":true,"url":"wss://wss-primary.slack.com/link/?ticket=1"}"#).unwrap();
        assert_eq!(url.host_str(), Some("wss-primary.slack.com"));
        for word in ["invalid_auth", "token_revoked", "not_allowed_token_type", "missing_scope", "team_disabled"] {
            let body = format!(r#"{{"ok":false,"error":"{word}"}}"#);
            assert_eq!(opened(200, &body), Err(OpenFailure::Rejected(word.to_owned())));
        }
        assert_eq!(opened(429, ""), Err(OpenFailure::Throttled(Duration::from_secs(7))));
        let throttled = opened(200, r#"{"ok":false,"error":"ratelimited"}"#);
        assert_eq!(throttled, Err(OpenFailure::Throttled(DEFAULT_RATE_WAIT)));
        for body in [
            "",
            "<html>",
            r#"{"ok":true}"#,
            r#"{"ok":true,"url":"https://slack.com"}"#,
            r#"{"ok":true,"url":"ws://slack.com/link"}"#,
            r#"{"ok":false,"error":"internal_error"}"#,
        ] {
            assert_eq!(opened(200, body), Err(OpenFailure::Transient), "{body}");
        }
        assert_eq!(socket_url(&PostResult::InvalidUrl), Err(OpenFailure::Transient));
    }
}
