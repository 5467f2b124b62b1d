//! What all relays share, and the way of one telling through it: noted, looked up, routed, admitted. Thin: who it is, who
//! is told and what becomes of a card is decided in the stages.

use super::{
    book::{Book, Lectern},
    late::Late,
    notice::{self, Trouble},
    record::Recorder,
    status::Board,
};
use crate::{
    cards::RECAP_LISTS,
    model::{
        call::{MomentKind, Telling},
        card::{CallCard, Card, Findings, Recap, Routing},
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

/// What all relays share.
pub struct Rooms {
    /// What still has to be said.
    pub outbox: Queue,
    /// Who is asked, who is told, and how: what a reload swaps.
    pub book: Lectern,
    /// What GoTo says, if the config asks to keep it.
    pub recorder: Recorder,
    /// How the daemon is.
    pub board: Board,
    /// Whether its loops turn.
    pub pulses: Pulses,
}

impl Rooms {
    /// Looks the caller up and hands the telling's cards to the outbox. A look-up that takes time is preceded by a note,
    /// so that a crash meanwhile costs the facts and not the call. Gives back what the sources may still find out.
    pub async fn admit(&self, telling: Telling) -> Option<Late> {
        let book = self.book.open();
        if !book.tells(&telling.call) {
            book.enricher.saw(&telling, Vec::new());
            return None;
        }
        let mut noted = None;
        if !book.enricher.is_instant(&telling.call) {
            match self.outbox.note(telling.clone()).await {
                Ok(()) => noted = Some((telling.call.id.clone(), telling.moment.kind())),
                Err(error) => tracing::error!(call = %telling.call.id, %error, "moment not noted"),
            }
        }
        let (found, later) = book.enricher.find_so_far(&telling.call, Now::read()).await;
        let moment = telling.moment.kind();
        let call = telling.call.id.clone();
        let at = Timestamp::now();
        let routed = self.routed(&book, &Asked { telling: &telling, found: &found, at }).await;
        book.enricher.saw(&telling, routed.iter().map(|one| one.sink.clone()).collect());
        let admissions: Vec<Admission> = routed
            .into_iter()
            .flat_map(|Routed { sink, manner, by }| {
                let rules = book.rules(&sink, &telling);
                let key = Key { subject: Subject::Call(call.clone()), moment, sink };
                let routed = Some(Routing { at, by });
                let card = CallCard { manner, routed, ..CallCard::new(telling.clone(), found.clone()) };
                let card = Card::Call(Box::new(card));
                rules.into_iter().map(move |rule| Admission { key: key.clone(), card: card.clone(), rule })
            })
            .collect();
        if admissions.is_empty() {
            tracing::debug!(%call, moment = moment.as_str(), "no route leads to a sink");
        }
        match self.outbox.admit(noted, admissions).await {
            Ok(admitted) if moment == MomentKind::Ringing && admitted.contains(&Admitted::New) => {
                self.board.open().count(1, book.today());
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%call, moment = moment.as_str(), %error, "card not admitted"),
        }
        later.map(|later| Late { telling, later })
    }

    /// What the sources found out about a call after its telling's deadline: onto the messages that live, and the cards
    /// that still wait.
    pub async fn learned(&self, telling: &Telling, found: Findings) {
        let (call, moment) = (telling.call.id.clone(), telling.moment.kind());
        let card = Card::Call(Box::new(CallCard::new(telling.clone(), found)));
        let book = self.book.open();
        let admissions = book.sinks.keys().map(|sink| {
            let key = Key { subject: Subject::Call(call.clone()), moment, sink: sink.clone() };
            Admission { key, card: card.clone(), rule: Rule::Learn }
        });
        if let Err(error) = self.outbox.admit(None, admissions.collect()).await {
            tracing::error!(%call, moment = moment.as_str(), %error, "late facts not admitted");
        }
    }

    /// What a crash, or a login's end, left between note and admission is told now; `of` one login, or of all.
    pub async fn tell_noted(&self, of: Option<&ConnectionName>) {
        match self.outbox.noted().await {
            Ok(noted) => {
                for telling in noted.into_iter().filter(|it| of.is_none_or(|name| it.call.connection == *name)) {
                    tracing::info!(call = %telling.call.id, moment = telling.moment.kind().as_str(), "told after a crash");
                    drop(self.admit(telling).await);
                }
            }
            Err(error) => tracing::error!(%error, "noted moments not read"),
        }
    }

    /// The sinks of a moment: what the rules say of it, and where the call's ring went.
    async fn routed(&self, book: &Book, asked: &Asked<'_>) -> Vec<Routed> {
        let routed = book.routes.decide(asked);
        let moment = asked.telling.moment.kind();
        if moment == MomentKind::Ringing {
            return routed;
        }
        match self.outbox.earlier(asked.telling.call.id.clone()).await {
            Ok(mut earlier) => {
                // Cards for a sink that has left the config would wait for ever.
                earlier.retain(|(sink, _)| book.sinks.contains_key(sink));
                route::follow(routed, earlier, moment)
            }
            Err(error) => {
                tracing::debug!(call = %asked.telling.call.id, %error, "it is not known where the ring went");
                routed
            }
        }
    }

    /// Says a trouble of the daemon's own in the journal and to the operator.
    pub async fn tell(&self, trouble: Trouble) {
        let sink = self.book.open().operator.clone();
        notice::tell(&trouble, sink, &self.outbox).await;
    }

    /// Cards for each sink that would have been told, of the calls that came and went unheard: as many as list them all.
    pub async fn recap(&self, connection: &ConnectionName, from: Timestamp, to: Timestamp, tellings: Vec<Telling>) {
        let book = self.book.open();
        let at = Timestamp::now();
        let mut by_sink: BTreeMap<(SinkName, Option<Mask>), Vec<Telling>> = BTreeMap::new();
        for telling in tellings {
            // Nobody is looked up for a recap: it lists calls, and says nothing of the callers.
            let asked = Asked { telling: &telling, found: &Findings::default(), at };
            let routed = book.routes.decide(&asked);
            let sinks: Vec<SinkName> = routed.iter().map(|one| one.sink.clone()).collect();
            for Routed { sink, manner, .. } in routed {
                if book.tells(&telling.call) && book.is_told(&sink, &telling) {
                    by_sink.entry((sink, manner.mask)).or_default().push(telling.clone());
                }
            }
            book.enricher.saw(&telling, sinks);
        }
        let name = |calls: &[Telling]| {
            let ids = calls
                .iter()
                .fold(Sha256::new(), |hash, one| hash.chain_update(one.call.id.as_str()).chain_update("\n"));
            let ids: String = ids.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            // All of its calls name it: a next run's window may begin at the same time and hold more of them.
            format!("recap {connection} {from} {ids}")
        };
        let admissions = by_sink
            .iter()
            .flat_map(|((sink, mask), calls)| calls.chunks(RECAP_LISTS).map(move |calls| (sink.clone(), *mask, calls)))
            .map(|(sink, mask, calls)| {
                let key = Key { subject: Subject::Other(name(calls)), moment: MomentKind::Ended, sink };
                let card = Card::Recap(Recap { connection: connection.clone(), from, to, calls: calls.to_vec(), mask });
                Admission { key, card, rule: Rule::Tell }
            })
            .collect();
        if let Err(error) = self.outbox.admit(None, admissions).await {
            tracing::error!(%connection, %error, "recap not admitted");
        }
    }
}
