//! Names of chat users who claim calls, as the chat has them: stored so that lists name a person without a request. The daemon
//! asks the chat.

use super::{disk_error::StoreError, handle::DatabaseOutbox, row::micros, store::Store};
use crate::{
    model::{
        claim::ChatUser,
        delivery::OutboxError,
        ids::SinkName,
        time::{Timestamp, before},
    },
    runtime::sql::{self, OptionalRow as _, Session, params},
};
use std::time::Duration;

/// Users of one query. The next query is seconds later.
const MAX_USERS: i64 = 20;

/// Returns the name of a user, if it is known.
pub(super) fn name_of(db: &Session, user: &ChatUser) -> Result<Option<String>, sql::Error> {
    let mut read = db.prepare("SELECT name FROM chat_users WHERE \"user\" = ?")?;
    Ok(read.query_row(params![user.as_str()], |row| row.get::<Option<String>>(0)).optional()?.flatten())
}

impl Store {
    fn unnamed_users(&self, asked_before: Timestamp) -> Result<Vec<(ChatUser, SinkName)>, StoreError> {
        let mut read = self.db.prepare(
            "SELECT c.\"user\", min(c.sink) FROM claims c WHERE NOT EXISTS
             (SELECT 1 FROM chat_users u WHERE u.\"user\" = c.\"user\" AND u.asked >= ?) GROUP BY c.\"user\" LIMIT ?",
        )?;
        let rows: Vec<(String, String)> =
            read.query_map(params![micros(asked_before), MAX_USERS], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let parsed = |(user, sink)| Some((ChatUser::try_from(user).ok()?, SinkName::try_from(sink).ok()?));
        Ok(rows.into_iter().filter_map(parsed).collect())
    }

    fn name_user(&self, user: &ChatUser, name: Option<&str>, now: Timestamp) -> Result<(), StoreError> {
        let mut write = self.db.prepare(
            "INSERT INTO chat_users (\"user\", name, asked) VALUES (?, ?, ?) ON CONFLICT (\"user\")
             DO UPDATE SET name = coalesce(excluded.name, chat_users.name), asked = excluded.asked",
        )?;
        write.execute(params![user.as_str(), name, micros(now)])?;
        Ok(())
    }
}

impl DatabaseOutbox {
    /// Returns users with claims in force whose names were not asked for within `age`, each with a sink that it pressed in.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn unnamed_users(&self, age: Duration) -> Result<Vec<(ChatUser, SinkName)>, OutboxError> {
        self.run(false, move |store, now| store.unnamed_users(before(now, age))).await
    }

    /// Stores the answer to a question for a user's name. Without a name, an earlier one stays.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub async fn name_user(&self, user: ChatUser, name: Option<String>) -> Result<(), OutboxError> {
        self.run(true, move |store, now| store.name_user(&user, name.as_deref(), now)).await
    }
}
