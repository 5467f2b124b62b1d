//! Sink state tests: every kind of response, in virtual time.

use super::queue::delivery;
use crate::{
    deliver::{
        Pace,
        answer::{Answer, Reply},
        lane::Lane,
        standing::{Edge, Outcome, Standing},
        turn::Mode,
        verdict::Verdict,
    },
    model::{
        backoff::Policy,
        delivery::{Delivery, Form, LONGEST_WAIT, Place, Settlement, SinkKind},
        time::{Now, Timestamp, after},
    },
};
use std::time::{Duration, Instant};

/// A sink with a virtual clock.
struct SinkSimulation {
    state: Standing,
    now: Now,
}

fn reply(status: u16, body: &str) -> Answer {
    Answer::Reply(Reply { status, retry_after: None, body: body.to_owned(), whole: true })
}

fn not_sent() -> Answer {
    Answer::Unsent(String::new())
}

fn retry_time(end: &(Verdict, Settlement)) -> Timestamp {
    let Settlement::Retry { not_before, .. } = end.1 else { panic!("{end:?}") };
    not_before
}

fn new_state(kind: SinkKind, pace: Option<Pace>, now: Now) -> Standing {
    let channel = kind.edits().then(|| "C1".to_owned());
    Standing::new(kind, channel, [pace, pace.map(|_| Pace::EDITS)].map(|pace| Lane::new(pace, now.tick)))
}

impl SinkSimulation {
    fn new(kind: SinkKind) -> Self {
        let now = Now { tick: Instant::now(), clock: "2026-11-23T18:00:00Z".parse().unwrap() };
        Self { state: new_state(kind, None, now), now }
    }

    fn pass(&mut self, seconds: u64) {
        let wait = Duration::from_secs(seconds);
        self.now = Now { tick: self.now.tick + wait, clock: after(self.now.clock, wait) };
    }

    fn answered(&mut self, ids: &[i64], answer: &Answer) -> Outcome {
        let batch: Vec<Delivery> = ids.iter().map(|id| delivery(*id, "")).collect();
        self.state.answered(&batch, answer, self.now, 1.0)
    }

    fn closed(&self) -> u64 {
        self.state.closed_for(self.now.tick).as_secs()
    }
}

#[test]
fn sink_requested_wait_pauses_all_up_to_max_retry_after() {
    let mut sink = SinkSimulation::new(SinkKind::Teams);
    let outcome = sink.answered(&[1, 2], &reply(429, ""));
    assert_eq!((sink.closed(), outcome.edge), (31, Some(Edge::Trouble)));
    assert!(outcome.ends.iter().all(|end| retry_time(end) == after(sink.now.clock, Duration::from_secs(31))));
    assert_eq!(sink.state.mode(), Mode::Merge, "a throttled sink still merges");
    let long = Reply { status: 429, retry_after: Some(Duration::from_secs(9000)), body: String::new(), whole: true };
    let outcome = sink.answered(&[1], &Answer::Reply(long));
    assert_eq!(outcome.held, LONGEST_WAIT);
    sink.state.enable();
    assert_eq!(sink.closed(), 300, "enable does not shorten a requested wait");
}

/// Builds a live message; an edit if `ts` is given.
fn live(id: i64, ts: Option<&str>) -> Delivery {
    let place = |ts: &str| Place { channel: "C1".to_owned(), message: ts.to_owned() };
    Delivery { form: Form::Living { at: ts.map(place), lost: false }, ..delivery(id, "") }
}

