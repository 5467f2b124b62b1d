//! One POST, and what became of it. No opinions: [`table`](super::table) has them.
//!
//! The URL is the secret. It goes out as it was given: path and query keep their escapes (`%2F`), their case and their
//! slashes. The URL standard changes three things that no chat's URL depends on: `:443` of an `https:` URL is its default
//! and does not appear in `Host`; a fragment is never sent; what may not stand in a URL at all (a blank, a quote) is
//! escaped.

use super::answer::{Answer, READ_API, READ_MOST, Reply, retry_after};
use crate::model::{secret::Secret, time::Timestamp};
use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, DATE, HeaderName, RETRY_AFTER},
};
use std::{error::Error, io, time::Duration};

/// A request's time in all, its answer included.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Posts `body` to `url`. The client must not follow redirects: a 3xx is an answer, and the URL is not carried elsewhere.
/// A connection should be given 5 s to stand, or its failure counts as a request without an answer.
/// `charset=utf-8` stands there because Teams counts UTF-16 without it, and halves its limit.
pub async fn post(http: &Client, url: &Secret, body: String) -> Answer {
    within(TIMEOUT, http, url, None, body).await
}

/// As [`post`], for an API that knows its caller by a token and whose answers are read whole.
pub async fn ask(http: &Client, url: &Secret, token: &Secret, body: String) -> Answer {
    within(TIMEOUT, http, url, Some(token), body).await
}

async fn within(timeout: Duration, http: &Client, url: &Secret, token: Option<&Secret>, body: String) -> Answer {
    let Ok(url) = reqwest::Url::parse(url.expose()) else { return Answer::Unusable };
    let mut request =
        http.post(url).header(CONTENT_TYPE, "application/json; charset=utf-8").timeout(timeout).body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token.expose());
    }
    match request.send().await {
        Ok(response) => reply(response, if token.is_some() { READ_API } else { READ_MOST }).await,
        Err(error) => failed(error),
    }
}

async fn reply(mut response: Response, most: usize) -> Answer {
    let text = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after = text(RETRY_AFTER).and_then(|asked| retry_after(asked, text(DATE), Timestamp::now()));
    let status = response.status().as_u16();
    let mut bytes: Vec<u8> = Vec::new();
    let mut whole = true;
    while bytes.len() < most {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend(chunk.iter().take(most - bytes.len())),
            Ok(None) => break,
            Err(_) => {
                whole = false;
                break;
            }
        }
    }
    Answer::Reply(Reply { status, retry_after, body: String::from_utf8_lossy(&bytes).into_owned(), whole })
}

fn failed(error: reqwest::Error) -> Answer {
    let error = error.without_url();
    let why = deepest(&error).to_string();
    if error.is_builder() {
        Answer::Unusable
    } else if is_certificate(&error) {
        Answer::Untrusted(why)
    } else if error.is_connect() {
        Answer::Unsent(why)
    } else {
        Answer::Unsure(why)
    }
}

/// The outer errors only say where ("client error (Connect)"); the innermost says why.
fn deepest<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}

fn is_certificate(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))))
}

