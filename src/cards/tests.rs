//! What cards say, and that every form stays within its chat's limits whatever strangers send.

use super::*;
use crate::model::{
    call::{Bound, Call, Caller, MissedWhy, Moment, MomentKind, OurNumber, Person, Queue, Revised, Telling, Transfer},
    card::{Again, CallCard, Contact, Fact, Findings, History, Manner, Match, Notice, PastCall, Recap, Shift, Waiting},
    mention::{Mention, TeamsMention},
    phone::{Number, Region},
};
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;

const KINDS: [SinkKind; 4] = [SinkKind::Slack, SinkKind::SlackTrigger, SinkKind::Teams, SinkKind::TeamsConnector];

fn now() -> Timestamp {
    "2026-11-23T19:03:20Z".parse().unwrap()
}

fn style() -> Style {
    Style { time_zone: TimeZone::get("America/New_York").unwrap(), ..Style::default() }
}

fn ago(seconds: i64) -> Timestamp {
    now() - jiff::SignedDuration::from_secs(seconds)
}

fn person(name: &str, extension: &str) -> Person {
    Person { name: Some(name.into()), extension: Some(extension.into()), line: None }
}

fn call(number: &str) -> Call {
    Call {
        id: "call-1".try_into().unwrap(),
        connection: "main".try_into().unwrap(),
        region: Region::US,
        account: "2930718022414574861".try_into().unwrap(),
        bound: Bound::Inbound,
        caller: Caller { name: None, number: Number::read(Some(number), Region::US) },
        ours: Some(OurNumber {
            number: Number::read(Some("+15145550100"), Region::US),
            label: Some("Main line".into()),
        }),
        queues: Vec::new(),
        people: vec![person("Bob Roy", "1015")],
        transfers: Vec::new(),
        answered: None,
        queued: None,
        started: ago(3),
        late: false,
        lost: false,
        revised: None,
    }
}

/// A call of which the network says who it is.
fn named(name: &str) -> Call {
    let mut call = call("+15145550199");
    call.caller.name = Some(name.into());
    call
}

fn card(call: Call, moment: Moment, at: Timestamp, who: Match) -> Card {
    let found = Findings { who, ..Findings::default() };
    Card::Call(Box::new(CallCard::new(Telling { call, moment, at }, found)))
}

fn ringing(who: Match) -> Card {
    card(call("+15145550199"), Moment::Ringing, ago(3), who)
}

fn alice() -> Contact {
    Contact {
        name: Some("Alice Martin".into()),
        company: Some("Martin Bakery".into()),
        tier: Some("VIP".into()),
        link: Some("https://crm.example.com/42?a=1&b=2".into()),
        facts: vec![Fact { label: "Open tickets".into(), value: "2".into(), source: "zendesk".into() }],
        source: "crm".into(),
        ..Contact::default()
    }
}

fn one(contact: Contact) -> Match {
    Match::One { contact: Box::new(contact) }
}

fn said(card: &Card) -> Vec<String> {
    lines(card, &style(), now())
}

fn body(kind: SinkKind, cards: &[&Card], plain: bool) -> Value {
    serde_json::from_str(&draw(kind, cards, &style(), now(), plain).body).unwrap()
}

#[test]
fn a_known_caller_is_read_from_the_top() {
    let history = History {
        last: Some(PastCall { at: ago(7300), outcome: MomentKind::Ended, with: Some("Eve Li".into()) }),
        week: 1,
        month: 4,
        ..History::default()
    };
    let Card::Call(mut card) = ringing(one(alice())) else { unreachable!() };
    card.found.history = Some(history);
    assert_eq!(
        said(&Card::Call(card)),
        [
            "📞 Alice Martin · VIP",
            "Martin Bakery · (514) 555-0199",
            "Rings Bob Roy (1015)",
            "To Main line (514) 555-0100",
            "Last call: 2 h ago, talked to Eve Li · 1 call in 7 days, 4 in 30",
            "Open tickets: 2",
            "Called 14:03 EST · found by number in CRM, Zendesk",
            "Open in CRM: https://crm.example.com/42?a=1&b=2",
        ]
    );
}

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

