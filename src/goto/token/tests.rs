mod failures;

use super::*;

struct TokenHarness {
    token: TokenMachine,
    now: Now,
    out: Vec<Effect>,
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

fn refresh_token(text: &str, issued: &str) -> RefreshToken {
    RefreshToken { token: secret(text), issued: Some(issued.parse().unwrap()), scope: None }
}

fn response(access: &str, refresh: Option<&str>, expires_in: Option<i64>) -> Input {
    Input::Refreshed(Ok(TokenResponse {
        access: secret(access),
        refresh: refresh.map(secret),
        expires_in,
        scope: None,
    }))
}

fn denied(code: &str) -> Input {
    Input::Refreshed(Err(RefreshError::Denied { status: 400, code: Some(code.to_owned()) }))
}

impl TokenHarness {
    fn new(file: Result<RefreshToken, LoginReason>, first: Option<&str>) -> Self {
        let now = Now { instant: Instant::now(), timestamp: "2026-05-01T00:00:00Z".parse().unwrap() };
        let (token, out) = TokenMachine::new(file, first.map(secret), now);
        Self { token, now, out }
    }

    fn with_file() -> Self {
        Self::new(Ok(refresh_token("r0", "2026-04-30T00:00:00Z")), None)
    }

    fn send(&mut self, input: Input) -> &[Effect] {
        self.out = self.token.handle(input, self.now, 0.5);
        &self.out
    }

    fn advance(&mut self, wait: Duration) -> &mut Self {
        self.now = Now { instant: self.now.instant + wait, timestamp: self.now.timestamp + wait };
        self
    }

