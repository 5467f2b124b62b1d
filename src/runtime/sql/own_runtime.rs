//! A runtime of one thread for a blocking session.

use std::io;
use tokio::runtime::{Builder, Runtime};

/// A runtime whose end waits for no blocking call. The system's look-up of a name cannot be cancelled, and takes half a
/// minute while the DNS server is silent. The thread of the store must continue with its spool meanwhile.
pub(super) struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    /// Creates a runtime that is driven by the calling thread.
    ///
    /// # Errors
    /// The system has no resources for it.
    pub(super) fn new() -> io::Result<Self> {
        Builder::new_current_thread().enable_all().build().map(|runtime| Self(Some(runtime)))
    }

    /// Runs a future to its end, and spawned tasks meanwhile. `None` only while the runtime is dropped.
    pub(super) fn block_on<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        self.0.as_ref().map(|runtime| runtime.block_on(future))
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::mpsc,
        thread,
        time::{Duration, Instant},
    };

    #[test]
    fn end_waits_for_no_blocking_call() {
        let runtime = OwnRuntime::new().unwrap();
        let (release, blocked) = mpsc::channel::<()>();
        runtime.block_on(async { drop(tokio::task::spawn_blocking(move || blocked.recv())) }).unwrap();
        let (ended, end) = mpsc::channel();
        let thread = thread::spawn(move || {
            drop(runtime);
            ended.send(Instant::now()).unwrap();
        });
        end.recv_timeout(Duration::from_secs(30)).unwrap();
        release.send(()).unwrap();
        thread.join().unwrap();
    }
}
