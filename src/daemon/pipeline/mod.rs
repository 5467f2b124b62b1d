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
        card::CallerInfo,
        delivery::{EnqueueResult, Outbox},
        ids::{ConnectionName, ConversationSpaceId},
        time::{Now, Timestamp},
    },
    outbox::DatabaseOutbox,
    runtime::{metrics::Metrics, watchdog::TaskMonitor},
};
use futures_util::FutureExt as _;
use std::{future::Future, panic::AssertUnwindSafe, path::Path, sync::Arc};
use tokio::sync::Mutex;

/// Key of a pending update.
type PendingKey = (ConversationSpaceId, StatusKind);

fn pending_key(update: &CallUpdate) -> PendingKey {
    (update.call.id.clone(), update.status.kind())
}

/// Result of a look-up, and the sources that have not answered yet.
type LookedUp = (CallerInfo, Option<PendingLookup>);

/// Completes a look-up. A look-up that panics has no caller info: the card is posted without it.
async fn without_panic(call: &ConversationSpaceId, lookup: impl Future<Output = LookedUp>) -> LookedUp {
    // A look-up shares only its caches, which their locks keep whole.
    AssertUnwindSafe(lookup).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!(%call, "look-up failed, card posted without caller info");
        (CallerInfo::default(), None)
    })
}

/// State shared by all relays.
pub struct Pipeline {
    /// The outbox.
    pub outbox: DatabaseOutbox,
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
    /// The name of this host, if other daemons share the outbox.
    pub sharing_host: Option<String>,
    /// Held while callbacks are decided.
    pub callbacks: Mutex<()>,
}

impl Pipeline {
    /// Creates the state of a daemon that starts. `sharing_host`: see the field.
    #[must_use]
    pub fn new(
        outbox: DatabaseOutbox,
        settings: Settings,
        state_dir: &Path,
        metrics: Metrics,
        sharing_host: Option<String>,
    ) -> Self {
        Self {
            outbox,
            settings: SharedSettings::new(settings),
            recorder: Recorder::new(state_dir),
            status: SharedStatus::default(),
            tasks: TaskMonitor::default(),
            metrics,
            sharing_host,
            callbacks: Mutex::default(),
        }
    }

    /// Creates the state of a test's daemon over this outbox.
    #[cfg(test)]
    pub fn for_test(outbox: DatabaseOutbox, settings: Settings, state_dir: &Path) -> Self {
        Self::new(outbox, settings, state_dir, Metrics::new(Timestamp::now()), None)
    }

    /// Looks up the caller and enqueues the cards of an update. `settings` are used from the look-up to the enqueue.
    /// Returns the look-ups still running after the deadline.
    pub async fn process(&self, settings: &Arc<Settings>, update: &CallUpdate, now: Now) -> Option<PendingLookup> {
        self.process_saved(settings, update, now, None).await
    }

    /// Processes an update as [`Self::process`] does. The update may be saved as pending under the key `saved`.
    async fn process_saved(
        &self,
        settings: &Arc<Settings>,
        update: &CallUpdate,
        now: Now,
        saved: Option<PendingKey>,
    ) -> Option<PendingLookup> {
        if !settings.reports_call(&update.call) {
            self.record_unposted(settings, update, Vec::new()).await;
            self.update_callbacks(settings, update, now.timestamp).await;
            return None;
        }
        let lookup = without_panic(&update.call.id, settings.enricher.lookup_with_pending(&update.call, now));
        let (saved, (info, late)) = if saved.is_some() || settings.enricher.answers_immediately(&update.call) {
            (saved, lookup.await)
        } else {
            tokio::join!(self.save_pending(update), lookup)
        };
        let (call, status) = (&update.call.id, update.status.kind());
        let plan = {
            let (settings, update) = (Arc::clone(settings), update.clone());
            move |previous| plan::plan(&settings, &update, &info, previous, now.timestamp)
        };
        let keeps_history = settings.enricher.keeps_history();
        let reads_previous = plan::needs_previous_sinks(settings, update);
        match self.outbox.enqueue_update(saved, update.clone(), keeps_history, reads_previous, plan).await {
            Ok(results) if results.is_empty() => {
                tracing::debug!(%call, status = status.as_str(), "no route matches");
            }
            Ok(results) if status == StatusKind::Ringing && results.contains(&EnqueueResult::Inserted) => {
                self.status.lock().add_calls(1, settings.today());
            }
            Ok(_) => {}
            Err(error) => {
                self.record_unposted(settings, update, Vec::new()).await;
                tracing::error!(%call, status = status.as_str(), %error, "card not enqueued");
            }
        }
        self.update_callbacks(settings, update, now.timestamp).await;
        late
    }

    /// Saves an update as pending beside a look-up that can take time: a crash then costs caller info, not the call.
    /// Returns the key of the pending update.
    async fn save_pending(&self, update: &CallUpdate) -> Option<PendingKey> {
        let saved = self.outbox.save_pending(update.clone()).await;
        saved
            .inspect_err(|error| tracing::error!(call = %update.call.id, %error, "pending update not saved"))
            .ok()
            .map(|()| pending_key(update))
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
                    let saved = Some(pending_key(&update));
                    drop(self.process_saved(&self.settings.load(), &update, Now::current(), saved).await);
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
        alert::raise(&alert, sink, &self.outbox, self.sharing_host.as_deref()).await;
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
            self.record_unposted(settings, update, plan::gap_summary_sinks(settings, update, at)).await;
        }
        let deliveries = plan::gap_summary(settings, connection, gap, updates, at);
        if let Err(error) = self.outbox.enqueue(None, deliveries).await {
            tracing::error!(%connection, %error, "gap summary not enqueued");
        }
        for update in updates {
            self.update_callbacks(settings, update, at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn look_up_that_panics_has_no_caller_info() {
        let lookup = async {
            tokio::task::yield_now().await;
            (Vec::<CallerInfo>::new()[0].clone(), None)
        };
        let (info, late) = without_panic(&"call".try_into().unwrap(), lookup).await;
        assert!(info == CallerInfo::default() && late.is_none());
    }
}
