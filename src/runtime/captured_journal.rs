//! Captures the journal of the current thread, for tests.

use std::{
    io::{Result, Write},
    sync::{Arc, Mutex},
};
use tracing::{Dispatch, Level, subscriber::NoSubscriber};

/// The lines logged on this thread while the value exists, from TRACE on.
pub struct CapturedJournal {
    lines: Lines,
    _guard: tracing::subscriber::DefaultGuard,
    /// With only one subscriber in the process, tracing caches a log line as disabled if a thread without one reaches it
    /// first.
    _second: Dispatch,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl CapturedJournal {
    /// Begins to capture.
    pub fn start() -> Self {
        let second = Dispatch::new(NoSubscriber::new());
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        let guard = tracing::subscriber::set_default(subscriber.with_max_level(Level::TRACE).finish());
        Self { lines, _guard: guard, _second: second }
    }

    /// Returns the lines logged so far.
    pub fn text(&self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}
