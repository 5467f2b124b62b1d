//! `poprelay demo`: runs the real daemon between a simulated GoTo and simulated chats on loopback and prints the cards.
//! The caller passes the function that starts the daemon.

mod coverage;
mod output;
mod team;

use super::{CliError, CliResult, simulate};
use crate::sim::{ChatKind, Simulator, SimulatorSettings, TrafficGenerator, WebhookRequest};
use serde_json::Value;
use std::{
    fs::DirBuilder,
    io::{self, Write},
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
    time::Duration,
};
use team::Team;
use tokio::{sync::broadcast::error::RecvError, time::Instant};
use tokio_util::sync::CancellationToken;

/// Arguments of `poprelay demo`.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// End after this many calls, when all are posted
    #[arg(long, value_name = "N")]
    pub calls: Option<usize>,
    /// Rate of incoming calls
    #[arg(long, value_name = "CALLS_PER_SECOND", default_value_t = 0.5)]
    pub rate: f64,
    /// Port of the page; 0 selects a free port
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Seed of the random calls
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Config and stop signal of the demo's daemon.
#[derive(Debug)]
pub struct DemoDaemon {
    /// Config as TOML.
    pub config: String,
    /// File with the same config.
    pub config_path: PathBuf,
    /// Private, empty state directory, deleted after the demo.
    pub state_dir: PathBuf,
    /// Requests a clean stop.
    pub stop: CancellationToken,
}

/// Speed factor of simulated calls: a missed call ends after about six seconds.
const SPEED: f64 = 4.0;
/// Timeout for the daemon's first subscription.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout for the posts after the last call: a burst is merged into one message per second.
const POST_TIMEOUT: Duration = Duration::from_secs(60);
/// Timeout for a clean stop of the daemon.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Calls covered by the contacts file of an endless demo.
const MAX_CONTACTS: usize = 1_000;

/// Temporary directory, removed on drop.
struct ScratchDir(PathBuf);

