//! Sends one POST and returns its result. Contains no policy; the [`table`](super::table) does.
//!
//! The URL is the secret and is sent unchanged: path and query keep their escapes (`%2F`), case and slashes. The URL standard
//! makes three changes that no chat depends on. The default port `:443` is left out of `Host`, a fragment is not sent, and
//! invalid characters (blank, quote) are escaped.

use super::{
    chats::Request,
    response::{Failure, HttpResponse, MAX_API_BODY_BYTES, MAX_BODY_BYTES, PostResult},
};
use crate::{
    model::{secret::Secret, time::Timestamp},
    runtime::http::{self, BodyEnd, NetworkFault},
};
use reqwest::{Client, Response, header::CONTENT_TYPE};
use std::time::Duration;

/// Timeout of one request, including the response body.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Posts `body` to `url`. The client must not follow redirects: a 3xx is a response, and the URL stays with its host.
/// The client's connect timeout must be below [`REQUEST_TIMEOUT`] (5 s), or a failed connect counts as
/// [`PostResult::NoResponse`]. Without `charset=utf-8` Teams counts UTF-16 and halves its size limit.
pub async fn post(client: &Client, url: &Secret, body: String) -> PostResult {
    send(REQUEST_TIMEOUT, client, url, None, body).await
}

/// Posts like [`post`], with a bearer token and the larger body limit of an API.
pub async fn post_with_token(client: &Client, url: &Secret, token: &Secret, body: String) -> PostResult {
    send(REQUEST_TIMEOUT, client, url, Some(token), body).await
}

/// Calls a method of an API that takes a form, with a bearer token.
pub async fn post_form(
    client: &Client,
    api: &Secret,
    method: &str,
    token: &Secret,
    arguments: &[(&str, &str)],
) -> PostResult {
    let Ok(url) = reqwest::Url::parse(&format!("{}/{method}", api.expose().trim_end_matches('/'))) else {
        return PostResult::InvalidUrl;
    };
    let request = client.post(url).bearer_auth(token.expose()).form(arguments).timeout(REQUEST_TIMEOUT);
    match request.send().await {
        Ok(response) => read_response(response, MAX_API_BODY_BYTES).await,
        Err(error) => classify_error(error),
    }
}

/// Sends a request of a chat.
pub async fn send_request(client: &Client, request: Request) -> PostResult {
    let Ok(url) = reqwest::Url::parse(request.url.expose()) else { return PostResult::InvalidUrl };
    let mut builder = client
        .request(request.method, url)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .timeout(REQUEST_TIMEOUT)
        .body(request.body);
    for (name, value) in &request.headers {
        builder = builder.header(name, value.expose());
    }
    match builder.send().await {
        Ok(response) => read_response(response, request.max_response_bytes).await,
        Err(error) => classify_error(error),
    }
}

async fn send(timeout: Duration, client: &Client, url: &Secret, token: Option<&Secret>, body: String) -> PostResult {
    let Ok(url) = reqwest::Url::parse(url.expose()) else { return PostResult::InvalidUrl };
    let mut request =
        client.post(url).header(CONTENT_TYPE, "application/json; charset=utf-8").timeout(timeout).body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token.expose());
    }
    match request.send().await {
        Ok(response) => {
            read_response(response, if token.is_some() { MAX_API_BODY_BYTES } else { MAX_BODY_BYTES }).await
        }
        Err(error) => classify_error(error),
    }
}

async fn read_response(response: Response, max_bytes: usize) -> PostResult {
    let retry_after = http::retry_after(response.headers(), Timestamp::now().into());
    let status = response.status().as_u16();
    let body = http::read_body(response, max_bytes).await;
    PostResult::Response(HttpResponse {
        status,
        retry_after,
        body: String::from_utf8_lossy(&body.bytes).into_owned(),
        complete: !matches!(body.end, BodyEnd::CutShort(_)),
    })
}

