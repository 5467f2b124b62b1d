//! `[cards]`: how cards are drawn. Reads the table; what a template may say is decided by `cards`.

use super::{Reading, file::CardsTable};
use crate::cards::{CHOSEN, Style, Wording};

impl Reading<'_> {
    pub(super) fn style(&mut self, table: &CardsTable) -> Option<Style> {
        let time_zone = self.time_zone(table.time_zone.as_deref());
        if table.facts.as_ref().is_some_and(|labels| labels.len() > CHOSEN) {
            self.wrong("cards.facts", format!("expected at most {CHOSEN} labels"));
        }
        let wording = Wording::read(table.lines.given()).map_err(|bad| {
            bad.iter().for_each(|bad| self.wrong(format!("cards.lines.{}", bad.line.as_str()), bad.to_string()));
        });
        let (facts, why) = (table.facts.clone(), table.why.unwrap_or(true));
        Some(Style { time_zone: time_zone?, facts, why, wording: wording.ok()?, ..Style::default() })
    }

    fn time_zone(&mut self, name: Option<&str>) -> Option<jiff::tz::TimeZone> {
        let Some(name) = name else { return Some(jiff::tz::TimeZone::system()) };
        let zone = jiff::tz::TimeZone::get(name).ok();
        if zone.is_none() {
            self.wrong("cards.time_zone", "no such time zone: an IANA name, as in \"America/New_York\"");
        }
        zone
    }
}
