//! Tests of the HTTP source with real servers on loopback: correct ones, and ones that hang, send wrong data, truncate,
//! redirect or never stop.

mod credentials;
mod limits;
mod presets;
mod server;

use super::*;
use crate::{
    enrich::config::{FieldPath, SourceConfig, SourceKind, SourceProblem},
    model::{
        phone::PhoneNumber,
        secret::{Secret, SecretRef},
        time::HumanDuration,
    },
    runtime::captured_journal::CapturedJournal,
};
use serde_json::json;
use server::{Server, respond};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::{io::AsyncWriteExt, sync::watch};

fn config(port: u16) -> SourceConfig {
    let mut config = SourceConfig::new(SourceKind::Http);
    config.name = Some("crm".into());
    config.url = Some(SecretRef::Text(Secret::new(format!("http://127.0.0.1:{port}/api?phone={{{{ number }}}}"))));
    config.headers = [("Authorization".to_owned(), SecretRef::Text(Secret::new("Bearer hush")))].into();
    config.fields = serde_json::from_value(json!({"name": "/results/0/name", "Tickets": "/results/0/open"})).unwrap();
    config
}

fn build(config: &SourceConfig) -> Result<Http, Vec<SourceProblem>> {
    let resolve: SecretReader = Arc::new(|secret: &SecretRef| secret.read(None).map_err(|error| error.to_string()));
    let http = crate::runtime::http::HttpStack::open(Default::default()).unwrap();
    Http::build(config, &resolve, &http, Region::US)
}

fn caller() -> E164 {
    PhoneNumber::parse(Some("+15145550199"), Region::US).as_e164().unwrap().clone()
}

async fn find(http: &Http, wait: Duration) -> SourceAnswer {
    http.find(&caller(), Instant::now() + wait).await.0
}

/// Longer than any test should need, so that slow machines pass.
const LONG: Duration = Duration::from_secs(20);

fn failure(answer: SourceAnswer) -> String {
    match answer {
        SourceAnswer::Failed(reason) => reason,
        other => panic!("{other:?} is not a failure"),
    }
}

fn people(answer: SourceAnswer) -> Vec<Contact> {
    match answer {
        SourceAnswer::Found(people) => people,
        other => panic!("{other:?} has no contacts"),
    }
}

