//! The path of a call update shared by all relays: saved as pending, looked up, planned, enqueued. `plan` decides which
//! deliveries an update becomes; this module does the I/O.

pub mod awaited_reports;
pub mod call_order;
pub mod callbacks;
pub mod caller_history;
pub mod direct_messages;
pub mod number_names;
pub mod plan;
pub mod recovery;
pub mod relay;

use crate::{
    daemon::{
        health::{
            alert::{self, AlertKind},
            status::SharedStatus,
        },
        recording::Recorder,
        settings::{Settings, SharedSettings},
    },
    enrich::PendingLookup,
    model::{
        call::{CallUpdate, StatusKind},
        card::{CallerInfo, CardOptions},
        delivery::{EnqueueResult, Outbox},
        ids::{ConnectionName, ConversationSpaceId, SinkName},
        time::{Now, Timestamp},
    },
    outbox::SqliteOutbox,
    runtime::{metrics::Metrics, watchdog::TaskMonitor},
};
use tokio::sync::Mutex;

/// State shared by all relays.
pub struct Pipeline {
    /// The outbox.
    pub outbox: SqliteOutbox,
    /// The current settings, replaced by a reload.
    pub settings: SharedSettings,
    /// Recorder of snapshots and reports, used if the config enables it.
    pub recorder: Recorder,
    /// Status of the daemon.
    pub status: SharedStatus,
    /// Heartbeats of all tasks.
    pub tasks: TaskMonitor,
    /// Metrics of the daemon.
    pub metrics: Metrics,
    /// Held while callbacks are decided.
    pub callbacks: Mutex<()>,
}

impl Pipeline {
    /// Looks up the caller and enqueues the cards of an update. `settings` are used from the look-up to the enqueue.
    /// Returns the look-ups still running after the deadline.
    pub async fn process(&self, settings: &Settings, update: &CallUpdate, now: Now) -> Option<PendingLookup> {
        if !settings.reports_call(&update.call) {
            settings.enricher.record(update, Vec::new());
            self.record_return_call(update).await;
            self.update_callbacks(settings, update, now.timestamp).await;
            return None;
        }
        let saved = self.save_pending(settings, update).await;
        let (info, late) = settings.enricher.lookup_with_pending(&update.call, now).await;
        let previous = self.previous_sinks(update).await;
        let deliveries = plan::plan(settings, update, &info, previous, now.timestamp);
        settings.enricher.record(update, plan::sinks(&deliveries));
        let (call, status) = (&update.call.id, update.status.kind());
        if deliveries.is_empty() {
            tracing::debug!(%call, status = status.as_str(), "no route matches");
            if !status.is_final() {
                self.record_return_call(update).await;
            } else if let Err(error) = self.outbox.record_silent_call(update.clone()).await {
                tracing::warn!(%call, %error, "call without a card not recorded");
            }
        }
        match self.outbox.enqueue(saved, deliveries).await {
            Ok(results) if status == StatusKind::Ringing && results.contains(&EnqueueResult::Inserted) => {
                self.status.lock().add_calls(1, settings.today());
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%call, status = status.as_str(), %error, "card not enqueued"),
        }
        self.update_callbacks(settings, update, now.timestamp).await;
        late
    }

    /// Saves an update as pending before a look-up that takes time: a crash then costs caller info, not the call.
    /// Returns the key of the pending update.
    async fn save_pending(
        &self,
        settings: &Settings,
        update: &CallUpdate,
    ) -> Option<(ConversationSpaceId, StatusKind)> {
        if settings.enricher.answers_immediately(&update.call) {
            return None;
        }
        let saved = self.outbox.save_pending(update.clone()).await;
        saved
            .inspect_err(|error| tracing::error!(call = %update.call.id, %error, "pending update not saved"))
            .ok()
            .map(|()| (update.call.id.clone(), update.status.kind()))
    }

    /// Returns the sinks of the call's earlier updates; none for a ring.
    async fn previous_sinks(&self, update: &CallUpdate) -> Vec<(SinkName, CardOptions)> {
        if update.status.kind() == StatusKind::Ringing {
            return Vec::new();
        }
        let call = &update.call.id;
        self.outbox.previous_sinks(call.clone()).await.unwrap_or_else(|error| {
            tracing::warn!(%call, %error, "reading previous sinks failed");
            Vec::new()
        })
    }

    /// Merges look-up results that arrive after the deadline into live messages and pending cards, until all sources
    /// have answered or timed out. Late results do not route: the call's next status is looked up and routed with
    /// them.
    pub async fn apply_late_info(&self, update: CallUpdate, mut lookup: PendingLookup) {
        while let Some(info) = lookup.next().await {
            self.merge_info(&update, &info).await;
        }
    }

    async fn merge_info(&self, update: &CallUpdate, info: &CallerInfo) {
        let deliveries = plan::late_info(&self.settings.load(), update, info);
        if let Err(error) = self.outbox.enqueue(None, deliveries).await {
            let (call, status) = (&update.call.id, update.status.kind().as_str());
            tracing::error!(%call, status, %error, "late caller info not enqueued");
        }
    }

    /// Processes the updates left pending by a crash or a stopped connection: those of connection `of`, or all.
    pub async fn replay_pending(&self, of: Option<&ConnectionName>) {
        match self.outbox.pending().await {
            Ok(pending) => {
                for update in pending.into_iter().filter(|update| of.is_none_or(|name| update.call.connection == *name))
                {
                    tracing::info!(call = %update.call.id, status = update.status.kind().as_str(), "replaying pending update");
                    drop(self.process(&self.settings.load(), &update, Now::current()).await);
                }
            }
            Err(error) => tracing::error!(%error, "reading pending updates failed"),
        }
    }

    /// Raises an alert in the journal and to the operator.
    pub async fn raise(&self, alert: AlertKind) {
        let settings = self.settings.load();
        let default_sink = || alert.default_sink().filter(|sink| settings.sinks.contains_key(sink));
        let sink = settings.operator.clone().or_else(default_sink);
        alert::raise(&alert, sink, &self.outbox).await;
    }

    /// Enqueues gap summaries: for each sink the calls of an event gap that would have been posted there, in as many
    /// cards as needed.
    pub async fn enqueue_gap_summary(
        &self,
        settings: &Settings,
        connection: &ConnectionName,
        gap: (Timestamp, Timestamp),
        updates: &[CallUpdate],
        at: Timestamp,
    ) {
        for update in updates {
            settings.enricher.record(update, plan::gap_summary_sinks(settings, update, at));
        }
        let deliveries = plan::gap_summary(settings, connection, gap, updates, at);
        if let Err(error) = self.outbox.enqueue(None, deliveries).await {
            tracing::error!(%connection, %error, "gap summary not enqueued");
        }
        for update in updates {
            self.record_return_call(update).await;
            self.update_callbacks(settings, update, at).await;
        }
    }
}
