//! `[cards]`: builds the render options. `cards` validates the templates.

use super::{Reading, file::CardsTable};
use crate::cards::{CHOSEN, Style, Wording};

impl Reading<'_> {
    pub(super) fn style(&mut self, table: &CardsTable) -> Option<Style> {
        let time_zone = self.time_zone(table.time_zone.as_deref());
        if table.facts.as_ref().is_some_and(|labels| labels.len() > CHOSEN) {
            self.wrong("cards.facts", format!("expected at most {CHOSEN} labels"));
        }
        let templates = Wording::read(table.lines.given()).map_err(|errors| {
            errors.iter().for_each(|error| self.wrong(format!("cards.lines.{}", error.line.as_str()), error.to_string()));
        });
        let (facts, why) = (table.facts.clone(), table.why.unwrap_or(true));
        Some(Style { time_zone: time_zone?, facts, why, wording: templates.ok()?, ..Style::default() })
    }

    fn time_zone(&mut self, name: Option<&str>) -> Option<jiff::tz::TimeZone> {
        let Some(name) = name else { return Some(jiff::tz::TimeZone::system()) };
        let zone = jiff::tz::TimeZone::get(name).ok();
        if zone.is_none() {
            self.wrong("cards.time_zone", "unknown time zone, expected an IANA name, as in \"America/New_York\"");
        }
        zone
    }
}
