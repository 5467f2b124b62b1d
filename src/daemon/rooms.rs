//! What all relays share, and the way of one telling through it: noted, looked up, routed, admitted. Thin: who it is, who
//! is told and what becomes of a card is decided in the stages.

use super::{
    book::Lectern,
    notice::{self, Trouble},
    status::Board,
};
use crate::{
    cards::RECAP_LISTS,
    model::{
        call::{MomentKind, Telling},
        card::{CallCard, Card, Findings, Recap},
        delivery::{Admission, Admitted, Key, Outbox, Rule, Subject},
        ids::{ConnectionName, SinkName},
        time::{Now, Timestamp},
    },
    outbox::Queue,
};
use std::collections::BTreeMap;

/// What all relays share.
pub struct Rooms {
    /// What still has to be said.
    pub outbox: Queue,
    /// Who is asked, who is told, and how: what a reload swaps.
    pub book: Lectern,
    /// How the daemon is.
    pub board: Board,
}

impl Rooms {
    /// Looks the caller up and hands the telling's cards to the outbox. A look-up that takes time is preceded by a note,
    /// so that a crash meanwhile costs the facts and not the call.
    pub async fn admit(&self, telling: Telling) {
        let book = self.book.open();
        let sinks = book.routes.sinks(&telling);
        let mut noted = None;
        if !book.enricher.is_instant() {
            match self.outbox.note(telling.clone()).await {
                Ok(()) => noted = Some((telling.call.id.clone(), telling.moment.kind())),
                Err(error) => tracing::error!(call = %telling.call.id, %error, "moment not noted"),
            }
        }
        let found = book.enricher.find(&telling.call, Now::read()).await;
        book.enricher.saw(&telling);
        let moment = telling.moment.kind();
        let call = telling.call.id.clone();
        let card = Card::Call(Box::new(CallCard::new(telling, found)));
        if sinks.is_empty() {
            tracing::debug!(%call, moment = moment.as_str(), "no route leads to a sink");
        }
        let admissions: Vec<Admission> = book
            .audience(sinks, moment)
            .into_iter()
            .map(|(sink, rule)| {
                let key = Key { subject: Subject::Call(call.clone()), moment, sink };
                Admission { key, card: card.clone(), rule }
            })
            .collect();
        match self.outbox.admit(noted, admissions).await {
            Ok(admitted) if moment == MomentKind::Ringing && admitted.contains(&Admitted::New) => {
                self.board.open().calls += 1;
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%call, moment = moment.as_str(), %error, "card not admitted"),
        }
    }

    /// What the sources found out about a call after its telling's deadline: onto the messages that live, and the cards
    /// that still wait.
    pub async fn learned(&self, telling: Telling, found: Findings) {
        let (call, moment) = (telling.call.id.clone(), telling.moment.kind());
        let card = Card::Call(Box::new(CallCard::new(telling, found)));
        let book = self.book.open();
        let admissions = book.sinks.keys().map(|sink| {
            let key = Key { subject: Subject::Call(call.clone()), moment, sink: sink.clone() };
            Admission { key, card: card.clone(), rule: Rule::Learn }
        });
        if let Err(error) = self.outbox.admit(None, admissions.collect()).await {
            tracing::error!(%call, moment = moment.as_str(), %error, "late facts not admitted");
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
        let mut by_sink: BTreeMap<SinkName, Vec<Telling>> = BTreeMap::new();
        for telling in tellings {
            for sink in book.routes.sinks(&telling) {
                if book.is_told(&sink, telling.moment.kind()) {
                    by_sink.entry(sink).or_default().push(telling.clone());
                }
            }
            book.enricher.saw(&telling);
        }
        let name = |calls: &[Telling]| {
            let first = calls.first().map_or("", |telling| telling.call.id.as_str());
            format!("recap {connection} {from} {first}")
        };
        let admissions = by_sink
            .iter()
            .flat_map(|(sink, calls)| calls.chunks(RECAP_LISTS).map(move |calls| (sink.clone(), calls)))
            .map(|(sink, calls)| {
                let key = Key { subject: Subject::Other(name(calls)), moment: MomentKind::Ended, sink };
                let card = Card::Recap(Recap { connection: connection.clone(), from, to, calls: calls.to_vec() });
                Admission { key, card, rule: Rule::Tell }
            })
            .collect();
        if let Err(error) = self.outbox.admit(None, admissions).await {
            tracing::error!(%connection, %error, "recap not admitted");
        }
    }
}
