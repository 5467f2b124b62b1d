//! Limits of the chats under any input.

use super::*;

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

pub(in crate::cards) fn any_card() -> impl Strategy<Value = Card> {
    (any_contact(), any_text(), 0_usize..12, 0..5).prop_map(|(contact, text, number, kind)| {
        let person = Person { name: Some(text.clone()), extension: Some(text.clone()), line: None };
        let call = Call {
            caller: Caller { name: Some(text.clone()), number: PhoneNumber::parse(Some(&text), Region::US) },
            account_number: Some(AccountNumber {
                number: PhoneNumber::parse(Some(&text), Region::US),
                label: Some(text.clone()),
            }),
            queues: vec![Queue { name: text.clone(), extension: None }; number],
            people: vec![person; number],
            ..call("+15145550199")
        };
        match kind {
            0 => card(call, CallStatus::Ringing, ago(3), one(contact)),
            1 => card(call, CallStatus::Ringing, ago(90), Match::Several { contacts: vec![contact; number] }),
            2 => {
                let update = CallUpdate { call, status: CallStatus::Voicemail { duration: None }, at: ago(1) };
                let connection = "main".try_into().unwrap();
                Card::GapSummary(GapSummary {
                    connection,
                    from: ago(9),
                    to: ago(1),
                    calls: vec![update; number * 5],
                    mask: None,
                })
            }
            3 => {
                let one =
                    PendingCallback { voicemail: true, ..waiting("+442079460101", Some(&text), u32::MAX, ago(9000)) };
                let numbers =
                    Recap { calls: u32::MAX, answered: 1, voicemails: u32::MAX, withheld: u32::MAX, ..recap() };
                let missed = u32::MAX - 9;
                Card::Recap(Recap {
                    pending: vec![one; number * 5],
                    missed,
                    late: true,
                    pending_omitted: u32::MAX,
                    ..numbers
                })
            }
            _ => Card::Alert(Alert { title: text.clone(), advice: text, resolved: false }),
        }
    })
}

#[test]
fn longest_texts_fit_alone_and_in_batch() {
    for character in ["&", "<", "\"", "電", "𝕬", "é", "*"] {
        let text = character.repeat(3000);
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
            card(Call { people, queues, ..call("+15145550199") }, CallStatus::Ringing, ago(3), who)
        };
        let several = ring(Match::Several { contacts: vec![contact.clone(); 9] });
        let cards = [ring(one(contact)), several];
        for many in [1, 2, 60] {
            let cards: Vec<&Card> = cards.iter().cycle().take(many).collect();
            for plain in [false, true] {
                assert_fits_slack(&body(SinkKind::Slack, &cards, plain));
                let teams = render(SinkKind::Teams, &cards, &options(), now(), plain);
                assert!(
                    teams.body.len() <= 20_000,
                    "{character}: {} bytes for {}",
                    teams.body.len(),
                    teams.cards_included
                );
                for kind in OTHER_KINDS {
                    assert_fits_chat(kind, &render(kind, &cards, &options(), now(), plain));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_input_every_layout_fits(cards in proptest::collection::vec(any_card(), 1..9), plain: bool) {
        let cards: Vec<&Card> = cards.iter().collect();
        for kind in KINDS {
            let message = render(kind, &cards, &options(), now(), plain);
            prop_assert!((1..=cards.len()).contains(&message.cards_included));
            let payload: Value = serde_json::from_str(&message.body).unwrap();
            match kind {
                SinkKind::Slack | SinkKind::SlackApp => assert_fits_slack(&payload),
                SinkKind::SlackTrigger => assert_clean(&payload),
                SinkKind::Teams => {
                    assert_clean(&payload);
                    prop_assert!(message.body.len() <= 20_000, "{} bytes", message.body.len());
                    let evaluated = message.body.contains("\"{{") || message.body.contains("{{DATE");
                    prop_assert!(!evaluated);
                }
                other => assert_fits_chat(other, &message),
            }
        }
        for card in cards {
            prop_assert!(!text(card, &options(), now()).contains(char::is_control));
        }
    }
}
