//! What to do with one delivery after an answer: its row of the [`table`](super::table), seen in the light of what the
//! delivery and its sink went through before. Pure.

use super::{
    answer::Answer,
    api_errors,
    table::{Act, REFUSALS, Row, find},
    web_api,
};
use crate::model::delivery::{LONGEST_WAIT, SinkKind};
use std::time::Duration;

/// The shortest wait that is obeyed: a `Retry-After` of 0 would be a hot loop.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What to do with a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Settled as delivered.
    Delivered {
        /// The chat says no more than that it took it in (Teams Workflows): it may still fail unseen.
        accepted: bool,
    },
    /// The whole sink waits this long (plus at most 1 s of jitter), then again.
    Wait(Duration),
    /// Again with backoff, not before what the chat asked for.
    Retry {
        /// What it asked for.
        at_least: Option<Duration>,
    },
    /// Again with backoff; a second time it will be dead.
    RetryOnce,
    /// The message said several cards: again, each on its own, before any of them is held to be at fault.
    Split,
    /// Its message cannot be edited any more: again as a new one.
    Lost,
    /// Again in its plain form.
    Plain,
    /// A dead letter.
    Dead {
        /// The operator is told at once: it points at a fault rather than at one bad card.
        alert: bool,
    },
    /// The sink is disabled; the delivery waits.
    Disable,
}

/// What came before, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// The message said more than one card.
    pub merged: bool,
    /// It was drawn plain.
    pub plain: bool,
    /// The delivery was repeated already after an end that is unknown.
    pub unsure: bool,
    /// It was an edit of a message: to repeat it does no harm.
    pub edit: bool,
    /// An earlier message of it was lost already.
    pub lost: bool,
    /// It was for a message in another channel than the sink's: the config has changed since.
    pub elsewhere: bool,
    /// Other messages in a row that the sink refused for the same reason, before this one.
    pub refused: u32,
    /// Waits in a row that the sink has asked for, before this one.
    pub waits: u32,
}

/// What `answer` means for a delivery to a sink of `kind`.
#[must_use]
pub fn judge(kind: SinkKind, answer: &Answer, history: &History) -> Verdict {
    under(find(kind, answer), answer, history)
}

/// As [`judge`], the row being known.
#[must_use]
pub fn under(row: &Row, answer: &Answer, history: &History) -> Verdict {
    match row.act {
        Act::Delivered => Verdict::Delivered { accepted: false },
        Act::Accepted => Verdict::Delivered { accepted: true },
        Act::Wait { first, most } => {
            let unasked = first.saturating_mul(2_u32.saturating_pow(history.waits)).min(most);
            Verdict::Wait(asked(answer).unwrap_or(unasked))
        }
        Act::Retry => Verdict::Retry { at_least: asked(answer) },
        // What is wrong with the channel of old says nothing of the sink's own.
        Act::Disable if history.elsewhere && is_of_channel(answer) => gone(history),
        Act::RetryOnce if history.edit => Verdict::Retry { at_least: asked(answer) },
        Act::Anew => gone(history),
        Act::RetryOnce if history.unsure => Verdict::Dead { alert: true },
        Act::RetryOnce => Verdict::RetryOnce,
        Act::Plain | Act::Dead { .. } if history.merged => Verdict::Split,
        Act::Plain if history.plain => dead(history, REFUSALS),
        Act::Plain => Verdict::Plain,
        Act::Dead { disable_after } => dead(history, disable_after),
        Act::Disable => Verdict::Disable,
    }
}

/// The message that was to be edited, or replied to, cannot be reached. What a reply tells stands in its call's message
/// too, which is posted anew if it still moves; whose message was lost twice has somebody who takes them away.
const fn gone(history: &History) -> Verdict {
    if history.edit && !history.lost { Verdict::Lost } else { Verdict::Dead { alert: false } }
}

/// Whether an answer complains of the channel rather than of the token.
fn is_of_channel(answer: &Answer) -> bool {
    let Answer::Reply(reply) = answer else { return false };
    let channel = [api_errors::OUTSIDE, api_errors::RESTRICTED, &["is_archived"]];
    web_api::error(&reply.body).is_some_and(|error| channel.iter().any(|names| names.contains(&error.as_str())))
}

/// A dead letter, unless so many different ones in a row say that the sink is at fault.
const fn dead(history: &History, disable_after: u32) -> Verdict {
    if history.refused.saturating_add(1) >= disable_after { Verdict::Disable } else { Verdict::Dead { alert: true } }
}

