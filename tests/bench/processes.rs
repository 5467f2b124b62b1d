//! The processes of a run: the simulator and the relay under test. Dropping kills them.

use super::{Sinks, Variant, bare};
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

/// Bound for events that are immediate on an idle machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A process of a run.
pub struct ChildProcess {
    child: Child,
    log: Option<PathBuf>,
    pub started: Instant,
}

impl ChildProcess {
    fn spawn(command: &mut Command, log: Option<PathBuf>) -> Self {
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).spawn().expect("the process starts");
        Self { child, log, started }
    }

    /// Starts the bare relay against a simulator.
    pub fn bare(sim: &SimulatorProcess) -> Self {
        let me = std::env::current_exe().unwrap();
        Self::spawn(Command::new(me).arg(bare::FLAG).arg(&sim.url), None)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for ChildProcess {
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

/// Directory of one daemon, on the disk of the build. `/tmp` is often in memory, where a sync costs nothing.
pub struct DaemonDir(TempDir);

impl DaemonDir {
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

    pub fn start(&self) -> ChildProcess {
        let log = self.0.path().join("journal");
        let mut command = Command::new(binary());
        command.args(["run", "--config"]).arg(self.0.path().join("config.toml"));
        command.env_remove("JOURNAL_STREAM").env_remove("NOTIFY_SOCKET").stderr(File::create(&log).unwrap());
        ChildProcess::spawn(&mut command, Some(log))
    }
}

/// A simulator process and its control API.
pub struct SimulatorProcess {
    pub url: String,
    pub http: reqwest::Client,
    _process: ChildProcess,
}

impl SimulatorProcess {
    pub async fn start() -> Self {
        let mut command = Command::new(binary());
        command.args(["simulate", "--listen", "127.0.0.1:0", "--rate", "0"]).stdout(Stdio::piped());
        let mut process = ChildProcess::spawn(&mut command, None);
        let mut output = BufReader::new(process.child.stdout.take().unwrap()).lines();
        let first = output.next().unwrap().unwrap();
        let url = first.split_whitespace().last().unwrap().to_owned();
        // Read the rest of the output, because a full pipe would block the simulator.
        std::thread::spawn(move || output.for_each(drop));
        let sim = Self { url, http: reqwest::Client::new(), _process: process };
        let healthy_and_without_limits = json!({
            "chat": { "per_second": null },
            "rest": { "per_second": null },
            "app": { "posts_per_second": null, "edits_per_minute": null },
            "channels": { "limit": 10_000 },
        });
        let set = sim.http.put(format!("{}/sim/faults", sim.url)).json(&healthy_and_without_limits);
        set.send().await.unwrap().error_for_status().unwrap();
        sim
    }

    pub fn webhook(&self) -> String {
        format!("{}/slack/desk", self.url)
    }

    /// Returns a config for this simulator with the sinks of a variant.
    pub fn config(&self, variant: &Variant) -> String {
        let Variant { lanes, durability, history, metrics, sinks, .. } = variant;
        let connection = self.connection("main", *lanes);
        let sinks = match sinks {
            Sinks::Webhook => webhook("desk", &self.webhook()),
            Sinks::TwoWebhooks => webhook("desk", &self.webhook()) + &webhook("support", &self.webhook()),
            Sinks::Unreachable(url) => webhook("desk", url),
            Sinks::App => format!(
                "[sinks.desk]\ntype = \"slack-app\"\ntoken = \"xoxb-bench\"\nchannel = \"C0BENCH\"\n\
                 api_url = \"{}/api/\"\npace = \"off\"\n",
                self.url
            ),
        };
        let metrics = if *metrics { "metrics.listen = \"127.0.0.1:0\"\n" } else { "" };
        format!(
            "state.durability = \"{durability}\"\n{metrics}{connection}{sinks}\n[[enrich]]\ntype = \"history\"\nenabled = {history}\n"
        )
    }

    /// Returns the table of a connection.
    pub fn connection(&self, name: &str, lanes: u8) -> String {
        let url = &self.url;
        format!(
            r#"
[connections.{name}]
client_id = "bench"
client_secret = "bench"
account_keys = ["{ACCOUNT}"]
refresh_token = "{FIRST_REFRESH_TOKEN}"
api_url = "{url}"
auth_url = "{url}"
lanes = {lanes}
"#
        )
    }

    /// Returns a list of the control API from `from` on.
    pub async fn list(&self, what: &str, from: u64) -> Vec<Value> {
        let answer = self.http.get(format!("{}/sim/{what}?from={from}", self.url)).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        match answer["items"].take() {
            Value::Array(items) => items,
            other => panic!("{what}: {other}"),
        }
    }

    /// Waits until `relay` has `lanes` open, subscribed channels. Returns the time since its start.
    pub async fn subscribed(&self, lanes: usize, relay: &ChildProcess) -> Duration {
        loop {
            let channels = self.list("channels", 0).await;
            let since = relay.started.elapsed();
            let open = |channel: &&Value| channel["isConnected"] == true && channel["callEvents"] != json!([]);
            if channels.iter().filter(open).count() >= lanes {
                return since;
            }
            assert!(since < TIMEOUT, "not subscribed within {TIMEOUT:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Returns the measured program: `POPRELAY_BENCH_BINARY`, or the one built with this bench.
fn binary() -> OsString {
    std::env::var_os("POPRELAY_BENCH_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_poprelay").into())
}

fn webhook(name: &str, url: &str) -> String {
    format!("\n[sinks.{name}]\ntype = \"slack\"\nurl = \"{url}\"\npace = \"off\"\n")
}
