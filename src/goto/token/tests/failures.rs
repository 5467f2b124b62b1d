//! Tests of failed refreshes, rejected tokens, and the login that follows. Successful refreshes are in the parent.

use super::*;

#[test]
fn invalid_grant_requires_login_and_stops_refreshes() {
    let mut harness = TokenHarness::with_file();
    let why = LoginReason::Rejected { status: 400, code: Some("invalid_grant".to_owned()) };
    assert_eq!(harness.send(denied("invalid_grant")), [Effect::RequireLogin(why)]);
    assert!(harness.token.needs_login());
    assert_eq!(harness.token.deadline(), None);
    for input in
        [Input::Tick, Input::Rejected(secret("a1")), Input::FileChanged(refresh_token("r0", "2026-04-30T00:00:00Z"))]
    {
        assert!(
            harness.advance(Duration::from_secs(3600)).send(input).is_empty(),
            "rejected token must not be sent again"
        );
    }
    assert_eq!(
        harness.send(Input::FileChanged(refresh_token("r9", "2026-05-02T00:00:00Z"))),
        [Effect::Refresh(secret("r9"))]
    );
    assert!(matches!(harness.send(response("a9", None, None)), [Effect::Publish { .. }, Effect::LoginRestored]));
}

#[test]
fn denial_without_invalid_grant_is_retried_once() {
    let mut harness = TokenHarness::with_file();
    assert!(harness.send(denied("invalid_client")).is_empty());
    assert_eq!(harness.run_to_deadline(), DENIAL_RETRY_DELAY);
    assert!(matches!(harness.send(denied("invalid_client")), [Effect::RequireLogin(LoginReason::Rejected { .. })]));
    let mut harness = TokenHarness::with_file();
    harness.send(denied("invalid_client"));
    harness.run_to_deadline();
    harness.send(response("a1", None, None));
    harness.run_to_deadline();
    assert!(harness.send(denied("invalid_client")).is_empty(), "successful refresh must reset the denials");
}

#[test]
fn transient_refresh_failures_back_off_without_end() {
    let mut harness = TokenHarness::with_file();
    let mut longest = Duration::ZERO;
    for _ in 0..50 {
        assert!(
            harness.send(Input::Refreshed(Err(RefreshError::Transient(None)))).is_empty(),
            "transient failure must have no effect"
        );
        longest = longest.max(harness.run_to_deadline());
        assert_eq!(harness.out, [Effect::Refresh(secret("r0"))]);
    }
    assert_eq!(longest, Duration::from_secs(30), "half of 60 s with random value 0.5");
    harness.send(Input::Refreshed(Err(RefreshError::Transient(Some(Duration::from_secs(600))))));
    assert_eq!(harness.run_to_deadline(), Duration::from_secs(600));
}

#[test]
fn refresh_at_an_unreached_host_waits_five_seconds_at_most() {
    let mut harness = TokenHarness::with_file();
    let mut longest = Duration::ZERO;
    for _ in 0..50 {
        assert!(harness.send(Input::Refreshed(Err(RefreshError::Unreached))).is_empty());
        longest = longest.max(harness.run_to_deadline());
        assert_eq!(harness.out, [Effect::Refresh(secret("r0"))]);
    }
    assert_eq!(longest, Duration::from_millis(2_500), "half of 5 s with random value 0.5");
}

#[test]
fn lost_answer_is_repeated_immediately_once_then_backs_off() {
    let mut harness = TokenHarness::with_file();
    let lost = || Input::Refreshed(Err(RefreshError::AnswerLost));
    assert_eq!(harness.send(lost()), [Effect::Refresh(secret("r0"))], "old token must be sent again immediately");
    assert!(harness.send(lost()).is_empty());
    assert_eq!(harness.run_to_deadline(), Duration::from_millis(500));
    assert_eq!(harness.send(lost()), [Effect::Refresh(secret("r0"))], "each refresh is repeated once");
    assert!(matches!(harness.send(response("a1", None, None)), [Effect::Publish { .. }]));
    harness.run_to_deadline();
    assert_eq!(harness.send(lost()), [Effect::Refresh(secret("r0"))]);
}

#[test]
fn denied_client_is_tried_again_every_ten_minutes() {
    let mut harness = TokenHarness::with_file();
    harness.send(denied("invalid_client"));
    harness.run_to_deadline();
    assert!(matches!(harness.send(denied("invalid_client")), [Effect::RequireLogin(_)]));
    for _ in 0..3 {
        assert_eq!(harness.run_to_deadline(), REJECTED_RETRY);
        assert_eq!(harness.out, [Effect::Refresh(secret("r0"))]);
        harness.send(denied("invalid_client"));
        harness.run_to_deadline();
        assert!(harness.send(denied("invalid_client")).is_empty(), "the same reason is emitted once");
    }
    harness.run_to_deadline();
    let out = harness.send(response("a1", None, None));
    assert!(matches!(out, [Effect::Publish { .. }, Effect::LoginRestored]), "{out:?}");
}

#[test]
fn rejected_access_token_causes_one_refresh_per_interval() {
    let mut harness = TokenHarness::with_file();
    harness.send(response("a1", None, None));
    assert!(harness.send(Input::Rejected(secret("a0"))).is_empty(), "older access token is already replaced");
    assert_eq!(harness.send(Input::Rejected(secret("a1"))), [Effect::Refresh(secret("r0"))]);
    assert!(harness.send(Input::Rejected(secret("a1"))).is_empty(), "second refresh in flight");
    harness.send(response("a2", None, None));
    assert!(harness.send(Input::Rejected(secret("a2"))).is_empty(), "forced refresh too soon");
    assert!(!harness.advance(MIN_FORCED_REFRESH_INTERVAL).send(Input::Rejected(secret("a2"))).is_empty());
}
