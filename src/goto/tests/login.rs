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
    let stored = StoredToken { refresh_token: Secret::new("by hand"), issued: Timestamp::now(), scope: None };
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

fn subscribed(event: ConnectionEvent) -> Option<usize> {
    if let ConnectionEvent::Subscribed { accounts } = event { Some(accounts) } else { None }
}

#[tokio::test]
async fn accounts_come_from_identity_then_from_users_me() {
    let goto = FakeGoto::start().await;
    let accounts = json!([
        {"value": "7", "entitlements": ["gotoconnect"]}, {"value": "8", "entitlements": ["jive"]},
        {"value": "9", "entitlements": ["g2m"]},
    ]);
    goto.with(|fake| fake.identity = json!({"urn:scim:schemas:extension:getgo:1.0": {"accounts": accounts}}));
    let mut first = run(goto, |settings| settings.account_keys.clear()).await;
    assert_eq!(first.until(subscribed).await, 2);
    assert_eq!(first.goto.count("GET /users/v1/me"), 0);
    first.connection.close().await;
    let mut second = run(FakeGoto::start().await, |settings| settings.account_keys.clear()).await;
    assert_eq!(second.until(subscribed).await, 1, "identity names no account");
    assert_eq!(second.goto.count("GET /users/v1/me"), 1);
    second.connection.close().await;
}

#[tokio::test]
async fn login_without_any_account_is_rejected_with_its_own_class() {
    let goto = FakeGoto::start().await;
    let refused = || (403, json!({"errorCode": "AUTHZ_INSUFFICIENT_SCOPE"}));
    goto.answer_next("GET /identity", &[refused()]);
    goto.answer_next("GET /users", &[refused()]);
    let mut run = run(goto, |settings| settings.account_keys.clear()).await;
    let rejected = |event| if let ConnectionEvent::LaneRejected { why, .. } = event { Some(why) } else { None };
    assert_eq!(run.until(rejected).await.class, lane::FailureClass::NoAccounts);
    // The next attempt finds the accounts.
    run.live().await;
    run.connection.close().await;
}

#[tokio::test]
async fn missing_scopes_are_emitted_once_per_change() {
    let goto = FakeGoto::start().await;
    let all = "call-events.v1.notifications.manage call-events.v1.events.read cr.v1.read";
    goto.with(|fake| fake.scope = json!("call-events.v1.notifications.manage cr.v1.read"));
    let mut run = run(goto, |_| {}).await;
    let missing = |event| match event {
        ConnectionEvent::ScopesMissing { missing } => Some(missing.iter().map(|one| one.name).collect::<Vec<_>>()),
        _ => None,
    };
    assert_eq!(run.until(missing).await, ["call-events.v1.events.read"]);
    run.live().await;
    // A 401 forces the next refresh, whose answer states every scope.
    run.goto.with(|fake| {
        fake.scope = json!(all);
        fake.access = "other".to_owned();
    });
    let missing_states = StatesQuery { call: ConversationSpaceId::try_from("c").unwrap(), from: 1, to: 1 };
    assert!(run.connection.queries.call(CallQuery::States(missing_states)));
    assert_eq!(run.until(missing).await, Vec::<&str>::new());
    run.connection.close().await;
}

#[tokio::test]
async fn pat_is_exchanged_and_nothing_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pat");
    std::fs::write(&file, "revoked\n").unwrap();
    let goto = FakeGoto::start().await;
    goto.with(|fake| fake.rotate = true);
    goto.answer_next("POST /oauth/token", &[(400, json!({"error": "invalid_grant"}))]);
    let pat = PatSource { reference: SecretRef::File(file.clone()), credentials: dir.path().to_owned() };
    let mut run = run(goto, |settings| settings.pat = Some(pat)).await;
    run.until(|event| matches!(event, ConnectionEvent::LoginRequired { .. }).then_some(())).await;
    std::fs::write(&file, "new\n").unwrap();
    run.until(|event| matches!(event, ConnectionEvent::LoginRestored).then_some(())).await;
    run.live().await;
    let form = run.goto.with(|fake| fake.forms.first().cloned()).unwrap();
    assert_eq!((form["grant_type"].as_str(), form["pat"].as_str()), ("personal_access_token", "new"));
    assert!(!run.dir.path().join("token.json").exists(), "nothing must be stored");
    run.connection.close().await;
}

#[tokio::test]
async fn subscription_that_exists_counts_as_accepted() {
    let goto = FakeGoto::start().await;
    let exists = json!({"errorCode": "CONFLICT",
        "constraintViolations": [{"field": "channelId", "constraint": "Subscription already exists"}]});
    goto.answer_next("POST /call-events/v1", &[(409, exists)]);
    let mut run = run(goto, |_| {}).await;
    assert_eq!(run.until(subscribed).await, 2);
    run.live().await;
    assert_eq!(run.goto.count("POST /notification-channel"), 1);
    run.connection.close().await;
}

#[tokio::test]
async fn refusal_of_a_subscription_names_its_constraint() {
    let goto = FakeGoto::start().await;
    let refusal = json!({"errorCode": "BAD_REQUEST", "message": "The channel must be a WebSocket channel",
        "constraints": [{"field": "Events[0]", "constraint": "INVALID"}]});
    goto.answer_next("POST /call-events/v1", &[(400, refusal)]);
    let mut run = run(goto, |_| {}).await;
    let rejected = |event| if let ConnectionEvent::LaneRejected { why, .. } = event { Some(why) } else { None };
    assert_eq!(run.until(rejected).await.reason.as_deref(), Some("BAD_REQUEST (Events[0]: INVALID)"));
    run.connection.close().await;
}

#[tokio::test]
async fn refresh_at_an_unreached_host_is_emitted_with_its_fault_once() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url: Url = format!("http://{closed}").parse().unwrap();
    let mut run = run(FakeGoto::start().await, |settings| settings.auth_url = url).await;
    let why = |event| if let ConnectionEvent::RefreshFailing(why) = event { Some(why) } else { None };
    assert_eq!(run.until(why).await.class, FailureClass::Unreachable(NetworkFault::Refused));
    let more = async { while run.events.recv().await.and_then(why).is_none() {} };
    assert!(tokio::time::timeout(Duration::from_secs(3), more).await.is_err(), "emitted again");
    run.connection.close().await;
}
