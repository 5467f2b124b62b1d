//! More than one call: recaps, shifts, many cards in one message, and the bare forms of each chat.

use super::*;

#[test]
fn a_recap_counts_and_lists_and_a_notice_says_what_to_do() {
    let missed = Moment::Missed { after: Duration::from_secs(21), why: MissedWhy::NobodyAnswered };
    let telling = Telling { call: call("+15145550199"), moment: missed, at: ago(100) };
    let connection = "main".try_into().unwrap();
    let recap = Card::Recap(Recap { connection, from: ago(1220), to: ago(20), calls: vec![telling; 3], mask: None });
    let said_of_recap = said(&recap);
    assert_eq!(said_of_recap[0], "📋 While we were away: 3 missed");
    assert_eq!(said_of_recap[1], "The link to GoTo was down from 13:43 to 14:03 EST.");
    assert_eq!(said_of_recap[2], "❌ 14:03 (514) 555-0199 · waited 21 s · Main line");
    let notice = |over| Card::Notice(Notice { title: "T".into(), advice: "Do x.".into(), over });
    assert_eq!(said(&notice(false))[..2], ["🔴 T", "Do x."]);
    assert_eq!(said(&notice(true))[0], "🟢 T");
}

#[test]
fn a_shift_says_what_came_in_and_whom_to_call_back() {
    let told = |shift: Shift| said(&Card::Shift(shift));
    assert_eq!(
        told(shift()),
        [
            "📋 Recap: 12 calls, 7 answered, 4 missed (1 left a message), 1 unknown",
            "2 callers not called back · 1 missed call without a number",
            "Longest wait: 3 min 20 s",
            "13:53 (514) 555-0199 · Alice Martin · missed 2 times · left a message",
            "11:33 +44 20 7946 0101",
            "From 22 Nov 14:03 to 14:02 EST",
        ]
    );
    assert_eq!(
        told(Shift { waiting: vec![], ..shift() })[1].split(" · ").next(),
        Some("All missed callers were called back or got through")
    );
    let quiet = Shift { from: ago(86_400), to: ago(60), late: true, ..Shift::default() };
    assert_eq!(
        told(quiet),
        ["📋 Recap: no calls", "From 22 Nov 14:03 to 14:02 EST · told late: the relay did not run then"]
    );
    let many = Shift { waiting: vec![waiting("+15145550199", None, 1, ago(9)); SHIFT_LISTS], more: 4, ..shift() };
    assert!(told(many).contains(&"and 4 more".to_owned()));
}

#[test]
fn a_mask_covers_every_number_in_every_form() {
    let style = Style { mask: Mask::Last4, ..style() };
    let missed = Moment::Missed { after: Duration::from_secs(1), why: MissedWhy::Unknown };
    let telling = Telling { call: call("+15145550199"), moment: missed, at: ago(9) };
    let connection = "main".try_into().unwrap();
    let recap = Card::Recap(Recap { connection, from: ago(9), to: ago(1), calls: vec![telling], mask: None });
    let shift = Card::Shift(Shift { waiting: vec![waiting("+15145550199", None, 1, ago(9))], ..shift() });
    for card in [ringing(one(alice())), ringing(Match::Nobody), recap, shift] {
        for kind in KINDS {
            for plain in [false, true] {
                for cards in [vec![&card], vec![&card, &card]] {
                    let body = draw(kind, &cards, &style, now(), plain).body;
                    assert!(!body.contains("514") && !body.contains("555"), "{kind:?}: {body}");
                    assert!(body.contains("0199"));
                }
            }
        }
    }
}

#[test]
fn many_cards_are_said_newest_first_and_taken_from_the_front() {
    let cards: Vec<Card> = (0..60)
        .map(|n| {
            let number = format!("+1514555{:04}", 100 + n);
            card(Call { started: ago(70 - n), ..call(&number) }, Moment::Ringing, ago(70 - n), Match::Nobody)
        })
        .collect();
    let cards: Vec<&Card> = cards.iter().collect();
    for kind in KINDS {
        for plain in [false, true] {
            let drawn = draw(kind, &cards, &style(), now(), plain);
            if kind == SinkKind::Slack {
                fits_slack(&serde_json::from_str(&drawn.body).unwrap());
            }
            assert!((20..=60).contains(&drawn.used), "{} {kind:?}", drawn.used);
            let place = |n: usize| drawn.body.find(&format!("555-{:04}", 100 + n));
            assert!(place(drawn.used - 1) < place(0), "{kind:?}");
            assert!(place(0).is_some() && drawn.used == 60 || place(drawn.used).is_none());
        }
    }
}

#[test]
fn a_notice_among_many_stands_on_top_and_nothing_is_drawn_of_nothing() {
    let notice = Card::Notice(Notice { title: "Consent".into(), advice: "Log in.".into(), over: false });
    let ring = ringing(Match::Nobody);
    let payload = body(SinkKind::Slack, &[&ring, &notice], false);
    assert_eq!(payload["blocks"][0]["text"]["text"], "📞 1 call: 1 ringing · 1 notice");
    assert!(payload["blocks"][1].to_string().contains("Consent"));
    assert_eq!(draw(SinkKind::Slack, &[], &style(), now(), false), Drawn { body: String::new(), used: 0 });
}

#[test]
fn the_envelope_of_teams_has_its_null_and_the_plain_forms_are_bare() {
    let ring = ringing(one(alice()));
    let full = body(SinkKind::Teams, &[&ring], false);
    assert_eq!(full["attachments"][0].get("contentUrl"), Some(&Value::Null));
    assert_eq!(full["attachments"][0]["content"]["actions"][0]["url"], "https://crm.example.com/42?a=1&b=2");
    let plain = body(SinkKind::Teams, &[&ring], true);
    assert_eq!(plain["attachments"][0]["content"]["body"].as_array().unwrap().len(), 1);
    let slack = body(SinkKind::Slack, &[&ring], true);
    assert!(slack.get("blocks").is_none() && slack["text"].as_str().unwrap().contains("Alice Martin"));
}

#[test]
fn a_link_in_slack_is_text_and_never_a_button() {
    let drawn = body(SinkKind::Slack, &[&ringing(one(alice()))], false);
    let text = "<https://crm.example.com/42?a=1&amp;b=2|Open in CRM>";
    assert!(drawn["blocks"].as_array().unwrap().iter().any(|block| block["text"]["text"] == json!(text)));
    assert!(!drawn.to_string().contains("button"));
}
