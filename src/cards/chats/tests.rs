//! Limits and markup of the chats here. `cards::tests::limits` renders any input for them.

use crate::{
    cards::{
        RenderOptions, render,
        tests::{alice, limits::any_card, now, one, options, ringing, texts},
        text::utf16_len,
    },
    model::{
        card::{Alert, Card, Contact},
        delivery::{RenderedMessage, SinkKind},
    },
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The kinds with a file here.
pub const OTHER_KINDS: [SinkKind; 5] =
    [SinkKind::Webhook, SinkKind::Ntfy, SinkKind::Discord, SinkKind::Mattermost, SinkKind::GoogleChat];

fn units(value: &Value) -> usize {
    value.as_str().map_or(0, utf16_len)
}

fn list<'a>(payload: &'a Value, key: &str) -> &'a [Value] {
    payload.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Asserts the limits of a chat and its rules for mentions and links.
pub fn assert_fits_chat(kind: SinkKind, message: &RenderedMessage) {
    let payload: Value = serde_json::from_str(&message.body).unwrap();
    assert_inert(kind, &payload);
    match kind {
        SinkKind::Discord => assert_discord(&payload),
        SinkKind::Mattermost => {
            assert!(units(&payload["text"]) <= 4000, "{payload}");
            let size = payload.get("attachments").map_or(0, |attachments| attachments.to_string().len());
            assert!(size <= 7900 && list(&payload, "attachments").len() <= 20, "{size} bytes");
        }
        SinkKind::GoogleChat => {
            assert!(message.body.len() <= 30_000 && units(&payload["text"]) <= 4096, "{} bytes", message.body.len());
            let sections = payload["cardsV2"][0]["card"]["sections"].as_array().cloned().unwrap_or_default();
            assert!(sections.iter().map(|section| list(section, "widgets").len()).sum::<usize>() <= 100);
        }
        SinkKind::Ntfy => {
            let text = payload["message"].as_str().unwrap();
            assert!((1..=4096).contains(&text.len()) && message.body.len() <= 8000, "{} bytes", message.body.len());
            assert!((1..=5).contains(&payload["priority"].as_u64().unwrap()));
        }
        SinkKind::Webhook => assert!(message.body.len() <= 40_000, "{} bytes", message.body.len()),
        SinkKind::Slack | SinkKind::SlackTrigger | SinkKind::Teams | SinkKind::SlackApp | SinkKind::TeamsApp => {}
    }
}

fn assert_discord(payload: &Value) {
    assert_eq!(payload["allowed_mentions"], json!({ "parse": [] }));
    assert!(units(&payload["content"]) <= 2000 && payload["embeds"].is_array(), "an edit replaces both: {payload}");
    let (embeds, mut total) = (list(payload, "embeds"), 0);
    assert!(embeds.len() <= 10 && (!embeds.is_empty() || units(&payload["content"]) > 0));
    for embed in embeds {
        let (title, description) = (units(&embed["title"]), units(&embed["description"]));
        assert!(title <= 256 && description <= 4096 && title + description > 0, "{embed}");
        assert!(list(embed, "fields").len() <= 25 && units(&embed["footer"]["text"]) <= 2048);
        total += title + description + units(&embed["footer"]["text"]);
        for field in list(embed, "fields") {
            let (name, value) = (units(&field["name"]), units(&field["value"]));
            assert!((1..=256).contains(&name) && (1..=1024).contains(&value), "{field}");
            total += name + value;
        }
    }
    assert!(total <= 6000, "{total} characters");
}