#[test]
fn sink_throttled_edits_do_not_delay_posts_and_vice_versa() {
    let mut sink = SinkSimulation::new(SinkKind::SlackApp);
    let (post, edit) = (live(1, None), live(2, Some("1.1")));
    let long = Reply { status: 429, retry_after: Some(Duration::from_secs(20)), body: String::new(), whole: true };
    sink.state.answered(std::slice::from_ref(&edit), &Answer::Reply(long.clone()), sink.now, 0.0);
    let waits = |sink: &SinkSimulation| [&post, &edit].map(|delivery| sink.state.closed_to(delivery, sink.now.tick).as_secs());
    assert_eq!((waits(&sink), sink.closed()), ([0, 20], 0));
    sink.pass(5);
    sink.state.answered(std::slice::from_ref(&post), &Answer::Reply(long), sink.now, 0.0);
    assert_eq!((waits(&sink), sink.closed()), ([20, 15], 15));
    sink.pass(15);
    let outcome = sink.state.answered(std::slice::from_ref(&edit), &reply(200, r#"{"ok":true}"#), sink.now, 0.0);
    assert_eq!((outcome.ends[0].1.clone(), waits(&sink)), (Settlement::Delivered, [5, 0]));
    let fault = Answer::Unsent(String::new());
    sink.state.answered(std::slice::from_ref(&edit), &fault, sink.now, 1.0);
    assert_eq!(sink.closed(), 1, "a network failure pauses posts and edits");
}

#[test]
fn sink_posts_and_edits_have_separate_limiters() {
    let mut sink = SinkSimulation::new(SinkKind::SlackApp);
    sink.state = new_state(SinkKind::SlackApp, Some(Pace::default()), sink.now);
    let (post, edit) = (live(1, None), live(2, Some("1.1")));
    let ok = reply(200, r#"{"ok":true}"#);
    let mut spend = |delivery: &Delivery, times: usize| {
        for _ in 0..times {
            sink.state.answered(std::slice::from_ref(delivery), &ok, sink.now, 0.0);
        }
        let tick = sink.now.tick;
        ([&post, &edit].map(|delivery| sink.state.closed_to(delivery, tick).is_zero()), sink.closed())
    };
    assert_eq!(spend(&post, 4), ([false, true], 0));
    assert_eq!(spend(&edit, 10), ([false, false], 1));
}

#[test]
fn sink_outage_backs_off_with_canary_and_ends_on_success() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    let held: Vec<u64> = (0..8).map(|_| sink.answered(&[1], &not_sent()).held.as_secs()).collect();
    assert_eq!(held, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(sink.state.mode(), Mode::Canary);
    let over = sink.answered(&[1], &reply(200, "ok"));
    assert_eq!((over.edge, over.repeats), (Some(Edge::Over), 8));
    assert_eq!((sink.state.mode(), sink.closed()), (Mode::Merge, 0));
    assert_eq!(sink.answered(&[1], &not_sent()).held.as_secs(), 1, "the backoff is reset");
}

#[test]
fn sink_outage_is_reported_once_after_15_min_and_its_end_once() {
    for (answer, told) in [(not_sent(), Edge::Unreachable), (reply(429, ""), Edge::Throttled)] {
        let mut sink = SinkSimulation::new(SinkKind::Slack);
        let edges: Vec<Option<Edge>> = (0..20)
            .map(|_| {
                sink.pass(60);
                sink.answered(&[1], &answer).edge
            })
            .collect();
        let mut expected = vec![None; 20];
        expected[0] = Some(Edge::Trouble);
        expected[15] = Some(told);
        assert_eq!(edges, expected);
        let back = sink.answered(&[1], &reply(200, "ok"));
        assert_eq!((back.edge, back.repeats), (Some(Edge::Back), 20));
        assert_eq!(sink.answered(&[1], &reply(200, "ok")).edge, None);
    }
}

#[test]
fn sink_disabled_is_probed_hourly_or_on_enable_without_loss() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    let outcome = sink.answered(&[1, 2], &reply(403, "invalid_token"));
    assert_eq!((outcome.edge, sink.closed()), (Some(Edge::Disabled), 3600));
    assert!(outcome.ends.iter().all(|end| retry_time(end) == sink.now.clock));
    assert_eq!(sink.state.mode(), Mode::Probe);
    sink.pass(3600);
    assert_eq!(sink.closed(), 0);
    assert_eq!(sink.answered(&[1], &reply(403, "invalid_token")).edge, None);
    assert_eq!(sink.closed(), 3600);
    sink.state.enable();
    assert_eq!(sink.closed(), 0);
    // A failure or a 429 is no proof of recovery; the next probe comes earlier.
    let outcome = sink.answered(&[1], &not_sent());
    assert_eq!((outcome.edge, sink.closed(), retry_time(&outcome.ends[0])), (None, 300, sink.now.clock));
    assert_eq!((sink.answered(&[1], &reply(429, "")).edge, sink.closed()), (None, 300));
    assert_eq!(sink.state.mode(), Mode::Probe);
    let outcome = sink.answered(&[1], &Answer::Untrusted(String::new()));
    assert_eq!((outcome.edge, sink.closed(), retry_time(&outcome.ends[0])), (None, 300, sink.now.clock));
    assert_eq!(sink.answered(&[1], &reply(200, "ok")).edge, Some(Edge::Back));
    assert_eq!(sink.state.mode(), Mode::Merge);
}

#[test]
fn sink_five_equal_rejections_disable_it_and_keep_the_fifth() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    let ends = |outcome: &Outcome| matches!(outcome.ends[0].1, Settlement::Dead(_));
    assert!(!ends(&sink.answered(&[1, 2], &reply(405, ""))), "a merged message is split and not counted");
    assert!((1..=4).all(|id| ends(&sink.answered(&[id], &reply(405, "")))));
    let outcome = sink.answered(&[5], &reply(405, ""));
    assert_eq!((outcome.edge, ends(&outcome)), (Some(Edge::Disabled), false));

    let mut sink = SinkSimulation::new(SinkKind::Slack);
    for id in 1..=5 {
        let plain = Delivery { plain: true, ..delivery(id, "") };
        let login = reply(200, "<html>log in first</html>");
        let end = sink.state.answered(&[plain], &login, sink.now, 1.0).ends.remove(0);
        assert_eq!(matches!(end.1, Settlement::Dead(_)), id < 5, "a captive portal must not empty the queue");
    }

    let mut sink = SinkSimulation::new(SinkKind::Slack);
    for id in 1..=20 {
        let answer = [reply(405, ""), reply(415, ""), reply(200, "ok")][usize::try_from(id % 3).unwrap()].clone();
        assert_eq!(sink.answered(&[id], &answer).edge, None, "rejections by different rules");
    }
    for id in 1..=20 {
        let answer = if id % 4 == 0 { reply(200, "ok") } else { reply(405, "") };
        assert_eq!(sink.answered(&[id], &answer).edge, None, "successes in between");
    }
}

#[test]
fn sink_ambiguous_result_is_retried_once() {
    let mut sink = SinkSimulation::new(SinkKind::Teams);
    let unsure = Answer::Unsure(String::new());
    let outcome = sink.answered(&[1, 2], &unsure);
    assert!(outcome.ends.iter().all(|end| end.0 == Verdict::RetryOnce));
    let outcome = sink.answered(&[1, 3], &unsure);
    assert_eq!(outcome.ends[0], (Verdict::Dead { alert: true }, Settlement::Dead(outcome.row.reason.to_owned())));
    assert_eq!(outcome.ends[1].0, Verdict::RetryOnce);
    assert_eq!(sink.state.mode(), Mode::Canary);
}

#[test]
fn sink_failing_card_goes_alone_waits_and_becomes_dead_letter() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    let mut waits = Vec::new();
    let last = loop {
        let outcome = sink.answered(&[1], &reply(500, ""));
        if let Settlement::Dead(why) = &outcome.ends[0].1 {
            break why.clone();
        }
        waits.push(retry_time(&outcome.ends[0]).duration_since(sink.now.clock).as_secs());
        assert_eq!(sink.state.alone(&delivery(1, "")), waits.len() >= 2);
        sink.answered(&[2], &reply(200, "ok"));
    };
    assert_eq!(waits, [1, 1, 60, 60, 60, 60, 60, 60, 60]);
    assert_eq!(last, "the chat rejects this card and accepts others");
}

