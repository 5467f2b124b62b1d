//! Tests of all sources together, with real files, a real history and real servers on loopback.

mod pending_lookups;

use super::*;
use crate::{
    model::{
        call::{CallStatus, Caller, MissedReason},
        call_history::{CallCounts, CallHistory, HistoryError, HistoryFuture, HistoryQuery, RecordedCall},
        call_record::CallRecord,
        card::CallerHistory,
        ids::{AccountKey, ConnectionName, ConversationSpaceId},
        phone::{PhoneNumber, Region},
        secret::SecretRef,
        time::Timestamp,
    },
    outbox::{self, DatabaseOutbox, OutboxSettings},
};
use serde_json::json;
use std::{fs, future::pending};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
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
        "type = 'http'\nname = 'crm'\nurl = 'http://127.0.0.1:{port}/?q={{{{ number }}}}'\nfields = {{ name = '/name' }}"
    ))
}

fn build(
    configs: &[SourceConfig],
    dir: &tempfile::TempDir,
    deadline: Duration,
) -> Result<(Enricher, Vec<SourceProblem>), InvalidSources> {
    let resolve: SecretReader = Arc::new(|secret: &SecretRef| secret.read(None).map_err(|error| error.to_string()));
    let http = crate::runtime::http::HttpStack::open(Default::default()).unwrap();
    Enricher::build(configs, deadline, &resolve, &http, Some(Arc::new(history(dir))), Region::US)
}

/// Opens the history in `dir`.
fn history(dir: &tempfile::TempDir) -> DatabaseOutbox {
    let settings = OutboxSettings::for_test(dir.path().join("state"));
    outbox::open(settings, Timestamp::now()).unwrap().0
}

fn call(number: &str) -> Call {
    Call::new(
        ConversationSpaceId::try_from("c-1").unwrap(),
        ConnectionName::try_from("main").unwrap(),
        AccountKey::try_from("1").unwrap(),
        Region::US,
        Caller { name: Some("CNAM".into()), number: PhoneNumber::parse(Some(number), Region::US) },
        Timestamp::now(),
    )
}

/// Starts a CRM that reports each request. With a body it answers, without one it hangs.
async fn server(body: Option<serde_json::Value>) -> (u16, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (sender, body) = (sender.clone(), body.clone());
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(1..) = stream.read(&mut buffer).await {
                    let _ = sender.send(());
                    let Some(body) = &body else { pending().await };
                    let body = body.to_string();
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    (port, requests)
}

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn lookup_hanging_crm_costs_only_its_facts_and_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("people.csv"), "Name,Phone\nAlice,5145550199\n").unwrap();
    let (port, mut seen) = server(None).await;
    let deadline = Duration::from_millis(300);
    let (enricher, warnings) = build(&[crm(port), contacts(&dir)], &dir, deadline).unwrap();
    assert_eq!(warnings, []);
    let start = Instant::now();
    let found = enricher.lookup(&call("+15145550199"), Now::current()).await;
    assert!(start.elapsed() >= deadline, "the look-up waits for the source");
    seen.recv().await.unwrap();
    let Match::One { contact } = found.matched else { panic!("{found:?}") };
    assert_eq!(contact.name.as_deref(), Some("Alice"));
    assert_eq!(found.failed_sources, ["crm"]);
    assert_eq!(found.history, Some(CallerHistory::default()));
}

#[tokio::test]
async fn lookup_withheld_or_short_number_queries_no_source() {
    let dir = tempfile::tempdir().unwrap();
    let (port, mut seen) = server(Some(json!({"name": "Alice"}))).await;
    let (enricher, _) = build(&[crm(port)], &dir, LONG).unwrap();
    for number in ["anonymous", "", "1015", "sip:x@y"] {
        assert_eq!(enricher.lookup(&call(number), Now::current()).await, CallerInfo::default());
    }
    assert!(seen.try_recv().is_err());
    let found = enricher.lookup(&call("+15145550199"), Now::current()).await;
    assert!(matches!(found.matched, Match::One { .. }));
    assert!(seen.try_recv().is_ok());
}

#[tokio::test]
async fn history_by_default_marks_a_recently_missed_caller_urgent() {
    let dir = tempfile::tempdir().unwrap();
    let (enricher, _) = build(&[], &dir, LONG).unwrap();
    let calls = history(&dir);
    let first = call("+15145550199");
    let missed = CallStatus::Missed { waited: Duration::from_secs(20), reason: MissedReason::NobodyAnswered };
    for status in [CallStatus::Ringing, missed] {
        let update = CallUpdate { call: first.clone(), status, at: first.started_at };
        let entry = enricher.history_entry(&update, vec![]);
        assert!(entry.is_some());
        calls.record_unposted(update, entry).await.unwrap();
    }
    let again = enricher.lookup(&first, Now::current()).await.history.unwrap();
    assert_eq!(again, CallerHistory::default(), "a call is not part of its own history");
    let second = Call { id: ConversationSpaceId::try_from("c-2").unwrap(), ..first };
    let found = enricher.lookup(&second, Now::current()).await;
    let history = found.history.unwrap();
    assert_eq!((history.calls_in_week, history.missed_since, history.urgent), (1, 1, true));
    assert_eq!(found.matched, Match::NotLookedUp);
    let (off, _) = build(&[table("type = 'history'\nenabled = false")], &dir, LONG).unwrap();
    assert_eq!(off.lookup(&second, Now::current()).await, CallerInfo::default());
}

