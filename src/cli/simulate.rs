//! `poprelay simulate`: serves a simulated GoTo and simulated chats for tests of a daemon, until stopped. Places calls at a
//! rate.

use super::{CliError, CliResult};
use crate::sim::{ACCOUNT, ChatKind, FIRST_REFRESH_TOKEN, Simulator, SimulatorSettings, TrafficGenerator};
use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

/// Arguments of `poprelay simulate`.
#[derive(Debug, Clone, clap::Args)]
pub struct SimulateArgs {
    /// Listen address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8650")]
    pub listen: SocketAddr,
    /// Average rate of incoming calls; 0 for none
    #[arg(long, value_name = "CALLS_PER_SECOND", default_value_t = 0.2)]
    pub rate: f64,
    /// Speed factor of the calls
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub speed: f64,
    /// Seed of the random calls
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Accept only this OAuth client
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Require this client secret
    #[arg(long, value_name = "SECRET", requires = "client_id")]
    pub client_secret: Option<String>,
    /// Allow subscriptions to this account only; repeatable
    #[arg(long = "account-key", value_name = "KEY")]
    pub account_keys: Vec<String>,
}

/// Builds a config for a daemon that uses this simulator for GoTo and the chats.
#[must_use]
pub fn config(world: &Simulator, args: &SimulateArgs, state: &str) -> String {
    let url = world.url();
    // A JSON string or list of strings is also valid TOML.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let id = quoted(args.client_id.as_deref().unwrap_or("simulated-client"));
    let secret = quoted(args.client_secret.as_deref().unwrap_or("simulated-secret"));
    let account_keys: Vec<&str> = args.account_keys.iter().map(String::as_str).collect();
    let accounts = serde_json::Value::from(if account_keys.is_empty() { vec![ACCOUNT] } else { account_keys });
    let (slack, teams) =
        (world.webhook_url(ChatKind::Slack, "front-desk"), world.webhook_url(ChatKind::Teams, "front-desk"));
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

/// Serves the simulator until Ctrl-C.
///
/// # Errors
/// 64 for an invalid rate or speed, 69 if the address is not available.
pub async fn run(args: SimulateArgs, out: &mut (impl Write + Send)) -> CliResult {
    if !(args.rate >= 0.0 && args.rate <= 10_000.0) {
        return Err(CliError::usage("--rate must be between 0 and 10000 calls per second"));
    }
    if !(args.speed >= 0.01 && args.speed <= 10_000.0) {
        return Err(CliError::usage("--speed must be between 0.01 and 10000"));
    }
    let settings = SimulatorSettings {
        listen: args.listen,
        seed: args.seed,
        client: args.client_id.clone().map(|id| (id, args.client_secret.clone())),
        accounts: args.account_keys.clone(),
        ..SimulatorSettings::default()
    };
    let world = Simulator::start(settings)
        .await
        .map_err(|error| CliError::unavailable(anyhow::anyhow!("cannot listen on {}: {error}", args.listen)))?;
    print_intro(&world, &args, out).map_err(|error| CliError::new(74, error))?;
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped.map_err(|error| CliError::new(74, error))?,
        () = place_calls(&world, &args) => {}
    }
    world.stop().await;
    Ok(())
}

/// Places calls with random pauses at the average rate.
async fn place_calls(world: &Simulator, args: &SimulateArgs) {
    if args.rate == 0.0 {
        return std::future::pending().await;
    }
    let mut rng = fastrand::Rng::with_seed(args.seed);
    let mut next = tokio::time::Instant::now();
    for plan in TrafficGenerator::new(args.seed, args.speed) {
        world.place(plan);
        next += Duration::from_secs_f64(pause(rng.f64(), args.rate));
        tokio::time::sleep_until(next).await;
    }
}

/// Returns a random pause in seconds: exponentially distributed with mean `1/rate`, capped at ten times the mean.
fn pause(chance: f64, rate: f64) -> f64 {
    (-(1.0 - chance).ln()).min(10.0) / rate
}

fn print_intro(world: &Simulator, args: &SimulateArgs, out: &mut impl Write) -> io::Result<()> {
    let url = world.url();
    writeln!(out, "Simulated GoTo and simulated chats at {url}")?;
    writeln!(out)?;
    writeln!(out, "  channel page         {url}/")?;
    writeln!(out, "  login                {url}/oauth/authorize and {url}/oauth/token")?;
    writeln!(
        out,
        "  API                  {url}/notification-channel/v1, /call-events/v1, /call-events-report/v1, /users/v1"
    )?;
    writeln!(out, "  webhooks             {url}/slack/<any-name> and {url}/teams/<any-name>")?;
    writeln!(
        out,
        "  apps                 {}, {} and {}",
        world.slack_api_url(),
        world.teams_api_url(),
        world.teams_login_url()
    )?;
    writeln!(
        out,
        "  control              {url}/sim/ call, calls, posts, faults, drop, expire, channels, requests, events"
    )?;
    writeln!(out)?;
    writeln!(out, "Config for a daemon:")?;
    writeln!(out)?;
    writeln!(out, "{}", config(world, args, "/tmp/poprelay-simulated"))?;
    match args.rate {
        0.0 => writeln!(out, "No automatic calls; place one with POST /sim/call. Ctrl-C stops the simulator."),
        rate => writeln!(out, "{rate} calls per second. Ctrl-C stops the simulator."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_average_matches_rate() {
        let mut rng = fastrand::Rng::with_seed(1);
        let total: f64 = (0..10_000).map(|_| pause(rng.f64(), 5.0)).sum();
        assert!((1_900.0..2_100.0).contains(&total), "{total}");
        assert!(pause(1.0, 5.0) <= 2.0);
    }

    #[tokio::test]
    async fn config_with_quotes_in_client_id_is_valid_toml() {
        let world = Simulator::start(SimulatorSettings::default()).await.unwrap();
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
