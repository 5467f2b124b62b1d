//! The errors of Slack's Web API by what they ask for: those of `chat.postMessage` and `chat.update`, and those that all
//! methods share, as their reference lists them. Words alone; the [`table`](super::table) says what to do.

/// Too many messages.
pub const WAIT: &[&str] = &["ratelimited", "rate_limited", "message_limit_exceeded"];
/// Slack's own trouble: nothing was done.
pub const AGAIN: &[&str] =
    &["service_unavailable", "request_timeout", "team_added_to_org", "update_failed", "external_channel_migrating"];
/// Slack failed on the way: it may have been done.
pub const UNSURE: &[&str] = &["internal_error", "fatal_error"];
/// What was to be changed, or replied to, is not there for it any more.
pub const GONE: &[&str] =
    &["message_not_found", "cant_update_message", "edit_window_closed", "is_inactive", "thread_not_found"];
/// It is the message.
pub const PAYLOAD: &[&str] = &[
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
/// The bot is not in the channel, or there is none.
pub const OUTSIDE: &[&str] = &["not_in_channel", "channel_not_found"];
/// The workspace's rules.
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
/// The token.
pub const TOKEN: &[&str] = &[
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "not_allowed_token_type",
    "enterprise_is_restricted",
];
/// What the token may do.
pub const SCOPE: &[&str] = &["missing_scope", "no_permission"];
