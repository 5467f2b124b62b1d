//! Decodes GoTo's JSON into model types. GoTo adds and drops attributes without notice. A frame is therefore refused only if
//! an indispensable id is missing. No I/O.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod activity;
mod call;
mod pick;
mod report;
mod voice_admin;
mod voicemail;

pub use activity::activity;
pub use call::{active, states};
pub use report::{report, summaries};
pub use voice_admin::{AccountPhoneNumber, extension_names, phone_numbers};
pub use voicemail::{VoicemailMessage, boxes, messages};

use crate::{
    model::{
        call::{CallSnapshot, Report},
        ids::{ConnectionName, ConversationSpaceId},
        phone::Region,
    },
    runtime::json::{self, Value},
};
use pick::object;

/// Context of decoding, which goes into every event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// The login that receives the frames.
    pub connection: ConnectionName,
    /// Region of numbers without a country code.
    pub region: Region,
}

/// Items of a page, and the marker of the next one.
pub type Page<T> = (Vec<T>, Option<String>);

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A snapshot of a call.
    Call(CallSnapshot),
    /// Summary of an ended call.
    Report(Report),
    /// A `REPORT_SUMMARY` with an id alone: the report of this call can be fetched.
    ReportReady(ConversationSpaceId),
    /// `WEBSOCKET_REFRESH_REQUIRED`: renew the channel now.
    RefreshRequired,
    /// `WEBSOCKET_TO_BE_CLOSED`: the server will drop this socket.
    ToBeClosed,
    /// A well-formed frame without use for the daemon: another source, or a future type.
    Foreign,
}

/// Reason why a frame cannot be used. Contains no text of the frame, which could be a caller's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not JSON, for example cut short.
    #[error("not JSON at line {line} column {column}")]
    Json {
        /// Line of the error.
        line: usize,
        /// Column of the error.
        column: usize,
    },
    /// JSON, but not an object.
    #[error("not an object")]
    Shape,
    /// A call or a report that lacks this field or has it in an unknown form.
    #[error("a call without a readable {0}")]
    Lacks(&'static str),
}

/// Reads one frame, wrapped in `data` (as a WebSocket sends it) or bare (as webhooks send it).
///
/// # Errors
/// [`Unreadable`] if the frame cannot be decoded.
pub fn frame(text: &str, reader: &Reader) -> Result<Frame, Unreadable> {
    numbered_frame(text.as_bytes(), reader).1
}

/// Decodes one frame with its `eventId`, which counts the notifications of a channel.
pub fn numbered_frame(text: &[u8], reader: &Reader) -> (Option<u64>, Result<Frame, Unreadable>) {
    let decoded = json(text, |whole| Ok((whole.get("eventId").as_u64(), decode(whole, reader))));
    decoded.unwrap_or_else(|error| (None, Err(error)))
}

fn decode(whole: &Value<'_>, reader: &Reader) -> Result<Frame, Unreadable> {
    let envelope = object(whole, "data").unwrap_or(whole);
    if !envelope.is_object() {
        return Err(Unreadable::Shape);
    }
    let word = |name| envelope.get(name).as_str().unwrap_or_default();
    match word("type") {
        "WEBSOCKET_REFRESH_REQUIRED" => return Ok(Frame::RefreshRequired),
        "WEBSOCKET_TO_BE_CLOSED" => return Ok(Frame::ToBeClosed),
        _ => {}
    }
    let content = object(envelope, "content").unwrap_or(&Value::Null);
    let is_call = object(content, "metadata").is_some() && object(content, "state").is_some();
    match word("source") {
        "call-events" => call::event(content, reader).map(Frame::Call),
        "call-events-report" => match report::pushed_id(content) {
            Some(id) => Ok(Frame::ReportReady(id)),
            // An id is enough: a summary that cannot be decoded is fetched as a report.
            None => report::summary(content, reader)
                .map(Frame::Report)
                .or_else(|error| report::id_of(content).map(Frame::ReportReady).ok_or(error)),
        },
        _ if is_call => call::event(content, reader).map(Frame::Call),
        _ => Ok(Frame::Foreign),
    }
}

/// Parses an answer or a frame and decodes it with `read`.
pub(super) fn json<T>(bytes: &[u8], read: impl FnOnce(&Value<'_>) -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    json::with_value(bytes, read)
        .unwrap_or_else(|error| Err(Unreadable::Json { line: error.line(), column: error.column() }))
}

#[cfg(test)]
mod tests;
