//! How a sink stands after whatever it was answered.

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

/// A sink and the time it lives in.
struct Scene {
    standing: Standing,
    now: Now,
}

fn reply(status: u16, body: &str) -> Answer {
    Answer::Reply(Reply { status, retry_after: None, body: body.to_owned(), whole: true })
}

fn unsent() -> Answer {
    Answer::Unsent(String::new())
}

fn again(end: &(Verdict, Settlement)) -> Timestamp {
    let Settlement::Retry { not_before, .. } = end.1 else { panic!("{end:?}") };
    not_before
}

fn standing(kind: SinkKind, pace: Option<Pace>, now: Now) -> Standing {
    let channel = kind.edits().then(|| "C1".to_owned());
    Standing::new(kind, channel, [pace, pace.map(|_| Pace::EDITS)].map(|pace| Lane::new(pace, now.tick)))
}

impl Scene {
    fn new(kind: SinkKind) -> Self {
        let now = Now { tick: Instant::now(), clock: "2026-11-23T18:00:00Z".parse().unwrap() };
        Self { standing: standing(kind, None, now), now }
    }

    fn pass(&mut self, seconds: u64) {
        let wait = Duration::from_secs(seconds);
        self.now = Now { tick: self.now.tick + wait, clock: after(self.now.clock, wait) };
    }

    fn answered(&mut self, ids: &[i64], answer: &Answer) -> Outcome {
        let batch: Vec<Delivery> = ids.iter().map(|id| delivery(*id, "")).collect();
        self.standing.answered(&batch, answer, self.now, 1.0)
    }

    fn closed(&self) -> u64 {
        self.standing.closed_for(self.now.tick).as_secs()
    }
}

#[test]
fn a_wait_holds_the_whole_sink_and_never_longer_than_a_queue_believes() {
    let mut scene = Scene::new(SinkKind::Teams);
    let outcome = scene.answered(&[1, 2], &reply(429, ""));
    assert_eq!((scene.closed(), outcome.edge), (31, Some(Edge::Trouble)));
    assert!(outcome.ends.iter().all(|end| again(end) == after(scene.now.clock, Duration::from_secs(31))));
    assert_eq!(scene.standing.mode(), Mode::Merge, "it answers: the next message may say all");
    let long = Reply { status: 429, retry_after: Some(Duration::from_secs(9000)), body: String::new(), whole: true };
    let outcome = scene.answered(&[1], &Answer::Reply(long));
    assert_eq!(outcome.held, LONGEST_WAIT);
    scene.standing.enable();
    assert_eq!(scene.closed(), 300, "it was not disabled");
}

/// A call's card that is edited if `ts` says where.
fn living(id: i64, ts: Option<&str>) -> Delivery {
    let place = |ts: &str| Place { channel: "C1".to_owned(), message: ts.to_owned() };
    Delivery { form: Form::Living { at: ts.map(place), lost: false }, ..delivery(id, "") }
}

