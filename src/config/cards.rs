//! `[cards]`: builds the render options. `cards` validates the templates.

use super::Validator;
use crate::{
    cards::{CardTemplates, MAX_CHOSEN_FACTS, RenderOptions},
    config::schema::CardsTable,
};

impl Validator<'_> {
    pub(super) fn style(&mut self, table: &CardsTable) -> Option<RenderOptions> {
        let time_zone = self.time_zone(table.time_zone.as_deref());
        if table.facts.as_ref().is_some_and(|labels| labels.len() > MAX_CHOSEN_FACTS) {
            self.error("cards.facts", format!("expected at most {MAX_CHOSEN_FACTS} labels"));
        }
        let templates = CardTemplates::compile(table.lines.given()).map_err(|errors| {
            errors
                .iter()
                .for_each(|error| self.error(format!("cards.lines.{}", error.line.as_str()), error.to_string()));
        });
        let (facts, show_sources) = (table.facts.clone(), table.show_sources.unwrap_or(true));
        Some(RenderOptions {
            time_zone: time_zone?,
            facts,
            show_sources,
            templates: templates.ok()?,
            ..RenderOptions::default()
        })
    }

    fn time_zone(&mut self, name: Option<&str>) -> Option<jiff::tz::TimeZone> {
        let Some(name) = name else { return Some(jiff::tz::TimeZone::system()) };
        let zone = jiff::tz::TimeZone::get(name).ok();
        if zone.is_none() {
            self.error("cards.time_zone", "unknown time zone, expected an IANA name, as in \"America/New_York\"");
        }
        zone
    }
}