#[test]
fn an_unknown_caller_has_the_networks_name_which_is_said_to_be_that() {
    let said = |who| said(&card(named("MARTIN A"), Moment::Ringing, ago(3), who));
    let below = "(514) 555-0199 · name as the network shows it";
    assert_eq!(said(Match::Nobody)[..2], ["📞 MARTIN A".to_owned(), format!("{below} · Not in our records")]);
    assert_eq!(said(Match::NotAsked)[..2], ["📞 MARTIN A", below]);
    let shared = Match::Several { contacts: vec![alice(), alice()] };
    assert_eq!(said(shared)[..2], ["📞 MARTIN A".to_owned(), format!("{below} · 2 contacts share this number")]);
    let nameless = Contact { name: None, company: None, ..alice() };
    assert_eq!(said(one(nameless))[..2], ["📞 MARTIN A · VIP", below]);
    assert_eq!(said(one(alice()))[..2], ["📞 Alice Martin · VIP", "Martin Bakery · (514) 555-0199"]);
}

#[test]
fn a_caller_without_any_name_is_the_number_and_unknown_only_where_somebody_was_asked() {
    assert_eq!(said(&ringing(Match::Nobody))[..2], ["📞 (514) 555-0199", "Not in our records"]);
    assert_eq!(said(&ringing(Match::NotAsked))[..2], ["📞 (514) 555-0199", "Rings Bob Roy (1015)"]);
}

#[test]
fn a_network_name_that_is_the_number_or_a_word_for_none_is_no_name() {
    for name in ["+1 514 555 0199", "5145550199", "Anonymous", "Unavailable", "  ", "\u{202E}"] {
        let said = said(&card(named(name), Moment::Ringing, ago(3), Match::NotAsked));
        assert_eq!(said[..2], ["📞 (514) 555-0199", "Rings Bob Roy (1015)"], "{name}");
    }
    let said = said(&card(named("7 Eleven 5145550199"), Moment::Ringing, ago(3), Match::NotAsked));
    assert_eq!(said[0], "📞 7 Eleven 5145550199");
}

#[test]
fn among_many_an_unknown_caller_has_name_and_number() {
    let ring = card(named("MARTIN A"), Moment::Ringing, ago(3), Match::Nobody);
    for kind in KINDS {
        let body = draw(kind, &[&ring, &ring], &style(), now(), false).body;
        assert!(body.contains("MARTIN A") && body.contains("(514) 555-0199 · name as the network shows it"), "{body}");
    }
}

#[test]
fn a_number_does_not_get_past_the_mask_as_the_networks_name() {
    let style = Style { mask: Mask::Last2, ..style() };
    for name in ["+15145550199", "5145550199", "Anonymous", "cell 514 555 0199", "Tel 5145550199", " "] {
        let mut unknown = call("+15145550199");
        unknown.caller.name = Some(name.into());
        let card = card(unknown, Moment::Ringing, ago(3), Match::Nobody);
        let said = draw(SinkKind::Slack, &[&card], &style, now(), false).body;
        assert!(!said.contains("555") && !said.contains("as the network shows it"), "{name}: {said}");
    }
}

#[test]
fn a_silent_source_is_named_and_nobody_is_not_claimed() {
    let Card::Call(mut card) = ringing(Match::Nobody) else { unreachable!() };
    card.found.silent = vec!["crm".into(), "zoho-desk".into()];
    let nobody = said(&Card::Call(card.clone()));
    assert_eq!(nobody[1], "Not found, but CRM, Zoho desk did not answer");
    card.found.who = one(alice());
    assert!(said(&Card::Call(card)).iter().any(|line| line.ends_with("CRM, Zoho desk did not answer")));
}

#[test]
fn several_are_listed_and_none_is_chosen() {
    let bob = Contact { name: Some("Bob Martin".into()), tier: None, ..alice() };
    let said = said(&ringing(Match::Several { contacts: vec![alice(), bob] }));
    assert_eq!(said[0], "📞 (514) 555-0199");
    assert_eq!(said[1], "2 contacts share this number");
    assert!(said.contains(&"Alice Martin · Martin Bakery · VIP".to_owned()));
    assert!(said.contains(&"Bob Martin · Martin Bakery".to_owned()));
}

#[test]
fn a_hidden_a_short_and_an_unreadable_number_are_what_they_are() {
    let title = |number| said(&card(call(number), Moment::Ringing, ago(3), Match::NotAsked)).remove(0);
    assert_eq!(title("anonymous"), "📞 Withheld number");
    assert_eq!(title("1015"), "📞 Short number 1015");
    assert_eq!(title("sip:x@y"), "📞 Unreadable number “sip:x@y”");
}

