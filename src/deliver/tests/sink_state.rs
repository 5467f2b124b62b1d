//! Sink state tests: every kind of response, in virtual time.

mod strikes;
mod unanswered;

use super::queue::delivery;
use crate::{
    deliver::{
        RateLimit,
        batch::BatchMode,
        limiter::SharedLimiter,
        outage::SinkTransition,
        response::{Failure, HttpResponse, PostResult},
        sink_state::{PostOutcome, SinkState},
        verdict::Verdict,
    },
    model::{
        delivery::{Delivery, MAX_RETRY_AFTER, MessageRef, PostMode, Settlement, SinkKind},
        time::{Now, Timestamp, after},
    },
    runtime::{backoff::BackoffPolicy, http::NetworkFault},
};
use std::time::{Duration, Instant};

/// A sink with a virtual clock.
struct SinkSimulation {
    state: SinkState,
    now: Now,
}

fn reply(status: u16, body: &str) -> PostResult {
    PostResult::Response(HttpResponse { status, retry_after: None, body: body.to_owned(), complete: true })
}

fn not_sent() -> PostResult {
    PostResult::NotSent(Failure::default())
}

fn retry_time(end: &(Verdict, Settlement)) -> Timestamp {
    let Settlement::Retry { not_before, .. } = end.1 else { panic!("{end:?}") };
    not_before
}

fn new_state(kind: SinkKind, pace: Option<RateLimit>, now: Now) -> SinkState {
    let channel = kind.supports_edit().then(|| "C1".to_owned());
    SinkState::new(
        kind,
        channel,
        [pace, pace.map(|_| RateLimit::EDITS)].map(|pace| SharedLimiter::new(pace, now.instant)),
    )
}

impl SinkSimulation {
    fn new(kind: SinkKind) -> Self {
        let now = Now { instant: Instant::now(), timestamp: "2026-11-23T18:00:00Z".parse().unwrap() };
        Self { state: new_state(kind, None, now), now }
    }

    fn pass(&mut self, seconds: u64) {
        let wait = Duration::from_secs(seconds);
        self.now = Now { instant: self.now.instant + wait, timestamp: after(self.now.timestamp, wait) };
    }

    fn answered(&mut self, ids: &[i64], answer: &PostResult) -> PostOutcome {
        let batch: Vec<Delivery> = ids.iter().map(|id| delivery(*id, "")).collect();
        self.state.on_result(&batch, answer, self.now, 1.0)
    }

    fn closed(&self) -> u64 {
        self.state.retry_in(self.now.instant).as_secs()
    }
}

#[test]
fn sink_requested_wait_pauses_all_up_to_max_retry_after() {
    let mut sink = SinkSimulation::new(SinkKind::Teams);
    let outcome = sink.answered(&[1, 2], &reply(429, ""));
    assert_eq!((sink.closed(), outcome.transition), (31, Some(SinkTransition::Failing)));
    assert!(
        outcome.settlements.iter().all(|end| retry_time(end) == after(sink.now.timestamp, Duration::from_secs(31)))
    );
    assert_eq!(sink.state.mode(), BatchMode::Merge, "a throttled sink still merges");
    let long =
        HttpResponse { status: 429, retry_after: Some(Duration::from_secs(9000)), body: String::new(), complete: true };
    let outcome = sink.answered(&[1], &PostResult::Response(long));
    assert_eq!(outcome.pause, MAX_RETRY_AFTER);
    sink.state.enable();
    assert_eq!(sink.closed(), 300, "enable does not shorten a requested wait");
}

/// Builds a live message; an edit if `ts` is given.
fn live(id: i64, ts: Option<&str>) -> Delivery {
    let place = |ts: &str| MessageRef { channel: "C1".to_owned(), ts: ts.to_owned() };
    Delivery { mode: PostMode::Live { message: ts.map(place), reposted: false }, ..delivery(id, "") }
}

