//! The listener on the redirect URI's port: it hears the browser come back, and thanks it. What the address says is
//! read in [`answer`](super::answer).

use super::answer::{Answer, read_query};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri},
    response::Html,
};
use std::io;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use url::{Host, Url};

/// Its tasks, and what they hear.
pub(super) struct Browser {
    answers: mpsc::Receiver<Answer>,
    _serving: JoinSet<()>,
}

/// The next answer; `None` if nobody listens.
pub(super) async fn heard(browser: &mut Result<Browser, String>) -> Option<Answer> {
    match browser {
        Ok(browser) => browser.answers.recv().await,
        Err(_) => None,
    }
}

/// Listens where the redirect URI points, if that is this machine. The error says why not.
pub(super) async fn listen(redirect_uri: &Url, state: &str) -> Result<Browser, String> {
    let port = redirect_uri.port_or_known_default().unwrap_or(80);
    let hosts: &[&str] = match (redirect_uri.scheme(), redirect_uri.host()) {
        ("http", Some(Host::Domain("localhost"))) => &["127.0.0.1", "::1"],
        ("http", Some(Host::Ipv4(ip))) if ip.is_loopback() => &["127.0.0.1"],
        ("http", Some(Host::Ipv6(ip))) if ip.is_loopback() => &["::1"],
        _ => return Err("the redirect URI is not an http address of this machine".to_owned()),
    };
    let (answers_in, answers) = mpsc::channel(4);
    let mut serving = JoinSet::new();
    let mut failed = None;
    for host in hosts {
        match TcpListener::bind((*host, port)).await {
            Ok(listener) => {
                let path = redirect_uri.path().to_owned();
                let here = Here { path, state: state.to_owned(), answers: answers_in.clone() };
                let app = Router::new().fallback(redirected).with_state(here);
                serving.spawn(async move { drop(axum::serve(listener, app).await) });
            }
            // A machine without IPv6 has no ::1; a port that is taken on either may be the one the browser comes to.
            Err(why) if why.kind() == io::ErrorKind::AddrNotAvailable => {}
            Err(why) => failed = Some(why),
        }
    }
    match failed {
        Some(why) if why.kind() == io::ErrorKind::AddrInUse => Err(format!("port {port} is in use by another program")),
        Some(why) => Err(format!("port {port} cannot be listened on: {why}")),
        None if serving.is_empty() => Err(format!("port {port} cannot be listened on: no loopback address")),
        None => Ok(Browser { answers, _serving: serving }),
    }
}

/// What the listener knows.
#[derive(Clone)]
struct Here {
    path: String,
    state: String,
    answers: mpsc::Sender<Answer>,
}

/// Takes any path and compares itself: a redirect URI may have a path that the router would read as a pattern.
async fn redirected(State(here): State<Here>, uri: Uri) -> (StatusCode, Html<&'static str>) {
    let answer = (uri.path() == here.path).then(|| read_query(uri.query().unwrap_or_default(), &here.state)).flatten();
    let Some(answer) = answer else {
        return (
            StatusCode::BAD_REQUEST,
            Html("<!doctype html><title>poprelay</title><p>There is no answer in this address."),
        );
    };
    let (status, page) = match &answer {
        Ok(_) => (
            StatusCode::OK,
            "<!doctype html><meta charset=utf-8><title>poprelay</title><body style='font:1.2em sans-serif;margin:4em'>\
             <h1>Thank you.</h1><p>poprelay has heard you. You can close this page and go back to the terminal.",
        ),
        Err(_) => (
            StatusCode::FORBIDDEN,
            "<!doctype html><meta charset=utf-8><title>poprelay</title><body style='font:1.2em sans-serif;margin:4em'>\
             <h1>That did not work.</h1><p>The terminal says why.",
        ),
    };
    // A second answer finds the receiver gone or full: the first one counts.
    let _ = here.answers.try_send(answer);
    (status, Html(page))
}
