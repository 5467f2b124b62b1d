//! Secrets that change while the daemon runs, access tokens by client credentials, further searches, rate limits.

use super::*;
use crate::enrich::config::{OauthConfig, SearchConfig};
use std::fs;

const RECORD: &str = r#"{"results":[{"name":"Alice","open":3}]}"#;

/// Starts a CRM that accepts one bearer token, and grants the tokens `t1`, `t2`, … at `/token`.
async fn crm(accepted: &'static str) -> Server {
    let granted = Arc::new(AtomicUsize::new(0));
    Server::start(move |stream, request| {
        let granted = Arc::clone(&granted);
        async move {
            if request.starts_with("POST /token") {
                let number = granted.fetch_add(1, Ordering::SeqCst) + 1;
                let body = format!(r#"{{"access_token":"t{number}","token_type":"Bearer","expires_in":3600}}"#);
                return respond(stream, "200 OK", "", body).await;
            }
            let is_accepted = request.contains(&format!("authorization: Bearer {accepted}\r\n"));
            let status = if is_accepted { "200 OK" } else { "401 Unauthorized" };
            respond(stream, status, "", if is_accepted { RECORD.to_owned() } else { String::new() }).await;
        }
    })
    .await
}

fn file_config(port: u16, token: &std::path::Path) -> SourceConfig {
    let mut config = config(port);
    config.headers = [("Authorization".to_owned(), SecretRef::File(token.to_owned()))].into();
    config
}

fn oauth_config(port: u16) -> SourceConfig {
    let mut config = config(port);
    config.headers.clear();
    config.oauth = Some(OauthConfig {
        url: format!("http://127.0.0.1:{port}/token"),
        client_id: SecretRef::Text(Secret::new("me")),
        client_secret: SecretRef::Text(Secret::new("p&ss")),
        scope: Some("read".to_owned()),
    });
    config
}

#[tokio::test]
async fn find_rejected_token_is_read_again_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, "Bearer old").unwrap();
    let mut server = crm("new").await;
    let http = build(&file_config(server.port, &file)).unwrap();
    assert_eq!(failure(find(&http, LONG).await), "token rejected (HTTP 401)");
    assert_eq!(server.requests().len(), 1, "an unchanged token is not sent again");
    fs::write(&file, "Bearer new").unwrap();
    assert_eq!(people(find(&http, LONG).await)[0].name.as_deref(), Some("Alice"));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn refresh_secrets_reads_a_changed_file_before_a_rejection() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, "Bearer old").unwrap();
    let mut server = crm("new").await;
    let http = build(&file_config(server.port, &file)).unwrap();
    fs::write(&file, "Bearer new").unwrap();
    http.refresh_secrets().await;
    assert_eq!(people(find(&http, LONG).await).len(), 1);
    assert_eq!(server.requests().len(), 1);
    fs::remove_file(&file).unwrap();
    http.refresh_secrets().await;
    assert_eq!(http.secrets()[0], Secret::new("Bearer new"), "a missing file changes nothing");
}

#[tokio::test]
async fn find_with_oauth_requests_one_token_and_a_new_one_after_a_401() {
    let mut server = crm("t2").await;
    let http = build(&oauth_config(server.port)).unwrap();
    assert_eq!(people(find(&http, LONG).await).len(), 1);
    let requests = server.requests();
    let lines: Vec<&str> = requests.iter().map(|it| it.lines().next().unwrap().split('?').next().unwrap()).collect();
    assert_eq!(lines, ["POST /token HTTP/1.1", "GET /api", "POST /token HTTP/1.1", "GET /api"]);
    let form = requests[0].split_once("\r\n\r\n").unwrap().1;
    assert_eq!(form, "grant_type=client_credentials&client_id=me&client_secret=p%26ss&scope=read");
}

#[tokio::test]
async fn find_with_rejected_client_names_the_rejection() {
    let server = Server::failing("401 Unauthorized", "").await;
    let text = failure(find(&build(&oauth_config(server.port)).unwrap(), LONG).await);
    assert_eq!(text, "the token endpoint rejects client_id or client_secret (HTTP 401)");
}

#[tokio::test]
async fn find_adds_matches_of_further_searches() {
    let mut server = Server::start(|stream, request| async move {
        let (status, body) = if request.starts_with("GET /leads") {
            ("200 OK", r#"{"hits":[{"title":"Bob"}]}"#)
        } else if request.starts_with("GET /twice") {
            ("200 OK", RECORD)
        } else if request.starts_with("GET /broken") {
            ("500 Internal Server Error", "")
        } else {
            ("200 OK", RECORD)
        };
        respond(stream, status, "", body.to_owned()).await;
    })
    .await;
    let mut config = config(server.port);
    config.retries = Some(0);
    let search = |path: &str| SearchConfig {
        url: format!("http://127.0.0.1:{}/{path}?q={{{{ national }}}}", server.port),
        method: None,
        body: None,
        results: None,
        fields: [].into(),
        numbers: Vec::new(),
    };
    let leads = SearchConfig {
        results: Some("/hits".to_owned()),
        fields: serde_json::from_value(json!({"name": "/title"})).unwrap(),
        ..search("leads")
    };
    config.also = vec![leads, search("twice"), search("broken")];
    let found = people(find(&build(&config).unwrap(), LONG).await);
    let names: Vec<_> = found.iter().map(|contact| contact.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["Alice", "Bob"]);
    assert_eq!(server.requests().len(), 4);
    config.also[0].url = "https://other.example.com/{{ number }}".to_owned();
    assert!(build(&config).err().unwrap()[0].reason.contains("origin"));
}

#[tokio::test]
async fn find_rate_limit_holds_the_source_at_the_first_answer() {
    for (status, headers) in [
        ("429 Too Many Requests", ""),
        ("429 Too Many Requests", "Retry-After: 30\r\n"),
        ("503 Service Unavailable", "Retry-After: 30\r\n"),
    ] {
        let mut server = Server::failing(status, headers).await;
        let http = build(&config(server.port)).unwrap();
        assert_eq!(failure(find(&http, LONG).await), "rate limit of the CRM reached");
        assert_eq!(failure(find(&http, LONG).await), "no request sent after repeated failures");
        assert_eq!(server.requests().len(), 1, "{status} {headers}");
    }
}
