//! Requests, responses and response rules of the chats here.

use super::{chat::message_ref, *};
use crate::{
    deliver::{
        response::{Failure, HttpResponse, PostResult},
        rules::find_rule,
        verdict::{DeliveryContext, Verdict, judge},
    },
    model::{
        call::StatusKind,
        delivery::{
            DeliveryKey, MessageRef, PostMode,
            SinkKind::{self, Discord, GoogleChat, Mattermost, Ntfy, TeamsApp, Webhook},
            Subject,
        },
        secret::Secret,
        time::Timestamp,
    },
};
use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const KINDS: [SinkKind; 6] = [Webhook, Ntfy, Discord, Mattermost, GoogleChat, TeamsApp];
const SECRET: &str = "whsec_KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio=";

fn reply(status: u16, body: &str) -> PostResult {
    PostResult::Response(HttpResponse { status, retry_after: None, body: body.to_owned(), complete: true })
}

fn wait(seconds: u64) -> Verdict {
    Verdict::Wait(Duration::from_secs(seconds))
}

/// Returns every line of the recommendation, as (sinks, result, verdict).
pub fn recommendation() -> Vec<(Vec<SinkKind>, PostResult, Verdict)> {
    let retry = Verdict::Retry { at_least: None };
    let slowly = Verdict::RetrySlowly { at_least: None };
    let (done, accepted) = (Verdict::Delivered { accepted: false }, Verdict::Delivered { accepted: true });
    let gone = Verdict::Dead { alert: false };
    let mut lines = vec![
        (KINDS.to_vec(), PostResult::NotSent(Failure::default()), retry),
        (vec![Webhook, Ntfy, Discord, Mattermost, TeamsApp], PostResult::NoResponse(Failure::default()), slowly),
        (vec![GoogleChat], PostResult::NoResponse(Failure::default()), retry),
        (KINDS.to_vec(), PostResult::BadCertificate(Failure::default()), retry),
        (KINDS.to_vec(), PostResult::InvalidUrl, Verdict::Disable),
    ];
    let mut line = |kinds: &[SinkKind], statuses: &[u16], bodies: &[&str], verdict: Verdict| {
        for (status, body) in statuses.iter().flat_map(|status| bodies.iter().map(move |body| (status, body))) {
            lines.push((kinds.to_vec(), reply(*status, body), verdict));
        }
    };
    let any = ["", "x", "{}", "<html>"].as_slice();
    line(&KINDS, &[301, 307], any, Verdict::Disable);
    line(&KINDS, &[407, 408, 425, 500, 503, 507], any, retry);
    line(&KINDS, &[502, 504], any, slowly);
    line(&[Ntfy, Discord, Mattermost, GoogleChat, TeamsApp], &[200], &["<html>login</html>"], slowly);

    line(&[Webhook], &[200, 201, 202, 204, 299], any, done);
    line(&[Webhook], &[410], any, Verdict::Disable);
    line(&[Webhook], &[429], any, wait(1));
    line(&[Webhook], &[400, 401, 403, 404, 405, 409, 413, 422, 451], any, Verdict::Plain);

    line(&[Ntfy], &[200], &[r#"{"id":"a","time":1}"#], done);
    line(&[Ntfy], &[429], &["", r#"{"code":42901}"#, r#"{"code":42909}"#], wait(5));
    line(&[Ntfy], &[429], &[r#"{"code":42908}"#], wait(240));
    line(&[Ntfy], &[400], &[r#"{"code":40009}"#, r#"{"code":40010}"#], Verdict::Disable);
    line(&[Ntfy], &[400], &["", r#"{"code":40024}"#], Verdict::Plain);
    line(&[Ntfy], &[413, 400], &[r#"{"code":41303}"#], Verdict::Plain);
    line(&[Ntfy], &[413], any, Verdict::Plain);
    line(&[Ntfy], &[401, 403, 404], any, Verdict::Disable);

    line(&[Discord], &[200], &[r#"{"id":"1"}"#], done);
    line(&[Discord], &[204], &[""], accepted);
    line(&[Discord], &[404], &[r#"{"code":10008}"#], gone);
    line(&[Discord], &[404, 401], &[r#"{"code":10015}"#, r#"{"code":50027}"#, r#"{"code":10003}"#], Verdict::Disable);
    line(&[Discord], &[400], &[r#"{"code":50035}"#, r#"{"code":50006}"#, "", r#"{"code":50109}"#], Verdict::Plain);
    line(&[Discord], &[401, 403, 404], any, Verdict::Disable);
    line(&[Discord], &[413], any, Verdict::Plain);
    line(&[Discord], &[429], any, wait(2));

    line(&[Mattermost], &[200], &["ok", "ok\n"], done);
    line(&[Mattermost], &[400], &[r#"{"id":"web.incoming_webhook.invalid.app_error"}"#], Verdict::Disable);
    line(&[Mattermost], &[501], &["", r#"{"id":"web.incoming_webhook.disabled.app_error"}"#], Verdict::Disable);
    line(&[Mattermost], &[403], &[r#"{"id":"web.incoming_webhook.permissions.app_error"}"#], Verdict::Disable);
    line(&[Mattermost], &[401, 403, 404], any, Verdict::Disable);
    line(&[Mattermost], &[400, 413], any, Verdict::Plain);
    line(&[Mattermost], &[429], any, wait(1));

    line(&[GoogleChat], &[200], &[r#"{"name":"spaces/A/messages/B"}"#], done);
    line(&[GoogleChat], &[401, 403, 404], any, Verdict::Disable);
    line(&[GoogleChat], &[400, 413], any, Verdict::Plain);
    line(&[GoogleChat], &[429], any, wait(2));
    line(&[TeamsApp], &[200, 201], &[r#"{"id":"a;messageid=1"}"#], done);
    line(&[TeamsApp], &[200, 202, 204], &[""], accepted);
    let token = |code: u64| format!(r#"{{"token_error":"invalid_client","code":{code}}}"#);
    line(&[TeamsApp], &[400, 401], &[&token(7_000_222), &token(7_000_215), &token(700_016)], Verdict::Disable);
    line(&[TeamsApp], &[400, 401, 403], &[&token(90_002), &token(900_023), &token(0)], Verdict::Disable);
    line(&[TeamsApp], &[429], &[&token(0)], wait(30));
    line(&[TeamsApp], &[200, 500, 502, 503, 504], &[&token(0)], retry);
    let code = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"x"}}}}"#);
    line(&[TeamsApp], &[404], &[&code("ActivityNotFoundInConversation")], gone);
    line(&[TeamsApp], &[404], &[&code("ConversationNotFound"), "", "{}"], Verdict::Disable);
    line(&[TeamsApp], &[403, 404], &[&code("BotNotInConversationRoster")], Verdict::Disable);
    line(&[TeamsApp], &[403], &[&code("ForbiddenOperationException"), &code("MessageWritesBlocked")], Verdict::Disable);
    line(&[TeamsApp], &[403], &[&code("BotDisabledByAdmin"), &code("InvalidBotApiHost"), ""], Verdict::Disable);
    line(&[TeamsApp], &[403], &[&code("NotEnoughPermissions"), &code("ConversationBlockedByUser")], Verdict::Disable);
    line(&[TeamsApp], &[401], &[&code("BotNotRegistered"), "", r#"{"message":"denied"}"#], Verdict::Disable);
    line(&[TeamsApp], &[412], &["", &code("PreconditionFailed")], retry);
    line(&[TeamsApp], &[429], &["", &code("Throttled")], wait(2));
    line(&[TeamsApp], &[400, 413], &["", &code("MessageSizeTooBig"), &code("Bad Argument")], Verdict::Plain);
    let cut = HttpResponse { status: 200, retry_after: None, body: "{".to_owned(), complete: false };
    lines.push((vec![GoogleChat], PostResult::Response(cut), retry));
    lines
}

#[test]
fn every_kind_without_a_file_of_its_own_is_slack_or_teams() {
    let without: Vec<SinkKind> = SinkKind::ALL.into_iter().filter(|kind| find(*kind).is_none()).collect();
    assert_eq!(without, [SinkKind::Slack, SinkKind::SlackTrigger, SinkKind::Teams, SinkKind::SlackApp]);
    for chat in ALL {
        let rows = || chat.rules.iter().chain(chat.status_rules);
        assert!(rows().all(|row| row.sinks == [chat.kind]), "{:?}: a rule of another chat", chat.kind);
        assert!(rows().all(|row| find_rule(chat.kind, &PostResult::InvalidUrl) != row));
    }
}

fn key(call: &str, status: StatusKind) -> DeliveryKey {
    DeliveryKey { subject: Subject::Call(call.try_into().unwrap()), status, sink: "desk".try_into().unwrap() }
}

fn at() -> Timestamp {
    "2026-11-23T18:00:00Z".parse().unwrap()
}

/// Builds the request of a message.
fn built(kind: SinkKind, url: &str, body: &str, mode: &PostMode, key: Option<&DeliveryKey>) -> Option<Request> {
    let options = ChatOptions {
        token: Some(Secret::new("tk_secret")),
        signing_key: SigningKey::parse(&Secret::new(SECRET)),
        headers: vec![("x-key".to_owned(), Secret::new("k"))],
        has_own_body: false,
        bot: None,
    };
    let url = Secret::new(url);
    let message = Message { body, headers: &[], mode, key, at: at() };
    (find(kind).unwrap().request)(
        &Endpoint { url: &url, options: &options, access_token: None, conversation: None },
        &message,
    )
}

fn header(request: &Request, name: &str) -> String {
    let found = request.headers.iter().find(|(header, _)| header == name);
    found.map(|(_, value)| value.expose().to_owned()).unwrap_or_default()
}

fn json_of(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

const LIVE: PostMode = PostMode::Live { message: None, reposted: false };

fn edit(id: &str) -> PostMode {
    PostMode::Live {
        message: Some(MessageRef { channel: "c".into(), ts: format!("1795456800.{id}") }),
        reposted: false,
    }
}

#[test]
fn webhook_id_is_one_per_delivery_and_signature_is_valid() {
    let (ring, missed) = (key("a", StatusKind::Ringing), key("a", StatusKind::Missed));
    let send =
        |body: &str, key| built(Webhook, "https://example.com/in?x=%2F", body, &PostMode::Post, Some(key)).unwrap();
    let first = send("{}", &ring);
    assert_eq!(header(&first, "webhook-id"), header(&send(r#"{"late":true}"#, &ring), "webhook-id"));
    assert_ne!(header(&first, "webhook-id"), header(&send("{}", &missed), "webhook-id"));
    assert_eq!(first.url.expose(), "https://example.com/in?x=%2F", "the URL is unchanged");
    assert_eq!((header(&first, "x-key"), header(&first, "webhook-timestamp")), ("k".into(), "1795456800".into()));
    let reference = standardwebhooks::Webhook::new(SECRET).unwrap();
    let expected = reference.sign(&header(&first, "webhook-id"), at().as_second(), b"{}").unwrap();
    assert_eq!(header(&first, "webhook-signature"), expected);
}

#[test]
fn ntfy_request_goes_to_the_root_with_one_sequence_per_call() {
    let send = |mode: PostMode, status| {
        built(Ntfy, "https://ntfy.example.com/desk-calls", r#"{"message":"x"}"#, &mode, Some(&key("a", status)))
            .unwrap()
    };
    let ring = send(LIVE, StatusKind::Ringing);
    assert_eq!(
        (ring.url.expose(), header(&ring, "authorization")),
        ("https://ntfy.example.com/", "Bearer tk_secret".into())
    );
    let sequence = json_of(&ring)["sequence_id"].as_str().unwrap().to_owned();
    assert_eq!(json_of(&ring), json!({ "message": "x", "topic": "desk-calls", "sequence_id": sequence }));
    assert_eq!(json_of(&send(LIVE, StatusKind::Ended))["sequence_id"], sequence.as_str());
    assert_eq!(json_of(&send(edit("abc"), StatusKind::Ended))["sequence_id"], "abc");
    assert_ne!(json_of(&send(PostMode::Post, StatusKind::Ended))["sequence_id"], sequence.as_str());
    let below = built(Ntfy, "https://example.com/push/desk", "{}", &LIVE, None).unwrap();
    assert_eq!(below.url.expose(), "https://example.com/push/", "a server below a path");
    for bad in ["https://ntfy.sh/", "https://ntfy.sh/a?b=c", "https://ntfy.sh/a b", "x"] {
        assert!(built(Ntfy, bad, "{}", &LIVE, None).is_none(), "{bad}");
    }
}

#[test]
fn discord_edit_is_a_patch_of_the_message() {
    let url = "https://discord.com/api/webhooks/1/secret-token";
    let send = |url: &str, mode: PostMode| built(Discord, url, "{}", &mode, None).unwrap();
    let (post, patch) = (send(url, LIVE), send(url, edit("77")));
    assert_eq!((post.method, post.url.expose()), (Method::POST, format!("{url}?wait=true").as_str()));
    assert_eq!((patch.method, patch.url.expose()), (Method::PATCH, format!("{url}/messages/77").as_str()));
    let thread = send(&format!("{url}?thread_id=5"), edit("77"));
    assert_eq!(thread.url.expose(), format!("{url}/messages/77?thread_id=5"), "a thread stays");
    let alert = send(&format!("{url}?thread_id=5&wait=true"), PostMode::Post);
    assert_eq!(alert.url.expose(), format!("{url}?thread_id=5&wait=true"));
}

#[test]
fn google_chat_has_one_thread_per_call_and_one_request_id_per_delivery() {
    let url = "https://chat.googleapis.com/v1/spaces/S/messages?key=a%2Fb&token=c";
    let send = |body: &str, status| built(GoogleChat, url, body, &PostMode::Post, Some(&key("a", status))).unwrap();
    let (ring, missed) =
        (send(r#"{"cardsV2":[]}"#, StatusKind::Ringing), send(r#"{"cardsV2":[]}"#, StatusKind::Missed));
    assert_eq!(json_of(&ring)["thread"], json_of(&missed)["thread"]);
    assert_ne!(ring.url, missed.url);
    assert!(
        ring.url
            .expose()
            .starts_with(&format!("{url}&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD&requestId="))
    );
    assert_ne!(ring.url, send(r#"{"text":"x"}"#, StatusKind::Ringing).url, "a plain retry is another request");
    let merged = built(GoogleChat, url, "{}", &PostMode::Post, None).unwrap();
    assert_eq!((merged.url.expose(), json_of(&merged)), (url, json!({})));
}

/// Returns the values that a chat reads from a response: the reduced body, the reference, the wait.
fn parsed(kind: SinkKind, url: &str, body: &str) -> (String, Option<MessageRef>, Option<Duration>) {
    let (url, options) = (Secret::new(url), ChatOptions::default());
    let message = Message { body: "{}", headers: &[], mode: &LIVE, key: None, at: at() };
    let (result, posted) = (find(kind).unwrap().parse)(
        &Endpoint { url: &url, options: &options, access_token: None, conversation: None },
        &message,
        reply(200, body),
    );
    let PostResult::Response(reply) = result else { panic!("{result:?}") };
    (reply.body, posted, reply.retry_after)
}

#[test]
fn parse_keeps_the_reference_and_drops_the_echo() {
    let ntfy =
        parsed(Ntfy, "https://ntfy.sh/desk", r#"{"id":"a","time":1795456800,"sequence_id":"s","message":"Alice"}"#);
    assert_eq!((ntfy.0.contains("Alice"), ntfy.1), (false, message_ref("desk", 1_795_456_800, "s")));
    // An id of 23 November 2026, 18:00 UTC.
    let id = (1_795_456_800_000_u64 - 1_420_070_400_000) << 22;
    let body = format!(r#"{{"id":"{id}","channel_id":"9","embeds":[{{"title":"Alice"}}]}}"#);
    let discord = parsed(Discord, "https://discord.com/api/webhooks/1/t", &body);
    assert_eq!((discord.0.contains("Alice"), discord.1), (false, message_ref("9", 1_795_456_800, &id.to_string())));
    let throttled = parsed(Discord, "https://discord.com/api/webhooks/1/t", r#"{"retry_after":1.5,"message":"slow"}"#);
    assert_eq!((throttled.1, throttled.2), (None, Some(Duration::from_millis(1500))));
    let google = parsed(GoogleChat, "https://x/?key=a&token=b", r#"{"name":"spaces/A","text":"Alice"}"#);
    assert_eq!((google.0.as_str(), google.1), (r#"{"name":"spaces/A"}"#, None));
    let error = r#"{"error":{"code":400,"message":"Alice","status":"INVALID_ARGUMENT"}}"#;
    assert_eq!(parsed(GoogleChat, "https://x/?key=a&token=b", error).0, r#"{"error":"INVALID_ARGUMENT"}"#);
}

#[test]
fn check_reports_what_cannot_work() {
    let found = |kind, url: &str| {
        let problems = (find(kind).unwrap().check)(&url.parse().unwrap(), &ChatOptions::default());
        problems.iter().map(|problem| (problem.key, problem.is_error)).collect::<Vec<_>>()
    };
    assert_eq!(found(Webhook, "https://example.com/in"), [("secret", false)]);
    assert_eq!(found(Ntfy, "https://ntfy.sh/desk"), [("url", false)]);
    assert_eq!(found(Ntfy, "https://ntfy.example.com/desk"), []);
    assert_eq!(found(Ntfy, "https://ntfy.sh/"), [("url", true)]);
    assert_eq!(found(Discord, "https://discord.com/api/webhooks/1/t/slack"), [("url", true)]);
    assert_eq!(found(GoogleChat, "https://chat.googleapis.com/v1/spaces/S/messages?key=a"), [("url", true)]);
}

proptest! {
    #[test]
    fn any_response_counts_as_delivered_with_a_2xx_only(body in any::<String>(), status in 100_u16..600) {
        for chat in ALL {
            let (url, options) = (Secret::new("https://example.com/topic?key=a&token=b"), ChatOptions::default());
            let message = Message { body: "{}", headers: &[], mode: &LIVE, key: None, at: at() };
            let (result, posted) = (chat.parse)(&Endpoint { url: &url, options: &options, access_token: None, conversation: None }, &message, reply(status, &body));
            prop_assert_eq!(posted, None);
            let is_delivered = matches!(judge(chat.kind, &result, &DeliveryContext::default()), Verdict::Delivered { .. });
            prop_assert!(!is_delivered || (200..300).contains(&status));
        }
    }
}
