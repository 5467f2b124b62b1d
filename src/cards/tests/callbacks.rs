//! Cards of missed calls that were returned.

use super::*;
use crate::model::call::{Callback, ReturnCall, ReturnKind};

/// Returns the card of a call missed 20 minutes ago, with a return call 8 minutes ago.
fn returned(kind: ReturnKind, colleague: Option<Person>, talked: Option<u64>) -> Card {
    let talked = talked.map(Duration::from_secs);
    let at = ago(1);
    let returned = ReturnCall { kind, colleague, started_at: ago(480), at, is_over: true, talked };
    let mut call = call("+15145550199");
    call.course.needs_callback = true;
    call.revision = Some(Revision::CalledBack);
    call.course.callback = Some(Callback { call: returned, after: Duration::from_secs(720) });
    let missed = CallStatus::Missed { waited: Duration::from_secs(21), reason: MissedReason::Unknown };
    card(call, missed, at, Match::NotLookedUp)
}

#[test]
fn card_of_a_returned_call_names_who_after_how_long_and_the_talk() {
    let dana = || Some(person("Dana Roy", "1015"));
    use ReturnKind::{CalledBack, GotThrough, Tried};
    for (kind, colleague, talked, title, line) in [
        (
            CalledBack,
            dana(),
            Some(180),
            "✅ Called back: ",
            "Called back by Dana Roy (1015) after 12 min, talked 3 min",
        ),
        (CalledBack, dana(), None, "✅ Called back: ", "Called back by Dana Roy (1015) after 12 min"),
        (CalledBack, None, Some(5), "✅ Called back: ", "Called back after 12 min, talked 5 s"),
        (
            GotThrough,
            dana(),
            Some(180),
            "✅ Got through: ",
            "Called again after 12 min, answered by Dana Roy (1015), talked 3 min",
        ),
        (GotThrough, None, None, "✅ Got through: ", "Called again after 12 min, answered"),
        (Tried, dana(), None, "❌ Missed: ", "Dana Roy (1015) tried at 13:55, no answer"),
        (Tried, None, None, "❌ Missed: ", "A colleague tried at 13:55, no answer"),
    ] {
        let rows = rendered(&returned(kind, colleague, talked));
        assert_eq!(rows[0], format!("{title}(514) 555-0199"));
        assert_eq!(rows[1], format!("{line} · Nobody answered, ended after 21 s · rang Bob Roy (1015)"));
        assert!(!rows.join("\n").contains("posted late"), "{rows:?}");
    }
}

#[test]
fn short_card_of_a_returned_call_is_title_and_one_line() {
    let Card::Call(mut card) = returned(ReturnKind::CalledBack, None, Some(180)) else { unreachable!() };
    card.options.compact = true;
    let rows = rendered(&Card::Call(card));
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[1].contains("Called back after 12 min, talked 3 min"), "{rows:?}");
}

#[test]
fn returned_call_is_counted_as_called_back_and_is_silent() {
    let missed = CallStatus::Missed { waited: Duration::from_secs(21), reason: MissedReason::Unknown };
    let back = returned(ReturnKind::CalledBack, None, None);
    let batch = body(SinkKind::Slack, &[&back, &card(call("+15145550142"), missed, ago(3), Match::NoMatch)], false);
    assert!(batch.to_string().contains("2 calls: 1 missed, 1 called back"), "{batch}");
    assert_eq!(body(SinkKind::Ntfy, &[&back], false)["priority"], 2);
    assert_eq!(body(SinkKind::Ntfy, &[&returned(ReturnKind::Tried, None, None)], false)["priority"], 4);
}

#[test]
fn event_of_a_returned_call_has_a_type_and_a_callback() {
    let event =
        body(SinkKind::Webhook, &[&returned(ReturnKind::CalledBack, Some(person("Dana", "1015")), Some(180))], false);
    let call = &event["data"]["call"];
    assert_eq!((&event["type"], &call["status"]), (&Value::from("call.called_back"), &Value::from("missed")));
    assert_eq!(call["callback"]["kind"], "called_back");
    assert_eq!(call["callback"]["colleague"]["name"], "Dana");
    assert_eq!((&call["callback"]["after_seconds"], &call["callback"]["talk_seconds"]), (&720.into(), &180.into()));
    let missed = CallStatus::Missed { waited: Duration::from_secs(21), reason: MissedReason::Unknown };
    let plain = body(SinkKind::Webhook, &[&card(super::call("+15145550199"), missed, ago(3), Match::NoMatch)], false);
    assert_eq!(plain["data"]["call"]["callback"], Value::Null);
}
