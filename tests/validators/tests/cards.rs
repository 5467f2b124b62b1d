//! Every card of the code is valid, and every rule rejects a payload that breaks it.

use poprelay::cards::{RenderOptions, render};
use poprelay::model::{
    card::{CallCard, Card},
    claim::{ChatUser, Claim, ClaimKind, Claims},
    delivery::SinkKind,
    phone::Mask,
};
use serde_json::{Value, json};
use validators::{builders, cards, gallery::gallery, slack, teams};

type Faults = fn(&Value) -> Vec<String>;
const CHATS: [(SinkKind, Faults); 4] = [
    (SinkKind::Slack, slack::faults),
    (SinkKind::SlackApp, slack::faults),
    (SinkKind::Teams, teams::faults),
    (SinkKind::TeamsApp, teams::faults),
];

fn rendered(kind: SinkKind, cards: &[Card], plain: bool) -> (Value, usize) {
    let cards: Vec<&Card> = cards.iter().collect();
    let rendered = render(kind, &cards, &builders::style(Mask::None), builders::now(), plain);
    if matches!(kind, SinkKind::Teams | SinkKind::TeamsApp) {
        assert!(rendered.body.len() <= 20_000, "{} bytes", rendered.body.len());
    }
    (serde_json::from_str(&rendered.body).unwrap(), rendered.cards_included)
}

#[test]
fn every_card_is_valid_in_every_chat() {
    for (name, card) in cards::all() {
        for (kind, faults) in CHATS {
            for plain in [false, true] {
                let (payload, used) = rendered(kind, std::slice::from_ref(&card), plain);
                assert_eq!(faults(&payload), [""; 0], "{name} {kind:?} plain {plain}: {payload:#}");
                assert_eq!(used, 1);
            }
        }
    }
}

#[test]
fn batched_cards_fit_few_messages_and_all_are_included() {
    for (kind, faults) in CHATS {
        for number in [1, 2, 7, 20, 49, 50, 60, 200] {
            for plain in [false, true] {
                let mut left = cards::busy(number);
                let mut messages = 0;
                while !left.is_empty() {
                    let (payload, used) = rendered(kind, &left, plain);
                    assert_eq!(faults(&payload), [""; 0], "{number} {kind:?} plain {plain}");
                    assert!(
                        used >= left.len().min(20),
                        "{used} of {} in one message, {kind:?} plain {plain}",
                        left.len()
                    );
                    left.drain(..used);
                    messages += 1;
                }
                assert!(number > 60 || messages <= 3, "{messages} messages for {number}");
            }
        }
    }
}

#[test]
fn batch_of_worst_cards_is_valid() {
    let all: Vec<Card> = cards::all().into_iter().map(|(_, card)| card).collect();
    for (kind, faults) in CHATS {
        for plain in [false, true] {
            let mut left = all.as_slice();
            while !left.is_empty() {
                let (payload, used) = rendered(kind, left, plain);
                assert_eq!(faults(&payload), [""; 0], "{kind:?} plain {plain}: {payload:#}");
                assert!(used > 0);
                left = &left[used..];
            }
        }
    }
}

#[test]
fn cards_with_buttons_and_claims_are_valid() {
    let claim = |kind| {
        let by = ChatUser::try_from("U0DANA".to_owned()).unwrap();
        Claims { current: Some(Claim { kind, by, at: builders::ago(5) }), previous: None, last_press: builders::ago(5) }
    };
    let states = [None, Some(claim(ClaimKind::CallsBack)), Some(claim(ClaimKind::Done))];
    let mut with_buttons = 0;
    for (name, card) in cards::all() {
        let Card::Call(card) = card else { continue };
        for claims in &states {
            let card = Card::Call(Box::new(CallCard { claims: claims.clone(), ..(*card).clone() }));
            let options = RenderOptions { buttons: true, ..builders::style(Mask::None) };
            for plain in [false, true] {
                let body = render(SinkKind::SlackApp, &[&card], &options, builders::now(), plain).body;
                let payload: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(slack::app_faults(&payload), [""; 0], "{name} plain {plain}: {payload:#}");
                with_buttons += usize::from(body.contains("\"actions\""));
            }
        }
    }
    assert!(with_buttons > 100, "{with_buttons} cards with buttons");
}