impl ScratchDir {
    fn create() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("poprelay-demo-{}", uuid::Uuid::new_v4().simple()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Runs the demo until its end or Ctrl-C. `start_daemon` runs a daemon until its stop signal.
///
/// # Errors
/// - 64 for an invalid rate.
/// - 69 if the port is not available, the daemon exits or does not subscribe, or calls are not posted.
/// - 74 if the temporary directory or the terminal cannot be written.
pub async fn run<D, F>(args: DemoArgs, out: &mut (impl Write + Send), start_daemon: D) -> CliResult
where
    D: FnOnce(DemoDaemon) -> F,
    F: Future<Output = CliResult>,
{
    if !(args.rate > 0.0 && args.rate <= 100.0) {
        return Err(CliError::usage("--rate must be above 0 and at most 100 calls per second"));
    }
    let listen = ([127, 0, 0, 1], args.port).into();
    let settings = SimulatorSettings { listen, seed: args.seed, ..SimulatorSettings::default() };
    let world = Simulator::start(settings)
        .await
        .map_err(|error| CliError::unavailable(anyhow::anyhow!("cannot listen on {listen}: {error}")))?;
    let io = |error: io::Error| CliError::new(74, error);
    let temp_dir = ScratchDir::create().map_err(io)?;
    let stop = CancellationToken::new();
    let wiring = prepare(&world, &args, &temp_dir, stop.clone()).map_err(io)?;
    output::print_intro(&world.url(), args.calls, out).map_err(io)?;

    let mut daemon = std::pin::pin!(start_daemon(wiring));
    let outcome = tokio::select! {
        ended = &mut daemon => {
            return Err(match ended {
                Err(failure) => failure,
                Ok(()) => CliError::unavailable(anyhow::anyhow!("the daemon exited before the end of the demo")),
            });
        }
        shown = run_calls(&world, &args, out) => shown,
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(io),
    };
    stop.cancel();
    let stopped = tokio::time::timeout(STOP_TIMEOUT, daemon).await;
    world.stop().await;
    outcome?;
    output::print_next_steps(out).map_err(io)?;
    stopped.unwrap_or_else(|_| Err(CliError::unavailable(anyhow::anyhow!("timeout: the daemon did not stop"))))
}

/// Generates the calls. A counted demo has no repeated caller: see `coverage`.
fn traffic(args: &DemoArgs) -> TrafficGenerator {
    let traffic = TrafficGenerator::new(args.seed, SPEED);
    if args.calls.is_some() { traffic.without_repeats() } else { traffic }
}

fn prepare(
    world: &Simulator,
    args: &DemoArgs,
    temp_dir: &ScratchDir,
    stop: CancellationToken,
) -> io::Result<DemoDaemon> {
    let state_dir = temp_dir.0.join("state");
    DirBuilder::new().mode(0o700).create(&state_dir)?;
    let contacts = temp_dir.0.join("contacts.csv");
    std::fs::write(&contacts, traffic(args).contacts_csv(args.calls.unwrap_or(MAX_CONTACTS)))?;
    let simulate_args = simulate::SimulateArgs {
        listen: world.address(),
        rate: args.rate,
        speed: SPEED,
        seed: args.seed,
        client_id: None,
        client_secret: None,
        account_keys: Vec::new(),
    };
    let contacts = Value::from(contacts.to_string_lossy());
    let sources = format!("\n[[enrich]]\ntype = \"contacts\"\npath = {contacts}\n\n[[enrich]]\ntype = \"history\"\n");
    let config = simulate::config(world, &simulate_args, &state_dir.to_string_lossy()) + &team::sink(world) + &sources;
    let config_path = temp_dir.0.join("config.toml");
    std::fs::write(&config_path, &config)?;
    Ok(DemoDaemon { config, config_path, state_dir, stop })
}

/// Waits for the daemon, places the calls and prints the cards.
async fn run_calls(world: &Simulator, args: &DemoArgs, out: &mut (impl Write + Send)) -> CliResult {
    let io = |error: io::Error| CliError::new(74, error);
    let ready = tokio::time::timeout(SUBSCRIBE_TIMEOUT, subscribed(world)).await;
    ready.map_err(|_| CliError::unavailable(anyhow::anyhow!("timeout: the daemon did not subscribe to calls")))?;
    let mut events = world.events();
    let mut calls = traffic(args).take(args.calls.unwrap_or(usize::MAX));
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / args.rate));
    let mut deadline = None;
    // A call back is a call too, which a counted demo would count.
    let mut team = args.calls.is_none().then(Team::default);
    loop {
        let timeout = async {
            match deadline {
                None => std::future::pending().await,
                Some(at) => tokio::time::sleep_until(at).await,
            }
        };
        tokio::select! {
            () = timeout => break,
            _ = ticks.tick(), if deadline.is_none() => match calls.next() {
                Some(plan) => drop(world.place(plan)),
                None => deadline = Some(Instant::now() + POST_TIMEOUT),
            },
            () = team::wait(team.as_ref()) => team.iter_mut().for_each(|team| team.act(world, Instant::now())),
            event = events.recv() => {
                let post = match event {
                    Ok(event) => {
                        team.iter_mut().for_each(|team| team.on_event(&event, world, Instant::now()));
                        slack_post(&event)
                    }
                    Err(RecvError::Lagged(_)) => None,
                    Err(RecvError::Closed) => break,
                };
                if let Some(post) = &post {
                    output::print_card(post, out).map_err(io)?;
                }
            }
        }
        let due = coverage::posted_by_default(&world.calls());
        if deadline.is_some() && coverage::missing(&due, &world.posts()).is_empty() {
            break;
        }
    }
    summarize(world, out)
}