#[test]
fn edits_that_come_too_fast_do_not_hold_up_posts_nor_the_other_way_round() {
    let mut scene = Scene::new(SinkKind::SlackApp);
    let (post, edit) = (living(1, None), living(2, Some("1.1")));
    let long = Reply { status: 429, retry_after: Some(Duration::from_secs(20)), body: String::new(), whole: true };
    scene.standing.answered(std::slice::from_ref(&edit), &Answer::Reply(long.clone()), scene.now, 0.0);
    let waits = |scene: &Scene| [&post, &edit].map(|one| scene.standing.closed_to(one, scene.now.tick).as_secs());
    assert_eq!((waits(&scene), scene.closed()), ([0, 20], 0));
    scene.pass(5);
    scene.standing.answered(std::slice::from_ref(&post), &Answer::Reply(long), scene.now, 0.0);
    assert_eq!((waits(&scene), scene.closed()), ([20, 15], 15));
    scene.pass(15);
    let outcome = scene.standing.answered(std::slice::from_ref(&edit), &reply(200, r#"{"ok":true}"#), scene.now, 0.0);
    assert_eq!((outcome.ends[0].1.clone(), waits(&scene)), (Settlement::Delivered, [5, 0]));
    let fault = Answer::Unsent(String::new());
    scene.standing.answered(std::slice::from_ref(&edit), &fault, scene.now, 1.0);
    assert_eq!(scene.closed(), 1, "what is wrong with the network concerns both");
}

#[test]
fn posts_and_edits_are_paced_apart() {
    let mut scene = Scene::new(SinkKind::SlackApp);
    scene.standing = standing(SinkKind::SlackApp, Some(Pace::default()), scene.now);
    let (post, edit) = (living(1, None), living(2, Some("1.1")));
    let ok = reply(200, r#"{"ok":true}"#);
    let mut spend = |one: &Delivery, times: usize| {
        for _ in 0..times {
            scene.standing.answered(std::slice::from_ref(one), &ok, scene.now, 0.0);
        }
        let tick = scene.now.tick;
        ([&post, &edit].map(|one| scene.standing.closed_to(one, tick).is_zero()), scene.closed())
    };
    assert_eq!(spend(&post, 4), ([false, true], 0));
    assert_eq!(spend(&edit, 10), ([false, false], 1));
}

#[test]
fn an_outage_backs_off_sends_one_card_at_a_time_and_ends_with_the_first_success() {
    let mut scene = Scene::new(SinkKind::Slack);
    let held: Vec<u64> = (0..8).map(|_| scene.answered(&[1], &unsent()).held.as_secs()).collect();
    assert_eq!(held, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(scene.standing.mode(), Mode::Canary);
    let over = scene.answered(&[1], &reply(200, "ok"));
    assert_eq!((over.edge, over.repeats), (Some(Edge::Over), 8));
    assert_eq!((scene.standing.mode(), scene.closed()), (Mode::Merge, 0));
    assert_eq!(scene.answered(&[1], &unsent()).held.as_secs(), 1, "waits begin small again");
}

#[test]
fn trouble_is_told_once_after_a_quarter_of_an_hour_and_its_end_too() {
    for (answer, told) in [(unsent(), Edge::Unreachable), (reply(429, ""), Edge::Throttled)] {
        let mut scene = Scene::new(SinkKind::Slack);
        let edges: Vec<Option<Edge>> = (0..20)
            .map(|_| {
                scene.pass(60);
                scene.answered(&[1], &answer).edge
            })
            .collect();
        let mut expected = vec![None; 20];
        expected[0] = Some(Edge::Trouble);
        expected[15] = Some(told);
        assert_eq!(edges, expected);
        let back = scene.answered(&[1], &reply(200, "ok"));
        assert_eq!((back.edge, back.repeats), (Some(Edge::Back), 20));
        assert_eq!(scene.answered(&[1], &reply(200, "ok")).edge, None);
    }
}

#[test]
fn a_disabled_sink_is_probed_every_hour_or_at_once_when_asked_and_loses_nothing() {
    let mut scene = Scene::new(SinkKind::Slack);
    let outcome = scene.answered(&[1, 2], &reply(403, "invalid_token"));
    assert_eq!((outcome.edge, scene.closed()), (Some(Edge::Disabled), 3600));
    assert!(outcome.ends.iter().all(|end| again(end) == scene.now.clock));
    assert_eq!(scene.standing.mode(), Mode::Probe);
    scene.pass(3600);
    assert_eq!(scene.closed(), 0);
    assert_eq!(scene.answered(&[1], &reply(403, "invalid_token")).edge, None);
    assert_eq!(scene.closed(), 3600);
    scene.standing.enable();
    assert_eq!(scene.closed(), 0);
    // Neither a failure nor a 429 says that it is mended; both are asked again sooner.
    let outcome = scene.answered(&[1], &unsent());
    assert_eq!((outcome.edge, scene.closed(), again(&outcome.ends[0])), (None, 300, scene.now.clock));
    assert_eq!((scene.answered(&[1], &reply(429, "")).edge, scene.closed()), (None, 300));
    assert_eq!(scene.standing.mode(), Mode::Probe);
    let outcome = scene.answered(&[1], &Answer::Untrusted(String::new()));
    assert_eq!((outcome.edge, scene.closed(), again(&outcome.ends[0])), (None, 300, scene.now.clock));
    assert_eq!(scene.answered(&[1], &reply(200, "ok")).edge, Some(Edge::Back));
    assert_eq!(scene.standing.mode(), Mode::Merge);
}

#[test]
fn five_messages_refused_alike_disable_the_sink_and_the_fifth_is_kept() {
    let mut scene = Scene::new(SinkKind::Slack);
    let ends = |outcome: &Outcome| matches!(outcome.ends[0].1, Settlement::Dead(_));
    assert!(!ends(&scene.answered(&[1, 2], &reply(405, ""))), "merged: split first, and not counted");
    assert!((1..=4).all(|id| ends(&scene.answered(&[id], &reply(405, "")))));
    let outcome = scene.answered(&[5], &reply(405, ""));
    assert_eq!((outcome.edge, ends(&outcome)), (Some(Edge::Disabled), false));

    let mut scene = Scene::new(SinkKind::Slack);
    for id in 1..=5 {
        let plain = Delivery { plain: true, ..delivery(id, "") };
        let login = reply(200, "<html>log in first</html>");
        let end = scene.standing.answered(&[plain], &login, scene.now, 1.0).ends.remove(0);
        assert_eq!(matches!(end.1, Settlement::Dead(_)), id < 5, "a portal in between must not eat the queue");
    }

    let mut scene = Scene::new(SinkKind::Slack);
    for id in 1..=20 {
        let answer = [reply(405, ""), reply(415, ""), reply(200, "ok")][usize::try_from(id % 3).unwrap()].clone();
        assert_eq!(scene.answered(&[id], &answer).edge, None, "refusals of different kinds");
    }
    for id in 1..=20 {
        let answer = if id % 4 == 0 { reply(200, "ok") } else { reply(405, "") };
        assert_eq!(scene.answered(&[id], &answer).edge, None, "successes between");
    }
}

#[test]
fn a_card_is_repeated_once_after_an_unknown_end() {
    let mut scene = Scene::new(SinkKind::Teams);
    let unsure = Answer::Unsure(String::new());
    let outcome = scene.answered(&[1, 2], &unsure);
    assert!(outcome.ends.iter().all(|end| end.0 == Verdict::RetryOnce));
    let outcome = scene.answered(&[1, 3], &unsure);
    assert_eq!(outcome.ends[0], (Verdict::Dead { alert: true }, Settlement::Dead(outcome.row.reason.to_owned())));
    assert_eq!(outcome.ends[1].0, Verdict::RetryOnce);
    assert_eq!(scene.standing.mode(), Mode::Canary);
}

#[test]
fn a_card_that_fails_while_others_pass_goes_alone_then_waits_and_is_given_up() {
    let mut scene = Scene::new(SinkKind::Slack);
    let mut waits = Vec::new();
    let last = loop {
        let outcome = scene.answered(&[1], &reply(500, ""));
        if let Settlement::Dead(why) = &outcome.ends[0].1 {
            break why.clone();
        }
        waits.push(again(&outcome.ends[0]).duration_since(scene.now.clock).as_secs());
        assert_eq!(scene.standing.alone(&delivery(1, "")), waits.len() >= 2);
        scene.answered(&[2], &reply(200, "ok"));
    };
    assert_eq!(waits, [1, 1, 60, 60, 60, 60, 60, 60, 60]);
    assert_eq!(last, "the chat fails at this card and takes others");
}

#[test]
fn an_outage_is_no_cards_fault() {
    let mut scene = Scene::new(SinkKind::Slack);
    for _ in 0..1000 {
        let outcome = scene.answered(&[1], &reply(503, ""));
        assert!(again(&outcome.ends[0]) <= after(scene.now.clock, Policy::CHAT.longest));
    }
    assert!(!scene.standing.alone(&delivery(1, "")));
}

#[test]
fn what_is_remembered_of_deliveries_is_bounded() {
    let mut scene = Scene::new(SinkKind::Slack);
    for id in 1..25_000 {
        scene.answered(&[id], &Answer::Unsure(String::new()));
    }
    assert!(scene.standing.past.remembered() <= 10_000);
}

#[test]
fn whatever_a_chat_answers_nothing_is_held_for_ever_and_every_delivery_ends() {
    let mut random = fastrand::Rng::with_seed(7);
    for kind in [SinkKind::Slack, SinkKind::SlackTrigger, SinkKind::Teams, SinkKind::TeamsConnector, SinkKind::SlackApp]
    {
        let mut scene = Scene::new(kind);
        scene.standing = standing(kind, Some(Pace::default()), scene.now);
        for _ in 0..20_000 {
            let answer = match random.u8(0..6) {
                0 => unsent(),
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
            let outcome = scene.answered(&ids, &answer);
            assert_eq!(outcome.ends.len(), ids.len());
            assert!(outcome.held <= Duration::from_secs(3600));
            for end in &outcome.ends {
                if let Settlement::Retry { not_before, .. } = end.1 {
                    assert!(not_before <= after(scene.now.clock, LONGEST_WAIT), "{end:?}");
                }
            }
            scene.pass(scene.closed() + 1);
            assert_eq!(scene.closed(), 0, "{answer:?}");
        }
        scene.standing.enable();
        for id in 100..200 {
            let well = match kind {
                SinkKind::TeamsConnector => "1",
                SinkKind::SlackApp => r#"{"ok":true}"#,
                _ => "ok",
            };
            scene.answered(&[id], &reply(200, well));
            scene.pass(300);
        }
        assert_eq!((scene.standing.mode(), scene.closed()), (Mode::Merge, 0));
    }
}
