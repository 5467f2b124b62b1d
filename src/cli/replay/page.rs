//! Cards as one HTML page, drawn by the simulator's page. Card text comes from strangers: the page contains it as data,
//! never as markup, and loads no resources.

use crate::model::{call::StatusKind, delivery::SinkKind, ids::SinkName, time::Timestamp};
use serde_json::{Value, json};

/// The simulator's page.
const PAGE: &str = include_str!("../../sim/page.html");
/// Placeholder for the cards.
const CARDS_PLACEHOLDER: &str = "<!-- given -->";
/// Content policy: the browser loads nothing outside the page.
const CONTENT_POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" \
    content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">";

/// Builds a page of payloads, each with its status and time.
#[must_use]
pub(super) fn page(sink: &SinkName, kind: SinkKind, cards_by_time: &[(StatusKind, Timestamp, String)]) -> String {
    let service = match kind {
        SinkKind::Slack | SinkKind::SlackApp | SinkKind::SlackTrigger => "slack",
        SinkKind::Teams | SinkKind::TeamsApp => "teams",
        other => other.as_str(),
    };
    let card = |(number, (status, at, body)): (usize, &(StatusKind, Timestamp, String))| {
        let payload: Value = serde_json::from_str(body).unwrap_or_default();
        json!({"service": service, "shown": true, "number": number, "at": at, "note": status.as_str(), "payload": payload})
    };
    let cards: Vec<Value> = cards_by_time.iter().enumerate().map(card).collect();
    let data_json = escape_json(&json!({"sink": sink.as_str(), "cards": cards}).to_string());
    let data = format!("<script type=\"application/json\" id=\"given\">{data_json}</script>");
    let html = PAGE.replacen(CARDS_PLACEHOLDER, &data, 1);
    html.replacen("<meta charset=\"utf-8\">", &format!("<meta charset=\"utf-8\">\n{CONTENT_POLICY}"), 1)
}

/// Escapes the characters that could end a script or start a tag.
fn escape_json(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
