//! `[sinks.NAME]`: what a sink's table means, by its type, and what is wrong with it.

use super::{
    Problem, Reading, endpoint,
    file::{PaceWord, RecapWord, SinkTable, SinkWord, Times},
};
use crate::{
    daemon::shift::Schedule,
    deliver::{App, Pace, Sink},
    enrich::{SourceConfig, SourceKind},
    model::{
        call::MomentKind,
        delivery::SinkKind,
        ids::SinkName,
        phone::Mask,
        secret::{Secret, SecretRef},
    },
    route::DEFAULT_OUTCOMES,
};

/// Slack's Web API. GovSlack has another one (`https://slack-gov.com/api/`).
const API: &str = "https://slack.com/api/";

/// One chat channel.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkConfig {
    /// Its name.
    pub name: SinkName,
    /// What stands at its URL.
    pub kind: SinkKind,
    /// The URL; of a Slack app the base of the Web API.
    pub url: Secret,
    /// Who speaks; only for a Slack app.
    pub app: Option<App>,
    /// Whether `outcomes` are also said in the thread of a call's message; only for a Slack app.
    pub thread: bool,
    /// Messages a second and at once; `None`: as they come.
    pub pace: Option<(f64, u32)>,
    /// Moments told besides the ring. A living card hears all: of it these are replied in its thread, if it has one.
    pub outcomes: Vec<MomentKind>,
    /// When it is told what came in since the time before.
    pub recap: Option<Schedule>,
    /// What the channel sees of numbers.
    pub mask: Mask,
}

impl SinkConfig {
    /// The sink that it speaks of.
    #[must_use]
    pub fn sink(self) -> Sink {
        let pace = self.pace.map(|(per_second, burst)| Pace { per_second, burst });
        Sink { pace, app: self.app, ..Sink::new(self.name, self.kind, self.url) }
    }
}

/// What a sink's type says of where it is.
struct Target {
    kind: SinkKind,
    url: Secret,
    app: Option<App>,
}

impl Reading<'_> {
    pub(super) fn sink(&mut self, name: &str, table: SinkTable) -> Option<SinkConfig> {
        let before = self.problems.len();
        let id = SinkName::try_from(name);
        if let Err(error) = &id {
            self.wrong(format!("sinks.{name}"), format!("no name for a sink: {error}"));
        }
        let pace = self.pace(name, table.pace);
        let recap = table.recap.as_ref().and_then(|word| self.recap(name, word));
        let target = match table.kind {
            SinkWord::SlackApp => self.app(name, &table),
            word => self.webhook(name, word, &table),
        };
        if self.problems.len() > before {
            return None;
        }
        let Target { kind, url, app } = target?;
        Some(SinkConfig {
            name: id.ok()?,
            kind,
            url,
            app,
            thread: table.thread.unwrap_or(false),
            pace,
            outcomes: table.outcomes.unwrap_or_else(|| DEFAULT_OUTCOMES.to_vec()),
            recap,
            mask: table.mask,
        })
    }

    fn pace(&mut self, name: &str, word: Option<PaceWord>) -> Option<(f64, u32)> {
        match word {
            None => Some((1.0, 4)),
            Some(PaceWord::Word(_)) => None,
            Some(PaceWord::Rate { per_second, burst }) => {
                if !(per_second.is_finite() && (0.001..=1000.0).contains(&per_second)) || burst == 0 {
                    self.wrong(format!("sinks.{name}.pace"), "expected per_second from 0.001 to 1000 and burst from 1");
                }
                Some((per_second, burst))
            }
        }
    }

    /// A recap says what the history remembers.
    pub(super) fn recaps(&mut self, sinks: &[SinkConfig], sources: &[SourceConfig]) {
        let last = sources.iter().rev().find(|source| source.kind == SourceKind::History);
        if last.and_then(|source| source.enabled) != Some(false) {
            return;
        }
        for sink in sinks.iter().filter(|sink| sink.recap.is_some()) {
            let text = "it needs the history, and a source of type = \"history\" says enabled = false";
            self.wrong(format!("sinks.{}.recap", sink.name), text);
        }
    }

    fn recap(&mut self, name: &str, word: &RecapWord) -> Option<Schedule> {
        let (at, days) = match word {
            RecapWord::Daily(at) => (at, None),
            RecapWord::OnDays { at, days } => (at, days.as_ref()),
        };
        let read = Schedule::read(at.words(), days.map(Times::words));
        read.map_err(|text| self.wrong(format!("sinks.{name}.recap"), text)).ok()
    }

    fn webhook(&mut self, name: &str, word: SinkWord, table: &SinkTable) -> Option<Target> {
        let at = |key: &str| format!("sinks.{name}.{key}");
        let given = [
            ("token", table.token.is_some()),
            ("channel", table.channel.is_some()),
            ("api_url", table.api_url.is_some()),
            ("thread", table.thread.is_some()),
        ];
        for (key, _) in given.into_iter().filter(|(_, given)| *given) {
            self.wrong(at(key), "only a sink of type = \"slack-app\" has it");
        }
        let url = self.required(&at("url"), table.url.as_ref(), "the webhook's URL")?;
        match endpoint::webhook(word, url.expose()) {
            Ok((kind, warnings)) => {
                self.warnings.extend(warnings.into_iter().map(|text| Problem::at(self.source, at("url"), text)));
                Some(Target { kind, url, app: None })
            }
            Err(text) => {
                self.wrong(at("url"), text);
                None
            }
        }
    }

    fn app(&mut self, name: &str, table: &SinkTable) -> Option<Target> {
        let at = |key: &str| format!("sinks.{name}.{key}");
        if table.url.is_some() {
            self.wrong(at("url"), "a Slack app has no webhook: it has token and channel");
        }
        let token = self.required(&at("token"), table.token.as_ref(), "the app's bot token, xoxb-…");
        if let Some(text) = token.as_ref().and_then(|token| odd_token(token.expose())) {
            self.wrong(at("token"), text);
        }
        let channel = table.channel.as_deref().unwrap_or_default().trim().to_owned();
        if !is_channel(&channel) {
            self.wrong(
                at("channel"),
                "expected a channel's id, as in \"C0123ABCD\": Slack shows it at the end of the channel's details",
            );
        }
        let base = self.base(&at("api_url"), table.api_url.as_deref().unwrap_or(API));
        if table.outcomes.is_some() && table.thread != Some(true) {
            let text = "a Slack app's card tells every moment; with thread = true these are also said in its thread";
            self.warnings.push(Problem::at(self.source, at("outcomes"), text));
        }
        let app = App { token: token?, channel };
        Some(Target { kind: SinkKind::SlackApp, url: Secret::new(base?.as_str()), app: Some(app) })
    }

    fn required(&mut self, key: &str, reference: Option<&SecretRef>, what: &str) -> Option<Secret> {
        if reference.is_none() {
            self.wrong(key, format!("missing: {what}"));
        }
        self.secret(key, reference?)
    }
}

/// What is wrong with a token that can never post.
fn odd_token(token: &str) -> Option<&'static str> {
    match token.trim() {
        token if token.starts_with("xapp-") => Some("this is an app-level token; the bot token begins with xoxb-"),
        token if token.starts_with("xox") && token.is_ascii() && !token.contains(char::is_whitespace) => None,
        _ => Some("expected a bot token, which begins with xoxb-"),
    }
}

/// Ids of channels begin with C, of private ones also with G, of direct messages with D. A name can change, and an edit
/// takes none.
fn is_channel(id: &str) -> bool {
    let known = id.starts_with(['C', 'G', 'D']);
    known && (2..=32).contains(&id.len()) && id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}
