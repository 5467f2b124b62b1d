//! The relay of one connection: GoTo events in, cards in the outbox out. The stages meet here: `goto` delivers
//! events, `calls` decides the updates, the pipeline looks up, routes and enqueues.
//!
//! Updates of one call keep their order: one at a time is processed (`call_order`); other calls proceed
//! independently. A look-up that takes its whole deadline delays its own call by 0.8 s and no other.

use crate::{
    calls::{Effect, Limits, Tracker},
    daemon::{
        health::{alert::LoginAdvice, connection_status::ConnectionMonitor, measure},
        pipeline::{
            Pipeline, awaited_reports::AwaitedReports, call_order::CallOrder, number_names::name_called_number,
            recovery::Recovery,
        },
        settings::Settings,
    },
    enrich::PendingLookup,
    goto::{CallQuery, ConnectionEvent, QuerySender, VoicemailQuery},
    model::{
        call::{CallSnapshot, CallStatus, CallUpdate, Report},
        ids::{ConnectionName, ConversationSpaceId},
        phone::E164,
        time::{Now, Timestamp, elapsed},
    },
    runtime::{metrics::ConnectionMetrics, watchdog::TaskHeartbeat},
};
use std::{collections::HashMap, future::pending, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    task::{self, JoinSet},
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

/// Time a clean stop waits for running look-ups, whose deadline is 0.8 s by default.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// A processed update, and the look-ups that are still running.
type Processed = (CallUpdate, Option<PendingLookup>);

/// The relay of one connection.
pub struct Relay {
    connection: ConnectionName,
    pipeline: Arc<Pipeline>,
    queries: QuerySender,
    tracker: Tracker,
    order: CallOrder,
    lookups: JoinSet<Processed>,
    /// The call of each look-up: a panic returns no more than the task's id.
    lookup_calls: HashMap<task::Id, ConversationSpaceId>,
    late_info: JoinSet<()>,
    recovery: Recovery,
    awaited: AwaitedReports,
    /// Names of the account's numbers, by GoTo.
    number_names: HashMap<E164, String>,
    monitor: ConnectionMonitor,
    metrics: ConnectionMetrics,
    heartbeat: TaskHeartbeat,
}

impl Relay {
    /// Creates a relay. `recovery` holds the calls of an earlier run.
    #[must_use]
    pub fn new(
        connection: ConnectionName,
        pipeline: Arc<Pipeline>,
        queries: QuerySender,
        recovery: Recovery,
        login_advice: LoginAdvice,
    ) -> Self {
        let (tracker, order) = (Tracker::new(Limits::default()), CallOrder::default());
        let now = Now::current().instant;
        let monitor = ConnectionMonitor::new(connection.clone(), login_advice, Arc::clone(&pipeline), now);
        let heartbeat = pipeline.tasks.register(format!("relay of {connection}"), now);
        let metrics = pipeline.metrics.connection(connection.as_str());
        let (lookups, late_info) = (JoinSet::new(), JoinSet::new());
        let awaited = AwaitedReports::default();
        Self {
            connection,
            pipeline,
            queries,
            tracker,
            order,
            lookups,
            lookup_calls: HashMap::new(),
            late_info,
            recovery,
            awaited,
            number_names: HashMap::new(),
            monitor,
            metrics,
            heartbeat,
        }
    }

    /// Relays until `stop` or until `events` ends, then flushes held updates and waits for running look-ups.
    pub async fn run(mut self, mut events: mpsc::Receiver<ConnectionEvent>, stop: CancellationToken) {
        loop {
            let due = self.next_deadline();
            self.heartbeat.idle_until(due);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = self.lookups.join_next_with_id(), if !self.lookups.is_empty() => self.on_processed(done),
                next = events.recv() => match next {
                    Some(event) => {
                        self.heartbeat.busy(Now::current().instant);
                        #[cfg(feature = "test-hooks")]
                        crate::daemon::system::test_hook::stall_here("relay").await;
                        self.on_event(event).await;
                    }
                    None => break,
                },
                () = sleep_until_due(due) => {
                    let now = Now::current();
                    self.heartbeat.busy(now.instant);
                    self.tick(now).await;
                }
            }
        }
        Box::pin(self.finish(events)).await;
    }

    async fn tick(&mut self, now: Now) {
        let settings = self.pipeline.settings.load();
        let effects = self.tracker.tick(now);
        self.apply(&settings, effects);
        self.recovery.tick(now.timestamp).into_iter().for_each(|call| self.awaited.add_open_call(call));
        Box::pin(self.recover(&settings, Vec::new())).await;
        self.monitor.tick(now.instant).await;
    }

    /// Returns the time of the next timer.
    fn next_deadline(&self) -> Option<std::time::Instant> {
        let now = Now::current();
        let recovery = self.recovery.next_deadline().map(|due| now.instant + elapsed(now.timestamp, due));
        let reports = self.awaited.next_deadline(now.instant);
        [self.tracker.next_deadline(), self.monitor.next_deadline(), recovery, reports].into_iter().flatten().min()
    }

    /// Processes the events received before the stop; accepts no new ones.
    async fn finish(&mut self, mut events: mpsc::Receiver<ConnectionEvent>) {
        events.close();
        while let Some(last) = events.recv().await {
            self.on_event(last).await;
        }
        let settings = self.pipeline.settings.load();
        let effects = self.tracker.flush(Now::current());
        self.apply(&settings, effects);
        let held = self.awaited.drain();
        self.post_recovered(&settings, held, Timestamp::now()).await;
        let until = Instant::now() + STOP_TIMEOUT;
        while let Ok(Some(done)) = timeout_at(until, self.lookups.join_next_with_id()).await {
            self.on_processed(done);
        }
    }

    /// Handles an event. Rare and large work is on the heap while it lasts: each connection contains the rest.
    async fn on_event(&mut self, event: ConnectionEvent) {
        measure::record_event(&self.metrics, &event, Timestamp::now());
        // Everything that follows from this event uses the same settings.
        let settings = self.pipeline.settings.load();
        if settings.record {
            self.pipeline.recorder.record(&event);
        }
        match event {
            ConnectionEvent::Snapshot(snapshot) => self.on_snapshot(&settings, *snapshot),
            ConnectionEvent::Report(report) => Box::pin(self.on_reports(&settings, vec![*report])).await,
            ConnectionEvent::ReportReady { call } => {
                let effects = self.tracker.report_ready(&call, Now::current());
                self.apply(&settings, effects);
            }
            ConnectionEvent::LateReports(reports) => Box::pin(self.on_reports(&settings, reports)).await,
            ConnectionEvent::GapClosed { from, to, reports } => {
                Box::pin(self.on_gap_closed(&settings, from, to, reports)).await;
            }
            ConnectionEvent::ActiveCalls { active } => {
                let effects = self.tracker.missing_from(&active);
                self.apply(&settings, effects);
                self.recovery.on_active_calls(&active).into_iter().for_each(|call| self.awaited.add_open_call(call));
                Box::pin(self.recover(&settings, Vec::new())).await;
            }
            ConnectionEvent::Voicemail { call, length } => {
                let effects = self.tracker.voicemail(&call, length);
                self.apply(&settings, effects);
            }
            ConnectionEvent::NumberNames(names) => self.number_names = names,
            ConnectionEvent::CallerActivity { number, calls } => {
                self.pipeline.import_history(&settings, &self.connection, &number, calls)
            }
            other => self.monitor.on_event(other, Now::current().instant).await,
        }
    }

    fn on_snapshot(&mut self, settings: &Arc<Settings>, snapshot: CallSnapshot) {
        let (call, now) = (snapshot.call.clone(), Now::current());
        // A delayed frame. The call's end is posted: a ring card would come after it.
        if self.recovery.has_ended(&call) && !self.tracker.knows(&call) {
            return;
        }
        self.recovery.on_snapshot(&call);
        let effects = self.tracker.handle_snapshot(snapshot, now);
        self.apply(settings, effects);
        // The report was received before the first frame. The tracker ends the call: two stages would post two ends.
        if self.tracker.knows(&call)
            && let Some(report) = self.awaited.take(&call)
        {
            let effects = self.tracker.handle_report(&report, now);
            self.apply(settings, effects);
            self.publish_unposted();
        }
    }

    /// Carries out the tracker's effects. Reports to fetch are queued: the tracker requests each once.
    fn apply(&mut self, settings: &Arc<Settings>, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Emit(update) => {
                    let voicemail = voicemail_query(&update);
                    self.emit(settings, update);
                    voicemail.into_iter().for_each(|query| self.queries.voicemail(query));
                }
                Effect::FetchStates(missing) => self.send_query(CallQuery::States(missing)),
                Effect::FetchReport { call } => {
                    self.awaited.request(call);
                    self.begin_fetches(Now::current().instant);
                }
            }
        }
    }

    fn begin_fetches(&mut self, now: std::time::Instant) {
        for call in self.awaited.begin_fetches(self.queries.report_room(), now) {
            self.send_query(CallQuery::Report(call));
        }
    }

    fn send_query(&self, query: CallQuery) {
        if !self.queries.call(query) {
            tracing::debug!(connection = %self.connection, "goto query dropped, too many pending");
        }
    }

    fn emit(&mut self, settings: &Arc<Settings>, mut update: CallUpdate) {
        name_called_number(&mut update.call, &settings.numbers, &self.number_names);
        let (call, status) = (&update.call.id, update.status.kind());
        tracing::debug!(connection = %self.connection, %call, status = status.as_str(), "call update");
        measure::record_update(&self.pipeline.metrics, &update);
        if let Some(next) = self.order.push(update) {
            self.start_lookup(Arc::clone(settings), next);
        }
    }

    /// Passes reports of tracked calls to the tracker. The others are recovered together, so that they share a gap
    /// summary.
    async fn on_reports(&mut self, settings: &Arc<Settings>, reports: Vec<Report>) {
        let (known, unknown): (Vec<_>, Vec<_>) = reports.into_iter().partition(|report| self.tracker.covers(report));
        for report in known {
            let effects = self.tracker.handle_report(&report, Now::current());
            self.apply(settings, effects);
        }
        self.recover(settings, unknown).await;
    }
}

/// Returns the query for a voicemail of unknown length.
fn voicemail_query(update: &CallUpdate) -> Option<VoicemailQuery> {
    let CallUpdate { call, status: CallStatus::Voicemail { duration: None }, at } = update else { return None };
    let extensions: Vec<String> = call.people.iter().filter_map(|person| person.extension.clone()).collect();
    call.caller.number.as_e164()?;
    (!extensions.is_empty()).then(|| VoicemailQuery {
        account: call.account.clone(),
        call: call.id.clone(),
        caller: call.caller.number.clone(),
        extensions,
        from: call.started_at,
        to: *at,
    })
}

/// Sleeps until `due`; never completes without one.
async fn sleep_until_due(due: Option<std::time::Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => pending().await,
    }
}

mod lookups;
mod recovered;
#[cfg(test)]
mod tests;
