//! The task that owns sinks, where several daemons share the outbox. Each second it renews the claims, carries out the plan
//! of `cluster`, and sets the time until which the workers may post. Decides nothing itself.

use crate::{
    daemon::{
        cluster::{
            ClusterState, IdConflict, Member, Owned, Planner, StoreOutage,
            plan::{CLAIM_DURATION, MEMBER_TIMEOUT, STOP_MARGIN},
        },
        health::shared_status::{OwnerStatus, SharedDatabaseStatus},
        pipeline::Pipeline,
    },
    deliver::OwnershipRegistry,
    model::{delivery::OutboxError, ids::SinkName, time::Now},
    outbox::{SharedState, SharingDaemon},
    runtime::{message_id, watchdog::TaskHeartbeat},
};
use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

/// Interval of the renewals: a claim outlasts several lost ones.
const TICK: Duration = Duration::from_secs(1);
/// Progress of a worker after which its sink is given to another daemon. A settlement waits for the store up to 4 s.
const STALL_LIMIT: Duration = Duration::from_secs(6);

/// The task's state.
struct Ownerships {
    pipeline: Arc<Pipeline>,
    registry: OwnershipRegistry,
    /// Id of this daemon in the shared database.
    me: String,
    host: String,
    /// This run of the daemon, in the shared database.
    run: String,
    id_conflict: IdConflict,
    planner: Planner,
    /// Sinks that are handed back after their post in progress.
    closing: BTreeSet<SinkName>,
    last_tick: Instant,
    outage: StoreOutage,
    /// Whether the last renewal failed.
    has_failed: bool,
    pulse: TaskHeartbeat,
}

/// Renews, claims and hands back until the daemon stops.
pub async fn run(pipeline: Arc<Pipeline>, registry: OwnershipRegistry, me: String, host: String) -> Infallible {
    let now = Now::current().instant;
    let pulse = pipeline.tasks.register("the ownership of sinks".to_owned(), now);
    let mut task = Ownerships {
        pipeline,
        registry,
        me,
        host,
        run: Uuid::new_v4().simple().to_string(),
        id_conflict: IdConflict::default(),
        planner: Planner::default(),
        closing: BTreeSet::new(),
        last_tick: now,
        outage: StoreOutage::default(),
        has_failed: false,
        pulse,
    };
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        task.pulse.idle_until(Now::current().instant.checked_add(TICK));
        ticks.tick().await;
        task.pulse.busy(Now::current().instant);
        match task.tick().await {
            Ok(()) => task.has_failed = false,
            // The claims expire without a request.
            Err(error) if !task.has_failed => {
                task.has_failed = true;
                tracing::warn!(%error, "claims of sinks not renewed");
            }
            Err(_) => {}
        }
    }
}

impl Ownerships {
    async fn tick(&mut self) -> Result<(), OutboxError> {
        // Before the request: the claim at the store ends later than counted here.
        let started = Now::current().instant;
        if started.saturating_duration_since(self.last_tick) > CLAIM_DURATION {
            tracing::warn!("this daemon was interrupted, its sinks wait for the shared database");
            self.outage.interrupted(started);
        }
        self.last_tick = started;
        let until = started + CLAIM_DURATION - STOP_MARGIN;
        let found = self.pipeline.outbox.renew_and_read(self.host.clone(), self.run.clone(), CLAIM_DURATION).await?;
        if !found.is_shared {
            let fault = self.pipeline.outbox.health().borrow().server_fault();
            let owned = if self.outage.posts(fault, started) { found.owned.as_slice() } else { &[] };
            self.registry.set(owned, until);
            return Ok(());
        }
        self.outage.ended();
        self.report_conflict(found.has_other_run, started);
        if found.has_other_run {
            // The sinks are those of the other run.
            self.registry.set(&[], until);
            self.closing.clear();
            self.report(found);
            return Ok(());
        }
        let owned = self.claim_and_hand_back(&found, started).await?;
        self.registry.set(&owned, until);
        self.report(found);
        Ok(())
    }

    /// Logs that another daemon has the id of this one, and the end of that.
    fn report_conflict(&mut self, has_other_run: bool, now: Instant) {
        let was_reported = self.id_conflict.is_reported();
        if self.id_conflict.observe(has_other_run, now) {
            let advice = "Delete the file host-id in the copied state directory, and restart its daemon.";
            tracing::error!(advice, message_id = message_id::DAEMON_ID_REUSED, "another daemon has the id of this one");
        } else if was_reported && !has_other_run {
            tracing::info!("no other daemon has the id of this one any more");
        }
    }

