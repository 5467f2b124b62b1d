//! Setup of a Slack app: the manifest that creates it, and the scopes that it needs. Checks token and channel by Slack's
//! answers to `auth.test` and `conversations.info`. Pure; `check --online` sends the requests.

use super::{
    person_channel::slack_member,
    response::{HttpResponse, PostResult},
    rules::find_rule,
};
use crate::{model::delivery::SinkKind, runtime::text::printable_start};
use serde::Deserialize;
use serde_json::{Value, json};

/// Scope without which no card is posted.
const POST_SCOPE: &str = "chat:write";
/// Scopes of `conversations.info` for public and private channels. Only `check --online` uses them: it finds a bot that is
/// not in its channel without a post.
const READ_SCOPES: [&str; 2] = ["channels:read", "groups:read"];
/// Scope of `users.info`. The method returns the name of a claimant. `check --online` finds members of `[people]` who are
/// gone.
const USERS_SCOPE: &str = "users:read";
/// Scope of `users.lookupByEmail`, beside [`USERS_SCOPE`].
const EMAIL_SCOPE: &str = "users:read.email";
/// Name of the app and of its bot. Slack takes 35 characters at most.
const APP_NAME: &str = "poprelay";
/// Page that creates an app from the manifest in its query.
const NEW_APP: &str = "https://api.slack.com/apps";
/// Longest name of a bot or workspace that is printed. Slack's own limit is 80 characters.
const MAX_NAME_LENGTH: usize = 80;

/// Features of a Slack app that the config uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AppFeatures {
    /// Whether presses of buttons are received: Socket Mode and interactivity.
    pub buttons: bool,
    /// Whether the app writes direct messages.
    pub direct_messages: bool,
    /// Whether the app finds people by their e-mail addresses.
    pub emails: bool,
}

/// Returns the manifest of the app. Slack's page "Create app from manifest" takes it. The app-level token of Socket Mode is
/// made by hand.
///
/// Token rotation stays off: it would expire the bot token within twelve hours, and cannot be undone.
#[must_use]
pub fn manifest(features: AppFeatures) -> Value {
    let users = (features.direct_messages || features.buttons).then_some(USERS_SCOPE);
    let emails = features.emails.then_some(EMAIL_SCOPE);
    let scopes: Vec<&str> = [POST_SCOPE].into_iter().chain(READ_SCOPES).chain(users).chain(emails).collect();
    json!({
        "_metadata": { "major_version": 1 },
        "display_information": { "name": APP_NAME, "description": "Caller cards while the phone rings" },
        "features": {
            "app_home": {
                "home_tab_enabled": false,
                "messages_tab_enabled": features.direct_messages,
                "messages_tab_read_only_enabled": true,
            },
            "bot_user": { "display_name": APP_NAME, "always_online": true },
        },
        "oauth_config": { "scopes": { "bot": scopes } },
        "settings": {
            "interactivity": { "is_enabled": features.buttons },
            "org_deploy_enabled": false,
            "socket_mode_enabled": features.buttons,
            "token_rotation_enabled": false,
        },
    })
}

/// Returns the address of the page that is filled in with a manifest.
#[must_use]
pub fn link(manifest: &Value) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("new_app", "1").append_pair("manifest_json", &manifest.to_string());
    format!("{NEW_APP}?{}", query.finish())
}

/// Fields of `auth.test`.
#[derive(Debug, Deserialize)]
struct Identity {
    #[serde(default)]
    user: String,
    #[serde(default)]
    team: String,
}

/// Fields of `conversations.info`.
#[derive(Debug, Deserialize)]
struct ChannelInfo {
    channel: SlackChannel,
}

#[derive(Debug, Deserialize)]
struct SlackChannel {
    #[serde(default)]
    is_member: Option<bool>,
    #[serde(default)]
    is_archived: bool,
}

/// Returns the app that a token belongs to, from the response to `auth.test`. `granted` is its header `X-OAuth-Scopes`.
///
/// # Errors
/// The problem of the token, and the remedy.
pub fn judge_token(answer: &PostResult, granted: Option<&str>) -> Result<String, String> {
    let body = accepted_body(answer)?;
    if granted.is_some_and(|granted| !is_granted(granted, POST_SCOPE)) {
        return Err(describe_error("missing_scope"));
    }
    let Ok(identity) = serde_json::from_str::<Identity>(body) else { return Ok("token accepted".to_owned()) };
    let [user, team] = [identity.user, identity.team].map(|name| printable_start(&name, MAX_NAME_LENGTH));
    Ok(format!("token of {user} in {team}"))
}

