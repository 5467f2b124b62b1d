//! All sources together, against real files, a real history and real servers on loopback.

use super::*;
use crate::model::{
    call::{Bound, Caller, MissedWhy, Moment},
    card::History,
    ids::{AccountKey, ConnectionName, ConversationSpaceId},
    phone::{Number, Region},
    secret::SecretRef,
    time::{Span, Timestamp},
};
use serde_json::json;
use std::{fs, future::pending};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

fn table(toml: &str) -> SourceConfig {
    toml::from_str(toml).unwrap()
}

fn contacts(dir: &tempfile::TempDir) -> SourceConfig {
    table(&format!("type = 'contacts'\npath = '{}/people.csv'", dir.path().display()))
}

fn crm(port: u16) -> SourceConfig {
    table(&format!(
        "type = 'http'\nname = 'crm'\nurl = 'http://127.0.0.1:{port}/?q={{number}}'\nfields = {{ name = '/name' }}"
    ))
}

fn build(
    configs: &[SourceConfig],
    dir: &tempfile::TempDir,
    deadline: Duration,
) -> Result<(Enricher, Vec<Problem>), BadSources> {
    let resolve = |secret: &SecretRef| secret.read(None).map_err(|error| error.to_string());
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    Enricher::build(configs, deadline, &resolve, &http, Some(dir.path()), Region::US)
}

fn call(number: &str) -> Call {
    Call {
        id: ConversationSpaceId::try_from("c-1").unwrap(),
        connection: ConnectionName::try_from("main").unwrap(),
        region: Region::US,
        account: AccountKey::try_from("1").unwrap(),
        bound: Bound::Inbound,
        caller: Caller { name: Some("CNAM".into()), number: Number::read(Some(number), Region::US) },
        ours: None,
        queues: vec![],
        people: vec![],
        transfers: Vec::new(),
        answered: None,
        queued: None,
        started: Timestamp::now(),
        late: false,
        lost: false,
        revised: None,
        course: crate::model::call::Course::default(),
    }
}

