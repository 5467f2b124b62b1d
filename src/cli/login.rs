//! `poprelay login`: one human consents once, in a browser; the refresh token ends up in the token file. Works with a browser
//! here (a listener on the redirect URI's port) and without one (the redirected address is pasted).

use super::{Failure, Outcome};
use crate::{
    daemon::{
        config::{self, Config},
        network,
    },
    goto::{
        oauth::{Client, Error as OauthError, ProofKey, SCOPES, unguessable},
        token_file::{self, Kept},
    },
    model::{secret::Secret, time::Timestamp},
};
use anyhow::anyhow;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri},
    response::Html,
};
use std::{
    fs::DirBuilder,
    io::{self, BufRead as _, Write},
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
    process::Stdio,
    time::Duration,
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinSet};
use url::{Host, Url};

/// A login page, a password, a second factor, a consent: five minutes.
const WITHIN: Duration = Duration::from_secs(300);
/// Longest line that is read: codes have up to 4096 characters, and an address around them.
const LONGEST_LINE: usize = 16 * 1024;

/// `poprelay login`
#[derive(Debug, Clone, clap::Args)]
pub struct LoginArgs {
    /// Which connection of the config; needed when there are several
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Do not listen for the browser: paste the address it was sent to
    #[arg(long)]
    pub paste: bool,
}

/// What a login needs of the config.
#[derive(Debug, Clone)]
pub struct Login {
    /// The OAuth client, and where it is known.
    pub client: Client,
    /// As registered with the client, to the letter.
    pub redirect_uri: Url,
    /// What to ask for: [`crate::goto::oauth::SCOPES`].
    pub scopes: String,
    /// Where the token goes.
    pub token_file: PathBuf,
}

/// Logs in one connection of a config.
///
/// # Errors
/// 64 if it is not said which connection; as [`run`] otherwise.
pub async fn of(args: &LoginArgs, config: Config) -> Outcome {
    let state_dir = config.state_dir;
    let names: Vec<String> = config.connections.iter().map(|it| it.name.to_string()).collect();
    let mut fits =
        config.connections.into_iter().filter(|it| args.connection.as_deref().is_none_or(|n| n == it.name.as_str()));
    let (Some(chosen), None) = (fits.next(), fits.next()) else {
        return Err(Failure::usage(format!("say which connection: --connection {}", names.join(" or "))));
    };
    let network = network::open().map_err(Failure::unavailable)?;
    let login = Login {
        client: Client { id: chosen.client_id, secret: chosen.client_secret, auth_url: chosen.auth_url },
        redirect_uri: chosen.redirect_uri,
        scopes: SCOPES.to_owned(),
        token_file: config::token_file(&state_dir, &chosen.name),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&state_dir).map_err(|error| Failure::new(74, error))?;
    run(args, &login, &network.http).await
}

/// What the browser brought back.
type Answer = Result<Secret, Failure>;

/// Logs in, talking to the terminal.
///
/// # Errors
/// 65 for an answer that is none, 69 for no answer, 74 when the token cannot be kept, 77 for a refusal.
pub async fn run(args: &LoginArgs, login: &Login, http: &reqwest::Client) -> Outcome {
    attempt(login, http, args.paste, WITHIN, &mut io::stdout(), typed()).await
}

