//! Threads beside the writer: one connects to the shared database while it is away, one receives the other daemons'
//! notifications. Contains no statements of deliveries.

use super::{handover::Slots, shared::SharedDatabase};
use crate::{
    model::ids::SinkName,
    runtime::{
        postgres::{PostgresError, PostgresFault},
        sql::{Session, quoted},
    },
};
use futures_util::{StreamExt as _, stream};
use std::{io, sync::Weak, thread, time::Duration};
use tokio_postgres::AsyncMessage;

/// Wait between two attempts to connect: a failover takes some seconds, and a claim lasts 10 s.
pub(super) const CONNECT_INTERVAL: Duration = Duration::from_millis(500);

/// Wait before the notifications are subscribed again. Meanwhile the workers query every 2 s.
const LISTEN_INTERVAL: Duration = Duration::from_secs(1);

/// Interval of the check whether the outbox still exists.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Result of an attempt to connect.
pub(super) enum ConnectResult {
    /// The store can be used.
    Connected(Box<Session>),
    /// The store cannot be used.
    Away(PostgresFault),
}

/// Connects in a thread after `pause`, until it succeeds or `send` returns `false`: the writer has ended.
pub(super) fn connect_later<F>(database: SharedDatabase, pause: Duration, send: F) -> io::Result<()>
where
    F: Fn(ConnectResult) -> bool + Send + 'static,
{
    let run = move || {
        thread::sleep(pause);
        loop {
            let (result, is_done) = match database.connect() {
                Ok(session) => (ConnectResult::Connected(Box::new(session)), true),
                Err(error) => (ConnectResult::Away(error.fault), false),
            };
            if !send(result) || is_done {
                return;
            }
            thread::sleep(CONNECT_INTERVAL);
        }
    };
    thread::Builder::new().name("outbox-connect".to_owned()).spawn(run).map(drop)
}

/// Wakes the workers of the sinks that other daemons name, in a thread that ends with the outbox.
pub(super) fn listen(database: SharedDatabase, slots: Weak<Slots>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let run = move || {
        while slots.strong_count() > 0 {
            if let Err(error) = runtime.block_on(receive(&database, &slots)) {
                tracing::debug!(%error, "notifications of the shared database are not received");
            }
            thread::sleep(LISTEN_INTERVAL);
        }
    };
    thread::Builder::new().name("outbox-listen".to_owned()).spawn(run).map(drop)
}

async fn receive(database: &SharedDatabase, slots: &Weak<Slots>) -> Result<(), PostgresError> {
    let (client, mut connection) = database.server.connect().await?;
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    let channel = quoted(&format!("poprelay {}", database.schema));
    let subscribe = async {
        client.batch_execute(&format!("LISTEN {channel}")).await.map_err(|error| database.server.describe(&error))?;
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            if slots.strong_count() == 0 {
                return Ok(());
            }
        }
    };
    let wake = async {
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notification(notification)) => {
                    if let (Ok(sink), Some(slots)) = (SinkName::try_from(notification.payload()), slots.upgrade()) {
                        slots.wake(&sink);
                    }
                }
                Ok(_) => {}
                Err(error) => return Err(database.server.describe(&error)),
            }
        }
        Err(database.server.error(PostgresFault::Closed))
    };
    tokio::select! {
        result = subscribe => result,
        result = wake => result,
    }
}