#[tokio::test]
async fn find_answer_is_cached() {
    let mut server = Server::of(json!({"results": [{"name": "Alice", "open": 2}]})).await;
    let http = build(&config(server.port)).unwrap();
    for _ in 0..3 {
        let found = people(find(&http, LONG).await);
        assert_eq!(found[0].name.as_deref(), Some("Alice"));
        assert_eq!((found[0].facts[0].value.as_str(), found[0].facts[0].source.as_str()), ("2", "crm"));
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert!(requests[0].starts_with("GET /api?phone=%2B15145550199 HTTP/1.1\r\n"), "{requests:?}");
    assert!(requests[0].contains("authorization: Bearer hush\r\n"));
}

#[tokio::test]
async fn find_empty_answer_or_404_is_cached_as_no_match() {
    for mut server in [Server::of(json!({"results": []})).await, Server::failing("404 Not Found", "").await] {
        let http = build(&config(server.port)).unwrap();
        assert!(people(find(&http, LONG).await).is_empty());
        assert!(people(find(&http, LONG).await).is_empty());
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn find_late_answer_fills_the_cache() {
    let (release, released) = watch::channel(false);
    let mut server = Server::start(move |stream, _| {
        let mut released = released.clone();
        async move {
            released.wait_for(|it| *it).await.unwrap();
            respond(stream, "200 OK", "", json!({"results": [{"name": "Alice"}]}).to_string()).await;
        }
    })
    .await;
    let http = build(&config(server.port)).unwrap();
    assert_eq!(failure(find(&http, Duration::from_millis(50)).await), "no answer before the card's deadline");
    server.seen.recv().await.unwrap();
    release.send(true).unwrap();
    let later = tokio::time::timeout(LONG, async {
        while http.0.state().cache.get(&caller(), Instant::now()).is_none() {
            tokio::task::yield_now().await;
        }
    });
    later.await.unwrap();
    assert_eq!(people(find(&http, Duration::ZERO).await)[0].name.as_deref(), Some("Alice"));
    assert!(server.requests().is_empty(), "no second request is sent");
}

#[tokio::test]
async fn find_after_five_timeouts_sends_no_request() {
    let mut server = Server::start(|stream, _| async move {
        let _keep = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let mut config = config(server.port);
    config.timeout = Some(HumanDuration(Duration::from_millis(20)));
    let http = build(&config).unwrap();
    for _ in 0..5 {
        assert_eq!(failure(find(&http, LONG).await), "no response within 20 ms");
    }
    assert_eq!(failure(find(&http, LONG).await), "no request sent after repeated failures");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn find_bad_response_reports_its_reason() {
    for (server, reason) in [
        (Server::failing("200 OK", "Content-Type: application/json\r\n").await, "response is not JSON"),
        (Server::failing("401 Unauthorized", "").await, "token rejected (HTTP 401)"),
        (Server::failing("429 Too Many Requests", "Retry-After: 30\r\n").await, "rate limit of the CRM reached"),
        (Server::failing("503 Service Unavailable", "").await, "server error (HTTP 503)"),
        (Server::failing("400 Bad Request", "").await, "unexpected status (HTTP 400)"),
        (Server::of(json!({"items": []})).await, "response has nothing at /results"),
        (Server::of(json!([[[1]]])).await, "response has nothing at /results"),
    ] {
        assert_eq!(failure(find(&build(&config(server.port)).unwrap(), LONG).await), reason);
    }
}

#[tokio::test]
async fn find_retry_after_pauses_requests() {
    let mut server = Server::failing("429 Too Many Requests", "Retry-After: 30\r\n").await;
    let http = build(&config(server.port)).unwrap();
    failure(find(&http, LONG).await);
    assert_eq!(failure(find(&http, LONG).await), "no request sent after repeated failures");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn find_truncated_endless_or_deep_response_fails() {
    let truncated = Server::start(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"results\": [").await;
    })
    .await;
    assert_eq!(
        failure(find(&build(&config(truncated.port)).unwrap(), LONG).await),
        "request failed: response is incomplete"
    );

    static SENT: AtomicUsize = AtomicUsize::new(0);
    let flood = Server::start(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n").await;
        for _ in 0..1600 {
            match stream.write_all(&[b' '; 65536]).await {
                Ok(()) => SENT.fetch_add(65536, Ordering::Relaxed),
                Err(_) => return,
            };
        }
    })
    .await;
    assert_eq!(failure(find(&build(&config(flood.port)).unwrap(), LONG).await), "response is larger than 256 KiB");
    assert!(SENT.load(Ordering::Relaxed) < 50 << 20, "most of the 100 MB are not read");

    let deep = Server::start(|stream, _| respond(stream, "200 OK", "", "[".repeat(100_000))).await;
    assert_eq!(failure(find(&build(&config(deep.port)).unwrap(), LONG).await), "response is not JSON");
}

#[tokio::test]
async fn find_body_and_second_request_are_filled_from_templates() {
    let mut server = Server::start(|stream, request| async move {
        let answer = if request.starts_with("POST /find ") {
            json!({"hits": [{"id": "7/../8", "who": "Alice"}]})
        } else {
            json!({"count": 3, "a": true})
        };
        respond(stream, "200 OK", "", answer.to_string()).await;
    })
    .await;
    let base = format!("http://127.0.0.1:{}", server.port);
    let mut config = config(server.port);
    config.url = Some(SecretRef::Text(Secret::new(format!("{base}/find"))));
    config.body = Some("{\"q\": {\"phone\": {{ national }}, \"or\": {{ digits }}}}".into());
    config.results = Some("/hits".into());
    config.fields = serde_json::from_value(json!({"name": "/who", "Id": "/id"})).unwrap();
    config.then = serde_json::from_value(
        json!({"url": format!("{base}/t/{{{{ id }}}}"), "fields": {"Open": "/count", "A": "/a"}}),
    )
    .unwrap();
    config.order = vec!["Open".into(), "Id".into()];
    let alice = people(find(&build(&config).unwrap(), LONG).await).remove(0);
    assert_eq!(alice.name.as_deref(), Some("Alice"));
    let facts: Vec<_> = alice.facts.iter().map(|fact| (fact.label.as_str(), fact.value.as_str())).collect();
    assert_eq!(facts, [("Open", "3"), ("Id", "7/../8"), ("A", "yes")]);
    let requests = server.requests();
    assert!(requests[0].contains("content-type: application/json\r\n"), "{requests:?}");
    assert!(requests[0].ends_with("{\"q\": {\"phone\": \"5145550199\", \"or\": \"15145550199\"}}"), "{requests:?}");
    assert!(requests[1].starts_with("GET /t/7%2F%2E%2E%2F8 "), "{requests:?}");
}

#[tokio::test]
async fn find_failures_are_logged_once_per_change_without_secrets() {
    let journal = CapturedJournal::start();
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |stream, _| {
        let status = match asked.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => "401 Unauthorized",
            2 => "400 Bad Request",
            _ => "200 OK",
        };
        respond(stream, status, "", json!({"results": []}).to_string())
    })
    .await;
    let mut config = config(server.port);
    config.cache_misses = Some(HumanDuration(Duration::ZERO));
    let http = build(&config).unwrap();
    for _ in 0..6 {
        find(&http, LONG).await;
    }
    let text = journal.text();
    let ours: Vec<&str> = text.lines().filter(|line| line.contains("enrich")).collect();
    let [rejected, unexpected, recovered] = ours.as_slice() else { panic!("{ours:#?}") };
    assert!(rejected.contains("WARN") && rejected.contains("source failed") && rejected.contains("401"), "{rejected}");
    assert!(unexpected.contains("WARN") && unexpected.contains("400"), "{unexpected}");
    assert!(
        recovered.contains("INFO") && recovered.contains("source recovered") && recovered.contains("repeats=3"),
        "{recovered}"
    );
    assert!(
        ours.iter().all(|line| !line.contains("hush") && !line.contains("5145550199") && !line.contains("phone=")),
        "{ours:?}"
    );
}

#[test]
fn build_invalid_table_reports_key_and_reason() {
    let problem = |change: fn(&mut SourceConfig)| {
        let mut config = config(9);
        change(&mut config);
        build(&config).err().unwrap().remove(0).to_string()
    };
    assert!(problem(|it| it.url = None).starts_with("url: missing"));
    assert!(
        problem(|it| it.url = Some(SecretRef::Text(Secret::new("https://{{ number }}.example.com/"))))
            .starts_with("url: not a URL")
    );
    assert!(
        problem(|it| it.url = Some(SecretRef::Text(Secret::new("https://a.example.com{{ number }}/"))))
            .starts_with("url: not a URL")
    );
    assert!(
        problem(|it| it.url = Some(SecretRef::Text(Secret::new("http://10.0.0.5/{{ number }}")))).contains("https://")
    );
    assert!(
        problem(|it| it.url = Some(SecretRef::Text(Secret::new("https://a:b@x.example.com/{{ number }}"))))
            .contains("user name")
    );
    assert!(
        problem(|it| it.url = Some(SecretRef::Text(Secret::new("https://x.example.com/{{ phone }}"))))
            .contains("{{ phone }}")
    );
    assert!(
        problem(|it| it.url = Some(SecretRef::Text(Secret::new("https://x.example.com/all"))))
            .contains("no number in url")
    );
    assert!(problem(|it| it.method = Some("DELETE".into())).starts_with("method: "));
    assert!(problem(|it| it.fields.clear()).starts_with("fields: "));
    assert!(
        problem(|it| drop(it.fields.insert("tier".into(), FieldPath::One("tier".into())))).starts_with("fields.tier: ")
    );
    assert!(problem(|it| it.ca = Some("/nowhere.pem".into())).starts_with("ca: /nowhere.pem"));
    assert!(
        problem(|it| it.preset = Some("sugar".into()))
            .starts_with("preset: \"sugar\" is not one of freshdesk, hubspot")
    );
    assert!(problem(|it| it.token = Some(SecretRef::Env("X".into()))).starts_with("token: only presets"));
    let headers =
        |it: &mut SourceConfig| drop(it.headers.insert("X".into(), SecretRef::Env("POPRELAY_NO_SUCH".into())));
    assert!(problem(headers).starts_with("headers.X: the environment variable"));
    assert!(problem(|it| it.order = vec!["Nothing".into()]).starts_with("order: \"Nothing\" is not one of the fields"));
    let other_origin = |it: &mut SourceConfig| {
        it.then = serde_json::from_value(json!({"url": "https://other.example.com/{{ id }}", "fields": {}})).unwrap();
    };
    assert!(problem(other_origin).starts_with("then.url: origin differs"));
}
