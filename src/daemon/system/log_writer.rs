//! Writes log lines to stderr from a separate thread. A reader that stalls (the pipe of a container) then delays no task:
//! lines beyond the queue are dropped and counted.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};
use tracing_subscriber::fmt::MakeWriter;

/// Lines waiting for the thread: some seconds of a busy day at level debug, less than 1 MiB.
const QUEUE_LINES: usize = 2048;
/// Longest wait for the queue at the end of the process, and the interval of the checks.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
const FLUSH_INTERVAL: Duration = Duration::from_millis(5);

/// Writer of log lines. Clones share one thread.
#[derive(Debug, Clone)]
pub struct LogWriter {
    lines: SyncSender<Vec<u8>>,
    counters: Arc<LineCounters>,
}

#[derive(Debug, Default)]
struct LineCounters {
    /// Lines queued or being written.
    waiting: AtomicU64,
    /// Lines dropped since the last report.
    dropped: AtomicU64,
}

impl LogWriter {
    /// Starts the thread that writes to `out`.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, queue) = sync_channel(QUEUE_LINES);
        let counters = Arc::new(LineCounters::default());
        let shared = Arc::clone(&counters);
        thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(&queue, &shared, out))?;
        Ok(Self { lines, counters })
    }

    /// Waits until all lines are written, one second at most.
    pub fn flush(&self) {
        let until = Instant::now() + FLUSH_TIMEOUT;
        while self.counters.waiting.load(Ordering::Acquire) > 0 && Instant::now() < until {
            thread::sleep(FLUSH_INTERVAL);
        }
    }

    fn enqueue(&self, line: &[u8]) {
        self.counters.waiting.fetch_add(1, Ordering::AcqRel);
        if self.lines.try_send(line.to_vec()).is_err() {
            self.counters.waiting.fetch_sub(1, Ordering::AcqRel);
            self.counters.dropped.fetch_add(1, Ordering::AcqRel);
        }
    }
}

fn write_lines(queue: &Receiver<Vec<u8>>, counters: &LineCounters, mut out: impl Write) {
    while let Ok(line) = queue.recv() {
        // A closed stderr loses the line; there is no other place for it.
        drop(out.write_all(&line));
        let dropped = counters.dropped.swap(0, Ordering::AcqRel);
        if dropped > 0 {
            drop(writeln!(out, "{dropped} log lines dropped: the reader of stderr is too slow"));
        }
        drop(out.flush());
        counters.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One log line. The subscriber writes each line in one piece.
#[derive(Debug)]
pub struct LineWriter<'a>(&'a LogWriter);

impl Write for LineWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.enqueue(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = LineWriter<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, mpsc};

    /// Output that blocks until the other end of `gate` sends or is dropped.
    struct Gated {
        gate: mpsc::Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.gate.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn log_writer_counts_lines_dropped_while_the_reader_stalls() {
        let (open, gate) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let writer = LogWriter::start(Gated { gate, written: Arc::clone(&written) }).unwrap();
        let sent = QUEUE_LINES + 500;
        for number in 0..sent {
            writer.make_writer().write_all(format!("line {number}\n").as_bytes()).unwrap();
        }
        drop(open);
        writer.flush();
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let kept = text.lines().filter(|line| line.starts_with("line ")).count();
        let dropped: usize = text
            .lines()
            .filter_map(|line| line.strip_suffix(" log lines dropped: the reader of stderr is too slow"))
            .map(|count| count.parse::<usize>().unwrap())
            .sum();
        assert!(dropped > 0 && text.starts_with("line 0\n"), "{dropped}");
        assert_eq!(kept + dropped, sent);
    }
}
