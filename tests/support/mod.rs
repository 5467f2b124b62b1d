//! A daemon to test: the real binary, its config, its state, its journal; and waiting for things with a bound.

pub mod account;
pub mod store;

use poprelay::sim::{FIRST_REFRESH_TOKEN, Posted, World};
use std::{
    fs::{self, File},
    future::Future,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The account of the simulator's scenarios.
pub const ACCOUNT: &str = poprelay::sim::ACCOUNT;

/// How long anything may take that should happen at once: generous, for a machine that is busy with other things.
pub const SOON: Duration = Duration::from_secs(30);

/// Waits until `holds` gives something.
pub async fn eventually<T>(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = holds().await {
            return found;
        }
        assert!(start.elapsed() < within, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A place on disk for one daemon: its config and its state outlive its process.
pub struct Home {
    dir: TempDir,
    runs: u32,
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Home {
    pub fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Self { dir, runs: 0 };
        home.configure(config);
        home
    }

    /// A home whose daemon talks to `world`: one connection, one Slack sink `desk` and one Teams sink `support`.
    pub fn in_world(world: &World) -> Self {
        Self::new(&config_for(&world.url()))
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    pub fn configure(&self, config: &str) {
        let config = config.replace("{STATE}", self.state().to_str().unwrap());
        fs::write(self.path().join("config.toml"), config).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_poprelay"));
        command.args(args).arg("--config").arg(self.path().join("config.toml"));
        command.env_remove("JOURNAL_STREAM").env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
        command
    }

    pub fn run(&mut self) -> Daemon {
        self.runs += 1;
        let log = self.path().join(format!("journal-{}", self.runs));
        let mut command = self.command(&["run", "--log", "debug"]);
        let child = command.stdout(Stdio::null()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        Daemon { child, log }
    }

    /// The outbox's file. The daemon must not be running.
    pub fn stored(&self) -> store::Stored {
        store::Stored::read(&self.state())
    }
}

/// The config of [`Home::in_world`]; more tables can be appended.
pub fn config_for(url: &str) -> String {
    format!(
        r#"
[connections.main]
client_id = "test-client"
client_secret = "test-secret"
account_keys = ["{ACCOUNT}"]
refresh_token = "{FIRST_REFRESH_TOKEN}"
api_url = "{url}"
auth_url = "{url}"

[state]
dir = "{{STATE}}"

[cards]
time_zone = "America/New_York"

[sinks.desk]
type = "slack"
url = "{url}/slack/desk"

[sinks.support]
type = "teams"
url = "{url}/teams/support"
"#
    )
}

impl Daemon {
    pub fn journal(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub async fn says(&self, text: &str) {
        eventually(&format!("the journal says {text:?}"), SOON, async || self.journal().contains(text).then_some(()))
            .await;
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub async fn exit(&mut self, within: Duration) -> ExitStatus {
        eventually("the daemon ends", within, async || self.child.try_wait().unwrap()).await
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn stop(mut self) -> String {
        self.signal("-TERM");
        let status = self.exit(Duration::from_secs(12)).await;
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

/// What one sink's channel shows, each message as its text.
pub fn shown(world: &World, sink: &str) -> Vec<String> {
    world.posts().iter().filter(|post| post.name == sink).map(text).collect()
}

/// All text of a message, whichever chat it is for.
pub fn text(post: &Posted) -> String {
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

/// Waits until `sink` shows `count` messages, and gives them.
pub async fn shows(world: &World, sink: &str, count: usize) -> Vec<String> {
    eventually(&format!("{sink} shows {count} messages"), SOON, async || {
        let texts = shown(world, sink);
        (texts.len() >= count).then_some(texts)
    })
    .await
}

/// Runs a command of the binary to its end: status, stdout, stderr.
pub async fn run_to_end(mut command: Command) -> (ExitStatus, String, String) {
    let work = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = within(SOON, work).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status, text(output.stdout), text(output.stderr))
}

pub async fn within<T>(bound: Duration, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(bound, work).await.expect("it ends in time")
}
