//! Reads parts of a response that every service sends alike: a body within a bound, and `Retry-After`.

use reqwest::{
    Response,
    header::{DATE, HeaderMap, HeaderName, RETRY_AFTER},
};
use std::time::{Duration, SystemTime};

/// A body as far as it was read.
#[derive(Debug)]
pub struct Body {
    /// At most the requested number of bytes.
    pub bytes: Vec<u8>,
    /// Reason for which reading ended.
    pub end: BodyEnd,
}

/// Reason for which the reading of a body ended.
#[derive(Debug)]
pub enum BodyEnd {
    /// The body is whole.
    Whole,
    /// The body is longer than the bound; the rest was not read.
    TooLong,
    /// The connection ended before the body. The error contains no URL.
    CutShort(reqwest::Error),
}

/// Error of a body that must be whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection ended before the body.
    #[error("response body is cut short")]
    CutShort(#[source] reqwest::Error),
    /// The body exceeds its bound.
    #[error("response body is too long")]
    TooLong,
}

impl Body {
    /// Returns the bytes of a whole body.
    ///
    /// # Errors
    /// [`BodyError`] for a part of a body.
    pub fn whole(self) -> Result<Vec<u8>, BodyError> {
        match self.end {
            BodyEnd::Whole => Ok(self.bytes),
            BodyEnd::TooLong => Err(BodyError::TooLong),
            BodyEnd::CutShort(error) => Err(BodyError::CutShort(error)),
        }
    }
}

/// Reads a body of up to `max_bytes`. A longer one is cut there, and the rest is not read.
pub async fn read_body(mut response: Response, max_bytes: usize) -> Body {
    let mut bytes = Vec::new();
    let end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = max_bytes - bytes.len();
                bytes.extend(chunk.iter().take(room));
                if chunk.len() > room {
                    break BodyEnd::TooLong;
                }
            }
            Ok(None) => break BodyEnd::Whole,
            Err(error) => break BodyEnd::CutShort(error.without_url()),
        }
    };
    Body { bytes, end }
}

/// Parses `Retry-After`: seconds or an HTTP date, not clamped. A date is compared with the `Date` of the same response, so
/// that a wrong local clock causes no wrong wait. Without a `Date` it is compared with `now`.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let stated = text(RETRY_AFTER)?;
    if let Ok(seconds) = stated.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = httpdate::parse_http_date(stated).ok()?;
    let from = text(DATE).and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    Some(at.duration_since(from).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(stated: &str, date: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, stated.parse().unwrap());
        date.map(|date| headers.insert(DATE, date.parse().unwrap()));
        retry_after(&headers, httpdate::parse_http_date("Mon, 23 Nov 2026 18:00:00 GMT").unwrap())
    }

    #[test]
    fn retry_after_seconds_or_date_relative_to_response_date() {
        let date = "Mon, 23 Nov 2026 18:00:30 GMT";
        assert_eq!(parse("7", None), Some(Duration::from_secs(7)));
        assert_eq!(parse(" 0.5 ", None), Some(Duration::from_millis(500)));
        assert_eq!(parse(date, None), Some(Duration::from_secs(30)));
        assert_eq!(parse(date, Some("Mon, 23 Nov 2026 18:00:20 GMT")), Some(Duration::from_secs(10)));
        assert_eq!(parse("Mon, 23 Nov 2020 18:00:30 GMT", None), Some(Duration::ZERO));
        for nonsense in ["", "soon", "-1", "NaN", "inf", "1e300"] {
            assert_eq!(parse(nonsense, None), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::UNIX_EPOCH), None);
    }

    fn response(body: &'static str) -> Response {
        Response::from(axum::http::Response::new(body))
    }

    #[tokio::test]
    async fn read_body_reads_up_to_bound() {
        assert_eq!(read_body(response("four"), 4).await.whole().unwrap(), b"four");
        let cut = read_body(response("longer"), 4).await;
        assert_eq!(cut.bytes, b"long");
        assert!(matches!(cut.whole(), Err(BodyError::TooLong)));
        assert_eq!(read_body(response(""), 0).await.whole().unwrap(), b"");
    }
}
