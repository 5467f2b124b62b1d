//! Error words of Slack, grouped by the action that they require. Sources: Slack's reference of `chat.postMessage` and
//! `chat.update`, including the errors all methods share, and its changelog of May 2016 for incoming webhooks. The
//! [`rules`](super::rules) contain the actions.

use super::slack_api;

/// Longest error word that is read: Slack's longest has 42 characters.
const MAX_WORD_LENGTH: usize = 64;

/// Returns the error word of a body: the `error` of a Web API response, or the word a webhook's text begins with.
#[must_use]
pub(super) fn error_word(body: &str) -> Option<String> {
    if body.trim_start().starts_with('{') {
        return slack_api::error_code(body);
    }
    let word: String = body.trim_start().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
    (1..=MAX_WORD_LENGTH).contains(&word.len()).then_some(word)
}

/// The rate limit is exceeded.
pub(super) const RATE_LIMITED: &[&str] = &["ratelimited", "rate_limited", "message_limit_exceeded"];
/// Temporary server errors: Slack did not perform the request.
pub(super) const TRANSIENT: &[&str] =
    &["service_unavailable", "request_timeout", "team_added_to_org", "update_failed", "external_channel_migrating"];
/// Server errors after which Slack may have performed the request.
pub(super) const AMBIGUOUS: &[&str] = &["internal_error", "fatal_error"];
/// The message to edit or to reply to is gone or locked.
pub(super) const MESSAGE_GONE: &[&str] =
    &["message_not_found", "cant_update_message", "edit_window_closed", "is_inactive", "thread_not_found"];
/// Slack rejects the content of the message.
pub(super) const INVALID_PAYLOAD: &[&str] = &[
    "no_text",
    "missing_text",
    "missing_text_or_fallback_or_attachments",
    "invalid_payload",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_attachments",
    "msg_blocks_too_long",
    "msg_too_long",
    "too_many_attachments",
    "block_mismatch",
    "invalid_json",
    "json_not_object",
];
/// The member does not exist, or has left.
pub(super) const MEMBER_GONE: &[&str] = &["user_not_found", "user_disabled", "user_not_visible", "users_not_found"];
/// The app's messages tab is off, or the member is a bot.
pub(super) const NO_DIRECT_MESSAGES: &[&str] = &["messages_tab_disabled", IS_BOT];
/// The member is a bot.
pub(super) const IS_BOT: &str = "cannot_dm_bot";
/// The bot is not in the channel, or the channel does not exist.
pub(super) const NOT_IN_CHANNEL: &[&str] = &["not_in_channel", "channel_not_found", "invalid_channel"];
/// The channel is archived.
pub(super) const ARCHIVED: &[&str] = &["is_archived", "channel_is_archived"];
/// The webhook, its user or its workspace is gone.
pub(super) const WEBHOOK_GONE: &[&str] =
    &["invalid_token", "no_service", "no_service_id", "no_team", "no_active_hooks", "team_disabled", "user_not_found"];
/// A message with `@here`, `@channel` or a user group is forbidden; the same message without the mention may be allowed.
pub(super) const MENTION_RESTRICTED: &str = "restricted_action";
/// A rule of the workspace forbids the post.
pub(super) const RESTRICTED: &[&str] = &[
    MENTION_RESTRICTED,
    "action_prohibited",
    "posting_to_general_channel_denied",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
    "restricted_action_non_threadable_channel",
    "restricted_action_thread_locked",
    "ekm_access_denied",
    "access_denied",
    "team_access_not_granted",
    "org_login_required",
    "two_factor_setup_required",
];
/// The token is invalid or revoked.
pub(super) const INVALID_TOKEN: &[&str] = &[
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "not_allowed_token_type",
    "enterprise_is_restricted",
];
/// The token lacks a scope.
pub(super) const MISSING_SCOPE: &[&str] = &["missing_scope", "no_permission"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_word_is_read_from_json_and_from_plain_text() {
        for (body, word) in [
            ("invalid_token", Some("invalid_token")),
            (" no_service\n", Some("no_service")),
            ("invalid_blocks: too long", Some("invalid_blocks")),
            (r#"{"ok":false,"error":"is_archived"}"#, Some("is_archived")),
            (r#"{"ok":true,"error":"is_archived"}"#, None),
            ("{broken", None),
            ("<html>invalid_token</html>", None),
            ("Internal Server Error", None),
            ("", None),
        ] {
            assert_eq!(error_word(body).as_deref(), word, "{body}");
        }
    }
}
