//! Faults as a real server causes them.

use super::{PostgresFault, PostgresSettings, test_server::PostgresServer};
use std::path::PathBuf;

async fn fault(url: &str, ca: Option<PathBuf>) -> Result<(), PostgresFault> {
    let settings = PostgresSettings::parse(url, ca).unwrap();
    match settings.connect().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains("postgres://") && !text.contains("hunter2"), "{text}");
            Err(error.fault)
        }
    }
}

#[tokio::test]
async fn faults_of_a_unix_socket_are_classified() {
    let Some(server) = PostgresServer::start() else { return };
    server.sql("postgres", "CREATE ROLE pop LOGIN PASSWORD 'hunter2'");
    let url = |login: &str, database: &str| server.url(database).replace("postgres@", &format!("{login}@"));
    assert_eq!(fault(&server.url("postgres"), None).await, Ok(()));
    assert_eq!(fault(&url("pop:hunter2", "postgres"), None).await, Ok(()));
    assert_eq!(fault(&url("pop:hunter3", "postgres"), None).await, Err(PostgresFault::Password));
    assert_eq!(fault(&url("pop", "postgres"), None).await, Err(PostgresFault::Password));
    assert_eq!(fault(&url("missing:hunter2", "postgres"), None).await, Err(PostgresFault::Password));
    assert_eq!(fault(&server.url("missing"), None).await, Err(PostgresFault::MissingDatabase));
    server.sql("postgres", "ALTER DATABASE postgres SET default_transaction_read_only = on");
    assert_eq!(fault(&server.url("postgres"), None).await, Err(PostgresFault::ReadOnly));
    server.kill();
    assert_eq!(fault(&server.url("template1"), None).await, Err(PostgresFault::Refused));
    server.restart();
    assert_eq!(fault(&server.url("template1"), None).await, Ok(()));
    let nowhere = "postgres://pop@/calls?host=/nonexistent";
    assert_eq!(fault(nowhere, None).await, Err(PostgresFault::Refused));
    assert_eq!(fault("postgres://pop@no..name/calls", None).await, Err(PostgresFault::Dns));
    assert_eq!(fault("postgres://pop@127.0.0.1:1/calls", None).await, Err(PostgresFault::Refused));
}

#[tokio::test]
async fn server_without_tls_is_refused_unless_the_url_permits_it() {
    let Some(server) = PostgresServer::start_tls() else { return };
    server.sql("postgres", "CREATE ROLE pop LOGIN PASSWORD 'hunter2'");
    let url = |host: &str, mode: &str| server.tcp_url("pop:hunter2", host, "postgres") + mode;
    let ca = Some(server.ca());
    assert_eq!(fault(&url("localhost", ""), ca.clone()).await, Ok(()));
    assert_eq!(fault(&url("localhost", ""), None).await, Err(PostgresFault::CertificateIssuer));
    assert_eq!(fault(&url("127.0.0.1", ""), ca.clone()).await, Err(PostgresFault::CertificateName));
    assert_eq!(fault(&url("127.0.0.1", "?sslmode=verify-ca"), ca.clone()).await, Ok(()));
    assert_eq!(fault(&url("localhost", "?sslmode=verify-ca"), None).await, Err(PostgresFault::CertificateIssuer));
    assert_eq!(fault(&url("127.0.0.1", "?sslmode=require"), None).await, Ok(()));
    assert_eq!(fault(&url("localhost", "?sslmode=prefer"), None).await, Ok(()));
    assert_eq!(fault(&url("localhost", "?sslmode=disable"), None).await, Ok(()));
    assert_eq!(fault(&url("localhost", ""), Some("/nonexistent".into())).await, Err(PostgresFault::AuthorityFile));
    server.restart_without_tls();
    assert_eq!(fault(&url("localhost", ""), ca.clone()).await, Err(PostgresFault::NoTls));
    assert_eq!(fault(&url("localhost", "?sslmode=prefer"), None).await, Ok(()));
}
