//! `[sinks.NAME]` of `type = "teams-app"`: the app, its secret, and the channel.

use super::{Validator, sink::Target};
use crate::{
    config::sink_table::SinkTable,
    deliver::{
        access_token::Credentials,
        chats::ChatOptions,
        teams_bot::{Bot, Cloud},
    },
    model::{delivery::SinkKind, secret::Secret},
};
use percent_encoding::percent_decode_str;
use url::Url;
use uuid::Uuid;

/// Longest channel id. Ids of Teams have 50 to 80 characters.
const MAX_CHANNEL_LENGTH: usize = 120;

impl Validator<'_> {
    pub(super) fn teams_app(&mut self, name: &str, table: &SinkTable) -> Option<Target> {
        let at = |key: &str| format!("sinks.{name}.{key}");
        for (key, is_given) in
            [("url", table.url.is_some()), ("token", table.token.is_some()), ("app_token", table.app_token.is_some())]
        {
            if is_given {
                self.error(
                    at(key),
                    "a Teams app has neither url nor token. Set tenant, app_id, secret and channel instead",
                );
            }
        }
        let tenant = table.tenant.as_deref().unwrap_or_default().trim();
        if !is_tenant(tenant) {
            self.error(
                at("tenant"),
                "expected the Directory (tenant) ID of the app registration, or the organization's domain",
            );
        }
        let app_id = table.app_id.as_deref().unwrap_or_default().trim();
        if Uuid::try_parse(app_id).is_err() {
            self.error(at("app_id"), "expected the Application (client) ID of the app registration, as in \"00000000-0000-0000-0000-000000000000\"");
        }
        let secret = self.required(&at("secret"), table.secret.as_ref(), "the app's client secret");
        if secret.as_ref().is_some_and(|secret| Uuid::try_parse(secret.expose().trim()).is_ok()) {
            self.error(at("secret"), "this is a Secret ID, expected the Value of the client secret");
        }
        let channel = percent_decode_str(table.channel.as_deref().unwrap_or_default().trim()).decode_utf8_lossy();
        if !is_channel_id(&channel) {
            let text =
                "expected a channel's id, as in \"19:…@thread.tacv2\": the part of the channel's link behind /channel/";
            self.error(at("channel"), text);
        }
        let cloud = table.cloud.unwrap_or_default();
        let api = self.base_url(&at("api_url"), table.api_url.as_deref().unwrap_or_else(|| cloud.api_url()));
        let login = self.base_url(&at("login_url"), table.login_url.as_deref().unwrap_or_else(|| cloud.login_url()));
        self.warn_outcomes(name, table);
        let credentials = Credentials {
            token_url: token_url(login?, tenant)?,
            client_id: app_id.to_owned(),
            client_secret: secret?,
            scope: Cloud::scope(cloud),
        };
        let tenant = tenant.to_owned();
        let bot = Some(Bot { credentials, tenant, channel: channel.into_owned(), is_person: false });
        Some(Target {
            kind: SinkKind::TeamsApp,
            url: Secret::new(api?.as_str()),
            app: None,
            options: ChatOptions { bot, ..ChatOptions::default() },
        })
    }
}

/// Returns the token endpoint of a tenant.
fn token_url(mut login: Url, tenant: &str) -> Option<Url> {
    login.path_segments_mut().ok()?.pop_if_empty().extend([tenant, "oauth2", "v2.0", "token"]);
    Some(login)
}

/// Returns whether a text is an id or a domain of a directory.
fn is_tenant(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

/// Returns whether a text is the id of a channel: `19:…@thread.tacv2`, or `@thread.skype` of old teams.
fn is_channel_id(text: &str) -> bool {
    let Some((id, thread)) = text.strip_prefix("19:").and_then(|rest| rest.split_once('@')) else { return false };
    (1..=MAX_CHANNEL_LENGTH).contains(&id.len())
        && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        && ["thread.tacv2", "thread.skype"].contains(&thread)
}