#[test]
fn every_moment_says_what_happened() {
    let secs = Duration::from_secs;
    let missed = |why| Moment::Missed { after: secs(21), why };
    let cases = [
        (Moment::Answered { by: person("Eve", "7"), after: secs(8) }, "✅ Answered: ", "Eve (7) answered after 8 s"),
        (missed(MissedWhy::NobodyAnswered), "❌ Missed: ", "Waited 21 s, nobody answered · rang Bob Roy (1015)"),
        (missed(MissedWhy::LeftQueue), "❌ Missed: ", "Hung up after 21 s in the queue · rang Bob Roy (1015)"),
        (missed(MissedWhy::LeftMenu), "❌ Missed: ", "Hung up after 21 s in the menu · rang Bob Roy (1015)"),
        (missed(MissedWhy::Unknown), "❌ Missed: ", "Nobody took it, gone after 21 s · rang Bob Roy (1015)"),
        (Moment::Voicemail { length: Some(secs(32)) }, "📭 Voicemail: ", "Left a message of 32 s"),
        (Moment::Voicemail { length: None }, "📭 Voicemail: ", "Went to voicemail"),
        (Moment::Ended { lasted: Some(secs(200)) }, "✅ Ended: ", "Talked for 3 min 20 s · with Bob Roy (1015)"),
    ];
    for (moment, title, state) in cases {
        let said = said(&card(call("+15145550199"), moment, ago(1), Match::NotAsked));
        assert_eq!(said[0], format!("{title}(514) 555-0199"));
        assert_eq!(said[1], state);
    }
}

#[test]
fn a_call_that_is_over_says_how_long_it_had_waited() {
    let ended = || Moment::Ended { lasted: Some(Duration::from_secs(153)) };
    let said_of = |call: Call| said(&card(call, ended(), ago(1), Match::NotAsked)).remove(1);
    let taken = |bound| Call { bound, answered: Some(ago(162)), started: ago(170), ..call("+15145550199") };
    let talked = "Talked for 2 min 33 s · with Bob Roy (1015)";
    assert_eq!(said_of(taken(Bound::Inbound)), format!("{talked} · answered after 8 s"));
    assert_eq!(said_of(taken(Bound::Outbound)), format!("{talked} · taken after 8 s"));
    assert_eq!(said_of(call("+15145550199")), talked);
}

#[test]
fn a_card_that_an_earlier_version_stored_is_still_read() {
    let new = ringing(one(alice()));
    let mut stored = serde_json::to_value(&new).unwrap();
    stored["before"] = serde_json::json!([{ "is": "answered", "by": {}, "after": 8 }]);
    let call = stored["telling"]["call"].as_object_mut().unwrap();
    for field in ["answered", "transfers"] {
        assert!(call.remove(field).is_some(), "{field}");
    }
    assert_eq!(serde_json::from_value::<Card>(stored).unwrap(), new);
}

#[test]
fn a_ring_that_is_not_fresh_says_its_age_and_one_heard_late_that_it_is_under_way() {
    let rang = said(&card(call("+15145550199"), Moment::Ringing, ago(200), one(alice())));
    assert_eq!(rang[0], "📞 Rang 3 min ago: Alice Martin · VIP");
    assert_eq!(rang[2], "Rang Bob Roy (1015) · posted late");
    let fresh = said(&card(call("+15145550199"), Moment::Ringing, ago(30), one(alice())));
    assert_eq!(fresh[0], "📞 Alice Martin · VIP");
    let late = said(&card(Call { late: true, ..call("+15145550199") }, Moment::Ringing, ago(3), one(alice())));
    assert_eq!(late[2], "Rings Bob Roy (1015), already under way");
}

#[test]
fn many_phones_are_counted_and_a_queue_is_named() {
    let people = vec![person("A", "1"), person("B", "2"), person("C", "3"), person("D", "4"), person("E", "5")];
    let queues =
        vec![Queue { name: "Sales".into(), extension: None }, Queue { name: "Support".into(), extension: None }];
    let queued = Call { queues: queues.clone(), people, ..call("+15145550199") };
    let said_of = |call| said(&card(call, Moment::Ringing, ago(3), Match::NotAsked));
    assert_eq!(said_of(queued)[1], "Rings A (1), B (2), C (3) and 2 more");
    let waiting = Call { queues, people: Vec::new(), ..call("+15145550199") };
    assert_eq!(said_of(waiting)[1..3], ["Waits in Support", "To Main line (514) 555-0100 · queue Sales → Support"]);
}