/// The answer's `Retry-After`, held between 1 s and 300 s (the recommendation for both chats: an absurd value neither
/// hammers nor silences a sink for a day).
fn asked(answer: &Answer) -> Option<Duration> {
    match answer {
        Answer::Reply(reply) => reply.retry_after.map(|wait| wait.clamp(SHORTEST_WAIT, LONGEST_WAIT)),
        Answer::Unsent(_) | Answer::Untrusted(_) | Answer::Unsure(_) | Answer::Unusable => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::{answer::Reply, table::rows};
    use SinkKind::{Slack, SlackApp, SlackTrigger, Teams, TeamsConnector};
    use Verdict::{Dead, Delivered, Disable, Plain, RetryOnce, Wait};

    const RETRY: Verdict = Verdict::Retry { at_least: None };
    const DEAD: Verdict = Dead { alert: true };
    const DONE: Verdict = Delivered { accepted: false };
    const ACCEPTED: Verdict = Delivered { accepted: true };
    const ALL: [SinkKind; 5] = [Slack, SlackTrigger, Teams, TeamsConnector, SlackApp];
    const QUIRK: &str = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error ";

    fn reply(status: u16, body: &str) -> Answer {
        Answer::Reply(Reply { status, retry_after: None, body: body.to_owned(), whole: true })
    }

    fn seconds(seconds: u64) -> Verdict {
        Wait(Duration::from_secs(seconds))
    }

    /// Every line of the recommendation, as (sinks, answer, verdict).
    fn recommendation() -> Vec<(Vec<SinkKind>, Answer, Verdict)> {
        let why = String::new;
        let mut lines: Vec<(Vec<SinkKind>, Answer, Verdict)> = vec![
            (ALL.into(), Answer::Unsent(why()), RETRY),
            (ALL.into(), Answer::Unsure(why()), RetryOnce),
            (ALL.into(), Answer::Untrusted(why()), Disable),
            (ALL.into(), Answer::Unusable, Disable),
        ];
        let mut line = |kinds: &[SinkKind], statuses: &[u16], bodies: &[&str], verdict: Verdict| {
            for (status, body) in statuses.iter().flat_map(|status| bodies.iter().map(move |body| (status, body))) {
                lines.push((kinds.to_vec(), reply(*status, body), verdict));
            }
        };
        let any = ["", "ok", "1", "{\"ok\":true}", "<html>", "x"].as_slice();
        line(&ALL, &[301, 302, 304, 307, 308], any, Disable);
        line(&ALL, &[408, 425, 500, 502, 503, 504, 507, 599], any, RETRY);
        line(&[Slack, SlackTrigger, SlackApp], &[429], any, seconds(1));
        line(&[Teams, TeamsConnector], &[429], any, seconds(30));
        line(&ALL, &[405, 415, 402, 418, 451], any, DEAD);
        line(&ALL, &[100, 600, 999], any, DEAD);

        line(&[Slack], &[200], &["ok", " ok\n"], DONE);
        line(&[Slack], &[200, 201, 204], &["", "okay", "OK", "{\"ok\":true}", "<html>login</html>"], Plain);
        let payload = ["invalid_payload", "invalid_blocks", "invalid_blocks_format", "invalid_attachments", "no_text"];
        line(&[Slack], &[400], &payload, Plain);
        let payload = ["missing_text", "missing_text_or_fallback_or_attachments", "too_many_attachments"];
        line(&[Slack], &[400], &payload, Plain);
        line(&[Slack], &[400], &["user_not_found"], Disable);
        line(&[Slack], &[400], &["something_new", ""], DEAD);
        line(&[Slack], &[403], &["action_prohibited", "invalid_token", "team_disabled", "x"], Disable);
        line(&[Slack], &[404], &["no_service", "no_service_id", "no_team", "channel_not_found", ""], Disable);
        line(&[Slack], &[410], &["channel_is_archived"], Disable);
        line(&[Slack], &[413], any, Plain);

        line(&[SlackTrigger], &[200], &["", "ok", "{\"ok\":true}", "<html>"], DONE);
        line(&[SlackTrigger], &[200], &["{\"ok\":false,\"error\":\"x\"}", "{\"ok\": false}"], Disable);
        line(&[SlackTrigger], &[400, 404], any, Disable);

        let no = |error: &str| format!("{{\"ok\":false,\"error\":\"{error}\"}}");
        let mut app = |errors: &[&str], verdict: Verdict| {
            let bodies: Vec<String> = errors.iter().map(|error| no(error)).collect();
            line(&[SlackApp], &[200], &bodies.iter().map(String::as_str).collect::<Vec<_>>(), verdict);
        };
        app(&["ratelimited", "rate_limited"], seconds(1));
        app(&["service_unavailable", "request_timeout", "team_added_to_org", "external_channel_migrating"], RETRY);
        app(&["internal_error", "fatal_error"], RetryOnce);
        let gone = ["message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"];
        app(&gone, Dead { alert: false });
        app(&["no_text", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "block_mismatch"], Plain);
        app(&["msg_too_long", "too_many_attachments", "something_new"], Plain);
        app(&["channel_not_found", "not_in_channel", "is_archived", "restricted_action"], Disable);
        app(&["restricted_action_read_only_channel", "ekm_access_denied", "missing_scope"], Disable);
        app(&["account_inactive", "token_revoked", "token_expired", "invalid_auth", "not_authed"], Disable);
        line(&[SlackApp], &[200], &["{\"ok\":true}"], DONE);
        line(&[SlackApp], &[200, 204], &["", "ok", "<html>", "{\"ok\":\"true\"}"], Plain);
        line(&[SlackApp], &[401, 403, 404], &["", "<html>"], Disable);
        line(&[SlackApp], &[413], &[""], Plain);

        line(&[Teams], &[200, 201, 202, 204], any, ACCEPTED);
        let code = |code: &str| format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"x\"}}}}");
        line(&[Teams], &[400], &[&code("TriggerInputSchemaMismatch")], DEAD);
        line(&[Teams], &[400], &[&code("DirectApiRequestHasMoreThanOneAuthorization")], DEAD);
        line(&[Teams], &[400], &[&code("WorkflowTriggerIsNotEnabled"), &code("WorkflowSuspended")], Disable);
        line(&[Teams], &[401, 403, 404, 410], any, Disable);
        line(&[Teams], &[401], &[&code("DirectApiAuthorizationRequired")], Disable);
        line(&[Teams], &[404], &[&code("WorkflowNotFound")], Disable);
        line(&[Teams], &[413], any, Plain);
        line(&[Teams], &[400, 403], &[&code("RequestEntityTooLarge"), "MessageSizeExceeded"], Plain);

        line(&[TeamsConnector], &[200], &["1", "1\r\n"], DONE);
        line(&[TeamsConnector], &[200], &[&format!("{QUIRK}429 with ContextId tcid=0")], seconds(30));
        line(&[TeamsConnector], &[200], &[&format!("{QUIRK}500 with"), &format!("{QUIRK}503")], RETRY);
        line(&[TeamsConnector], &[200], &["…ExchangeTooManySessionsException…"], RETRY);
        line(&[TeamsConnector], &[200], &[&format!("{QUIRK}413 with"), &format!("{QUIRK}400 with")], Plain);
        let gone = [401, 403, 404, 410, 302].map(|status| format!("{QUIRK}{status} with Exception"));
        line(&[TeamsConnector], &[200], &gone.each_ref().map(String::as_str), Disable);
        line(&[TeamsConnector], &[200], &["", "11", "HTTP error", "HTTP error 42", "HTTP error x99"], Disable);
        line(&[TeamsConnector], &[400], &["Summary or Text is required."], DEAD);
        line(&[TeamsConnector], &[404, 410], any, Disable);
        lines
    }

    #[test]
    fn every_line_of_the_recommendation_is_judged_so() {
        for (kinds, answer, verdict) in recommendation() {
            for kind in kinds {
                assert_eq!(judge(kind, &answer, &History::default()), verdict, "{kind:?} {answer:?}");
            }
        }
    }

    #[test]
    fn every_row_is_reached_and_says_why() {
        let cut = [(vec![Slack, TeamsConnector, SlackApp], Answer::Reply(cut()), RetryOnce)];
        let met: Vec<&Row> = recommendation()
            .iter()
            .chain(&cut)
            .flat_map(|(kinds, answer, _)| kinds.iter().map(move |kind| find(*kind, answer)))
            .collect();
        for row in rows() {
            assert!(met.contains(&row), "no answer reaches {row:?}");
            assert!(!row.reason.is_empty() && !row.reason.ends_with('.'), "{row:?}");
            assert!(row.act != Act::Disable || !row.advice.is_empty(), "nobody would know what to do: {row:?}");
        }
    }

    fn cut() -> Reply {
        Reply { status: 200, retry_after: None, body: "o".to_owned(), whole: false }
    }

    #[test]
    fn a_body_that_broke_off_is_unsure_where_it_would_have_decided() {
        let verdicts = ALL.map(|kind| judge(kind, &Answer::Reply(cut()), &History::default()));
        assert_eq!(verdicts, [RetryOnce, DONE, ACCEPTED, RetryOnce, RetryOnce]);
        let enough = Answer::Reply(Reply { body: "ok".to_owned(), ..cut() });
        assert_eq!(judge(Slack, &enough, &History::default()), DONE);
    }

    #[test]
    fn what_is_asked_for_is_obeyed_between_one_second_and_five_minutes() {
        let asks = |status, asked| {
            let retry_after = Some(Duration::from_secs(asked));
            let answer = Answer::Reply(Reply { status, retry_after, body: String::new(), whole: true });
            judge(Slack, &answer, &History { waits: 9, ..History::default() })
        };
        assert_eq!([0, 1, 17, 300, 86400].map(|asked| asks(429, asked)), [1, 1, 17, 300, 300].map(seconds));
        assert_eq!(asks(503, 40), Verdict::Retry { at_least: Some(Duration::from_secs(40)) });
    }

    #[test]
    fn a_connector_that_names_no_time_is_waited_for_longer_each_time() {
        let answer = reply(200, &format!("{QUIRK}429 with"));
        let waits =
            [0, 1, 2, 3, 40].map(|waits| judge(TeamsConnector, &answer, &History { waits, ..History::default() }));
        assert_eq!(waits, [30, 60, 120, 120, 120].map(seconds));
        assert_eq!(judge(Slack, &reply(429, ""), &History { waits: 40, ..History::default() }), seconds(1));
    }

    #[test]
    fn what_is_wrong_with_the_channel_of_old_does_not_disable_a_sink_that_moved() {
        let edit = History { edit: true, elsewhere: true, ..History::default() };
        let reply = |error: &str| reply(200, &format!(r#"{{"ok":false,"error":"{error}"}}"#));
        for error in ["not_in_channel", "channel_not_found", "is_archived", "restricted_action"] {
            assert_eq!(judge(SlackApp, &reply(error), &edit), Verdict::Lost, "{error}");
            let answer = History { edit: false, ..edit };
            assert_eq!(judge(SlackApp, &reply(error), &answer), Dead { alert: false }, "{error}");
            assert_eq!(judge(SlackApp, &reply(error), &History { elsewhere: false, ..edit }), Disable, "{error}");
        }
        assert_eq!(judge(SlackApp, &reply("token_revoked"), &edit), Disable);
    }

    #[test]
    fn a_merged_message_that_is_refused_is_split_before_any_card_is_blamed() {
        let merged = History { merged: true, ..History::default() };
        assert_eq!(judge(Slack, &reply(400, "invalid_blocks"), &merged), Verdict::Split);
        assert_eq!(judge(Teams, &reply(413, ""), &merged), Verdict::Split);
        assert_eq!(judge(Slack, &reply(405, ""), &merged), Verdict::Split);
        assert_eq!(judge(Slack, &reply(404, ""), &merged), Disable);
        assert_eq!(judge(Slack, &reply(500, ""), &merged), RETRY);
    }

    #[test]
    fn second_chances_are_given_once() {
        let plain = History { plain: true, ..History::default() };
        assert_eq!(judge(Slack, &reply(400, "no_text"), &plain), DEAD);
        let unsure = History { unsure: true, ..History::default() };
        assert_eq!(judge(Slack, &Answer::Unsure(String::new()), &unsure), DEAD);
        assert_eq!(judge(Slack, &Answer::Unsent(String::new()), &unsure), RETRY);
    }

    #[test]
    fn an_edit_is_repeated_without_harm_and_a_lost_message_is_posted_anew_once() {
        let edit = History { edit: true, unsure: true, ..History::default() };
        assert_eq!(judge(SlackApp, &Answer::Unsure(String::new()), &edit), RETRY);
        assert_eq!(judge(SlackApp, &reply(200, r#"{"ok":false,"error":"fatal_error"}"#), &edit), RETRY);
        for error in ["message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"] {
            let gone = reply(200, &format!(r#"{{"ok":false,"error":"{error}"}}"#));
            assert_eq!(judge(SlackApp, &gone, &edit), Verdict::Lost);
            assert_eq!(judge(SlackApp, &gone, &History { lost: true, ..edit }), Dead { alert: false });
        }
    }

    #[test]
    fn the_same_refusal_of_different_messages_is_the_sinks_fault() {
        let after = |refused| History { refused, ..History::default() };
        assert_eq!([3, 4].map(|before| judge(Slack, &reply(405, ""), &after(before))), [DEAD, Disable]);
        let shape = reply(400, "TriggerInputSchemaMismatch");
        let plain = |refused| History { plain: true, ..after(refused) };
        assert_eq!([3, 4].map(|before| judge(Slack, &reply(200, "<html>"), &plain(before))), [DEAD, Disable]);
        assert_eq!([1, 2].map(|before| judge(Teams, &shape, &after(before))), [DEAD, Disable]);
    }
}
