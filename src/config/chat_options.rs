//! Keys of `[sinks.NAME]` that only some chats have: the chat's own file lists and checks them.

use super::{Diagnostic, Validator};
use crate::{
    cards::WebhookFormat,
    config::sink_table::SinkTable,
    deliver::chats::{self, ChatOptions, OptionKey, SigningKey},
    model::{
        delivery::SinkKind,
        secret::{Secret, SecretRef},
    },
};
use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

/// Headers that the daemon or the HTTP library sets.
const OWN_HEADERS: [&str; 9] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

impl Validator<'_> {
    /// Reports keys that the chat does not have. `token` of Slack has checks of its own.
    pub(super) fn check_chat_keys(&mut self, name: &str, table: &SinkTable) {
        let keys = chats::find(table.kind).map(|chat| chat.keys).unwrap_or_default();
        for key in OptionKey::ALL {
            let is_given = match key {
                OptionKey::Token => table.token.is_some() && chats::find(table.kind).is_some(),
                OptionKey::Secret => table.secret.is_some(),
                OptionKey::Headers => table.headers.is_some(),
                OptionKey::Body => table.body.is_some(),
                OptionKey::CloudEvents => table.cloud_events.is_some(),
                OptionKey::Tenant => table.tenant.is_some(),
                OptionKey::AppId => table.app_id.is_some(),
                OptionKey::Cloud => table.cloud.is_some(),
                OptionKey::LoginUrl => table.login_url.is_some(),
            };
            if is_given && !keys.contains(&key) {
                let with = chats::ALL.iter().filter(|chat| chat.keys.contains(&key));
                let with: Vec<String> = with.map(|chat| format!("type = \"{}\"", chat.kind.as_str())).collect();
                let key = key.as_str();
                self.error(format!("sinks.{name}.{key}"), format!("only valid for a sink of {}", with.join(" or ")));
            }
        }
    }

    /// Reads and checks the options of a chat.
    pub(super) fn chat_options(
        &mut self,
        name: &str,
        kind: SinkKind,
        table: &SinkTable,
        url: &Secret,
    ) -> Option<ChatOptions> {
        let Some(chat) = chats::find(kind) else { return Some(ChatOptions::default()) };
        let at = |key: &str| format!("sinks.{name}.{key}");
        if kind.supports_edit() && table.outcomes.is_some() {
            let text = "the message of a call shows every status: outcomes has no effect";
            self.warnings.push(Diagnostic::at(self.source, at("outcomes"), text));
        }
        let token = match &table.token {
            Some(reference) => Some(self.secret(&at("token"), reference)?),
            None => None,
        };
        let signing_key = match &table.secret {
            Some(reference) => {
                let key = SigningKey::parse(&self.secret(&at("secret"), reference)?);
                if key.is_none() {
                    let text = "expected whsec_ and 24 to 64 bytes in base64. Create one: \
                                echo whsec_$(head -c 32 /dev/urandom | base64)";
                    self.error(at("secret"), text);
                }
                Some(key?)
            }
            None => None,
        };
        let headers = self.secret_headers(name, table);
        let options = ChatOptions { token, signing_key, headers, has_own_body: table.body.is_some(), bot: None };
        for problem in (chat.check)(&Url::parse(url.expose()).ok()?, &options) {
            if problem.is_error {
                self.error(at(problem.key), problem.text);
            } else {
                self.warnings.push(Diagnostic::at(self.source, at(problem.key), problem.text));
            }
        }
        Some(options)
    }

    /// Reads the headers that are secrets, and checks the names of all.
    fn secret_headers(&mut self, name: &str, table: &SinkTable) -> Vec<(String, Secret)> {
        let mut secrets = Vec::new();
        for (header, reference) in table.headers.iter().flatten() {
            let at = format!("sinks.{name}.headers.{header}");
            let lower = header.to_ascii_lowercase();
            if HeaderName::from_bytes(header.as_bytes()).is_err() {
                self.error(&at, "not a valid name of a header");
            } else if OWN_HEADERS.contains(&lower.as_str()) || lower.starts_with("ce-") {
                self.error(&at, "the daemon sets this header");
            } else if !matches!(reference, SecretRef::Text(_))
                && let Some(secret) = self.secret(&at, reference)
            {
                let is_valid = HeaderValue::from_str(secret.expose()).is_ok();
                if is_valid { secrets.push((header.clone(), secret)) } else { self.error(&at, "not a valid header") }
            }
        }
        secrets
    }

    /// Compiles body and headers of a webhook.
    pub(super) fn webhook_format(&mut self, name: &str, table: &SinkTable) -> Option<WebhookFormat> {
        let text = |(header, value): (&String, &SecretRef)| match value {
            SecretRef::Text(template) => Some((header.clone(), template.expose().to_owned())),
            SecretRef::File(_) | SecretRef::Env(_) | SecretRef::Credential(_) => None,
        };
        let headers: Vec<(String, String)> = table.headers.iter().flatten().filter_map(text).collect();
        let cloud_events = table.cloud_events.unwrap_or(false);
        let compiled = WebhookFormat::compile(table.body.as_deref(), &headers, cloud_events);
        let at = |header: &Option<String>| match header {
            Some(header) => format!("sinks.{name}.headers.{header}"),
            None => format!("sinks.{name}.body"),
        };
        compiled.map_err(|errors| errors.iter().for_each(|one| self.error(at(&one.header), one.to_string()))).ok()
    }
}