#[test]
fn a_caller_missed_minutes_ago_is_marked() {
    let Card::Call(mut card) = ringing(one(alice())) else { unreachable!() };
    let last = PastCall { at: ago(240), outcome: MomentKind::Missed, with: None };
    card.found.history =
        Some(History { last: Some(last), week: 2, month: 2, missed_since: 2, urgent: true, again: None });
    let said = said(&Card::Call(card));
    assert_eq!(said[..2], ["📞 🔥 Alice Martin · VIP", "🔥 Missed 2 times since we last talked"]);
}

#[test]
fn back_to_back_calls_are_counted() {
    let Card::Call(mut card) = ringing(one(alice())) else { unreachable!() };
    let last = PastCall { at: ago(130), outcome: MomentKind::Missed, with: None };
    let mut says = |nth, missed_since, urgent| {
        let again = Some(Again { nth, within: Duration::from_secs(600) });
        card.found.history = Some(History { last: Some(last.clone()), week: 2, month: 2, missed_since, urgent, again });
        said(&Card::Call(card.clone())).swap_remove(1)
    };
    assert_eq!(says(3, 0, true), "🔥 3rd call in 10 min, last time 2 min ago");
    assert_eq!(says(11, 0, false), "11th call in 10 min, last time 2 min ago");
    assert_eq!(says(2, 1, true), "🔥 Missed 1 time since we last talked · 2nd call in 10 min");
}

#[test]
fn a_number_beside_right_to_left_text_keeps_its_groups() {
    let arabic = Contact { company: Some("شركة النور".into()), ..alice() };
    assert_eq!(said(&ringing(one(arabic)))[1], "شركة النور · Tel. (514) 555-0199");
}

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

fn waiting(number: &str, name: Option<&str>, times: u32, last: Timestamp) -> Waiting {
    let number = Number::read(Some(number), Region::US);
    Waiting { number, name: name.map(Into::into), times, last, voicemail: false }
}

