//! Microsoft's login by client credentials under `/teams-login/`, and the Bot Connector under `/teams-api/`: new
//! conversations, edits and replies, with the real errors and limits. Every app, secret and channel is valid unless a fault
//! switch is set.

pub(super) mod faults;
pub(super) mod store;

use super::{
    errors::QueryParams,
    hang_up,
    messages::AppMessage,
    state::{AppState, SimState},
};
use crate::model::time::Now;
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use faults::TeamsAppFaults;
use serde_json::{Value, json};
use std::time::Duration;

/// Larger activities are rejected, bytes.
const MAX_ACTIVITY_BYTES: usize = 28_672;
/// Beginning of the conversations with a person. The object id of the person follows.
const PERSON: &str = "a:1-";
/// Scopes of bots in the public cloud and in GCC High.
const SCOPES: [&str; 2] = ["https://api.botframework.com/.default", "https://api.botframework.us/.default"];

/// Serves `POST /teams-login/{tenant}/oauth2/v2.0/token`.
pub(super) async fn token(State(sim): AppState, Path(_tenant): Path<String>, body: Bytes) -> Response {
    let (form, faults) = (QueryParams::parse(&body), sim.faults());
    let field = |name| form.first(name).filter(|value| !value.is_empty());
    if sim.roll(faults.teams_app.login_error) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let rejection = if field("grant_type") != Some("client_credentials") {
        Some((400, "unsupported_grant_type", 70_003))
    } else if !field("scope").is_some_and(|scope| SCOPES.contains(&scope)) {
        Some((400, "invalid_scope", 70_011))
    } else if field("client_id").is_none() {
        Some((400, "invalid_request", 900_144))
    } else if field("client_secret").is_none() {
        Some((401, "invalid_client", 7_000_218))
    } else if faults.teams_app.secret_expired {
        Some((401, "invalid_client", 7_000_222))
    } else {
        None
    };
    if let Some((status, error, code)) = rejection {
        let code_text = format!("AADSTS{code}: simulated");
        return answer(status, &json!({ "error": error, "error_description": code_text, "error_codes": [code] }));
    }
    let lifetime = faults.teams_app.token_lifetime;
    let token = sim.teams().issue(Duration::from_secs(lifetime), Now::current().instant);
    answer(200, &json!({ "token_type": "Bearer", "expires_in": lifetime, "access_token": token }))
}

