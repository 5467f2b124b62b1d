//! The history of calls: what is counted, which record of a call wins, and what the transaction of an update stores.

use super::{
    super::{forget, store::Store},
    call_history as cases,
    suite::TestStore,
    *,
};
use crate::model::{
    call_history::{CallCounts, CallEntry, CallHistory as _, HistoryError, HistoryQuery, RecordedCall},
    call_record::CallRecord,
    phone::E164,
    time::after,
};

over_each_database! {
    find_counts_calls_by_age_without_the_ringing_one,
    missed_calls_count_from_the_last_answered_call_on,
    recent_calls_count_by_the_ages_of_the_query,
    late_update_keeps_the_outcome,
    reported_and_recorded_call_count_once,
    outbound_call_counts_only_if_answered,
    since_returns_sinks_and_first_decision_time,
    calls_older_than_the_retention_are_deleted,
    update_and_its_sinks_survive_a_crash_with_their_delivery,
    forgotten_number_has_no_history,
}

const NOW: &str = "2026-11-23T12:00:00Z";
const ALICE: &str = "+15145550199";

fn number(text: &str) -> E164 {
    E164::try_from(text.to_owned()).unwrap()
}

fn entry(call: &str, started: &str, status: StatusKind) -> CallEntry {
    let started: Timestamp = started.parse().unwrap();
    CallEntry {
        call: call.to_owned(),
        number: Some(number(ALICE)),
        started,
        at: started,
        status,
        answered_by: None,
        outbound: false,
        end_unknown: false,
        waited: None,
        sinks: Vec::new(),
        needs_callback: matches!(status, StatusKind::Missed | StatusKind::Voicemail),
    }
}

async fn record(queue: &DatabaseOutbox, entry: CallEntry) {
    queue.run(true, move |store: &mut Store, _| store.record_history(&entry)).await.unwrap();
}

async fn record_all<const N: usize>(queue: &DatabaseOutbox, calls: [(&str, &str, StatusKind); N]) {
    for (call, started, status) in calls {
        let by = (status == StatusKind::Ended).then(|| "Bob".to_owned());
        record(queue, CallEntry { answered_by: by, ..entry(call, started, status) }).await;
    }
}

fn query(call: &str) -> HistoryQuery {
    HistoryQuery {
        number: number(ALICE),
        call: Some(call.to_owned()),
        at: NOW.parse().unwrap(),
        missed_within: Duration::from_secs(15 * 60),
        calls_within: Duration::from_secs(10 * 60),
    }
}

async fn find(queue: &DatabaseOutbox) -> CallCounts {
    queue.find(query("now")).await.unwrap()
}

async fn find_counts_calls_by_age_without_the_ringing_one(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = outbox.queue();
    record_all(&queue, [("now", NOW, StatusKind::Ringing)]).await;
    assert_eq!(find(&queue).await, CallCounts::default());
    for (call, started) in [("a", "2026-11-22T12:00:00Z"), ("b", "2026-11-10T12:00:00Z"), ("c", "2026-09-20T12:00:00Z")]
    {
        let by = Some("Bob".to_owned());
        record(&queue, CallEntry { answered_by: by, ..entry(call, started, StatusKind::Answered) }).await;
        record(&queue, entry(call, started, StatusKind::Ended)).await;
    }
    let counts = find(&queue).await;
    assert_eq!((counts.in_week, counts.in_month, counts.missed_since, counts.recent), (1, 2, 0, 0));
    let last = counts.last_call.unwrap();
    assert_eq!((last.outcome, last.answered_by.as_deref()), (StatusKind::Ended, Some("Bob")));
    let other = HistoryQuery { number: number("+15145550100"), ..query("now") };
    assert_eq!(queue.find(other).await.unwrap(), CallCounts::default());
}

async fn missed_calls_count_from_the_last_answered_call_on(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = outbox.queue();
    let calls = [
        ("a", "2026-11-20T10:00:00Z", StatusKind::Missed),
        ("b", "2026-11-20T11:00:00Z", StatusKind::Ended),
        ("c", "2026-11-21T10:00:00Z", StatusKind::Missed),
        ("d", "2026-11-21T11:00:00Z", StatusKind::Voicemail),
    ];
    record_all(&queue, calls).await;
    let counts = find(&queue).await;
    assert_eq!((counts.missed_since, counts.missed_recently), (2, 0));
}

