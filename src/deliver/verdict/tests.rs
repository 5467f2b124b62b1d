//! Tests of the decisions about chat responses.

mod further;

use super::*;
use crate::deliver::{response::Failure, rules::rules};
use SinkKind::{Slack, SlackApp, SlackTrigger, Teams};
use Verdict::{Dead, Delivered, Disable, Plain, RetryOnce, Wait};

const RETRY: Verdict = Verdict::Retry { at_least: None };
const SLOWLY: Verdict = Verdict::RetrySlowly { at_least: None };
const DEAD: Verdict = Dead { alert: true };
const DONE: Verdict = Delivered { accepted: false };
const ACCEPTED: Verdict = Delivered { accepted: true };
const ALL: [SinkKind; 4] = [Slack, SlackTrigger, Teams, SlackApp];

fn reply(status: u16, body: &str) -> PostResult {
    PostResult::Response(HttpResponse { status, retry_after: None, body: body.to_owned(), complete: true })
}

fn seconds(seconds: u64) -> Verdict {
    Wait(Duration::from_secs(seconds))
}

/// Returns every line of the recommendation, as (sinks, result, verdict).
fn recommendation() -> Vec<(Vec<SinkKind>, PostResult, Verdict)> {
    let why = Failure::default;
    let mut lines: Vec<(Vec<SinkKind>, PostResult, Verdict)> = vec![
        (ALL.into(), PostResult::NotSent(why()), RETRY),
        (ALL.into(), PostResult::NoResponse(why()), SLOWLY),
        (ALL.into(), PostResult::BadCertificate(why()), RETRY),
        (ALL.into(), PostResult::InvalidUrl, Disable),
    ];
    let mut line = |kinds: &[SinkKind], statuses: &[u16], bodies: &[&str], verdict: Verdict| {
        for (status, body) in statuses.iter().flat_map(|status| bodies.iter().map(move |body| (status, body))) {
            lines.push((kinds.to_vec(), reply(*status, body), verdict));
        }
    };
    let any = ["", "ok", "1", "{\"ok\":true}", "<html>", "x"].as_slice();
    line(&ALL, &[301, 302, 304, 307, 308], any, Disable);
    line(&ALL, &[407, 408, 425, 500, 503, 507, 599], any, RETRY);
    line(&ALL, &[502, 504], any, SLOWLY);
    line(&ALL, &[200, 203, 299], &["<html>login</html>", "\u{feff}\n<!DOCTYPE html>", "<?xml?>"], SLOWLY);
    line(&[Slack, SlackTrigger, SlackApp], &[429], any, seconds(1));
    line(&[Teams], &[429], any, seconds(30));
    let own = ["", "ok", "1", "{\"ok\":true}", "x"].as_slice();
    line(&ALL, &[405, 415, 402, 418, 451], own, DEAD);
    line(&ALL, &[400, 405, 415, 402, 418, 451], &["<html>", "<!doctype html>"], SLOWLY);
    line(&ALL, &[421, 511], any, RETRY);
    line(&ALL, &[520, 524], any, SLOWLY);
    line(&ALL, &[100, 600, 999], any, DEAD);

    line(&[Slack], &[200], &["ok", " ok\n", "{\"ok\":true}"], DONE);
    line(&[Slack], &[200, 201, 204], &["", "okay", "OK", "{\"ok\":false,\"error\":\"new\"}"], Plain);
    let payload = ["invalid_payload", "invalid_blocks", "invalid_blocks_format", "invalid_attachments", "no_text"];
    line(&[Slack], &[400, 500, 200], &payload, Plain);
    let payload = ["missing_text", "missing_text_or_fallback_or_attachments", "too_many_attachments"];
    line(&[Slack], &[400, 500], &payload, Plain);
    line(&[Slack], &[400, 500], &["user_not_found"], Disable);
    line(&[Slack, SlackApp], &[200], &["{\"ok\":false,\"error\":\"invalid_blocks\"}"], Plain);
    let gone = ["action_prohibited", "posting_to_general_channel_denied", "invalid_channel", "invalid_token"];
    line(&[Slack], &[200, 400, 403, 404, 500, 503], &gone, Disable);
    let gone = ["channel_is_archived", "no_active_hooks", "{\"ok\":false,\"error\":\"is_archived\"}"];
    line(&[Slack], &[200, 404, 500], &gone, Disable);
    line(&[Slack], &[500], &["rollup_error"], RETRY);
    line(&[Slack], &[200, 403], &["ratelimited", "{\"ok\":false,\"error\":\"rate_limited\"}"], seconds(1));
    line(&[Slack], &[400], &["something_new", ""], DEAD);
    line(&[Slack], &[403], &["action_prohibited", "invalid_token", "team_disabled", "x"], Disable);
    line(&[Slack], &[404], &["no_service", "no_service_id", "no_team", "channel_not_found", ""], Disable);
    line(&[Slack], &[410], &["channel_is_archived", "", "x"], Disable);
    line(&[Slack], &[413], any, Plain);

    line(&[SlackTrigger], &[200], &["", "ok", "{\"ok\":true}"], DONE);
    line(&[SlackTrigger], &[200], &["{\"ok\":false,\"error\":\"x\"}", "{\"ok\": false}"], Disable);
    line(&[SlackTrigger], &[400], own, Disable);
    line(&[SlackTrigger], &[404], any, Disable);

    let no = |error: &str| format!("{{\"ok\":false,\"error\":\"{error}\"}}");
    let mut app = |errors: &[&str], verdict: Verdict| {
        let bodies: Vec<String> = errors.iter().map(|error| no(error)).collect();
        line(&[SlackApp], &[200, 403, 500], &bodies.iter().map(String::as_str).collect::<Vec<_>>(), verdict);
    };
    app(&["ratelimited", "rate_limited"], seconds(1));
    app(&["service_unavailable", "request_timeout", "team_added_to_org", "external_channel_migrating"], RETRY);
    app(&["internal_error", "fatal_error"], SLOWLY);
    let gone = ["message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"];
    app(&gone, Dead { alert: false });
    app(&["no_text", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "block_mismatch"], Plain);
    app(&["msg_too_long", "too_many_attachments"], Plain);
    app(&["channel_not_found", "invalid_channel", "not_in_channel", "is_archived", "restricted_action"], Disable);
    app(&["user_not_found", "user_disabled", "messages_tab_disabled", "cannot_dm_bot"], Disable);
    app(&["restricted_action_read_only_channel", "ekm_access_denied", "missing_scope"], Disable);
    app(&["account_inactive", "token_revoked", "token_expired", "invalid_auth", "not_authed"], Disable);
    line(&[SlackApp], &[200], &["{\"ok\":true}"], DONE);
    line(&[SlackApp], &[200, 204], &["", "ok", "{\"ok\":\"true\"}", &no("something_new")], Plain);
    line(&[SlackApp], &[401, 403, 404], &["", "<html>"], Disable);
    line(&[SlackApp], &[413], &[""], Plain);

    line(&[Teams], &[200, 201, 202, 204], &["", "ok", "1", "{\"ok\":true}", "{\"posted\":1}", "x"], ACCEPTED);
    let code = |code: &str| format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"x\"}}}}");
    line(&[Teams], &[200, 502, 504], &[&code("NoResponse")], RetryOnce);
    line(&[Teams], &[200, 500], &[&code("WorkflowNotFound")], Disable);
    line(&[Teams], &[400], &[&code("TriggerInputSchemaMismatch")], DEAD);
    line(&[Teams], &[400], &[&code("DirectApiRequestHasMoreThanOneAuthorization")], DEAD);
    line(&[Teams], &[400], &[&code("WorkflowTriggerIsNotEnabled"), &code("WorkflowSuspended")], Disable);
    line(&[Teams], &[401, 403, 404, 410], any, Disable);
    line(&[Teams], &[401], &[&code("DirectApiAuthorizationRequired")], Disable);
    line(&[Teams], &[404], &[&code("WorkflowNotFound")], Disable);
    line(&[Teams], &[413], any, Plain);
    line(&[Teams], &[400, 403], &[&code("RequestEntityTooLarge"), "MessageSizeExceeded"], Plain);
    lines.extend(crate::deliver::chats::tests::recommendation());
    lines
}