    /// Advances to the machine's deadline and returns the wait.
    fn run_to_deadline(&mut self) -> Duration {
        let wait = self.token.deadline().unwrap() - self.now.instant;
        self.advance(wait).send(Input::Tick);
        wait
    }
}

#[test]
fn refresh_is_due_at_a_third_of_the_lifetime() {
    let mut harness = TokenHarness::with_file();
    assert_eq!(harness.out, [Effect::Refresh(secret("r0"))]);
    let expires = harness.now.instant + Duration::from_secs(3600);
    assert_eq!(harness.send(response("a1", None, Some(3600))), [Effect::Publish { access: secret("a1"), expires }]);
    let wait = harness.run_to_deadline();
    assert!((1020..=1200).contains(&wait.as_secs()), "{wait:?}");
    assert_eq!(harness.out, [Effect::Refresh(secret("r0"))], "answer without a refresh token must keep the old one");
}

#[test]
fn token_missing_or_absurd_lifetime_is_bounded() {
    for (stated, longest) in [(None, 1200), (Some(0), 1200), (Some(-5), 1200), (Some(1), 2), (Some(i64::MAX), 28_800)] {
        let mut harness = TokenHarness::with_file();
        harness.send(response("a1", None, stated));
        let wait = harness.run_to_deadline();
        assert!((1..=longest).contains(&wait.as_secs()), "{stated:?}: {wait:?}");
    }
}

#[test]
fn rotated_token_is_persisted_before_access_token_is_published() {
    let mut harness = TokenHarness::with_file();
    let out = harness.send(response("a1", Some("r1"), Some(3600)));
    assert_eq!(
        out,
        [Effect::Persist(refresh_token("r1", "2026-05-01T00:00:00Z"))],
        "access token published before the write"
    );
    assert_eq!(harness.token.deadline(), None, "no deadline while the file is written");
    assert!(harness.send(Input::Rejected(secret("a0"))).is_empty());
    assert!(matches!(harness.send(Input::Persisted { done: true }), [Effect::Publish { .. }]));
    harness.run_to_deadline();
    assert_eq!(harness.out, [Effect::Refresh(secret("r1"))]);
}

#[test]
fn token_not_persisted_is_published_and_write_is_retried() {
    let mut harness = TokenHarness::with_file();
    harness.send(response("a1", Some("r1"), Some(3600)));
    assert!(matches!(harness.send(Input::Persisted { done: false }), [Effect::Publish { .. }]));
    assert_eq!(harness.run_to_deadline(), PERSIST_RETRY_DELAY);
    assert!(matches!(&harness.out[..], [Effect::Persist(kept)] if kept.token == secret("r1")));
    harness.send(Input::FileChanged(refresh_token("r0", "2026-04-30T00:00:00Z")));
    harness.run_to_deadline();
    assert!(matches!(&harness.out[..], [Effect::Persist(_)]), "older token on disk must be ignored");
    harness.send(Input::Persisted { done: true });
    harness.run_to_deadline();
    assert_eq!(harness.out, [Effect::Refresh(secret("r1"))]);
}

#[test]
fn rotated_token_keeps_the_scope_of_its_predecessor() {
    let mut harness = TokenHarness::with_file();
    let answer = |refresh: &str, scope: Option<&str>| {
        let (access, refresh, scope) = (secret("a"), Some(secret(refresh)), scope.map(str::to_owned));
        Input::Refreshed(Ok(TokenResponse { access, refresh, expires_in: None, scope }))
    };
    let scope_of = |effects: &[Effect]| match effects {
        [Effect::Persist(kept)] => kept.scope.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(scope_of(harness.send(answer("r1", Some("a b")))).as_deref(), Some("a b"));
    harness.send(Input::Persisted { done: true });
    harness.run_to_deadline();
    assert_eq!(scope_of(harness.send(answer("r2", None))).as_deref(), Some("a b"), "no scope in an answer is not none");
}

#[test]
fn file_token_is_used_first_and_config_token_after_its_denial() {
    let mut harness = TokenHarness::new(Ok(refresh_token("file", "2026-04-30T00:00:00Z")), Some("config"));
    assert_eq!(harness.out, [Effect::Refresh(secret("file"))]);
    assert_eq!(harness.send(denied("invalid_grant")), [Effect::Refresh(secret("config"))]);
    assert!(harness.send(Input::FileChanged(refresh_token("file", "2026-04-30T00:00:00Z"))).is_empty());
    assert!(matches!(harness.send(denied("invalid_grant")), [Effect::RequireLogin(_)]));
    assert_eq!(TokenHarness::new(Err(LoginReason::NoToken), Some("config")).out, [Effect::Refresh(secret("config"))]);
    assert_eq!(TokenHarness::new(Err(LoginReason::NoToken), None).out, [Effect::RequireLogin(LoginReason::NoToken)]);
    assert_eq!(TokenHarness::new(Err(LoginReason::Unusable), None).out, [Effect::RequireLogin(LoginReason::Unusable)]);
}

#[test]
fn file_change_while_valid_applies_at_next_refresh() {
    let mut harness = TokenHarness::with_file();
    harness.send(response("a1", None, None));
    assert!(harness.send(Input::FileChanged(refresh_token("r9", "2026-05-01T00:00:00Z"))).is_empty());
    harness.run_to_deadline();
    assert_eq!(harness.out, [Effect::Refresh(secret("r9"))]);
}

#[test]
fn unrotated_token_expiring_is_reported_daily_for_a_week() {
    let mut harness = TokenHarness::with_file();
    let (mut reported, mut times) = (Vec::new(), 0);
    for _ in 0..(30 * 80) {
        let out = harness.send(response("a", None, Some(3600))).to_vec();
        reported.extend(out.into_iter().filter_map(|effect| match effect {
            Effect::ExpiresSoon(left) => Some(left),
            _ => None,
        }));
        times = reported.len();
        harness.run_to_deadline();
    }
    assert!(times <= 9, "more than one warning a day: {reported:?}");
    reported.dedup();
    assert_eq!(reported, [7, 6, 5, 4, 3, 2, 1, 0]);
}

/// Simulates a year of random answers: one refresh in flight, and a rotated token on disk before its access token.
#[test]
fn random_year_keeps_one_refresh_in_flight_and_persists_first() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut harness = TokenHarness::with_file();
        let (mut refreshing, mut persisting, mut requests, mut number) = (true, false, 1u64, 0);
        let end = harness.now.instant + Duration::from_secs(365 * 86_400 / 20);
        while harness.now.instant < end {
            number += 1;
            let input = match (refreshing, persisting) {
                (_, true) => Input::Persisted { done: rng.u8(0..4) > 0 },
                (true, _) => match rng.u8(0..12) {
                    0 => denied("invalid_grant"),
                    1 => denied("what"),
                    2 => Input::Refreshed(Err(RefreshError::Transient(None))),
                    3..6 => response(&format!("a{number}"), Some(&format!("r{number}")), Some(rng.i64(-5..8000))),
                    _ => response(&format!("a{number}"), None, Some(3600)),
                },
                _ if harness.token.needs_login() => {
                    harness.advance(Duration::from_secs(60));
                    Input::FileChanged(RefreshToken {
                        token: secret(&format!("login{number}")),
                        issued: Some(harness.now.timestamp),
                        scope: None,
                    })
                }
                _ if rng.u8(0..4) == 0 => {
                    harness.advance(Duration::from_secs(1));
                    Input::Rejected(secret(&format!("a{}", number - 1)))
                }
                _ => {
                    let wait = harness.token.deadline().expect("valid state has a deadline") - harness.now.instant;
                    harness.advance(wait);
                    Input::Tick
                }
            };
            refreshing &= !matches!(input, Input::Refreshed(_));
            persisting &= !matches!(input, Input::Persisted { .. });
            for effect in harness.send(input).to_vec() {
                match effect {
                    Effect::Refresh(_) => {
                        assert!(!refreshing && !persisting, "seed {seed}: two refreshes in flight");
                        refreshing = true;
                        requests += 1;
                    }
                    Effect::Persist(_) => persisting = true,
                    Effect::Publish { .. } => assert!(!persisting, "seed {seed}: published before it was persisted"),
                    Effect::RequireLogin(_) | Effect::LoginRestored | Effect::ExpiresSoon(_) => {}
                }
            }
        }
        assert!(requests < 365 * 24 * 20, "seed {seed}: {requests} requests");
    }
}