/// Returns whether the bot is in a channel, from the response to `conversations.info`.
///
/// # Errors
/// The reason why the bot cannot post there, and the remedy.
pub fn judge_channel(answer: &PostResult, channel: &str) -> Result<String, String> {
    if lacks_scope(answer) {
        let scopes = READ_SCOPES.join(" and ");
        return Ok(format!(
            "membership of {channel} is not checked without the scopes {scopes}: poprelay test-card tries it"
        ));
    }
    let info: Option<ChannelInfo> = serde_json::from_str(accepted_body(answer)?).ok();
    match info.map(|info| info.channel) {
        Some(channel) if channel.is_archived => Err(describe_error("is_archived")),
        Some(SlackChannel { is_member: Some(false), .. }) => Err(describe_error("not_in_channel")),
        Some(SlackChannel { is_member: Some(true), .. }) => Ok(format!("member of {channel}")),
        _ => Ok(format!("membership of {channel} is unknown")),
    }
}

/// Fields of `users.info`.
#[derive(Debug, Deserialize)]
struct UserInfo {
    user: UserFlags,
}

#[derive(Debug, Deserialize)]
struct UserFlags {
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    is_bot: bool,
}

/// Returns the member with an e-mail address of `[people]`, from the response to `users.lookupByEmail`.
///
/// # Errors
/// No member has the address, the scope is missing, or the token is rejected; and the remedy.
pub fn judge_email(answer: PostResult) -> Result<String, String> {
    match slack_member(answer) {
        Ok(member) => Ok(format!("member {member} has the e-mail address")),
        Err(answer) => Err(accepted_body(&answer).err().unwrap_or_else(|| "Slack names no member".to_owned())),
    }
}

/// Returns whether a member of `[people]` can get direct messages, from the response to `users.info`.
///
/// # Errors
/// The member does not exist or has left, and the remedy.
pub fn judge_member(answer: &PostResult, member: &str) -> Result<String, String> {
    if lacks_scope(answer) {
        return Ok(format!("member {member} is not checked without the scope {USERS_SCOPE}"));
    }
    let info: Option<UserInfo> = serde_json::from_str(accepted_body(answer)?).ok();
    match info.map(|info| info.user) {
        Some(UserFlags { deleted: true, .. }) => Err(describe_error("user_disabled")),
        Some(UserFlags { is_bot: true, .. }) => Err(describe_error("cannot_dm_bot")),
        Some(_) => Ok(format!("member {member} exists")),
        None => Ok(format!("member {member} is unknown")),
    }
}

fn lacks_scope(answer: &PostResult) -> bool {
    let PostResult::Response(reply) = answer else { return false };
    let envelope: Option<Envelope> = serde_json::from_str(&reply.body).ok();
    envelope.and_then(|envelope| envelope.error).as_deref() == Some("missing_scope")
}

fn is_granted(granted: &str, scope: &str) -> bool {
    granted.split(',').any(|one| one.trim() == scope)
}

/// Fields of every response.
#[derive(Debug, Deserialize)]
struct Envelope {
    ok: bool,
    error: Option<String>,
}

/// Returns the body of a response with `ok:true`. Any other response is described by the rule that a card would meet.
fn accepted_body(answer: &PostResult) -> Result<&str, String> {
    let envelope = match answer {
        PostResult::Response(reply) => serde_json::from_str::<Envelope>(&reply.body).ok(),
        _ => None,
    };
    match (answer, envelope) {
        (PostResult::Response(reply), Some(Envelope { ok: true, .. })) => Ok(&reply.body),
        (_, Some(Envelope { error: Some(word), .. })) => Err(describe_error(&word)),
        (PostResult::Response(reply), _) => {
            let rule = find_rule(SinkKind::SlackApp, answer);
            Err(format!("HTTP {}: {}. {}", reply.status, rule.reason, rule.advice))
        }
        _ => Err(find_rule(SinkKind::SlackApp, answer).reason.to_owned()),
    }
}

