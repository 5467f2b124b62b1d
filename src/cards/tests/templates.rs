//! The operator's own words and choice of facts.

use super::*;

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
