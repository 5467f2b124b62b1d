//! Card options of a route: compact, mask, mentions.

use super::*;

/// Returns a ring of Alice with card options.
fn with_card_options(options: CardOptions) -> Card {
    let Card::Call(card) = ringing(one(alice())) else { unreachable!() };
    Card::Call(Box::new(CallCard { options, ..*card }))
}

#[test]
fn compact_card_title_and_one_line_in_every_chat() {
    let quiet = with_card_options(CardOptions { compact: true, ..CardOptions::default() });
    let line = "(514) 555-0199 · Rings Bob Roy (1015) · Main line · 14:03 EST";
    assert_eq!(rendered(&quiet)[..2], ["📞 Alice Martin · VIP", line]);
    assert_eq!(rendered(&quiet).len(), 3, "title, line and link");
    // Data for a program has no layout.
    for kind in KINDS.into_iter().filter(|kind| *kind != SinkKind::Webhook) {
        let text = body(kind, &[&quiet], false).to_string();
        assert!(
            text.contains("Bob Roy") && !text.contains("Martin Bakery") && !text.contains("Open tickets"),
            "{text}"
        );
    }
    assert_eq!(body(SinkKind::Slack, &[&quiet], false)["blocks"].as_array().unwrap().len(), 1);
}

#[test]
fn rule_mask_replaces_sink_mask_on_calls_and_summaries() {
    let masked = with_card_options(CardOptions { mask: Some(Mask::Last4), ..CardOptions::default() });
    let open = with_card_options(CardOptions { mask: Some(Mask::None), ..CardOptions::default() });
    let all = RenderOptions { mask: Mask::All, ..options() };
    assert!(rendered(&masked).concat().contains("(•••) •••-0199") && !rendered(&masked).concat().contains("555"));
    assert!(lines(&open, &all, now()).concat().contains("(514) 555-0199"));
    let Card::Call(call) = ringing(Match::NotLookedUp) else { unreachable!() };
    let connection = "main".try_into().unwrap();
    let mask = Some(Mask::Last2);
    let gap_summary =
        Card::GapSummary(GapSummary { connection, from: ago(9), to: ago(1), calls: vec![call.update], mask });
    assert!(!rendered(&gap_summary).concat().contains("555") && rendered(&gap_summary).concat().contains("99"));
    // Each card of a batch keeps its own mask.
    let both = body(SinkKind::Slack, &[&masked, &open], false).to_string();
    assert!(both.contains("•••-0199") && both.contains("555-0199"), "{both}");
}

#[test]
fn slack_mentions_only_config_ids_each_once() {
    let mention = |ids: &[&str]| ids.iter().map(|id| SlackMention::try_from((*id).to_owned()).unwrap()).collect();
    let group =
        with_card_options(CardOptions { slack_mentions: mention(&["S0123", "U0456"]), ..CardOptions::default() });
    let here = with_card_options(CardOptions {
        slack_mentions: mention(&["here", "S0123"]),
        compact: true,
        ..CardOptions::default()
    });
    for plain in [false, true] {
        let one = body(SinkKind::Slack, &[&group], plain).to_string();
        assert!(one.contains("<!subteam^S0123> <@U0456>"), "{one}");
        let many = body(SinkKind::Slack, &[&group, &here], plain).to_string();
        assert!(many.contains("<!subteam^S0123> <@U0456> <!here>"), "{many}");
    }
    for kind in [SinkKind::Teams, SinkKind::SlackTrigger] {
        let text = body(kind, &[&group], false).to_string();
        assert!(!text.contains("S0123") && !text.contains("entities"), "{text}");
    }
    for kind in [SinkKind::Slack, SinkKind::SlackTrigger] {
        let options = CardOptions { teams_mentions: vec![dana()], ..CardOptions::default() };
        assert!(!body(kind, &[&with_card_options(options)], false).to_string().contains("Dana"));
    }
    let stranger = card(named("<!channel> <@U0456>"), CallStatus::Ringing, ago(3), Match::NotLookedUp);
    let text = body(SinkKind::Slack, &[&stranger], true).to_string();
    assert!(!text.contains("<!channel>") && !text.contains("<@U0456>"), "{text}");
}

fn dana() -> TeamsMention {
    "Dana Cole <dana@example.com>".to_owned().try_into().unwrap()
}

#[test]
fn teams_mentions_only_config_people_each_once() {
    let eve: TeamsMention = "Eve Li <00000000-1111-2222-3333-444444444444>".to_owned().try_into().unwrap();
    let both =
        with_card_options(CardOptions { teams_mentions: vec![dana(), eve.clone(), dana()], ..CardOptions::default() });
    let quiet = with_card_options(CardOptions { teams_mentions: vec![eve], compact: true, ..CardOptions::default() });
    let people = json!([
        { "type": "mention", "text": "<at>Dana Cole</at>", "mentioned": { "id": "dana@example.com", "name": "Dana Cole" } },
        { "type": "mention", "text": "<at>Eve Li</at>",
          "mentioned": { "id": "00000000-1111-2222-3333-444444444444", "name": "Eve Li" } },
    ]);
    for cards in [&[&both][..], &[&both, &quiet]] {
        let content = &body(SinkKind::Teams, cards, false)["attachments"][0]["content"];
        assert_eq!(content["msteams"]["entities"], people);
        assert_eq!(content["body"][1]["text"], "<at>Dana Cole</at> <at>Eve Li</at>");
    }
    let plain = body(SinkKind::Teams, &[&both], true).to_string();
    assert!(!plain.contains("entities") && !plain.contains("<at>"), "{plain}");
    let Card::Call(mut stranger) = card(named("<at>Dana Cole</at>"), CallStatus::Ringing, ago(3), Match::NotLookedUp)
    else {
        panic!()
    };
    stranger.options.teams_mentions = vec![dana()];
    let message = body(SinkKind::Teams, &[&Card::Call(stranger)], false);
    let content = message["attachments"][0]["content"].clone();
    assert_eq!(content["body"].to_string().matches("<at>").count(), 1, "{content}");
    assert!(!content["fallbackText"].to_string().contains("<at>"));
    let crowd: Vec<TeamsMention> =
        (0..99).map(|n| format!("Person {n} <p{n}@example.com>").try_into().unwrap()).collect();
    let crowd = body(
        SinkKind::Teams,
        &[&with_card_options(CardOptions { teams_mentions: crowd, ..CardOptions::default() })],
        false,
    );
    let entities = crowd["attachments"][0]["content"]["msteams"]["entities"].as_array().unwrap().len();
    assert!((9..20).contains(&entities), "{entities}");
}
