//! REST endpoints for mailboxes, one per extension, and their messages. The data is in `calls`.

use super::{
    errors::{ApiError, ApiResult, QueryParams},
    scene,
    scheduled_call::{ScheduledCall, mailbox_id},
    state::AppState,
    voicemail,
};
use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::IntoResponse,
};
use serde_json::{Value, json};

const SCOPE: Option<&str> = Some("voicemail.v1.voicemails.read");

/// Serves `GET /voicemailboxes`: the mailbox of one extension.
pub(super) async fn list_mailboxes(State(sim): AppState, RawQuery(query): RawQuery, headers: HeaderMap) -> ApiResult {
    sim.authorize(&headers, SCOPE)?;
    let query = QueryParams::parse(query.unwrap_or_default().as_bytes());
    let account = query.first("accountKey").ok_or_else(|| ApiError::invalid_field("accountKey", "must not be null"))?;
    let extension = query.first("extensionNumber");
    let extension =
        extension.ok_or_else(|| ApiError::invalid_field("extensionNumber", "no other filter is simulated"))?;
    let one = json!({
        "voicemailboxId": mailbox_id(extension), "accountKey": account, "extensionNumber": extension,
        "newMessageCount": 1, "readMessageCount": 0,
    });
    Ok(Json(json!({ "items": [one] })).into_response())
}

/// Serves `GET /voicemailboxes/{id}/voicemails`: the newest 50, all with status new.
pub(super) async fn list_voicemails(
    State(sim): AppState,
    Path(mailbox): Path<String>,
    headers: HeaderMap,
) -> ApiResult {
    sim.authorize(&headers, SCOPE)?;
    let calls = sim.calls();
    let item = |call: &ScheduledCall| {
        let states = scene::conversations(call).into_iter().next()?.states;
        let ended = call.time_at(states.last()?.after);
        Some(voicemail::message(call, &states)?.item(&call.plan.account, ended))
    };
    let reported = calls.all_reported().filter_map(item);
    let is_here = |message: &Value| {
        message.get("extensionNumber").and_then(Value::as_str).map(mailbox_id).as_deref() == Some(&*mailbox)
    };
    let items: Vec<Value> = reported.filter(is_here).take(50).collect();
    let total = items.len();
    Ok(Json(json!({ "page": 0, "pageSize": 50, "matchesTotal": total, "items": items })).into_response())
}
