//! The path of a call update shared by all relays: saved as pending, looked up, routed, enqueued. The decisions are
//! made by the stages.

use super::{
    alert::{self, AlertKind},
    late_lookup::LateLookup,
    recording::Recorder,
    settings::{Settings, SharedSettings},
    status::SharedStatus,
};
use crate::{
    cards::MAX_GAP_SUMMARY_CALLS,
    model::{
        call::{CallUpdate, StatusKind},
        card::{CallCard, CallerInfo, Card, GapSummary, RouteDecision},
        delivery::{DeliveryKey, EnqueueMode, EnqueueResult, NewDelivery, Outbox, Subject},
        ids::{ConnectionName, SinkName},
        phone::Mask,
        time::{Now, Timestamp},
    },
    outbox::SqliteOutbox,
    route::{self, Destination, RouteInput},
    runtime::watchdog::TaskMonitor,
};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

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
}

impl Pipeline {
    /// Looks up the caller and enqueues the cards of an update. Before a look-up that takes time the update is saved
    /// as pending: a crash then costs caller info, not the call. Returns the look-ups still running after the
    /// deadline.
    pub async fn process(&self, update: CallUpdate) -> Option<LateLookup> {
        let settings = self.settings.load();
        if !settings.reports_call(&update.call) {
            settings.enricher.record(&update, Vec::new());
            return None;
        }
        let mut saved = None;
        if !settings.enricher.answers_immediately(&update.call) {
            match self.outbox.save_pending(update.clone()).await {
                Ok(()) => saved = Some((update.call.id.clone(), update.status.kind())),
                Err(error) => tracing::error!(call = %update.call.id, %error, "pending update not saved"),
            }
        }
        let (info, later) = settings.enricher.lookup_with_pending(&update.call, Now::current()).await;
        let moment = update.status.kind();
        let call = update.call.id.clone();
        let at = Timestamp::now();
        let destinations = self.destinations(&settings, &RouteInput { update: &update, caller_info: &info, at }).await;
        settings.enricher.record(&update, destinations.iter().map(|destination| destination.sink.clone()).collect());
        let deliveries: Vec<NewDelivery> = destinations
            .into_iter()
            .flat_map(|Destination { sink, options: manner, reason: by }| {
                let modes = settings.enqueue_modes(&sink, &update);
                let key = DeliveryKey { subject: Subject::Call(call.clone()), status: moment, sink };
                let decision = Some(RouteDecision { at, by });
                let card =
                    CallCard { options: manner, routed: decision, ..CallCard::new(update.clone(), info.clone()) };
                let card = Card::Call(Box::new(card));
                modes.into_iter().map(move |mode| NewDelivery { key: key.clone(), card: card.clone(), mode })
            })
            .collect();
        if deliveries.is_empty() {
            tracing::debug!(%call, moment = moment.as_str(), "no route matches");
        }
        match self.outbox.enqueue(saved, deliveries).await {
            Ok(results) if moment == StatusKind::Ringing && results.contains(&EnqueueResult::Inserted) => {
                self.status.lock().add_calls(1, settings.today());
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%call, moment = moment.as_str(), %error, "card not enqueued"),
        }
        later.map(|later| LateLookup { update, lookup: later })
    }

    /// Merges caller info that arrived after the deadline into live messages and pending cards.
    pub async fn apply_late_info(&self, update: &CallUpdate, info: CallerInfo) {
        let (call, moment) = (update.call.id.clone(), update.status.kind());
        let card = Card::Call(Box::new(CallCard::new(update.clone(), info)));
        let settings = self.settings.load();
        let deliveries = settings.sinks.keys().map(|sink| {
            let key = DeliveryKey { subject: Subject::Call(call.clone()), status: moment, sink: sink.clone() };
            NewDelivery { key, card: card.clone(), mode: EnqueueMode::MergeInfo }
        });
        if let Err(error) = self.outbox.enqueue(None, deliveries.collect()).await {
            tracing::error!(%call, moment = moment.as_str(), %error, "late caller info not enqueued");
        }
    }

    /// Processes the updates left pending by a crash or a stopped connection: those of connection `of`, or all.
    pub async fn replay_pending(&self, of: Option<&ConnectionName>) {
        match self.outbox.pending().await {
            Ok(pending) => {
                for update in pending.into_iter().filter(|update| of.is_none_or(|name| update.call.connection == *name))
                {
                    tracing::info!(call = %update.call.id, moment = update.status.kind().as_str(), "replaying pending update");
                    drop(self.process(update).await);
                }
            }
            Err(error) => tracing::error!(%error, "reading pending updates failed"),
        }
    }

    /// Returns the sinks of an update: those of the routes, and those of the call's ring.
    async fn destinations(&self, settings: &Settings, input: &RouteInput<'_>) -> Vec<Destination> {
        let routed = settings.routes.decide(input);
        let moment = input.update.status.kind();
        if moment == StatusKind::Ringing {
            return routed;
        }
        match self.outbox.previous_sinks(input.update.call.id.clone()).await {
            Ok(mut previous) => {
                // Cards for a sink missing in the config would never be posted.
                previous.retain(|(sink, _)| settings.sinks.contains_key(sink));
                route::add_previous_sinks(routed, previous, moment)
            }
            Err(error) => {
                tracing::debug!(call = %input.update.call.id, %error, "reading previous sinks failed");
                routed
            }
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
        connection: &ConnectionName,
        from: Timestamp,
        to: Timestamp,
        updates: Vec<CallUpdate>,
    ) {
        let settings = self.settings.load();
        let at = Timestamp::now();
        let mut by_sink: BTreeMap<(SinkName, Option<Mask>), Vec<CallUpdate>> = BTreeMap::new();
        for update in updates {
            // Callers are not looked up: a gap summary lists calls without caller info.
            let input = RouteInput { update: &update, caller_info: &CallerInfo::default(), at };
            let routed = settings.routes.decide(&input);
            let sinks: Vec<SinkName> = routed.iter().map(|destination| destination.sink.clone()).collect();
            for Destination { sink, options: manner, .. } in routed {
                if settings.reports_call(&update.call) && settings.notifies(&sink, &update) {
                    by_sink.entry((sink, manner.mask)).or_default().push(update.clone());
                }
            }
            settings.enricher.record(&update, sinks);
        }
        let key_name = |calls: &[CallUpdate]| {
            let ids = calls
                .iter()
                .fold(Sha256::new(), |hash, update| hash.chain_update(update.call.id.as_str()).chain_update("\n"));
            let ids: String = ids.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            // The key covers all calls: the next run's gap may begin at the same time and contain more.
            format!("recap {connection} {from} {ids}")
        };
        let deliveries = by_sink
            .iter()
            .flat_map(|((sink, mask), calls)| {
                calls.chunks(MAX_GAP_SUMMARY_CALLS).map(move |calls| (sink.clone(), *mask, calls))
            })
            .map(|(sink, mask, calls)| {
                let key = DeliveryKey { subject: Subject::Named(key_name(calls)), status: StatusKind::Ended, sink };
                let card = Card::GapSummary(GapSummary {
                    connection: connection.clone(),
                    from,
                    to,
                    calls: calls.to_vec(),
                    mask,
                });
                NewDelivery { key, card, mode: EnqueueMode::Insert }
            })
            .collect();
        if let Err(error) = self.outbox.enqueue(None, deliveries).await {
            tracing::error!(%connection, %error, "gap summary not enqueued");
        }
    }
}