/// Serves `POST /teams-api/v3/conversations`: a new message in a channel.
pub(super) async fn create(State(sim): AppState, headers: HeaderMap, body: Bytes) -> Response {
    let payload: Value = serde_json::from_slice(&body).unwrap_or_default();
    if payload.get("isGroup") == Some(&Value::Bool(false)) {
        return converse(&sim, &headers, &payload);
    }
    let channel = payload.pointer("/channelData/channel/id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_group = payload.get("isGroup") == Some(&Value::Bool(true));
    let activity = payload.get("activity").cloned().unwrap_or_default();
    handle(&sim, &headers, &channel, &activity, |sim, now, id| {
        if !is_group {
            return Err(Rejection::Error(400, "Bad Argument"));
        }
        let message =
            sim.messages().post_as(&channel, id, activity.clone(), now).ok_or(Rejection::Error(500, "ServiceError"))?;
        Ok((201, json!({ "id": format!("{channel};messageid={id}"), "activityId": id }), message))
    })
    .await
}

/// Returns the conversation with a person, the same for every request.
fn converse(sim: &SimState, headers: &HeaderMap, payload: &Value) -> Response {
    let faults = sim.faults();
    if let Err(rejection) = check_token(sim, headers) {
        return rejection.into_response();
    }
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (member, tenant) = (text("/members/0/id"), text("/channelData/tenant/id"));
    if !text("/bot/id").starts_with("28:") || member.is_empty() || tenant.is_empty() || text("/tenantId") != tenant {
        return Rejection::Error(400, "BadSyntax").into_response();
    }
    if faults.teams_app.not_installed.contains(member) {
        return Rejection::Error(403, "BotNotInConversationRoster").into_response();
    }
    answer(201, &json!({ "id": format!("{PERSON}{member}") }))
}

/// Serves `PUT /teams-api/v3/conversations/{conversation}/activities/{id}`: an edit.
pub(super) async fn update(
    State(sim): AppState,
    Path((conversation, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let activity: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (channel, thread) = conversation.split_once(";messageid=").unwrap_or((&conversation, ""));
    handle(&sim, &headers, channel, &activity, |sim, now, _| {
        let updated = (thread == id || channel.starts_with(PERSON))
            .then(|| sim.messages().update(channel, &id, activity.clone(), now, None));
        let message = updated.and_then(Result::ok).ok_or(Rejection::Error(404, "ActivityNotFoundInConversation"))?;
        Ok((200, json!({ "id": id }), message))
    })
    .await
}

/// Serves `POST /teams-api/v3/conversations/{conversation}/activities`: a reply.
pub(super) async fn reply(
    State(sim): AppState,
    Path(conversation): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let activity: Value = serde_json::from_slice(&body).unwrap_or_default();
    if conversation.starts_with(PERSON) {
        return handle(&sim, &headers, &conversation, &activity, |sim, now, id| {
            let message = sim.messages().post_as(&conversation, id, activity.clone(), now);
            Ok((201, json!({ "id": id }), message.ok_or(Rejection::Error(500, "ServiceError"))?))
        })
        .await;
    }
    let Some((channel, thread)) = conversation.split_once(";messageid=") else {
        return Rejection::Error(404, "ConversationNotFound").into_response();
    };
    handle(&sim, &headers, channel, &activity, |sim, now, id| {
        let message = sim.messages().reply_as(channel, thread, id, activity.clone(), now);
        Ok((201, json!({ "id": id }), message.ok_or(Rejection::Error(404, "ConversationNotFound"))?))
    })
    .await
}

/// Applies the faults, checks a request, performs it and publishes the message.
async fn handle(
    sim: &SimState,
    headers: &HeaderMap,
    channel: &str,
    activity: &Value,
    perform: impl FnOnce(&SimState, jiff::Timestamp, &str) -> Result<(u16, Value, AppMessage), Rejection>,
) -> Response {
    let (all, now) = (sim.faults(), Now::current());
    let faults = &all.teams_app;
    if sim.roll(faults.slow) {
        tokio::time::sleep(sim.random_delay(faults.slow_ms)).await;
    }
    if sim.roll(faults.hang) {
        std::future::pending::<()>().await;
    }
    if sim.roll(faults.hang_up) {
        return hang_up::response();
    }
    let id = sim.teams().next_id(now.timestamp.as_millisecond());
    let performed = check(sim, faults, headers, channel, activity).and_then(|()| perform(sim, now.timestamp, &id));
    match performed {
        Err(rejection) => rejection.into_response(),
        Ok((status, body, message)) => {
            sim.publish(&json!({ "news": "message", "service": "teams", "message": message }));
            if sim.roll(faults.hang_up_after_accept) { hang_up::response() } else { answer(status, &body) }
        }
    }
}

fn check_token(sim: &SimState, headers: &HeaderMap) -> Result<(), Rejection> {
    let now = Now::current().instant;
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_valid = token.strip_prefix("Bearer ").is_some_and(|it| sim.teams().accepts(it, now));
    if is_valid { Ok(()) } else { Err(Rejection::Denied) }
}

fn check(
    sim: &SimState,
    faults: &TeamsAppFaults,
    headers: &HeaderMap,
    channel: &str,
    activity: &Value,
) -> Result<(), Rejection> {
    let now = Now::current().instant;
    check_token(sim, headers)?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if (faults.limits && !sim.teams().allow(channel, now)) || sim.roll(faults.too_many) {
        return Err(Rejection::RateLimited(faults.retry_after));
    }
    if sim.roll(faults.unavailable) {
        let status = sim.rng().choice([412, 502, 504]).unwrap_or(502);
        return Err(Rejection::Error(status, if status == 412 { "PreconditionFailed" } else { "ServiceError" }));
    }
    if activity.to_string().len() > MAX_ACTIVITY_BYTES {
        return Err(Rejection::Error(413, "MessageSizeTooBig"));
    }
    match channel {
        one if !(one.starts_with(PERSON) || one.starts_with("19:") && one.contains("@thread.")) => {
            Err(Rejection::Error(400, "BadSyntax"))
        }
        one if faults.unknown.contains(one) => Err(Rejection::Error(404, "ConversationNotFound")),
        one if faults.not_installed.contains(one) => Err(Rejection::Error(403, "BotNotInConversationRoster")),
        one if faults.blocked.contains(one) => Err(Rejection::Blocked),
        _ if !content_type.starts_with("application/json") => Err(Rejection::Error(415, "BadSyntax")),
        _ if !is_card_message(activity) => Err(Rejection::Error(400, "Bad Argument")),
        _ => Ok(()),
    }
}

/// Returns whether an activity is a message with Adaptive Cards.
fn is_card_message(activity: &Value) -> bool {
    let is_card = |attachment: &Value| {
        attachment.get("contentType").and_then(Value::as_str) == Some("application/vnd.microsoft.card.adaptive")
            && attachment.pointer("/content/type").and_then(Value::as_str) == Some("AdaptiveCard")
            && attachment.pointer("/content/body").is_some_and(Value::is_array)
    };
    let attachments = activity.get("attachments").and_then(Value::as_array);
    activity.get("type").and_then(Value::as_str) == Some("message")
        && attachments.is_some_and(|list| !list.is_empty() && list.iter().all(is_card))
}

fn answer(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
}

/// A rejected request.
enum Rejection {
    /// A status with the code of an error.
    Error(u16, &'static str),
    /// 401.
    Denied,
    /// 403: the channel accepts no messages of the app.
    Blocked,
    /// 429, with `Retry-After` in seconds if Teams sends one.
    RateLimited(Option<u64>),
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let (status, code, retry_after) = match self {
            Self::Error(status, code) => (status, code, None),
            Self::RateLimited(retry_after) => (429, "Throttled", retry_after),
            Self::Denied => {
                return answer(401, &json!({ "message": "Authorization has been denied for this request." }));
            }
            Self::Blocked => {
                let detail = json!({ "subCode": "MessageWritesBlocked", "details": "Thread is not writable." });
                return answer(403, &json!({ "errorCode": 209, "message": detail.to_string() }));
            }
        };
        let mut response = answer(status, &json!({ "error": { "code": code, "message": "simulated" } }));
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