    /// Carries out the plan. Returns the sinks that this daemon owns and keeps.
    async fn claim_and_hand_back(&mut self, found: &SharedState, now: Instant) -> Result<Vec<SinkName>, OutboxError> {
        let outbox = &self.pipeline.outbox;
        let sinks: Vec<SinkName> = self.pipeline.settings.load().sinks.keys().cloned().collect();
        let members: Vec<Member> = live(&found.daemons).map(member).collect();
        let in_force = found.owners.iter().filter(|one| one.expires_in.is_some() && !one.owner.is_empty());
        let in_force = in_force.filter(|one| one.owner != self.me || found.owned.contains(&one.sink));
        let claims: Vec<Owned> =
            in_force.map(|one| Owned { sink: one.sink.clone(), owner: one.owner.clone() }).collect();
        let stalled = self.stalled(&sinks, now);
        let cluster =
            ClusterState { me: &self.me, members: &members, owned: &claims, sinks: &sinks, stalled: &stalled };
        let plan = self.planner.plan(cluster, now);
        self.closing.extend(plan.hand_back);
        self.closing.retain(|sink| found.owned.contains(sink));
        let keeps = |sink: &SinkName| !self.closing.contains(sink) && !plan.give_up.contains(sink);
        // The workers stop before the sinks are handed back.
        let mut owned: Vec<SinkName> = found.owned.iter().filter(|sink| keeps(sink)).cloned().collect();
        self.registry.set(&owned, now + CLAIM_DURATION - STOP_MARGIN);
        let idle = self.closing.iter().filter(|sink| !self.registry.is_posting(sink));
        let released: Vec<SinkName> = idle.chain(&plan.give_up).cloned().collect();
        if !released.is_empty() {
            outbox.release(released.clone()).await?;
        }
        for sink in released {
            tracing::info!(%sink, message_id = message_id::SINK_HANDED_BACK, "sink handed back");
            self.closing.remove(&sink);
        }
        if !plan.claim.is_empty() {
            for sink in outbox.claim(plan.claim, CLAIM_DURATION).await? {
                self.log_claim(&sink, found);
                owned.push(sink);
            }
        }
        Ok(owned)
    }

    /// Logs a claim, with the host of a failed owner.
    fn log_claim(&self, sink: &SinkName, found: &SharedState) {
        let earlier = found.owners.iter().find(|one| one.sink == *sink).map(|one| one.owner.as_str());
        let earlier = earlier.filter(|owner| !owner.is_empty() && *owner != self.me);
        let host = |id: &str| found.daemons.iter().find(|one| one.id == id).map_or("unknown", |one| one.host.as_str());
        match earlier {
            Some(owner) => {
                tracing::warn!(%sink, host = host(owner), message_id = message_id::SINK_TAKEN_OVER, "sink taken over");
            }
            None => tracing::info!(%sink, message_id = message_id::SINK_CLAIMED, "sink claimed"),
        }
    }

    fn stalled(&self, sinks: &[SinkName], now: Instant) -> Vec<SinkName> {
        let stalled = self.pipeline.tasks.stalled(now, STALL_LIMIT);
        sinks.iter().filter(|sink| stalled.contains(&format!("the worker of {sink}"))).cloned().collect()
    }

    /// Writes the status, and warns of two daemons with one host name.
    fn report(&self, found: SharedState) {
        let namesakes = live(&found.daemons).filter(|one| one.host == self.host && one.id != self.me).count();
        let host = |id: &str| found.daemons.iter().find(|one| one.id == id).map_or("unknown", |one| one.host.as_str());
        let owners = found.owners.iter().filter(|one| one.expires_in.is_some() && !one.owner.is_empty());
        let owner = |one: &crate::outbox::SinkOwner| {
            (
                one.sink.clone(),
                OwnerStatus {
                    host: host(&one.owner).to_owned(),
                    is_own: one.owner == self.me && !found.has_other_run,
                    since: one.since,
                },
            )
        };
        let status = SharedDatabaseStatus {
            owners: owners.map(owner).collect(),
            hosts: live(&found.daemons).map(|one| one.host.clone()).collect(),
            has_namesake: namesakes > 0,
            has_other_run: self.id_conflict.is_reported(),
        };
        let earlier = self.pipeline.status.lock().shared_database.replace(status);
        if namesakes > 0 && !earlier.is_some_and(|earlier| earlier.has_namesake) {
            let host = self.host.as_str();
            tracing::warn!(host, message_id = message_id::HOST_NAME_REUSED, "another daemon has the same host name");
        }
    }
}

fn live(daemons: &[SharingDaemon]) -> impl Iterator<Item = &SharingDaemon> {
    daemons.iter().filter(|one| one.silence < MEMBER_TIMEOUT)
}

fn member(daemon: &SharingDaemon) -> Member {
    Member { id: daemon.id.clone(), host: daemon.host.clone(), version: daemon.version.clone() }
}
