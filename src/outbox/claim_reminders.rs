//! Claims in force, one row for each call, written with the press. Finds those whose reminder is due and enqueues it as a
//! reply to the pressed message. [`reminder_need`] decides.

use super::{
    Retention,
    disk_error::StoreError,
    handle::DatabaseOutbox,
    row::{from_micros, micros, subject_key, to_json},
    store::Store,
};
use crate::{
    model::{
        card::{CallCard, Card},
        claim::{Claim, ClaimKind, ReminderNeed, reminder_need},
        delivery::{OutboxError, Subject},
        ids::{ConversationSpaceId, SinkName},
        time::{Timestamp, before},
    },
    runtime::sql::params,
};
use std::time::Duration;

/// Claims of one query. The next query is seconds later.
const MAX_CLAIMS: i64 = 100;

/// A claim whose reminder was enqueued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemindedClaim {
    /// The claimed call.
    pub call: ConversationSpaceId,
    /// Sink of the reply.
    pub sink: SinkName,
}

impl Store {
    /// Records the claim in force of a call after a press on its message at `sink`.
    pub(super) fn record_claim(
        &self,
        call: &ConversationSpaceId,
        sink: &SinkName,
        current: Option<&Claim>,
    ) -> Result<(), StoreError> {
        match current {
            Some(Claim { kind: ClaimKind::CallsBack, by, at }) => {
                let mut write = self.db.prepare(
                    "INSERT INTO claims (call, sink, \"user\", claimed_at) VALUES (?, ?, ?, ?) ON CONFLICT (call) DO UPDATE
                     SET sink = excluded.sink, \"user\" = excluded.\"user\", claimed_at = excluded.claimed_at, reminded = 0",
                )?;
                write.execute(params![call.as_str(), sink.as_str(), by.as_str(), micros(*at)])?;
            }
            Some(Claim { kind: ClaimKind::Done, .. }) | None => {
                self.db.prepare("DELETE FROM claims WHERE call = ?")?.execute(params![call.as_str()])?;
            }
        }
        Ok(())
    }

    /// Supersedes the reminders of a call that are not posted yet: the claim changed, or the caller was reached.
    pub(super) fn withdraw_reminders(&mut self, call: &ConversationSpaceId, now: Timestamp) -> Result<(), StoreError> {
        let mut read = self.db.prepare(
            "SELECT id, sink FROM deliveries INDEXED BY once WHERE subject = ? AND status LIKE 'reminder %' AND state = 'waiting'",
        )?;
        let subject = subject_key(&Subject::Call(call.clone()));
        let rows: Vec<(i64, String)> = read.query_map(params![subject], |row| Ok((row.get(0)?, row.get(1)?)))?;
        drop(read);
        for (id, sink) in rows {
            let is_leased = SinkName::try_from(sink).map_or(Ok(false), |sink| self.is_leased(id, &sink))?;
            if !is_leased {
                self.supersede(id, "a newer state of the claim", now)?;
            }
        }
        Ok(())
    }

    /// Enqueues the reminders that are due. `waits`: the time from the press to the reminder at each sink that has one.
    fn remind(&mut self, waits: &[(SinkName, Duration)], now: Timestamp) -> Result<Vec<RemindedClaim>, StoreError> {
        let mut reminded = Vec::new();
        for (sink, wait) in waits {
            for (call, claimed_at) in self.old_claims(sink, before(now, *wait))? {
                let message = self.live_messages(&call)?.into_iter().find(|message| message.sink == *sink);
                let card = message.map(|message| message.card).filter(CallCard::needs_callback);
                let need = reminder_need(card.as_ref().and_then(CallCard::claim), claimed_at, *wait, now);
                if need == ReminderNeed::Later {
                    continue;
                }
                let reminder = card.filter(|_| need == ReminderNeed::Due).and_then(|card| card.to_reminder(now));
                if let Some(reminder) = reminder
                    && self.insert_reminder(&call, sink, claimed_at, reminder, now)?
                {
                    reminded.push(RemindedClaim { call: call.clone(), sink: sink.clone() });
                }
                self.db.prepare("UPDATE claims SET reminded = 1 WHERE call = ?")?.execute(params![call.as_str()])?;
            }
        }
        Ok(reminded)
    }

    /// Returns the claims of a sink that were made before `at` and have no reminder, oldest first.
    fn old_claims(&self, sink: &SinkName, at: Timestamp) -> Result<Vec<(ConversationSpaceId, Timestamp)>, StoreError> {
        let mut read = self.db.prepare(
            "SELECT call, claimed_at FROM claims WHERE sink = ? AND reminded = 0 AND claimed_at <= ?
             ORDER BY claimed_at LIMIT ?",
        )?;
        let rows: Vec<(String, i64)> =
            read.query_map(params![sink.as_str(), micros(at), MAX_CLAIMS], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let parsed = |(call, at): (String, i64)| Some((ConversationSpaceId::try_from(call).ok()?, from_micros(at)?));
        Ok(rows.into_iter().filter_map(parsed).collect())
    }

    /// Inserts a reminder, once for each claim. Returns whether it is new.
    fn insert_reminder(
        &mut self,
        call: &ConversationSpaceId,
        sink: &SinkName,
        claimed_at: Timestamp,
        reminder: CallCard,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut insert = self.db.prepare(
            "INSERT INTO deliveries (subject, sink, status, mode, enqueued_at, card)
             VALUES (?, ?, ?, 'reply', ?, ?) ON CONFLICT DO NOTHING",
        )?;
        let (subject, status) = (subject_key(&Subject::Call(call.clone())), format!("reminder {}", micros(claimed_at)));
        let card = to_json(&Card::Call(Box::new(reminder)))?;
        let inserted = insert.execute(params![subject, sink.as_str(), status, micros(now), card])?;
        drop(insert);
        if inserted > 0 {
            self.announce(sink, || None);
        }
        Ok(inserted > 0)
    }

    /// Deletes claims older than the retention of deliveries, and names of users that were not asked for since.
    pub(super) fn retain_claims(&self, retention: &Retention, now: Timestamp) -> Result<(), StoreError> {
        let oldest = micros(before(now, retention.age));
        self.db.prepare("DELETE FROM claims WHERE claimed_at < ?")?.execute(params![oldest])?;
        self.db.prepare("DELETE FROM chat_users WHERE asked < ?")?.execute(params![oldest])?;
        Ok(())
    }
}

impl DatabaseOutbox {
    /// Enqueues the reminders of claims that are as old as their sink's entry in `waits`, once for each claim, and returns the
    /// claims.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn remind(&self, waits: Vec<(SinkName, Duration)>) -> Result<Vec<RemindedClaim>, OutboxError> {
        self.run(true, move |store, now| store.remind(&waits, now)).await
    }
}
