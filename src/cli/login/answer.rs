//! What the browser brought back, heard or pasted: a code for this login, or why there is none. Pure.

use crate::{cli::Failure, model::secret::Secret};
use anyhow::anyhow;
use url::Url;

/// What the browser brought back.
pub(super) type Answer = Result<Secret, Failure>;

/// What a redirect says; `None` when it says nothing.
pub(super) fn read_query(query: &str, state: &str) -> Option<Answer> {
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
pub(super) fn read_pasted(line: &str, state: &str) -> Answer {
    let line = line.trim();
    let nothing =
        || Failure::data(anyhow!("no code in what was pasted: paste the whole address that the browser ended at"));
    match Url::parse(line) {
        Ok(url) => read_query(url.query().unwrap_or_default(), state).ok_or_else(nothing)?,
        Err(_) if !line.is_empty() && line.chars().all(|c| c.is_ascii_graphic()) => Ok(Secret::new(line)),
        Err(_) => Err(nothing()),
    }
}
