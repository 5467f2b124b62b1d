//! Daemons that share the tokens of a connection. Skipped where PostgreSQL is not installed.

use crate::support::{Daemon, DaemonDir, TIMEOUT, TestConfig, eventually, postgres::PostgresServer, run_to_end};
use poprelay::{
    goto::token_file::{self, StoredToken},
    model::{secret::Secret, time::Timestamp},
    sim::{FIRST_REFRESH_TOKEN, Simulator, SimulatorSettings},
};

struct Hosts {
    server: PostgresServer,
    sim: Simulator,
    config: String,
}

impl Hosts {
    /// Starts database and simulator. The config has no token.
    async fn new() -> Option<Self> {
        let server = PostgresServer::start()?;
        let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
        let config =
            TestConfig::new(&sim.url()).set("state", "database", format!("{{ url = \"{}\" }}", server.url("postgres")));
        let config = config.to_string().replace(&format!("refresh_token = \"{FIRST_REFRESH_TOKEN}\"\n"), "");
        assert!(!config.contains("refresh_token"));
        Some(Self { server, sim, config })
    }

    fn host(&self) -> DaemonDir {
        DaemonDir::new(&self.config)
    }

    /// Stores a token as `poprelay login` does.
    fn log_in(host: &DaemonDir, token: &str) {
        let stored = StoredToken { refresh_token: Secret::new(token), issued: Timestamp::now(), scope: None };
        std::fs::create_dir_all(host.state_dir()).unwrap();
        token_file::write(&host.state_dir().join("token-main.json"), &stored).unwrap();
    }

    fn refreshes(&self) -> u64 {
        let counts = self.sim.request_counts();
        counts.iter().filter(|((_, path, _), _)| path.ends_with("/oauth/token")).map(|(_, count)| count).sum()
    }

    async fn stop(self, daemons: [Daemon; 2]) -> [String; 2] {
        let [one, two] = daemons;
        let journals = [one.stop().await, two.stop().await];
        let secrets =
            [FIRST_REFRESH_TOKEN.to_owned(), self.server.sql("postgres", "SELECT access_token FROM poprelay.tokens")];
        for journal in &journals {
            assert!(secrets.iter().all(|secret| !journal.contains(secret.as_str())), "a token is in the journal");
        }
        journals
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_of_one_host_serves_the_other_with_one_refresh() {
    let Some(hosts) = Hosts::new().await else { return };
    let (mut one, mut two) = (hosts.host(), hosts.host());
    hosts.sim.set_faults(|faults| faults.tokens.rotate = true);
    Hosts::log_in(&one, FIRST_REFRESH_TOKEN);
    let first = one.start();
    first.wait_for_log("lane live").await;
    let second = two.start();
    second.wait_for_log("login received from another host").await;
    second.wait_for_log("lane live").await;
    assert_eq!(hosts.refreshes(), 1, "the second daemon needs no request");
    // The API rejects the access token: one daemon refreshes with the single-use token, the other takes the result.
    hosts.sim.expire_tokens();
    hosts.sim.disconnect(poprelay::sim::Disconnect::Closed);
    eventually("a second refresh", TIMEOUT, async || (hosts.refreshes() == 2).then_some(())).await;
    first.wait_for_log("lane live").await;
    second.wait_for_log("lane live").await;
    assert_eq!(hosts.refreshes(), 2);
    let (_, out, _) = run_to_end(two.command(&["status"])).await;
    assert!(out.contains("logged in, valid for"), "{out}");
    hosts.stop([first, second]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn login_on_another_host_replaces_a_denied_token() {
    let Some(hosts) = Hosts::new().await else { return };
    let (mut one, mut two) = (hosts.host(), hosts.host());
    Hosts::log_in(&one, "revoked");
    let (first, second) = (one.start(), two.start());
    first.wait_for_log("login required").await;
    second.wait_for_log("login required").await;
    Hosts::log_in(&two, FIRST_REFRESH_TOKEN);
    second.wait_for_log("lane live").await;
    first.wait_for_log("login received from another host").await;
    first.wait_for_log("lane live").await;
    hosts.stop([first, second]).await;
}
