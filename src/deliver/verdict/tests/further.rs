//! Further responses of chats, of gateways before them and of networks that answer in their place, each with its verdict.

use super::*;

const NGINX_400: &str =
    "<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1>";
const NGINX_413: &str = "<html><head><title>413 Request Entity Too Large</title></head></html>";
const BLOCKED: &str = "<!DOCTYPE html><html><title>Access denied by the internet policy</title></html>";
const SIGN_IN: &str = "\n  <!doctype html>\n<html lang=\"en\"><title>Sign in to Guest Wi-Fi</title>";
const TUNNEL_DOWN: &str = "<html><body><h1>524: A timeout occurred</h1></body></html>";

/// Returns kind, status, body and verdict.
fn responses() -> Vec<(SinkKind, u16, String, Verdict)> {
    let no = |error: &str| format!("{{\"ok\":false,\"error\":\"{error}\"}}");
    let code = |code: &str| format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"See the run history.\"}}}}");
    let text = str::to_owned;
    vec![
        (Slack, 200, text("ok\r\n"), DONE),
        (Slack, 200, text("\u{feff}ok"), DONE),
        (Slack, 400, text("invalid_payload\n"), Plain),
        (Slack, 403, text("invalid_token"), Disable),
        (Slack, 403, text(BLOCKED), Disable),
        // A gateway refuses the request, and Slack never saw it: no fault of this card.
        (Slack, 400, text(NGINX_400), SLOWLY),
        (Slack, 405, text(BLOCKED), SLOWLY),
        (Slack, 451, text(BLOCKED), SLOWLY),
        (SlackApp, 400, text(NGINX_400), SLOWLY),
        (SlackTrigger, 402, text(BLOCKED), SLOWLY),
        (Teams, 400, text(NGINX_400), SLOWLY),
        (Teams, 405, text(BLOCKED), SLOWLY),
        (Slack, 413, text(NGINX_413), Plain),
        (Teams, 413, text(NGINX_413), Plain),
        (Slack, 429, text(BLOCKED), seconds(1)),
        // Without a header, the body names the wait.
        (Slack, 429, text(r#"{"retry_after":12,"ok":false,"error":"rate_limited"}"#), seconds(12)),
        (Slack, 503, text("<html><body><h1>503 Service Unavailable</h1></body></html>"), RETRY),
        (Slack, 511, text(SIGN_IN), RETRY),
        (Teams, 511, text(SIGN_IN), RETRY),
        (Slack, 200, text(SIGN_IN), SLOWLY),
        (Teams, 202, text(SIGN_IN), SLOWLY),
        // The gateway passed the request on and lost the answer.
        (Slack, 520, text(TUNNEL_DOWN), SLOWLY),
        (Teams, 524, text(TUNNEL_DOWN), SLOWLY),
        // The gateway passed nothing on.
        (Slack, 521, text(TUNNEL_DOWN), RETRY),
        (Teams, 523, String::new(), RETRY),
        // Another server got the request on a shared connection, and did nothing with it.
        (Slack, 421, String::new(), RETRY),
        (Teams, 421, text("<html><title>421 Misdirected Request</title></html>"), RETRY),
        (Slack, 302, text("https://portal.example.net/login"), Disable),
        (Slack, 404, text("no_team"), Disable),
        (SlackApp, 200, no("user_not_visible"), Disable),
        (SlackApp, 200, no("attachment_payload_limit_exceeded"), Plain),
        (SlackApp, 500, no("internal_error"), SLOWLY),
        (SlackApp, 503, String::new(), RETRY),
        (Teams, 202, String::new(), ACCEPTED),
        (Teams, 400, code("InvalidRequestContent"), DEAD),
        (Teams, 401, code("InvalidSasToken"), Disable),
        (Teams, 404, text("The request URI '/x' does not match any known API routes"), Disable),
        (Teams, 429, code("TooManyRequests"), seconds(30)),
        (Teams, 500, code("InternalServerError"), RETRY),
        (Teams, 504, code("GatewayTimeout"), SLOWLY),
    ]
}

#[test]
fn further_responses_get_their_verdict() {
    let odd = responses().into_iter().filter_map(|(kind, status, body, verdict)| {
        let judged = judge(kind, &reply(status, &body), &DeliveryContext::default());
        (judged != verdict).then(|| format!("{kind:?} {status} {body}: {judged:?}, not {verdict:?}"))
    });
    let odd: Vec<String> = odd.collect();
    assert!(odd.is_empty(), "{} of {}:\n{}", odd.len(), responses().len(), odd.join("\n"));
}

#[test]
fn page_in_place_of_an_answer_is_named_as_one() {
    for (status, body) in [(403, BLOCKED), (511, SIGN_IN), (400, NGINX_400), (200, SIGN_IN)] {
        for kind in ALL {
            let rule = find_rule(kind, &reply(status, body));
            assert!(rule.advice.contains("login page"), "{kind:?} {status}: {} {}", rule.reason, rule.advice);
        }
    }
}