async fn recent_calls_count_by_the_ages_of_the_query(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = outbox.queue();
    record_all(&queue, [("a", "2026-11-23T11:46:00Z", StatusKind::Missed)]).await;
    assert_eq!((find(&queue).await.missed_recently, find(&queue).await.recent), (1, 0));
    record_all(&queue, [("b", "2026-11-23T11:48:00Z", StatusKind::Ended)]).await;
    assert_eq!(find(&queue).await.missed_recently, 0, "answered since");
    let calls = [
        ("c", "2026-11-23T11:51:00Z", StatusKind::Ended),
        ("d", "2026-11-23T11:52:00Z", StatusKind::Ringing),
        ("now", NOW, StatusKind::Ringing),
    ];
    record_all(&queue, calls).await;
    assert_eq!(find(&queue).await.recent, 2, "the ringing call does not count");
}

async fn late_update_keeps_the_outcome(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = outbox.queue();
    let started = "2026-11-20T10:00:00Z";
    record_all(&queue, [("a", started, StatusKind::Missed), ("a", started, StatusKind::Ringing)]).await;
    assert_eq!(find(&queue).await.last_call.unwrap().outcome, StatusKind::Missed);
}

fn reported(started: &str, outbound: bool, answered: bool) -> CallRecord {
    let started_at: Timestamp = started.parse().unwrap();
    let colleague = answered.then(|| "Ben".to_owned());
    CallRecord { outbound, started_at, answered_at: answered.then_some(started_at), ended_at: None, colleague }
}

async fn reported_and_recorded_call_count_once(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = outbox.queue();
    record_all(&queue, [("a", "2026-11-20T10:00:00Z", StatusKind::Missed)]).await;
    let report = vec![
        reported("2026-11-20T10:00:07Z", false, true),
        reported("2026-11-21T10:00:00Z", false, false),
        reported("2026-11-10T10:00:00Z", false, true),
    ];
    queue.import(number(ALICE), report.clone());
    queue.import(number(ALICE), report);
    let counts = find(&queue).await;
    assert_eq!(
        (counts.in_week, counts.in_month, counts.missed_since),
        (2, 3, 2),
        "the recorded call keeps its outcome"
    );
    record_all(&queue, [("b", "2026-11-21T09:59:55Z", StatusKind::Ended)]).await;
    let counts = find(&queue).await;
    assert_eq!((counts.in_week, counts.in_month, counts.missed_since), (2, 3, 0), "recorded after the report");
    assert_eq!(counts.last_call.unwrap().answered_by.as_deref(), Some("Bob"));
}

async fn outbound_call_counts_only_if_answered(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = outbox.queue();
    record_all(&queue, [("a", "2026-11-20T10:00:00Z", StatusKind::Missed)]).await;
    queue.import(number(ALICE), vec![reported("2026-11-20T11:00:00Z", true, false)]);
    let counts = find(&queue).await;
    assert_eq!((counts.in_week, counts.missed_since), (1, 1), "an unanswered outbound call changes nothing");
    assert_eq!(counts.last_call.unwrap().outcome, StatusKind::Missed);
    let back = CallEntry { outbound: true, ..entry("b", "2026-11-21T10:00:00Z", StatusKind::Ended) };
    let started = back.started;
    record(&queue, back).await;
    let counts = find(&queue).await;
    assert_eq!((counts.in_week, counts.missed_since), (1, 0), "called back");
    assert_eq!(counts.last_call.unwrap().at, started);
}

async fn since_returns_sinks_and_first_decision_time(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = outbox.queue();
    let at = |time: &str| -> Timestamp { format!("2026-11-23T{time}Z").parse().unwrap() };
    let (desk, sales) = (sink("desk"), sink("sales"));
    let one = |kind, time: &str, sinks| {
        let waited = (kind == StatusKind::Missed).then_some(Duration::from_millis(20_500));
        CallEntry { at: at(time), waited, sinks, ..entry("a", "2026-11-23T09:59:00Z", kind) }
    };
    for update in [
        one(StatusKind::Ringing, "09:59:00", vec![desk.clone()]),
        one(StatusKind::Missed, "09:59:20", vec![desk.clone(), sales.clone()]),
        one(StatusKind::Voicemail, "10:01:00", vec![desk.clone()]),
    ] {
        record(&queue, update).await;
    }
    let withheld = CallEntry { number: None, ..entry("b", "2026-11-23T10:02:00Z", StatusKind::Ringing) };
    record(&queue, withheld).await;
    let calls = queue.since(at("09:59:10")).await.unwrap();
    let [call, unknown] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((unknown.number.clone(), unknown.decided_at), (None, None));
    let expected = RecordedCall {
        number: Some(number(ALICE)),
        started: at("09:59:00"),
        outcome: StatusKind::Voicemail,
        outbound: false,
        waited: Some(Duration::from_millis(20_500)),
        decided_at: Some(at("09:59:20")),
        sinks: vec![desk, sales],
        needs_callback: true,
    };
    assert_eq!(*call, expected);
    assert_eq!(queue.since(at("09:59:21")).await.unwrap().len(), 1, "decided before");
}

