//! Sink state tests of repeated rejections: of a sink, and of one card.

use super::*;

#[test]
fn sink_five_equal_rejections_disable_it_and_keep_the_fifth() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    let ends = |outcome: &PostOutcome| matches!(outcome.settlements[0].1, Settlement::Dead(_));
    assert!(!ends(&sink.answered(&[1, 2], &reply(405, ""))), "a merged message is split and not counted");
    assert!((1..=4).all(|id| ends(&sink.answered(&[id], &reply(405, "")))));
    let outcome = sink.answered(&[5], &reply(405, ""));
    assert_eq!((outcome.transition, ends(&outcome)), (Some(SinkTransition::Disabled), false));

    let mut sink = SinkSimulation::new(SinkKind::Slack);
    for id in 1..=5 {
        let plain = Delivery { plain: true, ..delivery(id, "") };
        let login = reply(200, "log in first");
        let end = sink.state.on_result(&[plain], &login, sink.now, 1.0).settlements.remove(0);
        assert_eq!(matches!(end.1, Settlement::Dead(_)), id < 5, "a strange server must not empty the queue");
    }

    let mut sink = SinkSimulation::new(SinkKind::Slack);
    for id in 1..=20 {
        let answer = [reply(405, ""), reply(415, ""), reply(200, "ok")][usize::try_from(id % 3).unwrap()].clone();
        assert_eq!(sink.answered(&[id], &answer).transition, None, "rejections by different rules");
    }
    for id in 1..=20 {
        let answer = if id % 4 == 0 { reply(200, "ok") } else { reply(405, "") };
        assert_eq!(sink.answered(&[id], &answer).transition, None, "successes in between");
    }
}

#[test]
fn sink_failing_card_goes_alone_waits_and_becomes_dead_letter() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    let mut waits = Vec::new();
    let last = loop {
        let outcome = sink.answered(&[1], &reply(500, ""));
        if let Settlement::Dead(why) = &outcome.settlements[0].1 {
            break why.clone();
        }
        waits.push(retry_time(&outcome.settlements[0]).duration_since(sink.now.timestamp).as_secs());
        assert_eq!(sink.state.must_go_alone(&delivery(1, "")), waits.len() >= 2);
        sink.answered(&[2], &reply(200, "ok"));
    };
    assert_eq!(waits, [[2; 2].as_slice(), &[60; 17]].concat());
    assert_eq!(last, "the chat fails at this card and accepts others");
}

#[test]
fn sink_outage_gives_no_strikes() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    for _ in 0..1000 {
        let outcome = sink.answered(&[1], &reply(503, ""));
        assert!(retry_time(&outcome.settlements[0]) <= after(sink.now.timestamp, BackoffPolicy::CHAT.max));
    }
    assert!(!sink.state.must_go_alone(&delivery(1, "")));
}

#[test]
fn sink_strikes_are_bounded() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    for id in 1..25_000 {
        sink.answered(&[id], &PostResult::NoResponse(Failure::default()));
    }
    assert!(sink.state.strikes.len() <= 10_000);
}
