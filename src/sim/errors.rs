//! GoTo's documented error body and query strings with repeated keys. The handlers decide what is rejected.

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// Result of a handler of GoTo's API.
pub(super) type ApiResult = Result<Response, ApiError>;

/// A rejection with GoTo's error body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    field: Option<&'static str>,
    /// Name of the list of constraints in the body: services differ.
    constraints_key: &'static str,
    retry_after: Option<u64>,
}

impl ApiError {
    /// Creates an error from its `errorCode` and message.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            field: None,
            constraints_key: "constraintViolations",
            retry_after: None,
        }
    }

    /// Creates a 400: a field has an invalid value.
    pub(super) fn invalid_field(field: &'static str, constraint: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", constraint) }
    }

    /// Creates a 400 of the call-events API. Its message always names a WebSocket channel, whatever field is invalid.
    pub(super) fn invalid_event(field: &'static str) -> Self {
        let message = "The channel must be a WebSocket channel.";
        let base = Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message);
        Self { field: Some(field), constraints_key: "constraints", ..base }
    }

    /// Creates a 400: the body is not valid JSON.
    pub(super) fn malformed_body() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MALFORMED_REQUEST", "The request body could not be read.")
    }

    /// Creates a 404.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("{what} was not found."))
    }

    /// Creates a 404 of the notification-channel API.
    pub(super) fn channel_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "RTC-NOTIFICATION-CHANNEL-NOT-FOUND", "The channel was not found.")
    }

    /// Creates a 429, with `Retry-After` in seconds where the service sends one.
    pub(super) fn rate_limited(retry_after: Option<u64>) -> Self {
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", "Too many requests.") }
    }

    /// Creates a 5xx.
    pub(super) fn server_error(status: StatusCode) -> Self {
        Self::new(status, "UNKNOWN_ERROR", "Something went wrong.")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({ "reference": "simulated", "errorCode": self.code, "message": self.message });
        if let (Some(field), Value::Object(map)) = (self.field, &mut body) {
            let constraint = if self.constraints_key == "constraints" { "INVALID" } else { &self.message };
            let violation = json!([{ "field": field, "constraint": constraint }]);
            map.insert(self.constraints_key.to_owned(), violation);
        }
        let mut headers = HeaderMap::new();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        (self.status, headers, Json(body)).into_response()
    }
}

/// Key-value pairs of a query string or form, in order. Repeated keys are kept.
#[derive(Debug, Clone, Default)]
pub(super) struct QueryParams(Vec<(String, String)>);

impl QueryParams {
    /// Parses `a=b&a=c`.
    pub(super) fn parse(raw: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(raw).into_owned().collect())
    }

    /// Returns the first value of a key.
    pub(super) fn first(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a key.
    pub(super) fn all(&self, key: &str) -> Vec<String> {
        self.0.iter().filter(|(name, _)| name == key).map(|(_, value)| value.clone()).collect()
    }

    /// Parses `pageSize` (1 to 100) and `pageMarker`. A marker is the number that this simulator issued.
    pub(super) fn page(&self, default: usize) -> Result<PageRequest, ApiError> {
        let size = match self.first("pageSize") {
            None => default,
            Some(text) => match text.parse() {
                Ok(size @ 1..=100) => size,
                _ => return Err(ApiError::invalid_field("pageSize", "must be between 1 and 100")),
            },
        };
        let marker = match self.first("pageMarker") {
            None => None,
            Some(text) => match text.strip_prefix("p-").and_then(|n| n.parse().ok()) {
                Some(marker) => Some(marker),
                None => return Err(ApiError::invalid_field("pageMarker", "is not a marker of this list")),
            },
        };
        Ok(PageRequest { size, marker })
    }
}

/// Requested part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageRequest {
    pub(super) size: usize,
    pub(super) marker: Option<u64>,
}

impl PageRequest {
    /// Returns the list body of this page. `items` are newest first, with descending numbers; items at or above the
    /// marker were on earlier pages. The body has a marker only if more items follow.
    pub(super) fn newest_first(self, items: impl Iterator<Item = (u64, Value)>) -> Value {
        let mut rest = items.filter(|(number, _)| self.marker.is_none_or(|marker| *number < marker));
        let taken: Vec<(u64, Value)> = rest.by_ref().take(self.size).collect();
        let more = rest.next().is_some();
        let last = taken.last().map(|(number, _)| *number);
        let mut body = json!({
            "pageSize": self.size,
            "items": taken.into_iter().map(|(_, item)| item).collect::<Vec<_>>(),
        });
        if let (true, Some(last), Value::Object(map)) = (more, last, &mut body) {
            map.insert("nextPageMarker".to_owned(), Value::String(format!("p-{last}")));
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_newest_first_has_marker_until_last_page() {
        let items = || (0..5u64).rev().map(|n| (n, json!(n)));
        let first = PageRequest { size: 2, marker: None }.newest_first(items());
        assert_eq!(first["items"], json!([4, 3]));
        let marker = QueryParams::parse(format!("pageMarker={}", first["nextPageMarker"].as_str().unwrap()).as_bytes());
        let second = marker.page(2).unwrap().newest_first(items());
        assert_eq!(second["items"], json!([2, 1]));
        let last = PageRequest { size: 2, marker: Some(1) }.newest_first(items());
        assert_eq!(last["items"], json!([0]));
        assert!(last.get("nextPageMarker").is_none());
    }

    #[test]
    fn page_size_outside_1_to_100_is_rejected() {
        assert!(QueryParams::parse(b"pageSize=101").page(50).is_err());
        assert!(QueryParams::parse(b"pageSize=0").page(50).is_err());
        assert_eq!(QueryParams::parse(b"").page(50).unwrap(), PageRequest { size: 50, marker: None });
    }
}
