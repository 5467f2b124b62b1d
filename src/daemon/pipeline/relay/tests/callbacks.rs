//! Callbacks through the relay: reports in, edits and short messages out.

use super::*;
use crate::{
    config::DirectionFilter,
    model::{
        call::{Callback, Caller, Person, ReturnKind},
        phone::PhoneNumber,
    },
    outbox::CallerKey,
};

fn number() -> PhoneNumber {
    PhoneNumber::parse(Some("+15145550199"), Region::US)
}

fn ago(seconds: u64) -> Timestamp {
    Timestamp::now().checked_sub(Duration::from_secs(seconds)).unwrap()
}

fn missed(call: &str, ended: u64) -> Report {
    Report { caller: Some(Caller { name: None, number: number() }), ..Report::summary(call, "MISSED", ago(ended)) }
}

/// Returns a call of Dana to the number, which lasted 9 s. `answered`: after 3 s.
fn outbound(call: &str, ended: u64, answered: bool) -> Report {
    let dana = Person { name: Some("Dana".to_owned()), extension: Some("1015".to_owned()), line: None };
    Report {
        direction: WireDirection::Outbound,
        answered_at: answered.then(|| ago(ended + 6)),
        outcome: Some(if answered { "NORMAL" } else { "MISSED" }.to_owned()),
        people: vec![dana],
        // Without it the outcome waits for the full report.
        full: Some(Box::default()),
        ..missed(call, ended)
    }
}

/// Changes the settings of the sink.
fn set(pipeline: &Pipeline, mode: MessageMode, outcomes: &[StatusKind]) {
    pipeline.settings.modify(|settings| {
        let mut settings = settings.clone();
        for sink in settings.sinks.values_mut() {
            (sink.mode, sink.outcomes) = (mode, outcomes.to_vec());
        }
        settings
    });
}

async fn relay_reports(pipeline: &Arc<Pipeline>, reports: Vec<Report>) {
    for report in reports {
        run_relay(pipeline, vec![ConnectionEvent::Report(Box::new(report))]).await;
    }
}

fn callback(delivery: &Delivery) -> Option<Callback> {
    let Card::Call(card) = &delivery.card else { panic!("{delivery:?}") };
    card.update.call.course.callback.clone()
}

/// Returns the call, the kind of its callback and its status, of each waiting delivery.
async fn shown(pipeline: &Pipeline) -> Vec<(String, Option<ReturnKind>, StatusKind)> {
    let of_call = |delivery: &Delivery| {
        let Card::Call(card) = &delivery.card else { panic!("{delivery:?}") };
        (card.update.call.id.to_string(), callback(delivery).map(|it| it.call.kind), delivery.key.status)
    };
    pending(pipeline).await.iter().map(of_call).collect()
}

#[tokio::test]
async fn live_messages_of_all_missed_calls_show_the_callback() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    set(&pipeline, MessageMode::Live, &[]);
    let reports = vec![missed("a", 500), missed("b", 400), outbound("tried", 300, false)];
    relay_reports(&pipeline, reports).await;
    let with = |kind| vec![("a".to_owned(), kind, StatusKind::Missed), ("b".to_owned(), kind, StatusKind::Missed)];
    assert_eq!(shown(&pipeline).await, with(Some(ReturnKind::Tried)));
    relay_reports(&pipeline, vec![outbound("back", 200, true)]).await;
    assert_eq!(shown(&pipeline).await, with(Some(ReturnKind::CalledBack)));
    let first = callback(&pending(&pipeline).await[0]).unwrap();
    assert_eq!(first.call.colleague.unwrap().name.as_deref(), Some("Dana"));
    assert_eq!((first.after.as_secs(), first.call.talked.unwrap().as_secs()), (291, 6));
}

