//! Presses of the buttons of live messages. A press changes the claim inside the rows of all live messages of its call,
//! which then wait for their edits. One transaction stores claim and edits, and a restart continues with the edits.

use super::{disk_error::StoreError, live_message::LIVE, row, store::Store};
use crate::{
    model::{
        card::{CallCard, Card},
        claim::{self, Claim, Press, PressResult},
        delivery::{MessageRef, Subject},
        ids::{ConversationSpaceId, SinkName},
        time::Timestamp,
    },
    runtime::sql::{self, Session, params},
};

/// A live message of the call of a press.
pub(super) struct LiveMessage {
    id: i64,
    pub(super) sink: SinkName,
    is_settled: bool,
    pub(super) card: CallCard,
    message: Option<MessageRef>,
}

/// Returns the claim in force of a call, as its live messages have it.
pub(super) fn claim_of_call(db: &Session, call: &ConversationSpaceId) -> Result<Option<Claim>, sql::Error> {
    let mut read = db.prepare(
        "SELECT coalesce(newer, card) FROM deliveries INDEXED BY once WHERE subject = ? AND mode = ? ORDER BY id",
    )?;
    let mut rows = read.query(params![row::subject_key(&Subject::Call(call.clone())), LIVE])?;
    while let Some(row) = rows.next_row()? {
        let card: String = row.get(0)?;
        if let Ok(Card::Call(card)) = serde_json::from_str(&card)
            && let Some(claim) = card.claims.and_then(|claims| claims.current)
        {
            return Ok(Some(claim));
        }
    }
    Ok(None)
}

impl Store {
    /// Applies a press on `message` at `now` to the live messages of its call. The key in the button is not enough: the pressed
    /// message must be one of them.
    pub(super) fn press(
        &mut self,
        call: &ConversationSpaceId,
        message: &MessageRef,
        press: &Press,
        now: Timestamp,
    ) -> Result<PressResult, StoreError> {
        let messages = self.live_messages(call)?;
        let Some(pressed) = messages.iter().find(|one| one.message.as_ref() == Some(message)) else {
            return Ok(PressResult::UnknownCard);
        };
        if !pressed.card.needs_callback() {
            return Ok(PressResult::NotOpen);
        }
        let (result, changed) = claim::apply(pressed.card.claims.as_ref(), press, now);
        if let Some(claims) = changed {
            let sink = pressed.sink.clone();
            self.record_claim(call, &sink, claims.current.as_ref())?;
            self.withdraw_reminders(call, now)?;
            for LiveMessage { id, sink, is_settled, card, .. } in messages {
                let card = Card::Call(Box::new(CallCard { claims: Some(claims.clone()), ..card }));
                self.write_live(id, is_settled, &card, &sink, || None)?;
            }
        }
        Ok(result)
    }

    /// Returns the live messages of a call that can be edited. Erased and unreadable cards stay as they are.
    pub(super) fn live_messages(&self, call: &ConversationSpaceId) -> Result<Vec<LiveMessage>, StoreError> {
        let mut read = self.db.prepare(
            "SELECT id, sink, state, coalesce(newer, card), message_ref FROM deliveries INDEXED BY once
             WHERE subject = ? AND mode = ? AND state IN ('waiting', 'delivered', 'dead')",
        )?;
        let mut rows = read.query(params![row::subject_key(&Subject::Call(call.clone())), LIVE])?;
        let mut messages = Vec::new();
        while let Some(row) = rows.next_row()? {
            let (id, sink, state): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (card, message): (String, Option<String>) = (row.get(3)?, row.get(4)?);
            if let (Ok(Card::Call(card)), Ok(sink)) = (serde_json::from_str(&card), SinkName::try_from(sink)) {
                let message = message.as_deref().and_then(row::parse_message_ref);
                // Of a dead letter the chat shows an older card; its edit is tried again with the claim.
                messages.push(LiveMessage { id, sink, is_settled: state != "waiting", card: *card, message });
            }
        }
        Ok(messages)
    }
}
