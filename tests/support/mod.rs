//! A daemon under test: the real binary with its config, state directory and journal; and waits with a bound.

pub mod cluster;
mod config;
pub mod ledger;
pub mod names;
pub mod outbox_file;
pub mod postgres;
pub mod tls;

pub use config::{ALL_OUTCOMES, TestConfig};
use poprelay::sim::{Simulator, WebhookRequest};
use std::{
    cell::Cell,
    fmt,
    fs::{self, File},
    future::Future,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Account key of the simulator.
pub const ACCOUNT: &str = poprelay::sim::ACCOUNT;

/// Bound for events that follow immediately. Generous, for a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Waits until `condition` returns a value.
pub async fn eventually<T>(what: &str, within: Duration, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(start.elapsed() < within, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Directory of one daemon. Config and state outlive its process.
pub struct DaemonDir {
    dir: TempDir,
    runs: u32,
}

/// A running daemon. Dropping kills it.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    /// End of the last match of [`Daemon::wait_for_log`] in the journal, bytes.
    cursor: Cell<usize>,
}

impl DaemonDir {
    pub fn new(config: impl fmt::Display) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let this = Self { dir, runs: 0 };
        this.write_config(config);
        this
    }

    /// Creates a directory with a config for a simulator: one connection, a Slack sink `desk`, a Teams sink `support`.
    pub fn for_simulator(sim: &Simulator) -> Self {
        Self::new(TestConfig::new(&sim.url()))
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn state_dir(&self) -> PathBuf {
        self.path().join("state")
    }

    /// Writes the config. `{STATE}` in it becomes the state directory.
    pub fn write_config(&self, config: impl fmt::Display) {
        let config = config.to_string().replace("{STATE}", self.state_dir().to_str().unwrap());
        let path = self.path().join("config.toml");
        fs::write(&path, config).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_poprelay"));
        command.args(args).arg("--config").arg(self.path().join("config.toml"));
        command.env_remove("JOURNAL_STREAM").env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
        command
    }

    pub fn start(&mut self) -> Daemon {
        self.start_as(|command| command)
    }

    /// Starts a daemon by a changed command, which runs it in its own process.
    pub fn start_as(&mut self, change: impl FnOnce(Command) -> Command) -> Daemon {
        self.runs += 1;
        let log = self.path().join(format!("journal-{}", self.runs));
        let mut command = change(self.command(&["run", "--log", "debug"]));
        let child = command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        Daemon { child, log, cursor: Cell::new(0) }
    }

    /// Reads the outbox file. The daemon must not be running.
    pub fn read_outbox(&self) -> outbox_file::StoredDeliveries {
        outbox_file::StoredDeliveries::read(&self.state_dir())
    }
}

/// Returns the text of [`TestConfig::new`], to which further tables may be appended.
pub fn config_for(url: &str) -> String {
    TestConfig::new(url).to_string()
}

impl Daemon {
    pub fn journal(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until the journal contains `text` after the last match, and moves the cursor behind it. A second wait for the
    /// same text therefore waits for a second entry; waits must follow the order of the journal.
    pub async fn wait_for_log(&self, text: &str) {
        let end = eventually(&format!("the journal contains {text:?}"), TIMEOUT, async || {
            let (journal, cursor) = (self.journal(), self.cursor.get());
            let at = journal.get(cursor..)?.find(text)?;
            Some(cursor + at + text.len())
        })
        .await;
        self.cursor.set(end);
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub async fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        eventually("the daemon exits", within, async || self.child.try_wait().unwrap()).await
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn stop(mut self) -> String {
        self.signal("-TERM");
        let status = self.wait_for_exit(Duration::from_secs(12)).await;
        assert!(status.success(), "{status}: {}", self.journal());
        self.journal()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let journal = fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = journal.lines().rev().take(60).collect();
            eprintln!("--- journal, last lines\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}

/// Returns the text of each message that a sink's channel shows.
pub fn message_texts(sim: &Simulator, sink: &str) -> Vec<String> {
    sim.posts().iter().filter(|post| post.name == sink).map(message_text).collect()
}

/// Returns all text of a message of any chat.
pub fn message_text(post: &WebhookRequest) -> String {
    fn walk(value: &serde_json::Value, out: &mut String) {
        match value {
            serde_json::Value::String(text) => {
                out.push_str(text);
                out.push('\n');
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| walk(item, out)),
            serde_json::Value::Object(fields) => fields.values().for_each(|field| walk(field, out)),
            _ => {}
        }
    }
    let mut out = String::new();
    walk(&post.payload, &mut out);
    out
}

/// Waits until `sink` shows `count` messages. Returns their texts.
pub async fn wait_for_messages(sim: &Simulator, sink: &str, count: usize) -> Vec<String> {
    eventually(&format!("{sink} shows {count} messages"), TIMEOUT, async || {
        let texts = message_texts(sim, sink);
        (texts.len() >= count).then_some(texts)
    })
    .await
}

/// Runs a command to its end. Returns status, stdout and stderr.
pub async fn run_to_end(mut command: Command) -> (ExitStatus, String, String) {
    let work = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = with_timeout(TIMEOUT, work).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status, text(output.stdout), text(output.stderr))
}

pub async fn with_timeout<T>(bound: Duration, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(bound, work).await.expect("not finished in time")
}
