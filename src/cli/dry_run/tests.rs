//! The dry run and the daemon plan the same cards: each recorded call goes through both.

use super::*;
use crate::{cli::recording, config, daemon::pipeline::Pipeline, outbox};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Rules by caller, status and time; a webhook, a webhook with every outcome, and a live message with replies.
const CONFIG: &str = r#"
[connections.main]
client_id = "id"
directions = ["inbound", "outbound"]
internal = true
[state]
dir = "DIR"
[cards]
time_zone = "America/New_York"
[sinks.desk]
type = "slack"
url = "https://hooks.slack.com/services/T0/B0/desk"
[sinks.all]
type = "slack"
url = "https://hooks.slack.com/services/T0/B0/all"
outcomes = ["answered", "missed", "voicemail", "ended"]
[sinks.live]
type = "slack-app"
token = "xoxb-1"
channel = "C0123ABCD"
reply_in_thread = true
outcomes = ["missed"]
[hours.office]
mon-fri = "09:00-17:30"
[[routes]]
match = { status = "ringing", hours = "office", tags = "vip" }
sinks = ["live", "desk"]
mention = { slack = "S0123", when = "always" }
continue = true
[[routes]]
match = { status = "answered" }
unless = { direction = "internal" }
sinks = ["all"]
compact = true
mask = "last2"
[[routes]]
match = { status = ["ringing", "missed"] }
sinks = ["desk", "all"]
mask = "last4"
[[enrich]]
type = "contacts"
path = "DIR/people.csv"
[[enrich]]
type = "history"
enabled = false
"#;

fn recordings() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/calls")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                None => folders.push(path),
                Some(extension) if extension == "jsonl" => files.push(path),
                Some(_) => {}
            }
        }
    }
    files.sort();
    files
}

fn load_config(dir: &Path) -> Config {
    fs::write(dir.join("people.csv"), "Name,Phone,Tags\nChloé Dubois,+1 514 555 0142,vip\n").unwrap();
    let path = dir.join("config.toml");
    fs::write(&path, CONFIG.replace("DIR", dir.to_str().unwrap())).unwrap();
    config::load(&path).unwrap()
}

fn pipeline(config: &Config) -> Pipeline {
    let network = crate::runtime::http::HttpStack::open(Default::default()).unwrap();
    let metrics = crate::runtime::metrics::Metrics::new(Timestamp::now());
    let outbox = startup::open_outbox(config, "0", &metrics).unwrap();
    let enricher = startup::build_enricher(config, &network, std::sync::Arc::new(outbox.clone())).unwrap();
    Pipeline::new(outbox, Settings::from_config(config, enricher), &config.state_dir, metrics, None)
}

/// Returns the cards of an update in the outbox: sink, options, reason. A live message keeps the time of its first decision
/// for a status, so the time is not compared.
fn stored(config: &Config, update: &CallUpdate) -> Vec<(String, CardOptions, Option<RouteReason>)> {
    let history = outbox::deliveries_of_call(&config.state_dir, update.call.id.as_str()).unwrap();
    let cards = history.into_iter().filter_map(|(delivery, _)| match delivery.card {
        Some(Card::Call(card)) if card.update == *update => {
            Some((delivery.sink, card.options, card.routed.map(|routed| routed.by)))
        }
        _ => None,
    });
    let mut cards: Vec<_> = cards.collect();
    cards.sort_by(|one, other| one.0.cmp(&other.0));
    cards.dedup();
    cards
}

#[tokio::test]
async fn dry_run_plans_what_the_daemon_enqueues() {
    let (mut posted, mut previous) = (0, 0);
    for file in recordings() {
        let dir = tempfile::tempdir().unwrap();
        let config = load_config(dir.path());
        let updates = recording::updates(&file, &config).unwrap();
        let runs = dry_run(&config, &updates, None).await.unwrap();
        let pipeline = pipeline(&config);
        for DryRun { update, at, cards, .. } in &runs {
            let now = Now { instant: Instant::now(), timestamp: *at };
            assert!(pipeline.process(&pipeline.settings.load(), update, now).await.is_none(), "contacts are immediate");
            let stored = stored(&config, update);
            let planned = |card: &PlannedCard| (card.sink.to_string(), card.card.options.clone(), Some(card.reason));
            let context = format!("{} {}", file.display(), update.status.kind().as_str());
            for card in cards.iter().filter(|card| card.is_posted) {
                assert!(stored.contains(&planned(card)), "{context}: {:?} is not in {stored:?}", planned(card));
                posted += 1;
            }
            let planned: Vec<_> = cards.iter().map(planned).collect();
            assert!(stored.iter().all(|card| planned.contains(card)), "{context}: {stored:?} is not in {planned:?}");
            previous += cards.iter().filter(|card| card.reason == RouteReason::PreviousSink).count();
        }
        pipeline.outbox.close().await;
    }
    assert!(posted > 60 && previous > 20, "the recordings are too simple: {posted} cards, {previous} by the ring");
}
