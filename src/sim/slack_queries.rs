//! Methods of Slack's Web API that change nothing: `auth.test`, `conversations.info`, `users.info`. As at Slack, each method
//! accepts a form and states the scopes of the token in a header.

use super::{errors::QueryParams, faults::AppFaults, slack_api::check_token, state::AppState};
use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

/// Scopes of every bot token.
const SCOPES: [&str; 5] = ["chat:write", "channels:read", "groups:read", "users:read", "users:read.email"];

/// Serves `POST /api/auth.test`.
pub(super) async fn auth_test(State(sim): AppState, headers: HeaderMap) -> Response {
    respond(&sim.faults().app, &headers, |_| {
        json!({ "ok": true, "url": "https://acme.slack.com/", "team": "Acme", "user": "poprelay", "team_id": "T0SIM",
                "user_id": "U0BOT", "bot_id": "B0BOT" })
    })
}

/// Serves `POST /api/conversations.info`.
pub(super) async fn conversations_info(State(sim): AppState, headers: HeaderMap, body: Bytes) -> Response {
    let channel = QueryParams::parse(&body).first("channel").unwrap_or_default().to_owned();
    respond(&sim.faults().app, &headers, |app| {
        if let Some(scope) = ["channels:read", "groups:read"].into_iter().find(|it| app.withheld_scopes.contains(*it)) {
            return json!({ "ok": false, "error": "missing_scope", "needed": scope });
        }
        if channel.is_empty() || app.unknown.contains(&channel) {
            return json!({ "ok": false, "error": "channel_not_found" });
        }
        let (member, archived) = (!app.uninvited.contains(&channel), app.archived.contains(&channel));
        json!({ "ok": true, "channel": { "id": channel, "is_member": member, "is_archived": archived } })
    })
}

/// Serves `POST /api/users.info`. Members are unknown like channels.
pub(super) async fn users_info(State(sim): AppState, headers: HeaderMap, body: Bytes) -> Response {
    let user = QueryParams::parse(&body).first("user").unwrap_or_default().to_owned();
    respond(&sim.faults().app, &headers, |app| {
        if app.withheld_scopes.contains("users:read") {
            json!({ "ok": false, "error": "missing_scope", "needed": "users:read" })
        } else if user.is_empty() || app.unknown.contains(&user) {
            json!({ "ok": false, "error": "user_not_found" })
        } else {
            let profile = json!({ "display_name": display_name(&user), "real_name": "" });
            json!({ "ok": true, "user": { "id": user, "deleted": false, "is_bot": false, "profile": profile } })
        }
    })
}

/// Serves `POST /api/users.lookupByEmail`. The member of `dana@…` is `U0DANA`, unless that member is unknown.
pub(super) async fn users_lookup_by_email(State(sim): AppState, headers: HeaderMap, body: Bytes) -> Response {
    let email = QueryParams::parse(&body).first("email").unwrap_or_default().to_owned();
    respond(&sim.faults().app, &headers, |app| {
        let user = email.split_once('@').map(|(name, _)| format!("U0{}", name.to_uppercase()));
        match user.filter(|user| !app.unknown.contains(user)) {
            _ if app.withheld_scopes.contains("users:read.email") => {
                json!({ "ok": false, "error": "missing_scope", "needed": "users:read.email" })
            }
            Some(user) => json!({ "ok": true, "user": { "id": user, "deleted": false } }),
            None => json!({ "ok": false, "error": "users_not_found" }),
        }
    })
}

/// Returns the name of a member by the letters of its id: `U0DANA` is Dana.
fn display_name(user: &str) -> String {
    let letters = user.trim_start_matches(['U', 'W', '0']);
    let (first, rest) = letters.split_at_checked(1).unwrap_or((letters, ""));
    format!("{first}{}", rest.to_lowercase())
}

fn respond(app: &AppFaults, headers: &HeaderMap, answer: impl FnOnce(&AppFaults) -> Value) -> Response {
    if let Err(error) = check_token(app, headers) {
        return Json(json!({ "ok": false, "error": error })).into_response();
    }
    let scopes: Vec<&str> = SCOPES.into_iter().filter(|scope| !app.withheld_scopes.contains(*scope)).collect();
    ([("x-oauth-scopes", scopes.join(","))], Json(answer(app))).into_response()
}
