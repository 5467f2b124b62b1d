//! Reloadable settings: enrichment sources, routes and sinks. Work that loaded a [`Settings`] uses it to the end, so
//! that no update sees half of an old and half of a new config.

use super::{config::SinkConfig, directions::Directions, shift::RecapSchedule};
use crate::{
    cards::Style,
    enrich::Enricher,
    model::{
        call::{Call, MomentKind, Revised, Telling},
        delivery::Rule,
        ids::{ConnectionName, SinkName},
        time::Timestamp,
    },
    route::{self, Holidays, Routes},
};
use jiff::civil::Date;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

/// The part of the config that call updates use, from look-up to enqueue.
#[derive(Clone, Default)]
pub struct Book {
    /// Look-up of callers.
    pub enricher: Arc<Enricher>,
    /// Routing rules.
    pub routes: Routes,
    /// Settings of each sink.
    pub sinks: BTreeMap<SinkName, Manner>,
    /// Directions reported per connection; the default applies to others.
    pub directions: BTreeMap<ConnectionName, Directions>,
    /// Sink of the alerts.
    pub operator: Option<SinkName>,
    /// Whether snapshots and reports are recorded.
    pub record: bool,
    /// Render options of sinks missing in `sinks`.
    pub style: Style,
}

/// Settings of one sink.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Statuses posted besides `ringing`.
    pub outcomes: Vec<MomentKind>,
    /// Render options of the sink's cards.
    pub style: Style,
    /// How later statuses of a call are posted.
    pub life: Life,
    /// Recap times.
    pub recap: Option<RecapSchedule>,
}

/// How later statuses of a call are posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Life {
    /// Each status is a message of its own.
    #[default]
    Said,
    /// One live message per call, edited as the call moves.
    Living,
    /// A live message, with outcomes replied in its thread: edits trigger no notification.
    Threaded,
}

impl Life {
    /// Returns the mode of a sink's type and `thread` key.
    #[must_use]
    pub const fn of(sink: &SinkConfig) -> Self {
        match (sink.kind.edits(), sink.thread) {
            (false, _) => Self::Said,
            (true, false) => Self::Living,
            (true, true) => Self::Threaded,
        }
    }
}

impl Book {
    /// Returns whether a call is reported. Other calls are still recorded in the history.
    #[must_use]
    pub fn tells(&self, call: &Call) -> bool {
        self.directions.get(&call.connection).copied().unwrap_or_default().tell(call.bound)
    }

    /// Returns whether a routed update is posted as a message at a sink. A revised outcome is posted again only if it
    /// corrects one derived from events.
    #[must_use]
    pub fn is_told(&self, sink: &SinkName, update: &Telling) -> bool {
        let outcomes = self.sinks.get(sink).map_or(&route::DEFAULT_OUTCOMES[..], |sink| sink.outcomes.as_slice());
        is_told(update, outcomes)
    }

    /// Returns the enqueue modes of a routed update at a sink.
    #[must_use]
    pub fn rules(&self, sink: &SinkName, update: &Telling) -> Vec<Rule> {
        let notifies = self.is_told(sink, update);
        match self.sinks.get(sink).map_or(Life::Said, |sink| sink.life) {
            Life::Said if notifies => vec![Rule::Tell],
            Life::Said => vec![Rule::Renew],
            Life::Threaded if notifies && update.moment.kind() != MomentKind::Ringing => vec![Rule::Live, Rule::Reply],
            Life::Living | Life::Threaded => vec![Rule::Live],
        }
    }

    /// Returns a copy with the holidays of a changed file.
    #[must_use]
    pub fn with_holidays(&self, file: &Path, holidays: Holidays) -> Self {
        Self { routes: self.routes.with_holidays(file, holidays), ..self.clone() }
    }

    /// Returns today's date in the cards' time zone.
    #[must_use]
    pub fn today(&self) -> Date {
        Timestamp::now().to_zoned(self.style.time_zone.clone()).date()
    }

