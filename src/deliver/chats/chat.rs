//! One chat as the worker, the config and the commands use it, and the requests to it.

use crate::{
    deliver::{
        chats::signature::SigningKey,
        rate_limit::RateLimit,
        response::{HttpResponse, MAX_API_BODY_BYTES, PostResult},
        table::ResponseRule,
        teams_bot::Bot,
    },
    model::{
        delivery::{DeliveryKey, MessageRef, PostMode, SinkKind, Subject},
        secret::Secret,
        time::Timestamp,
    },
};
use reqwest::Method;
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

/// One chat.
#[derive(Debug)]
pub struct Chat {
    /// Kind of its sinks.
    pub kind: SinkKind,
    /// Name for `poprelay check`.
    pub title: &'static str,
    /// Keys of a sink's table beside `url` and those of all sinks.
    pub keys: &'static [OptionKey],
    /// Returns the problems of the options; warnings have `is_error: false`.
    pub check: fn(&Url, &ChatOptions) -> Vec<Problem>,
    /// Rate limit of new messages without `pace` in the config.
    pub rate: RateLimit,
    /// Rate limit of edits. Without effect if they share the limit of posts.
    pub edit_rate: RateLimit,
    /// Limit over a long time, for a chat that counts posts and edits of a channel together; `None`: it counts them apart.
    pub shared_limit: Option<RateLimit>,
    /// Builds the request of a message; `None` if the URL is not usable.
    pub request: fn(&Endpoint<'_>, &Message<'_>) -> Option<Request>,
    /// Reduces a response to the fields that decide, and returns the message reference if the chat has edits.
    pub parse: fn(&Endpoint<'_>, &Message<'_>, PostResult) -> (PostResult, Option<MessageRef>),
    /// Response rules before those of all chats: words and codes in the body, whatever the status.
    pub rules: &'static [ResponseRule],
    /// Response rules after those of all chats: statuses without a known body.
    pub status_rules: &'static [ResponseRule],
}

/// Key of a sink's table that not every chat has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKey {
    /// `token`
    Token,
    /// `secret`
    Secret,
    /// `headers`
    Headers,
    /// `body`
    Body,
    /// `cloud_events`
    CloudEvents,
    /// `tenant`
    Tenant,
    /// `app_id`
    AppId,
    /// `cloud`
    Cloud,
    /// `login_url`
    LoginUrl,
}

impl OptionKey {
    /// All keys.
    pub const ALL: [Self; 9] = [
        Self::Token,
        Self::Secret,
        Self::Headers,
        Self::Body,
        Self::CloudEvents,
        Self::Tenant,
        Self::AppId,
        Self::Cloud,
        Self::LoginUrl,
    ];

    /// Returns the key as the config has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Secret => "secret",
            Self::Headers => "headers",
            Self::Body => "body",
            Self::CloudEvents => "cloud_events",
            Self::Tenant => "tenant",
            Self::AppId => "app_id",
            Self::Cloud => "cloud",
            Self::LoginUrl => "login_url",
        }
    }
}

/// Values of the [`OptionKey`]s that requests need; the rest belongs to the layout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChatOptions {
    /// Bearer token.
    pub token: Option<Secret>,
    /// Key that signs the messages.
    pub signing_key: Option<SigningKey>,
    /// Headers with secrets.
    pub headers: Vec<(String, Secret)>,
    /// Whether the operator wrote the body.
    pub has_own_body: bool,
    /// Bot of a Teams app.
    pub bot: Option<Bot>,
}

impl ChatOptions {
    /// Returns all secrets, for redaction.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let key = self.signing_key.iter().map(SigningKey::secret);
        let bot = self.bot.iter().map(|bot| &bot.credentials.client_secret);
        self.token.iter().chain(key).chain(bot).chain(self.headers.iter().map(|(_, value)| value))
    }
}

/// Problem of a sink's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Key of the table.
    pub key: &'static str,
    /// Description with the remedy. Quotes no value.
    pub text: &'static str,
    /// Whether the sink cannot work; a warning otherwise.
    pub is_error: bool,
}

/// Returns no problems, for a chat whose options need no check.
pub(super) const fn no_problems(_: &Url, _: &ChatOptions) -> Vec<Problem> {
    Vec::new()
}

/// Target of messages.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'a> {
    /// URL of the config, a secret.
    pub url: &'a Secret,
    /// Other options of the config.
    pub options: &'a ChatOptions,
    /// Access token of the bot, if the options have one.
    pub access_token: Option<&'a Secret>,
    /// Conversation for a new direct message of the bot.
    pub conversation: Option<&'a str>,
}