/// Describes an error word of Slack with the advice of its response rule.
fn describe_error(word: &str) -> String {
    let body = json!({ "ok": false, "error": word }).to_string();
    let reply = HttpResponse { status: 200, retry_after: None, body, complete: true };
    let rule = find_rule(SinkKind::SlackApp, &PostResult::Response(reply));
    format!("{}: {}. {}", printable_start(word, MAX_NAME_LENGTH), rule.reason, rule.advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(body: Value) -> PostResult {
        PostResult::Response(HttpResponse { status: 200, retry_after: None, body: body.to_string(), complete: true })
    }

    #[test]
    fn manifest_fits_slacks_limits_and_the_link_carries_it() {
        let features = AppFeatures { buttons: true, direct_messages: true, emails: true };
        let manifest = manifest(features);
        let text = |pointer: &str| manifest.pointer(pointer).unwrap().as_str().unwrap().chars().count();
        assert!(text("/display_information/name") <= 35 && text("/display_information/description") <= 140);
        assert_eq!(manifest.pointer("/settings/token_rotation_enabled"), Some(&json!(false)));
        assert_eq!(manifest.pointer("/oauth_config/scopes/bot/0"), Some(&json!("chat:write")));
        let is_on = |features, pointer| super::manifest(features).pointer(pointer) == Some(&json!(true));
        for pointer in ["/settings/socket_mode_enabled", "/settings/interactivity/is_enabled"] {
            assert!(is_on(features, pointer) && !is_on(AppFeatures { buttons: false, ..features }, pointer));
        }
        let scopes = |features| super::manifest(features).pointer("/oauth_config/scopes/bot").unwrap().to_string();
        assert!(scopes(features).contains("users:read.email"));
        assert!(!scopes(AppFeatures { emails: false, ..features }).contains("users:read.email"));
        let tab = "/features/app_home/messages_tab_enabled";
        assert!(is_on(features, tab) && !is_on(AppFeatures { direct_messages: false, ..features }, tab));
        let link = url::Url::parse(&link(&manifest)).unwrap();
        let query: std::collections::BTreeMap<_, _> = link.query_pairs().into_owned().collect();
        assert_eq!(query["new_app"], "1");
        assert_eq!(serde_json::from_str::<Value>(&query["manifest_json"]).unwrap(), manifest);
    }

    #[test]
    fn judge_token_names_app_missing_scope_and_revoked_token() {
        let known = reply(json!({ "ok": true, "user": "poprelay\u{1b}", "team": "Acme" }));
        assert_eq!(judge_token(&known, Some("channels:read, chat:write")).unwrap(), "token of poprelay  in Acme");
        assert!(judge_token(&known, None).is_ok(), "an unknown grant is not a missing one");
        let error = judge_token(&known, Some("chat:write.public")).unwrap_err();
        assert!(error.contains("missing_scope") && error.contains("bot scope chat:write"), "{error}");
        let error = judge_token(&reply(json!({ "ok": false, "error": "token_revoked" })), None).unwrap_err();
        assert!(error.contains("token_revoked") && error.contains("Install the app"), "{error}");
        assert!(judge_token(&PostResult::InvalidUrl, None).is_err());
    }

    #[test]
    fn judge_channel_names_uninvited_bot_archive_and_missing_scope() {
        let info = |member: bool, archived: bool| {
            judge_channel(
                &reply(json!({ "ok": true, "channel": { "is_member": member, "is_archived": archived } })),
                "C1",
            )
        };
        assert_eq!(info(true, false).unwrap(), "member of C1");
        assert!(info(false, false).unwrap_err().contains("/invite"));
        assert!(info(true, true).unwrap_err().contains("Unarchive"));
        let judge = |body| judge_channel(&reply(body), "C1");
        assert!(judge(json!({ "ok": false, "error": "channel_not_found" })).unwrap_err().contains("/invite"));
        assert!(judge(json!({ "ok": false, "error": "missing_scope" })).unwrap().contains("channels:read"));
        assert!(judge(json!({ "ok": true, "channel": {} })).unwrap().contains("unknown"));
        let member = |body| judge_member(&reply(body), "U1");
        assert_eq!(member(json!({ "ok": true, "user": {} })).unwrap(), "member U1 exists");
        assert!(member(json!({ "ok": true, "user": { "deleted": true } })).unwrap_err().contains("[people]"));
        assert!(member(json!({ "ok": false, "error": "user_not_found" })).unwrap_err().contains("[people]"));
        assert!(member(json!({ "ok": false, "error": "missing_scope" })).unwrap().contains("users:read"));
    }
}
