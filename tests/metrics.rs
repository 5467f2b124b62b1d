//! Metrics of the real binary: the listener, what is counted, health, and the documentation.

use crate::support::{Daemon, DaemonDir, TIMEOUT, TestConfig, eventually, run_to_end};
use poprelay::{
    model::time::Timestamp,
    runtime::metrics::{MetricInfo, Metrics},
    sim::{CallPlan, Extension, Party, Simulator, SimulatorSettings},
};
use std::{
    collections::BTreeSet,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
};

/// A daemon whose metrics are on a socket file.
struct Measured {
    sim: Simulator,
    dir: DaemonDir,
    socket: PathBuf,
}

impl Measured {
    async fn new() -> Self {
        let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
        let dir = DaemonDir::for_simulator(&sim);
        let socket = dir.path().join("metrics.sock");
        dir.write_config(Self::config(&sim, &socket));
        Self { sim, dir, socket }
    }

    fn config(sim: &Simulator, socket: &std::path::Path) -> TestConfig {
        TestConfig::new(&sim.url()).all_outcomes().text("metrics", "listen", format!("unix:{}", socket.display()))
    }

    async fn start(&mut self) -> Daemon {
        let daemon = self.dir.start();
        eventually("the daemon is ready", TIMEOUT, async || {
            self.get("/readyz").await.filter(|(status, _)| *status == 200)
        })
        .await;
        daemon
    }

    /// Returns status and body of a request; `None` without a listener.
    async fn get(&self, path: &str) -> Option<(u16, String)> {
        get(UnixStream::connect(&self.socket).await.ok()?, path, "*/*").await
    }

    /// Waits until the metrics contain a line.
    async fn wait_for(&self, line: &str) -> String {
        eventually(line, TIMEOUT, async || {
            let (_, text) = self.get("/metrics").await?;
            text.lines().any(|one| one == line).then_some(text)
        })
        .await
    }
}

/// Requests `path`. Returns status and body.
pub async fn get(mut stream: impl AsyncRead + AsyncWrite + Unpin, path: &str, accept: &str) -> Option<(u16, String)> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Returns the value of a series.
pub fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
    assert!(line.is_some(), "{series} is missing in\n{text}");
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