async fn calls_older_than_the_retention_are_deleted(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = outbox.queue();
    let calls =
        [("old", "2026-08-20T10:00:00Z", StatusKind::Missed), ("new", "2026-11-20T10:00:00Z", StatusKind::Missed)];
    record_all(&queue, calls).await;
    assert!(!queue.prune_history("2026-09-01T00:00:00Z".parse().unwrap()).await.unwrap());
    assert_eq!(find(&queue).await.missed_since, 1);
}

async fn update_and_its_sinks_survive_a_crash_with_their_delivery(mut outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let (desk, at) = (sink("desk"), Timestamp::now());
    let mut update = call_update("a", StatusKind::Missed, "Alice");
    (update.call.started_at, update.at) = (at, after(at, Duration::from_secs(20)));
    for keeps_history in [true, false] {
        let (update, sink) = (CallUpdate { call: update.call.clone(), ..update.clone() }, desk.clone());
        let plan = {
            let (update, sink) = (update.clone(), sink.clone());
            move |_| {
                let key = DeliveryKey {
                    subject: Subject::Call(update.call.id.clone()),
                    status: update.kind(),
                    sink: sink.clone(),
                };
                let card = Card::Call(Box::new(CallCard::new(update.clone(), CallerInfo::default())));
                // Two cards of an update for one sink.
                let delivery = NewDelivery { key, card, mode: EnqueueMode::Insert };
                vec![delivery.clone(), delivery]
            }
        };
        let mut update = update;
        if !keeps_history {
            update.call.id = ConversationSpaceId::try_from("unrecorded").unwrap();
        }
        outbox.queue().enqueue_update(None, update, keeps_history, true, plan).await.unwrap();
    }
    outbox.crash().await;
    let calls = outbox.queue().since(at).await.unwrap();
    assert_eq!(
        calls.iter().map(|call| (call.outcome, call.sinks.clone())).collect::<Vec<_>>(),
        [(StatusKind::Missed, vec![desk])]
    );
}

async fn forgotten_number_has_no_history(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = outbox.queue();
    record_all(&queue, [("a", "2026-11-20T10:00:00Z", StatusKind::Missed)]).await;
    let store_and_report = queue
        .run(true, |store: &mut Store, _| Ok(super::super::call_history::forget_calls(&store.db, &number(ALICE))?))
        .await;
    assert_eq!(store_and_report.unwrap(), 1);
    assert_eq!(find(&queue).await, CallCounts::default());
}

#[tokio::test]
async fn erased_number_is_in_no_byte_of_the_file() {
    let outbox = Sqlite::fresh();
    record_all(&outbox.queue, [("a", "2026-11-20T10:00:00Z", StatusKind::Missed)]).await;
    outbox.queue.import(number(ALICE), vec![reported("2026-11-21T10:00:00Z", false, false)]);
    assert_eq!(find(&outbox.queue).await.missed_since, 2);
    let report = forget(outbox.dir.path(), &number(ALICE), Timestamp::now()).unwrap();
    assert_eq!(report.calls, 2);
    super::super::rewrite(outbox.dir.path()).unwrap();
    for entry in std::fs::read_dir(outbox.dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(11).any(|window| window == b"15145550199"));
    }
}

#[tokio::test]
async fn history_of_a_part_of_the_calls_is_not_used() {
    let outbox = Sqlite::fresh();
    record_all(&outbox.queue, [("a", "2026-11-20T10:00:00Z", StatusKind::Missed)]).await;
    let lacks = |lacks| {
        outbox.queue.run(false, move |store: &mut Store, _| {
            store.lacks_history = lacks;
            Ok(())
        })
    };
    lacks(true).await.unwrap();
    assert!(matches!(outbox.queue.find(query("now")).await, Err(HistoryError::Incomplete)));
    assert!(matches!(outbox.queue.since(Timestamp::UNIX_EPOCH).await, Err(HistoryError::Incomplete)));
    lacks(false).await.unwrap();
    assert_eq!(find(&outbox.queue).await.missed_since, 1);
}
