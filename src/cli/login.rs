//! `poprelay login`: one human consents once, in a browser; the refresh token ends up in the token file. Works with a browser
//! here (`listener`) and without one (the redirected address is pasted); `answer` reads what comes back either way.

mod answer;
mod listener;
#[cfg(test)]
mod tests;

use super::{Failure, Outcome};
use crate::{
    daemon::{
        config::{self, Config},
        network,
    },
    goto::{
        oauth::{Client, Error as OauthError, ProofKey, SCOPES, VOICEMAIL_SCOPE, unguessable},
        token_file::{self, Kept},
    },
    model::time::Timestamp,
};
use answer::read_pasted;
use anyhow::anyhow;
use listener::{heard, listen};
use std::{
    fs::DirBuilder,
    io::{self, BufRead as _, Write},
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
    process::Stdio,
    time::Duration,
};
use tokio::sync::mpsc;
use url::Url;

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
        scopes: if chosen.voicemail { format!("{SCOPES} {VOICEMAIL_SCOPE}") } else { SCOPES.to_owned() },
        token_file: config::token_file(&state_dir, &chosen.name),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&state_dir).map_err(|error| Failure::new(74, error))?;
    run(args, &login, &network.http).await
}

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
