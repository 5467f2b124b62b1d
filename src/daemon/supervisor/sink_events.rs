//! Handles the events of the delivery workers: status, alerts, and the cards that became dead letters until the recovery of a
//! sink.

use super::Daemon;
use crate::{daemon::health::alert::AlertKind, deliver::SinkEvent, model::ids::SinkName, runtime::message_id};

impl Daemon {
    pub(super) async fn on_sink_event(&mut self, event: SinkEvent) {
        let alert = match event {
            SinkEvent::Delivered { sink, .. } => {
                let lost_alerts = self.given_up.on_delivered(&sink);
                self.person_troubles.reach(&sink);
                // A worker replaced by a reload while its sink was disabled reports only the delivery.
                if self.pipeline.status.lock().disabled.remove(&sink) {
                    tracing::info!(%sink, message_id = message_id::SINK_RECOVERED, "sink recovered");
                    self.raise_recovered(sink.clone()).await;
                }
                match lost_alerts {
                    Some(lost) => AlertKind::AlertsGivenUp(sink, lost),
                    None => return,
                }
            }
            SinkEvent::DeadLetter { sink, why, advice, alert, what, is_alert, no_person, .. } => {
                self.given_up.on_dead_letter(sink.clone(), what.clone(), is_alert);
                match (alert, no_person) {
                    (false, _) => return,
                    (true, false) => AlertKind::DeadLetter { sink, what, why },
                    (true, true) if self.person_troubles.lose(sink.clone(), &why) => {
                        AlertKind::PersonNotReached(sink, format!("{why}. {advice}"))
                    }
                    (true, true) => return,
                }
            }
            SinkEvent::Disabled { sink, why, advice } => {
                self.pipeline.status.lock().disabled.insert(sink.clone());
                self.given_up.on_trouble(sink.clone());
                if !self.is_new_trouble(&sink, why) {
                    return;
                }
                AlertKind::SinkDisabled(sink, format!("{why}. {advice}"))
            }
            SinkEvent::Recovered { sink } => {
                self.pipeline.status.lock().disabled.remove(&sink);
                return self.raise_recovered(sink).await;
            }
            SinkEvent::MentionRejected { sink } => AlertKind::MentionRejected(sink),
            SinkEvent::Throttled { sink } => {
                self.given_up.on_trouble(sink.clone());
                if !self.is_new_trouble(&sink, "throttled") {
                    return;
                }
                AlertKind::SinkThrottled(sink)
            }
            SinkEvent::Unreachable { sink, why, advice } => {
                self.given_up.on_trouble(sink.clone());
                if !self.is_new_trouble(&sink, why) {
                    return;
                }
                AlertKind::SinkUnreachable(sink, why, advice)
            }
        };
        self.pipeline.raise(alert).await;
    }

    /// Returns whether the trouble of a sink is worth an alert. The trouble of a person is, unless another person has it too.
    fn is_new_trouble(&mut self, sink: &SinkName, why: &str) -> bool {
        let is_person = self.pipeline.settings.load().people.values().any(|person| person == sink);
        let is_new = !is_person || self.person_troubles.begin(sink.clone(), why);
        if !is_new {
            tracing::warn!(%sink, why, "person gets no direct messages, as others");
        }
        is_new
    }

    async fn raise_recovered(&mut self, sink: SinkName) {
        if !self.person_troubles.end(&sink) {
            return;
        }
        let lost = self.given_up.on_recovered(&sink);
        self.pipeline.raise(AlertKind::SinkRecovered(sink, lost)).await;
    }
}
