//! Who called: the known, the unknown, several, the hidden.

use super::*;

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
