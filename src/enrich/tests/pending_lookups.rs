//! Tests of answers after the deadline of a card. Answers in time are in the parent.

use super::*;
use crate::model::time::HumanDuration;
use tokio::sync::watch;

/// Starts a CRM that answers with `body` as soon as there is one.
async fn slow_server(body: watch::Receiver<Option<serde_json::Value>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut body = body.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(1..) = stream.read(&mut buffer).await {
                    let body = body.wait_for(Option::is_some).await.unwrap().clone().unwrap().to_string();
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn pending_lookup_late_answer_with_new_info_is_returned() {
    let dir = tempfile::tempdir().unwrap();
    let (release, body) = watch::channel(None);
    let (other_release, other_body) = watch::channel(None);
    let mut second = crm(slow_server(other_body).await);
    second.name = Some("desk".to_owned());
    let sources = [crm(slow_server(body).await), second];
    let (enricher, _) = build(&sources, &dir, Duration::from_millis(50)).unwrap();
    let (found, later) = enricher.lookup_with_pending(&call("+15145550199"), Now::current()).await;
    assert_eq!((found.matched, found.failed_sources), (Match::NotLookedUp, vec!["crm".to_owned(), "desk".to_owned()]));
    let mut later = later.unwrap();
    release.send_replace(Some(json!({"name": "Alice"})));
    let newer = timeout(LONG, later.next()).await.unwrap().unwrap();
    assert!(matches!(&newer.matched, Match::One { contact } if contact.name.as_deref() == Some("Alice")), "{newer:?}");
    assert_eq!(newer.failed_sources, ["desk"], "the other source is still pending");
    assert_eq!(newer.history, Some(CallerHistory::default()), "earlier answers stay");
    other_release.send_replace(Some(json!({"name": "Alice"})));
    let newest = timeout(LONG, later.next()).await.unwrap().unwrap();
    assert!(matches!(&newest.matched, Match::One { contact } if contact.source == "crm + desk"), "{newest:?}");
    assert!(newest.failed_sources.is_empty());
    assert_eq!(timeout(LONG, later.next()).await.unwrap(), None);
    let (found, later) = enricher.lookup_with_pending(&call("+15145550199"), Now::current()).await;
    assert_eq!(found, newest);
    assert!(later.is_none(), "the cache is warm: no answer is pending");
}

#[tokio::test]
async fn pending_lookup_dropped_answer_still_fills_the_cache() {
    let dir = tempfile::tempdir().unwrap();
    let (release, body) = watch::channel(None);
    let mut slow = crm(slow_server(body).await);
    slow.concurrency = Some(1);
    let (enricher, _) = build(&[slow], &dir, Duration::from_millis(50)).unwrap();
    let (_, later) = enricher.lookup_with_pending(&call("+15145550199"), Now::current()).await;
    let (found, queued) = enricher.lookup_with_pending(&call("+15145550188"), Now::current()).await;
    assert_eq!(found.failed_sources, ["crm"], "the look-up waits behind the first");
    drop(later);
    release.send_replace(Some(json!({"odd": true})));
    let mut queued = queued.unwrap();
    let newer = timeout(LONG, queued.next()).await.unwrap().unwrap();
    assert_eq!((newer.matched, newer.failed_sources.len()), (Match::NoMatch, 0));
    let (again, none) = enricher.lookup_with_pending(&call("+15145550199"), Now::current()).await;
    assert_eq!((again.matched, none.is_none()), (Match::NoMatch, true), "the dropped answer is in the cache");
}

#[tokio::test]
async fn pending_lookup_late_failure_returns_none() {
    let dir = tempfile::tempdir().unwrap();
    let (port, _seen) = server(None).await;
    let mut hangs = crm(port);
    hangs.timeout = Some(HumanDuration(Duration::from_millis(200)));
    let (enricher, _) = build(&[hangs], &dir, Duration::from_millis(20)).unwrap();
    let (_, later) = enricher.lookup_with_pending(&call("+15145550199"), Now::current()).await;
    assert_eq!(timeout(LONG, later.unwrap().next()).await.unwrap(), None);
}
