//! What a reload swaps out, whole: who is asked, who is told, and how. It decides nothing; whoever takes a [`Book`] works
//! with that one to the end, so that one telling never sees half of an old config and half of a new one.

use super::{config::SinkConfig, directions::Directions, shift::Schedule};
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

/// The part of a config that a telling sees from its look-up to its admission.
#[derive(Clone, Default)]
pub struct Book {
    /// Who is calling.
    pub enricher: Arc<Enricher>,
    /// Which sinks get it.
    pub routes: Routes,
    /// How each sink is told.
    pub sinks: BTreeMap<SinkName, Manner>,
    /// Which calls of each login are told; the default for one that is not in here.
    pub directions: BTreeMap<ConnectionName, Directions>,
    /// Where the daemon tells its own troubles.
    pub operator: Option<SinkName>,
    /// Calls are recorded.
    pub record: bool,
    /// How cards are drawn for a sink that is not in `sinks` any more.
    pub style: Style,
}

/// How one sink is told.
#[derive(Debug, Clone)]
pub struct Manner {
    /// Moments told besides the ring.
    pub outcomes: Vec<MomentKind>,
    /// How its cards are drawn.
    pub style: Style,
    /// How its messages live.
    pub life: Life,
    /// When it is told what came in.
    pub recap: Option<Schedule>,
}

/// What becomes of a message after it was posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Life {
    /// Nothing: what comes later is another message.
    #[default]
    Said,
    /// It is edited as its call moves.
    Living,
    /// It is, and outcomes are also said in its thread: an edit makes no sound.
    Threaded,
}

impl Life {
    /// As a sink's config has it.
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
    /// Whether anybody is told of a call. What is not told is still seen.
    #[must_use]
    pub fn tells(&self, call: &Call) -> bool {
        self.directions.get(&call.connection).copied().unwrap_or_default().tell(call.bound)
    }

    /// Whether a sink gets a message of its own for a telling that a route leads to it. An outcome that is told again gets
    /// one only where the first telling was heard and was wrong.
    #[must_use]
    pub fn is_told(&self, sink: &SinkName, telling: &Telling) -> bool {
        let outcomes = self.sinks.get(sink).map_or(&route::DEFAULT_OUTCOMES[..], |manner| manner.outcomes.as_slice());
        is_told(telling, outcomes)
    }

    /// What a telling becomes at a sink that a route leads it to.
    #[must_use]
    pub fn rules(&self, sink: &SinkName, telling: &Telling) -> Vec<Rule> {
        let told = self.is_told(sink, telling);
        match self.sinks.get(sink).map_or(Life::Said, |manner| manner.life) {
            Life::Said if told => vec![Rule::Tell],
            Life::Said => vec![Rule::Renew],
            Life::Threaded if told && telling.moment.kind() != MomentKind::Ringing => vec![Rule::Live, Rule::Reply],
            Life::Living | Life::Threaded => vec![Rule::Live],
        }
    }

    /// The same with the holidays of a file that has changed.
    #[must_use]
    pub fn with_holidays(&self, file: &Path, holidays: Holidays) -> Self {
        Self { routes: self.routes.with_holidays(file, holidays), ..self.clone() }
    }

    /// The date in the cards' time zone.
    #[must_use]
    pub fn today(&self) -> Date {
        Timestamp::now().to_zoned(self.style.time_zone.clone()).date()
    }

    /// How a sink's cards are drawn.
    #[must_use]
    pub fn style(&self, sink: &SinkName) -> &Style {
        self.sinks.get(sink).map_or(&self.style, |manner| &manner.style)
    }
}

/// Whether a sink with these `outcomes` gets a message of its own for a telling.
#[must_use]
pub fn is_told(telling: &Telling, outcomes: &[MomentKind]) -> bool {
    match telling.call.revised {
        None => route::tells(telling.moment.kind(), outcomes),
        Some(Revised::Completed) => false,
        Some(Revised::Corrected) => route::tells(MomentKind::Missed, outcomes),
        Some(Revised::Resolved) => route::tells(telling.moment.kind(), outcomes),
    }
}

/// The book that is valid now.
pub struct Lectern(RwLock<Arc<Book>>);

impl Lectern {
    /// With its first book.
    #[must_use]
    pub fn new(book: Book) -> Self {
        Self(RwLock::new(Arc::new(book)))
    }

    /// The book that is valid now. Take it once for one piece of work.
    #[must_use]
    pub fn open(&self) -> Arc<Book> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What `revision` makes of the book that is valid now is valid from now on; answers whether it made anything. Nobody
    /// replaces the book in between.
    pub fn revise(&self, revision: impl FnOnce(&Book) -> Option<Book>) -> bool {
        let mut valid = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let revised = revision(&valid).map(Arc::new);
        let is_revised = revised.is_some();
        revised.into_iter().for_each(|book| *valid = book);
        is_revised
    }

    /// From now on this one is valid; work that took the old one ends with it.
    pub fn replace(&self, book: Book) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
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

    fn telling(moment: Moment, revised: Option<Revised>) -> Telling {
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
            course: crate::model::call::Course::default(),
        };
        Telling { call, moment, at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_living_message_hears_every_moment_and_a_webhook_what_it_wants() {
        let name = |name: &str| SinkName::try_from(name).unwrap();
        let manner = |life| Manner { outcomes: vec![MomentKind::Missed], style: Style::default(), life, recap: None };
        let sinks = [("hook", Life::Said), ("app", Life::Living), ("talk", Life::Threaded)];
        let book = Book { sinks: sinks.map(|(sink, life)| (name(sink), manner(life))).into(), ..Book::default() };
        let rules = |moment: Moment, revised| {
            let telling = telling(moment, revised);
            ["hook", "app", "talk"].map(|sink| book.rules(&name(sink), &telling))
        };
        let missed = || Moment::Missed { after: Duration::from_secs(9), why: MissedWhy::Unknown };
        let ended = || Moment::Ended { lasted: None };
        let (live, replied) = (|| vec![Rule::Live], || vec![Rule::Live, Rule::Reply]);
        assert_eq!(rules(Moment::Ringing, None), [vec![Rule::Tell], live(), live()]);
        assert_eq!(rules(ended(), None), [vec![Rule::Renew], live(), live()]);
        assert_eq!(rules(missed(), None), [vec![Rule::Tell], live(), replied()]);
        assert_eq!(rules(missed(), Some(Revised::Completed)), [vec![Rule::Renew], live(), live()]);
        assert_eq!(rules(ended(), Some(Revised::Corrected)), [vec![Rule::Tell], live(), replied()]);
    }

    #[test]
    fn work_that_began_with_a_book_ends_with_it() {
        let desk: SinkName = "desk".try_into().unwrap();
        let lectern = Lectern::new(Book::default());
        let begun = lectern.open();
        lectern.replace(Book { operator: Some(desk.clone()), ..Book::default() });
        assert_eq!((begun.operator.clone(), lectern.open().operator.clone()), (None, Some(desk)));
    }
}