/// Asserts that no text mentions anyone and no link leads to another place than the contact's record.
fn assert_inert(kind: SinkKind, payload: &Value) {
    let mut found = Vec::new();
    texts("", payload, &mut found);
    for (key, text) in found {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains(['\u{202A}', '\u{202E}', '\u{2066}']), "{text:?}");
        let is_url = ["url", "click", "link"].contains(&key);
        assert!(!is_url || text.starts_with("https://crm.example.com/"), "{text:?}");
        // Data for a program is not markup.
        if is_url || kind == SinkKind::Webhook {
            continue;
        }
        if kind == SinkKind::GoogleChat {
            let ours =
                ["<b>", "</b>", "<br>", "</font>"].iter().fold(text.to_owned(), |text, tag| text.replace(tag, ""));
            assert!(ours.split('<').skip(1).all(|rest| rest.starts_with("font color=\"#")), "{text:?}");
            continue;
        }
        assert!(!text.contains(['<', '>']), "{text:?}");
        let text = without_our_links(text);
        // ntfy, plain messages of Google and footers of Discord read no Markdown.
        let reads_markdown = match kind {
            SinkKind::Discord => key != "text",
            kind => kind == SinkKind::Mattermost && key != "fallback",
        };
        let is_escaped = |at: usize| text.get(..at).is_some_and(|start| start.ends_with('\\'));
        let is_link = |at: usize| text.get(at + 1..).is_some_and(|rest| rest.starts_with('(')) && !is_escaped(at);
        assert!(!reads_markdown || !text.match_indices(']').any(|(at, _)| is_link(at)), "{text:?}");
        let mut before = ' ';
        for (at, c) in text.char_indices() {
            let is_broken = text.get(at + 1..).is_some_and(|rest| rest.starts_with('\u{200B}'));
            assert!(c != '@' || before.is_ascii_alphanumeric() || is_broken, "{text:?}");
            before = c;
        }
    }
}

/// Removes the contact's link: the end of a Markdown link with its target, or the bare address.
fn without_our_links(text: &str) -> String {
    let mut parts = text.split("https://crm.example.com/");
    let mut out = parts.next().unwrap_or_default().trim_end_matches("](").to_owned();
    for part in parts {
        let rest = part.find(|c: char| c == ')' || c.is_whitespace()).and_then(|end| part.get(end..));
        out.push_str(rest.unwrap_or_default().trim_end_matches("]("));
    }
    out
}

fn body(kind: SinkKind, card: &Card, plain: bool) -> Value {
    serde_json::from_str(&render(kind, &[card], &options(), now(), plain).body).unwrap()
}

fn attacker() -> Contact {
    let text = "@everyone @here @channel <!channel> <users/all> [pay](https://evil.example) **x**";
    Contact { name: Some(text.into()), company: Some(text.into()), notes: Some(text.into()), ..alice() }
}

#[test]
fn attack_in_every_field_is_inert_in_every_chat() {
    let card = ringing(one(attacker()));
    for kind in OTHER_KINDS {
        for plain in [false, true] {
            assert_inert(kind, &body(kind, &card, plain));
        }
    }
    let google = body(SinkKind::GoogleChat, &card, false).to_string();
    assert!(google.contains("&lt;users/all&gt;") && !google.contains("<users"), "{google}");
}

#[test]
fn ringing_card_has_caller_link_and_facts_in_every_chat() {
    let card = ringing(one(alice()));
    for kind in OTHER_KINDS {
        let text = body(kind, &card, false).to_string();
        for part in ["Alice Martin", "https://crm.example.com/42", "Open tickets", "(514) 555-0199"] {
            assert!(text.contains(part), "{kind:?} lacks {part}: {text}");
        }
    }
}

#[test]
fn ntfy_priority_follows_urgency() {
    let ring = body(SinkKind::Ntfy, &ringing(one(alice())), false);
    assert_eq!((&ring["priority"], &ring["click"]), (&json!(4), &json!("https://crm.example.com/42?a=1&b=2")));
    let resolved = Card::Alert(Alert { title: "Fine".into(), advice: String::new(), resolved: true });
    assert_eq!(body(SinkKind::Ntfy, &resolved, false)["priority"], 2);
}

#[test]
fn several_cards_share_a_message_except_as_data() {
    let cards = [ringing(one(alice())), ringing(one(attacker()))];
    let cards: Vec<&Card> = cards.iter().collect();
    for kind in OTHER_KINDS {
        let used = render(kind, &cards, &options(), now(), false).cards_included;
        assert_eq!(used, if kind == SinkKind::Webhook { 1 } else { 2 }, "{kind:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_card_has_no_live_markup(card in any_card(), plain: bool) {
        for kind in OTHER_KINDS {
            let message = render(kind, &[&card], &RenderOptions::default(), now(), plain);
            assert_fits_chat(kind, &message);
        }
    }
}