#[tokio::test]
async fn callback_is_found_whatever_order_the_reports_have() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    set(&pipeline, MessageMode::Live, &[]);
    relay_reports(&pipeline, vec![outbound("back", 200, true), missed("a", 500)]).await;
    let [(call, Some(ReturnKind::CalledBack), _)] = &shown(&pipeline).await[..] else { panic!() };
    assert_eq!(call, "a");
}

#[tokio::test]
async fn return_calls_that_directions_exclude_count_too() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    set(&pipeline, MessageMode::Live, &[]);
    assert!(!DirectionFilter::default().allows(crate::model::call::CallDirection::Outbound));
    relay_reports(&pipeline, vec![missed("a", 500), outbound("back", 200, true)]).await;
    assert_eq!(shown(&pipeline).await, [("a".to_owned(), Some(ReturnKind::CalledBack), StatusKind::Missed)]);
}

#[tokio::test]
async fn event_gap_with_a_return_call_closes_the_missed_call_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    set(&pipeline, MessageMode::Live, &[]);
    relay_reports(&pipeline, vec![missed("a", 500)]).await;
    let reports = Reports::Fetched(vec![outbound("back", 200, true)]);
    run_relay(&pipeline, vec![ConnectionEvent::GapClosed { from: ago(300), to: Timestamp::now(), reports }]).await;
    assert_eq!(shown(&pipeline).await, [("a".to_owned(), Some(ReturnKind::CalledBack), StatusKind::Missed)]);
}

#[tokio::test]
async fn webhook_gets_one_short_card_if_outcomes_list_it() {
    for (outcomes, expected) in [
        (vec![StatusKind::Missed], vec![("a", StatusKind::Missed), ("b", StatusKind::Missed)]),
        (
            vec![StatusKind::Missed, StatusKind::CalledBack],
            vec![("a", StatusKind::Missed), ("b", StatusKind::CalledBack)],
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let pipeline = pipeline(&dir);
        set(&pipeline, MessageMode::Post, &outcomes);
        relay_reports(&pipeline, vec![missed("a", 500), missed("b", 400), outbound("back", 200, true)]).await;
        let shown: Vec<_> = shown(&pipeline).await.into_iter().map(|(call, _, status)| (call, status)).collect();
        let expected: Vec<_> = expected.into_iter().map(|(call, status)| (call.to_owned(), status)).collect();
        assert_eq!(shown, expected);
    }
}

#[tokio::test]
async fn other_numbers_and_hidden_callers_are_never_matched() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    set(&pipeline, MessageMode::Live, &[]);
    let other = PhoneNumber::parse(Some("+15145550142"), Region::US);
    let to_other = Report { caller: Some(Caller { name: None, number: other }), ..outbound("other", 300, true) };
    let hidden =
        |report: Report| Report { caller: Some(Caller { name: None, number: PhoneNumber::Withheld }), ..report };
    let reports = vec![missed("a", 500), hidden(missed("h", 450)), to_other, hidden(outbound("hidden", 200, true))];
    relay_reports(&pipeline, reports).await;
    assert!(shown(&pipeline).await.iter().all(|(_, kind, _)| kind.is_none()));
}

#[tokio::test]
async fn restart_completes_a_callback_that_a_crash_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(&dir);
    set(&pipeline, MessageMode::Live, &[]);
    relay_reports(&pipeline, vec![missed("a", 500)]).await;
    // As after a crash: the return call is stored, its effect is not.
    let returned = update_from_report(&outbound("back", 200, true), Timestamp::now()).unwrap();
    pipeline.outbox.record_unposted(returned, None).await.unwrap();
    assert_eq!(shown(&pipeline).await[0].1, None);
    pipeline.replay_callbacks(Timestamp::now()).await;
    assert_eq!(shown(&pipeline).await[0].1, Some(ReturnKind::CalledBack));
    let calls = pipeline.outbox.caller_calls(CallerKey::of(number().as_e164().unwrap())).await.unwrap();
    assert!(calls.missed[0].callback.is_some(), "stored with the edit");
}