#[test]
fn judge_follows_every_line_of_the_recommendation() {
    for (kinds, answer, verdict) in recommendation() {
        for kind in kinds {
            assert_eq!(judge(kind, &answer, &DeliveryContext::default()), verdict, "{kind:?} {answer:?}");
        }
    }
}

#[test]
fn rules_are_all_reachable_and_have_a_reason() {
    let chats = [SinkKind::Ntfy, SinkKind::Discord, SinkKind::Mattermost, SinkKind::GoogleChat, SinkKind::TeamsApp];
    let decides = [&[Slack, SlackApp], chats.as_slice()].concat();
    let cut = [(decides, PostResult::Response(cut()), SLOWLY)];
    let matched: Vec<&ResponseRule> = recommendation()
        .iter()
        .chain(&cut)
        .flat_map(|(kinds, answer, _)| kinds.iter().map(move |kind| find_rule(*kind, answer)))
        .collect();
    for row in rules() {
        assert!(matched.contains(&row), "no response matches {row:?}");
        assert!(!row.reason.is_empty() && !row.reason.ends_with('.'), "{row:?}");
        assert!(
            !matches!(row.action, Action::Disable | Action::RepostOrDisable) || !row.advice.is_empty(),
            "a rule that disables a sink has advice: {row:?}"
        );
    }
}

