//! A caller's past calls, as GoTo knows them.

use super::*;

fn past_ask(last: u32) -> Ask {
    let number = crate::model::phone::Number::read(Some(&format!("+151455501{last}")), Region::US);
    let (from, to) = ("2026-11-01T00:00:00Z".parse().unwrap(), "2026-11-23T10:00:00Z".parse().unwrap());
    let (account, number) = (AccountKey::try_from("1").unwrap(), number.known().unwrap().clone());
    Ask::Past(PastAsk { account, number, from, to })
}

fn past(heard: Heard) -> Option<Result<Vec<Remembered>, Duration>> {
    match heard {
        Heard::Past { calls, .. } => Some(calls),
        _ => None,
    }
}

#[tokio::test]
async fn a_number_is_asked_for_in_every_form_until_one_is_known_and_then_in_that_one() {
    let goto = StandIn::start().await;
    let item = json!({"items": [{"direction": "INBOUND", "startTime": "2026-11-20T10:00:00Z"}]});
    goto.instead("GET /call-reports/v1/reports/caller-activity/15145550199", &[(200, json!({"items": []}))]);
    goto.instead("GET /call-reports/v1/reports/caller-activity/5145550199", &[(200, item.clone())]);
    goto.instead("GET /call-reports/v1/reports/caller-activity/5145550188", &[(200, item)]);
    let mut run = run(goto, |_| {}).await;
    run.connection.ask.send(past_ask(99)).await.unwrap();
    assert_eq!(run.until(past).await.unwrap().len(), 1);
    run.connection.ask.send(past_ask(88)).await.unwrap();
    assert_eq!(run.until(past).await.unwrap().len(), 1);
    let asked = run.goto.with(|facts| facts.asked.clone());
    let of = |asked: &String| asked.rsplit_once("/caller-activity/").map(|(_, number)| number.to_owned());
    let forms: Vec<String> = asked.iter().filter_map(of).collect();
    assert_eq!(forms, ["+15145550199", "15145550199", "5145550199", "5145550188"]);
    run.connection.close().await;
}

#[tokio::test]
async fn a_goto_that_tells_no_past_calls_says_how_long_it_wants_to_be_left_alone() {
    let refusals = [
        (403, json!({"errorCode": "AUTHZ_INSUFFICIENT_SCOPE"}), 3600),
        (429, json!({}), 300),
        (400, json!({"errorCode": "MANDATORY_ORGANIZATION_ID"}), 3600),
        (500, json!({}), 60),
        (200, json!({"items": 7}), 60),
    ];
    let goto = StandIn::start().await;
    let answers: Vec<_> = refusals.iter().map(|(status, body, _)| (*status, body.clone())).collect();
    goto.instead("GET /call-reports", &answers);
    let mut run = run(goto, |_| {}).await;
    for (status, _, seconds) in refusals {
        run.connection.ask.send(past_ask(99)).await.unwrap();
        assert_eq!(run.until(past).await, Err(Duration::from_secs(seconds)), "{status}");
    }
    run.connection.close().await;
}
