//! The `[people]` table: the direct messages of each person are a sink of their own.

use super::{SinkConfig, Validator, schema::PersonTable};
use crate::{
    deliver::SlackApp,
    model::{call::RingStage, delivery::SinkKind, ids::SinkName},
    route::PERSON,
};
use std::collections::BTreeMap;

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
            let name = by_user.entry(person.slack).or_insert_with(|| sink.name.clone()).clone();
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
        if !is_user_id(&person.slack) {
            let text = "expected a member's id, as in \"U0123ABCD\": Slack shows it in the member's profile, under ⋮";
            self.error(format!("people.{key}.slack"), text);
            return None;
        }
        let base = self.person_app(key, person.sink.as_deref(), sinks)?;
        let app = base.app.clone()?;
        Some(SinkConfig {
            name: name.ok()?,
            app: Some(SlackApp { channel: person.slack.clone(), ..app }),
            person: true,
            reply_in_thread: false,
            ring_at: RingStage::Phone,
            menu_only: false,
            recap: None,
            recap_latency: false,
            ..base.clone()
        })
    }

    /// Returns the sink whose Slack app writes to a person: the named one, or the only one.
    fn person_app<'s>(&mut self, key: &str, named: Option<&str>, sinks: &'s [SinkConfig]) -> Option<&'s SinkConfig> {
        let mut apps = sinks.iter().filter(|sink| sink.kind == SinkKind::SlackApp && !sink.person);
        let (first, second) = match named {
            Some(name) => (apps.find(|sink| sink.name.as_str() == name), None),
            None => (apps.next(), apps.next()),
        };
        let text = match (first, second, named) {
            (Some(app), None, _) => return Some(app),
            (Some(_), Some(_), _) => "several sinks have type = \"slack-app\": name the one that writes, with sink = …",
            (None, _, Some(_)) => "no sink of type = \"slack-app\" has this name",
            (None, _, None) => "direct messages need a sink of type = \"slack-app\"",
        };
        self.error(format!("people.{key}.{}", if named.is_some() { "sink" } else { "slack" }), text);
        None
    }
}

fn is_reserved(name: &SinkName) -> bool {
    name.as_str().strip_prefix(PERSON).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Returns whether `id` is a user's id: U, or W in an Enterprise organization.
fn is_user_id(id: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    id.starts_with(['U', 'W']) && (2..=32).contains(&id.len()) && id.chars().all(is_allowed)
}