/// A CRM that tells of each request; with a body it answers, without it hangs.
async fn server(body: Option<serde_json::Value>) -> (u16, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (tell, body) = (tell.clone(), body.clone());
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(1..) = stream.read(&mut buffer).await {
                    let _ = tell.send(());
                    let Some(body) = &body else { pending().await };
                    let body = body.to_string();
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    (port, seen)
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_crm_that_hangs_costs_its_own_facts_and_the_deadline_at_most() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.csv"), "Name,Phone\nAlice,5145550199\n").unwrap();
    let (port, mut seen) = server(None).await;
    let deadline = Duration::from_millis(300);
    let (enricher, notes) = build(&[crm(port), contacts(&dir)], &dir, deadline).unwrap();
    assert_eq!(notes, []);
    assert!(!enricher.is_instant(&call("+15145550199")));
    let start = Instant::now();
    let found = enricher.find(&call("+15145550199"), Now::read()).await;
    assert!(start.elapsed() >= deadline, "it waited for the source");
    seen.recv().await.unwrap();
    let Match::One { contact } = found.who else { panic!("{found:?}") };
    assert_eq!(contact.name.as_deref(), Some("Alice"));
    assert_eq!(found.silent, ["crm"]);
    assert_eq!(found.history, Some(History::default()));
}

/// A CRM that answers what stands in `body` as soon as there is something.
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
async fn what_a_source_says_after_the_deadline_is_offered_when_it_says_something_new() {
    let dir = tempfile::tempdir().unwrap();
    let (says, said) = watch::channel(None);
    let (other_says, other_said) = watch::channel(None);
    let mut second = crm(slow_server(other_said).await);
    second.name = Some("desk".to_owned());
    let sources = [crm(slow_server(said).await), second];
    let (enricher, _) = build(&sources, &dir, Duration::from_millis(50)).unwrap();
    let (found, later) = enricher.find_so_far(&call("+15145550199"), Now::read()).await;
    assert_eq!((found.who, found.silent), (Match::NotAsked, vec!["crm".to_owned(), "desk".to_owned()]));
    let mut later = later.unwrap();
    says.send_replace(Some(json!({"name": "Alice"})));
    let newer = timeout(LONG, later.next()).await.unwrap().unwrap();
    assert!(matches!(&newer.who, Match::One { contact } if contact.name.as_deref() == Some("Alice")), "{newer:?}");
    assert_eq!(newer.silent, ["desk"], "the other is still waited for");
    assert_eq!(newer.history, Some(History::default()), "what was known stays");
    other_says.send_replace(Some(json!({"name": "Alice"})));
    let newest = timeout(LONG, later.next()).await.unwrap().unwrap();
    assert!(matches!(&newest.who, Match::One { contact } if contact.source == "crm + desk"), "{newest:?}");
    assert!(newest.silent.is_empty());
    assert_eq!(timeout(LONG, later.next()).await.unwrap(), None);
    let (found, later) = enricher.find_so_far(&call("+15145550199"), Now::read()).await;
    assert_eq!(found, newest);
    assert!(later.is_none(), "the cache is warm: nothing is left to wait for");
}

#[tokio::test]
async fn a_late_answer_that_adds_nothing_is_no_news_and_nobody_need_wait_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (says, said) = watch::channel(None);
    let mut slow = crm(slow_server(said).await);
    slow.concurrency = Some(1);
    let (enricher, _) = build(&[slow], &dir, Duration::from_millis(50)).unwrap();
    let (_, later) = enricher.find_so_far(&call("+15145550199"), Now::read()).await;
    let (found, queued) = enricher.find_so_far(&call("+15145550188"), Now::read()).await;
    assert_eq!(found.silent, ["crm"], "it waits behind the first");
    drop(later);
    says.send_replace(Some(json!({"odd": true})));
    let mut queued = queued.unwrap();
    let newer = timeout(LONG, queued.next()).await.unwrap().unwrap();
    assert_eq!((newer.who, newer.silent.len()), (Match::Nobody, 0));
    let (again, none) = enricher.find_so_far(&call("+15145550199"), Now::read()).await;
    assert_eq!((again.who, none.is_none()), (Match::Nobody, true), "dropped, and yet in the cache");
}

#[tokio::test]
async fn a_source_that_fails_late_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (port, _seen) = server(None).await;
    let mut hangs = crm(port);
    hangs.timeout = Some(Span(Duration::from_millis(200)));
    let (enricher, _) = build(&[hangs], &dir, Duration::from_millis(20)).unwrap();
    let (_, later) = enricher.find_so_far(&call("+15145550199"), Now::read()).await;
    assert_eq!(timeout(LONG, later.unwrap().next()).await.unwrap(), None);
}

#[tokio::test]
async fn a_hidden_or_short_number_is_never_looked_up() {
    let dir = tempfile::tempdir().unwrap();
    let (port, mut seen) = server(Some(json!({"name": "Alice"}))).await;
    let (enricher, _) = build(&[crm(port)], &dir, LONG).unwrap();
    for number in ["anonymous", "", "1015", "sip:x@y"] {
        assert_eq!(enricher.find(&call(number), Now::read()).await, Findings::default());
    }
    assert!(seen.try_recv().is_err());
    let found = enricher.find(&call("+15145550199"), Now::read()).await;
    assert!(matches!(found.who, Match::One { .. }));
    assert!(seen.try_recv().is_ok());
}

