//! How a rule wants a card told: quiet, masked, with mentions.

use super::*;

/// Alice's ring in a manner.
fn in_manner(manner: Manner) -> Card {
    let Card::Call(card) = ringing(one(alice())) else { unreachable!() };
    Card::Call(Box::new(CallCard { manner, ..*card }))
}

#[test]
fn a_quiet_card_is_its_title_and_one_line_in_every_chat() {
    let quiet = in_manner(Manner { quiet: true, ..Manner::default() });
    let line = "(514) 555-0199 · Rings Bob Roy (1015) · Main line · 14:03 EST";
    assert_eq!(said(&quiet)[..2], ["📞 Alice Martin · VIP", line]);
    assert_eq!(said(&quiet).len(), 3, "and its link");
    for kind in KINDS {
        let text = body(kind, &[&quiet], false).to_string();
        assert!(
            text.contains("Bob Roy") && !text.contains("Martin Bakery") && !text.contains("Open tickets"),
            "{text}"
        );
    }
    assert_eq!(body(SinkKind::Slack, &[&quiet], false)["blocks"].as_array().unwrap().len(), 1);
}

#[test]
fn a_rules_mask_stands_in_the_place_of_the_sinks_on_calls_and_recaps() {
    let masked = in_manner(Manner { mask: Some(Mask::Last4), ..Manner::default() });
    let open = in_manner(Manner { mask: Some(Mask::None), ..Manner::default() });
    let all = Style { mask: Mask::All, ..style() };
    assert!(said(&masked).concat().contains("(•••) •••-0199") && !said(&masked).concat().contains("555"));
    assert!(lines(&open, &all, now()).concat().contains("(514) 555-0199"));
    let Card::Call(call) = ringing(Match::NotAsked) else { unreachable!() };
    let connection = "main".try_into().unwrap();
    let mask = Some(Mask::Last2);
    let recap = Card::Recap(Recap { connection, from: ago(9), to: ago(1), calls: vec![call.telling], mask });
    assert!(!said(&recap).concat().contains("555") && said(&recap).concat().contains("99"));
    // Beside others in one message each keeps its own.
    let both = body(SinkKind::Slack, &[&masked, &open], false).to_string();
    assert!(both.contains("•••-0199") && both.contains("555-0199"), "{both}");
}

#[test]
fn only_ids_of_the_config_are_mentioned_each_once_and_in_every_form_of_slack() {
    let mention = |ids: &[&str]| ids.iter().map(|id| Mention::try_from((*id).to_owned()).unwrap()).collect();
    let group = in_manner(Manner { mention: mention(&["S0123", "U0456"]), ..Manner::default() });
    let here = in_manner(Manner { mention: mention(&["here", "S0123"]), quiet: true, ..Manner::default() });
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
        let manner = Manner { teams: vec![dana()], ..Manner::default() };
        assert!(!body(kind, &[&in_manner(manner)], false).to_string().contains("Dana"));
    }
    let stranger = card(named("<!channel> <@U0456>"), Moment::Ringing, ago(3), Match::NotAsked);
    let text = body(SinkKind::Slack, &[&stranger], true).to_string();
    assert!(!text.contains("<!channel>") && !text.contains("<@U0456>"), "{text}");
}

fn dana() -> TeamsMention {
    "Dana Cole <dana@example.com>".to_owned().try_into().unwrap()
}

#[test]
fn only_people_of_the_config_are_mentioned_in_teams_each_once() {
    let eve: TeamsMention = "Eve Li <00000000-1111-2222-3333-444444444444>".to_owned().try_into().unwrap();
    let both = in_manner(Manner { teams: vec![dana(), eve.clone(), dana()], ..Manner::default() });
    let quiet = in_manner(Manner { teams: vec![eve], quiet: true, ..Manner::default() });
    let people = json!([
        { "type": "mention", "text": "<at>Dana Cole</at>", "mentioned": { "id": "dana@example.com", "name": "Dana Cole" } },
        { "type": "mention", "text": "<at>Eve Li</at>",
          "mentioned": { "id": "00000000-1111-2222-3333-444444444444", "name": "Eve Li" } },
    ]);
    for kind in [SinkKind::Teams, SinkKind::TeamsConnector] {
        for cards in [&[&both][..], &[&both, &quiet]] {
            let content = &body(kind, cards, false)["attachments"][0]["content"];
            assert_eq!(content["msteams"]["entities"], people);
            assert_eq!(content["body"][1]["text"], "<at>Dana Cole</at> <at>Eve Li</at>");
        }
        let plain = body(kind, &[&both], true).to_string();
        assert!(!plain.contains("entities") && !plain.contains("<at>"), "{plain}");
    }
    let Card::Call(mut stranger) = card(named("<at>Dana Cole</at>"), Moment::Ringing, ago(3), Match::NotAsked) else {
        panic!()
    };
    stranger.manner.teams = vec![dana()];
    let drawn = body(SinkKind::Teams, &[&Card::Call(stranger)], false);
    let content = drawn["attachments"][0]["content"].clone();
    assert_eq!(content["body"].to_string().matches("<at>").count(), 1, "{content}");
    assert!(!content["fallbackText"].to_string().contains("<at>"));
    let crowd: Vec<TeamsMention> =
        (0..99).map(|n| format!("Person {n} <p{n}@example.com>").try_into().unwrap()).collect();
    let crowd = body(SinkKind::Teams, &[&in_manner(Manner { teams: crowd, ..Manner::default() })], false);
    let entities = crowd["attachments"][0]["content"]["msteams"]["entities"].as_array().unwrap().len();
    assert!((9..20).contains(&entities), "{entities}");
}
