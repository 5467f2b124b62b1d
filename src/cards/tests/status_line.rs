//! Status lines and titles of calls.

use super::*;

#[test]
fn status_line_every_status_described() {
    let secs = Duration::from_secs;
    let missed = |why| CallStatus::Missed { waited: secs(21), reason: why };
    let cases = [
        (
            CallStatus::Answered { answered_by: person("Eve", "7"), waited: secs(8) },
            "✅ Answered: ",
            "Eve (7) answered after 8 s",
        ),
        (missed(MissedReason::NobodyAnswered), "❌ Missed: ", "Waited 21 s, nobody answered · rang Bob Roy (1015)"),
        (missed(MissedReason::LeftQueue), "❌ Missed: ", "Gave up after 21 s in the queue · rang Bob Roy (1015)"),
        (missed(MissedReason::LeftMenu), "❌ Missed: ", "Hung up in the menu after 21 s · rang Bob Roy (1015)"),
        (missed(MissedReason::Unknown), "❌ Missed: ", "Nobody answered, ended after 21 s · rang Bob Roy (1015)"),
        (CallStatus::Voicemail { duration: Some(secs(32)) }, "📭 Voicemail: ", "Left a message of 32 s"),
        (CallStatus::Voicemail { duration: None }, "📭 Voicemail: ", "Reached the mailbox, may have left a message"),
        (CallStatus::Ended { talk_time: Some(secs(200)) }, "✅ Ended: ", "Talked for 3 min 20 s · with Bob Roy (1015)"),
    ];
    for (status, title, state) in cases {
        let rendered = rendered(&card(call("+15145550199"), status, ago(1), Match::NotLookedUp));
        assert_eq!(rendered[0], format!("{title}(514) 555-0199"));
        assert_eq!(rendered[1], state);
    }
}

#[test]
fn status_line_ended_call_includes_wait() {
    let ended = || CallStatus::Ended { talk_time: Some(Duration::from_secs(153)) };
    let status_of = |call: Call| rendered(&card(call, ended(), ago(1), Match::NotLookedUp)).remove(1);
    let taken =
        |bound| Call { direction: bound, answered_at: Some(ago(162)), started_at: ago(170), ..call("+15145550199") };
    let talked = "Talked for 2 min 33 s · with Bob Roy (1015)";
    assert_eq!(status_of(taken(CallDirection::Inbound)), format!("{talked} · answered after 8 s"));
    assert_eq!(status_of(taken(CallDirection::Outbound)), format!("{talked} · picked up after 8 s"));
    assert_eq!(status_of(call("+15145550199")), talked);
}

#[test]
fn title_late_ring_has_age_first_seen_late_is_marked() {
    let rang = rendered(&card(call("+15145550199"), CallStatus::Ringing, ago(200), one(alice())));
    assert_eq!(rang[0], "📞 Rang 3 min ago: Alice Martin · VIP");
    assert_eq!(rang[2], "Rang Bob Roy (1015) · posted late");
    let fresh = rendered(&card(call("+15145550199"), CallStatus::Ringing, ago(30), one(alice())));
    assert_eq!(fresh[0], "📞 Alice Martin · VIP");
    let late = rendered(&card(
        Call { first_seen_late: true, ..call("+15145550199") },
        CallStatus::Ringing,
        ago(3),
        one(alice()),
    ));
    assert_eq!(late[2], "Rings Bob Roy (1015), already under way");
}

#[test]
fn status_line_many_phones_counted_queue_named() {
    let people = vec![person("A", "1"), person("B", "2"), person("C", "3"), person("D", "4"), person("E", "5")];
    let queues =
        vec![Queue { name: "Sales".into(), extension: None }, Queue { name: "Support".into(), extension: None }];
    let queued = Call { queues: queues.clone(), people, ..call("+15145550199") };
    let status_of = |call| rendered(&card(call, CallStatus::Ringing, ago(3), Match::NotLookedUp));
    assert_eq!(status_of(queued)[1], "Rings A (1), B (2), C (3) and 2 more");
    let waiting = Call { queues, people: Vec::new(), ..call("+15145550199") };
    assert_eq!(status_of(waiting)[1..3], ["Waits in Support", "To Main line (514) 555-0100 · queue Sales → Support"]);
}

