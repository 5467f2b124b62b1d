//! Applies connection events to the status and the journal, and raises alerts where the operator must act. `relay`
//! handles call events.

use crate::{
    daemon::{
        health::{
            alert::{AlertKind, LoginAdvice},
            outage::OutageTimer,
            status::ConnectionStatus,
        },
        pipeline::Pipeline,
    },
    goto::{ConnectionEvent, lane::RequestFailure, token::LoginReason},
    model::{
        ids::ConnectionName,
        time::{Now, Timestamp},
    },
    runtime::{http::NetworkFault, log_throttle::LogThrottle, message_id},
};
use jiff::SignedDuration;
use std::{sync::Arc, time::Instant};

/// Difference of the clocks above which the journal warns: certificates and tokens tolerate less than minutes.
const CLOCK_WARNING: SignedDuration = SignedDuration::from_secs(30);

/// Monitor of one connection.
pub struct ConnectionMonitor {
    connection: ConnectionName,
    /// Way to a login of this connection.
    login_advice: LoginAdvice,
    pipeline: Arc<Pipeline>,
    outage: OutageTimer,
    /// Throttles the log of malformed frames, which may come in thousands.
    malformed_frames: LogThrottle,
    /// Throttles the log of failed heartbeats.
    failed_heartbeats: LogThrottle,
}

impl ConnectionMonitor {
    /// Creates the monitor of a connection without a live lane.
    #[must_use]
    pub fn new(connection: ConnectionName, login_advice: LoginAdvice, pipeline: Arc<Pipeline>, now: Instant) -> Self {
        let (malformed_frames, failed_heartbeats) = (LogThrottle::default(), LogThrottle::default());
        Self { connection, login_advice, pipeline, outage: OutageTimer::new(now), malformed_frames, failed_heartbeats }
    }

