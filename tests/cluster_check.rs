//! `check` and `schema` for a database that several daemons share. Skipped where PostgreSQL is not installed.

use crate::support::{
    DaemonDir, TIMEOUT, TestConfig, eventually, ledger::random_call, postgres::PostgresServer, run_to_end,
    wait_for_messages,
};
use poprelay::sim::{Simulator, SimulatorSettings};

/// Returns whether `check --online` with this database fails, and what it prints about the database.
async fn check(url: &str, ca: Option<&std::path::Path>) -> (bool, String) {
    let ca = ca.map_or_else(String::new, |path| format!(", ca = \"{}\"", path.display()));
    let config = TestConfig::new("http://127.0.0.1:1").set("state", "database", format!("{{ url = \"{url}\"{ca} }}"));
    let (_, out, err) = run_to_end(DaemonDir::new(config).command(&["check", "--online"])).await;
    let line = out.lines().find(|line| line.contains("database localhost:") || line.contains("database 127.0.0.1:"));
    let line = line.expect("a line about the database");
    assert!(!format!("{out}{err}").contains("hunter"), "{out}{err}");
    (line.starts_with("failed"), line.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_names_the_problem_of_the_database() {
    let Some(server) = PostgresServer::start_tls() else { return };
    server.sql("postgres", "CREATE ROLE pop LOGIN PASSWORD 'hunter2'");
    server.sql("postgres", "CREATE DATABASE calls OWNER pop");
    let ca = server.ca();
    let url = |login: &str, host: &str, database: &str| server.tcp_url(login, host, database);
    let (failed, text) = check(&url("pop:hunter2", "localhost", "calls"), Some(&ca)).await;
    assert!(!failed && text.contains("TLS, certificate and name checked; the daemon creates the tables"), "{text}");
    for (url, ca, expected) in [
        (url("pop:hunter3", "localhost", "calls"), Some(&ca), "the password is wrong"),
        (url("missing:hunter2", "localhost", "calls"), Some(&ca), "or the role does not exist"),
        (url("pop:hunter2", "localhost", "missing"), Some(&ca), "the database does not exist"),
        (url("pop:hunter2", "127.0.0.1", "calls"), Some(&ca), "the certificate belongs to another name"),
        (url("pop:hunter2", "localhost", "calls"), None, "the issuer of the certificate is not trusted"),
        (url("pop:hunter2", "localhost", "postgres"), Some(&ca), "poprelay schema"),
    ] {
        let (failed, text) = check(&url, ca.map(std::path::PathBuf::as_path)).await;
        assert!(failed && text.contains(expected), "{expected}: {text}");
    }
    server.sql("postgres", "ALTER DATABASE calls SET default_transaction_read_only = on");
    let (failed, text) = check(&url("pop:hunter2", "localhost", "calls"), Some(&ca)).await;
    assert!(failed && text.contains("it is a standby or read-only"), "{text}");
    server.restart_without_tls();
    let (failed, text) = check(&url("pop:hunter2", "localhost", "calls"), Some(&ca)).await;
    assert!(failed && text.contains("the server offers no TLS"), "{text}");
}

#[tokio::test]
async fn printed_schema_creates_the_tables_and_a_newer_one_is_refused() {
    let Some(server) = PostgresServer::shared() else { return };
    server.sql("postgres", "CREATE DATABASE calls");
    let (_, schema, _) = run_to_end(DaemonDir::new(TestConfig::new("http://127.0.0.1:1")).command(&["schema"])).await;
    server.sql("calls", &schema);
    let newer = "UPDATE poprelay.metadata SET value = 99 WHERE name = 'version'";
    server.sql("calls", newer);
    let database = format!("{{ url = \"{}\" }}", server.url("calls"));
    let config = TestConfig::new("http://127.0.0.1:1").set("state", "database", database);
    let (status, _, err) = run_to_end(DaemonDir::new(config).command(&["run"])).await;
    assert!(!status.success() && err.contains("newer version of poprelay"), "{err}");
}

/// Returns the statements of a section of the page for operators.
fn documented_statements(heading: &str) -> String {
    let page = include_str!("../deploy/postgresql.md");
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("    GRANT "));
    lines.map(|line| format!("GRANT {line}\n")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn role_with_the_documented_privileges_posts_calls() {
    let Some(server) = PostgresServer::shared() else { return };
    server.sql("postgres", "CREATE ROLE poprelay LOGIN PASSWORD 'hunter2'");
    server.sql("postgres", "CREATE DATABASE granted");
    let (_, schema, _) = run_to_end(DaemonDir::new(TestConfig::new("http://127.0.0.1:1")).command(&["schema"])).await;
    server.sql("granted", &schema);
    server.sql("granted", &documented_statements("Roles and grants"));
    let url = server.url("granted").replace("postgres@", "poprelay:hunter2@");
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let config = TestConfig::new(&sim.url()).set("state", "database", format!("{{ url = \"{url}\" }}"));
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    daemon.wait_for_log("sink claimed").await;
    daemon.wait_for_log("lane live").await;
    sim.place(random_call(1, &mut fastrand::Rng::with_seed(1)));
    wait_for_messages(&sim, "desk", 1).await;
    let stored = "SELECT count(*) FROM poprelay.deliveries WHERE sink = 'desk'";
    eventually("the delivery is stored", TIMEOUT, async || (server.sql("granted", stored) != "0").then_some(())).await;
    let journal = daemon.stop().await;
    assert!(!journal.contains("shared database away"), "{journal}");
    let file = rusqlite::Connection::open(dir.state_dir().join("outbox.sqlite")).unwrap();
    let marks = "SELECT count(*) FROM metadata WHERE name LIKE 'shared %'";
    let marks: u32 = file.query_row(marks, [], |row| row.get(0)).unwrap();
    assert_eq!(marks, 2, "an empty or older database is recognized");
}
