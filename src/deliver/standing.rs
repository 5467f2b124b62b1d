//! How one sink stands: when it may be posted to, and what an answer changes for it and for what was in the message.
//! Pure: time and chance are arguments; the table and [`verdict`](super::verdict) say what an answer means.
//!
//! **Well** → messages are merged and go as fast as the pace allows. **In trouble** (nothing gets through, or the chat
//! has faults of its own) → the whole sink waits with backoff, and one card at a time finds out whether it is over.
//! **Disabled** (the sink itself is wrong: gone, forbidden) → nothing is sent but a probe every hour or when the
//! operator asks; deliveries wait. Each edge is told once.

use super::{
    answer::Answer,
    pace::{Lane, Pace},
    past::Past,
    table::{Act, Row, find},
    turn::Mode,
    verdict::{History, Verdict, under},
};
use crate::model::{
    backoff::{Policy, Waits},
    delivery::{Delivery, Form, LONGEST_WAIT, Settlement, SinkKind},
    time::{Now, after},
};
use std::time::{Duration, Instant};

/// A disabled sink is probed this often ("manual enable or every 1 h").
const PROBE: Duration = Duration::from_secs(3600);
/// A probe to which no chat answered is repeated after this, the longest wait a chat may ask for: nothing was sent, and
/// what looks like a wrong certificate may be a clock that is not yet set after a boot.
const PROBE_AGAIN: Duration = LONGEST_WAIT;
/// Trouble that lasts longer is told to the operator (15 min of 429 in a row, by the table; the same for silence).
const TELL_AFTER: Duration = Duration::from_secs(15 * 60);
/// At most so much is added to a wait that the chat asked for, so that several daemons do not return in step.
const JITTER: Duration = Duration::from_secs(1);

/// An edge, told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The first failure after all was well.
    Trouble,
    /// Trouble is over before anybody was told.
    Over,
    /// In trouble for long.
    Unreachable,
    /// Asked to wait for long.
    Throttled,
    /// The sink was disabled.
    Disabled,
    /// What was told is over.
    Back,
}

/// What an answer came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The table's row.
    pub row: &'static Row,
    /// How each delivery of the message ends, in its order.
    pub ends: Vec<(Verdict, Settlement)>,
    /// The edge, if the sink went over one.
    pub edge: Option<Edge>,
    /// How long the sink is held.
    pub held: Duration,
}

/// A spell without success.
#[derive(Debug, Clone, Copy)]
struct Ailing {
    since: Instant,
    /// Nothing gets through, as opposed to: it asks to wait.
    trouble: bool,
    /// Waits asked for in a row.
    waits: u32,
    told: bool,
}

/// One sink's standing.
#[derive(Debug)]
pub struct Standing {
    kind: SinkKind,
    posts: Lane,
    edits: Lane,
    waits: Waits,
    held: Option<Instant>,
    ailing: Option<Ailing>,
    disabled: bool,
    refused: Option<(&'static Row, Option<u16>, u32)>,
    past: Past,
    full: u32,
}

impl Standing {
    /// A sink that is well; `None` for the pace: it takes all it gets.
    #[must_use]
    pub fn new(kind: SinkKind, pace: Option<Pace>, now: Instant) -> Self {
        Self {
            kind,
            posts: Lane::new(pace, now),
            edits: Lane::new(pace.map(|_| Pace::EDITS), now),
            waits: Waits::new(Policy::CHAT),
            held: None,
            ailing: None,
            disabled: false,
            refused: None,
            past: Past::default(),
            full: 0,
        }
    }

    /// How long nothing may be posted yet; zero: now.
    #[must_use]
    pub fn closed_for(&self, now: Instant) -> Duration {
        let held = self.held.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let paced = self.posts.wait(now);
        let paced = if self.kind.edits() { paced.min(self.edits.wait(now)) } else { paced };
        held.max(paced)
    }

    /// How long a delivery may not be sent yet, by its kind of message: posts and edits are counted apart.
    #[must_use]
    pub fn closed_to(&self, delivery: &Delivery, now: Instant) -> Duration {
        if is_edit(delivery) { self.edits.wait(now) } else { self.posts.wait(now) }
    }

