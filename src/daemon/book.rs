//! What a reload swaps out, whole: who is asked, who is told, and how. It decides nothing; whoever takes a [`Book`] works
//! with that one to the end, so that one telling never sees half of an old config and half of a new one.

use super::config::SinkConfig;
use crate::{
    cards::Style,
    enrich::Enricher,
    model::{call::MomentKind, delivery::Rule, ids::SinkName},
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
    /// Where the daemon tells its own troubles.
    pub operator: Option<SinkName>,
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
    /// Whether a sink gets a message of its own for a moment that a route leads to it.
    #[must_use]
    pub fn is_told(&self, sink: &SinkName, moment: MomentKind) -> bool {
        let outcomes = self.sinks.get(sink).map_or(&route::DEFAULT_OUTCOMES[..], |manner| manner.outcomes.as_slice());
        route::tells(moment, outcomes)
    }

    /// Who is told of a moment that routes lead to `routed`, and how. A message that lives is edited whatever leads
    /// there by now: a call that left its route would ring in it for ever.
    #[must_use]
    pub fn audience(&self, routed: Vec<SinkName>, moment: MomentKind) -> Vec<(SinkName, Rule)> {
        let edited = self.sinks.iter().filter(|(_, manner)| manner.life != Life::Said).map(|(sink, _)| sink.clone());
        let left: Vec<SinkName> = edited.filter(|sink| !routed.contains(sink)).collect();
        let told = routed.into_iter().flat_map(|sink| {
            let said = self.is_told(&sink, moment);
            let (rule, reply) = match self.sinks.get(&sink).map_or(Life::Said, |manner| manner.life) {
                Life::Said if said => (Rule::Tell, false),
                Life::Said => (Rule::Renew, false),
                Life::Living => (Rule::Live, false),
                Life::Threaded => (Rule::Live, said && moment != MomentKind::Ringing),
            };
            let reply = reply.then(|| (sink.clone(), Rule::Reply));
            std::iter::once((sink, rule)).chain(reply)
        });
        told.chain(left.into_iter().map(|sink| (sink, Rule::Renew))).collect()
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
    fn a_living_message_hears_every_moment_and_a_webhook_what_it_wants() {
        let name = |name: &str| SinkName::try_from(name).unwrap();
        let manner = |life| Manner { outcomes: vec![MomentKind::Missed], style: Style::default(), life };
        let sinks = [("hook", Life::Said), ("app", Life::Living), ("talk", Life::Threaded)];
        let sinks = sinks.map(|(sink, life)| (name(sink), manner(life))).into();
        let book = Book { sinks, ..Book::default() };
        let told = |routed: &[&str], moment| -> Vec<(String, Rule)> {
            let routed = routed.iter().map(|sink| name(sink)).collect();
            book.audience(routed, moment).into_iter().map(|(sink, rule)| (sink.to_string(), rule)).collect()
        };
        let (hook, app, talk) = ("hook".to_owned(), "app".to_owned(), "talk".to_owned());
        let all = ["hook", "app", "talk"];
        let ring = [(hook.clone(), Rule::Tell), (app.clone(), Rule::Live), (talk.clone(), Rule::Live)];
        assert_eq!(told(&all, MomentKind::Ringing), ring);
        let answer = [(hook.clone(), Rule::Renew), (app.clone(), Rule::Live), (talk.clone(), Rule::Live)];
        assert_eq!(told(&all, MomentKind::Answered), answer);
        let missed = [(app.clone(), Rule::Live), (talk.clone(), Rule::Live), (talk.clone(), Rule::Reply)];
        assert_eq!(told(&["app", "talk"], MomentKind::Missed), missed);
        let elsewhere = [(hook, Rule::Tell), (app, Rule::Renew), (talk, Rule::Renew)];
        assert_eq!(told(&["hook"], MomentKind::Missed), elsewhere, "the call left the route that led there");
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
