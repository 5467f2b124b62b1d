//! The token, the grant and the accounts of a login.

use super::*;

#[tokio::test]
async fn a_start_deletes_its_own_leftovers_and_nobody_elses() {
    let goto = StandIn::start().await;
    goto.with(|facts| {
        facts.channels.insert("old".to_owned(), "poprelay-main-x-0".to_owned());
        facts.channels.insert("gone lane".replace(' ', "-"), "poprelay-main-x-4".to_owned());
        facts.channels.insert("other".to_owned(), "poprelay-main-y-0".to_owned());
    });
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    let left = run.goto.with(|facts| facts.channels.values().cloned().collect::<Vec<_>>());
    assert_eq!(left, ["poprelay-main-x-0", "poprelay-main-y-0"], "the new one and the other host's");
    run.connection.close().await;
}

#[tokio::test]
async fn an_api_that_refuses_a_token_gets_a_fresh_one_and_the_rotated_one_is_kept() {
    let goto = StandIn::start().await;
    goto.with(|facts| facts.rotate = true);
    goto.instead("POST /call-events/v1", &[(401, json!({"errorCode": "AUTHN_INVALID_TOKEN"}))]);
    let mut run = run(goto, |_| {}).await;
    run.until(|heard| {
        assert!(!matches!(heard, Heard::Refused { .. }), "a fresh token is enough");
        matches!(heard, Heard::Live { .. }).then_some(())
    })
    .await;
    assert_eq!(run.goto.count("POST /oauth/token"), 2);
    let kept = token_file::read(&run.dir.path().join("token.json")).unwrap();
    assert_eq!(kept.refresh_token.expose(), "refresh-2");
    run.connection.close().await;
}

#[tokio::test]
async fn a_dead_grant_says_so_asks_nothing_more_and_heals_by_the_token_file_alone() {
    let goto = StandIn::start().await;
    goto.instead("POST /oauth/token", &[(400, json!({"error": "invalid_grant"}))]);
    let mut run = run(goto, |_| {}).await;
    let why = run.until(|heard| if let Heard::ConsentNeeded { why } = heard { Some(why) } else { None }).await;
    assert_eq!(why, token::Dead::Refused { status: 400, code: Some("invalid_grant".to_owned()) });
    assert_eq!(run.goto.count("POST /notification-channel"), 0);
    let kept = Kept { refresh_token: Secret::new("by hand"), issued: Timestamp::now() };
    token_file::write(&run.dir.path().join("token.json"), &kept).unwrap();
    run.until(|heard| matches!(heard, Heard::ConsentGiven).then_some(())).await;
    run.live().await;
    assert_eq!(run.goto.count("POST /oauth/token"), 2, "one that died, one that healed");
    run.connection.close().await;
}

#[tokio::test]
async fn one_refused_account_is_told_and_the_others_go_on() {
    let goto = StandIn::start().await;
    goto.with(|facts| facts.accounts.extend([("2".to_owned(), 403)]));
    let mut run = run(goto, |_| {}).await;
    let (account, status) =
        run.until(|heard| {
            if let Heard::AccountRefused { account, status, .. } = heard { Some((account, status)) } else { None }
        })
        .await;
    assert_eq!((account.as_str(), status), ("2", 403));
    assert_eq!(
        run.until(|heard| if let Heard::Subscribed { accounts } = heard { Some(accounts) } else { None }).await,
        1
    );
    run.live().await;
    run.connection.close().await;
}

#[tokio::test]
async fn a_login_with_every_account_refused_stays_up_and_says_so() {
    let goto = StandIn::start().await;
    goto.with(|facts| facts.accounts.extend([("1".to_owned(), 403), ("2".to_owned(), 404)]));
    let mut run = run(goto, |_| {}).await;
    let why = run.until(|heard| if let Heard::Refused { why, .. } = heard { Some(why) } else { None }).await;
    assert_eq!(why.status, Some(403));
    run.goto.with(|facts| facts.accounts.clear());
    run.live().await;
    run.connection.close().await;
}

#[tokio::test]
async fn an_empty_list_of_accounts_means_those_of_the_login() {
    let mut run = run(StandIn::start().await, |settings| settings.account_keys.clear()).await;
    assert_eq!(
        run.until(|heard| if let Heard::Subscribed { accounts } = heard { Some(accounts) } else { None }).await,
        1
    );
    assert_eq!(run.goto.count("GET /users/v1/me"), 1);
    run.connection.close().await;
}
