//! The parties of a run, one process each: the simulated world, and the relay under test. Killed when dropped.

use super::bare;
use poprelay::sim::{ACCOUNT, FIRST_REFRESH_TOKEN};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long anything may take that happens at once on an idle machine.
const SOON: Duration = Duration::from_secs(60);

/// A process of a run.
pub struct Running {
    child: Child,
    log: Option<PathBuf>,
    pub started: Instant,
}

impl Running {
    fn spawn(command: &mut Command, log: Option<PathBuf>) -> Self {
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).spawn().expect("the process starts");
        Self { child, log, started }
    }

    /// The bare relay in `world`.
    pub fn bare(world: &World) -> Self {
        let me = std::env::current_exe().unwrap();
        Self::spawn(Command::new(me).arg(bare::FLAG).arg(&world.url), None)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking()
            && let Some(log) = &self.log
        {
            eprintln!("{}", fs::read_to_string(log).unwrap_or_default());
        }
    }
}

/// A place on disk for one daemon. On the disk that builds are on: many a `/tmp` is memory, whose syncs cost nothing.
pub struct Home(TempDir);

impl Home {
    pub fn new() -> Self {
        Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    pub fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }

    pub fn configure(&self, config: &str) {
        let state = format!("state.dir = {:?}\n", self.state());
        fs::write(self.0.path().join("config.toml"), state + config).unwrap();
    }

    pub fn run(&self) -> Running {
        let log = self.0.path().join("journal");
        let mut command = Command::new(binary());
        command.args(["run", "--config"]).arg(self.0.path().join("config.toml"));
        command.env_remove("JOURNAL_STREAM").env_remove("NOTIFY_SOCKET").stderr(File::create(&log).unwrap());
        Running::spawn(&mut command, Some(log))
    }
}

/// A simulated GoTo and chat, and the control of it.
pub struct World {
    pub url: String,
    pub http: reqwest::Client,
    _process: Running,
}

impl World {
    pub async fn start() -> Self {
        let mut command = Command::new(binary());
        command.args(["simulate", "--listen", "127.0.0.1:0", "--rate", "0"]).stdout(Stdio::piped());
        let mut process = Running::spawn(&mut command, None);
        let mut said = BufReader::new(process.child.stdout.take().unwrap()).lines();
        let first = said.next().unwrap().unwrap();
        let url = first.split_whitespace().last().unwrap().to_owned();
        // What it says besides would stop it if nobody read.
        std::thread::spawn(move || said.for_each(drop));
        let world = Self { url, http: reqwest::Client::new(), _process: process };
        let healthy_and_without_limits = json!({ "chat": { "per_second": null }, "rest": { "per_second": null } });
        let set = world.http.put(format!("{}/sim/faults", world.url)).json(&healthy_and_without_limits);
        set.send().await.unwrap().error_for_status().unwrap();
        world
    }

    pub fn webhook(&self) -> String {
        format!("{}/slack/desk", self.url)
    }

    /// A config for this world, with one Slack sink that takes all it gets.
    pub fn config(&self, lanes: u8, durability: &str, history: bool, webhook: &str) -> String {
        let url = &self.url;
        format!(
            r#"state.durability = "{durability}"

[connections.main]
client_id = "bench"
client_secret = "bench"
account_keys = ["{ACCOUNT}"]
refresh_token = "{FIRST_REFRESH_TOKEN}"
api_url = "{url}"
auth_url = "{url}"
lanes = {lanes}

[sinks.desk]
type = "slack"
url = "{webhook}"
pace = "off"

[[enrich]]
type = "history"
enabled = {history}
"#
        )
    }

    /// What a list of the control says from `from` on.
    pub async fn list(&self, what: &str, from: u64) -> Vec<Value> {
        let answer = self.http.get(format!("{}/sim/{what}?from={from}", self.url)).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        match answer["items"].take() {
            Value::Array(items) => items,
            other => panic!("{what}: {other}"),
        }
    }

    /// Waits until `relay` holds so many open, subscribed channels; the time since its start.
    pub async fn subscribed(&self, lanes: usize, relay: &Running) -> Duration {
        loop {
            let channels = self.list("channels", 0).await;
            let since = relay.started.elapsed();
            let open = |channel: &&Value| channel["isConnected"] == true && channel["callEvents"] != json!([]);
            if channels.iter().filter(open).count() >= lanes {
                return since;
            }
            assert!(since < SOON, "not subscribed within {SOON:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// The program that is measured: the one that was built with this bench, unless `POPRELAY_BENCH_BINARY` names another build
/// to compare it with.
fn binary() -> OsString {
    std::env::var_os("POPRELAY_BENCH_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_poprelay").into())
}
