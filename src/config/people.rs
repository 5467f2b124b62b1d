//! The `[people]` table: the direct messages of each person are a sink of their own.

use super::{SinkConfig, Validator, schema::PersonTable};
use crate::{
    deliver::{SlackApp, chats::ChatOptions, teams_bot::Bot},
    model::{call::RingStage, delivery::SinkKind, ids::SinkName},
    route::PERSON,
};
use std::collections::BTreeMap;
use uuid::Uuid;

impl Validator<'_> {
    /// Adds a sink for the direct messages of each person to `sinks`. Returns these sinks by extension or line.
    pub(super) fn people(
        &mut self,
        people: BTreeMap<String, PersonTable>,
        sinks: &mut Vec<SinkConfig>,
    ) -> BTreeMap<String, SinkName> {
        for sink in sinks.iter().filter(|sink| is_reserved(&sink.name)) {
            let text = "the names person and person-… are reserved for the direct messages of [people]";
            self.error(format!("sinks.{}", sink.name), text);
        }
        let mut by_user: BTreeMap<String, SinkName> = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (key, person) in people {
            let Some(sink) = self.person(&key, &person, sinks) else { continue };
            // A person with two extensions gets one message per call.
            let user = sink.clone().into_sink().channel().unwrap_or_default().to_owned();
            let name = by_user.entry(user).or_insert_with(|| sink.name.clone()).clone();
            if name == sink.name {
                sinks.push(sink);
            }
            names.insert(key, name);
        }
        names
    }

    fn person(&mut self, key: &str, person: &PersonTable, sinks: &[SinkConfig]) -> Option<SinkConfig> {
        let name = SinkName::try_from(format!("{PERSON}-{key}"));
        if name.is_err() {
            self.error(format!("people.{key}"), "expected an extension, as in \"1015\", or a line's id");
        }
        let address = self.address(key, person)?;
        let base = self.person_app(key, address.kind(), person.sink.as_deref(), sinks)?;
        let mut sink = SinkConfig {
            name: name.ok()?,
            person: true,
            reply_in_thread: false,
            ring_at: RingStage::Phone,
            menu_only: false,
            recap: None,
            recap_latency: false,
            ..base.clone()
        };
        match address {
            Address::Slack(id) => sink.app = Some(SlackApp { channel: id, ..base.app.clone()? }),
            Address::Teams(id) => {
                let bot = Bot { channel: id, is_person: true, ..base.options.bot.clone()? };
                sink.options = ChatOptions { bot: Some(bot), ..base.options.clone() };
            }
        }
        Some(sink)
    }

    /// Reads the one address of a person.
    fn address(&mut self, key: &str, person: &PersonTable) -> Option<Address> {
        let (at, address, text) = match (&person.slack, &person.email, &person.teams) {
            (Some(id), None, None) => (
                "slack",
                Some(id.trim()).filter(|id| is_user_id(id)).map(|id| Address::Slack(id.to_owned())),
                "expected a member's id, as in \"U0123ABCD\": Slack shows it in the member's profile, under ⋮",
            ),
            (None, Some(email), None) => (
                "email",
                Some(email.trim()).filter(|email| is_email(email)).map(|email| Address::Slack(email.to_lowercase())),
                "expected the e-mail address of a Slack member, as in \"dana@example.com\"",
            ),
            (None, None, Some(id)) => (
                "teams",
                Uuid::try_parse(id.trim()).ok().map(|id| Address::Teams(id.to_string())),
                "expected the Object ID of the user in Microsoft Entra, as in \"00000000-0000-0000-0000-000000000000\"",
            ),
            _ => ("slack", None, "a person has one address: slack (a member's id), email, or teams (an Object ID)"),
        };
        if address.is_none() {
            self.error(format!("people.{key}.{at}"), text);
        }
        address
    }

    /// Returns the sink whose app writes to a person: the named one, or the only one of the chat.
    fn person_app<'s>(
        &mut self,
        key: &str,
        kind: SinkKind,
        named: Option<&str>,
        sinks: &'s [SinkConfig],
    ) -> Option<&'s SinkConfig> {
        let mut apps = sinks.iter().filter(|sink| sink.kind == kind && !sink.person);
        let (first, second) = match named {
            Some(name) => (apps.find(|sink| sink.name.as_str() == name), None),
            None => (apps.next(), apps.next()),
        };
        let chat = kind.as_str();
        let text = match (first, second, named) {
            (Some(app), None, _) => return Some(app),
            (Some(_), Some(_), _) => {
                format!("several sinks have type = \"{chat}\": name the one that writes, with sink = …")
            }
            (None, _, Some(_)) => format!("no sink of type = \"{chat}\" has this name"),
            (None, _, None) => format!("direct messages need a sink of type = \"{chat}\""),
        };
        let kind_key = if kind == SinkKind::TeamsApp { "teams" } else { "slack" };
        self.error(format!("people.{key}.{}", if named.is_some() { "sink" } else { kind_key }), text);
        None
    }
}

/// Address of a person's direct messages.
enum Address {
    /// A member's id, or an e-mail address.
    Slack(String),
    /// An object id.
    Teams(String),
}

impl Address {
    const fn kind(&self) -> SinkKind {
        match self {
            Self::Slack(_) => SinkKind::SlackApp,
            Self::Teams(_) => SinkKind::TeamsApp,
        }
    }
}

/// Returns whether a text can be an e-mail address. The chat decides whether a member has it.
fn is_email(text: &str) -> bool {
    let has_parts = text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    has_parts && text.len() <= 254 && text.chars().all(|c| c.is_ascii_graphic() && c != ',' && c != ';')
}

fn is_reserved(name: &SinkName) -> bool {
    name.as_str().strip_prefix(PERSON).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Returns whether `id` is a user's id: U, or W in an Enterprise organization.
fn is_user_id(id: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    id.starts_with(['U', 'W']) && (2..=32).contains(&id.len()) && id.chars().all(is_allowed)
}