fn shift() -> Shift {
    Shift {
        from: ago(86_400),
        to: ago(60),
        calls: 12,
        answered: 7,
        missed: 4,
        voicemails: 1,
        withheld: 1,
        longest_wait: Some(Duration::from_secs(200)),
        waiting: vec![
            Waiting { voicemail: true, ..waiting("+15145550199", Some("Alice Martin"), 2, ago(600)) },
            waiting("+442079460101", None, 1, ago(9000)),
        ],
        region: Some(Region::US),
        ..Shift::default()
    }
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

fn worded(lines: &[(LineName, &str)]) -> Style {
    Style { wording: Wording::read(lines.iter().copied()).unwrap(), ..style() }
}

const LINES: [LineName; 6] =
    [LineName::Title, LineName::Alert, LineName::Caller, LineName::State, LineName::Called, LineName::Began];

#[test]
fn facts_are_those_that_were_chosen_in_that_order() {
    let fact = |label: &str| Fact { label: label.into(), value: "1".into(), source: "crm".into() };
    let contact = Contact {
        facts: vec![fact("Shoe size"), fact(" Open tickets"), fact("Balance")],
        owner: Some("Eve Li".into()),
        tags: vec!["a".into(), "b".into()],
        ..alice()
    };
    let rows = |facts: Option<&[&str]>| {
        let facts = facts.map(|labels| labels.iter().map(|label| (*label).to_owned()).collect());
        let said = lines(&ringing(one(contact.clone())), &Style { facts, ..style() }, now());
        said[4..said.len() - 2].to_vec()
    };
    assert_eq!(rows(None), ["Shoe size: 1", "Open tickets: 1", "Balance: 1", "Owner: Eve Li", "Tags: a, b"]);
    assert_eq!(
        rows(Some(&["owner", "Balance", "open tickets", "Nothing"])),
        ["Owner: Eve Li", "Balance: 1", "Open tickets: 1"]
    );
    assert_eq!(rows(Some(&[])), [""; 0]);
}

#[test]
fn why_is_said_unless_the_config_says_no() {
    let said = |why| lines(&ringing(one(alice())), &Style { why, ..style() }, now());
    assert!(said(true).contains(&"Called 14:03 EST · found by number in CRM, Zendesk".to_owned()));
    assert!(said(false).contains(&"Called 14:03 EST".to_owned()));
}

#[test]
fn an_operators_words_stand_for_a_line_and_for_no_other() {
    let style = worded(&[
        (LineName::Title, "{{ sign }} {{ caller.name | upper }} ({{ caller.number }})"),
        (LineName::Caller, "{% if caller.company %}of {{ caller.company }}{% endif %}"),
        (LineName::State, "{{ caller.facts['open TICKETS'] }} tickets,\n{{ caller.facts.Nothing }}{{ state }}"),
        (LineName::Began, "{{ began }}, {{ moment }}, {{ line }}"),
    ]);
    let said = lines(&ringing(one(alice())), &style, now());
    assert_eq!(
        said,
        [
            "📞 ALICE MARTIN ((514) 555-0199)",
            "of Martin Bakery",
            "2 tickets, Rings Bob Roy (1015)",
            "To Main line (514) 555-0100",
            "Open tickets: 2",
            "14:03 EST, ringing, Called 14:03 EST · found by number in CRM, Zendesk",
            "Open in CRM: https://crm.example.com/42?a=1&b=2",
        ]
    );
    let said = lines(&card(named("MARTIN A"), Moment::Ringing, ago(3), Match::Nobody), &style, now());
    assert_eq!(
        said[..2],
        ["📞 MARTIN A ((514) 555-0199)", "tickets, Rings Bob Roy (1015)"],
        "an empty line is left out"
    );
}

#[test]
fn a_title_that_comes_out_empty_is_the_title_as_it_is() {
    let style = worded(&[(LineName::Title, "{{ caller.tier if caller.tier == 'Gold' }}")]);
    assert_eq!(lines(&ringing(one(alice())), &style, now())[0], "📞 Alice Martin · VIP");
}

#[test]
fn a_template_that_is_no_good_is_told_with_its_line() {
    let bad = |template: &str| {
        let bad = Wording::read([(LineName::Called, template)]).unwrap_err();
        assert_eq!((bad.len(), bad[0].line), (1, LineName::Called));
        bad[0].reason.clone()
    };
    assert!(bad("{{ line").contains("syntax error"), "{}", bad("{{ line"));
    assert_eq!(bad("{{ caller.nmae }}"), "no card has `caller.nmae`; did you mean `caller.name`?");
    assert_eq!(
        bad("{% if caller.tier == 'never' %}{{ stat }}{% endif %}"),
        "no card has `stat`; did you mean `state`?",
        "where no sample goes, too"
    );
    assert!(bad("{{ line | uper }}").contains("unknown filter"), "{}", bad("{{ line | uper }}"));
    assert!(bad("{{ caller.tags | first | upper }}").starts_with("where nothing is known of a caller"));
    assert!(bad("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}").contains("fuel"));
    assert!(bad(&"x".repeat(2001)).contains("more than 2000 bytes"));
    let both = Wording::read([(LineName::Title, "{{ a }}"), (LineName::State, "{{ b }}")]).unwrap_err();
    assert_eq!(both.len(), 2, "all are told at once");
}

#[test]
fn a_template_that_fails_on_a_card_costs_its_words_and_not_the_line() {
    let style = worded(&[(LineName::Title, "{{ 'x' if caller.tags | length < 2 else caller.name | int }}")]);
    let tagged = Contact { tags: vec!["a".into(), "b".into()], ..alice() };
    for _ in 0..2 {
        assert_eq!(lines(&ringing(one(tagged.clone())), &style, now())[0], "📞 Alice Martin · VIP");
    }
    assert_eq!(lines(&ringing(one(alice())), &style, now())[0], "x");
}

#[test]
fn every_value_of_a_template_is_there_on_every_card() {
    let all: String = values::KNOWN.iter().map(|name| format!("{{{{ {name} }}}} ")).collect();
    let style = worded(&[(LineName::State, &all.replace("caller.facts ", "caller.facts.x "))]);
    for who in [Match::Nobody, Match::NotAsked, one(alice()), Match::Several { contacts: vec![alice(), alice()] }] {
        let said = lines(&card(call("anonymous"), Moment::Ringing, ago(3), who), &style, now());
        assert!(said.iter().any(|line| line.contains("ringing") && line.contains("main")), "{said:?}");
    }
}

#[test]
fn what_a_template_writes_is_as_inert_and_as_bounded_as_a_name() {
    let templates = [
        "{{ caller.notes }}{{ caller.name }}{{ caller.facts['x'] }}",
        "<!channel> <https://evil.example|Click> *a* [b](https://evil.example) {{ '{{' }}DATE(1, SHORT)}} \u{202E}",
        "{% for i in range(3000) %}&<𝕬\"{% endfor %}",
        "{% for i in range(3000) %}é{{ caller.name }}{% endfor %}",
    ];
    let evil = "&<!channel>𝕬\"".repeat(300);
    let fact = Fact { label: "x".into(), value: evil.clone(), source: evil.clone() };
    let contact = Contact { name: Some(evil.clone()), notes: Some(evil), facts: vec![fact; 12], ..alice() };
    let card = ringing(one(contact));
    for template in templates {
        let facts = Some(vec!["x".to_owned(); 40]);
        let style = Style { facts, ..worded(&LINES.map(|line| (line, template))) };
        for cards in [vec![&card], vec![&card; 9]] {
            for plain in [false, true] {
                for kind in KINDS {
                    let body = draw(kind, &cards, &style, now(), plain).body;
                    let payload: Value = serde_json::from_str(&body).unwrap();
                    match kind {
                        SinkKind::Slack | SinkKind::SlackApp => fits_slack(&payload),
                        SinkKind::SlackTrigger => is_clean(&payload),
                        SinkKind::Teams | SinkKind::TeamsConnector => {
                            is_clean(&payload);
                            assert!(!body.contains("{{"), "{body}");
                        }
                    }
                    assert!(body.len() <= 20_000, "{} bytes for {template}", body.len());
                }
            }
        }
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[<>&|*_!@#\\[\\](){}:/.a-z0-9\u{202E}\u{200D}\u{301}\n -]{0,400}",
        "(\\PC){0,600}",
        Just("&<".repeat(2000)),
        Just("\"\\".repeat(2000)),
        Just("𝕬電".repeat(2000)),
        Just("https://evil.example/".repeat(90)),
    ]
}

fn any_contact() -> impl Strategy<Value = Contact> {
    let texts = proptest::collection::vec(any_text(), 8);
    (texts, 0_usize..30).prop_map(|(texts, number)| {
        let text = |n: usize| texts.get(n).cloned();
        let fact = Fact { label: texts[4].clone(), value: texts[5].clone(), source: texts[6].clone() };
        Contact {
            name: text(0),
            company: text(1),
            tier: text(2),
            owner: text(7),
            notes: text(3),
            tags: vec![texts[2].clone(); number],
            link: Some(format!("https://crm.example.com/{}", texts[6])),
            facts: vec![fact; number],
            source: texts[7].clone(),
        }
    })
}

fn any_card() -> impl Strategy<Value = Card> {
    (any_contact(), any_text(), 0_usize..12, 0..5).prop_map(|(contact, text, number, kind)| {
        let person = Person { name: Some(text.clone()), extension: Some(text.clone()), line: None };
        let call = Call {
            caller: Caller { name: Some(text.clone()), number: Number::read(Some(&text), Region::US) },
            ours: Some(OurNumber { number: Number::read(Some(&text), Region::US), label: Some(text.clone()) }),
            queues: vec![Queue { name: text.clone(), extension: None }; number],
            people: vec![person; number],
            ..call("+15145550199")
        };
        match kind {
            0 => card(call, Moment::Ringing, ago(3), one(contact)),
            1 => card(call, Moment::Ringing, ago(90), Match::Several { contacts: vec![contact; number] }),
            2 => {
                let telling = Telling { call, moment: Moment::Voicemail { length: None }, at: ago(1) };
                let connection = "main".try_into().unwrap();
                Card::Recap(Recap {
                    connection,
                    from: ago(9),
                    to: ago(1),
                    calls: vec![telling; number * 5],
                    mask: None,
                })
            }
            3 => {
                let one = Waiting { voicemail: true, ..waiting("+442079460101", Some(&text), u32::MAX, ago(9000)) };
                let numbers =
                    Shift { calls: u32::MAX, answered: 1, voicemails: u32::MAX, withheld: u32::MAX, ..shift() };
                let missed = u32::MAX - 9;
                Card::Shift(Shift { waiting: vec![one; number * 5], missed, late: true, more: u32::MAX, ..numbers })
            }
            _ => Card::Notice(Notice { title: text.clone(), advice: text, over: false }),
        }
    })
}

/// Every text in a payload, with the key it stands under.
fn texts<'a>(key: &'a str, value: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    match value {
        Value::String(text) => found.push((key, text)),
        Value::Array(list) => list.iter().for_each(|value| texts(key, value, found)),
        Value::Object(object) => object.iter().for_each(|(key, value)| texts(key, value, found)),
        _ => {}
    }
}

fn is_clean(payload: &Value) {
    let mut found = Vec::new();
    texts("", payload, &mut found);
    for (key, text) in found {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains(['\u{202A}', '\u{202E}', '\u{200B}', '\u{2066}']), "{text:?}");
        assert!(key != "url" || text.starts_with("https://crm.example.com/"), "{text:?}");
    }
}

