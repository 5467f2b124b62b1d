//! `poprelay check --online`: connects to every server of the config and names each leg that fails. Posts nothing, and
//! uses no refresh token.

use super::{
    database,
    leg::{CheckedLeg, LEG_TIMEOUT, fault_text},
    slack_app,
};
use crate::{
    cli::{CliError, CliResult, outbox::shared_database},
    config::{Config, ConnectionConfig, SinkConfig},
    deliver::{
        access_token::TokenCache, chats::teams_app, person_channel, post, response::PostResult, rules::find_rule,
        teams_bot::Bot,
    },
    goto::oauth::{Client, Error as OauthError, is_client_error},
    model::{delivery::SinkKind, secret::Secret},
    runtime::http::{HttpStack, SocketConfig, UpgradeError, open_socket},
};
use futures_util::future::{BoxFuture, join_all};
use std::io::Write;
use url::Url;

/// Host of GoTo's sockets. A channel's URL names it; without a login there is no channel.
const GOTO_SOCKET: (&str, &str) = ("api.goto.com", "wss://webrtc.jive.com/");

/// Tries all legs at the same time and prints one line for each.
///
/// # Errors
/// 69 if a leg fails, 74 if `out` cannot be written.
pub async fn check_online(config: &Config, out: &mut impl Write) -> CliResult {
    let stack = HttpStack::open(config.http.clone()).map_err(CliError::unavailable)?;
    let mut print = |line: String| writeln!(out, "{line}").map_err(|error| CliError::new(74, error));
    if let Some(proxy) = &stack.proxy {
        print(format!("proxy      {proxy}, except for hosts in NO_PROXY"))?;
    }
    let mut legs: Vec<BoxFuture<'_, CheckedLeg>> = Vec::new();
    legs.extend(shared_database(config).map(|shared| Box::pin(database::leg(shared)) as BoxFuture<'_, CheckedLeg>));
    for connection in &config.connections {
        legs.push(Box::pin(token_leg(&stack, connection)));
        legs.push(Box::pin(api_leg(&stack, connection)));
        legs.push(Box::pin(socket_leg(&stack, connection)));
    }
    let bots = config.sinks.iter().filter_map(|sink| Some((sink, sink.options.bot.as_ref()?)));
    legs.extend(bots.map(|(sink, bot)| Box::pin(bot_leg(&stack, sink, bot)) as BoxFuture<'_, CheckedLeg>));
    legs.extend(config.sinks.iter().map(|sink| Box::pin(sink_leg(&stack, sink)) as BoxFuture<'_, CheckedLeg>));
    for source in &config.enrich {
        let name = source.name.as_deref().or(source.preset.as_deref()).unwrap_or("http");
        for server in source.servers(&config.credentials) {
            legs.push(Box::pin(server_leg(&stack, format!("look-up {name}"), server)));
        }
    }
    let mut failed = Vec::new();
    for CheckedLeg { name, result } in join_all(legs).await {
        match result {
            Ok(text) => print(format!("online     {name}: {text}"))?,
            Err(text) => {
                print(format!("failed     {name}: {text}"))?;
                failed.push(name);
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(CliError::new(69, anyhow::anyhow!("not reachable: {}", failed.join(", "))))
}

/// Sends a refresh with a token that cannot exist: GoTo checks the client first, so the answer identifies a wrong client.
async fn token_leg(stack: &HttpStack, connection: &ConnectionConfig) -> CheckedLeg {
    let client = Client {
        id: connection.client_id.clone(),
        secret: connection.client_secret.clone(),
        auth_url: connection.auth_url.clone(),
    };
    let result = match client.refresh(&stack.http, &Secret::new("poprelay-check")).await {
        Err(OauthError::Network(error)) => Err(fault_text(&error)),
        Err(OauthError::Denied { code: Some(code), .. }) if is_client_error(&code) => {
            Err(format!("{code}: client_id or client_secret is wrong. Compare both with GoTo's developer portal."))
        }
        Err(OauthError::Denied { code: Some(code), .. }) if code.eq_ignore_ascii_case("invalid_grant") => {
            Ok("reachable, accepts the client".to_owned())
        }
        Err(OauthError::Denied { status, .. } | OauthError::Status { status, .. }) => {
            Ok(format!("reachable (HTTP {status})"))
        }
        Ok(_) | Err(OauthError::Garbled) => Ok("reachable".to_owned()),
    };
    CheckedLeg { name: format!("{} token host {}", connection.name, host(&connection.auth_url)), result }
}

async fn api_leg(stack: &HttpStack, connection: &ConnectionConfig) -> CheckedLeg {
    let name = format!("{} API {}", connection.name, host(&connection.api_url));
    CheckedLeg { name, result: reach(stack, &connection.api_url).await }
}

/// Starts a WebSocket handshake without a channel: any answer shows that the way is free.
async fn socket_leg(stack: &HttpStack, connection: &ConnectionConfig) -> CheckedLeg {
    let url = socket_url(&connection.api_url);
    let name = format!("{} socket {}", connection.name, url.as_ref().map_or_else(String::new, host));
    let result = match url {
        None => Err("the address of the API is not usable".to_owned()),
        Some(url) => match open_socket(&stack.http, &url, SocketConfig::default(), LEG_TIMEOUT).await {
            Err(UpgradeError::Fault(fault)) => Err(format!("{fault}. {}", fault.advice())),
            Err(UpgradeError::Answered(answer)) => Ok(format!("reachable (HTTP {})", answer.status().as_u16())),
            Ok(_) | Err(UpgradeError::Malformed) => Ok("reachable".to_owned()),
            Err(error @ UpgradeError::InvalidUrl) => Err(error.to_string()),
        },
    };
    CheckedLeg { name, result }
}

/// Returns the address of the sockets that belong to an API.
fn socket_url(api: &Url) -> Option<Url> {
    let (goto, socket) = GOTO_SOCKET;
    if api.host_str() == Some(goto) {
        return Url::parse(socket).ok();
    }
    let scheme = if api.scheme() == "https" { "wss" } else { "ws" };
    Url::parse(&format!("{scheme}://{}/", host(api))).ok()
}

/// Requests the root of the sink's host: the webhook's path would post or answer with an error. A Slack app has methods that
/// post nothing.
async fn sink_leg(stack: &HttpStack, sink: &SinkConfig) -> CheckedLeg {
    let (name, result) = match Url::parse(sink.url.expose()) {
        Ok(url) => {
            let result = match &sink.app {
                Some(app) => slack_app::check(stack, &sink.url, app, sink.person).await,
                None => reach(stack, &url).await,
            };
            (format!("sink {} {}", sink.name, host(&url)), result)
        }
        Err(_) => (format!("sink {}", sink.name), Err("its URL is not valid".to_owned())),
    };
    CheckedLeg { name, result }
}

/// Requests a token of a bot: the answer identifies a wrong or expired secret. Opens the conversation with a person, which
/// posts nothing: the answer identifies a person without the app.
async fn bot_leg(stack: &HttpStack, sink: &SinkConfig, bot: &Bot) -> CheckedLeg {
    let name = format!("sink {} login {}", sink.name, host(&bot.credentials.token_url));
    let result = match TokenCache::default().token(&stack.http, &bot.credentials, None).await {
        Ok(token) if bot.is_person => {
            let request = teams_app::new_conversation(&sink.url, bot, &token);
            let answer = post::send_request(&stack.http, request).await;
            person_channel::teams_conversation(answer)
                .map(|_| "reachable, accepts the app, which can write to the person".to_owned())
                .map_err(|answer| rejection(sink.kind, &teams_app::reduce(answer)))
        }
        Ok(_) => Ok("reachable, accepts the app".to_owned()),
        Err(result) => Err(rejection(sink.kind, &result)),
    };
    CheckedLeg { name, result }
}

/// Describes a rejection as the response rules do.
fn rejection(kind: SinkKind, result: &PostResult) -> String {
    let rule = find_rule(kind, result);
    let status = result.status().map_or_else(String::new, |status| format!(" (HTTP {status})"));
    format!("{}{status}. {}", rule.reason, rule.advice)
}

async fn server_leg(stack: &HttpStack, name: String, server: Url) -> CheckedLeg {
    let result = reach(stack, &server).await;
    CheckedLeg { name: format!("{name} {}", host(&server)), result }
}

/// Requests the root of a host. Any answer counts.
async fn reach(stack: &HttpStack, url: &Url) -> Result<String, String> {
    let mut root = url.clone();
    root.set_path("/");
    root.set_query(None);
    match stack.http.get(root).timeout(LEG_TIMEOUT).send().await {
        Ok(answer) => Ok(format!("reachable (HTTP {})", answer.status().as_u16())),
        Err(error) => Err(fault_text(&error.without_url())),
    }
}

/// Returns host and port of a URL. The rest may be a secret.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_url_belongs_to_the_api() {
        let of = |api: &str| socket_url(&Url::parse(api).unwrap()).unwrap().to_string();
        assert_eq!(of("https://api.goto.com"), "wss://webrtc.jive.com/");
        assert_eq!(of("https://goto.test:8443/base"), "wss://goto.test:8443/");
        assert_eq!(of("http://127.0.0.1:9"), "ws://127.0.0.1:9/");
    }
}
