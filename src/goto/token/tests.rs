use super::*;

struct Desk {
    token: Token,
    now: Now,
    out: Vec<Effect>,
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn grant(text: &str, issued: &str) -> Grant {
    Grant { refresh: secret(text), issued: Some(issued.parse().unwrap()) }
}

fn fresh(access: &str, refresh: Option<&str>, expires_in: Option<i64>) -> Input {
    Input::Refreshed(Ok(Fresh { access: secret(access), refresh: refresh.map(secret), expires_in }))
}

fn denied(code: &str) -> Input {
    Input::Refreshed(Err(Failed::Denied { status: 400, code: Some(code.to_owned()) }))
}

impl Desk {
    fn new(file: Result<Grant, Dead>, first: Option<&str>) -> Self {
        let now = Now { tick: Instant::now(), clock: "2026-05-01T00:00:00Z".parse().unwrap() };
        let (token, out) = Token::begin(file, first.map(secret), now);
        Self { token, now, out }
    }

    fn with_file() -> Self {
        Self::new(Ok(grant("r0", "2026-04-30T00:00:00Z")), None)
    }

    fn on(&mut self, input: Input) -> &[Effect] {
        self.out = self.token.on(input, self.now, 0.5);
        &self.out
    }

    fn after(&mut self, wait: Duration) -> &mut Self {
        self.now = Now { tick: self.now.tick + wait, clock: self.now.clock + wait };
        self
    }

