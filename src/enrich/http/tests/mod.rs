//! The source against real servers on loopback: honest ones, and ones that hang, lie, truncate, redirect, or never stop.

mod presets;

use super::*;
use crate::{
    enrich::config::{Pick, Problem, SourceConfig, SourceKind},
    model::{
        phone::Number,
        secret::{Secret, SecretRef},
        time::Span,
    },
};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};

/// A server that shows every request it gets and does with the connection what `act` says.
struct Server {
    port: u16,
    seen: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn start<F, Fut>(act: F) -> Self
    where
        F: Fn(TcpStream, String) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, seen) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (act, tell) = (act.clone(), tell.clone());
                tokio::spawn(async move {
                    let request = request(&mut stream).await;
                    let _ = tell.send(request.clone());
                    act(stream, request).await;
                });
            }
        });
        Self { port, seen }
    }

    /// One that answers everything with one JSON.
    async fn of(json: serde_json::Value) -> Self {
        Self::start(move |stream, _| say(stream, "200 OK", "", json.to_string())).await
    }

    /// One that answers everything with one status.
    async fn failing(status: &'static str, headers: &'static str) -> Self {
        Self::start(move |stream, _| say(stream, status, headers, "<html>sorry</html>".to_owned())).await
    }

    fn requests(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

/// Head and body of a request, as text.
async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|it| it.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0_usize) {
                return text;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

async fn say(mut stream: TcpStream, status: &'static str, headers: &'static str, body: String) {
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn config(port: u16) -> SourceConfig {
    let mut config = SourceConfig::new(SourceKind::Http);
    config.name = Some("crm".into());
    config.url = Some(SecretRef::Text(Secret::new(format!("http://127.0.0.1:{port}/api?phone={{number}}"))));
    config.headers = [("Authorization".to_owned(), SecretRef::Text(Secret::new("Bearer hush")))].into();
    config.fields = serde_json::from_value(json!({"name": "/results/0/name", "Tickets": "/results/0/open"})).unwrap();
    config
}

fn build(config: &SourceConfig) -> Result<Http, Vec<Problem>> {
    let resolve = |secret: &SecretRef| secret.read(None).map_err(|error| error.to_string());
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    Http::build(config, &resolve, client, Region::US)
}

fn caller() -> E164 {
    Number::read(Some("+15145550199"), Region::US).known().unwrap().clone()
}

async fn find(http: &Http, wait: Duration) -> Said {
    http.find(&caller(), Instant::now() + wait).await.0
}

/// Longer than any test should need, so that slow machines pass.
const LONG: Duration = Duration::from_secs(20);

fn silent(said: Said) -> String {
    match said {
        Said::Silent(why) => why,
        other => panic!("{other:?} is not silent"),
    }
}

fn people(said: Said) -> Vec<Contact> {
    match said {
        Said::Knows(people) => people,
        other => panic!("{other:?} knows nothing"),
    }
}

#[tokio::test]
async fn a_crm_is_asked_once_and_its_answer_believed() {
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
async fn nobody_is_believed_too_and_404_says_so_as_well() {
    for mut server in [Server::of(json!({"results": []})).await, Server::failing("404 Not Found", "").await] {
        let http = build(&config(server.port)).unwrap();
        assert!(people(find(&http, LONG).await).is_empty());
        assert!(people(find(&http, LONG).await).is_empty());
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_hangs_costs_its_facts_and_its_late_answer_helps_the_next_card() {
    let (release, released) = watch::channel(false);
    let mut server = Server::start(move |stream, _| {
        let mut released = released.clone();
        async move {
            released.wait_for(|it| *it).await.unwrap();
            say(stream, "200 OK", "", json!({"results": [{"name": "Alice"}]}).to_string()).await;
        }
    })
    .await;
    let http = build(&config(server.port)).unwrap();
    assert_eq!(silent(find(&http, Duration::from_millis(50)).await), "no answer in time");
    server.seen.recv().await.unwrap();
    release.send(true).unwrap();
    let later = tokio::time::timeout(LONG, async {
        while http.0.state().cache.get(&caller(), Instant::now()).is_none() {
            tokio::task::yield_now().await;
        }
    });
    later.await.unwrap();
    assert_eq!(people(find(&http, Duration::ZERO).await)[0].name.as_deref(), Some("Alice"));
    assert!(server.requests().is_empty(), "it was not asked again");
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_alone_after_five_times() {
    let mut server = Server::start(|stream, _| async move {
        let _keep = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let mut config = config(server.port);
    config.timeout = Some(Span(Duration::from_millis(20)));
    let http = build(&config).unwrap();
    for _ in 0..5 {
        assert_eq!(silent(find(&http, LONG).await), "it took longer than 20 ms");
    }
    assert_eq!(silent(find(&http, LONG).await), "it failed before and is left alone for a while");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn a_lie_is_left_out_and_named_for_what_it_is() {
    for (server, why) in [
        (Server::failing("200 OK", "Content-Type: application/json\r\n").await, "its answer is no JSON"),
        (Server::failing("401 Unauthorized", "").await, "it refuses the token (HTTP 401)"),
        (Server::failing("429 Too Many Requests", "Retry-After: 30\r\n").await, "it is asked too often (HTTP 429)"),
        (Server::failing("503 Service Unavailable", "").await, "it is broken (HTTP 503)"),
        (Server::failing("400 Bad Request", "").await, "it does not understand the request (HTTP 400)"),
        (Server::of(json!({"items": []})).await, "its answer has nothing at /results"),
        (Server::of(json!([[[1]]])).await, "its answer has nothing at /results"),
    ] {
        assert_eq!(silent(find(&build(&config(server.port)).unwrap(), LONG).await), why);
    }
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_is_kept() {
    let mut server = Server::failing("429 Too Many Requests", "Retry-After: 30\r\n").await;
    let http = build(&config(server.port)).unwrap();
    silent(find(&http, LONG).await);
    assert_eq!(silent(find(&http, LONG).await), "it failed before and is left alone for a while");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_never_ends_is_no_answer() {
    let cut = Server::start(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"results\": [").await;
    })
    .await;
    assert_eq!(
        silent(find(&build(&config(cut.port)).unwrap(), LONG).await),
        "it cannot be reached: the answer broke off"
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
    assert_eq!(silent(find(&build(&config(flood.port)).unwrap(), LONG).await), "its answer is larger than 256 KiB");
    assert!(SENT.load(Ordering::Relaxed) < 50 << 20, "most of the 100 MB were never read");

    let deep = Server::start(|stream, _| say(stream, "200 OK", "", "[".repeat(100_000))).await;
    assert_eq!(silent(find(&build(&config(deep.port)).unwrap(), LONG).await), "its answer is no JSON");
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed_and_gets_no_secret() {
    let mut thief = Server::of(json!({"results": [{"name": "Mallory"}]})).await;
    let port = thief.port;
    let server = Server::start(move |mut stream, _| async move {
        let answer = format!("HTTP/1.1 307 Moved\r\nLocation: http://localhost:{port}/x\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let why = silent(find(&build(&config(server.port)).unwrap(), LONG).await);
    assert_eq!(why, "it redirects to another place, which is not followed");
    assert!(thief.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_at_home_is_followed_but_not_in_circles() {
    let mut server = Server::start(|stream, request| async move {
        if request.starts_with("GET /api/?") {
            say(stream, "200 OK", "", json!({"results": [{"name": "Alice"}]}).to_string()).await;
        } else if request.starts_with("GET /round") {
            say(stream, "302 Found", "Location: /round\r\n", String::new()).await;
        } else {
            say(stream, "301 Moved", "Location: /api/?phone=1\r\n", String::new()).await;
        }
    })
    .await;
    assert_eq!(people(find(&build(&config(server.port)).unwrap(), LONG).await).len(), 1);
    assert!(server.requests().iter().all(|it| it.contains("Bearer hush")));
    let mut round = config(server.port);
    round.url = Some(SecretRef::Text(Secret::new(format!("http://127.0.0.1:{}/round?{{number}}", server.port))));
    silent(find(&build(&round).unwrap(), LONG).await);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_broken_server_is_asked_again_only_while_the_card_waits() {
    let flaky = |failures: usize| {
        let asked = Arc::new(AtomicUsize::new(0));
        Server::start(move |stream, _| {
            let broken = asked.fetch_add(1, Ordering::SeqCst) < failures;
            let status = if broken { "502 Bad Gateway" } else { "200 OK" };
            say(stream, status, "", json!({"results": [{"name": "Alice"}]}).to_string())
        })
    };
    let mut server = flaky(1).await;
    assert_eq!(people(find(&build(&config(server.port)).unwrap(), LONG).await).len(), 1);
    assert_eq!(server.requests().len(), 2);
    let mut server = flaky(2).await;
    assert_eq!(silent(find(&build(&config(server.port)).unwrap(), LONG).await), "it is broken (HTTP 502)");
    assert_eq!(server.requests().len(), 2);
    let mut server = flaky(1).await;
    silent(find(&build(&config(server.port)).unwrap(), Duration::from_millis(30)).await);
    let gone = build(&config(1)).unwrap();
    assert_eq!(silent(find(&gone, LONG).await), "it cannot be reached: no connection");
    tokio::time::timeout(LONG, server.seen.recv()).await.unwrap();
    assert!(server.requests().is_empty(), "no second question after the deadline");
}

#[tokio::test]
async fn only_so_many_look_ups_run_at_once() {
    static OPEN: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|stream, _| async {
        let open = OPEN.fetch_add(1, Ordering::SeqCst) + 1;
        MOST.fetch_max(open, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        OPEN.fetch_sub(1, Ordering::SeqCst);
        say(stream, "200 OK", "", json!({"results": []}).to_string()).await;
    })
    .await;
    let mut config = config(server.port);
    config.concurrency = Some(2);
    let http = build(&config).unwrap();
    let numbers: Vec<E164> = (100..130)
        .map(|last| Number::read(Some(&format!("+15145550{last}")), Region::US).known().unwrap().clone())
        .collect();
    let asked = numbers.iter().map(|number| http.find(number, Instant::now() + LONG));
    for said in futures_util::future::join_all(asked).await {
        people(said.0);
    }
    assert!(MOST.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn a_body_a_post_and_a_second_question_are_made_from_templates() {
    let mut server = Server::start(|stream, request| async move {
        let answer = if request.starts_with("POST /find ") {
            json!({"hits": [{"id": "7/../8", "who": "Alice"}]})
        } else {
            json!({"count": 3, "a": true})
        };
        say(stream, "200 OK", "", answer.to_string()).await;
    })
    .await;
    let base = format!("http://127.0.0.1:{}", server.port);
    let mut config = config(server.port);
    config.url = Some(SecretRef::Text(Secret::new(format!("{base}/find"))));
    config.body = Some("{\"q\": {\"phone\": \"{national}\", \"or\": \"{digits}\"}}".into());
    config.results = Some("/hits".into());
    config.fields = serde_json::from_value(json!({"name": "/who", "Id": "/id"})).unwrap();
    config.then =
        serde_json::from_value(json!({"url": format!("{base}/t/{{/id}}"), "fields": {"Open": "/count", "A": "/a"}}))
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

/// What the journal gets, as text.
#[derive(Clone, Default)]
struct Journal(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Journal {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn trouble_is_said_once_a_change_and_says_nothing_secret() {
    let journal = Journal::default();
    let writer = journal.clone();
    let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(lines.with_max_level(tracing::Level::TRACE).finish());
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |stream, _| {
        let status = match asked.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => "401 Unauthorized",
            2 => "400 Bad Request",
            _ => "200 OK",
        };
        say(stream, status, "", json!({"results": []}).to_string())
    })
    .await;
    let mut config = config(server.port);
    config.cache_misses = Some(Span(Duration::ZERO));
    let http = build(&config).unwrap();
    for _ in 0..6 {
        find(&http, LONG).await;
    }
    let said = String::from_utf8(journal.0.lock().unwrap().clone()).unwrap();
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("enrich")).collect();
    let [refused, odd, well] = ours.as_slice() else { panic!("{ours:#?}") };
    assert!(refused.contains("WARN") && refused.contains("source fails") && refused.contains("401"), "{refused}");
    assert!(odd.contains("WARN") && odd.contains("400"), "{odd}");
    assert!(well.contains("INFO") && well.contains("source answers again") && well.contains("repeats=3"), "{well}");
    assert!(
        ours.iter().all(|line| !line.contains("hush") && !line.contains("5145550199") && !line.contains("phone=")),
        "{ours:?}"
    );
}

#[test]
fn what_is_wrong_in_a_table_is_named_by_key_and_reason() {
    let problem = |change: fn(&mut SourceConfig)| {
        let mut config = config(9);
        change(&mut config);
        build(&config).err().unwrap().remove(0).to_string()
    };
    assert!(problem(|it| it.url = None).starts_with("url: it is missing"));
    assert!(
        problem(|it| it.url = Some(SecretRef::Text(Secret::new("https://{number}.example.com/"))))
            .starts_with("url: no URL")
    );
    assert!(
        problem(|it| it.url = Some(SecretRef::Text(Secret::new("https://a.example.com{number}/"))))
            .starts_with("url: no URL")
    );
    assert!(problem(|it| it.url = Some(SecretRef::Text(Secret::new("http://10.0.0.5/{number}")))).contains("https://"));
    assert!(
        problem(|it| it.url = Some(SecretRef::Text(Secret::new("https://a:b@x.example.com/{number}"))))
            .contains("user name")
    );
    assert!(
        problem(|it| it.url = Some(SecretRef::Text(Secret::new("https://x.example.com/{phone}")))).contains("{phone}")
    );
    assert!(
        problem(|it| it.url = Some(SecretRef::Text(Secret::new("https://x.example.com/all"))))
            .contains("where the number goes")
    );
    assert!(problem(|it| it.method = Some("DELETE".into())).starts_with("method: "));
    assert!(problem(|it| it.fields.clear()).starts_with("fields: "));
    assert!(problem(|it| drop(it.fields.insert("tier".into(), Pick::One("tier".into())))).starts_with("fields.tier: "));
    assert!(problem(|it| it.ca = Some("/nowhere.pem".into())).starts_with("ca: /nowhere.pem"));
    assert!(
        problem(|it| it.preset = Some("sugar".into())).starts_with("preset: \"sugar\" is none of freshdesk, hubspot")
    );
    assert!(problem(|it| it.token = Some(SecretRef::Env("X".into()))).starts_with("token: only presets"));
    let headers =
        |it: &mut SourceConfig| drop(it.headers.insert("X".into(), SecretRef::Env("POPRELAY_NO_SUCH".into())));
    assert!(problem(headers).starts_with("headers.X: the environment variable"));
    assert!(problem(|it| it.order = vec!["Nothing".into()]).starts_with("order: \"Nothing\" is none of the fields"));
    let elsewhere = |it: &mut SourceConfig| {
        it.then = serde_json::from_value(json!({"url": "https://other.example.com/{/id}", "fields": {}})).unwrap();
    };
    assert!(problem(elsewhere).starts_with("then.url: it is at another host"));
}