#[test]
fn slack_workflow_payload_has_fixed_flat_strings() {
    let keys = ["caller", "dialed", "link", "number", "people", "queue", "state", "text", "title"];
    for (name, card) in cards::all() {
        for many in [vec![card.clone()], vec![card.clone(), card]] {
            let (payload, _) = rendered(SinkKind::SlackTrigger, &many, false);
            let object = payload.as_object().unwrap();
            let mut found: Vec<&str> = object.keys().map(String::as_str).collect();
            found.sort_unstable();
            assert_eq!(found, keys);
            assert!(
                object
                    .values()
                    .all(|value| value.as_str().is_some_and(|text| text.len() < 12_000 && !text.contains('<'))),
                "{name}"
            );
            assert_eq!(validators::hidden(&payload), [""; 0], "{name}");
        }
    }
}

/// A change that makes a payload invalid or unsafe.
type Break = (&'static str, fn(&mut Value));

fn each_is_refused(kind: SinkKind, faults: Faults, breaks: &[Break]) {
    let card = gallery().remove(0).cards;
    for (name, harm) in breaks {
        let mut payload = rendered(kind, &card, false).0;
        assert_eq!(faults(&payload), [""; 0]);
        harm(&mut payload);
        assert_ne!(faults(&payload), [""; 0], "{name} was accepted");
    }
}

#[test]
fn invalid_slack_message_is_rejected() {
    each_is_refused(
        SinkKind::Slack,
        slack::faults,
        &[
            ("a header of 151", |p| p["blocks"][0]["text"]["text"] = "📞".repeat(151).into()),
            ("51 blocks", |p| p["blocks"] = vec![json!({ "type": "divider" }); 51].into()),
            ("a section of 3001", |p| p["blocks"][1]["text"]["text"] = "a".repeat(3001).into()),
            ("no fallback", |p| p["text"] = "".into()),
            ("an empty object", |p| *p = json!({ "unfurl_links": false, "unfurl_media": false })),
            ("a mention", |p| {
                p["blocks"][1]["text"] = json!({ "type": "mrkdwn", "verbatim": true, "text": "<!channel>" })
            }),
            ("a stranger's link", |p| p["text"] = "<https://evil.example|Click>".into()),
            ("a link to a script", |p| {
                p["blocks"][1]["text"] = json!({ "type": "mrkdwn", "verbatim": true, "text": "<javascript:x|Open>" })
            }),
            ("mrkdwn that links by itself", |p| p["blocks"][1]["text"] = json!({ "type": "mrkdwn", "text": "a" })),
            (
                "a button",
                |p| p["blocks"][1] = json!({ "type": "actions", "elements": [{ "type": "button", "text": { "type": "plain_text", "text": "x" }, "url": "https://x.example" }] }),
            ),
            (
                "an input",
                |p| p["blocks"][1] = json!({ "type": "input", "label": { "type": "plain_text", "text": "x" }, "element": { "type": "plain_text_input" } }),
            ),
            ("an empty context", |p| p["blocks"][1] = json!({ "type": "context", "elements": [] })),
            ("one block_id twice", |p| {
                p["blocks"][0]["block_id"] = "a".into();
                p["blocks"][1]["block_id"] = "a".into();
            }),
            ("unfurling", |p| p["unfurl_links"] = true.into()),
            ("link_names", |p| p["link_names"] = true.into()),
            ("too much text", |p| {
                p["blocks"] =
                    vec![json!({ "type": "section", "text": { "type": "plain_text", "text": "a".repeat(2900) } }); 5]
                        .into()
            }),
            ("a bidi override", |p| p["text"] = "\u{202E}x".into()),
        ],
    );
}

#[test]
fn invalid_teams_message_is_rejected() {
    const CARD: &str = "/attachments/0/content";
    fn card(payload: &mut Value) -> &mut Value {
        payload.pointer_mut(CARD).unwrap()
    }
    each_is_refused(
        SinkKind::Teams,
        teams::faults,
        &[
            ("no contentUrl", |p| {
                p["attachments"][0].as_object_mut().unwrap().remove("contentUrl");
            }),
            ("a bare card", |p| *p = card(p).clone()),
            ("another type of content", |p| p["attachments"][0]["contentType"] = "application/json".into()),
            ("a newer version", |p| card(p)["version"] = "1.5".into()),
            ("an unknown element", |p| card(p)["body"][0]["type"] = "Table".into()),
            ("a text that is a number", |p| {
                card(p)["body"][0] = json!({ "type": "TextBlock", "wrap": true, "text": 1 })
            }),
            ("a fact without a value", |p| {
                card(p)["body"][0] = json!({ "type": "FactSet", "facts": [{ "title": "a" }] })
            }),
            ("a text that is clipped", |p| card(p)["body"][0] = json!({ "type": "TextBlock", "text": "a" })),
            ("a script", |p| card(p)["actions"][0]["url"] = "javascript:alert(1)".into()),
            ("plain http", |p| card(p)["actions"][0]["url"] = "http://x.example".into()),
            ("7 actions", |p| {
                card(p)["actions"] = vec![json!({ "type": "Action.OpenUrl", "url": "https://x.example" }); 7].into()
            }),
            ("another width", |p| card(p)["msteams"]["width"] = "full".into()),
            ("a mention that stands nowhere", |p| {
                card(p)["msteams"]["entities"] =
                    json!([{ "type": "mention", "text": "<at>A</at>", "mentioned": { "id": "a@b.co", "name": "A" } }])
            }),
            ("no mention", |p| card(p)["msteams"]["entities"] = json!([])),
            ("an empty mention", |p| card(p)["fallbackText"] = "<at>A</at>".into()),
            ("no fallback", |p| {
                card(p).as_object_mut().unwrap().remove("fallbackText");
            }),
            ("something evaluated", |p| card(p)["fallbackText"] = "{{DATE(2026-11-23T10:00:00Z, SHORT)}}".into()),
            ("30 KB", |p| card(p)["fallbackText"] = "a".repeat(30_000).into()),
            ("an unknown property", |p| card(p)["body"][0]["onclick"] = "x".into()),
        ],
    );
}

/// Validates the gallery, and writes it for the browser test if `CARDS_OUT` names a file.
#[test]
fn gallery_is_valid_and_written_for_browser() {
    let pictures: Vec<Value> = gallery()
        .iter()
        .map(|picture| {
            let (slack, slack_faults) = if picture.app_texts.is_empty() {
                let slack = rendered(SinkKind::Slack, &picture.cards, picture.plain).0;
                (slack.clone(), slack::faults(&slack))
            } else {
                let options = RenderOptions { buttons: true, ..builders::style(Mask::None) };
                let cards: Vec<&Card> = picture.cards.iter().collect();
                let body = render(SinkKind::SlackApp, &cards, &options, builders::now(), picture.plain).body;
                let slack: Value = serde_json::from_str(&body).unwrap();
                (slack.clone(), slack::app_faults(&slack))
            };
            let teams = rendered(SinkKind::Teams, &picture.cards, picture.plain).0;
            assert_eq!(slack_faults, [""; 0], "{}", picture.name);
            assert_eq!(teams::faults(&teams), [""; 0], "{}", picture.name);
            json!({
                "name": picture.name, "texts": picture.texts, "appTexts": picture.app_texts, "slack": slack, "teams": teams,
            })
        })
        .collect();
    if let Some(out) = std::env::var_os("CARDS_OUT") {
        std::fs::write(out, json!(pictures).to_string()).unwrap();
    }
}