#[test]
fn title_caller_missed_minutes_ago_is_urgent() {
    let Card::Call(mut card) = ringing(one(alice())) else { unreachable!() };
    let last = PastCall { at: ago(240), outcome: StatusKind::Missed, answered_by: None };
    card.caller_info.history = Some(CallerHistory {
        last_call: Some(last),
        calls_in_week: 2,
        calls_in_month: 2,
        missed_since: 2,
        urgent: true,
        repeat_calls: None,
    });
    let rendered = rendered(&Card::Call(card));
    assert_eq!(rendered[..2], ["📞 🔥 Alice Martin · VIP", "🔥 Missed 2 times since we last talked"]);
}

#[test]
fn alert_repeat_calls_counted() {
    let Card::Call(mut card) = ringing(one(alice())) else { unreachable!() };
    let last = PastCall { at: ago(130), outcome: StatusKind::Missed, answered_by: None };
    let mut alert = |nth, missed_since, urgent| {
        let again = Some(RepeatCalls { nth, within: Duration::from_secs(600) });
        card.caller_info.history = Some(CallerHistory {
            last_call: Some(last.clone()),
            calls_in_week: 2,
            calls_in_month: 2,
            missed_since,
            urgent,
            repeat_calls: again,
        });
        rendered(&Card::Call(card.clone())).swap_remove(1)
    };
    assert_eq!(alert(3, 0, true), "🔥 3rd call in 10 min, last time 2 min ago");
    assert_eq!(alert(11, 0, false), "11th call in 10 min, last time 2 min ago");
    assert_eq!(alert(2, 1, true), "🔥 Missed 1 time since we last talked · 2nd call in 10 min");
}

#[test]
fn number_beside_right_to_left_text_keeps_order() {
    let arabic = Contact { company: Some("شركة النور".into()), ..alice() };
    assert_eq!(rendered(&ringing(one(arabic)))[1], "شركة النور · Tel. (514) 555-0199");
}

#[test]
fn status_line_answer_in_a_lost_snapshot_has_no_wait() {
    let bob = person("Bob Roy", "1015");
    let talk = Talk {
        with: TalkParty::Person(bob.clone()),
        since: ago(90),
        talked: None,
        held: Duration::ZERO,
        waited: None,
        queue: None,
    };
    let course = Course { talks: vec![talk], position: CallerPosition::Talk, ..Course::default() };
    let of = |direction, status| {
        let call = Call { course: course.clone(), direction, first_seen_late: true, ..call("+15145550199") };
        rendered(&card(call, status, ago(1), Match::NotLookedUp)).remove(1)
    };
    let answered = || CallStatus::Answered { answered_by: bob.clone(), waited: Duration::from_secs(66) };
    assert_eq!(of(CallDirection::Inbound, CallStatus::Ringing), "With Bob Roy (1015), already under way");
    assert_eq!(of(CallDirection::Inbound, answered()), "Bob Roy (1015) answered");
    assert_eq!(of(CallDirection::Outbound, answered()), "Picked up · Bob Roy (1015) called");
    let ended = CallStatus::Ended { talk_time: None };
    assert_eq!(of(CallDirection::Inbound, ended), "Call ended · with Bob Roy (1015)");
}

#[test]
fn status_line_wait_before_the_queue_is_no_wait_in_it() {
    let answered = |queued| {
        let queue = Queue { name: "Support".into(), extension: None };
        let talk = Talk {
            with: TalkParty::Person(person("Bob Roy", "1015")),
            since: ago(60),
            talked: None,
            held: Duration::ZERO,
            waited: Some(Duration::from_secs(29)),
            queue: Some(queue.clone()),
        };
        let course = Course { talks: vec![talk], ..Course::default() };
        let (queues, answered_at) = (vec![queue], Some(ago(60)));
        let call =
            Call { course, queues, answered_at, queued_at: Some(queued), started_at: ago(89), ..call("+15145550199") };
        let ended = CallStatus::Ended { talk_time: Some(Duration::from_secs(20)) };
        rendered(&card(call, ended, ago(1), Match::NotLookedUp)).remove(1)
    };
    assert!(answered(ago(89)).contains("answered after 29 s in the queue"), "{}", answered(ago(89)));
    assert!(answered(ago(64)).contains("answered after 29 s") && !answered(ago(64)).contains("in the queue"));
}

