//! Connections that are closed without a byte of an answer. A handler returns [`response`]; the server closes the connection
//! instead of sending it.

use axum::response::{IntoResponse as _, Response};

/// Mark of a response that is not sent.
#[derive(Debug, Clone, Copy)]
struct HangUp;

/// Returns a response that closes the connection.
pub(super) fn response() -> Response {
    let mut response = ().into_response();
    response.extensions_mut().insert(HangUp);
    response
}

/// Returns whether the server closes the connection instead of sending the response.
pub(super) fn is_requested(response: &Response) -> bool {
    response.extensions().get::<HangUp>().is_some()
}
