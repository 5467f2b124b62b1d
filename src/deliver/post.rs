//! One POST, and what became of it. No opinions: [`table`](super::table) has them.
//!
//! The URL is the secret. It goes out as it was given: path and query keep their escapes (`%2F`), their case and their
//! slashes. Two things the URL standard changes, neither of which a chat can see: `:443` of an `https:` URL is its
//! default and does not appear in `Host`, and a fragment is never sent.

use super::answer::{Answer, READ_MOST, Reply, retry_after};
use crate::model::{secret::Secret, time::Timestamp};
use reqwest::{
    Client, ClientBuilder, Response,
    header::{CONTENT_TYPE, DATE, HeaderName, RETRY_AFTER},
    redirect::Policy,
};
use std::{error::Error, io, time::Duration};

/// A request's time in all, its answer included.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// The part of it for a connection: DNS, TCP and TLS.
const CONNECT: Duration = Duration::from_secs(5);
/// An idle connection is kept so long: less than servers do (60 s and more), as a request that meets the server's
/// closing ends unknown, and an unknown end may become a duplicate.
const KEEP_IDLE: Duration = Duration::from_secs(30);

/// What a client for posts has to be: redirects are answers, never followed.
pub fn client() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(KEEP_IDLE)
        .user_agent(concat!("poprelay/", env!("CARGO_PKG_VERSION")))
}

/// Posts `body` to `url`. `charset=utf-8` stands there because Teams counts UTF-16 without it, and halves its limit.
pub async fn post(http: &Client, url: &Secret, body: String) -> Answer {
    let Ok(url) = reqwest::Url::parse(url.expose()) else { return Answer::Unusable };
    let request = http.post(url).header(CONTENT_TYPE, "application/json; charset=utf-8").timeout(TIMEOUT).body(body);
    match request.send().await {
        Ok(response) => reply(response).await,
        Err(error) => failed(error),
    }
}

async fn reply(mut response: Response) -> Answer {
    let text = |name: HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after = text(RETRY_AFTER).and_then(|asked| retry_after(asked, text(DATE), Timestamp::now()));
    let status = response.status().as_u16();
    let mut bytes: Vec<u8> = Vec::new();
    let mut whole = true;
    while bytes.len() < READ_MOST {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend(chunk.iter().take(READ_MOST - bytes.len())),
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
    std::iter::successors(Some(error), |&error| error.source()).last().unwrap_or(error)
}

/// rustls' verdict travels inside an [`io::Error`], whose `source` steps over what it holds.
fn is_certificate(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|error| {
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = error.downcast_ref::<rustls::Error>().or_else(|| held.and_then(|held| held.downcast_ref()));
        matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
    })
}