    /// The operator says that the sink is put right: a disabled one is tried at once. A wait that the chat asked for
    /// is not shortened.
    pub const fn enable(&mut self) {
        if self.disabled {
            self.held = None;
        }
    }

    /// How the next message is put together.
    #[must_use]
    pub fn mode(&self) -> Mode {
        if self.disabled {
            Mode::Probe
        } else if self.in_trouble() {
            Mode::Canary
        } else {
            Mode::Merge
        }
    }

    fn in_trouble(&self) -> bool {
        self.ailing.is_some_and(|ailing| ailing.trouble)
    }

    /// Whether a delivery has to be a message of its own.
    #[must_use]
    pub fn alone(&self, delivery: &Delivery) -> bool {
        delivery.plain || delivery.form != Form::Message || self.past.alone(delivery)
    }

    /// Messages so far that could not say all that waited.
    #[must_use]
    pub const fn full(&self) -> u32 {
        self.full
    }

    /// A message could not say all that waited.
    pub const fn overflowed(&mut self) {
        self.full = self.full.wrapping_add(1);
    }

    /// What `answer` to the message that said `batch` comes to. `chance` lies in 0..1.
    pub fn answered(&mut self, batch: &[Delivery], answer: &Answer, now: Now, chance: f64) -> Outcome {
        let row = find(self.kind, answer);
        let verdicts: Vec<Verdict> =
            batch.iter().map(|one| under(row, answer, &self.history(one, batch.len() > 1, row, answer))).collect();
        let strike =
            matches!(row.act, Act::Retry | Act::RetryOnce) && answer.status().is_some() && self.mode() == Mode::Merge;
        let edit = batch.first().is_some_and(is_edit);
        self.lane(edit).spent(now.tick);
        let (edge, held) = self.turned(row, &verdicts, answer, now.tick, chance, edit);
        let until = if held.is_zero() { None } else { now.tick.checked_add(held) };
        // A limit is one of the method, all else concerns the whole sink.
        let limit = self.kind.edits() && matches!(row.act, Act::Wait { .. }) && !self.disabled;
        self.held = if limit { None } else { until };
        self.lane(edit).hold(until.filter(|_| limit));
        // A disabled sink holds itself; its deliveries have to be there when the operator asks for a probe.
        let not_before = if self.disabled { now.clock } else { after(now.clock, held) };
        let status = answer.status().map(|status| format!(" (HTTP {status})")).unwrap_or_default();
        let why = format!("{}{status}", row.reason);
        let ends = batch
            .iter()
            .zip(verdicts)
            .map(|(one, verdict)| match verdict {
                Verdict::Retry { .. } if strike => self.past.struck(one, now.clock, held, chance),
                _ => (verdict, self.past.end(one, verdict, why.clone(), not_before, now.clock)),
            })
            .collect();
        Outcome { row, ends, edge, held }
    }

    const fn lane(&mut self, edit: bool) -> &mut Lane {
        if edit { &mut self.edits } else { &mut self.posts }
    }

    fn history(&self, one: &Delivery, merged: bool, row: &'static Row, answer: &Answer) -> History {
        History {
            merged,
            plain: one.plain,
            unsure: self.past.unsure(one),
            edit: is_edit(one),
            lost: matches!(one.form, Form::Living { lost: true, .. }),
            refused: self.refused_before(row, answer),
            waits: self.ailing.map_or(0, |ailing| ailing.waits),
        }
    }

    fn refused_before(&self, row: &'static Row, answer: &Answer) -> u32 {
        self.refused.filter(|(of, status, _)| *of == row && *status == answer.status()).map_or(0, |(.., times)| times)
    }