/// Returns the result of a request without a response.
pub(super) fn classify_error(error: reqwest::Error) -> PostResult {
    let error = error.without_url();
    let fault = NetworkFault::of(&error);
    let failure = Failure { fault: Some(fault), text: format!("{fault} ({})", http::root_cause(&error)) };
    if error.is_builder() {
        return PostResult::InvalidUrl;
    }
    match fault {
        NetworkFault::CertificateExpired
        | NetworkFault::CertificateIssuer
        | NetworkFault::CertificateName
        | NetworkFault::Certificate => PostResult::BadCertificate(failure),
        _ if error.is_connect() => PostResult::NotSent(failure),
        _ => PostResult::NoResponse(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::tests::sockets::{client, closed_port, first_line, raw, untrusted_server};

    async fn post_with_token(url: &str, timeout: Duration) -> PostResult {
        send(timeout, &client(), &Secret::new(url), None, "{}".to_owned()).await
    }

    async fn respond_with(answer: &'static [u8]) -> PostResult {
        let (base, _) = raw(answer, 0).await;
        post_with_token(&base, Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn post_response_returns_status_body_and_retry_after() {
        let answer = respond_with(b"HTTP/1.1 429 x\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow").await;
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(
            answer,
            PostResult::Response(HttpResponse { status: 429, retry_after, body: "slow".into(), complete: true })
        );
    }

    #[tokio::test]
    async fn post_redirect_is_not_followed() {
        let answer =
            respond_with(b"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/steal\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(answer.status(), Some(302));
    }

    #[tokio::test]
    async fn post_huge_body_is_read_up_to_limit() {
        let (base, sent) = raw(b"HTTP/1.1 200 x\r\nContent-Length: 104857600\r\n\r\n", 104_857_600).await;
        let PostResult::Response(reply) = post_with_token(&base, Duration::from_secs(5)).await else { panic!() };
        assert_eq!((reply.status, reply.body.len(), reply.complete), (200, MAX_BODY_BYTES, true));
        assert!(sent.await.unwrap() < 50_000_000, "the client must not read the rest");
    }

    #[tokio::test]
    async fn post_truncated_body_keeps_status_and_is_marked_incomplete() {
        for answer in [
            b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\no".as_slice(),
            b"HTTP/1.1 200 x\r\nContent-Length: 9\r\nX-Test: hold\r\n\r\no".as_slice(),
        ] {
            let (base, _) = raw(answer, 0).await;
            let answer = post_with_token(&base, Duration::from_millis(400)).await;
            let reply = HttpResponse { status: 200, retry_after: None, body: "o".into(), complete: false };
            assert_eq!(answer, PostResult::Response(reply));
        }
    }

    #[tokio::test]
    async fn post_silence_or_hang_up_is_no_response() {
        for answer in [b"".as_slice(), b"X-Test: hold".as_slice(), b"garbage\r\n\r\n".as_slice()] {
            let (base, _) = raw(answer, 0).await;
            let answer = post_with_token(&base, Duration::from_millis(400)).await;
            assert!(matches!(answer, PostResult::NoResponse(_)), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn post_without_connection_is_not_sent() {
        let answer = post_with_token(&closed_port().await, Duration::from_secs(5)).await;
        let PostResult::NotSent(failure) = answer else { panic!("{answer:?}") };
        assert!(failure.text.contains("refused") && failure.fault == Some(NetworkFault::Refused), "{failure:?}");
        let answer = post_with_token("http://nowhere.invalid/x", Duration::from_secs(60)).await;
        assert!(matches!(answer, PostResult::NotSent(_)), "{answer:?}");
        // A server without TLS: the handshake fails, but not because of the certificate.
        let (base, _) = raw(b"HTTP/1.1 400 x\r\n\r\n", 0).await;
        let answer = post_with_token(&base.replace("http:", "https:"), Duration::from_secs(5)).await;
        assert!(matches!(answer, PostResult::NotSent(_)), "{answer:?}");
    }

    #[tokio::test]
    async fn post_invalid_certificate_is_bad_certificate() {
        let answer = post_with_token(&untrusted_server(), Duration::from_secs(5)).await;
        assert!(matches!(answer, PostResult::BadCertificate(_)), "{answer:?}");
        // The certificate is that of an authority, not of a server.
        assert_eq!(answer.fault(), Some(NetworkFault::Certificate));
    }

    #[tokio::test]
    async fn post_invalid_url_is_rejected() {
        for url in ["", "hooks.slack.com/services", "ftp://x/y", "http://"] {
            assert_eq!(post_with_token(url, Duration::from_secs(1)).await, PostResult::InvalidUrl, "{url}");
        }
    }

    #[tokio::test]
    async fn post_path_and_query_are_sent_unchanged() {
        let opaque = "/powerautomate/direct/Workflows/ab%2Fcd/paths/invoke/?api-version=1&sp=%2Ftriggers%2Fmanual\
                      %2Frun&sv=1.0&sig=A-b_c~%2B%3d==&empty=&+plus";
        let line =
            first_line(|base| async move { post_with_token(&format!("{base}{opaque}"), Duration::from_secs(5)).await })
                .await;
        assert_eq!(line, format!("POST {opaque} HTTP/1.1"));
        // The URL standard changes these: see the module docs.
        let url = reqwest::Url::parse("https://a.logic.azure.com:443/w?sig=a'b#top").unwrap();
        assert_eq!(url.as_str(), "https://a.logic.azure.com/w?sig=a%27b#top");
        assert_eq!(reqwest::Url::parse("https://x:8443/").unwrap().as_str(), "https://x:8443/");
    }

    #[tokio::test]
    async fn post_error_does_not_contain_url() {
        let base = closed_port().await;
        let answer =
            post_with_token(&format!("{base}/services/T0/B0/secretsecretsecret"), Duration::from_secs(5)).await;
        assert!(!format!("{answer:?}").contains("secretsecret"));
    }
}
