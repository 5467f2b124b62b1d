//! Decides which sinks a daemon claims and hands back. Reads no clock and no store; one call a tick.
//!
//! # Problem
//! A sink must have one owner, the sinks are spread evenly, and a failed owner is replaced within 10 s. The daemons exchange
//! no messages: each decides alone, from the rows of owners and of live daemons, and the store admits one claim.
//!
//! # Invariants
//! - A daemon whose share is full leaves a free sink to the others for [`FULL_SHARE_WAIT`], then claims it anyway. The others
//!   may not have the sink in their config.
//! - A sink moves only while the difference between two daemons is 2 or more, so that each move makes it smaller. A move
//!   waits for [`BALANCE_DELAY`]. A daemon does not claim a sink that it handed back before that time.
//!
//! # Rejected
//! - Owners by a hash of the names: each change of the daemons moves sinks that could stay, and their rate limits start again.
//! - One leader that assigns the sinks: a second failure to detect, for a decision that needs no agreement.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::model::ids::SinkName;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Duration of a claim. With a tick of 1 s and [`FULL_SHARE_WAIT`] a failed owner is replaced within 8 s of its last renewal.
pub const CLAIM_DURATION: Duration = Duration::from_secs(5);
/// The owner stops this long before its claim expires at the server: the clocks may drift, and a post takes time.
pub const STOP_MARGIN: Duration = Duration::from_millis(750);
/// Age of a heartbeat after which a daemon counts as failed, by the server's clock.
pub const MEMBER_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for which a daemon with its full share leaves a free sink to the others.
pub const FULL_SHARE_WAIT: Duration = Duration::from_secs(2);
/// Time for which the sinks must be uneven before one moves. Longer than a restart of a daemon.
pub const BALANCE_DELAY: Duration = Duration::from_secs(15);

/// A daemon that shares the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Id of the daemon, the same after a restart.
    pub id: String,
    /// Host name.
    pub host: String,
    /// Version of the program.
    pub version: String,
}

/// A sink with an owner whose claim is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The sink.
    pub sink: SinkName,
    /// Id of its owner.
    pub owner: String,
}

/// Claims of one tick.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnershipPlan {
    /// Sinks to claim. Another daemon may be faster.
    pub claim: Vec<SinkName>,
    /// Sinks to hand back after the post in progress.
    pub hand_back: Vec<SinkName>,
    /// Sinks to hand back immediately: their worker is stalled.
    pub give_up: Vec<SinkName>,
}

/// State of a daemon between two ticks.
#[derive(Debug, Clone, Default)]
pub struct Planner {
    /// Time since which each configured sink is free.
    free_since: BTreeMap<SinkName, Instant>,
    /// Time since which another daemon has two sinks less than this one.
    uneven_since: Option<Instant>,
    /// Time at which this daemon handed a sink back.
    handed_back: BTreeMap<SinkName, Instant>,
}

/// The state of all daemons at one tick.
#[derive(Debug, Clone, Copy)]
pub struct ClusterState<'a> {
    /// Id of this daemon.
    pub me: &'a str,
    /// The live daemons; this one counts even if it is missing.
    pub members: &'a [Member],
    /// The sinks whose claims are in force.
    pub owned: &'a [Owned],
    /// The sinks of this daemon's config.
    pub sinks: &'a [SinkName],
    /// The sinks whose worker makes no progress here.
    pub stalled: &'a [SinkName],
}

impl ClusterState<'_> {
    fn owner(&self, sink: &SinkName) -> Option<&str> {
        self.owned.iter().find(|one| one.sink == *sink).map(|one| one.owner.as_str())
    }

    /// Returns the number of sinks of a daemon, among those that this daemon has too.
    fn count(&self, member: &str) -> usize {
        self.sinks.iter().filter(|sink| self.owner(sink) == Some(member)).count()
    }

    fn others(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.id != self.me)
    }

    /// Returns the full share of a daemon.
    fn share(&self) -> usize {
        self.sinks.len().div_ceil(self.others().count() + 1)
    }
}

impl Planner {
    /// Decides the claims of one tick.
    pub fn plan(&mut self, cluster: ClusterState<'_>, now: Instant) -> OwnershipPlan {
        self.handed_back.retain(|_, at| now.saturating_duration_since(*at) < BALANCE_DELAY);
        self.free_since.retain(|sink, _| cluster.sinks.contains(sink) && cluster.owner(sink).is_none());
        let mut plan = OwnershipPlan::default();
        let mine = cluster.owned.iter().filter(|one| one.owner == cluster.me).map(|one| &one.sink);
        plan.hand_back.extend(mine.filter(|sink| !cluster.sinks.contains(sink)).cloned());
        self.give_up_stalled(cluster, &mut plan, now);
        self.claim_free(cluster, &mut plan, now);
        self.balance(cluster, &mut plan, now);
        plan
    }

    /// Gives stalled sinks up: another daemon may be able to post there. A daemon without others keeps its sinks.
    fn give_up_stalled(&mut self, cluster: ClusterState<'_>, plan: &mut OwnershipPlan, now: Instant) {
        if cluster.others().next().is_none() {
            return;
        }
        for sink in cluster.stalled.iter().filter(|sink| cluster.owner(sink) == Some(cluster.me)) {
            self.handed_back.insert(sink.clone(), now);
            plan.give_up.push(sink.clone());
        }
    }

    fn claim_free(&mut self, cluster: ClusterState<'_>, plan: &mut OwnershipPlan, now: Instant) {
        let (share, count) = (cluster.share(), cluster.count(cluster.me));
        for sink in cluster.sinks.iter().filter(|sink| cluster.owner(sink).is_none()) {
            let free_since = *self.free_since.entry(sink.clone()).or_insert(now);
            let waits_for_others = now.saturating_duration_since(free_since) < FULL_SHARE_WAIT;
            let is_own_hand_back = self.handed_back.contains_key(sink) && cluster.others().next().is_some();
            let has_room = count + plan.claim.len() < share;
            if !is_own_hand_back && (has_room || !waits_for_others) {
                plan.claim.push(sink.clone());
            }
        }
    }

    /// Hands one sink back while another daemon has at least two less.
    fn balance(&mut self, cluster: ClusterState<'_>, plan: &mut OwnershipPlan, now: Instant) {
        let fewest = cluster.others().map(|member| cluster.count(&member.id)).min();
        if fewest.is_none_or(|fewest| cluster.count(cluster.me) < fewest + 2) {
            self.uneven_since = None;
            return;
        }
        let since = *self.uneven_since.get_or_insert(now);
        if now.saturating_duration_since(since) < BALANCE_DELAY {
            return;
        }
        let last = cluster.sinks.iter().rfind(|sink| cluster.owner(sink) == Some(cluster.me));
        if let Some(sink) = last.filter(|sink| !plan.give_up.contains(sink)) {
            self.uneven_since = None;
            self.handed_back.insert(sink.clone(), now);
            plan.hand_back.push(sink.clone());
        }
    }
}
