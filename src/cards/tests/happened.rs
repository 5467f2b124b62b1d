//! What happened to a call, in words.

use super::*;

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