fn cut() -> HttpResponse {
    HttpResponse { status: 200, retry_after: None, body: "o".to_owned(), complete: false }
}

#[test]
fn judge_incomplete_body_retries_slowly_if_body_decides() {
    let verdicts = ALL.map(|kind| judge(kind, &PostResult::Response(cut()), &DeliveryContext::default()));
    assert_eq!(verdicts, [SLOWLY, DONE, ACCEPTED, SLOWLY]);
    let enough = PostResult::Response(HttpResponse { body: "ok".to_owned(), ..cut() });
    assert_eq!(judge(Slack, &enough, &DeliveryContext::default()), DONE);
}

#[test]
fn judge_retry_after_is_clamped_to_1_s_and_300_s() {
    let judge_with = |status, asked| {
        let retry_after = Some(Duration::from_secs(asked));
        let answer = PostResult::Response(HttpResponse { status, retry_after, body: String::new(), complete: true });
        judge(Slack, &answer, &DeliveryContext { requested_waits: 9, ..DeliveryContext::default() })
    };
    assert_eq!([0, 1, 17, 300, 86400].map(|asked| judge_with(429, asked)), [1, 1, 17, 300, 300].map(seconds));
    assert_eq!(judge_with(503, 40), Verdict::Retry { at_least: Some(Duration::from_secs(40)) });
}

#[test]
fn judge_throttling_without_time_doubles_wait_to_minutes() {
    let wait = |kind, requested_waits| {
        judge(kind, &reply(429, ""), &DeliveryContext { requested_waits, ..DeliveryContext::default() })
    };
    assert_eq!([0, 1, 2, 7, 8, 40].map(|waits| wait(Slack, waits)), [1, 2, 4, 128, 240, 240].map(seconds));
    assert_eq!([0, 1, 2, 3, 40].map(|waits| wait(Teams, waits)), [30, 60, 120, 240, 240].map(seconds));
}

