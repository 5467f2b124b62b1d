//! `poprelay simulate`: a GoTo and a chat to play with, for daemons and for whoever tests against them. Serves until it is
//! stopped; places calls at a rate.

use super::{Failure, Outcome};
use crate::sim::{ACCOUNT, Day, FIRST_REFRESH_TOKEN, Service, Settings, World};
use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

/// What `simulate` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct SimulateArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8650")]
    pub listen: SocketAddr,
    /// How many calls come in, on average; 0 for none
    #[arg(long, value_name = "CALLS_PER_SECOND", default_value_t = 0.2)]
    pub rate: f64,
    /// How many times faster than life a call is played
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub speed: f64,
    /// The same seed gives the same calls
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Let only this client in
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Ask the client for this secret
    #[arg(long, value_name = "SECRET", requires = "client_id")]
    pub client_secret: Option<String>,
    /// Let only this account be subscribed to; may be repeated
    #[arg(long = "account-key", value_name = "KEY")]
    pub account_keys: Vec<String>,
}

/// A config that makes the daemon relay from this world to this world.
#[must_use]
pub fn config(world: &World, args: &SimulateArgs, state: &str) -> String {
    let url = world.url();
    // A JSON string or list of strings is one in TOML too.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let id = quoted(args.client_id.as_deref().unwrap_or("simulated-client"));
    let secret = quoted(args.client_secret.as_deref().unwrap_or("simulated-secret"));
    let known: Vec<&str> = args.account_keys.iter().map(String::as_str).collect();
    let accounts = serde_json::Value::from(if known.is_empty() { vec![ACCOUNT] } else { known });
    let (slack, teams) = (world.webhook(Service::Slack, "front-desk"), world.webhook(Service::Teams, "front-desk"));
    format!(
        r#"[connections.main]
client_id     = {id}
client_secret = {secret}
account_keys  = {accounts}
refresh_token = "{FIRST_REFRESH_TOKEN}"
api_url       = "{url}"
auth_url      = "{url}"

[state]
dir = {state}

[sinks.front-desk]
type = "slack"
url  = "{slack}"

[sinks.front-desk-teams]
type = "teams"
url  = "{teams}"
"#,
        state = quoted(state),
    )
}

/// Serves a world until it is told to stop.
///
/// # Errors
/// 64 for a rate or speed that is no rate or speed, 69 if it cannot listen where it should.
pub async fn run(args: SimulateArgs, out: &mut (impl Write + Send)) -> Outcome {
    if !(args.rate >= 0.0 && args.rate <= 10_000.0) {
        return Err(Failure::usage("--rate must lie between 0 and 10000 calls a second"));
    }
    if !(args.speed >= 0.01 && args.speed <= 10_000.0) {
        return Err(Failure::usage("--speed must lie between 0.01 and 10000"));
    }
    let settings = Settings {
        listen: args.listen,
        seed: args.seed,
        client: args.client_id.clone().map(|id| (id, args.client_secret.clone())),
        accounts: args.account_keys.clone(),
        ..Settings::default()
    };
    let world = World::start(settings)
        .await
        .map_err(|error| Failure::unavailable(anyhow::anyhow!("cannot listen on {}: {error}", args.listen)))?;
    introduce(&world, &args, out).map_err(|error| Failure::new(74, error))?;
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped.map_err(|error| Failure::new(74, error))?,
        () = calls(&world, &args) => {}
    }
    world.stop().await;
    Ok(())
}

/// Places calls at the rate, with as much chance between them as real ones have.
async fn calls(world: &World, args: &SimulateArgs) {
    if args.rate == 0.0 {
        return std::future::pending().await;
    }
    let mut dice = fastrand::Rng::with_seed(args.seed);
    let mut next = tokio::time::Instant::now();
    for plan in Day::new(args.seed, args.speed) {
        world.place(plan);
        next += Duration::from_secs_f64(pause(dice.f64(), args.rate));
        tokio::time::sleep_until(next).await;
    }
}

/// Seconds between two calls that come at random, `rate` a second on average: an exponential wait, cut at ten times its
/// mean.
fn pause(chance: f64, rate: f64) -> f64 {
    (-(1.0 - chance).ln()).min(10.0) / rate
}

fn introduce(world: &World, args: &SimulateArgs, out: &mut impl Write) -> io::Result<()> {
    let url = world.url();
    writeln!(out, "A played GoTo and a played chat, at {url}")?;
    writeln!(out)?;
    writeln!(out, "  the team's channel   {url}/")?;
    writeln!(out, "  login                {url}/oauth/authorize and {url}/oauth/token")?;
    writeln!(
        out,
        "  API                  {url}/notification-channel/v1, /call-events/v1, /call-events-report/v1, /users/v1"
    )?;
    writeln!(out, "  webhooks             {url}/slack/<any-name> and {url}/teams/<any-name>")?;
    writeln!(
        out,
        "  control              {url}/sim/ call, calls, posts, faults, drop, expire, channels, requests, events"
    )?;
    writeln!(out)?;
    writeln!(out, "A config for it:")?;
    writeln!(out)?;
    writeln!(out, "{}", config(world, args, "/tmp/poprelay-simulated"))?;
    match args.rate {
        0.0 => writeln!(out, "No calls come by themselves: POST /sim/call. Ctrl-C ends it."),
        rate => writeln!(out, "{rate} calls a second come in. Ctrl-C ends it."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_come_at_the_rate_on_average() {
        let mut dice = fastrand::Rng::with_seed(1);
        let total: f64 = (0..10_000).map(|_| pause(dice.f64(), 5.0)).sum();
        assert!((1_900.0..2_100.0).contains(&total), "{total}");
        assert!(pause(1.0, 5.0) <= 2.0);
    }

    #[tokio::test]
    async fn the_config_it_prints_is_toml_whatever_the_client_is_called() {
        let world = World::start(Settings::default()).await.unwrap();
        let args = SimulateArgs {
            listen: world.address(),
            rate: 0.0,
            speed: 1.0,
            seed: 1,
            client_id: Some("a \"b\"".to_owned()),
            client_secret: None,
            account_keys: vec!["1".to_owned(), "2".to_owned()],
        };
        let config: toml::Table = config(&world, &args, "/x y").parse().unwrap();
        assert_eq!(config["connections"]["main"]["client_id"].as_str(), Some("a \"b\""));
        assert_eq!(config["connections"]["main"]["account_keys"].as_array().unwrap().len(), 2);
        assert_eq!(config["state"]["dir"].as_str(), Some("/x y"));
    }
}
