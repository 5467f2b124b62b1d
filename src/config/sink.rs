//! `[sinks.NAME]`: validates a sink's table according to its type.

use super::{Diagnostic, Validator};
use crate::{
    cards::{RenderOptions, WebhookFormat},
    config::{
        sink_table::{PaceValue, RecapValue, SinkTable, TimeList},
        urls,
    },
    deliver::{
        FlowShape, RateLimit, Sink, SlackApp,
        chats::{self, ChatOptions},
    },
    enrich::{SourceConfig, SourceKind},
    model::{
        call::{RingStage, StatusKind},
        delivery::SinkKind,
        ids::SinkName,
        phone::Mask,
        secret::{Secret, SecretRef},
    },
    route::{DEFAULT_OUTCOMES, RecapSchedule},
};
use std::{ops::RangeInclusive, time::Duration};

/// Base URL of Slack's Web API. GovSlack has another (`https://slack-gov.com/api/`).
const SLACK_API: &str = "https://slack.com/api/";

/// Waits that `claim_reminder` accepts. Within a week the message of the call is stored with any useful retention.
const CLAIM_REMINDER_WAITS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(7 * 86_400);

/// One sink.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkConfig {
    /// Name of the sink.
    pub name: SinkName,
    /// Service behind the URL.
    pub kind: SinkKind,
    /// URL of the webhook; of an app the base of its API.
    pub url: Secret,
    /// Token and channel; only for a Slack app.
    pub app: Option<SlackApp>,
    /// Shape of the messages; only for a Teams flow.
    pub shape: FlowShape,
    /// Options of the other chats.
    pub options: ChatOptions,
    /// Body and headers; only for a webhook.
    pub webhook: WebhookFormat,
    /// Whether `outcomes` are also replied in the message's thread; only for an app.
    pub reply_in_thread: bool,
    /// Messages per second and burst; `None`: no rate limit.
    pub pace: Option<(f64, u32)>,
    /// Statuses posted besides `ringing`. A live message shows all statuses; these are replied in its thread, if
    /// enabled.
    pub outcomes: Vec<StatusKind>,
    /// Stage of a call at which its ring is posted.
    pub ring_at: RingStage,
    /// Whether calls that never left the menu are posted.
    pub menu_only: bool,
    /// Recap times.
    pub recap: Option<RecapSchedule>,
    /// Whether the recap shows the times from call to card.
    pub recap_latency: bool,
    /// Age of a claim without a call back at which a reminder is replied; only for a Slack app with buttons.
    pub claim_reminder: Option<Duration>,
    /// Masking of callers' numbers.
    pub mask: Mask,
    /// Whether the channel is the direct messages of a person.
    pub person: bool,
}

impl SinkConfig {
    /// Converts the config into a sink of `deliver`.
    #[must_use]
    pub fn into_sink(self) -> Sink {
        let pace = self.pace.map(|(per_second, burst)| RateLimit { per_second, burst });
        Sink {
            rate_limit: pace,
            is_person: self.person,
            app: self.app,
            shape: self.shape,
            options: self.options,
            ..Sink::new(self.name, self.kind, self.url)
        }
    }

    /// Returns the render options of the sink. `base` are those of all sinks.
    #[must_use]
    pub fn style(&self, base: &RenderOptions) -> RenderOptions {
        let buttons = self.app.as_ref().is_some_and(|app| app.app_token.is_some());
        RenderOptions { mask: self.mask, webhook: self.webhook.clone(), buttons, ..base.clone() }
    }
}

/// Endpoint of a sink, by its type.
pub(super) struct Target {
    pub(super) kind: SinkKind,
    pub(super) url: Secret,
    pub(super) app: Option<SlackApp>,
    pub(super) options: ChatOptions,
}

