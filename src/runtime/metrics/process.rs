//! Figures of the process, read from /proc at each scrape. Unreadable figures are left out.

use super::catalog::Catalog;
use jiff::Timestamp;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};
use std::{fmt, fs};

const CPU: &str = "CPU time of the process, user and system";
const MEMORY: &str = "Resident memory of the process";
const FDS: &str = "Open file descriptors of the process";
const START: &str = "Start of the process";

/// Collector that reads /proc/self.
#[derive(Debug)]
pub(super) struct ProcessCollector {
    started: f64,
}

impl ProcessCollector {
    pub(super) fn register(catalog: &mut Catalog, started: Timestamp) {
        catalog.list("process_cpu", Some(&Unit::Seconds), "counter", &[], CPU);
        catalog.list("process_resident_memory", Some(&Unit::Bytes), "gauge", &[], MEMORY);
        catalog.list("process_open_fds", None, "gauge", &[], FDS);
        catalog.list("process_start_time", Some(&Unit::Seconds), "gauge", &[], START);
        let started = started.as_duration().as_secs_f64();
        catalog.registry.register_collector(Box::new(Self { started }));
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(seconds) = cpu_seconds() {
            let metric = ConstCounter::new(seconds);
            metric.encode(encoder.encode_descriptor(
                "process_cpu",
                CPU,
                Some(&Unit::Seconds),
                metric.metric_type(),
            )?)?;
        }
        let gauges = [
            ("process_resident_memory", MEMORY, Some(&Unit::Bytes), resident_bytes()),
            ("process_open_fds", FDS, None, open_fds()),
            ("process_start_time", START, Some(&Unit::Seconds), Some(self.started)),
        ];
        for (name, help, unit, value) in gauges {
            let Some(value) = value else { continue };
            let metric = ConstGauge::new(value);
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)?;
        }
        Ok(())
    }
}

/// Returns fields 14 and 15 of /proc/self/stat, in seconds. The name in field 2 may contain blanks.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11).map(str::parse::<f64>);
    let ticks = fields.next()?.ok()? + fields.next()?.ok()?;
    let per_second = u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    Some(ticks / f64::from(per_second))
}

fn resident_bytes() -> Option<f64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * f64::from(u32::try_from(rustix::param::page_size()).ok()?))
}

fn open_fds() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    // Without the one that reads the folder.
    u32::try_from(count.saturating_sub(1)).ok().map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_this_process_are_read() {
        assert!(cpu_seconds().unwrap() >= 0.0);
        assert!(resident_bytes().unwrap() > 1e5);
        assert!(open_fds().unwrap() >= 3.0);
    }
}