fn call(sim: &Simulator, name: &str) {
    let line = Extension::new("1015", "Bob Roy");
    sim.place(CallPlan::answered(Party::new(name, "+15145550199"), &line).at_speed(20.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_counted_from_its_frame_to_its_cards() {
    let mut measured = Measured::new().await;
    measured.sim.set_faults(|faults| faults.tokens.rotate = true);
    let daemon = measured.start().await;
    call(&measured.sim, "Ann Dee");
    let text = measured.wait_for("poprelay_cards_delivered_total{sink=\"support\",status=\"ended\"} 1").await;
    for (series, expected) in [
        ("poprelay_cards_delivered_total{sink=\"desk\",status=\"ringing\"}", 1.0),
        ("poprelay_card_delay_seconds_count{sink=\"desk\",status=\"ringing\"}", 1.0),
        ("poprelay_call_to_card_seconds_count{sink=\"desk\",status=\"answered\"}", 1.0),
        ("poprelay_posts_total{sink=\"support\",response=\"2xx\"}", 3.0),
        ("poprelay_posts_total{sink=\"support\",response=\"5xx\"}", 0.0),
        ("poprelay_call_updates_total{direction=\"inbound\",status=\"ringing\"}", 1.0),
        ("poprelay_call_updates_total{direction=\"inbound\",status=\"ended\"}", 1.0),
        ("poprelay_lane_up{connection=\"main\",lane=\"0\"}", 1.0),
        ("poprelay_login_up{connection=\"main\"}", 1.0),
        ("poprelay_rest_fallback_active{connection=\"main\"}", 0.0),
        ("poprelay_token_refreshes_total{connection=\"main\",result=\"ok\"}", 1.0),
        ("poprelay_sink_up{sink=\"desk\"}", 1.0),
        ("poprelay_outbox_cards{sink=\"desk\"}", 0.0),
        ("poprelay_store_in_memory", 0.0),
        ("poprelay_config_last_reload_successful", 1.0),
        ("poprelay_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(value(&text, series), expected, "{series}");
    }
    assert!(value(&text, "poprelay_events_received_total{connection=\"main\",kind=\"snapshot\"}") >= 3.0);
    assert!(value(&text, "poprelay_store_commit_duration_seconds_count") > 3.0);
    let subscribed = "poprelay_goto_requests_total{connection=\"main\",endpoint=\"call-events\",response=\"2xx\"}";
    assert!(value(&text, subscribed) >= 1.0);
    assert!(value(&text, "poprelay_lookup_duration_seconds_count{source=\"history\"}") >= 3.0);
    let issued = value(&text, "poprelay_refresh_token_issued_timestamp_seconds{connection=\"main\"}");
    let expiry = value(&text, "poprelay_refresh_token_expiry_timestamp_seconds{connection=\"main\"}");
    assert_eq!(expiry - issued, 30.0 * 86_400.0);
    let private = ["Ann", "5145550199", "Bob", "test-secret", "http://"];
    assert!(private.iter().all(|word| !text.contains(word)), "{text}");
    check_metrics(&text);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_counted_by_sink_and_reload_by_result() {
    let mut measured = Measured::new().await;
    let daemon = measured.start().await;
    measured.sim.set_faults(|faults| faults.chat.fixed_status = [("/slack/desk".to_owned(), 404)].into());
    call(&measured.sim, "Ann Dee");
    let text = measured.wait_for("poprelay_sink_up{sink=\"desk\"} 0.0").await;
    assert!(value(&text, "poprelay_posts_total{sink=\"desk\",response=\"4xx\"}") >= 1.0, "{text}");
    assert!(value(&text, "poprelay_card_retries_total{sink=\"desk\"}") >= 1.0);
    let text = measured.wait_for("poprelay_outbox_cards{sink=\"desk\"} 1.0").await;
    assert!(value(&text, "poprelay_outbox_oldest_timestamp_seconds{sink=\"desk\"}") > 1.7e9);
    let hash = |text: &str| text.lines().find(|line| line.starts_with("poprelay_config_info{")).map(str::to_owned);
    let before = hash(&text).unwrap();
    measured.dir.write_config("nonsense");
    daemon.signal("-HUP");
    let text = measured.wait_for("poprelay_config_last_reload_successful 0.0").await;
    assert_eq!(value(&text, "poprelay_config_reloads_total{result=\"rejected\"}"), 1.0);
    assert_eq!(hash(&text).unwrap(), before);
    let config = Measured::config(&measured.sim, &measured.socket).set("cards", "show_sources", "false");
    measured.dir.write_config(config);
    daemon.signal("-HUP");
    let text = measured.wait_for("poprelay_config_reloads_total{result=\"applied\"} 1").await;
    assert_ne!(hash(&text).unwrap(), before);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_ends_with_the_last_lane_and_the_process_stays_healthy() {
    let mut measured = Measured::new().await;
    let daemon = measured.start().await;
    assert_eq!(measured.get("/healthz").await.unwrap(), (200, "ok\n".to_owned()));
    let mode = std::fs::metadata(&measured.socket).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o660);
    drop(measured.wait_for("poprelay_lane_up{connection=\"main\",lane=\"1\"} 1.0").await);
    measured.sim.set_faults(|faults| faults.down = true);
    let (_, text) =
        eventually("not ready", TIMEOUT, async || measured.get("/readyz").await.filter(|(status, _)| *status == 503))
            .await;
    assert_eq!(text, "connection main receives no calls\n");
    assert_eq!(measured.get("/healthz").await.unwrap().0, 200);
    let text = measured.wait_for("poprelay_lane_up{connection=\"main\",lane=\"1\"} 0.0").await;
    let lost: f64 = ["closed", "broken"]
        .map(|why| value(&text, &format!("poprelay_lane_losses_total{{connection=\"main\",reason=\"{why}\"}}")))
        .iter()
        .sum();
    assert!(lost >= 2.0, "{text}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tcp_listener_serves_both_text_formats() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let config = TestConfig::new(&sim.url()).text("metrics", "listen", free);
    let mut dir = DaemonDir::new(&config);
    let daemon = dir.start();
    let read = async |accept: &str| get(TcpStream::connect(free).await.ok()?, "/metrics", accept).await;
    let (_, text) = eventually("metrics", TIMEOUT, async || read("text/plain").await).await;
    assert!(!text.contains("# EOF") && text.contains("poprelay_process_resident_memory_bytes "));
    let (_, text) = read("application/openmetrics-text").await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    daemon.stop().await;
    let (_, out, _) = run_to_end(dir.command(&["check"])).await;
    assert!(out.contains(&format!("metrics    on http://{free}: /metrics")), "{out}");
}

/// systemd passes the socket of a `.socket` unit as descriptor 3, with its count and the process in the environment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn socket_passed_by_systemd_is_used_instead_of_the_configured_one() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let passed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let configured = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = passed.local_addr().unwrap();
    let dir = DaemonDir::new(TestConfig::new(&sim.url()).text("metrics", "listen", configured));
    let run = dir.command(&["run"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0 </dev/null"]);
    shell.arg(run.get_program()).args(run.get_args()).env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM");
    let mut child = shell.stdin(std::os::fd::OwnedFd::from(passed)).stderr(Stdio::null()).spawn().unwrap();
    let ready = async || get(TcpStream::connect(address).await.ok()?, "/readyz", "*/*").await;
    eventually("the passed socket answers", TIMEOUT, async || ready().await.filter(|(status, _)| *status == 200)).await;
    assert!(TcpStream::connect(configured).await.is_err(), "the configured address is not bound");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Runs `promtool check metrics` if `$PROMTOOL` names the program; `tests/metrics/run` does.
fn check_metrics(text: &str) {
    let Some(promtool) = std::env::var_os("PROMTOOL") else {
        return eprintln!("skipped promtool: run tests/metrics/run");
    };
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let found = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && found.is_empty(), "{found}");
}

fn catalog() -> Vec<MetricInfo> {
    Metrics::new(Timestamp::UNIX_EPOCH).catalog().to_vec()
}

#[test]
fn documented_metrics_are_exactly_those_that_exist() {
    let row = |one: &MetricInfo| {
        let labels = one.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        format!("| `{}` | {} | {labels} | {} |", one.name, one.kind, one.help)
    };
    let mut rows: Vec<String> = catalog().iter().map(row).collect();
    rows.sort();
    let text = include_str!("../deploy/metrics.md");
    let mut documented: Vec<&str> = text.lines().filter(|line| line.starts_with("| `poprelay_")).collect();
    documented.sort_unstable();
    assert_eq!(documented, rows, "rows of deploy/metrics.md:\n{}", rows.join("\n"));
}

#[test]
fn alerts_and_dashboard_use_existing_metrics() {
    let known: BTreeSet<String> = catalog().into_iter().map(|one| one.name).collect();
    for text in [include_str!("../deploy/alerts.yml"), include_str!("../deploy/grafana-dashboard.json")] {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let used: BTreeSet<&str> = words.filter(|word| word.starts_with("poprelay_")).collect();
        assert!(used.len() > 5, "{used:?}");
        for name in used {
            let base = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix));
            assert!(known.contains(name) || base.is_some_and(|base| known.contains(base)), "{name} does not exist");
        }
    }
}
