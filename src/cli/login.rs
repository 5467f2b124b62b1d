//! `poprelay login`: gets a refresh token by a consent in the browser and stores the token file. A local browser returns to
//! `listener`; otherwise the operator pastes the redirected URL. `answer` parses both.

mod answer;
mod listener;
#[cfg(test)]
mod tests;

use super::{CliError, CliResult};
use crate::{
    config::{self, Config},
    goto::{
        self,
        oauth::{Client, Error as OauthError, PkceVerifier, Tokens, random_token},
        scopes::{self, Scope},
        token_file::{self, StoredToken},
    },
    model::{ids::ConnectionName, time::Timestamp},
    runtime::http::HttpStack,
};
use answer::read_pasted;
use anyhow::anyhow;
use listener::{listen, next_answer};
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

/// Timeout of a login: time for password, second factor and consent.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(300);
/// Maximum length of a pasted line: a code has up to 4096 characters, plus the URL around it.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// Arguments of `poprelay login`.
#[derive(Debug, Clone, clap::Args)]
pub struct LoginArgs {
    /// Connection to log in; required if the config has several
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// Do not listen for the browser; paste the redirected URL instead
    #[arg(long)]
    pub paste: bool,
    /// Request every scope of the OAuth client instead of those that the config needs
    #[arg(long)]
    pub client_scopes: bool,
}

/// Parameters of a login.
#[derive(Debug, Clone)]
pub struct Login {
    /// OAuth client and its authorization server.
    pub client: Client,
    /// Redirect URI, exactly as registered with the client.
    pub redirect_uri: Url,
    /// Name of the connection, for advice.
    pub connection: ConnectionName,
    /// Scopes that the config needs. GoTo grants exactly the requested ones.
    pub scopes: Vec<Scope>,
    /// API that lists the accounts; `None` if the config names them.
    pub accounts_api: Option<Url>,
    /// Destination of the token.
    pub token_file: PathBuf,
}

