//! Response rules of a Teams app. Sources: "Status codes from bot conversational APIs" and "rate limiting" in Microsoft's
//! Teams documentation, and Microsoft's list of AADSTS codes for the login.

use crate::{
    deliver::table::{
        Action,
        BodyMatch::{Any, Code, Equals, FlowError, Key},
        ResponseMatch, ResponseRule, at, body, range, rule, wait,
    },
    model::delivery::SinkKind,
};

const KIND: &[SinkKind] = &[SinkKind::TeamsApp];

/// Code of a conversation that accepts no messages of the bot.
pub(super) const BLOCKED: &str = "MessageWritesBlocked";

/// Errors that concern the channel of a message rather than the app.
pub const CHANNEL_ERRORS: [&str; 5] = [
    "BotNotInConversationRoster",
    "ConversationBlockedByUser",
    "ForbiddenOperationException",
    BLOCKED,
    "NotEnoughPermissions",
];

const NEW_SECRET: &str =
    "Create a new client secret in the app registration (Certificates & secrets) and put its Value into the config.";
const SECRET_VALUE: &str = "Put the Value of the client secret into the config, not its Secret ID.";
const APP_ID: &str = "Compare app_id and tenant with the overview page of the app registration.";
const TENANT: &str =
    "Compare the sink's tenant with the Directory (tenant) ID of the app registration, and check the sink's cloud.";
const LOGIN: &str = "Compare tenant, app_id, secret and cloud with the app registration.";
const LOGIN_STATUS: &str = "If this persists, check login_url and Microsoft's status page.";
const INSTALL: &str = "Add the app to the team of the channel (Manage team, Apps), and compare the sink's channel with the channel's link. A \
                       person of [people] needs the app too (Teams admin center, Setup policies).";
const UNBLOCK: &str = "Add the app to the team again, and check that the channel's moderation lets apps post.";
const ALLOW: &str = "Ask a Teams administrator to allow the app (Teams admin center, Manage apps).";
const CREATE_BOT: &str =
    "Create an Azure Bot of type Single Tenant with this app_id and tenant, and add its channel Microsoft Teams.";
const CLOUD: &str = "Set the sink's cloud: \"gcc\" or \"gcc-high\".";
const NEW_CHANNEL: &str = "Put the id of an existing channel into the config. Its link contains the id.";
const STATUS_PAGE: &str = "If this persists, check the service health of Microsoft 365.";
const REPORT: &str = "Read the response with `poprelay outbox show`, and compare the sink's channel with the channel's link. Otherwise \
                      this is probably a bug in poprelay.";

/// Rules of bodies. Answers of the login have `token_error`.
#[rustfmt::skip] // a table is read by its columns
pub(super) static RULES: &[ResponseRule] = &[
    rule(KIND, body(Code(&[7_000_222])), Action::Disable, "the client secret has expired", NEW_SECRET),
    rule(KIND, body(Code(&[7_000_215])), Action::Disable, "the client secret is wrong", SECRET_VALUE),
    rule(KIND, body(Code(&[700_016])), Action::Disable, "the tenant has no app with this app_id", APP_ID),
    rule(KIND, body(Code(&[90_002, 900_023])), Action::Disable, "the tenant does not exist", TENANT),
    rule(KIND, at(429, Key("token_error")), wait(30), "too many requests of tokens", ""),
    rule(KIND, range(400, 499, Key("token_error")), Action::Disable, "Microsoft's login rejects the app", LOGIN),
    rule(KIND, body(Key("token_error")), Action::Retry, "Microsoft's login sends no token", LOGIN_STATUS),
    rule(KIND, range(200, 299, Key("id")), Action::Delivered, "delivered", ""),
    rule(KIND, ResponseMatch::Incomplete(200, 299), Action::RetrySlowly, "incomplete response, the message may have arrived", ""),
    rule(KIND, range(200, 299, Equals("")), Action::Accepted, "accepted", ""),
    rule(KIND, body(FlowError(&["ActivityNotFoundInConversation"])), Action::Repost, "the message is gone", ""),
    rule(KIND, body(FlowError(&["ConversationNotFound"])), Action::RepostOrDisable, "the channel is gone", NEW_CHANNEL),
    rule(KIND, body(FlowError(&["BotNotInConversationRoster", "ForbiddenOperationException"])), Action::Disable, "the app is not installed in the team, or not for the person", INSTALL),
    rule(KIND, body(FlowError(&[BLOCKED, "ConversationBlockedByUser"])), Action::Disable, "the channel accepts no messages of the app", UNBLOCK),
    rule(KIND, body(FlowError(&["BotDisabledByAdmin"])), Action::Disable, "an administrator blocks the app", ALLOW),
    rule(KIND, body(FlowError(&["BotNotRegistered"])), Action::Disable, "no bot has this app_id", CREATE_BOT),
    rule(KIND, body(FlowError(&["InvalidBotApiHost"])), Action::Disable, "the organization is in another cloud", CLOUD),
    rule(KIND, body(FlowError(&["NotEnoughPermissions"])), Action::Disable, "the app may not post into the channel", INSTALL),
    rule(KIND, body(FlowError(&["MessageSizeTooBig"])), Action::Plain, "the card is too large", REPORT),
    rule(KIND, at(412, Any), Action::Retry, "a dependency of Teams failed", STATUS_PAGE),
    rule(KIND, at(429, Any), wait(2), "too many messages", ""),
];

/// Rules of statuses without a known body.
#[rustfmt::skip]
pub(super) static STATUS_RULES: &[ResponseRule] = &[
    rule(KIND, at(400, Any), Action::Plain, "Teams cannot read the card or the channel's id", REPORT),
    rule(KIND, at(401, Any), Action::Disable, "Teams rejects the token of the app", CREATE_BOT),
    rule(KIND, at(403, Any), Action::Disable, "Teams forbids the message", INSTALL),
    rule(KIND, at(404, Any), Action::RepostOrDisable, "the channel is gone", NEW_CHANNEL),
    rule(KIND, at(413, Any), Action::Plain, "the card is too large", REPORT),
];
