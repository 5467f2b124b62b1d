//! Callers: known, unknown, several contacts, withheld.

use super::*;

#[test]
fn known_caller_all_lines_in_order() {
    let history = CallerHistory {
        last_call: Some(PastCall { at: ago(7300), outcome: StatusKind::Ended, answered_by: Some("Eve Li".into()) }),
        calls_in_week: 1,
        calls_in_month: 4,
        ..CallerHistory::default()
    };
    let Card::Call(mut card) = ringing(one(alice())) else { unreachable!() };
    card.caller_info.history = Some(history);
    assert_eq!(
        rendered(&Card::Call(card)),
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

#[test]
fn unknown_caller_network_name_labelled() {
    let rendered = |who| rendered(&card(named("MARTIN A"), CallStatus::Ringing, ago(3), who));
    let below = "(514) 555-0199 · name as the network shows it";
    assert_eq!(rendered(Match::NoMatch)[..2], ["📞 MARTIN A".to_owned(), format!("{below} · Not in our records")]);
    assert_eq!(rendered(Match::NotLookedUp)[..2], ["📞 MARTIN A", below]);
    let shared = Match::Several { contacts: vec![alice(), alice()] };
    assert_eq!(rendered(shared)[..2], ["📞 MARTIN A".to_owned(), format!("{below} · 2 contacts share this number")]);
    let nameless = Contact { name: None, company: None, ..alice() };
    assert_eq!(rendered(one(nameless))[..2], ["📞 MARTIN A · VIP", below]);
    assert_eq!(rendered(one(alice()))[..2], ["📞 Alice Martin · VIP", "Martin Bakery · (514) 555-0199"]);
}

#[test]
fn nameless_caller_no_match_only_after_lookup() {
    assert_eq!(rendered(&ringing(Match::NoMatch))[..2], ["📞 (514) 555-0199", "Not in our records"]);
    assert_eq!(rendered(&ringing(Match::NotLookedUp))[..2], ["📞 (514) 555-0199", "Rings Bob Roy (1015)"]);
}

#[test]
fn network_name_number_or_placeholder_ignored() {
    for name in ["+1 514 555 0199", "5145550199", "Anonymous", "  ", "\u{202E}"] {
        let rendered = rendered(&card(named(name), CallStatus::Ringing, ago(3), Match::NotLookedUp));
        assert_eq!(rendered[..2], ["📞 (514) 555-0199", "Rings Bob Roy (1015)"], "{name}");
    }
    let rendered = rendered(&card(named("7 Eleven 5145550199"), CallStatus::Ringing, ago(3), Match::NotLookedUp));
    assert_eq!(rendered[0], "📞 7 Eleven 5145550199");
}

#[test]
fn batch_unknown_caller_has_name_and_number() {
    let ring = card(named("MARTIN A"), CallStatus::Ringing, ago(3), Match::NoMatch);
    for kind in KINDS {
        let body = render(kind, &[&ring, &ring], &options(), now(), false).body;
        assert!(body.contains("MARTIN A") && body.contains("(514) 555-0199 · name as the network shows it"), "{body}");
    }
}

#[test]
fn network_name_with_number_hidden_by_mask() {
    let options = RenderOptions { mask: Mask::Last2, ..options() };
    for name in ["+15145550199", "5145550199", "Anonymous", "cell 514 555 0199", "Tel 5145550199", " "] {
        let mut unknown = call("+15145550199");
        unknown.caller.name = Some(name.into());
        let card = card(unknown, CallStatus::Ringing, ago(3), Match::NoMatch);
        let rendered = render(SinkKind::Slack, &[&card], &options, now(), false).body;
        assert!(!rendered.contains("555") && !rendered.contains("as the network shows it"), "{name}: {rendered}");
    }
}

#[test]
fn network_substitute_and_marks_stand_beside_the_number() {
    let lines = |name: &str, found: Match| rendered(&card(named(name), CallStatus::Ringing, ago(3), found));
    let number = "📞 (514) 555-0199";
    for (name, beside) in [
        ("WIRELESS CALLER", "wireless caller"),
        ("Unavailable", "name unavailable"),
        ("HAMILTON     ON", "HAMILTON ON"),
        ("[V]", "verified by the network"),
        ("SCAM LIKELY", "⚠️ network: spam likely"),
    ] {
        assert_eq!(lines(name, Match::NotLookedUp)[..2], [number, beside], "{name}");
    }
    let verified = &lines("[V] ALICE MARTIN", Match::NotLookedUp)[..2];
    assert_eq!(verified[0], "📞 ALICE MARTIN");
    assert!(verified[1].ends_with("name as the network shows it · verified by the network"), "{verified:?}");
    assert_eq!(lines("[V] X", one(alice()))[1], "Martin Bakery · (514) 555-0199 · verified by the network");
}

#[test]
fn failed_source_named_no_match_not_claimed() {
    let Card::Call(mut card) = ringing(Match::NoMatch) else { unreachable!() };
    card.caller_info.failed_sources = vec!["crm".into(), "zoho-desk".into()];
    let no_match = rendered(&Card::Call(card.clone()));
    assert_eq!(no_match[1], "Not found, but CRM, Zoho desk did not answer");
    card.caller_info.matched = one(alice());
    assert!(rendered(&Card::Call(card)).iter().any(|line| line.ends_with("CRM, Zoho desk did not answer")));
}

#[test]
fn several_contacts_listed_none_selected() {
    let bob = Contact { name: Some("Bob Martin".into()), tier: None, ..alice() };
    let rendered = rendered(&ringing(Match::Several { contacts: vec![alice(), bob] }));
    assert_eq!(rendered[0], "📞 (514) 555-0199");
    assert_eq!(rendered[1], "2 contacts share this number");
    assert!(rendered.contains(&"Alice Martin · Martin Bakery · VIP".to_owned()));
    assert!(rendered.contains(&"Bob Martin · Martin Bakery".to_owned()));
}

#[test]
fn number_withheld_short_unparsed_labelled() {
    let title = |number| rendered(&card(call(number), CallStatus::Ringing, ago(3), Match::NotLookedUp)).remove(0);
    assert_eq!(title("anonymous"), "📞 Withheld number");
    assert_eq!(title("out of area"), "📞 Number not available");
    assert_eq!(title("+10000000000"), "📞 Not a valid number “+10000000000”");
    assert_eq!(title("1015"), "📞 Short number 1015");
    assert_eq!(title("sip:x@y"), "📞 Unreadable number “sip:x@y”");
}