#[test]
fn sink_throttled_edits_do_not_delay_posts_and_vice_versa() {
    let mut sink = SinkSimulation::new(SinkKind::SlackApp);
    let (post, edit) = (live(1, None), live(2, Some("1.1")));
    let long =
        HttpResponse { status: 429, retry_after: Some(Duration::from_secs(20)), body: String::new(), complete: true };
    sink.state.on_result(std::slice::from_ref(&edit), &PostResult::Response(long.clone()), sink.now, 0.0);
    let waits = |sink: &SinkSimulation| {
        [&post, &edit].map(|delivery| sink.state.delivery_retry_in(delivery, sink.now.instant).as_secs())
    };
    assert_eq!((waits(&sink), sink.closed()), ([0, 20], 0));
    sink.pass(5);
    sink.state.on_result(std::slice::from_ref(&post), &PostResult::Response(long), sink.now, 0.0);
    assert_eq!((waits(&sink), sink.closed()), ([20, 15], 15));
    sink.pass(15);
    let outcome = sink.state.on_result(std::slice::from_ref(&edit), &reply(200, r#"{"ok":true}"#), sink.now, 0.0);
    assert_eq!((outcome.settlements[0].1.clone(), waits(&sink)), (Settlement::Delivered, [5, 0]));
    let fault = PostResult::NotSent(Failure::default());
    sink.state.on_result(std::slice::from_ref(&edit), &fault, sink.now, 1.0);
    assert_eq!(sink.closed(), 2, "a network failure pauses posts and edits");
}

#[test]
fn sink_posts_and_edits_have_separate_limiters() {
    let mut sink = SinkSimulation::new(SinkKind::SlackApp);
    sink.state = new_state(SinkKind::SlackApp, Some(RateLimit::default()), sink.now);
    let (post, edit) = (live(1, None), live(2, Some("1.1")));
    let ok = reply(200, r#"{"ok":true}"#);
    let mut spend = |delivery: &Delivery, times: usize| {
        for _ in 0..times {
            sink.state.on_result(std::slice::from_ref(delivery), &ok, sink.now, 0.0);
        }
        let tick = sink.now.instant;
        ([&post, &edit].map(|delivery| sink.state.delivery_retry_in(delivery, tick).is_zero()), sink.closed())
    };
    assert_eq!(spend(&post, 4), ([false, true], 0));
    assert_eq!(spend(&edit, 10), ([false, false], 1));
}

#[test]
fn sink_outage_backs_off_with_canary_and_ends_on_success() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    let held: Vec<u64> = (0..8).map(|_| sink.answered(&[1], &not_sent()).pause.as_secs()).collect();
    assert_eq!(held, [2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(sink.state.mode(), BatchMode::Canary);
    let over = sink.answered(&[1], &reply(200, "ok"));
    assert_eq!((over.transition, over.repeats), (Some(SinkTransition::RecoveredEarly), 8));
    assert_eq!((sink.state.mode(), sink.closed()), (BatchMode::Merge, 0));
    assert_eq!(sink.answered(&[1], &not_sent()).pause.as_secs(), 2, "the backoff is reset");
}

#[test]
fn sink_outage_is_reported_once_after_15_min_and_its_end_once() {
    for (answer, transition) in [(not_sent(), SinkTransition::Unreachable), (reply(429, ""), SinkTransition::Throttled)]
    {
        let mut sink = SinkSimulation::new(SinkKind::Slack);
        let edges: Vec<Option<SinkTransition>> = (0..20)
            .map(|_| {
                sink.pass(60);
                sink.answered(&[1], &answer).transition
            })
            .collect();
        let mut expected = vec![None; 20];
        expected[0] = Some(SinkTransition::Failing);
        expected[15] = Some(transition);
        assert_eq!(edges, expected);
        let back = sink.answered(&[1], &reply(200, "ok"));
        assert_eq!((back.transition, back.repeats), (Some(SinkTransition::Recovered), 20));
        assert_eq!(sink.answered(&[1], &reply(200, "ok")).transition, None);
    }
}

#[test]
fn sink_disabled_is_probed_hourly_or_on_enable_without_loss() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    let outcome = sink.answered(&[1, 2], &reply(403, "invalid_token"));
    assert_eq!((outcome.transition, sink.closed()), (Some(SinkTransition::Disabled), 3600));
    assert!(outcome.settlements.iter().all(|end| retry_time(end) == sink.now.timestamp));
    assert_eq!(sink.state.mode(), BatchMode::Probe);
    sink.pass(3600);
    assert_eq!(sink.closed(), 0);
    assert_eq!(sink.answered(&[1], &reply(403, "invalid_token")).transition, None);
    assert_eq!(sink.closed(), 3600);
    sink.state.enable();
    assert_eq!(sink.closed(), 0);
    // A failure or a 429 is no proof of recovery; the next probe comes earlier.
    let outcome = sink.answered(&[1], &not_sent());
    assert_eq!(
        (outcome.transition, sink.closed(), retry_time(&outcome.settlements[0])),
        (None, 300, sink.now.timestamp)
    );
    assert_eq!((sink.answered(&[1], &reply(429, "")).transition, sink.closed()), (None, 300));
    assert_eq!(sink.state.mode(), BatchMode::Probe);
    let outcome = sink.answered(&[1], &PostResult::BadCertificate(Failure::default()));
    assert_eq!(
        (outcome.transition, sink.closed(), retry_time(&outcome.settlements[0])),
        (None, 300, sink.now.timestamp)
    );
    assert_eq!(sink.answered(&[1], &reply(200, "ok")).transition, Some(SinkTransition::Recovered));
    assert_eq!(sink.state.mode(), BatchMode::Merge);
}

#[test]
fn sink_bad_certificate_is_retried_soon_and_reported_if_it_lasts() {
    for fault in [NetworkFault::CertificateExpired, NetworkFault::CertificateIssuer, NetworkFault::CertificateName] {
        let mut sink = SinkSimulation::new(SinkKind::Slack);
        let answer = PostResult::BadCertificate(Failure { fault: Some(fault), text: String::new() });
        let outcomes: Vec<PostOutcome> = (0..20)
            .map(|_| {
                let outcome = sink.answered(&[1], &answer);
                sink.pass(sink.closed());
                outcome
            })
            .collect();
        let pauses: Vec<u64> = outcomes.iter().map(|outcome| outcome.pause.as_secs()).collect();
        assert_eq!(pauses[..7], [2, 4, 8, 16, 32, 60, 60]);
        let reported: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.transition).collect();
        assert_eq!(reported, [SinkTransition::Failing, SinkTransition::Unreachable], "no alert for a short one");
        assert_eq!((outcomes[0].reason(), outcomes[0].advice()), (fault.as_str(), fault.advice()));
        assert_eq!(sink.state.strikes.len(), 0, "nothing was sent");
        assert_eq!(sink.answered(&[1], &reply(200, "ok")).transition, Some(SinkTransition::Recovered));
    }
}

#[test]
fn outcome_without_a_known_leg_has_the_words_of_its_rule() {
    let mut sink = SinkSimulation::new(SinkKind::Slack);
    for (answer, words) in [
        (PostResult::NotSent(Failure { fault: Some(NetworkFault::Dns), text: String::new() }), "(DNS)"),
        (PostResult::NotSent(Failure { fault: Some(NetworkFault::Other), text: String::new() }), "no connection"),
        (not_sent(), "no connection"),
        (reply(407, ""), "the proxy requires a login"),
    ] {
        let outcome = sink.answered(&[1], &answer);
        assert!(outcome.reason().contains(words) && !outcome.advice().is_empty(), "{words}: {outcome:?}");
    }
}

#[test]
fn sink_of_a_person_who_is_not_reached_takes_the_next_card() {
    let mut sink = SinkSimulation::new(SinkKind::SlackApp);
    sink.state = new_state(SinkKind::SlackApp, None, sink.now).for_person(true);
    let unknown = reply(200, r#"{"ok":false,"error":"channel_not_found"}"#);
    for id in 1..20 {
        let outcome = sink.answered(&[id], &unknown);
        assert_eq!((outcome.settlements[0].0, outcome.transition), (Verdict::Dead { alert: true }, None));
        assert_eq!((sink.state.mode(), sink.closed()), (BatchMode::Merge, 0));
    }
    let revoked = reply(200, r#"{"ok":false,"error":"token_revoked"}"#);
    assert_eq!(sink.answered(&[20], &revoked).transition, Some(SinkTransition::Disabled));
}

#[test]
fn sink_random_responses_never_block_it_forever() {
    let mut random = fastrand::Rng::with_seed(7);
    for kind in [SinkKind::Slack, SinkKind::SlackTrigger, SinkKind::Teams, SinkKind::SlackApp] {
        let mut sink = SinkSimulation::new(kind);
        sink.state = new_state(kind, Some(RateLimit::default()), sink.now);
        for _ in 0..20_000 {
            let answer = match random.u8(0..6) {
                0 => not_sent(),
                1 => PostResult::NoResponse(Failure::default()),
                2 => reply(200, ["ok", "1", "", "HTTP error 429"][random.usize(0..4)]),
                _ => {
                    let retry_after = random.bool().then(|| Duration::from_secs(random.u64(..)));
                    PostResult::Response(HttpResponse {
                        status: random.u16(100..600),
                        retry_after,
                        body: "no_text".into(),
                        complete: true,
                    })
                }
            };
            let ids: Vec<i64> = (0..random.i64(1..4)).map(|_| random.i64(1..50)).collect();
            let outcome = sink.answered(&ids, &answer);
            assert_eq!(outcome.settlements.len(), ids.len());
            assert!(outcome.pause <= Duration::from_secs(3600));
            for end in &outcome.settlements {
                if let Settlement::Retry { not_before, .. } = end.1 {
                    assert!(not_before <= after(sink.now.timestamp, MAX_RETRY_AFTER), "{end:?}");
                }
            }
            sink.pass(sink.closed() + 1);
            assert_eq!(sink.closed(), 0, "{answer:?}");
        }
        sink.state.enable();
        for id in 100..200 {
            let ok_body = match kind {
                SinkKind::SlackApp => r#"{"ok":true}"#,
                _ => "ok",
            };
            sink.answered(&[id], &reply(200, ok_body));
            sink.pass(300);
        }
        assert_eq!((sink.state.mode(), sink.closed()), (BatchMode::Merge, 0));
    }
}