async fn subscribed(world: &Simulator) {
    let is_live = |channel: &Value| {
        let accounts = channel.get("callEvents").and_then(Value::as_array);
        channel.get("isConnected") == Some(&Value::Bool(true)) && accounts.is_some_and(|all| !all.is_empty())
    };
    while !world.channels().iter().any(is_live) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns the post of a simulator event if the Slack channel shows it. Teams gets the same post; one is printed.
fn slack_post(event: &str) -> Option<WebhookRequest> {
    let mut event: Value = serde_json::from_str(event).ok()?;
    let post: WebhookRequest = serde_json::from_value(event.get_mut("post")?.take()).ok()?;
    (post.shown && post.chat == ChatKind::Slack).then_some(post)
}

/// Prints the summary; returns an error if calls were not posted.
fn summarize(world: &Simulator, out: &mut impl Write) -> CliResult {
    let (all, posts) = (world.calls(), world.posts());
    let calls = coverage::posted_by_default(&all);
    let missing = coverage::missing(&calls, &posts);
    let posted = calls.len() - missing.len();
    let latencies = coverage::latencies(&calls, &posts);
    let io = |error: io::Error| CliError::new(74, error);
    let menu_only = all.len() - calls.len();
    output::print_summary((calls.len(), posted, menu_only), &latencies, posts.len(), out).map_err(io)?;
    if missing.is_empty() {
        return Ok(());
    }
    let why = anyhow::anyhow!("{} of {} calls were not posted to both channels", missing.len(), calls.len());
    Err(CliError::unavailable(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::ACCOUNT;
    use futures_util::StreamExt as _;
    use serde_json::json;

    /// Runs a minimal daemon that posts the number of each call.
    async fn daemon(wiring: DemoDaemon) -> CliResult {
        let config: toml::Table = wiring.config.parse().unwrap();
        let base = config["connections"]["main"]["api_url"].as_str().unwrap().to_owned();
        let http = reqwest::Client::new();
        let token = config["connections"]["main"]["refresh_token"].as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("client_id", "x"), ("refresh_token", token)];
        let ask = |path: &str, body: Value, token: &str| {
            http.post(format!("{base}{path}")).bearer_auth(token).json(&body).send()
        };
        let answer = http.post(format!("{base}/oauth/token")).form(&form).send().await.unwrap();
        let token = answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
        let made = ask("/notification-channel/v1/channels/x", json!({}), &token).await.unwrap();
        let channel: Value = made.json().await.unwrap();
        let body = json!({ "channelId": channel["channelId"], "accountKeys": [{ "id": ACCOUNT }] });
        ask("/call-events/v1/subscriptions", body, &token).await.unwrap();
        let url = channel["channelData"]["channelURL"].as_str().unwrap();
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let stop = wiring.stop;
        loop {
            let frame = tokio::select! {
                frame = socket.next() => frame.unwrap().unwrap().into_text().unwrap(),
                () = stop.cancelled() => return Ok(()),
            };
            let frame: Value = serde_json::from_str(&frame).unwrap();
            let caller = frame.pointer("/data/content/state/participants/0/type/caller/number");
            let text = caller.and_then(Value::as_str).filter(|number| number.contains('+')).unwrap_or("Withheld");
            if frame.pointer("/data/content/state/sequenceNumber") != Some(&json!(1)) {
                continue;
            }
            let card = json!({ "type": "AdaptiveCard", "body": [{ "type": "TextBlock", "text": text }] });
            let kind = "application/vnd.microsoft.card.adaptive";
            let attachment = json!({ "contentType": kind, "contentUrl": null, "content": card });
            ask("/slack/front-desk", json!({ "text": text }), &token).await.unwrap();
            let body = json!({ "type": "message", "attachments": [attachment] });
            ask("/teams/front-desk", body, &token).await.unwrap();
        }
    }

    fn args(calls: usize) -> DemoArgs {
        DemoArgs { calls: Some(calls), rate: 50.0, port: 0, seed: 1 }
    }

    #[tokio::test]
    async fn demo_ends_after_all_calls_and_removes_its_files() {
        let mut out = Vec::new();
        let mut temp_dir = PathBuf::new();
        let start = |wiring: DemoDaemon| {
            temp_dir.clone_from(&wiring.state_dir);
            assert!(wiring.config_path.exists() && wiring.state_dir.exists());
            daemon(wiring)
        };
        run(args(6), &mut out, start).await.unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("6 of 6 calls posted, in 12 messages"), "{out}");
        assert!(!temp_dir.as_os_str().is_empty() && !temp_dir.parent().unwrap().exists());
    }

    #[tokio::test]
    async fn demo_missing_posts_are_counted_and_fail_it() {
        let world = Simulator::start(SimulatorSettings::default()).await.unwrap();
        world.place(crate::sim::CallPlan::default());
        let mut out = Vec::new();
        assert_eq!(summarize(&world, &mut out).unwrap_err().code, 69);
        assert!(String::from_utf8(out).unwrap().starts_with("0 of 1 calls posted"));
    }

    #[tokio::test]
    async fn demo_exited_daemon_ends_it() {
        let failed = run(args(1), &mut Vec::new(), async |_| Err(CliError::config(anyhow::anyhow!("no")))).await;
        assert_eq!(failed.unwrap_err().code, 78);
    }
}