/// A history whose store is away.
struct IncompleteHistory;

impl CallHistory for IncompleteHistory {
    fn find(&self, _: HistoryQuery) -> HistoryFuture<CallCounts> {
        Box::pin(async { Err(HistoryError::Incomplete) })
    }

    fn since(&self, _: Timestamp) -> HistoryFuture<Vec<RecordedCall>> {
        Box::pin(async { Err(HistoryError::Incomplete) })
    }

    fn import(&self, _: E164, _: Vec<CallRecord>) {}
}

#[tokio::test]
async fn lookup_incomplete_history_is_a_failed_source() {
    let history = HistorySource { calls: Arc::new(IncompleteHistory), settings: Default::default() };
    let enricher = Enricher { history: Some(history), deadline: LONG, ..Enricher::default() };
    let found = enricher.lookup(&call("+15145550199"), Now::current()).await;
    assert_eq!((found.history, found.failed_sources), (None, vec!["history".to_owned()]));
}

#[tokio::test]
async fn build_missing_contacts_file_or_bad_rows_warn() {
    let dir = tempfile::tempdir().unwrap();
    let (enricher, warnings) = build(&[contacts(&dir)], &dir, LONG).unwrap();
    assert_eq!(warnings[0].key, "enrich[0].path");
    assert!(
        warnings[0].reason.contains("people.csv: cannot read file") && warnings[0].reason.contains("disabled"),
        "{warnings:?}"
    );
    let found = enricher.lookup(&call("+15145550199"), Now::current()).await;
    assert_eq!((found.matched, found.failed_sources.len()), (Match::NotLookedUp, 0));
    fs::write(dir.path().join("people.csv"), "Name,Phone\nA,5145550199\nB,n/a\n").unwrap();
    let (_, warnings) = build(&[contacts(&dir)], &dir, LONG).unwrap();
    assert!(warnings[0].reason.ends_with("1 rows skipped (line 3: no readable phone number)"), "{warnings:?}");
}

#[tokio::test]
async fn build_invalid_tables_report_all_problems_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let tables = [
        table("type = 'contacts'\nretention = '9d'"),
        table("type = 'http'\nname = 'crm'\nurl = 'https://x.example.com/{{ number }}'\nfields = { tier = 'tier' }"),
        crm(9),
        crm(9),
    ];
    let error = build(&tables, &dir, LONG).err().unwrap();
    let keys: Vec<&str> = error.0.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["enrich[0].retention", "enrich[0].path", "enrich[1].fields.tier", "enrich[3].name"]);
    assert_eq!(error.to_string().lines().count(), 4);
    let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["state"], "a failed check leaves no files");
}

#[tokio::test(start_paused = true)]
async fn watch_files_changed_contacts_are_reloaded() {
    let dir = tempfile::tempdir().unwrap();
    let write =
        |name: &str| fs::write(dir.path().join("people.csv"), format!("Name,Phone\n{name},5145550199\n")).unwrap();
    write("Alice");
    let (enricher, _) = build(&[contacts(&dir), table("type = 'history'\nenabled = false")], &dir, LONG).unwrap();
    write("Another person");
    let changed = async {
        loop {
            let found = enricher.lookup(&call("+15145550199"), Now::current()).await;
            let Match::One { contact } = found.matched else { panic!("no match while the file changes") };
            if contact.name.as_deref() == Some("Another person") {
                return;
            }
            sleep(WatchedFile::POLL_INTERVAL).await;
        }
    };
    tokio::select! {
        _ = enricher.watch_files() => {}
        done = timeout(LONG, changed) => done.unwrap(),
    }
}

#[test]
fn lookup_results_tell_late_answers_from_failed_ones() {
    let failed = SourceAnswer::Failed("no answer before the card's deadline".to_owned());
    let found = SourceAnswer::Found(vec![crate::model::card::Contact::default()]);
    assert_eq!(lookup_result(&failed, true), LookupResult::Late);
    assert_eq!(lookup_result(&failed, false), LookupResult::Failed);
    assert_eq!(lookup_result(&found, false), LookupResult::Found);
    assert_eq!(lookup_result(&SourceAnswer::Found(Vec::new()), false), LookupResult::NotFound);
    assert_eq!(history_result(&HistoryState::Found(CallerHistory::default()), true), LookupResult::NotFound);
    assert_eq!(history_result(&HistoryState::Failed, true), LookupResult::Late);
}
