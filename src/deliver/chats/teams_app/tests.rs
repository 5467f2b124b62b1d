//! Requests, responses and limits of a Teams app.

use super::*;
use crate::{
    deliver::{
        access_token::Credentials,
        chats::ChatOptions,
        limiter::SharedLimiter,
        rules::find_rule,
        teams_bot::{Bot, Cloud},
        verdict::{DeliveryContext, Verdict, judge},
    },
    model::time::Timestamp,
};
use std::time::{Duration, Instant};

const CHANNEL: &str = "19:AbC-d_9@thread.tacv2";
const CARD: &str = r#"{"type":"message","attachments":[{"content":{"fallbackText":"Alice rings"}}]}"#;
const LIVE: PostMode = PostMode::Live { message: None, reposted: false };

fn at() -> Timestamp {
    "2026-11-23T18:00:00Z".parse().unwrap()
}

fn options() -> ChatOptions {
    let credentials = Credentials {
        token_url: "https://login.example/t/oauth2/v2.0/token".parse().unwrap(),
        client_id: "app".to_owned(),
        client_secret: Secret::new("secret"),
        scope: Cloud::Public.scope(),
    };
    ChatOptions {
        bot: Some(Bot { credentials, tenant: "example.com".to_owned(), channel: CHANNEL.to_owned(), is_person: false }),
        ..ChatOptions::default()
    }
}

fn edit() -> PostMode {
    let message = MessageRef { channel: format!("{CHANNEL};messageid=17"), ts: "1795456800.17".to_owned() };
    PostMode::Live { message: Some(message), reposted: false }
}

fn built(mode: &PostMode, token: Option<&Secret>) -> Option<Request> {
    let (url, options) = (Secret::new("https://smba.example/teams/"), options());
    let endpoint = Endpoint { url: &url, options: &options, access_token: token, conversation: None };
    request(&endpoint, &Message { body: CARD, headers: &[], mode, key: None, at: at() })
}

fn parsed(mode: &PostMode, status: u16, body: &str) -> (PostResult, Option<MessageRef>) {
    let (url, options) = (Secret::new("https://smba.example/teams/"), options());
    let endpoint = Endpoint { url: &url, options: &options, access_token: None, conversation: None };
    let message = Message { body: CARD, headers: &[], mode, key: None, at: at() };
    let reply = HttpResponse { status, retry_after: None, body: body.to_owned(), complete: true };
    parse(&endpoint, &message, PostResult::Response(reply))
}