#[test]
fn held_refresh_keeps_the_access_token_and_is_repeated_without_backoff() {
    let mut harness = TokenHarness::with_file();
    let pause = Duration::from_secs(2);
    for _ in 0..5 {
        assert!(harness.send(Input::Held { pause }).is_empty());
        assert_eq!(harness.run_to_deadline(), pause);
        assert_eq!(harness.out, [Effect::Refresh(secret("r0"))]);
    }
    harness.send(response("a1", None, Some(3600)));
    harness.run_to_deadline();
    harness.send(Input::Held { pause });
    let out = harness.send(Input::Rejected(secret("a1")));
    assert_eq!(out, [Effect::Refresh(secret("r0"))], "a rejected access token is refreshed while a refresh is held");
}

#[test]
fn newer_token_of_another_host_is_written_before_it_is_used() {
    let mut harness = TokenHarness::with_file();
    let newer = refresh_token("r1", "2026-05-01T00:00:00Z");
    let out = harness.send(Input::Newer(newer.clone()));
    assert_eq!(out, [Effect::Persist(newer.clone()), Effect::Refresh(secret("r1"))]);
    assert!(harness.send(Input::Persisted { done: true }).is_empty());
    assert!(matches!(harness.send(response("a1", None, None)), [Effect::Publish { .. }]));
    assert!(harness.send(Input::Newer(newer)).is_empty(), "only a refresh in progress is answered");
    assert_eq!(harness.send(Input::AccessChanged), [Effect::Refresh(secret("r1"))]);
}
