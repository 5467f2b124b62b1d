//! What a reload swaps out, whole: who is asked, who is told, and how. It decides nothing; whoever takes a [`Book`] works
//! with that one to the end, so that one telling never sees half of an old config and half of a new one.

use super::directions::Directions;
use crate::{
    cards::Style,
    enrich::Enricher,
    model::{
        call::{Call, MomentKind, Revised, Telling},
        ids::{ConnectionName, SinkName},
    },
    route::{self, Routes},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

/// The part of a config that a telling sees from its look-up to its admission.
#[derive(Default)]
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
        match telling.call.revised {
            None => route::tells(telling.moment.kind(), outcomes),
            Some(Revised::Completed) => false,
            Some(Revised::Corrected) => route::tells(MomentKind::Missed, outcomes),
        }
    }

    /// How a sink's cards are drawn.
    #[must_use]
    pub fn style(&self, sink: &SinkName) -> &Style {
        self.sinks.get(sink).map_or(&self.style, |manner| &manner.style)
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

    /// From now on this one is valid; work that took the old one ends with it.
    pub fn replace(&self, book: Book) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_began_with_a_book_ends_with_it() {
        let desk: SinkName = "desk".try_into().unwrap();
        let lectern = Lectern::new(Book::default());
        let begun = lectern.open();
        lectern.replace(Book { operator: Some(desk.clone()), ..Book::default() });
        assert_eq!((begun.operator.clone(), lectern.open().operator.clone()), (None, Some(desk)));
    }
}