#[test]
fn judge_error_of_previous_channel_does_not_disable_sink() {
    let edit = DeliveryContext { is_edit: true, in_other_channel: true, ..DeliveryContext::default() };
    let reply = |error: &str| reply(200, &format!(r#"{{"ok":false,"error":"{error}"}}"#));
    for error in ["not_in_channel", "channel_not_found", "is_archived", "restricted_action"] {
        assert_eq!(judge(SlackApp, &reply(error), &edit), Verdict::Repost, "{error}");
        let answer = DeliveryContext { is_edit: false, ..edit };
        assert_eq!(judge(SlackApp, &reply(error), &answer), Dead { alert: false }, "{error}");
        assert_eq!(
            judge(SlackApp, &reply(error), &DeliveryContext { in_other_channel: false, ..edit }),
            Disable,
            "{error}"
        );
    }
    assert_eq!(judge(SlackApp, &reply("token_revoked"), &edit), Disable);
}

#[test]
fn judge_person_who_is_not_reached_costs_the_card_and_no_sink() {
    let person = DeliveryContext { is_person: true, ..DeliveryContext::default() };
    let edit = DeliveryContext { is_edit: true, ..person };
    let slack = |error: &str| reply(200, &format!(r#"{{"ok":false,"error":"{error}"}}"#));
    for error in
        ["user_not_found", "users_not_found", "user_disabled", "channel_not_found", "cannot_dm_bot", "is_archived"]
    {
        let verdicts = [person, edit].map(|context| judge(SlackApp, &slack(error), &context));
        assert_eq!(verdicts, [DEAD, DEAD], "{error}");
        assert_eq!(judge(SlackApp, &slack(error), &DeliveryContext::default()), Disable, "{error} of a channel");
    }
    for (status, code) in [
        (403, "BotNotInConversationRoster"),
        (403, "ForbiddenOperationException"),
        (404, "ConversationNotFound"),
        (404, "x"),
    ] {
        let answer = reply(status, &format!(r#"{{"error":{{"code":"{code}"}}}}"#));
        assert_eq!(judge(SinkKind::TeamsApp, &answer, &person), DEAD, "{code}");
        assert_eq!(judge(SinkKind::TeamsApp, &answer, &DeliveryContext::default()), Disable, "{code} of a channel");
    }
    let gone = reply(404, r#"{"error":{"code":"ConversationNotFound"}}"#);
    assert_eq!(judge(SinkKind::TeamsApp, &gone, &edit), Verdict::Repost, "the conversation is opened again");
    for error in ["token_revoked", "missing_scope", "messages_tab_disabled", "restricted_action_read_only_channel"] {
        assert_eq!(judge(SlackApp, &slack(error), &person), Disable, "{error} concerns every person, and has an end");
    }
    assert_eq!(judge(SlackApp, &reply(302, ""), &person), Disable);
}

#[test]
fn judge_rejected_merged_message_is_split() {
    let merged = DeliveryContext { merged: true, ..DeliveryContext::default() };
    assert_eq!(judge(Slack, &reply(400, "invalid_blocks"), &merged), Verdict::Split);
    assert_eq!(judge(Teams, &reply(413, ""), &merged), Verdict::Split);
    assert_eq!(judge(Slack, &reply(405, ""), &merged), Verdict::Split);
    assert_eq!(judge(Slack, &reply(404, ""), &merged), Disable);
    assert_eq!(judge(Slack, &reply(500, ""), &merged), RETRY);
}

#[test]
fn judge_second_plain_rejection_is_dead() {
    let plain = DeliveryContext { plain: true, ..DeliveryContext::default() };
    assert_eq!(judge(Slack, &reply(400, "no_text"), &plain), DEAD);
}

#[test]
fn judge_flow_without_response_twice_counts_as_accepted() {
    let answer = reply(502, r#"{"error":{"code":"NoResponse","message":"no upstream response"}}"#);
    let retried = DeliveryContext { was_retried_once: true, ..DeliveryContext::default() };
    assert_eq!(judge(Teams, &answer, &DeliveryContext::default()), RetryOnce);
    assert_eq!(judge(Teams, &answer, &retried), ACCEPTED);
    assert_eq!(judge(Teams, &reply(502, "<html>Bad Gateway</html>"), &retried), SLOWLY);
}

#[test]
fn mention_restriction_is_recognized_for_both_kinds_of_slack() {
    let app = reply(200, r#"{"ok":false,"error":"restricted_action"}"#);
    assert!(is_mention_restricted(SlackApp, &app) && is_mention_restricted(Slack, &reply(403, "restricted_action")));
    for other in ["restricted_action_read_only_channel", "ok", ""] {
        assert!(!is_mention_restricted(Slack, &reply(403, other)), "{other}");
    }
    assert!(!is_mention_restricted(Teams, &reply(403, "restricted_action")));
}

#[test]
fn judge_edit_is_retried_and_gone_message_reposted_once() {
    let edit = DeliveryContext { is_edit: true, ..DeliveryContext::default() };
    assert_eq!(judge(SlackApp, &PostResult::NoResponse(Failure::default()), &edit), RETRY);
    assert_eq!(judge(SlackApp, &reply(200, r#"{"ok":false,"error":"fatal_error"}"#), &edit), RETRY);
    for error in ["message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"] {
        let gone = reply(200, &format!(r#"{{"ok":false,"error":"{error}"}}"#));
        assert_eq!(judge(SlackApp, &gone, &edit), Verdict::Repost);
        assert_eq!(judge(SlackApp, &gone, &DeliveryContext { was_reposted: true, ..edit }), Dead { alert: false });
    }
}

#[test]
fn judge_equal_rejections_in_a_row_disable_sink() {
    let after = |refused| DeliveryContext { rejections: refused, ..DeliveryContext::default() };
    assert_eq!([3, 4].map(|before| judge(Slack, &reply(405, ""), &after(before))), [DEAD, Disable]);
    let shape = reply(400, r#"{"error":{"code":"TriggerInputSchemaMismatch","message":"x"}}"#);
    let plain = |refused| DeliveryContext { plain: true, ..after(refused) };
    assert_eq!([3, 4].map(|before| judge(Slack, &reply(200, "what"), &plain(before))), [DEAD, Disable]);
    assert_eq!([1, 2].map(|before| judge(Teams, &shape, &after(before))), [DEAD, Disable]);
}
