//! `check` and `schema` for a database that several daemons share. Skipped where PostgreSQL is not installed.

use crate::support::{DaemonDir, TestConfig, postgres::PostgresServer, run_to_end};

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
async fn check_names_what_is_wrong_with_the_database() {
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
