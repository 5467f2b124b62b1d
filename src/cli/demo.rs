//! `poprelay demo`: calls turn into cards before one's eyes. A played GoTo and a played chat on loopback, with the real
//! daemon between; who starts the daemon is the caller's business.

mod lines;
mod told;

use super::{Failure, Outcome, simulate};
use crate::sim::{Day, Posted, Service, Settings, World};
use serde_json::Value;
use std::{
    fs::DirBuilder,
    io::{self, Write},
    os::unix::fs::DirBuilderExt as _,
    path::PathBuf,
    time::Duration,
};
use tokio::sync::{broadcast::error::RecvError, watch};

/// What `demo` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// End by itself after this many calls, when all of them have been told
    #[arg(long, value_name = "N")]
    pub calls: Option<usize>,
    /// How many calls come in
    #[arg(long, value_name = "CALLS_PER_SECOND", default_value_t = 0.5)]
    pub rate: f64,
    /// Port of the page; any that is free if left out
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// The same seed gives the same calls
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What the daemon is started with.
#[derive(Debug)]
pub struct DemoWiring {
    /// Its config, TOML.
    pub config: String,
    /// The same as a file.
    pub config_path: PathBuf,
    /// Its state directory, empty and private; gone after the demo.
    pub state_dir: PathBuf,
    /// True when it is to stop cleanly.
    pub stop: watch::Receiver<bool>,
}

/// How many times faster than life calls are played: a missed one is missed after some six seconds.
const SPEED: f64 = 4.0;
/// The daemon must have subscribed by then.
const SUBSCRIBED_WITHIN: Duration = Duration::from_secs(30);
/// After the last call, all must have been told by then: a burst merges into a message a second.
const TOLD_WITHIN: Duration = Duration::from_secs(60);
/// A clean stop of the daemon takes at most this long.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);
/// Calls ahead for which the address book is made when there is no end.
const LOOK_AHEAD: usize = 1_000;

/// A directory that goes with the demo.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("poprelay-demo-{}", uuid::Uuid::new_v4().simple()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Runs the demo until it is over or stopped. `start_daemon` runs a daemon until it is told to stop.
///
/// # Errors
/// 64 for a rate that is none; 69 if it cannot listen, the daemon ends or does not subscribe, or calls stay untold;
/// 74 if the scratch directory or the terminal cannot be written.
pub async fn run<D, F>(args: DemoArgs, out: &mut (impl Write + Send), start_daemon: D) -> Outcome
where
    D: FnOnce(DemoWiring) -> F,
    F: Future<Output = Outcome>,
{
    if !(args.rate > 0.0 && args.rate <= 100.0) {
        return Err(Failure::usage("--rate must lie above 0 and at most at 100 calls a second"));
    }
    let listen = ([127, 0, 0, 1], args.port).into();
    let settings = Settings { listen, seed: args.seed, ..Settings::default() };
    let world = World::start(settings)
        .await
        .map_err(|error| Failure::unavailable(anyhow::anyhow!("cannot listen on {listen}: {error}")))?;
    let io = |error: io::Error| Failure::new(74, error);
    let scratch = Scratch::make().map_err(io)?;
    let (stopping, stop) = watch::channel(false);
    let wiring = wire(&world, &args, &scratch, stop).map_err(io)?;
    lines::introduce(&world.url(), args.calls, out).map_err(io)?;

    let mut daemon = std::pin::pin!(start_daemon(wiring));
    let outcome = tokio::select! {
        ended = &mut daemon => {
            return Err(match ended {
                Err(failure) => failure,
                Ok(()) => Failure::unavailable(anyhow::anyhow!("the daemon ended before the demo did")),
            });
        }
        shown = show(&world, &args, out) => shown,
        pressed = tokio::signal::ctrl_c() => pressed.map_err(io),
    };
    stopping.send_replace(true);
    let stopped = tokio::time::timeout(STOPPED_WITHIN, daemon).await;
    world.stop().await;
    outcome?;
    lines::farewell(out).map_err(io)?;
    stopped.unwrap_or_else(|_| Err(Failure::unavailable(anyhow::anyhow!("the daemon did not stop in time"))))
}

/// The calls to come. Where they are counted, nobody calls twice: see `told`.
fn day(args: &DemoArgs) -> Day {
    let day = Day::new(args.seed, SPEED);
    if args.calls.is_some() { day.without_repeats() } else { day }
}

fn wire(world: &World, args: &DemoArgs, scratch: &Scratch, stop: watch::Receiver<bool>) -> io::Result<DemoWiring> {
    let state_dir = scratch.0.join("state");
    DirBuilder::new().mode(0o700).create(&state_dir)?;
    let book = scratch.0.join("contacts.csv");
    std::fs::write(&book, day(args).address_book(args.calls.unwrap_or(LOOK_AHEAD)))?;
    let like = simulate::SimulateArgs {
        listen: world.address(),
        rate: args.rate,
        speed: SPEED,
        seed: args.seed,
        client_id: None,
        client_secret: None,
        account_keys: Vec::new(),
    };
    let book = Value::from(book.to_string_lossy());
    let sources = format!("\n[[enrich]]\ntype = \"contacts\"\npath = {book}\n\n[[enrich]]\ntype = \"history\"\n");
    let config = simulate::config(world, &like, &state_dir.to_string_lossy()) + &sources;
    let config_path = scratch.0.join("config.toml");
    std::fs::write(&config_path, &config)?;
    Ok(DemoWiring { config, config_path, state_dir, stop })
}

