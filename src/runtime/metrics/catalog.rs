//! Registration of metrics: names, units, labels, and the list that the documentation is compared with.

use super::histogram::Histogram;
use prometheus_client::{
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
    },
    registry::{Registry, Unit},
};
use std::{fmt, sync::atomic::AtomicU64};

/// Prefix of all names.
const PREFIX: &str = "poprelay";

/// A gauge. Times are seconds since 1970.
pub type FloatGauge = Gauge<f64, AtomicU64>;
/// A counter of seconds.
pub(super) type Seconds = Counter<f64, AtomicU64>;

/// Names and values of the labels of one metric.
type LabelValues = Vec<(&'static str, String)>;

/// One metric, as documented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricInfo {
    /// Full name, as a Prometheus server stores it; of a histogram without `_bucket`, `_count`, `_sum`.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Names of the labels.
    pub labels: &'static [&'static str],
    /// Meaning.
    pub help: &'static str,
}

/// A metric for each combination of label values. Values come from the config or are fixed words: their number is bounded.
#[derive(Clone)]
pub struct Labeled<M> {
    family: Family<LabelValues, M, fn() -> M>,
    labels: &'static [&'static str],
}

impl<M: Clone + fmt::Debug> fmt::Debug for Labeled<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Labeled").field("labels", &self.labels).finish_non_exhaustive()
    }
}

impl<M: Clone> Labeled<M>
where
    fn() -> M: MetricConstructor<M>,
{
    /// Returns the metric of these label values, created if missing. Callers on the path of a call keep it: this allocates
    /// and takes a lock.
    #[must_use]
    pub fn of(&self, values: &[&str]) -> M {
        self.family
            .get_or_create_owned(&self.labels.iter().copied().zip(values.iter().map(|&it| it.to_owned())).collect())
    }

    /// Removes all label values.
    pub fn clear(&self) {
        self.family.clear();
    }
}

impl Labeled<FloatGauge> {
    /// Sets the gauge of these label values.
    pub fn set(&self, values: &[&str], value: f64) {
        self.of(values).set(value);
    }
}

/// Registers metrics and keeps the list of them.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) registry: Registry,
    pub(super) metrics: Vec<MetricInfo>,
}

impl Catalog {
    pub(super) fn new() -> Self {
        Self { registry: Registry::with_prefix(PREFIX), metrics: Vec::new() }
    }

    /// Registers a counter. `name` is without `_total`.
    pub(super) fn counter(
        &mut self,
        name: &str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Labeled<Counter> {
        self.register(name, None, "counter", labels, help, Counter::default)
    }

    /// Registers a counter of seconds. `name` is without `_seconds_total`.
    pub(super) fn seconds(
        &mut self,
        name: &str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Labeled<Seconds> {
        self.register(name, Some(Unit::Seconds), "counter", labels, help, Seconds::default)
    }

    /// Registers a gauge. `name` is without the unit.
    pub(super) fn gauge(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Labeled<FloatGauge> {
        self.register(name, unit, "gauge", labels, help, FloatGauge::default)
    }

    /// Registers a histogram of durations. `name` is without `_seconds`.
    pub(super) fn histogram(
        &mut self,
        name: &str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Labeled<Histogram> {
        self.register(name, Some(Unit::Seconds), "histogram", labels, help, Histogram::default)
    }

    fn register<M>(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        kind: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
        new: fn() -> M,
    ) -> Labeled<M>
    where
        M: prometheus_client::registry::Metric + prometheus_client::metrics::TypedMetric + Clone,
    {
        let family = Family::new_with_constructor(new);
        self.list(name, unit.as_ref(), kind, labels, help);
        match unit {
            Some(unit) => self.registry.register_with_unit(name, help, unit, family.clone()),
            None => self.registry.register(name, help, family.clone()),
        }
        Labeled { family, labels }
    }

    /// Adds a metric to the list.
    pub(super) fn list(
        &mut self,
        name: &str,
        unit: Option<&Unit>,
        kind: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) {
        let unit = unit.map_or(String::new(), |unit| format!("_{}", unit.as_str()));
        let total = if kind == "counter" { "_total" } else { "" };
        self.metrics.push(MetricInfo { name: format!("{PREFIX}_{name}{unit}{total}"), kind, labels, help });
    }
}
