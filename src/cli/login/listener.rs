//! HTTP listener on the redirect URI's port: receives the browser's redirect and returns a page. Parsing is in
//! [`answer`](super::answer).

use super::answer::{RedirectResult, read_query};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri},
    response::Html,
};
use std::io;
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use url::{Host, Url};

/// Listener tasks and the receiver of their results.
pub(super) struct RedirectListener {
    answers: mpsc::Receiver<RedirectResult>,
    _serving: JoinSet<()>,
}

/// Returns the next answer; `None` without a listener.
pub(super) async fn next_answer(browser: &mut Result<RedirectListener, String>) -> Option<RedirectResult> {
    match browser {
        Ok(browser) => browser.answers.recv().await,
        Err(_) => None,
    }
}

/// Listens on the redirect URI if it points to this machine; otherwise returns the reason.
pub(super) async fn listen(redirect_uri: &Url, state: &str) -> Result<RedirectListener, String> {
    let port = redirect_uri.port_or_known_default().unwrap_or(80);
    let hosts: &[&str] = match (redirect_uri.scheme(), redirect_uri.host()) {
        ("http", Some(Host::Domain("localhost"))) => &["127.0.0.1", "::1"],
        ("http", Some(Host::Ipv4(ip))) if ip.is_loopback() => &["127.0.0.1"],
        ("http", Some(Host::Ipv6(ip))) if ip.is_loopback() => &["::1"],
        _ => return Err("the redirect URI is not an http address of this machine".to_owned()),
    };
    let (answer_sender, answers) = mpsc::channel(4);
    let mut serving = JoinSet::new();
    let mut failed = None;
    for host in hosts {
        match TcpListener::bind((*host, port)).await {
            Ok(listener) => {
                let path = redirect_uri.path().to_owned();
                let state = ListenerState { path, state: state.to_owned(), answers: answer_sender.clone() };
                let app = Router::new().fallback(handle_redirect).with_state(state);
                serving.spawn(async move { drop(axum::serve(listener, app).await) });
            }
            // A machine without IPv6 has no ::1. A port in use on one address is an error: the browser may use that address.
            Err(reason) if reason.kind() == io::ErrorKind::AddrNotAvailable => {}
            Err(reason) => failed = Some(reason),
        }
    }
    match failed {
        Some(reason) if reason.kind() == io::ErrorKind::AddrInUse => {
            Err(format!("port {port} is in use by another program"))
        }
        Some(reason) => Err(format!("cannot listen on port {port}: {reason}")),
        None if serving.is_empty() => Err(format!("cannot listen on port {port}: no loopback address")),
        None => Ok(RedirectListener { answers, _serving: serving }),
    }
}

/// State shared with the request handler.
#[derive(Clone)]
struct ListenerState {
    path: String,
    state: String,
    answers: mpsc::Sender<RedirectResult>,
}

/// Handles any path and compares it with the redirect URI: the router would parse some paths as patterns.
async fn handle_redirect(State(state): State<ListenerState>, uri: Uri) -> (StatusCode, Html<&'static str>) {
    let answer =
        (uri.path() == state.path).then(|| read_query(uri.query().unwrap_or_default(), &state.state)).flatten();
    let Some(answer) = answer else {
        return (
            StatusCode::BAD_REQUEST,
            Html("<!doctype html><title>poprelay</title><p>This URL has no authorization code."),
        );
    };
    let (status, page) = match &answer {
        Ok(_) => (
            StatusCode::OK,
            "<!doctype html><meta charset=utf-8><title>poprelay</title><body style='font:1.2em sans-serif;margin:4em'>\
             <h1>Thank you.</h1><p>poprelay has received the consent. You can close this page and return to the terminal.",
        ),
        Err(_) => (
            StatusCode::FORBIDDEN,
            "<!doctype html><meta charset=utf-8><title>poprelay</title><body style='font:1.2em sans-serif;margin:4em'>\
             <h1>The login failed.</h1><p>The terminal shows the reason.",
        ),
    };
    // A second answer may find the receiver gone or full; only the first one counts.
    let _ = state.answers.try_send(answer);
    (status, Html(page))
}