/// Waits for the daemon, places the calls and shows the cards as they come.
async fn show(world: &World, args: &DemoArgs, out: &mut (impl Write + Send)) -> Outcome {
    let io = |error: io::Error| Failure::new(74, error);
    let ready = tokio::time::timeout(SUBSCRIBED_WITHIN, subscribed(world)).await;
    ready.map_err(|_| Failure::unavailable(anyhow::anyhow!("the daemon did not subscribe to calls in time")))?;
    let mut news = world.news();
    let mut calls = day(args).take(args.calls.unwrap_or(usize::MAX));
    let mut turns = tokio::time::interval(Duration::from_secs_f64(1.0 / args.rate));
    let mut deadline = None;
    loop {
        let patience = async {
            match deadline {
                None => std::future::pending().await,
                Some(at) => tokio::time::sleep_until(at).await,
            }
        };
        tokio::select! {
            () = patience => break,
            _ = turns.tick(), if deadline.is_none() => match calls.next() {
                Some(plan) => drop(world.place(plan)),
                None => deadline = Some(tokio::time::Instant::now() + TOLD_WITHIN),
            },
            event = news.recv() => {
                let post = match event {
                    Ok(event) => slack_post(&event),
                    Err(RecvError::Lagged(_)) => None,
                    Err(RecvError::Closed) => break,
                };
                if let Some(post) = &post {
                    lines::card(post, out).map_err(io)?;
                }
            }
        }
        if deadline.is_some() && told::untold(&world.calls(), &world.posts()).is_empty() {
            break;
        }
    }
    account(world, out)
}

async fn subscribed(world: &World) {
    let live = |channel: &Value| {
        let accounts = channel.get("callEvents").and_then(Value::as_array);
        channel.get("isConnected") == Some(&Value::Bool(true)) && accounts.is_some_and(|all| !all.is_empty())
    };
    while !world.channels().iter().any(live) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The post in a piece of news, if the Slack channel shows it. Teams gets the same; once is enough for a terminal.
fn slack_post(news: &str) -> Option<Posted> {
    let mut news: Value = serde_json::from_str(news).ok()?;
    let post: Posted = serde_json::from_value(news.get_mut("post")?.take()).ok()?;
    (post.shown && post.service == Service::Slack).then_some(post)
}

/// The last word: how many calls came, and how many the channels saw.
fn account(world: &World, out: &mut impl Write) -> Outcome {
    let (calls, posts) = (world.calls(), world.posts());
    let untold = told::untold(&calls, &posts);
    let told = calls.len() - untold.len();
    let waits = told::waits(&calls, &posts);
    let io = |error: io::Error| Failure::new(74, error);
    lines::account(calls.len(), told, &waits, posts.len(), out).map_err(io)?;
    if untold.is_empty() {
        return Ok(());
    }
    let why = anyhow::anyhow!("{} of {} calls were not told in both channels", untold.len(), calls.len());
    Err(Failure::unavailable(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::ACCOUNT;
    use futures_util::StreamExt as _;
    use serde_json::json;

    /// As little of a daemon as a demo needs: it tells every call by its number.
    async fn daemon(wiring: DemoWiring) -> Outcome {
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
        let mut stop = wiring.stop;
        loop {
            let frame = tokio::select! {
                frame = socket.next() => frame.unwrap().unwrap().into_text().unwrap(),
                _ = stop.changed() => return Ok(()),
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
    async fn a_demo_ends_when_every_call_was_told_and_leaves_nothing_behind() {
        let mut out = Vec::new();
        let mut scratch = PathBuf::new();
        let start = |wiring: DemoWiring| {
            scratch.clone_from(&wiring.state_dir);
            assert!(wiring.config_path.exists() && wiring.state_dir.exists());
            daemon(wiring)
        };
        run(args(6), &mut out, start).await.unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("6 of 6 calls were told, in 12 messages"), "{out}");
        assert!(!scratch.as_os_str().is_empty() && !scratch.parent().unwrap().exists());
    }

    #[tokio::test]
    async fn calls_that_nobody_told_are_counted_and_end_it_with_a_failure() {
        let world = World::start(Settings::default()).await.unwrap();
        world.place(crate::sim::CallPlan::default());
        let mut out = Vec::new();
        assert_eq!(account(&world, &mut out).unwrap_err().code, 69);
        assert!(String::from_utf8(out).unwrap().starts_with("0 of 1 calls were told"));
    }

    #[tokio::test]
    async fn a_daemon_that_ends_ends_the_demo() {
        let failed = run(args(1), &mut Vec::new(), async |_| Err(Failure::config(anyhow::anyhow!("no")))).await;
        assert_eq!(failed.unwrap_err().code, 78);
    }
}
