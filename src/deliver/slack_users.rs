//! Members of a Slack workspace: the name of a member, from `users.info`. Such methods take a form.

use super::{post, response::PostResult, slack_errors};
use crate::{
    model::{claim::ChatUser, secret::Secret},
    runtime::text::printable_start,
};
use reqwest::Client;
use serde::Deserialize;

/// Longest name that is stored. Slack allows 80 characters.
const MAX_NAME_CHARS: usize = 80;

/// The members that a bot token can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserDirectory {
    /// Base URL of the Web API.
    pub api_url: Secret,
    /// Bot token.
    pub token: Secret,
}

/// Missing answer for now: a later query may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("slack did not answer")]
pub struct NoAnswer;

/// Response of the methods.
#[derive(Debug, Deserialize)]
struct Answer {
    ok: bool,
    #[serde(default)]
    error: String,
    user: Option<User>,
}

/// A member.
#[derive(Debug, Deserialize)]
struct User {
    #[serde(default)]
    profile: Profile,
    #[serde(default)]
    real_name: String,
    #[serde(default)]
    name: String,
}

#[derive(Debug, Default, Deserialize)]
struct Profile {
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    real_name: String,
}

impl UserDirectory {
    /// Returns the name of a member; `None` if Slack does not return it: the scope `users:read` is missing, or the member is gone.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub async fn name(&self, http: &Client, user: &ChatUser) -> Result<Option<String>, NoAnswer> {
        let answer = post::post_form(http, &self.api_url, "users.info", &self.token, &[("user", user.as_str())]).await;
        read_name(&answer)
    }
}

/// Returns the name from a response to `users.info`.
fn read_name(answer: &PostResult) -> Result<Option<String>, NoAnswer> {
    let PostResult::Response(reply) = answer else { return Err(NoAnswer) };
    let answer: Answer = serde_json::from_str(&reply.body).map_err(|_| NoAnswer)?;
    if !answer.ok && is_transient(&answer.error) {
        return Err(NoAnswer);
    }
    let Some(User { profile, real_name, name }) = answer.user.filter(|_| answer.ok) else { return Ok(None) };
    let names = [profile.display_name, profile.real_name, real_name, name];
    let name = names.into_iter().find(|name| !name.trim().is_empty());
    Ok(name.map(|name| printable_start(name.trim(), MAX_NAME_CHARS)))
}

/// Returns whether an error is not about the member.
fn is_transient(word: &str) -> bool {
    let lists = [slack_errors::RATE_LIMITED, slack_errors::TRANSIENT, slack_errors::AMBIGUOUS];
    lists.iter().any(|list| list.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::response::HttpResponse;

    fn read(body: &str) -> Result<Option<String>, NoAnswer> {
        let reply = HttpResponse { status: 200, retry_after: None, body: body.to_owned(), complete: true };
        read_name(&PostResult::Response(reply))
    }

    #[test]
    fn name_is_what_the_workspace_shows() {
        let user = |profile: &str| format!(r#"{{"ok":true,"user":{{"name":"dana.r","profile":{profile}}}}}"#);
        let name = |profile: &str| read(&user(profile)).unwrap();
        assert_eq!(name(r#"{"display_name":"Dana","real_name":"Dana Roy"}"#).as_deref(), Some("Dana"));
        assert_eq!(name(r#"{"display_name":" ","real_name":"Dana\u001b Roy"}"#).as_deref(), Some("Dana  Roy"));
        assert_eq!(name("{}").as_deref(), Some("dana.r"));
        for error in ["missing_scope", "user_not_found", "user_not_visible"] {
            assert_eq!(read(&format!(r#"{{"ok":false,"error":"{error}"}}"#)), Ok(None), "{error}");
        }
        for body in [r#"{"ok":false,"error":"ratelimited"}"#, "<html>", ""] {
            assert_eq!(read(body), Err(NoAnswer), "{body}");
        }
        assert_eq!(read_name(&PostResult::InvalidUrl), Err(NoAnswer));
    }
}