    /// Returns when [`ConnectionMonitor::tick`] is due; `None` without a timer.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.outage.next_deadline().into_iter().chain(self.malformed_frames.due()).min()
    }

    /// Handles due timers.
    pub async fn tick(&mut self, now: Instant) {
        if let Some(repeats) = self.malformed_frames.take_suppressed(now) {
            tracing::warn!(connection = %self.connection, repeats, "more malformed frames");
        }
        if self.outage.next_deadline().is_some()
            && self.update(|status| status.login_required || status.rejected.is_some())
        {
            self.outage.suppress();
        } else if self.outage.fire(now) {
            let (fallback, fault) = self.update(|status| (status.fallback, status.fault()));
            self.raise(|name| AlertKind::ConnectionDown(name, fallback, fault)).await;
        }
    }

    /// Handles a connection event; ignores call events.
    pub async fn on_event(&mut self, event: ConnectionEvent, now: Instant) {
        let connection = self.connection.clone();
        match event {
            ConnectionEvent::LaneUp { lane } => self.lane_up(lane, now).await,
            ConnectionEvent::LaneDown { lane, why } => {
                self.update(|status| status.live.remove(&lane));
                tracing::warn!(%connection, lane, why = why.as_str(), "lane lost");
            }
            ConnectionEvent::GapOpened { since } => {
                let is_live = self.update(|status| {
                    status.unrecovered_gaps.insert(since);
                    !status.live.is_empty()
                });
                // A gap found afterwards, while a lane is live, is no outage.
                if !is_live {
                    self.outage.start(now);
                }
                tracing::warn!(%connection, %since, message_id = message_id::GAP_OPENED, "event gap opened");
            }
            ConnectionEvent::ClockOffset { clock } => {
                let offset = clock.offset;
                self.update(|status| status.clock = Some(clock));
                self.pipeline.metrics.set_clock_offset(offset);
                if offset.abs() > CLOCK_WARNING {
                    let offset_s = offset.as_secs();
                    tracing::warn!(%connection, offset_s, "clock of this machine differs from goto's, check time synchronization");
                }
            }
            ConnectionEvent::FallbackStarted => {
                self.update(|status| status.fallback = true);
                tracing::warn!(%connection, "rest fallback started, active calls are polled every 2 s");
            }
            ConnectionEvent::FallbackEnded => {
                self.update(|status| status.fallback = false);
                tracing::info!(%connection, "rest fallback ended");
            }
            ConnectionEvent::BackfillDone { from, to } => {
                self.gap_recovered(from, to);
                tracing::info!(%connection, %from, %to, "event gap reports recovered");
            }
            ConnectionEvent::LaneFailing { lane, why } => {
                let (http_status, advice) = (why.status, why.fault().map(NetworkFault::advice));
                tracing::warn!(%connection, lane, http_status, error = %why, advice, "lane failed to connect, retrying");
                self.update(|status| {
                    status.attempted = true;
                    status.failure = Some(why);
                });
            }
            ConnectionEvent::RefreshFailing(why) => self.update(|status| status.failure = Some(why)),
            ConnectionEvent::Subscribed { accounts } => {
                self.update(|status| status.attempted = true);
                tracing::debug!(%connection, accounts, "subscribed");
            }
            ConnectionEvent::MalformedFrame { lane, bytes, why } => {
                if let Some(repeats) = self.malformed_frames.record(now) {
                    tracing::warn!(%connection, lane, bytes, %why, repeats, "malformed frame");
                }
            }
            ConnectionEvent::LoginRequired { why } => {
                let advice = match self.login_advice {
                    _ if why.is_invalid_client() => LoginAdvice::RepairClient,
                    _ if why == LoginReason::Unusable => LoginAdvice::RepairFile,
                    usual => usual,
                };
                self.update(|status| {
                    status.login_required = true;
                    status.login_problem = Some(advice);
                });
                self.raise(|name| AlertKind::LoginRequired(name, advice)).await;
            }
            ConnectionEvent::ScopesMissing { missing } if missing.is_empty() => {
                self.raise(AlertKind::ScopesGranted).await
            }
            ConnectionEvent::ScopesMissing { missing } => {
                let advice = self.login_advice;
                self.raise(|name| AlertKind::ScopesMissing(name, missing, advice)).await;
            }
            ConnectionEvent::LoginRestored => {
                if self.update(|status| std::mem::take(&mut status.login_required) && status.live.is_empty()) {
                    self.outage.start(now);
                }
                self.raise(AlertKind::LoginRestored).await;
            }
            ConnectionEvent::AccountRejected { account, status, .. } => {
                self.update(|status| status.attempted = true);
                self.raise(|name| AlertKind::AccountRejected(name, account, status)).await;
            }
            ConnectionEvent::LaneRejected { why, .. } => self.on_rejected(why).await,
            ConnectionEvent::RefreshTokenExpiring { days_left } => {
                self.raise(|name| AlertKind::RefreshTokenExpiring(name, days_left)).await
            }
            ConnectionEvent::TokenNotPersisted { .. } => self.raise(AlertKind::TokenNotPersisted).await,
            ConnectionEvent::Snapshot(_)
            | ConnectionEvent::Report(_)
            | ConnectionEvent::ReportReady { .. }
            | ConnectionEvent::LateReports(_)
            | ConnectionEvent::GapClosed { .. }
            | ConnectionEvent::ActiveCalls { .. }
            | ConnectionEvent::Voicemail { .. }
            | ConnectionEvent::NumberNames(_)
            | ConnectionEvent::CallerActivity { .. } => {}
        }
    }

    async fn lane_up(&mut self, lane: u8, now: Instant) {
        let connection = &self.connection;
        tracing::info!(%connection, lane, "lane live");
        let was_rejected = self.update(|status| {
            status.live.insert(lane);
            status.attempted = true;
            status.failure = None;
            status.rejected.take().is_some()
        });
        self.write_heartbeat(now).await;
        if self.outage.end() {
            self.raise(AlertKind::ConnectionRestored).await;
        } else if was_rejected {
            self.raise(AlertKind::ConnectionAccepted).await;
        }
    }

    /// Writes a heartbeat. The next start backfills from it, however short this run is.
    async fn write_heartbeat(&mut self, now: Instant) {
        if let Some(heartbeat) = self.update(|status| status.heartbeat(Now::current()))
            && let Err(error) = self.pipeline.outbox.heartbeat(self.connection.clone(), heartbeat).await
            && let Some(repeats) = self.failed_heartbeats.record(now)
        {
            tracing::warn!(connection = %self.connection, %error, repeats, "heartbeat not written");
        }
    }

    /// Removes the recovered gaps beginning in this time from the status.
    pub fn gap_recovered(&self, from: Timestamp, to: Timestamp) {
        self.update(|status| status.gap_recovered(from, to));
    }

    /// Sets the end of the earliest recovered call that is not posted yet.
    pub fn set_unposted_since(&self, since: Option<Timestamp>) {
        self.update(|status| status.unposted_since = since);
    }

    /// Raises one alert, although each lane is rejected.
    async fn on_rejected(&mut self, why: RequestFailure) {
        let was_rejected = self.update(|status| {
            status.attempted = true;
            status.rejected.replace(why.clone()).is_some()
        });
        if !was_rejected {
            self.raise(|name| AlertKind::ConnectionRejected(name, why)).await;
        }
    }

    fn update<T: Default>(&self, change: impl FnOnce(&mut ConnectionStatus) -> T) -> T {
        self.pipeline.status.lock().connections.get_mut(&self.connection).map(change).unwrap_or_default()
    }

    async fn raise(&self, alert: impl FnOnce(ConnectionName) -> AlertKind) {
        self.pipeline.raise(alert(self.connection.clone())).await;
    }
}
