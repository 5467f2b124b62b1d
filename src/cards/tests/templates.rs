//! Templates of card lines and selected facts.

use super::*;

fn worded(lines: &[(TemplateLine, &str)]) -> RenderOptions {
    RenderOptions { templates: CardTemplates::compile(lines.iter().copied()).unwrap(), ..options() }
}

const LINES: [TemplateLine; 6] = [
    TemplateLine::Title,
    TemplateLine::Alert,
    TemplateLine::Caller,
    TemplateLine::State,
    TemplateLine::Dialed,
    TemplateLine::Started,
];

#[test]
fn facts_selected_labels_in_config_order() {
    let fact = |label: &str| Fact { label: label.into(), value: "1".into(), source: "crm".into() };
    let contact = Contact {
        facts: vec![fact("Shoe size"), fact(" Open tickets"), fact("Balance")],
        owner: Some("Eve Li".into()),
        tags: vec!["a".into(), "b".into()],
        ..alice()
    };
    let rows = |facts: Option<&[&str]>| {
        let facts = facts.map(|labels| labels.iter().map(|label| (*label).to_owned()).collect());
        let rendered = lines(&ringing(one(contact.clone())), &RenderOptions { facts, ..options() }, now());
        rendered[4..rendered.len() - 2].to_vec()
    };
    assert_eq!(rows(None), ["Shoe size: 1", "Open tickets: 1", "Balance: 1", "Owner: Eve Li", "Tags: a, b"]);
    assert_eq!(
        rows(Some(&["owner", "Balance", "open tickets", "Nothing"])),
        ["Owner: Eve Li", "Balance: 1", "Open tickets: 1"]
    );
    assert_eq!(rows(Some(&[])), [""; 0]);
}

#[test]
fn sources_shown_unless_disabled() {
    let rendered = |why| lines(&ringing(one(alice())), &RenderOptions { show_sources: why, ..options() }, now());
    assert!(rendered(true).contains(&"Called 14:03 EST · found by number in CRM, Zendesk".to_owned()));
    assert!(rendered(false).contains(&"Called 14:03 EST".to_owned()));
}

#[test]
fn template_replaces_only_its_line() {
    let options = worded(&[
        (TemplateLine::Title, "{{ sign }} {{ caller.name | upper }} ({{ caller.number }})"),
        (TemplateLine::Caller, "{% if caller.company %}of {{ caller.company }}{% endif %}"),
        (TemplateLine::State, "{{ caller.facts['open TICKETS'] }} tickets,\n{{ caller.facts.Nothing }}{{ state }}"),
        (TemplateLine::Started, "{{ started }}, {{ status }}, {{ line }}"),
    ]);
    let rendered = lines(&ringing(one(alice())), &options, now());
    assert_eq!(
        rendered,
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
    let rendered = lines(&card(named("MARTIN A"), CallStatus::Ringing, ago(3), Match::NoMatch), &options, now());
    assert_eq!(
        rendered[..2],
        ["📞 MARTIN A ((514) 555-0199)", "tickets, Rings Bob Roy (1015)"],
        "an empty line is omitted"
    );
}

#[test]
fn template_empty_title_falls_back_to_default() {
    let options = worded(&[(TemplateLine::Title, "{{ caller.tier if caller.tier == 'Gold' }}")]);
    assert_eq!(lines(&ringing(one(alice())), &options, now())[0], "📞 Alice Martin · VIP");
}

#[test]
fn compile_invalid_template_reports_line_and_reason() {
    let bad = |template: &str| {
        let bad = CardTemplates::compile([(TemplateLine::Dialed, template)]).unwrap_err();
        assert_eq!((bad.len(), bad[0].line), (1, TemplateLine::Dialed));
        bad[0].reason.clone()
    };
    assert!(bad("{{ line").contains("syntax error"), "{}", bad("{{ line"));
    assert_eq!(bad("{{ caller.nmae }}"), "unknown variable `caller.nmae`; did you mean `caller.name`?");
    assert_eq!(
        bad("{% if caller.tier == 'never' %}{{ stat }}{% endif %}"),
        "unknown variable `stat`; did you mean `state`?",
        "also in a branch no sample reaches"
    );
    assert!(bad("{{ line | uper }}").contains("unknown filter"), "{}", bad("{{ line | uper }}"));
    assert!(bad("{{ caller.tags | first | upper }}").starts_with("template fails for a caller without data"));
    assert!(bad("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}").contains("fuel"));
    assert!(bad(&"x".repeat(2001)).contains("longer than 2000 bytes"));
    let both =
        CardTemplates::compile([(TemplateLine::Title, "{{ a }}"), (TemplateLine::State, "{{ b }}")]).unwrap_err();
    assert_eq!(both.len(), 2, "all errors are returned together");
}

#[test]
fn template_runtime_failure_uses_default_text() {
    let options = worded(&[(TemplateLine::Title, "{{ 'x' if caller.tags | length < 2 else caller.name | int }}")]);
    let tagged = Contact { tags: vec!["a".into(), "b".into()], ..alice() };
    for _ in 0..2 {
        assert_eq!(lines(&ringing(one(tagged.clone())), &options, now())[0], "📞 Alice Martin · VIP");
    }
    assert_eq!(lines(&ringing(one(alice())), &options, now())[0], "x");
}

#[test]
fn template_every_variable_defined_on_every_card() {
    let all: String = template_context::VARIABLES.iter().map(|name| format!("{{{{ {name} }}}} ")).collect();
    let options = worded(&[(TemplateLine::State, &all.replace("caller.facts ", "caller.facts.x "))]);
    for who in [Match::NoMatch, Match::NotLookedUp, one(alice()), Match::Several { contacts: vec![alice(), alice()] }] {
        let rendered = lines(&card(call("anonymous"), CallStatus::Ringing, ago(3), who), &options, now());
        assert!(rendered.iter().any(|line| line.contains("ringing") && line.contains("main")), "{rendered:?}");
    }
}

#[test]
fn template_output_sanitized_and_bounded() {
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
        let options = RenderOptions { facts, ..worded(&LINES.map(|line| (line, template))) };
        for cards in [vec![&card], vec![&card; 9]] {
            for plain in [false, true] {
                for kind in KINDS {
                    let message = render(kind, &cards, &options, now(), plain);
                    let body = message.body.as_str();
                    let payload: Value = serde_json::from_str(body).unwrap();
                    match kind {
                        SinkKind::Slack | SinkKind::SlackApp => assert_fits_slack(&payload),
                        SinkKind::SlackTrigger => assert_clean(&payload),
                        SinkKind::Teams => {
                            assert_clean(&payload);
                            assert!(!body.contains("{{"), "{body}");
                        }
                        other => assert_fits_chat(other, &message),
                    }
                    assert!(kind == SinkKind::Webhook || body.len() <= 20_000, "{} bytes for {template}", body.len());
                }
            }
        }
    }
}
