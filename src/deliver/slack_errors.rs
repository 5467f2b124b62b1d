//! Error codes of Slack's Web API, grouped by the action they call for. Source: Slack's reference of `chat.postMessage`
//! and `chat.update`, including the errors all methods share. The [`table`](super::table) holds the actions.

/// The rate limit is exceeded.
pub const RATE_LIMITED: &[&str] = &["ratelimited", "rate_limited", "message_limit_exceeded"];
/// Temporary server errors: Slack did not perform the request.
pub const TRANSIENT: &[&str] =
    &["service_unavailable", "request_timeout", "team_added_to_org", "update_failed", "external_channel_migrating"];
/// Server errors after which Slack may have performed the request.
pub const AMBIGUOUS: &[&str] = &["internal_error", "fatal_error"];
/// The message to edit or to reply to is gone or locked.
pub const MESSAGE_GONE: &[&str] =
    &["message_not_found", "cant_update_message", "edit_window_closed", "is_inactive", "thread_not_found"];
/// Slack rejects the content of the message.
pub const INVALID_PAYLOAD: &[&str] = &[
    "no_text",
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
/// The bot is not in the channel, or the channel does not exist.
pub const NOT_IN_CHANNEL: &[&str] = &["not_in_channel", "channel_not_found"];
/// A rule of the workspace forbids the post.
pub const RESTRICTED: &[&str] = &[
    "restricted_action",
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
pub const INVALID_TOKEN: &[&str] = &[
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "not_allowed_token_type",
    "enterprise_is_restricted",
];
/// The token lacks a scope.
pub const MISSING_SCOPE: &[&str] = &["missing_scope", "no_permission"];
