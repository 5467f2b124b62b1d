//! REST endpoints for mailboxes, one per extension, and their messages. The data is in `calls`.

use super::{
    answer::{Pairs, Refusal},
    placed::id_of,
    report,
    shared::Shared,
};
use axum::{
    Json,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::sync::Arc;

type AppState = State<Arc<Shared>>;
type ApiResult = Result<Response, Refusal>;

const SCOPE: Option<&str> = Some("voicemail.v1.voicemails.read");

fn mailbox_id(extension: &str) -> String {
    id_of(&format!("mailbox {extension}"))
}

/// `GET /voicemailboxes`: the mailbox of one extension.
pub(super) async fn boxes(State(sim): AppState, RawQuery(query): RawQuery, headers: HeaderMap) -> ApiResult {
    sim.entitled(&headers, SCOPE)?;
    let query = Pairs::read(query.unwrap_or_default().as_bytes());
    let account = query.first("accountKey").ok_or_else(|| Refusal::field("accountKey", "must not be null"))?;
    let extension = query.first("extensionNumber");
    let extension = extension.ok_or_else(|| Refusal::field("extensionNumber", "no other filter is simulated"))?;
    let one = json!({
        "voicemailboxId": mailbox_id(extension), "accountKey": account, "extensionNumber": extension,
        "newMessageCount": 1, "readMessageCount": 0,
    });
    Ok(Json(json!({ "items": [one] })).into_response())
}

/// `GET /voicemailboxes/{id}/voicemails`: the newest 50, all with status new.
pub(super) async fn messages(State(sim): AppState, Path(mailbox): Path<String>, headers: HeaderMap) -> ApiResult {
    sim.entitled(&headers, SCOPE)?;
    let calls = sim.calls();
    let reported = calls.all_reported().filter_map(report::message);
    let is_here = |message: &Value| {
        message.get("extensionNumber").and_then(Value::as_str).map(mailbox_id).as_deref() == Some(&*mailbox)
    };
    let items: Vec<Value> = reported.filter(is_here).take(50).collect();
    let total = items.len();
    Ok(Json(json!({ "page": 0, "pageSize": 50, "matchesTotal": total, "items": items })).into_response())
}
