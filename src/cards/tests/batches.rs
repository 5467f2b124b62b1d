//! Gap summaries, recaps, batches, and the plain layouts of each chat.

use super::*;

#[test]
fn gap_summary_counts_and_lists_alert_gives_advice() {
    let missed = CallStatus::Missed { waited: Duration::from_secs(21), reason: MissedReason::NobodyAnswered };
    let update = CallUpdate { call: call("+15145550199"), status: missed, at: ago(100) };
    let connection = "main".try_into().unwrap();
    let gap_summary =
        Card::GapSummary(GapSummary { connection, from: ago(1220), to: ago(20), calls: vec![update; 3], mask: None });
    let rendered_summary = rendered(&gap_summary);
    assert_eq!(rendered_summary[0], "📋 While disconnected: 3 missed");
    assert_eq!(rendered_summary[1], "The connection to GoTo was down from 13:43 to 14:03 EST.");
    assert_eq!(rendered_summary[2], "❌ 14:03 (514) 555-0199 · waited 21 s · Main line");
    let alert = |over| Card::Alert(Alert { title: "T".into(), advice: "Do x.".into(), resolved: over });
    assert_eq!(rendered(&alert(false))[..2], ["🔴 T", "Do x."]);
    assert_eq!(rendered(&alert(true))[0], "🟢 T");
}

#[test]
fn recap_lists_totals_and_pending_callbacks() {
    let lines_of = |recap: Recap| rendered(&Card::Recap(recap));
    assert_eq!(
        lines_of(recap()),
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
        lines_of(Recap { pending: vec![], ..recap() })[1].split(" · ").next(),
        Some("All missed callers were called back or got through")
    );
    let latency = CardLatency { median: Duration::from_millis(420), p95: Duration::from_millis(1240) };
    assert_eq!(
        lines_of(Recap { latency: Some(latency), ..recap() })[3],
        "Call to card: 0.4 s, 95 % within 1.2 s",
        "beside the longest wait"
    );
    let quiet = Recap { from: ago(86_400), to: ago(60), late: true, ..Recap::default() };
    assert_eq!(
        lines_of(quiet),
        ["📋 Recap: no calls", "From 22 Nov 14:03 to 14:02 EST · posted late: poprelay was not running"]
    );
    let many = Recap {
        pending: vec![waiting("+15145550199", None, 1, ago(9)); MAX_RECAP_CALLERS],
        pending_omitted: 4,
        ..recap()
    };
    assert!(lines_of(many).contains(&"and 4 more".to_owned()));
}

#[test]
fn mask_hides_every_number_in_every_layout() {
    let options = RenderOptions { mask: Mask::Last4, ..options() };
    let missed = CallStatus::Missed { waited: Duration::from_secs(1), reason: MissedReason::Unknown };
    let update = CallUpdate { call: call("+15145550199"), status: missed, at: ago(9) };
    let connection = "main".try_into().unwrap();
    let gap_summary =
        Card::GapSummary(GapSummary { connection, from: ago(9), to: ago(1), calls: vec![update], mask: None });
    let recap = Card::Recap(Recap { pending: vec![waiting("+15145550199", None, 1, ago(9))], ..recap() });
    for card in [ringing(one(alice())), ringing(Match::NoMatch), gap_summary, recap] {
        for kind in KINDS {
            for plain in [false, true] {
                for cards in [vec![&card], vec![&card, &card]] {
                    let body = render(kind, &cards, &options, now(), plain).body;
                    assert!(!body.contains("514") && !body.contains("555"), "{kind:?}: {body}");
                    assert!(body.contains("0199"));
                }
            }
        }
    }
}

#[test]
fn batch_newest_first_taken_from_the_front() {
    let cards: Vec<Card> = (0..60)
        .map(|n| {
            let number = format!("+1514555{:04}", 100 + n);
            card(Call { started_at: ago(70 - n), ..call(&number) }, CallStatus::Ringing, ago(70 - n), Match::NoMatch)
        })
        .collect();
    let cards: Vec<&Card> = cards.iter().collect();
    // Data for a program has one card per message.
    for kind in KINDS.into_iter().filter(|kind| *kind != SinkKind::Webhook) {
        for plain in [false, true] {
            let message = render(kind, &cards, &options(), now(), plain);
            if kind == SinkKind::Slack {
                assert_fits_slack(&serde_json::from_str(&message.body).unwrap());
            }
            // Discord allows ten embeds, or 2,000 characters.
            let least = if kind == SinkKind::Discord { 10 } else { 20 };
            assert!((least..=60).contains(&message.cards_included), "{} {kind:?}", message.cards_included);
            let place = |n: usize| message.body.find(&format!("555-{:04}", 100 + n));
            assert!(place(message.cards_included - 1) < place(0), "{kind:?}");
            assert!(place(0).is_some() && message.cards_included == 60 || place(message.cards_included).is_none());
        }
    }
}

#[test]
fn batch_alert_on_top_no_cards_empty_body() {
    let alert = Card::Alert(Alert { title: "Consent".into(), advice: "Log in.".into(), resolved: false });
    let ring = ringing(Match::NoMatch);
    let payload = body(SinkKind::Slack, &[&ring, &alert], false);
    assert_eq!(payload["blocks"][0]["text"]["text"], "📞 1 call: 1 ringing · 1 alert");
    assert!(payload["blocks"][1].to_string().contains("Consent"));
    assert_eq!(render(SinkKind::Slack, &[], &options(), now(), false), RenderedMessage::default());
}

#[test]
fn teams_envelope_has_null_plain_layouts_have_one_text() {
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
fn slack_link_is_text_not_button() {
    let message = body(SinkKind::Slack, &[&ringing(one(alice()))], false);
    let text = "<https://crm.example.com/42?a=1&amp;b=2|Open in CRM>";
    assert!(message["blocks"].as_array().unwrap().iter().any(|block| block["text"]["text"] == json!(text)));
    assert!(!message.to_string().contains("button"));
}
