//! Metrics of one look-up source.

use super::{
    catalog::{Catalog, Labeled},
    histogram::Histogram,
};
use prometheus_client::metrics::counter::Counter;
use std::{sync::Arc, time::Duration};

/// Result of a look-up at one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupResult {
    /// At least one contact, or earlier calls.
    Found,
    /// An answer without a contact.
    NotFound,
    /// No answer before the card's deadline.
    Late,
    /// No answer, or an unusable one.
    Failed,
}

impl LookupResult {
    const ALL: [Self; 4] = [Self::Found, Self::NotFound, Self::Late, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NotFound => "not_found",
            Self::Late => "late",
            Self::Failed => "failed",
        }
    }
}

/// Metrics of all sources.
#[derive(Debug)]
pub(super) struct SourceFamilies {
    lookups: Labeled<Counter>,
    duration: Labeled<Histogram>,
}

/// Counters of one source. Clones share them. The default is not exported.
#[derive(Debug, Clone, Default)]
pub struct SourceMetrics(Arc<SourceCounters>);

#[derive(Debug, Default)]
struct SourceCounters {
    lookups: [Counter; LookupResult::ALL.len()],
    duration: Histogram,
}

impl SourceFamilies {
    pub(super) fn register(catalog: &mut Catalog) -> Self {
        Self {
            lookups: catalog.counter(
                "lookups",
                &["source", "result"],
                "Look-ups of a caller at a source; history is the daemon's own call history",
            ),
            duration: catalog.histogram(
                "lookup_duration",
                &["source"],
                "Time of a look-up at a source, until its answer or the card's deadline",
            ),
        }
    }

    pub(super) fn source(&self, name: &str) -> SourceMetrics {
        SourceMetrics(Arc::new(SourceCounters {
            lookups: LookupResult::ALL.map(|result| self.lookups.of(&[name, result.as_str()])),
            duration: self.duration.of(&[name]),
        }))
    }
}

impl SourceMetrics {
    /// Counts a look-up.
    pub fn lookup(&self, result: LookupResult, took: Duration) {
        if let Some(counter) = self.0.lookups.get(result as usize) {
            counter.inc();
        }
        self.0.duration.observe(took);
    }
}
