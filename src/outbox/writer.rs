//! The writer thread: runs the jobs of the handles, merges, and maintains the storage between them. Contains no SQL.

use super::{
    connector::ConnectResult,
    job::Job,
    storage::{Maintenance, Storage},
    syncer::Syncer,
};
use crate::model::time::Timestamp;
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// Pause between retention steps while more rows are left: leaves room for rings.
const RETENTION_PAUSE: Duration = Duration::from_millis(50);

/// What the writer receives.
pub(super) enum WriterCommand {
    /// Work of a handle.
    Job(Box<dyn Job>),
    /// Jobs that are committed and whose sync failed.
    SyncFailed(Vec<Box<dyn Job>>),
    /// A result of an attempt to connect to the shared database.
    ConnectResult(ConnectResult),
    /// The end of the outbox; the sender is dropped when the storage is closed.
    Close(oneshot::Sender<()>),
}

/// Runs until the outbox is closed or the last handle is dropped, with maintenance every `interval`.
pub(super) fn writer_loop(mut storage: Storage, syncer: Syncer, inbox: &Receiver<WriterCommand>, interval: Duration) {
    let mut next_maintenance = Instant::now() + interval;
    loop {
        let mut closing = None;
        match next_command(inbox, &storage, next_maintenance) {
            Ok(first) => {
                let (jobs, next) = drain(first, inbox, storage.max_batch());
                storage.run(jobs, &syncer, Timestamp::now());
                match next {
                    Some(WriterCommand::SyncFailed(jobs)) => storage.on_failed_sync(jobs, Timestamp::now()),
                    Some(WriterCommand::ConnectResult(result)) => storage.on_connect_result(result, Timestamp::now()),
                    Some(WriterCommand::Close(done)) => closing = Some(done),
                    Some(WriterCommand::Job(_)) | None => {}
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if storage.is_returning() {
            storage.merge(Timestamp::now());
        }
        if Instant::now() >= next_maintenance {
            let found = storage.maintain(Timestamp::now(), Instant::now());
            next_maintenance = Instant::now() + if found == Maintenance::Busy { RETENTION_PAUSE } else { interval };
            if found == Maintenance::Changed {
                storage.slots().wake_all();
            }
        }
        if let Some(done) = closing {
            let slots = storage.slots();
            syncer.close();
            drop(storage);
            slots.wake_all();
            drop(done);
            return;
        }
    }
}

/// Returns the next command. Without one, the WAL is merged into the file if it is long.
fn next_command(
    inbox: &Receiver<WriterCommand>,
    storage: &Storage,
    until: Instant,
) -> Result<WriterCommand, RecvTimeoutError> {
    match inbox.try_recv() {
        Ok(command) => Ok(command),
        Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
        Err(TryRecvError::Empty) => {
            storage.checkpoint(false);
            if storage.is_returning() {
                return Err(RecvTimeoutError::Timeout);
            }
            inbox.recv_timeout(until.saturating_duration_since(Instant::now()))
        }
    }
}

/// Collects the jobs received so far, up to the batch limit or another command, which is returned too.
fn drain(
    first: WriterCommand,
    inbox: &Receiver<WriterCommand>,
    most: usize,
) -> (Vec<Box<dyn Job>>, Option<WriterCommand>) {
    let mut jobs = Vec::new();
    let mut next = Some(first);
    while let Some(command) = next {
        match command {
            WriterCommand::Job(job) => jobs.push(job),
            other => return (jobs, Some(other)),
        }
        next = if jobs.len() < most { inbox.try_recv().ok() } else { None };
    }
    (jobs, None)
}
