//! Claim and buttons of missed calls.

use super::*;
use crate::model::claim::{ChatUser, Claim, ClaimKind, Claims};

fn missed(current: Option<(ClaimKind, i64)>) -> Card {
    let status = CallStatus::Missed { waited: Duration::from_secs(21), reason: MissedReason::NobodyAnswered };
    let Card::Call(card) = card(call("+15145550199"), status, ago(20), one(alice())) else { unreachable!() };
    let by = ChatUser::try_from("U0DANA".to_owned()).unwrap();
    let claims = current.map(|(kind, seconds)| Claims {
        current: Some(Claim { kind, by, at: ago(seconds) }),
        previous: None,
        last_press: ago(seconds),
    });
    Card::Call(Box::new(CallCard { claims, ..*card }))
}

fn app_body(card: &Card, buttons: bool, plain: bool) -> Value {
    let options = RenderOptions { buttons, ..options() };
    serde_json::from_str(&render(SinkKind::SlackApp, &[card], &options, now(), plain).body).unwrap()
}

/// Returns the ids of the buttons of a message.
fn button_ids(body: &Value) -> Vec<&str> {
    let actions = body["blocks"].as_array().unwrap().iter().filter(|block| block["type"] == "actions");
    let elements = actions.flat_map(|block| block["elements"].as_array().unwrap());
    elements.map(|element| element["action_id"].as_str().unwrap()).collect()
}

#[test]
fn missed_card_has_opaque_buttons_only_if_presses_are_received() {
    let body = app_body(&missed(None), true, false);
    assert_eq!(button_ids(&body), ["poprelay_call_back", "poprelay_done"]);
    let actions = body["blocks"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&actions["elements"][0]["value"], &actions["elements"][0]["style"]),
        (&json!("call-1"), &json!("primary"))
    );
    assert!(actions["elements"][1].get("style").is_none(), "one primary button");
    let without = app_body(&missed(None), false, false);
    assert_eq!(button_ids(&without), [""; 0]);
    let mut stripped = body.clone();
    stripped["blocks"].as_array_mut().unwrap().pop();
    assert_eq!(stripped, without, "the rest of the card is unchanged");
}

#[test]
fn claimed_card_names_the_person_and_offers_undo_for_ten_minutes() {
    let buttons = |claim| button_ids(&app_body(&missed(Some(claim)), true, false)).join(" ");
    assert_eq!(buttons((ClaimKind::CallsBack, 599)), "poprelay_done poprelay_undo");
    assert_eq!(buttons((ClaimKind::CallsBack, 600)), "poprelay_done");
    assert_eq!(buttons((ClaimKind::Done, 0)), "poprelay_undo");
    assert_eq!(buttons((ClaimKind::Done, 600)), "");
    for plain in [false, true] {
        let claimed = app_body(&missed(Some((ClaimKind::CallsBack, 5))), true, plain).to_string();
        assert!(claimed.contains("🙋 <@U0DANA> calls back"), "{claimed}");
        let done = app_body(&missed(Some((ClaimKind::Done, 5))), false, plain).to_string();
        assert!(done.contains("✅ Done: <@U0DANA>") && !done.contains("poprelay_"), "{done}");
    }
}

#[test]
fn reminder_mentions_the_claimant_and_has_no_buttons() {
    let Card::Call(claimed) = missed(Some((ClaimKind::CallsBack, 1800))) else { unreachable!() };
    let options = CardOptions {
        slack_mentions: vec![SlackMention::try_from("here".to_owned()).unwrap()],
        ..CardOptions::default()
    };
    let reminder = CallCard { options, ..*claimed }.to_reminder(now()).unwrap();
    let reminder = Card::Call(Box::new(reminder));
    assert_eq!(reminder.occurred_at(), Some(now()), "no age of half an hour in journal and metrics");
    for plain in [false, true] {
        let body = app_body(&reminder, true, plain).to_string();
        for text in ["⏰ No call back seen yet: Alice Martin", "claimed 30 min ago", "🙋 <@U0DANA> calls back"] {
            assert!(body.contains(text), "{text}: {body}");
        }
        assert!(!body.contains("poprelay_") && !body.contains("<!here>"), "{body}");
    }
}

#[test]
fn ringing_answered_and_outgoing_calls_have_no_buttons() {
    let outgoing = Call { direction: CallDirection::Outbound, ..call("+15145550199") };
    let status = CallStatus::Missed { waited: Duration::from_secs(21), reason: MissedReason::NobodyAnswered };
    for card in [ringing(one(alice())), card(outgoing, status, ago(3), one(alice()))] {
        assert_eq!(button_ids(&app_body(&card, true, false)), [""; 0]);
    }
}

#[test]
fn compact_and_longest_cards_with_buttons_stay_within_fifty_blocks() {
    let Card::Call(card) = missed(Some((ClaimKind::CallsBack, 5))) else { unreachable!() };
    let compact = CardOptions { compact: true, ..CardOptions::default() };
    let body = app_body(&Card::Call(Box::new(CallCard { options: compact, ..*card.clone() })), true, false);
    assert_eq!(button_ids(&body), ["poprelay_done", "poprelay_undo"]);
    let contacts = vec![alice(); 60];
    let caller_info = CallerInfo { matched: Match::Several { contacts }, ..CallerInfo::default() };
    let body = app_body(&Card::Call(Box::new(CallCard { caller_info, ..*card })), true, false);
    assert!(body["blocks"].as_array().unwrap().len() <= 50);
    assert_eq!(button_ids(&body), ["poprelay_done", "poprelay_undo"]);
}