fn json_of(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

#[test]
fn first_post_creates_a_conversation_and_edit_is_a_put() {
    let token = Secret::new("t0ken");
    let post = built(&LIVE, Some(&token)).unwrap();
    assert_eq!((&post.method, post.url.expose()), (&Method::POST, "https://smba.example/teams/v3/conversations"));
    assert_eq!(post.headers, [("authorization".to_owned(), Secret::new("Bearer t0ken"))]);
    let body = json_of(&post);
    assert_eq!((&body["isGroup"], &body["channelData"]), (&json!(true), &json!({ "channel": { "id": CHANNEL } })));
    assert_eq!(body["activity"]["summary"], "Alice rings", "notifications show the summary");
    let put = built(&edit(), Some(&token)).unwrap();
    let path = "https://smba.example/teams/v3/conversations/19%3AAbC-d_9%40thread.tacv2%3Bmessageid%3D17/activities";
    assert_eq!((&put.method, put.url.expose()), (&Method::PUT, format!("{path}/17").as_str()));
    assert_eq!(json_of(&put), body["activity"]);
    let reply = PostMode::ThreadReply { message: edit().message_ref().cloned() };
    let reply = built(&reply, Some(&token)).unwrap();
    assert_eq!((&reply.method, reply.url.expose()), (&Method::POST, path));
    assert!(built(&LIVE, None).is_none(), "never without a token");
}

#[test]
fn reference_of_a_new_message_has_conversation_and_time() {
    let conversation = format!("{CHANNEL};messageid=1795456800123");
    let reference = |body: Value| parsed(&LIVE, 201, &body.to_string()).1;
    let expected = MessageRef { channel: conversation.clone(), ts: "1795456800.1795456800123".to_owned() };
    let full = json!({ "id": conversation, "activityId": "1795456800123" });
    assert_eq!(reference(full), Some(expected.clone()));
    assert_eq!(reference(json!({ "id": conversation })), Some(expected.clone()), "the thread is the message");
    assert_eq!(expected.channel_id(), CHANNEL);
    let other = reference(json!({ "id": conversation, "activityId": "1:abc" }));
    assert_eq!(other, None, "an id that is not fit to be stored");
    let other = reference(json!({ "id": conversation, "activityId": "abc" })).unwrap();
    assert_eq!(other.ts, format!("{}.abc", at().as_second()));
    for odd in [json!({}), json!({ "id": CHANNEL }), json!({ "id": "a b", "activityId": "1" })] {
        assert_eq!(reference(odd), None);
    }
    assert_eq!(parsed(&edit(), 200, r#"{"id":"17"}"#).1, None);
}

#[test]
fn response_is_reduced_to_the_error() {
    let body = |status, body: &str| match parsed(&LIVE, status, body).0 {
        PostResult::Response(reply) => reply.body,
        other => panic!("{other:?}"),
    };
    assert_eq!(body(201, r#"{"id":"a;messageid=1","activityId":"1","echo":"Alice"}"#), r#"{"id":"a;messageid=1"}"#);
    let error = r#"{"error":{"code":"BotDisabledByAdmin","message":"no","card":"Alice"}}"#;
    assert_eq!(body(403, error), r#"{"error":{"code":"BotDisabledByAdmin","message":"no"}}"#);
    let blocked = r#"{"errorCode":209,"message":"{\"subCode\":\"MessageWritesBlocked\",\"details\":\"x\"}"}"#;
    assert_eq!(body(403, blocked), r#"{"error":{"code":"MessageWritesBlocked","message":null}}"#);
    let denied = r#"{"message":"Authorization has been denied for this request."}"#;
    assert_eq!(body(401, denied), denied);
}

#[test]
fn failure_of_the_token_is_named_with_advice() {
    let rule = |status, code: &str| {
        let body = format!(r#"{{"token_error":"invalid_client","code":{code}}}"#);
        let reply = HttpResponse { status, retry_after: None, body, complete: true };
        find_rule(SinkKind::TeamsApp, &PostResult::Response(reply))
    };
    for (status, code, reason) in [
        (401, "7000222", "the client secret has expired"),
        (401, "7000215", "the client secret is wrong"),
        (400, "700016", "the tenant has no app with this app_id"),
        (400, "90002", "the tenant does not exist"),
        (401, "1", "Microsoft's login rejects the app"),
        (400, "null", "Microsoft's login rejects the app"),
        (503, "null", "Microsoft's login sends no token"),
        (502, "null", "Microsoft's login sends no token"),
        (200, "null", "Microsoft's login sends no token"),
    ] {
        let rule = rule(status, code);
        assert_eq!((rule.reason, rule.advice.is_empty()), (reason, false));
    }
}

#[test]
fn gone_conversation_is_posted_again_once_and_disables_for_a_new_message() {
    let verdict = |code: &str, history: DeliveryContext| {
        let (result, _) = parsed(&LIVE, 404, &json!({ "error": { "code": code } }).to_string());
        judge(SinkKind::TeamsApp, &result, &history)
    };
    let edit = DeliveryContext { is_edit: true, ..DeliveryContext::default() };
    let again = DeliveryContext { was_reposted: true, ..edit };
    for code in ["ActivityNotFoundInConversation", "ConversationNotFound", "Unknown"] {
        assert_eq!(verdict(code, edit), Verdict::Repost, "{code}");
        assert_eq!(verdict(code, again), Verdict::Dead { alert: false }, "{code}");
    }
    assert_eq!(verdict("ConversationNotFound", DeliveryContext::default()), Verdict::Disable);
    let moved = DeliveryContext { in_other_channel: true, ..edit };
    assert_eq!(verdict("BotNotInConversationRoster", moved), Verdict::Repost, "the config has another channel now");
    assert_eq!(verdict("BotNotInConversationRoster", edit), Verdict::Disable);
    assert_eq!(verdict("BotDisabledByAdmin", moved), Verdict::Disable, "concerns the app");
}

/// Sends as fast as the limiter allows for two hours and checks every window of the documented limits.
#[test]
fn limiter_keeps_every_limit_of_a_conversation() {
    let start = Instant::now();
    let limiter = SharedLimiter::new(Some(RATE), start).with_long_term(LONG_TERM, start);
    let (mut now, mut sent) = (start, Vec::new());
    while now < start + Duration::from_secs(7200) {
        let wait = limiter.wait(now);
        if wait.is_zero() {
            limiter.consume(now);
            sent.push(now.duration_since(start).as_secs_f64());
        }
        now += wait;
    }
    for (most, seconds) in CONVERSATION_LIMITS {
        let in_window = |from: &f64| sent.iter().filter(|at| (*from..from + seconds).contains(at)).count() as f64;
        let highest = sent.iter().map(in_window).fold(0.0, f64::max);
        assert!(highest <= most, "{highest} in {seconds} s");
    }
    let first_minute = sent.iter().filter(|at| **at < 60.0).count();
    assert!(first_minute >= 60, "{first_minute}: a short burst is not slowed down to the limit of an hour");
    assert!(!keeps(RateLimit { burst: 8, ..RATE }, LONG_TERM, &CONVERSATION_LIMITS));
    assert!(!keeps(RATE, RATE, &CONVERSATION_LIMITS));
}
