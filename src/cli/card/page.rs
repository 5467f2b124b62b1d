//! Cards as one HTML page: the simulator's page draws them, from what is written into it. Everything in it came from
//! strangers: it is data within the page, never markup, and the page may load nothing.

use crate::model::{call::MomentKind, delivery::SinkKind, ids::SinkName, time::Timestamp};
use serde_json::{Value, json};

/// The page with which the simulator shows its chats.
const PAGE: &str = include_str!("../../sim/page.html");
/// Where in it the cards go.
const PLACE: &str = "<!-- given -->";
/// Forbids the browser all but what stands in the page itself.
const POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" \
    content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">";

/// A page that shows what a sink would be sent: each payload with its moment and its time.
#[must_use]
pub fn page(sink: &SinkName, kind: SinkKind, shown: &[(MomentKind, Timestamp, String)]) -> String {
    let service = match kind {
        SinkKind::Slack | SinkKind::SlackApp | SinkKind::SlackTrigger => "slack",
        SinkKind::Teams | SinkKind::TeamsConnector => "teams",
    };
    let card = |(number, (moment, at, body)): (usize, &(MomentKind, Timestamp, String))| {
        let payload: Value = serde_json::from_str(body).unwrap_or_default();
        json!({"service": service, "shown": true, "number": number, "at": at, "note": moment.as_str(), "payload": payload})
    };
    let cards: Vec<Value> = shown.iter().enumerate().map(card).collect();
    let given = inert(&json!({"sink": sink.as_str(), "cards": cards}).to_string());
    let data = format!("<script type=\"application/json\" id=\"given\">{given}</script>");
    let whole = PAGE.replacen(PLACE, &data, 1);
    whole.replacen("<meta charset=\"utf-8\">", &format!("<meta charset=\"utf-8\">\n{POLICY}"), 1)
}

/// The same JSON without a character that could end a script or begin a tag.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
