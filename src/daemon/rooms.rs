//! The path of a call update shared by all relays: saved as pending, looked up, routed, enqueued. The decisions are
//! made by the stages.

use super::{
    book::{Book, Lectern},
    late::Late,
    notice::{self, Trouble},
    record::Recorder,
    status::Board,
};
use crate::{
    cards::MAX_GAP_SUMMARY_CALLS,
    model::{
        call::{MomentKind, Telling},
        card::{CallCard, Card, Findings, GapSummary, Routing},
        delivery::{Admission, Admitted, Key, Outbox, Rule, Subject},
        ids::{ConnectionName, SinkName},
        phone::Mask,
        pulse::Pulses,
        time::{Now, Timestamp},
    },
    outbox::Queue,
    route::{self, Asked, Routed},
};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// State shared by all relays.
pub struct Rooms {
    /// The outbox.
    pub outbox: Queue,
    /// The current settings, replaced by a reload.
    pub book: Lectern,
    /// Recorder of snapshots and reports, used if the config enables it.
    pub recorder: Recorder,
    /// Status of the daemon.
    pub board: Board,
    /// Heartbeats of all tasks.
    pub pulses: Pulses,
}

impl Rooms {
    /// Looks up the caller and enqueues the cards of an update. Before a look-up that takes time the update is saved
    /// as pending: a crash then costs caller info, not the call. Returns the look-ups still running after the
    /// deadline.
    pub async fn admit(&self, update: Telling) -> Option<Late> {
        let settings = self.book.open();
        if !settings.tells(&update.call) {
            settings.enricher.saw(&update, Vec::new());
            return None;
        }
        let mut saved = None;
        if !settings.enricher.is_instant(&update.call) {
            match self.outbox.note(update.clone()).await {
                Ok(()) => saved = Some((update.call.id.clone(), update.moment.kind())),
                Err(error) => tracing::error!(call = %update.call.id, %error, "pending update not saved"),
            }
        }
        let (info, later) = settings.enricher.find_so_far(&update.call, Now::read()).await;
        let moment = update.moment.kind();
        let call = update.call.id.clone();
        let at = Timestamp::now();
        let destinations = self.destinations(&settings, &Asked { telling: &update, found: &info, at }).await;
        settings.enricher.saw(&update, destinations.iter().map(|destination| destination.sink.clone()).collect());
        let deliveries: Vec<Admission> = destinations
            .into_iter()
            .flat_map(|Routed { sink, manner, by }| {
                let modes = settings.rules(&sink, &update);
                let key = Key { subject: Subject::Call(call.clone()), moment, sink };
                let decision = Some(Routing { at, by });
                let card = CallCard { manner, routed: decision, ..CallCard::new(update.clone(), info.clone()) };
                let card = Card::Call(Box::new(card));
                modes.into_iter().map(move |mode| Admission { key: key.clone(), card: card.clone(), rule: mode })
            })
            .collect();
        if deliveries.is_empty() {
            tracing::debug!(%call, moment = moment.as_str(), "no route matches");
        }
        match self.outbox.admit(saved, deliveries).await {
            Ok(results) if moment == MomentKind::Ringing && results.contains(&Admitted::New) => {
                self.board.open().count(1, settings.today());
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%call, moment = moment.as_str(), %error, "card not enqueued"),
        }
        later.map(|later| Late { telling: update, later })
    }

    /// Merges caller info that arrived after the deadline into live messages and pending cards.
    pub async fn learned(&self, update: &Telling, info: Findings) {
        let (call, moment) = (update.call.id.clone(), update.moment.kind());
        let card = Card::Call(Box::new(CallCard::new(update.clone(), info)));
        let settings = self.book.open();
        let deliveries = settings.sinks.keys().map(|sink| {
            let key = Key { subject: Subject::Call(call.clone()), moment, sink: sink.clone() };
            Admission { key, card: card.clone(), rule: Rule::Learn }
        });
        if let Err(error) = self.outbox.admit(None, deliveries.collect()).await {
            tracing::error!(%call, moment = moment.as_str(), %error, "late caller info not enqueued");
        }
    }

