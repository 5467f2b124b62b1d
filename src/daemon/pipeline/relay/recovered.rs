//! The relay's share of recovery: event gaps and reports in, recovered updates and gap summaries to the sinks.

use super::Relay;
use crate::{
    calls::is_conclusive,
    daemon::{health::alert::AlertKind, pipeline::number_names::name_called_number, settings::Settings},
    goto::Reports,
    model::{
        call::Report,
        time::{Now, Timestamp, before, elapsed},
    },
    runtime::message_id,
};
use std::{collections::HashSet, sync::Arc, time::Duration};

impl Relay {
    pub(super) async fn on_gap_closed(
        &mut self,
        settings: &Arc<Settings>,
        from: Timestamp,
        to: Timestamp,
        reports: Reports,
    ) {
        let connection = &self.connection;
        let gap_ms = millis(elapsed(from, to));
        let since = self.recovery.gap_closed(from, to);
        let is_answered = !matches!(reports, Reports::Failed);
        let message_id = message_id::GAP_CLOSED;
        match reports {
            Reports::Fetched(reports) => {
                let found = reports.len();
                tracing::info!(%connection, %from, %to, gap_ms, reports = found, message_id, "event gap closed");
                self.on_reports(settings, reports).await;
            }
            Reports::NotGranted => {
                tracing::info!(%connection, %from, %to, gap_ms, message_id, "event gap closed");
                let alert = AlertKind::ReportsNotGranted(connection.clone(), from, to);
                self.pipeline.raise(alert).await;
            }
            Reports::Failed => {
                tracing::warn!(%connection, %from, %to, gap_ms, message_id, "event gap closed, reports follow later")
            }
        }
        // Only now: the heartbeat covers the gap as soon as its calls are queued.
        if is_answered {
            self.monitor.gap_recovered(since, to);
        }
    }

    /// Recovers calls unknown to the tracker: of an event gap, or of an earlier run.
    pub(super) async fn recover(&mut self, settings: &Arc<Settings>, reports: Vec<Report>) {
        let Now { instant, timestamp: local } = Now::current();
        let now = self.goto_now();
        for report in reports {
            if is_conclusive(&report) || self.recovery.wants(&report, now) {
                let in_gap = self.recovery.covers(&report);
                self.awaited.add(report, in_gap, now);
            }
        }
        self.publish_unposted();
        let ready = self.awaited.ready(|report| self.recovery.covers(report), instant);
        self.post_recovered(settings, ready.reports, local).await;
        for update in self.recovery.end_unreported(&ready.unreported) {
            self.emit(settings, update);
        }
        self.begin_fetches(instant);
    }

    pub(super) async fn post_recovered(&mut self, settings: &Arc<Settings>, reports: Vec<Report>, now: Timestamp) {
        if reports.is_empty() {
            return;
        }
        let calls: Vec<_> = reports.iter().map(|report| report.call.clone()).collect();
        let goto_now = self.goto_now();
        self.read_ended_elsewhere(goto_now).await;
        let recovered = self.recovery.recover(reports, goto_now);
        let emitted: HashSet<_> = recovered.updates.iter().map(|update| update.call.id.clone()).collect();
        for update in recovered.updates {
            self.emit(settings, update);
        }
        let mut summary = recovered.summary;
        for update in &mut summary {
            name_called_number(&mut update.call, &settings.numbers, &self.number_names);
        }
        if let Some(gap) = self.recovery.last_gap()
            && !summary.is_empty()
        {
            let (pipeline, connection) = (&self.pipeline, &self.connection);
            pipeline.enqueue_gap_summary(settings, connection, gap, &summary, now).await;
        }
        // The emitted ones are posted after their look-up.
        for call in calls.iter().filter(|call| !emitted.contains(*call)) {
            self.awaited.posted(call);
        }
        self.publish_unposted();
    }

    /// Returns GoTo's time. Ages of reports compare with it: the local clock may be wrong.
    fn goto_now(&self) -> Timestamp {
        let now = Now::current();
        self.pipeline.status.goto_time(now.timestamp, now)
    }

    /// Reads which calls other daemons on the shared database have posted to their end. An event gap of this daemon hid no call
    /// that another daemon received.
    async fn read_ended_elsewhere(&mut self, now: Timestamp) {
        let is_shared = self.pipeline.status.lock().shared_database.is_some();
        let Some(since) = self.recovery.earliest_gap().filter(|_| is_shared) else { return };
        // The store has local times, which a slow local clock makes earlier than the gap.
        let since = before(since, elapsed(Timestamp::now(), now));
        match self.pipeline.outbox.ended_calls(since).await {
            Ok(ended) => self.recovery.ended_elsewhere(ended, now),
            Err(error) => tracing::warn!(%error, "ended calls of other daemons not read"),
        }
    }

    /// Gives the heartbeat the end of the earliest call that is not posted yet: a restart then recovers from there.
    pub(super) fn publish_unposted(&self) {
        self.monitor.set_unposted_since(self.awaited.unposted_since());
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