/// Anything in angle brackets that is not our link.
fn foreign_markup(text: &str) -> bool {
    let ours = |part: &str| part.starts_with("https://crm.example.com/") && part.contains("|Open");
    text.split('<').skip(1).any(|part| !ours(part))
}

fn fits_slack(payload: &Value) {
    is_clean(payload);
    let fallback = payload["text"].as_str().unwrap();
    assert!((1..=4000).contains(&text::units(fallback)) && !foreign_markup(fallback), "{fallback}");
    let none = Vec::new();
    let blocks = payload["blocks"].as_array().unwrap_or(&none);
    assert!(blocks.len() <= 50);
    let mut total = 0;
    for block in blocks {
        let text = block.pointer("/text/text").or(block.pointer("/elements/0/text")).unwrap().as_str().unwrap();
        let most = if block["type"] == "header" { 150 } else { 3000 };
        assert!((1..=most).contains(&text::units(text)), "{} units in {block}", text::units(text));
        assert!(!foreign_markup(text), "{block}");
        total += text::units(text);
    }
    assert!(total < 13_000, "{total} units");
}

#[test]
fn cards_of_the_longest_texts_fit_alone_and_together() {
    for sign in ["&", "<", "\"", "電", "𝕬", "é", "*"] {
        let text = sign.repeat(3000);
        let fact = Fact { label: text.clone(), value: text.clone(), source: text.clone() };
        let contact = Contact {
            name: Some(text.clone()),
            company: Some(text.clone()),
            notes: Some(text.clone()),
            tags: vec![text.clone(); 9],
            facts: vec![fact; 20],
            link: Some(format!("https://crm.example.com/{}", "&a".repeat(190))),
            source: text.clone(),
            ..alice()
        };
        let ring = |who| {
            let people = vec![person(&text, &text); 9];
            let queues = vec![Queue { name: text.clone(), extension: None }; 9];
            card(Call { people, queues, ..call("+15145550199") }, Moment::Ringing, ago(3), who)
        };
        let several = ring(Match::Several { contacts: vec![contact.clone(); 9] });
        let cards = [ring(one(contact)), several];
        for many in [1, 2, 60] {
            let cards: Vec<&Card> = cards.iter().cycle().take(many).collect();
            for plain in [false, true] {
                fits_slack(&body(SinkKind::Slack, &cards, plain));
                let teams = draw(SinkKind::Teams, &cards, &style(), now(), plain);
                assert!(teams.body.len() <= 20_000, "{sign}: {} bytes for {}", teams.body.len(), teams.used);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_strangers_send_every_card_fits(cards in proptest::collection::vec(any_card(), 1..9), plain: bool) {
        let cards: Vec<&Card> = cards.iter().collect();
        for kind in KINDS {
            let drawn = draw(kind, &cards, &style(), now(), plain);
            prop_assert!((1..=cards.len()).contains(&drawn.used));
            let payload: Value = serde_json::from_str(&drawn.body).unwrap();
            match kind {
                SinkKind::Slack | SinkKind::SlackApp => fits_slack(&payload),
                SinkKind::SlackTrigger => is_clean(&payload),
                SinkKind::Teams | SinkKind::TeamsConnector => {
                    is_clean(&payload);
                    prop_assert!(drawn.body.len() <= 20_000, "{} bytes", drawn.body.len());
                    let evaluated = drawn.body.contains("\"{{") || drawn.body.contains("{{DATE");
                    prop_assert!(!evaluated);
                }
            }
        }
        for card in cards {
            prop_assert!(!text(card, &style(), now()).contains(char::is_control));
        }
    }
}

#[test]
fn a_call_says_who_handed_it_on_and_where_it_waited() {
    let (bob, eve) = (person("Bob Roy", "1015"), person("Eve Li", "1031"));
    let handed = |from: &Person, to: &Person| Transfer { from: from.clone(), to: to.clone(), at: ago(30) };
    let state = |call, moment| said(&card(call, moment, ago(1), Match::NotAsked)).remove(1);
    let secs = Duration::from_secs;

    let once = Call { transfers: vec![handed(&bob, &eve)], people: vec![eve.clone()], ..call("+15145550199") };
    let answered = Moment::Answered { by: eve.clone(), after: secs(8) };
    assert_eq!(state(once.clone(), answered), "Bob Roy (1015) answered after 8 s · handed on to Eve Li (1031)");
    let ended = Moment::Ended { lasted: Some(secs(200)) };
    assert_eq!(state(once, ended.clone()), "Talked for 3 min 20 s · with Bob Roy (1015) → Eve Li (1031)");
    let to_and_fro = [(&bob, &eve), (&eve, &bob), (&bob, &eve), (&eve, &bob)];
    let often = to_and_fro.map(|(from, to)| handed(from, to)).to_vec();
    let said = state(Call { transfers: often, ..call("+15145550199") }, ended);
    assert_eq!(
        said,
        "Talked for 3 min 20 s · with Bob Roy (1015) → … → Bob Roy (1015) → Eve Li (1031) → Bob Roy (1015)"
    );

    let queues = vec![Queue { name: "Support".into(), extension: None }];
    let waited = Call { queues, queued: Some(ago(120)), started: ago(150), people: Vec::new(), ..call("+15145550199") };
    assert_eq!(state(waited.clone(), Moment::Ringing), "Waits in Support since 14:01 EST");
    let left = Moment::Missed { after: secs(120), why: MissedWhy::LeftQueue };
    assert_eq!(state(waited, left), "Hung up after 1 min 30 s in the queue");
}

#[test]
fn calls_that_go_out_and_calls_between_colleagues_have_words_of_their_own() {
    let secs = Duration::from_secs;
    let told = |call: &Call, moment| said(&card(call.clone(), moment, ago(1), Match::NotAsked))[..2].to_vec();
    let out = Call { bound: Bound::Outbound, ..call("+15145550199") };
    let missed = Moment::Missed { after: secs(30), why: MissedWhy::NobodyAnswered };
    let answered = Moment::Answered { by: person("Bob Roy", "1015"), after: secs(7) };
    let title = "📤 Bob Roy (1015) calls (514) 555-0199";
    assert_eq!(told(&out, Moment::Ringing), [title, "Bob Roy (1015) calls"]);
    assert_eq!(told(&out, answered), ["✅ Reached: (514) 555-0199", "Taken after 7 s · Bob Roy (1015) called"]);
    assert_eq!(told(&out, missed), ["📵 Not reached: (514) 555-0199", "No answer after 30 s · Bob Roy (1015) called"]);
    assert!(
        said(&card(out, Moment::Ringing, ago(1), Match::NotAsked))
            .contains(&"From Main line (514) 555-0100".to_owned())
    );

    let mut inside = Call { bound: Bound::Internal, ..call("1020") };
    inside.caller.name = Some("Ann Kim".into());
    let of = said(&card(inside, Moment::Ringing, ago(1), Match::NotAsked));
    assert_eq!(of[..3], ["📞 Ann Kim (1020)", "Internal call", "Rings Bob Roy (1015)"]);
}

#[test]
fn a_call_whose_end_nobody_heard_and_one_told_wrong_say_so() {
    let lost = Call { lost: true, ..call("+15145550199") };
    let of = said(&card(lost, Moment::Ended { lasted: None }, ago(3700), Match::NotAsked));
    assert_eq!(of[..2], ["❔ Lost sight of: (514) 555-0199", "How it ended is not known · last with Bob Roy (1015)"]);
    assert!(of.last().unwrap().ends_with("last heard of 1 h ago"), "{of:?}");
    let wrong = Call { revised: Some(Revised::Corrected), ..call("+15145550199") };
    let lasted = Some(Duration::from_secs(54));
    let of = said(&card(wrong, Moment::Ended { lasted }, ago(3), Match::NotAsked));
    assert_eq!(
        of[..2],
        ["✅ Not missed: (514) 555-0199", "Was told as missed · Talked for 54 s · with Bob Roy (1015)"]
    );
}