/// A rendered message and its circumstances.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Rendered body.
    pub body: &'a str,
    /// Rendered headers.
    pub headers: &'a [(String, String)],
    /// Way to post the message.
    pub mode: &'a PostMode,
    /// Key of the message's only delivery; `None` if several share the message.
    pub key: Option<&'a DeliveryKey>,
    /// Time of this attempt.
    pub at: Timestamp,
}

/// Namespace of the ids: random, fixed for all versions.
const ID_NAMESPACE: Uuid = Uuid::from_u128(0x5d0a_6c1e_93b7_4f60_8a52_1be4_7c0d_2f39);

impl Message<'_> {
    /// Returns an id of the delivery, the same for all attempts. A merged message has an id of this attempt.
    #[must_use]
    pub fn delivery_id(&self) -> Uuid {
        let of_key = |key: &DeliveryKey| format!("{}\n{}\n{}", key.sink, subject(&key.subject), key.status.as_str());
        stable_id(&self.key.map_or_else(|| self.name_of_attempt(), of_key))
    }

    /// Returns an id of the call at its sink, the same for all statuses.
    #[must_use]
    pub fn subject_id(&self) -> Uuid {
        let of_key = |key: &DeliveryKey| format!("{}\n{}", key.sink, subject(&key.subject));
        stable_id(&self.key.map_or_else(|| self.name_of_attempt(), of_key))
    }

    fn name_of_attempt(&self) -> String {
        format!("{}\n{}", self.at, self.body)
    }
}

fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Call(call) => format!("call {call}"),
        Subject::Named(name) => format!("named {name}"),
    }
}

fn stable_id(name: &str) -> Uuid {
    Uuid::new_v5(&ID_NAMESPACE, name.as_bytes())
}

/// One HTTP request with a JSON body.
#[derive(Debug)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// URL, a secret.
    pub url: Secret,
    /// Headers beside the content type.
    pub headers: Vec<(String, Secret)>,
    /// Body.
    pub body: String,
    /// Bytes read of the response body.
    pub max_response_bytes: usize,
}

impl Request {
    /// Creates a POST without further headers.
    #[must_use]
    pub fn post(url: Secret, body: impl Into<String>) -> Self {
        Self {
            method: Method::POST,
            url,
            headers: Vec::new(),
            body: body.into(),
            max_response_bytes: MAX_API_BODY_BYTES,
        }
    }
}

/// Reduces a JSON response to the keys of `kept`: the rest repeats the message, which must not be stored. Returns the
/// response's object too. A body that is no JSON object stays unchanged.
#[must_use]
pub fn keep_keys(result: PostResult, kept: &[&str]) -> (PostResult, Option<Map<String, Value>>) {
    let PostResult::Response(reply) = result else { return (result, None) };
    let Ok(object) = serde_json::from_str::<Map<String, Value>>(&reply.body) else {
        return (PostResult::Response(reply), None);
    };
    let mut reduced = object.clone();
    reduced.retain(|key, _| kept.contains(&key.as_str()));
    let body = Value::Object(reduced).to_string();
    (PostResult::Response(HttpResponse { body, ..reply }), Some(object))
}

/// Longest channel id that is stored: conversations of Teams have about 90 bytes.
const MAX_CHANNEL_BYTES: usize = 200;
/// Longest message id that is stored.
const MAX_ID_BYTES: usize = 64;
/// Signs in channel ids, beside letters and digits: `19:…@thread.tacv2;messageid=…`.
const CHANNEL_SIGNS: [char; 7] = ['-', '_', ':', '@', '.', ';', '='];

/// Builds the reference of a message that was posted at `seconds` (since 1970); `None` if the id is not fit to be stored.
#[must_use]
pub fn message_ref(channel: &str, seconds: i64, id: &str) -> Option<MessageRef> {
    let is_valid = |text: &str, max: usize, others: &[char]| {
        (1..=max).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(&c))
    };
    (is_valid(channel, MAX_CHANNEL_BYTES, &CHANNEL_SIGNS) && is_valid(id, MAX_ID_BYTES, &['-', '_']))
        .then(|| MessageRef { channel: channel.to_owned(), ts: format!("{seconds}.{id}") })
}

/// Returns the chat's id of a message.
#[must_use]
pub fn message_id(message: &MessageRef) -> &str {
    message.ts.split_once('.').map_or(message.ts.as_str(), |(_, id)| id)
}
