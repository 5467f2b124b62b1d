//! Queries for the past calls of a caller.

use super::*;

fn query(last: u32) -> CallerActivityQuery {
    let number = crate::model::phone::PhoneNumber::parse(Some(&format!("+151455501{last}")), Region::US);
    let (from, to) = ("2026-11-01T00:00:00Z".parse().unwrap(), "2026-11-23T10:00:00Z".parse().unwrap());
    let (account, number) = (AccountKey::try_from("1").unwrap(), number.as_e164().unwrap().clone());
    CallerActivityQuery { account, number, from, to }
}

fn activity(event: ConnectionEvent) -> Option<Result<Vec<CallRecord>, Duration>> {
    match event {
        ConnectionEvent::CallerActivity { calls, .. } => Some(calls),
        _ => None,
    }
}

#[tokio::test]
async fn caller_activity_tries_every_form_until_one_has_calls() {
    let goto = FakeGoto::start().await;
    let item = json!({"items": [{"direction": "INBOUND", "startTime": "2026-11-20T10:00:00Z"}]});
    goto.answer_next("GET /call-reports/v1/reports/caller-activity/15145550199", &[(200, json!({"items": []}))]);
    goto.answer_next("GET /call-reports/v1/reports/caller-activity/5145550199", &[(200, item.clone())]);
    goto.answer_next("GET /call-reports/v1/reports/caller-activity/5145550188", &[(200, item)]);
    let mut run = run(goto, |_| {}).await;
    assert!(run.connection.queries.caller_activity(query(99)));
    assert_eq!(run.until(activity).await.unwrap().len(), 1);
    assert!(run.connection.queries.caller_activity(query(88)));
    assert_eq!(run.until(activity).await.unwrap().len(), 1);
    let requests = run.goto.with(|fake| fake.requests.clone());
    let number_of = |request: &String| request.rsplit_once("/caller-activity/").map(|(_, number)| number.to_owned());
    let forms: Vec<String> = requests.iter().filter_map(number_of).collect();
    assert_eq!(forms, ["+15145550199", "15145550199", "5145550199", "5145550188"]);
    run.connection.close().await;
}

#[tokio::test]
async fn caller_activity_failure_returns_its_cooldown() {
    let failures = [
        (403, json!({"errorCode": "AUTHZ_INSUFFICIENT_SCOPE"}), 3600),
        (429, json!({}), 300),
        (400, json!({"errorCode": "MANDATORY_ORGANIZATION_ID"}), 3600),
        (500, json!({}), 60),
        (200, json!({"items": 7}), 60),
    ];
    let goto = FakeGoto::start().await;
    let answers: Vec<_> = failures.iter().map(|(status, body, _)| (*status, body.clone())).collect();
    goto.answer_next("GET /call-reports", &answers);
    let mut run = run(goto, |_| {}).await;
    for (status, _, seconds) in failures {
        assert!(run.connection.queries.caller_activity(query(99)));
        assert_eq!(run.until(activity).await, Err(Duration::from_secs(seconds)), "{status}");
    }
    run.connection.close().await;
}