/// An error and its causes. An [`io::Error`]'s `source` steps over the error that it holds, and rustls' verdict travels
/// inside two of them.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        held.map_or_else(|| error.source(), |held| Some(held as &(dyn Error + 'static)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::tests::sockets::{certificate_of_nobody, client, closed_port, first_line, raw};
    use std::time::Instant;

    async fn ask(url: &str, timeout: Duration) -> Answer {
        within(timeout, &client(), &Secret::new(url), None, "{}".to_owned()).await
    }

    async fn answered(answer: &'static [u8]) -> Answer {
        let (base, _) = raw(answer, 0).await;
        ask(&base, Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn an_answer_is_read_with_its_status_and_what_it_asks_for() {
        let answer = answered(b"HTTP/1.1 429 x\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow").await;
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(answer, Answer::Reply(Reply { status: 429, retry_after, body: "slow".into(), whole: true }));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_nobody_goes_there() {
        let answer =
            answered(b"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/steal\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(answer.status(), Some(302));
    }

    #[tokio::test]
    async fn of_a_hundred_megabytes_four_kilobytes_are_read() {
        let (base, sent) = raw(b"HTTP/1.1 200 x\r\nContent-Length: 104857600\r\n\r\n", 104_857_600).await;
        let began = Instant::now();
        let Answer::Reply(reply) = ask(&base, Duration::from_secs(5)).await else { panic!() };
        assert_eq!((reply.status, reply.body.len(), reply.whole), (200, READ_MOST, true));
        assert!(began.elapsed() < Duration::from_secs(4));
        assert!(sent.await.unwrap() < 50_000_000, "the rest must not be taken");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_or_never_ends_keeps_its_status_and_is_marked() {
        for answer in [
            b"HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\no".as_slice(),
            b"HTTP/1.1 200 x\r\nContent-Length: 9\r\nX-Test: hold\r\n\r\no".as_slice(),
        ] {
            let (base, _) = raw(answer, 0).await;
            let answer = ask(&base, Duration::from_millis(400)).await;
            let reply = Reply { status: 200, retry_after: None, body: "o".into(), whole: false };
            assert_eq!(answer, Answer::Reply(reply));
        }
    }

    #[tokio::test]
    async fn silence_and_a_hang_up_after_the_request_are_unsure() {
        for answer in [b"".as_slice(), b"X-Test: hold".as_slice(), b"garbage\r\n\r\n".as_slice()] {
            let (base, _) = raw(answer, 0).await;
            let answer = ask(&base, Duration::from_millis(400)).await;
            assert!(matches!(answer, Answer::Unsure(_)), "{answer:?}");
        }
    }

    #[tokio::test]
    async fn what_never_connected_was_never_sent() {
        let answer = ask(&closed_port().await, Duration::from_secs(5)).await;
        let Answer::Unsent(why) = answer else { panic!("{answer:?}") };
        assert!(why.contains("refused"), "{why}");
        let answer = ask("http://nowhere.invalid/x", Duration::from_secs(60)).await;
        assert!(matches!(answer, Answer::Unsent(_)), "{answer:?}");
        // A server that talks no TLS: the handshake fails, but not for its certificate.
        let (base, _) = raw(b"HTTP/1.1 400 x\r\n\r\n", 0).await;
        let answer = ask(&base.replace("http:", "https:"), Duration::from_secs(5)).await;
        assert!(matches!(answer, Answer::Unsent(_)), "{answer:?}");
    }

    #[tokio::test]
    async fn a_certificate_of_nobody_is_told_apart_from_a_failed_connection() {
        let answer = ask(&certificate_of_nobody(), Duration::from_secs(5)).await;
        assert!(matches!(answer, Answer::Untrusted(_)), "{answer:?}");
    }

    #[tokio::test]
    async fn what_is_no_url_is_unusable() {
        for url in ["", "hooks.slack.com/services", "ftp://x/y", "http://"] {
            assert_eq!(ask(url, Duration::from_secs(1)).await, Answer::Unusable, "{url}");
        }
    }

    #[tokio::test]
    async fn path_and_query_go_out_byte_for_byte() {
        let opaque = "/powerautomate/direct/Workflows/ab%2Fcd/paths/invoke/?api-version=1&sp=%2Ftriggers%2Fmanual\
                      %2Frun&sv=1.0&sig=A-b_c~%2B%3d==&empty=&+plus";
        let line =
            first_line(|base| async move { ask(&format!("{base}{opaque}"), Duration::from_secs(5)).await }).await;
        assert_eq!(line, format!("POST {opaque} HTTP/1.1"));
        // What the URL standard does change: see the top of this file.
        let url = reqwest::Url::parse("https://a.logic.azure.com:443/w?sig=a'b#top").unwrap();
        assert_eq!(url.as_str(), "https://a.logic.azure.com/w?sig=a%27b#top");
        assert_eq!(reqwest::Url::parse("https://x:8443/").unwrap().as_str(), "https://x:8443/");
    }

    #[tokio::test]
    async fn no_error_says_where_it_went() {
        let base = closed_port().await;
        let answer = ask(&format!("{base}/services/T0/B0/secretsecretsecret"), Duration::from_secs(5)).await;
        assert!(!format!("{answer:?}").contains("secretsecret"));
    }
}