/// Logs in one connection of a config.
///
/// # Errors
/// 64 for an ambiguous connection, otherwise same as [`run`].
pub async fn login(args: &LoginArgs, config: Config) -> CliResult {
    let state_dir = config.state_dir;
    let names: Vec<String> = config.connections.iter().map(|item| item.name.to_string()).collect();
    let mut candidates = config
        .connections
        .into_iter()
        .filter(|item| args.connection.as_deref().is_none_or(|n| n == item.name.as_str()));
    let (Some(connection), None) = (candidates.next(), candidates.next()) else {
        return Err(CliError::usage(format!("select a connection: --connection {}", names.join(" or "))));
    };
    if connection.pat.is_some() {
        let text = format!("{} uses a personal access token (key pat): no login is needed", connection.name);
        return Err(CliError::usage(text));
    }
    let network = HttpStack::open(config.http.clone()).map_err(CliError::unavailable)?;
    let login = Login {
        client: Client { id: connection.client_id, secret: connection.client_secret, auth_url: connection.auth_url },
        redirect_uri: connection.redirect_uri,
        scopes: scopes::needed(connection.voicemail, connection.number_names),
        connection: connection.name.clone(),
        accounts_api: connection.account_keys.is_empty().then_some(connection.api_url),
        token_file: config::token_file(&state_dir, &connection.name),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(&state_dir).map_err(|error| CliError::new(74, error))?;
    run(args, &login, &network.http).await
}

/// Logs in interactively.
///
/// # Errors
/// 65 for an invalid answer, 69 without an answer, 74 if the token cannot be stored, 77 if the consent is denied.
pub async fn run(args: &LoginArgs, login: &Login, http: &reqwest::Client) -> CliResult {
    attempt(login, http, args, LOGIN_TIMEOUT, &mut io::stdout(), stdin_lines()).await
}

async fn attempt(
    login: &Login,
    http: &reqwest::Client,
    args: &LoginArgs,
    within: Duration,
    out: &mut (dyn Write + Send),
    mut typed: mpsc::Receiver<String>,
) -> CliResult {
    let (state, key) = (random_token(), PkceVerifier::new());
    let requested = login.scopes.iter().map(|scope| scope.name).collect::<Vec<_>>().join(" ");
    let requested = (!args.client_scopes).then_some(requested.as_str());
    let authorize = login
        .client
        .authorize_url(&login.redirect_uri, &state, &key, requested)
        .ok_or_else(|| CliError::config(anyhow!("auth_url is not a base URL")))?;
    let mut browser = if args.paste { Err("--paste".to_owned()) } else { listen(&login.redirect_uri, &state).await };
    print_line(out, &format!("Open this URL in a browser and allow access:\n\n  {authorize}\n"))?;
    match &browser {
        Ok(_) => {
            open_browser(&authorize);
            print_line(
                out,
                "Waiting for the browser. If it runs elsewhere, paste the address of its final page here and press Enter.",
            )?;
        }
        Err(reason) => print_line(
            out,
            &format!(
                "Not listening for the browser ({reason}). Paste the address of the final page here and press Enter:"
            ),
        )?,
    }
    let answer = async {
        loop {
            tokio::select! {
                Some(answer) = next_answer(&mut browser) => return answer,
                line = typed.recv() => match (line, &browser) {
                    (Some(line), _) if line.trim().is_empty() => {}
                    (Some(line), _) => return read_pasted(&line, &state),
                    (None, Err(reason)) => {
                        let error = anyhow!("no input, and no listener for the browser: {reason}");
                        return Err(CliError::unavailable(error));
                    }
                    (None, Ok(_)) => {
                        let answer = next_answer(&mut browser).await;
                        return answer.unwrap_or_else(|| Err(CliError::unavailable(anyhow!("the listener stopped"))));
                    }
                },
            }
        }
    };
    let code = tokio::time::timeout(within, answer).await.map_err(|_| {
        CliError::unavailable(anyhow!("no consent within {} s; run `poprelay login` again", within.as_secs()))
    })??;
    let tokens = login.client.exchange(http, &code, &login.redirect_uri, &key).await.map_err(exchange_error)?;
    let Some(refresh_token) = tokens.refresh.clone() else {
        return Err(CliError::data(anyhow!(
            "GoTo returned no refresh token; allow the refresh_token grant for the client"
        )));
    };
    let kept = StoredToken { refresh_token, issued: Timestamp::now(), scope: tokens.scope.clone() };
    token_file::write(&login.token_file, &kept).map_err(|why| {
        CliError::new(
            74,
            anyhow::Error::new(why)
                .context(format!("login succeeded, but storing the token in {} failed", login.token_file.display())),
        )
    })?;
    print_line(
        out,
        &format!(
            "Logged in. The token is in {}; a running daemon uses it without a restart.",
            login.token_file.display()
        ),
    )?;
    report_grant(login, http, &tokens, out).await
}

/// Prints the problems of the login while a person is there: missing scopes, and accounts that GoTo does not name.
async fn report_grant(
    login: &Login,
    http: &reqwest::Client,
    tokens: &Tokens,
    out: &mut (dyn Write + Send),
) -> CliResult {
    let missing = scopes::missing(&login.scopes, tokens.scope.as_deref());
    for scope in &missing {
        print_line(out, &format!("Missing scope {}: {}.", scope.name, scope.loss))?;
    }
    if !missing.is_empty() {
        print_line(out, &scopes::advice(login.connection.as_str(), false))?;
    }
    let Some(api_url) = &login.accounts_api else { return Ok(()) };
    match goto::accounts(login.connection.clone(), http, api_url, &tokens.access).await {
        Ok(accounts) => {
            let keys = accounts.iter().map(|key| key.as_str()).collect::<Vec<_>>().join(", ");
            print_line(out, &format!("Accounts with GoTo Connect: {keys}"))
        }
        Err(goto::api::Error::NoAccounts) => {
            print_line(out, &format!("GoTo names no account of this login. {}", goto::lane::NO_ACCOUNTS_ADVICE))
        }
        Err(error) => print_line(out, &format!("The accounts could not be listed now ({error}); the daemon retries.")),
    }
}

fn print_line(out: &mut dyn Write, text: &str) -> CliResult {
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|why| CliError::new(74, why))
}

fn exchange_error(why: OauthError) -> CliError {
    if why.is_invalid_client() {
        let text =
            "the client ID or the client secret is wrong. Compare client_id and client_secret with the client at GoTo";
        return CliError::permission(anyhow::Error::new(why).context(text));
    }
    let code = match &why {
        OauthError::Denied { .. } => 77,
        OauthError::Network(_) | OauthError::Status { .. } => 69,
        OauthError::Garbled => 65,
    };
    CliError::new(code, anyhow::Error::new(why).context("GoTo rejected the authorization code"))
}

/// Reads terminal lines on a separate thread: a pending read must not delay the exit.
fn stdin_lines() -> mpsc::Receiver<String> {
    let (lines, typed) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if line.len() > MAX_LINE_BYTES || lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    typed
}

/// Opens the URL in a desktop browser if possible; the terminal also shows it.
fn open_browser(url: &Url) {
    let has_display =
        ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some_and(|item| !item.is_empty()));
    if has_display {
        let opened = tokio::process::Command::new("xdg-open")
            .arg(url.as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Err(error) = opened {
            tracing::debug!(%error, "browser not started");
        }
    }
}
