//! Tokens and accounts of a login.

use super::*;

#[tokio::test]
async fn start_deletes_only_its_own_leftover_channels() {
    let goto = FakeGoto::start().await;
    goto.with(|fake| {
        fake.channels.insert("old".to_owned(), "poprelay-main-x-0".to_owned());
        fake.channels.insert("gone lane".replace(' ', "-"), "poprelay-main-x-4".to_owned());
        fake.channels.insert("other".to_owned(), "poprelay-main-y-0".to_owned());
    });
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    let left = run.goto.with(|fake| fake.channels.values().cloned().collect::<Vec<_>>());
    assert_eq!(left, ["poprelay-main-x-0", "poprelay-main-y-0"], "own new channel and the other host's expected");
    run.connection.close().await;
}

#[tokio::test]
async fn rejected_access_token_is_refreshed_and_rotation_is_stored() {
    let goto = FakeGoto::start().await;
    goto.with(|fake| fake.rotate = true);
    goto.answer_next("POST /call-events/v1", &[(401, json!({"errorCode": "AUTHN_INVALID_TOKEN"}))]);
    let mut run = run(goto, |_| {}).await;
    run.until(|event| {
        assert!(!matches!(event, ConnectionEvent::LaneRejected { .. }), "new token must suffice");
        matches!(event, ConnectionEvent::LaneUp { .. }).then_some(())
    })
    .await;
    assert_eq!(run.goto.count("POST /oauth/token"), 2);
    let stored = token_file::read(&run.dir.path().join("token.json")).unwrap();
    assert_eq!(stored.refresh_token.expose(), "refresh-2");
    run.connection.close().await;
}

#[tokio::test]
async fn invalid_grant_requires_login_until_token_file_changes() {
    let goto = FakeGoto::start().await;
    goto.answer_next("POST /oauth/token", &[(400, json!({"error": "invalid_grant"}))]);
    let mut run = run(goto, |_| {}).await;
    let why =
        run.until(|event| if let ConnectionEvent::LoginRequired { why } = event { Some(why) } else { None }).await;
    assert_eq!(why, token::LoginReason::Rejected { status: 400, code: Some("invalid_grant".to_owned()) });
    assert_eq!(run.goto.count("POST /notification-channel"), 0);
    let stored = StoredToken { refresh_token: Secret::new("by hand"), issued: Timestamp::now() };
    token_file::write(&run.dir.path().join("token.json"), &stored).unwrap();
    run.until(|event| matches!(event, ConnectionEvent::LoginRestored).then_some(())).await;
    run.live().await;
    assert_eq!(run.goto.count("POST /oauth/token"), 2, "one rejected and one successful refresh expected");
    run.connection.close().await;
}

#[tokio::test]
async fn rejected_account_is_reported_and_others_continue() {
    let goto = FakeGoto::start().await;
    goto.with(|fake| fake.accounts.extend([("2".to_owned(), 403)]));
    let mut run = run(goto, |_| {}).await;
    let (account, status) = run
        .until(|event| {
            if let ConnectionEvent::AccountRejected { account, status, .. } = event {
                Some((account, status))
            } else {
                None
            }
        })
        .await;
    assert_eq!((account.as_str(), status), ("2", 403));
    assert_eq!(
        run.until(|event| if let ConnectionEvent::Subscribed { accounts } = event { Some(accounts) } else { None })
            .await,
        1
    );
    run.live().await;
    run.connection.close().await;
}

#[tokio::test]
async fn lane_with_every_account_rejected_reports_it_and_retries() {
    let goto = FakeGoto::start().await;
    goto.with(|fake| fake.accounts.extend([("1".to_owned(), 403), ("2".to_owned(), 404)]));
    let mut run = run(goto, |_| {}).await;
    let why =
        run.until(|event| if let ConnectionEvent::LaneRejected { why, .. } = event { Some(why) } else { None }).await;
    assert_eq!(why.status, Some(403));
    run.goto.with(|fake| fake.accounts.clear());
    run.live().await;
    run.connection.close().await;
}

#[tokio::test]
async fn empty_account_list_subscribes_the_accounts_of_the_login() {
    let mut run = run(FakeGoto::start().await, |settings| settings.account_keys.clear()).await;
    assert_eq!(
        run.until(|event| if let ConnectionEvent::Subscribed { accounts } = event { Some(accounts) } else { None })
            .await,
        1
    );
    assert_eq!(run.goto.count("GET /users/v1/me"), 1);
    run.connection.close().await;
}