    /// To the machine's own deadline.
    fn due(&mut self) -> Duration {
        let wait = self.token.deadline().unwrap() - self.now.tick;
        self.after(wait).on(Input::Tick);
        wait
    }
}

#[test]
fn a_refresh_comes_at_a_third_of_the_life_or_a_little_earlier() {
    let mut desk = Desk::with_file();
    assert_eq!(desk.out, [Effect::Refresh(secret("r0"))]);
    let expires = desk.now.tick + Duration::from_secs(3600);
    assert_eq!(desk.on(fresh("a1", None, Some(3600))), [Effect::Give { access: secret("a1"), expires }]);
    let wait = desk.due();
    assert!((1020..=1200).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(desk.out, [Effect::Refresh(secret("r0"))], "an answer without a refresh token keeps the old one");
}

#[test]
fn a_life_that_is_missing_zero_or_absurd_makes_neither_a_hot_loop_nor_a_token_for_ever() {
    for (stated, longest) in [(None, 1200), (Some(0), 1200), (Some(-5), 1200), (Some(1), 2), (Some(i64::MAX), 28_800)] {
        let mut desk = Desk::with_file();
        desk.on(fresh("a1", None, stated));
        let wait = desk.due();
        assert!((1..=longest).contains(&wait.as_secs()), "{stated:?}: {wait:?}");
    }
}

#[test]
fn a_rotated_refresh_token_is_on_disk_before_its_access_token_is_handed_out() {
    let mut desk = Desk::with_file();
    let out = desk.on(fresh("a1", Some("r1"), Some(3600)));
    assert_eq!(out, [Effect::Keep(grant("r1", "2026-05-01T00:00:00Z"))], "and nothing else yet");
    assert_eq!(desk.token.deadline(), None, "nothing happens while it is written");
    assert!(desk.on(Input::Rejected(secret("a0"))).is_empty());
    assert!(matches!(desk.on(Input::Kept { done: true }), [Effect::Give { .. }]));
    desk.due();
    assert_eq!(desk.out, [Effect::Refresh(secret("r1"))]);
}

#[test]
fn a_token_that_cannot_be_kept_is_used_and_kept_trying() {
    let mut desk = Desk::with_file();
    desk.on(fresh("a1", Some("r1"), Some(3600)));
    assert!(matches!(desk.on(Input::Kept { done: false }), [Effect::Give { .. }]));
    assert_eq!(desk.due(), KEEP_AGAIN);
    assert!(matches!(&desk.out[..], [Effect::Keep(kept)] if kept.refresh == secret("r1")));
    desk.on(Input::Found(grant("r0", "2026-04-30T00:00:00Z")));
    desk.due();
    assert!(matches!(&desk.out[..], [Effect::Keep(_)]), "the old token on disk is no news");
    desk.on(Input::Kept { done: true });
    desk.due();
    assert_eq!(desk.out, [Effect::Refresh(secret("r1"))]);
}

#[test]
fn invalid_grant_asks_for_a_human_and_asks_goto_no_more_until_one_has_acted() {
    let mut desk = Desk::with_file();
    let why = Dead::Refused { status: 400, code: Some("invalid_grant".to_owned()) };
    assert_eq!(desk.on(denied("invalid_grant")), [Effect::Need(why)]);
    assert!(desk.token.needs_consent());
    assert_eq!(desk.token.deadline(), None);
    for input in [Input::Tick, Input::Rejected(secret("a1")), Input::Found(grant("r0", "2026-04-30T00:00:00Z"))] {
        assert!(desk.after(Duration::from_secs(3600)).on(input).is_empty(), "the dead token is not tried again");
    }
    assert_eq!(desk.on(Input::Found(grant("r9", "2026-05-02T00:00:00Z"))), [Effect::Refresh(secret("r9"))]);
    assert!(matches!(desk.on(fresh("a9", None, None)), [Effect::Give { .. }, Effect::Healed]));
}

#[test]
fn a_400_without_invalid_grant_is_tried_once_more() {
    let mut desk = Desk::with_file();
    assert!(desk.on(denied("invalid_client")).is_empty());
    assert_eq!(desk.due(), DENIED_ONCE);
    assert!(matches!(desk.on(denied("invalid_client")), [Effect::Need(Dead::Refused { .. })]));
    let mut desk = Desk::with_file();
    desk.on(denied("invalid_client"));
    desk.due();
    desk.on(fresh("a1", None, None));
    desk.due();
    assert!(desk.on(denied("invalid_client")).is_empty(), "an answer in between is forgiveness");
}

#[test]
fn trouble_that_may_pass_waits_longer_and_longer_for_ever() {
    let mut desk = Desk::with_file();
    let mut longest = Duration::ZERO;
    for _ in 0..50 {
        assert!(desk.on(Input::Refreshed(Err(Failed::Transient(None)))).is_empty(), "nobody is called");
        longest = longest.max(desk.due());
        assert_eq!(desk.out, [Effect::Refresh(secret("r0"))]);
    }
    assert_eq!(longest, Duration::from_secs(30), "half of 60 s at even chance");
    desk.on(Input::Refreshed(Err(Failed::Transient(Some(Duration::from_secs(600))))));
    assert_eq!(desk.due(), Duration::from_secs(600));
}

#[test]
fn an_api_that_refuses_a_token_gets_one_refresh_and_not_a_stream_of_them() {
    let mut desk = Desk::with_file();
    desk.on(fresh("a1", None, None));
    assert!(desk.on(Input::Rejected(secret("a0"))).is_empty(), "an older token is replaced already");
    assert_eq!(desk.on(Input::Rejected(secret("a1"))), [Effect::Refresh(secret("r0"))]);
    assert!(desk.on(Input::Rejected(secret("a1"))).is_empty(), "one in flight, ever");
    desk.on(fresh("a2", None, None));
    assert!(desk.on(Input::Rejected(secret("a2"))).is_empty(), "a fresh token is not made better");
    assert!(!desk.after(FORCE_APART).on(Input::Rejected(secret("a2"))).is_empty());
}

#[test]
fn the_file_wins_over_the_config_and_the_config_is_tried_when_the_file_is_dead() {
    let mut desk = Desk::new(Ok(grant("file", "2026-04-30T00:00:00Z")), Some("config"));
    assert_eq!(desk.out, [Effect::Refresh(secret("file"))]);
    assert_eq!(desk.on(denied("invalid_grant")), [Effect::Refresh(secret("config"))]);
    assert!(desk.on(Input::Found(grant("file", "2026-04-30T00:00:00Z"))).is_empty());
    assert!(matches!(desk.on(denied("invalid_grant")), [Effect::Need(_)]));
    assert_eq!(Desk::new(Err(Dead::NoToken), Some("config")).out, [Effect::Refresh(secret("config"))]);
    assert_eq!(Desk::new(Err(Dead::NoToken), None).out, [Effect::Need(Dead::NoToken)]);
    assert_eq!(Desk::new(Err(Dead::Unusable), None).out, [Effect::Need(Dead::Unusable)]);
}

#[test]
fn a_login_beside_a_healthy_daemon_counts_from_the_next_refresh() {
    let mut desk = Desk::with_file();
    desk.on(fresh("a1", None, None));
    assert!(desk.on(Input::Found(grant("r9", "2026-05-01T00:00:00Z"))).is_empty());
    desk.due();
    assert_eq!(desk.out, [Effect::Refresh(secret("r9"))]);
}

#[test]
fn a_grant_that_ages_unrotated_is_told_once_a_day_from_a_week_before_its_end() {
    let mut desk = Desk::with_file();
    let (mut told, mut times) = (Vec::new(), 0);
    for _ in 0..(30 * 80) {
        let out = desk.on(fresh("a", None, Some(3600))).to_vec();
        told.extend(out.into_iter().filter_map(|it| match it {
            Effect::Aging(left) => Some(left),
            _ => None,
        }));
        times = told.len();
        desk.due();
    }
    assert!(times <= 9, "once a day: {told:?}");
    told.dedup();
    assert_eq!(told, [7, 6, 5, 4, 3, 2, 1, 0]);
}

/// A year of chance: never two refreshes in flight, never an access token of a rotated grant before it was kept.
#[test]
fn a_year_of_chance_keeps_one_refresh_in_flight_and_tokens_on_disk_first() {
    for seed in 0..20 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut desk = Desk::with_file();
        let (mut asking, mut keeping, mut asked, mut number) = (true, false, 1u64, 0);
        let end = desk.now.tick + Duration::from_secs(365 * 86_400 / 20);
        while desk.now.tick < end {
            number += 1;
            let input = match (asking, keeping) {
                (_, true) => Input::Kept { done: dice.u8(0..4) > 0 },
                (true, _) => match dice.u8(0..12) {
                    0 => denied("invalid_grant"),
                    1 => denied("what"),
                    2 => Input::Refreshed(Err(Failed::Transient(None))),
                    3..6 => fresh(&format!("a{number}"), Some(&format!("r{number}")), Some(dice.i64(-5..8000))),
                    _ => fresh(&format!("a{number}"), None, Some(3600)),
                },
                _ if desk.token.needs_consent() => {
                    desk.after(Duration::from_secs(60));
                    Input::Found(Grant { refresh: secret(&format!("login{number}")), issued: Some(desk.now.clock) })
                }
                _ if dice.u8(0..4) == 0 => {
                    desk.after(Duration::from_secs(1));
                    Input::Rejected(secret(&format!("a{}", number - 1)))
                }
                _ => {
                    let wait = desk.token.deadline().expect("a rest without an end") - desk.now.tick;
                    desk.after(wait);
                    Input::Tick
                }
            };
            asking &= !matches!(input, Input::Refreshed(_));
            keeping &= !matches!(input, Input::Kept { .. });
            for effect in desk.on(input).to_vec() {
                match effect {
                    Effect::Refresh(_) => {
                        assert!(!asking && !keeping, "seed {seed}: two at once");
                        asking = true;
                        asked += 1;
                    }
                    Effect::Keep(_) => keeping = true,
                    Effect::Give { .. } => assert!(!keeping, "seed {seed}: given before it was kept"),
                    Effect::Need(_) | Effect::Healed | Effect::Aging(_) => {}
                }
            }
        }
        assert!(asked < 365 * 24 * 20, "seed {seed}: {asked} requests");
    }
}
