//! Parses the redirect of the browser, received or pasted: an authorization code or an error. Pure.

use crate::{cli::CliError, model::secret::Secret};
use anyhow::anyhow;
use url::Url;

/// Authorization code of a redirect, or the error.
pub(super) type RedirectResult = Result<Secret, CliError>;

/// Parses the query of a redirect; `None` without code and error.
pub(super) fn read_query(query: &str, state: &str) -> Option<RedirectResult> {
    let parameter = |wanted: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let (code, error) = (parameter("code").filter(|code| !code.is_empty()), parameter("error"));
    if code.is_none() && error.is_none() {
        return None;
    }
    if parameter("state").as_deref() != Some(state) {
        return Some(Err(CliError::permission(anyhow!(
            "the redirect belongs to another login (different state); run `poprelay login` again"
        ))));
    }
    Some(match (error.as_deref(), code) {
        (Some("access_denied"), _) => Err(CliError::permission(anyhow!("consent was denied in the browser"))),
        (Some("invalid_scope"), _) => Err(CliError::permission(anyhow!(
            "GoTo rejects a requested scope, because the OAuth client lacks it. Enable the scopes of the README at the \
             client, or run poprelay login --client-scopes: it requests those that the client has"
        ))),
        (Some(error), _) => {
            let printable: String = error.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
            Err(CliError::permission(anyhow!(
                "GoTo rejected the login with the error {printable:?}; check client ID, redirect URI and scopes"
            )))
        }
        (None, Some(code)) => Ok(Secret::new(code)),
        (None, None) => return None,
    })
}

/// Parses a pasted line: the redirected URL, or the bare code.
pub(super) fn read_pasted(line: &str, state: &str) -> RedirectResult {
    let line = line.trim();
    let no_code =
        || CliError::data(anyhow!("no code in the pasted text; paste the complete address of the final page"));
    match Url::parse(line) {
        Ok(url) => read_query(url.query().unwrap_or_default(), state).ok_or_else(no_code)?,
        Err(_) if !line.is_empty() && line.chars().all(|c| c.is_ascii_graphic()) => Ok(Secret::new(line)),
        Err(_) => Err(no_code()),
    }
}