async fn attempt(
    login: &Login,
    http: &reqwest::Client,
    paste: bool,
    within: Duration,
    out: &mut (dyn Write + Send),
    mut typed: mpsc::Receiver<String>,
) -> Outcome {
    let (state, key) = (unguessable(), ProofKey::new());
    let authorize = login
        .client
        .authorize_url(&login.redirect_uri, &state, &key, &login.scopes)
        .ok_or_else(|| Failure::config(anyhow!("auth_url is no address that a path can follow")))?;
    let mut browser = if paste { Err("as you wish".to_owned()) } else { listen(&login.redirect_uri, &state).await };
    say(out, &format!("Open this address in a browser and allow access:\n\n  {authorize}\n"))?;
    match &browser {
        Ok(_) => {
            open_browser(&authorize);
            say(
                out,
                "Waiting for the browser. On another machine? Paste the address it ends at here, then press Enter.",
            )?;
        }
        Err(why) => say(
            out,
            &format!("Not listening for the browser ({why}). Paste the address it ends at here, then press Enter:"),
        )?,
    }
    let answer = async {
        loop {
            tokio::select! {
                Some(answer) = heard(&mut browser) => return answer,
                line = typed.recv() => match (line, &browser) {
                    (Some(line), _) if line.trim().is_empty() => {}
                    (Some(line), _) => return read_pasted(&line, &state),
                    (None, Err(why)) => return Err(Failure::unavailable(anyhow!("nothing was pasted, and nobody listens for the browser: {why}"))),
                    (None, Ok(_)) => {
                        let answer = heard(&mut browser).await;
                        return answer.unwrap_or_else(|| Err(Failure::unavailable(anyhow!("the listener ended"))));
                    }
                },
            }
        }
    };
    let code = tokio::time::timeout(within, answer).await.map_err(|_| {
        Failure::unavailable(anyhow!("nobody consented within {} s: run `poprelay login` again", within.as_secs()))
    })??;
    let tokens = login.client.exchange(http, &code, &login.redirect_uri, &key).await.map_err(refused)?;
    let Some(refresh_token) = tokens.refresh else {
        return Err(Failure::data(anyhow!(
            "GoTo gave no refresh token: is the client allowed the refresh_token grant?"
        )));
    };
    let kept = Kept { refresh_token, issued: Timestamp::now() };
    token_file::write(&login.token_file, &kept).map_err(|why| {
        Failure::new(
            74,
            anyhow::Error::new(why)
                .context(format!("the login worked, but not keeping it in {}", login.token_file.display())),
        )
    })?;
    say(out, &format!("Logged in. The token is in {}; a running daemon goes on by itself.", login.token_file.display()))
}

fn say(out: &mut dyn Write, text: &str) -> Outcome {
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|why| Failure::new(74, why))
}

fn refused(why: OauthError) -> Failure {
    let code = match &why {
        OauthError::Denied { .. } => 77,
        OauthError::Network(_) | OauthError::Status { .. } => 69,
        OauthError::Garbled => 65,
    };
    Failure::new(code, anyhow::Error::new(why).context("GoTo did not take the consent's code"))
}

/// The listener's tasks, and what they hear.
struct Browser {
    answers: mpsc::Receiver<Answer>,
    _serving: JoinSet<()>,
}

async fn heard(browser: &mut Result<Browser, String>) -> Option<Answer> {
    match browser {
        Ok(browser) => browser.answers.recv().await,
        Err(_) => None,
    }
}

/// Listens where the redirect URI points, if that is this machine. The error says why not.
async fn listen(redirect_uri: &Url, state: &str) -> Result<Browser, String> {
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

/// What a redirect says; `None` when it says nothing.
fn read_query(query: &str, state: &str) -> Option<Answer> {
    let of = |wanted: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let (code, error) = (of("code").filter(|code| !code.is_empty()), of("error"));
    if code.is_none() && error.is_none() {
        return None;
    }
    if of("state").as_deref() != Some(state) {
        return Some(Err(Failure::permission(anyhow!(
            "that answer belongs to another login (its state differs): run `poprelay login` again"
        ))));
    }
    Some(match (error.as_deref(), code) {
        (Some("access_denied"), _) => Err(Failure::permission(anyhow!("consent was denied in the browser"))),
        (Some(error), _) => {
            let shown: String = error.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
            Err(Failure::permission(anyhow!(
                "GoTo ended the login with the error {shown:?}: check client id, redirect URI and scopes"
            )))
        }
        (None, Some(code)) => Ok(Secret::new(code)),
        (None, None) => return None,
    })
}

/// A pasted line: the address the browser ended at, or the bare code.
fn read_pasted(line: &str, state: &str) -> Answer {
    let line = line.trim();
    let nothing =
        || Failure::data(anyhow!("no code in what was pasted: paste the whole address that the browser ended at"));
    match Url::parse(line) {
        Ok(url) => read_query(url.query().unwrap_or_default(), state).ok_or_else(nothing)?,
        Err(_) if !line.is_empty() && line.chars().all(|c| c.is_ascii_graphic()) => Ok(Secret::new(line)),
        Err(_) => Err(nothing()),
    }
}

/// Lines from the terminal, read on a thread of their own: a pending read must not hold up the end of the program.
fn typed() -> mpsc::Receiver<String> {
    let (lines, typed) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if line.len() > LONGEST_LINE || lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    typed
}

/// Best effort, on a desktop only; the address is on the terminal anyway.
fn open_browser(url: &Url) {
    let has_display =
        ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|it| !it.is_empty()));
    if has_display {
        let opened = tokio::process::Command::new("xdg-open")
            .arg(url.as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Err(error) = opened {
            tracing::debug!(%error, "no browser opened");
        }
    }
}

#[cfg(test)]
mod tests;