    /// What the answer changes for the sink: the edge it went over, and how long it is held.
    fn turned(
        &mut self,
        row: &'static Row,
        verdicts: &[Verdict],
        answer: &Answer,
        now: Instant,
        chance: f64,
        edit: bool,
    ) -> (Option<Edge>, Duration) {
        let first = verdicts.first().copied();
        if first == Some(Verdict::Disable) {
            let edge = (!self.disabled).then_some(Edge::Disabled);
            self.disabled = true;
            self.ailing = None;
            return (edge, if answer.status().is_some() { PROBE } else { PROBE_AGAIN });
        }
        let (trouble, held) = match (row.act, first) {
            (Act::Wait { .. }, Some(Verdict::Wait(wait))) => {
                self.lane(edit).refused(now);
                (false, wait.saturating_add(JITTER.mul_f64(chance.clamp(0.0, 1.0))))
            }
            (Act::Retry, Some(Verdict::Retry { at_least })) => (true, self.waits.next(chance, at_least)),
            (Act::RetryOnce, _) => (true, self.waits.next(chance, None)),
            _ => return (self.well(row, first, answer, now, edit), Duration::ZERO),
        };
        if self.disabled { (None, PROBE_AGAIN) } else { (self.ails(trouble, now), held.min(LONGEST_WAIT)) }
    }

    fn ails(&mut self, trouble: bool, now: Instant) -> Option<Edge> {
        let first = self.ailing.is_none();
        let ailing = self.ailing.get_or_insert(Ailing { since: now, trouble, waits: 0, told: false });
        ailing.trouble = trouble;
        ailing.waits = if trouble { 0 } else { ailing.waits.saturating_add(1) };
        if !ailing.told && now.saturating_duration_since(ailing.since) >= TELL_AFTER {
            ailing.told = true;
            return Some(if trouble { Edge::Unreachable } else { Edge::Throttled });
        }
        first.then_some(Edge::Trouble)
    }

    /// The sink answered about the message itself.
    fn well(
        &mut self,
        row: &'static Row,
        first: Option<Verdict>,
        answer: &Answer,
        now: Instant,
        edit: bool,
    ) -> Option<Edge> {
        match first {
            Some(Verdict::Delivered { .. }) => {
                self.refused = None;
                self.lane(edit).taken(now);
            }
            Some(Verdict::Dead { .. }) if matches!(row.act, Act::Plain | Act::Dead { .. }) => {
                let times = self.refused_before(row, answer).saturating_add(1);
                self.refused = Some((row, answer.status(), times));
            }
            _ => {}
        }
        self.waits.forget();
        let was_disabled = std::mem::take(&mut self.disabled);
        let ailed = self.ailing.take();
        match ailed {
            Some(ailing) if !ailing.told && !was_disabled => Some(Edge::Over),
            None if !was_disabled => None,
            _ => Some(Edge::Back),
        }
    }
}

fn is_edit(delivery: &Delivery) -> bool {
    delivery.form.edit_of().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        deliver::{answer::Reply, tests::queue::delivery},
        model::{backoff::Policy, delivery::Place, time::Timestamp},
    };

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

    impl Scene {
        fn new(kind: SinkKind) -> Self {
            let now = Now { tick: Instant::now(), clock: "2026-11-23T18:00:00Z".parse().unwrap() };
            Self { standing: Standing::new(kind, None, now.tick), now }
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
        let long =
            Reply { status: 429, retry_after: Some(Duration::from_secs(9000)), body: String::new(), whole: true };
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
        let outcome =
            scene.standing.answered(std::slice::from_ref(&edit), &reply(200, r#"{"ok":true}"#), scene.now, 0.0);
        assert_eq!((outcome.ends[0].1.clone(), waits(&scene)), (Settlement::Delivered, [5, 0]));
        let fault = Answer::Unsent(String::new());
        scene.standing.answered(std::slice::from_ref(&edit), &fault, scene.now, 1.0);
        assert_eq!(scene.closed(), 1, "what is wrong with the network concerns both");
    }

    #[test]
    fn posts_and_edits_are_paced_apart() {
        let mut scene = Scene::new(SinkKind::SlackApp);
        scene.standing = Standing::new(SinkKind::SlackApp, Some(Pace::default()), scene.now.tick);
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
        assert_eq!(scene.answered(&[1], &reply(200, "ok")).edge, Some(Edge::Over));
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
            assert_eq!(scene.answered(&[1], &reply(200, "ok")).edge, Some(Edge::Back));
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
        for kind in
            [SinkKind::Slack, SinkKind::SlackTrigger, SinkKind::Teams, SinkKind::TeamsConnector, SinkKind::SlackApp]
        {
            let mut scene = Scene::new(kind);
            scene.standing = Standing::new(kind, Some(Pace::default()), scene.now.tick);
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
}