#[tokio::test]
async fn history_is_on_by_itself_and_marks_who_was_just_missed() {
    let dir = tempfile::tempdir().unwrap();
    let (enricher, _) = build(&[], &dir, LONG).unwrap();
    assert!(enricher.is_instant(&call("+15145550199")));
    let first = call("+15145550199");
    let missed = Moment::Missed { after: Duration::from_secs(20), why: MissedWhy::NobodyAnswered };
    enricher.saw(&Telling { call: first.clone(), moment: Moment::Ringing, at: first.started }, vec![]);
    enricher.saw(&Telling { call: first.clone(), moment: missed, at: first.started }, vec![]);
    let again = enricher.find(&first, Now::read()).await.history.unwrap();
    assert_eq!(again, History::default(), "a call is not its own past");
    let second = Call { id: ConversationSpaceId::try_from("c-2").unwrap(), ..first };
    let found = enricher.find(&second, Now::read()).await;
    let history = found.history.unwrap();
    assert_eq!((history.week, history.missed_since, history.urgent), (1, 1, true));
    assert_eq!(found.who, Match::NotAsked);
    assert_eq!(forget(dir.path(), second.caller.number.known().unwrap()).unwrap(), 1);
    assert_eq!(enricher.find(&second, Now::read()).await.history, Some(History::default()));
    drop(enricher);
    let (off, _) = build(&[table("type = 'history'\nenabled = false")], &dir, LONG).unwrap();
    assert_eq!(off.find(&second, Now::read()).await, Findings::default());
}

#[tokio::test]
async fn a_history_that_cannot_be_opened_is_said_and_costs_no_card() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("history.sqlite"), "no database at all, but a text of some length").unwrap();
    let (enricher, notes) = build(&[], &dir, LONG).unwrap();
    assert!(notes[0].reason.starts_with("there is no history: "), "{notes:?}");
    assert_eq!(enricher.find(&call("+15145550199"), Now::read()).await, Findings::default());
}

#[tokio::test]
async fn a_history_that_died_is_silent_and_the_card_says_so() {
    let enricher = Enricher { history: Some(Shelf::closed()), deadline: LONG, ..Enricher::default() };
    let found = enricher.find(&call("+15145550199"), Now::read()).await;
    assert_eq!((found.history, found.silent), (None, vec!["history".to_owned()]));
}

#[tokio::test]
async fn a_missing_file_is_off_and_said_so_and_bad_rows_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (enricher, notes) = build(&[contacts(&dir)], &dir, LONG).unwrap();
    assert_eq!(notes[0].key, "enrich[0].path");
    assert!(notes[0].reason.contains("people.csv: it cannot be read") && notes[0].reason.contains("off"), "{notes:?}");
    let found = enricher.find(&call("+15145550199"), Now::read()).await;
    assert_eq!((found.who, found.silent.len()), (Match::NotAsked, 0));
    fs::write(dir.path().join("people.csv"), "Name,Phone\nA,5145550199\nB,n/a\n").unwrap();
    let (_, notes) = build(&[contacts(&dir)], &dir, LONG).unwrap();
    assert!(notes[0].reason.ends_with("1 rows are left out (line 3: no number in it can be read)"), "{notes:?}");
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let tables = [
        table("type = 'contacts'\nretention = '9d'"),
        table("type = 'http'\nname = 'crm'\nurl = 'https://x.example.com/{number}'\nfields = { tier = 'tier' }"),
        crm(9),
        crm(9),
    ];
    let error = build(&tables, &dir, LONG).err().unwrap();
    let keys: Vec<&str> = error.0.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["enrich[0].retention", "enrich[0].path", "enrich[1].fields.tier", "enrich[3].name"]);
    assert_eq!(error.to_string().lines().count(), 4);
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "a check that fails leaves nothing behind");
}

#[tokio::test(start_paused = true)]
async fn a_contacts_file_that_changes_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let write =
        |name: &str| fs::write(dir.path().join("people.csv"), format!("Name,Phone\n{name},5145550199\n")).unwrap();
    write("Alice");
    let (enricher, _) = build(&[contacts(&dir), table("type = 'history'\nenabled = false")], &dir, LONG).unwrap();
    write("Somebody else");
    let changed = async {
        loop {
            let found = enricher.find(&call("+15145550199"), Now::read()).await;
            let Match::One { contact } = found.who else { panic!("nobody while the file changes") };
            if contact.name.as_deref() == Some("Somebody else") {
                return;
            }
            sleep(Followed::LOOK).await;
        }
    };
    tokio::select! {
        _ = enricher.follow() => {}
        done = timeout(LONG, changed) => done.unwrap(),
    }
}
