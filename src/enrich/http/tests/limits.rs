//! Tests of redirects, retries, limits and the journal.

use super::*;

#[tokio::test]
async fn find_redirect_to_other_host_is_not_followed() {
    let mut other = Server::of(json!({"results": [{"name": "Mallory"}]})).await;
    let port = other.port;
    let server = Server::start(move |mut stream, _| async move {
        let answer = format!("HTTP/1.1 307 Moved\r\nLocation: http://localhost:{port}/x\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let reason = failure(find(&build(&config(server.port)).unwrap(), LONG).await);
    assert_eq!(reason, "redirect to another origin, or a redirect loop");
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn find_redirect_within_origin_is_followed_without_loops() {
    let mut server = Server::start(|stream, request| async move {
        if request.starts_with("GET /api/?") {
            respond(stream, "200 OK", "", json!({"results": [{"name": "Alice"}]}).to_string()).await;
        } else if request.starts_with("GET /round") {
            respond(stream, "302 Found", "Location: /round\r\n", String::new()).await;
        } else {
            respond(stream, "301 Moved", "Location: /api/?phone=1\r\n", String::new()).await;
        }
    })
    .await;
    assert_eq!(people(find(&build(&config(server.port)).unwrap(), LONG).await).len(), 1);
    assert!(server.requests().iter().all(|it| it.contains("Bearer hush")));
    let mut looping = config(server.port);
    looping.url =
        Some(SecretRef::Text(Secret::new(format!("http://127.0.0.1:{}/round?{{{{ number }}}}", server.port))));
    failure(find(&build(&looping).unwrap(), LONG).await);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn find_server_error_is_retried_only_before_the_deadline() {
    let flaky = |failures: usize| {
        let asked = Arc::new(AtomicUsize::new(0));
        Server::start(move |stream, _| {
            let broken = asked.fetch_add(1, Ordering::SeqCst) < failures;
            let status = if broken { "502 Bad Gateway" } else { "200 OK" };
            respond(stream, status, "", json!({"results": [{"name": "Alice"}]}).to_string())
        })
    };
    let mut server = flaky(1).await;
    assert_eq!(people(find(&build(&config(server.port)).unwrap(), LONG).await).len(), 1);
    assert_eq!(server.requests().len(), 2);
    let mut server = flaky(2).await;
    assert_eq!(failure(find(&build(&config(server.port)).unwrap(), LONG).await), "server error (HTTP 502)");
    assert_eq!(server.requests().len(), 2);
    let mut server = flaky(1).await;
    failure(find(&build(&config(server.port)).unwrap(), Duration::from_millis(30)).await);
    let unreachable = build(&config(1)).unwrap();
    assert_eq!(failure(find(&unreachable, LONG).await), "request failed: the host refuses the connection");
    tokio::time::timeout(LONG, server.seen.recv()).await.unwrap();
    assert!(server.requests().is_empty(), "no second request after the deadline");
}

#[tokio::test]
async fn find_concurrency_limit_is_kept() {
    static OPEN: AtomicUsize = AtomicUsize::new(0);
    static MAX_OPEN: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|stream, _| async {
        let open = OPEN.fetch_add(1, Ordering::SeqCst) + 1;
        MAX_OPEN.fetch_max(open, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(5)).await;
        OPEN.fetch_sub(1, Ordering::SeqCst);
        respond(stream, "200 OK", "", json!({"results": []}).to_string()).await;
    })
    .await;
    let mut config = config(server.port);
    config.concurrency = Some(2);
    let http = build(&config).unwrap();
    let numbers: Vec<E164> = (100..130)
        .map(|last| PhoneNumber::parse(Some(&format!("+15145550{last}")), Region::US).as_e164().unwrap().clone())
        .collect();
    let lookups = numbers.iter().map(|number| http.find(number, Instant::now() + LONG));
    for answer in futures_util::future::join_all(lookups).await {
        people(answer.0);
    }
    assert!(MAX_OPEN.load(Ordering::SeqCst) <= 2);
}
