//! Presses of the buttons of a live message. A press changes the claim inside the row of the message, which then waits for
//! its edit: one transaction stores both, and a restart continues with the edit.

use super::{disk_error::StoreError, live_message::LIVE, row, store::Store};
use crate::model::{
    card::{CallCard, Card},
    claim::{self, Press, PressResult},
    delivery::{MessageRef, Subject},
    ids::{ConversationSpaceId, SinkName},
    time::Timestamp,
};
use rusqlite::params;

/// The live message that a press belongs to.
struct PressedMessage {
    id: i64,
    sink: SinkName,
    is_settled: bool,
    card: CallCard,
}

impl Store {
    /// Applies a press at `now` to the message that it belongs to.
    pub(super) fn press(
        &mut self,
        call: &ConversationSpaceId,
        message: &MessageRef,
        press: &Press,
        now: Timestamp,
    ) -> Result<PressResult, StoreError> {
        let Some(message) = self.pressed_message(call, message)? else { return Ok(PressResult::UnknownCard) };
        if !message.card.needs_callback() {
            return Ok(PressResult::NotOpen);
        }
        let (result, changed) = claim::apply(message.card.claims.as_ref(), press, now);
        if let Some(claims) = changed {
            let card = Card::Call(Box::new(CallCard { claims: Some(claims), ..message.card }));
            self.write_live(message.id, message.is_settled, &card, &message.sink)?;
        }
        Ok(result)
    }

    /// Finds the row of a message. The key in the button is not enough: it must be the message that was pressed.
    fn pressed_message(
        &self,
        call: &ConversationSpaceId,
        message: &MessageRef,
    ) -> Result<Option<PressedMessage>, StoreError> {
        let mut read = self.db.prepare_cached(
            "SELECT id, sink, state, coalesce(newer, card), message_ref FROM deliveries INDEXED BY once
             WHERE subject = ? AND status = ? AND message_ref IS NOT NULL",
        )?;
        let mut rows = read.query(params![row::subject_key(&Subject::Call(call.clone())), LIVE])?;
        while let Some(row) = rows.next()? {
            let (id, sink, state): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (card, posted): (String, String) = (row.get(3)?, row.get(4)?);
            if row::parse_message_ref(&posted).as_ref() != Some(message) {
                continue;
            }
            // Of a dead letter the chat shows an older card; its edit is tried again with the claim.
            let is_settled = match row::DeliveryState::parse(&state) {
                Some(row::DeliveryState::Waiting) => false,
                Some(row::DeliveryState::Delivered | row::DeliveryState::Dead) => true,
                _ => return Ok(None),
            };
            return Ok(match (serde_json::from_str(&card), SinkName::try_from(sink)) {
                (Ok(Card::Call(card)), Ok(sink)) => Some(PressedMessage { id, sink, is_settled, card: *card }),
                _ => None,
            });
        }
        Ok(None)
    }
}
