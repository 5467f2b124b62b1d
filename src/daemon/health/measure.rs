//! Counts connection events and call updates in the metrics, and sets the gauges from the status.

use super::status::Status;
use crate::{
    goto::{ConnectionEvent, lane::DisconnectReason},
    model::{
        call::CallUpdate,
        time::{Timestamp, elapsed},
    },
    runtime::metrics::{ConnectionMetrics, Metrics, seconds},
};

/// Counts an event of a connection.
pub fn record_event(metrics: &ConnectionMetrics, event: &ConnectionEvent, now: Timestamp) {
    let kind = match event {
        ConnectionEvent::Snapshot(_) => "snapshot",
        ConnectionEvent::Report(_) => "report",
        ConnectionEvent::ReportReady { .. } => "report_ready",
        ConnectionEvent::MalformedFrame { .. } => "malformed",
        ConnectionEvent::LaneDown { why, .. } => return metrics.lane_lost(loss_word(*why)),
        ConnectionEvent::GapClosed { from, to, .. } => return metrics.gap(elapsed(*from, *to)),
        _ => return,
    };
    metrics.event(kind);
    metrics.last_event(now);
}

/// Returns the label of a reason; a requested stop has none.
const fn loss_word(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::Closed => "closed",
        DisconnectReason::Broken => "broken",
        DisconnectReason::Silent => "silent",
        DisconnectReason::Expired => "expired",
        DisconnectReason::Gone => "gone",
        DisconnectReason::Stopped => "",
    }
}

/// Counts a call update, unless it corrects an earlier one.
pub fn record_update(metrics: &Metrics, update: &CallUpdate) {
    if update.call.revision.is_none() {
        metrics.daemon().call_update(update.call.direction.as_str(), update.status.kind().as_str());
    }
}

/// Sets the gauges from the status. Called at each scrape.
pub fn publish(metrics: &Metrics, status: &Status) {
    let (daemon, number) = (metrics.daemon(), |flag: bool| if flag { 1.0 } else { 0.0 });
    for gauge in [&daemon.login_up, &daemon.lane_up, &daemon.fallback, &daemon.clock_offset, &daemon.sink_up] {
        gauge.clear();
    }
    for (name, connection) in &status.connections {
        let name = name.as_str();
        daemon.login_up.set(&[name], number(!connection.login_required));
        daemon.fallback.set(&[name], number(connection.fallback));
        daemon.clock_offset.set(&[name], connection.clock.map_or(0.0, |clock| clock.offset.as_secs_f64()));
        for lane in 0..connection.lanes {
            daemon.lane_up.set(&[name, &lane.to_string()], number(connection.live.contains(&lane)));
        }
    }
    daemon.outbox_cards.clear();
    daemon.outbox_oldest.clear();
    for (sink, backlog) in &status.backlog {
        daemon.outbox_cards.set(&[sink.as_str()], f64::from(u32::try_from(backlog.cards).unwrap_or(u32::MAX)));
        if let Some(oldest) = backlog.oldest {
            daemon.outbox_oldest.set(&[sink.as_str()], seconds(oldest));
        }
    }
    for sink in status.backlog.keys() {
        daemon.sink_up.set(&[sink.as_str()], number(!status.disabled.contains(sink)));
    }
    daemon.store_in_memory.set(&[], number(status.store_in_memory));
    daemon.sink_owned.clear();
    if let Some(shared) = &status.shared_database {
        daemon.database_up.set(&[], number(status.store_away.is_none()));
        daemon.daemons.set(&[], f64::from(u32::try_from(shared.hosts.len()).unwrap_or(u32::MAX)));
        for (sink, owner) in &shared.owners {
            daemon.sink_owned.set(&[sink.as_str()], number(owner.is_own));
        }
    }
}