impl Validator<'_> {
    pub(super) fn sink(&mut self, name: &str, table: SinkTable) -> Option<SinkConfig> {
        let before = self.problems.len();
        let id = SinkName::try_from(name);
        if let Err(error) = &id {
            self.error(format!("sinks.{name}"), format!("invalid sink name: {error}"));
        }
        let pace = self.pace(name, table.kind, table.pace);
        let claim_reminder = self.claim_reminder(name, &table);
        let recap = table.recap.as_ref().and_then(|value| self.recap(name, value));
        if table.shape.is_some() && table.kind != SinkKind::Teams {
            self.error(format!("sinks.{name}.shape"), "only valid for a sink of type = \"teams\"");
        }
        self.check_chat_keys(name, &table);
        let webhook = self.webhook_format(name, &table);
        let target = match table.kind {
            SinkKind::SlackApp => self.slack_app(name, &table),
            SinkKind::TeamsApp => self.teams_app(name, &table),
            kind => self.webhook(name, kind, &table),
        };
        if self.problems.len() > before {
            return None;
        }
        let Target { kind, url, app, options } = target?;
        Some(SinkConfig {
            name: id.ok()?,
            kind,
            url,
            app,
            shape: table.shape.unwrap_or_default(),
            options,
            webhook: webhook?,
            reply_in_thread: table.reply_in_thread.unwrap_or(false),
            pace,
            outcomes: table.outcomes.unwrap_or_else(|| DEFAULT_OUTCOMES.to_vec()),
            ring_at: table.ring_at,
            menu_only: table.menu_only,
            recap,
            recap_latency: matches!(table.recap, Some(RecapValue::OnDays { latency: true, .. })),
            claim_reminder,
            mask: table.mask,
            person: false,
        })
    }

    fn pace(&mut self, name: &str, kind: SinkKind, value: Option<PaceValue>) -> Option<(f64, u32)> {
        match value {
            None => Some(chats::find(kind).map_or((1.0, 4), |chat| (chat.rate.per_second, chat.rate.burst))),
            Some(PaceValue::Keyword(_)) => None,
            Some(PaceValue::Rate { per_second, burst }) => {
                if !(per_second.is_finite() && (0.001..=1000.0).contains(&per_second)) || burst == 0 {
                    self.error(format!("sinks.{name}.pace"), "expected per_second from 0.001 to 1000 and burst from 1");
                }
                Some((per_second, burst))
            }
        }
    }

    fn claim_reminder(&mut self, name: &str, table: &SinkTable) -> Option<Duration> {
        let wait = table.claim_reminder?.0;
        if table.kind != SinkKind::SlackApp || table.app_token.is_none() {
            let text =
                "only valid for a sink of type = \"slack-app\" with an app_token: claims are presses of its buttons";
            self.error(format!("sinks.{name}.claim_reminder"), text);
        } else if !CLAIM_REMINDER_WAITS.contains(&wait) {
            self.error(format!("sinks.{name}.claim_reminder"), "expected a duration from \"1s\" to \"7d\"");
        }
        Some(wait)
    }

    /// Reports recaps without the history they are counted from.
    pub(super) fn check_recap_history(&mut self, sinks: &[SinkConfig], sources: &[SourceConfig]) {
        let last = sources.iter().rev().find(|source| source.kind == SourceKind::History);
        if last.and_then(|source| source.enabled) != Some(false) {
            return;
        }
        for sink in sinks.iter().filter(|sink| sink.recap.is_some()) {
            let text = "a recap requires the history, but a source of type = \"history\" has enabled = false";
            self.error(format!("sinks.{}.recap", sink.name), text);
        }
    }

    fn recap(&mut self, name: &str, value: &RecapValue) -> Option<RecapSchedule> {
        let (at, days) = match value {
            RecapValue::Daily(at) => (at, None),
            RecapValue::OnDays { at, days, .. } => (at, days.as_ref()),
        };
        let read = RecapSchedule::read(at.as_slice(), days.map(TimeList::as_slice));
        read.map_err(|text| self.error(format!("sinks.{name}.recap"), text)).ok()
    }

    fn webhook(&mut self, name: &str, kind: SinkKind, table: &SinkTable) -> Option<Target> {
        let at = |key: &str| format!("sinks.{name}.{key}");
        let given = [
            ("token", table.token.is_some() && chats::find(kind).is_none()),
            ("app_token", table.app_token.is_some()),
            ("channel", table.channel.is_some()),
            ("api_url", table.api_url.is_some()),
            ("reply_in_thread", table.reply_in_thread.is_some()),
        ];
        for (key, _) in given.into_iter().filter(|(_, given)| *given) {
            let apps = if key.ends_with("token") { "\"slack-app\"" } else { "\"slack-app\" or type = \"teams-app\"" };
            self.error(at(key), format!("only valid for a sink of type = {apps}"));
        }
        let url = self.required(&at("url"), table.url.as_ref(), "the webhook's URL")?;
        match urls::parse_webhook(kind, url.expose()) {
            Ok((kind, warnings)) => {
                self.warnings.extend(warnings.into_iter().map(|text| Diagnostic::at(self.source, at("url"), text)));
                let options = self.chat_options(name, kind, table, &url);
                Some(Target { kind, url, app: None, options: options? })
            }
            Err(text) => {
                self.error(at("url"), text);
                None
            }
        }
    }

    fn slack_app(&mut self, name: &str, table: &SinkTable) -> Option<Target> {
        let at = |key: &str| format!("sinks.{name}.{key}");
        if table.url.is_some() {
            self.error(at("url"), "a Slack app has no webhook. Set token and channel instead");
        }
        let token = self.required(&at("token"), table.token.as_ref(), "the app's bot token, xoxb-…");
        if let Some(text) = token.as_ref().and_then(|token| token_problem(token.expose())) {
            self.error(at("token"), text);
        }
        let app_token = table.app_token.as_ref().and_then(|token| self.secret(&at("app_token"), token));
        if let Some(text) = app_token.as_ref().and_then(|token| app_token_problem(token.expose())) {
            self.error(at("app_token"), text);
        }
        let channel = table.channel.as_deref().unwrap_or_default().trim().to_owned();
        if !is_channel_id(&channel) {
            self.error(
                at("channel"),
                "expected a channel's id, as in \"C0123ABCD\": Slack shows it at the end of the channel's details",
            );
        }
        let base = self.base_url(&at("api_url"), table.api_url.as_deref().unwrap_or(SLACK_API));
        self.warn_outcomes(name, table);
        let app = SlackApp { token: token?, channel, app_token };
        Some(Target {
            kind: SinkKind::SlackApp,
            url: Secret::new(base?.as_str()),
            app: Some(app),
            options: ChatOptions::default(),
        })
    }

    /// Warns of outcomes that an app's live message shows anyway.
    pub(super) fn warn_outcomes(&mut self, name: &str, table: &SinkTable) {
        if table.outcomes.is_some() && table.reply_in_thread != Some(true) {
            let text =
                "an app's message shows every status. Set reply_in_thread = true to reply these in its thread too";
            self.warnings.push(Diagnostic::at(self.source, format!("sinks.{name}.outcomes"), text));
        }
    }

    pub(super) fn required(&mut self, key: &str, reference: Option<&SecretRef>, what: &str) -> Option<Secret> {
        if reference.is_none() {
            self.error(key, format!("missing: {what}"));
        }
        self.secret(key, reference?)
    }
}

/// Returns the problem of a token that cannot post.
fn token_problem(token: &str) -> Option<&'static str> {
    match token.trim() {
        token if token.starts_with("xapp-") => Some("app-level token, expected a bot token, which begins with xoxb-"),
        token if token.starts_with("xox") && token.is_ascii() && !token.contains(char::is_whitespace) => None,
        _ => Some("expected a bot token, which begins with xoxb-"),
    }
}

/// Returns the problem of a token that cannot open sockets.
fn app_token_problem(token: &str) -> Option<&'static str> {
    let token = token.trim();
    let is_valid = token.starts_with("xapp-") && token.is_ascii() && !token.contains(char::is_whitespace);
    (!is_valid).then_some("expected an app-level token with the scope connections:write, which begins with xapp-")
}

/// Returns whether `id` is a channel id: C public, G private, D direct message. Names are not accepted: they can
/// change, and edits require ids.
fn is_channel_id(id: &str) -> bool {
    let has_prefix = id.starts_with(['C', 'G', 'D']);
    has_prefix && (2..=32).contains(&id.len()) && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}
