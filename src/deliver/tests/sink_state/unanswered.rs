//! Sink state tests of posts and edits without an answer.

use super::*;

/// Returns every result that may hide a posted message.
fn unanswered() -> Vec<PostResult> {
    let cut = HttpResponse { status: 200, retry_after: None, body: "o".to_owned(), complete: false };
    let page = reply(200, "<html>log in first</html>");
    vec![PostResult::NoResponse(Failure::default()), page, reply(502, ""), reply(504, ""), PostResult::Response(cut)]
}

#[test]
fn sink_without_answer_gets_three_copies_a_minute_and_no_dead_letter() {
    for answer in unanswered() {
        let mut sink = SinkSimulation::new(SinkKind::Slack);
        let (mut passed, mut sent_at) = (0, Vec::new());
        for _ in 0..100 {
            sent_at.push(passed);
            let outcome = sink.state.on_result(&[delivery(1, "")], &answer, sink.now, 0.0);
            let wait = retry_time(&outcome.settlements[0]).duration_since(sink.now.timestamp).as_secs();
            assert_eq!(sink.closed(), u64::try_from(wait).unwrap(), "the others wait as well");
            assert_eq!(sink.state.mode(), BatchMode::Canary);
            passed += sink.closed();
            sink.pass(sink.closed());
        }
        assert_eq!(sent_at[..7], [0, 3, 15, 65, 185, 425, 715], "{answer:?}");
        let over = sink.answered(&[1], &reply(200, "ok"));
        assert_eq!((over.transition, sink.state.mode()), (Some(SinkTransition::Recovered), BatchMode::Merge));
        let outcome = sink.state.on_result(&[delivery(1, "")], &answer, sink.now, 0.0);
        assert_eq!(outcome.pause.as_secs(), 3, "the waits start again");
    }
}

#[test]
fn sink_waits_of_unanswered_card_grow_although_others_succeed() {
    let mut sink = SinkSimulation::new(SinkKind::Teams);
    let mut waits = Vec::new();
    let last = loop {
        let outcome =
            sink.state.on_result(&[delivery(1, "")], &PostResult::NoResponse(Failure::default()), sink.now, 0.0);
        if let Settlement::Dead(why) = &outcome.settlements[0].1 {
            break why.clone();
        }
        waits.push(retry_time(&outcome.settlements[0]).duration_since(sink.now.timestamp).as_secs());
        assert_eq!(sink.answered(&[2], &reply(202, "")).transition, Some(SinkTransition::RecoveredEarly));
    };
    assert_eq!(waits, [[3, 12, 50, 120, 240].as_slice(), &[290; 14]].concat());
    assert_eq!(last, "the chat fails at this card and accepts others");
}

#[test]
fn sink_unanswered_edit_is_retried_fast_because_it_changes_nothing() {
    let mut sink = SinkSimulation::new(SinkKind::SlackApp);
    let answer = PostResult::NoResponse(Failure::default());
    let mut pause = |one: Delivery| sink.state.on_result(&[one], &answer, sink.now, 1.0).pause.as_secs();
    assert_eq!([pause(live(1, Some("1.1"))), pause(live(1, Some("1.1"))), pause(live(2, None))], [2, 4, 3]);
}

#[test]
fn sink_flow_without_response_repeats_message_once_and_goes_on() {
    let mut sink = SinkSimulation::new(SinkKind::Teams);
    let answer = reply(502, r#"{"error":{"code":"NoResponse","message":"no upstream response"}}"#);
    let outcome = sink.answered(&[1], &answer);
    assert_eq!((outcome.settlements[0].0, outcome.transition, sink.closed()), (Verdict::RetryOnce, None, 0));
    assert_eq!(retry_time(&outcome.settlements[0]), after(sink.now.timestamp, Duration::from_secs(30)));
    let outcome = sink.answered(&[1], &answer);
    assert_eq!(outcome.settlements[0], (Verdict::Delivered { accepted: true }, Settlement::Delivered));
    assert_eq!(sink.state.mode(), BatchMode::Merge);
}

#[test]
fn sink_throttling_without_time_waits_minutes_even_without_rate_limit() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    let waits: Vec<u64> = (0..10)
        .map(|_| sink.state.on_result(&[delivery(1, "")], &reply(429, ""), sink.now, 0.0).pause.as_secs())
        .collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 240, 240]);
}

#[test]
fn sink_redirect_is_probed_after_a_minute_then_less_often() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    let probes: Vec<u64> = (0..8)
        .map(|_| {
            sink.answered(&[1], &reply(302, "<html>"));
            sink.closed()
        })
        .collect();
    assert_eq!(probes, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
    assert_eq!(sink.answered(&[1], &reply(200, "ok")).transition, Some(SinkTransition::Recovered));
    sink.answered(&[1], &reply(302, ""));
    assert_eq!(sink.closed(), 60);
}