#[test]
fn outside_number_of_talk_is_sanitized() {
    let secs = Duration::from_secs;
    let talk = |number| Talk {
        with: TalkParty::Outside(number),
        since: ago(90),
        talked: Some(secs(38)),
        held: Duration::ZERO,
        waited: None,
        queue: None,
    };
    let wire = PhoneNumber::Unparsed("sip:\u{202E}9\u{7}\n@example".into());
    let talks =
        vec![talk(PhoneNumber::parse(Some("+14165550199"), Region::US)), talk(wire), talk(PhoneNumber::Withheld)];
    let call = Call { course: Course { talks, ..Course::default() }, ..call("+15145550199") };
    let ended = CallStatus::Ended { talk_time: Some(secs(114)) };
    assert_eq!(
        rendered(&card(call, ended, ago(1), Match::NotLookedUp))[1],
        "Talked with (416) 555-0199 for 38 s, sip:9 @example for 38 s, an outside number for 38 s"
    );
}

#[test]
fn title_outbound_and_internal_calls_differ() {
    let secs = Duration::from_secs;
    let first_lines =
        |call: &Call, status| rendered(&card(call.clone(), status, ago(1), Match::NotLookedUp))[..2].to_vec();
    let out = Call { direction: CallDirection::Outbound, ..call("+15145550199") };
    let missed = CallStatus::Missed { waited: secs(30), reason: MissedReason::NobodyAnswered };
    let answered = CallStatus::Answered { answered_by: person("Bob Roy", "1015"), waited: secs(7) };
    let title = "📤 Bob Roy (1015) calls (514) 555-0199";
    assert_eq!(first_lines(&out, CallStatus::Ringing), [title, "Bob Roy (1015) calls"]);
    assert_eq!(
        first_lines(&out, answered),
        ["✅ Reached: (514) 555-0199", "Picked up after 7 s · Bob Roy (1015) called"]
    );
    assert_eq!(
        first_lines(&out, missed),
        ["📵 Not reached: (514) 555-0199", "No answer after 30 s · Bob Roy (1015) called"]
    );
    assert!(
        rendered(&card(out, CallStatus::Ringing, ago(1), Match::NotLookedUp))
            .contains(&"From Main line (514) 555-0100".to_owned())
    );

    let mut inside = Call { direction: CallDirection::Internal, ..call("1020") };
    inside.caller.name = Some("Ann Kim".into());
    let of = rendered(&card(inside, CallStatus::Ringing, ago(1), Match::NotLookedUp));
    assert_eq!(of[..3], ["📞 Ann Kim (1020)", "Internal call", "Rings Bob Roy (1015)"]);
}

#[test]
fn title_unknown_end_and_corrected_miss_marked() {
    let lost = Call { end_unknown: true, ..call("+15145550199") };
    let of = rendered(&card(lost, CallStatus::Ended { talk_time: None }, ago(3700), Match::NotLookedUp));
    assert_eq!(of[..2], ["❔ Outcome unknown: (514) 555-0199", "It is not known whether a person answered"]);
    assert!(of.last().unwrap().ends_with("last event 1 h ago"), "{of:?}");
    let wrong = Call { revision: Some(Revision::Corrected), ..call("+15145550199") };
    let lasted = Some(Duration::from_secs(54));
    let of = rendered(&card(wrong, CallStatus::Ended { talk_time: lasted }, ago(3), Match::NotLookedUp));
    assert_eq!(
        of[..2],
        ["✅ Not missed: (514) 555-0199", "Was posted as missed · Talked for 54 s · with Bob Roy (1015)"]
    );
}