#[test]
fn sink_outage_gives_no_strikes() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    for _ in 0..1000 {
        let outcome = sink.answered(&[1], &reply(503, ""));
        assert!(retry_time(&outcome.ends[0]) <= after(sink.now.clock, Policy::CHAT.longest));
    }
    assert!(!sink.state.alone(&delivery(1, "")));
}

#[test]
fn sink_strikes_are_bounded() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    for id in 1..25_000 {
        sink.answered(&[id], &Answer::Unsure(String::new()));
    }
    assert!(sink.state.past.remembered() <= 10_000);
}

#[test]
fn sink_random_responses_never_block_it_forever() {
    let mut random = fastrand::Rng::with_seed(7);
    for kind in [SinkKind::Slack, SinkKind::SlackTrigger, SinkKind::Teams, SinkKind::TeamsConnector, SinkKind::SlackApp]
    {
        let mut sink = SinkSimulation::new(kind);
        sink.state = new_state(kind, Some(Pace::default()), sink.now);
        for _ in 0..20_000 {
            let answer = match random.u8(0..6) {
                0 => not_sent(),
                1 => Answer::Unsure(String::new()),
                2 => reply(200, ["ok", "1", "", "HTTP error 429"][random.usize(0..4)]),
                _ => {
                    let retry_after = random.bool().then(|| Duration::from_secs(random.u64(..)));
                    Answer::Reply(Reply {
                        status: random.u16(100..600),
                        retry_after,
                        body: "no_text".into(),
                        whole: true,
                    })
                }
            };
            let ids: Vec<i64> = (0..random.i64(1..4)).map(|_| random.i64(1..50)).collect();
            let outcome = sink.answered(&ids, &answer);
            assert_eq!(outcome.ends.len(), ids.len());
            assert!(outcome.held <= Duration::from_secs(3600));
            for end in &outcome.ends {
                if let Settlement::Retry { not_before, .. } = end.1 {
                    assert!(not_before <= after(sink.now.clock, LONGEST_WAIT), "{end:?}");
                }
            }
            sink.pass(sink.closed() + 1);
            assert_eq!(sink.closed(), 0, "{answer:?}");
        }
        sink.state.enable();
        for id in 100..200 {
            let ok_body = match kind {
                SinkKind::TeamsConnector => "1",
                SinkKind::SlackApp => r#"{"ok":true}"#,
                _ => "ok",
            };
            sink.answered(&[id], &reply(200, ok_body));
            sink.pass(300);
        }
        assert_eq!((sink.state.mode(), sink.closed()), (Mode::Merge, 0));
    }
}