    /// Returns the render options of a sink.
    #[must_use]
    pub fn style(&self, sink: &SinkName) -> &Style {
        self.sinks.get(sink).map_or(&self.style, |sink| &sink.style)
    }
}

/// Returns whether an update is posted as a message at a sink with these `outcomes`.
#[must_use]
pub fn is_told(update: &Telling, outcomes: &[MomentKind]) -> bool {
    match update.call.revised {
        None => route::tells(update.moment.kind(), outcomes),
        Some(Revised::Completed) => false,
        Some(Revised::Corrected) => route::tells(MomentKind::Missed, outcomes),
    }
}

/// Holder of the current settings.
pub struct Lectern(RwLock<Arc<Book>>);

impl Lectern {
    /// Creates it with the first settings.
    #[must_use]
    pub fn new(settings: Book) -> Self {
        Self(RwLock::new(Arc::new(settings)))
    }

    /// Returns the current settings. Load once per unit of work.
    #[must_use]
    pub fn open(&self) -> Arc<Book> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the settings by `change` of them, unless it returns `None`. Returns whether it did. Writers wait for
    /// each other.
    pub fn revise(&self, change: impl FnOnce(&Book) -> Option<Book>) -> bool {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&current).map(Arc::new);
        let is_changed = changed.is_some();
        changed.into_iter().for_each(|settings| *current = settings);
        is_changed
    }

    /// Replaces the settings. Work that loaded the old ones ends with them.
    pub fn replace(&self, settings: Book) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{Bound, Caller, MissedWhy, Moment},
        phone::{Number, Region},
        time::Timestamp,
    };
    use std::time::Duration;

    fn update(moment: Moment, revised: Option<Revised>) -> Telling {
        let call = Call {
            id: "a".try_into().unwrap(),
            connection: "main".try_into().unwrap(),
            region: Region::US,
            account: "1".try_into().unwrap(),
            bound: Bound::Inbound,
            caller: Caller { name: None, number: Number::Withheld },
            ours: None,
            queues: Vec::new(),
            people: Vec::new(),
            queued: None,
            transfers: Vec::new(),
            answered: None,
            started: Timestamp::UNIX_EPOCH,
            late: false,
            lost: false,
            revised,
        };
        Telling { call, moment, at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn enqueue_modes_follow_message_mode_and_outcomes() {
        let name = |name: &str| SinkName::try_from(name).unwrap();
        let sink_settings = |life| Manner { outcomes: vec![MomentKind::Missed], style: Style::default(), life, recap: None };
        let sinks = [("hook", Life::Said), ("app", Life::Living), ("talk", Life::Threaded)];
        let settings = Book { sinks: sinks.map(|(sink, life)| (name(sink), sink_settings(life))).into(), ..Book::default() };
        let modes = |moment: Moment, revised| {
            let update = update(moment, revised);
            ["hook", "app", "talk"].map(|sink| settings.rules(&name(sink), &update))
        };
        let missed = || Moment::Missed { after: Duration::from_secs(9), why: MissedWhy::Unknown };
        let ended = || Moment::Ended { lasted: None };
        let (live, replied) = (|| vec![Rule::Live], || vec![Rule::Live, Rule::Reply]);
        assert_eq!(modes(Moment::Ringing, None), [vec![Rule::Tell], live(), live()]);
        assert_eq!(modes(ended(), None), [vec![Rule::Renew], live(), live()]);
        assert_eq!(modes(missed(), None), [vec![Rule::Tell], live(), replied()]);
        assert_eq!(modes(missed(), Some(Revised::Completed)), [vec![Rule::Renew], live(), live()]);
        assert_eq!(modes(ended(), Some(Revised::Corrected)), [vec![Rule::Tell], live(), replied()]);
    }

    #[test]
    fn loaded_settings_do_not_change_on_replace() {
        let desk: SinkName = "desk".try_into().unwrap();
        let shared = Lectern::new(Book::default());
        let loaded = shared.open();
        shared.replace(Book { operator: Some(desk.clone()), ..Book::default() });
        assert_eq!((loaded.operator.clone(), shared.open().operator.clone()), (None, Some(desk)));
    }
}