    /// Processes the updates left pending by a crash or a stopped connection: those of connection `of`, or all.
    pub async fn tell_noted(&self, of: Option<&ConnectionName>) {
        match self.outbox.noted().await {
            Ok(pending) => {
                for update in pending.into_iter().filter(|update| of.is_none_or(|name| update.call.connection == *name)) {
                    tracing::info!(call = %update.call.id, moment = update.moment.kind().as_str(), "replaying pending update");
                    drop(self.admit(update).await);
                }
            }
            Err(error) => tracing::error!(%error, "reading pending updates failed"),
        }
    }

    /// Returns the sinks of an update: those of the routes, and those of the call's ring.
    async fn destinations(&self, settings: &Book, input: &Asked<'_>) -> Vec<Routed> {
        let routed = settings.routes.decide(input);
        let moment = input.telling.moment.kind();
        if moment == MomentKind::Ringing {
            return routed;
        }
        match self.outbox.earlier(input.telling.call.id.clone()).await {
            Ok(mut previous) => {
                // Cards for a sink missing in the config would never be posted.
                previous.retain(|(sink, _)| settings.sinks.contains_key(sink));
                route::follow(routed, previous, moment)
            }
            Err(error) => {
                tracing::debug!(call = %input.telling.call.id, %error, "reading previous sinks failed");
                routed
            }
        }
    }

    /// Raises an alert in the journal and to the operator.
    pub async fn tell(&self, alert: Trouble) {
        let sink = self.book.open().operator.clone();
        notice::tell(&alert, sink, &self.outbox).await;
    }

    /// Enqueues gap summaries: for each sink the calls of an event gap that would have been posted there, in as many
    /// cards as needed.
    pub async fn recap(&self, connection: &ConnectionName, from: Timestamp, to: Timestamp, updates: Vec<Telling>) {
        let settings = self.book.open();
        let at = Timestamp::now();
        let mut by_sink: BTreeMap<(SinkName, Option<Mask>), Vec<Telling>> = BTreeMap::new();
        for update in updates {
            // Callers are not looked up: a gap summary lists calls without caller info.
            let input = Asked { telling: &update, found: &Findings::default(), at };
            let routed = settings.routes.decide(&input);
            let sinks: Vec<SinkName> = routed.iter().map(|destination| destination.sink.clone()).collect();
            for Routed { sink, manner, .. } in routed {
                if settings.tells(&update.call) && settings.is_told(&sink, &update) {
                    by_sink.entry((sink, manner.mask)).or_default().push(update.clone());
                }
            }
            settings.enricher.saw(&update, sinks);
        }
        let key_name = |calls: &[Telling]| {
            let ids = calls
                .iter()
                .fold(Sha256::new(), |hash, update| hash.chain_update(update.call.id.as_str()).chain_update("\n"));
            let ids: String = ids.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            // The key covers all calls: the next run's gap may begin at the same time and contain more.
            format!("recap {connection} {from} {ids}")
        };
        let deliveries = by_sink
            .iter()
            .flat_map(|((sink, mask), calls)| calls.chunks(MAX_GAP_SUMMARY_CALLS).map(move |calls| (sink.clone(), *mask, calls)))
            .map(|(sink, mask, calls)| {
                let key = Key { subject: Subject::Other(key_name(calls)), moment: MomentKind::Ended, sink };
                let card = Card::GapSummary(GapSummary { connection: connection.clone(), from, to, calls: calls.to_vec(), mask });
                Admission { key, card, rule: Rule::Tell }
            })
            .collect();
        if let Err(error) = self.outbox.admit(None, deliveries).await {
            tracing::error!(%connection, %error, "gap summary not enqueued");
        }
    }
}
