//! Status lines of calls that were handed on, forwarded or held: transfers, mailboxes, hold.

use super::*;

#[test]
fn status_line_transfers_and_queue_wait_included() {
    let (bob, eve) = (person("Bob Roy", "1015"), person("Eve Li", "1031"));
    let transfer = |from: &Person, to: &Person| Transfer { from: from.clone(), to: to.clone(), at: ago(30) };
    let state = |call, status| rendered(&card(call, status, ago(1), Match::NotLookedUp)).remove(1);
    let secs = Duration::from_secs;

    let once = Call { transfers: vec![transfer(&bob, &eve)], people: vec![eve.clone()], ..call("+15145550199") };
    let answered = CallStatus::Answered { answered_by: eve.clone(), waited: secs(8) };
    assert_eq!(state(once.clone(), answered), "Bob Roy (1015) answered after 8 s · transferred to Eve Li (1031)");
    let ended = CallStatus::Ended { talk_time: Some(secs(200)) };
    assert_eq!(state(once, ended.clone()), "Talked for 3 min 20 s · with Bob Roy (1015) → Eve Li (1031)");
    let to_and_fro = [(&bob, &eve), (&eve, &bob), (&bob, &eve), (&eve, &bob)];
    let often = to_and_fro.map(|(from, to)| transfer(from, to)).to_vec();
    let rendered = state(Call { transfers: often, ..call("+15145550199") }, ended);
    assert_eq!(
        rendered,
        "Talked for 3 min 20 s · with Bob Roy (1015) → … → Bob Roy (1015) → Eve Li (1031) → Bob Roy (1015)"
    );

    let queues = vec![Queue { name: "Support".into(), extension: None }];
    let waited =
        Call { queues, queued_at: Some(ago(120)), started_at: ago(150), people: Vec::new(), ..call("+15145550199") };
    assert_eq!(state(waited.clone(), CallStatus::Ringing), "Waits in Support since 14:01 EST");
    let left = CallStatus::Missed { waited: secs(120), reason: MissedReason::LeftQueue };
    assert_eq!(state(waited, left), "Gave up after 1 min 30 s in queue Support");
}

/// Returns the course of a call that Bob handed on; the phones of `to` rang since.
fn transferred(destination: Option<&str>, to: &[Person], queue: Option<&str>, rang: Duration) -> Course {
    let handed_on = HandOver {
        by: Some(person("Bob Roy", "1015")),
        to: to.to_vec(),
        destination: destination.map(ToOwned::to_owned),
        queue: queue.map(|name| Queue { name: name.into(), extension: None }),
        at: ago(30),
        rang,
    };
    Course { handed_on: Some(handed_on), ..Course::default() }
}

fn ended_card(course: Course) -> Card {
    let ended = CallStatus::Ended { talk_time: Some(Duration::from_secs(200)) };
    card(Call { course, ..call("+15145550199") }, ended, ago(1), Match::NotLookedUp)
}

#[test]
fn status_line_transfer_names_whom_it_was_for_and_who_only_rang() {
    let (eve, ann, ben) = (person("Eve Li", "1031"), person("Ann Kim", "1020"), person("Ben Orr", "1021"));
    let both = [eve.clone(), ann.clone()];
    let of = |destination, to: &[Person], queue| {
        let line = rendered(&ended_card(transferred(destination, to, queue, Duration::from_secs(30)))).remove(1);
        line.strip_prefix("Talked for 3 min 20 s · with Bob Roy (1015) · ").unwrap().to_owned()
    };
    let unanswered = ", no answer in 30 s";
    assert_eq!(of(Some("1031"), std::slice::from_ref(&eve), None), format!("transferred to Eve Li (1031){unanswered}"));
    let support = format!("transferred to queue Support · rang Ann Kim (1020), Ben Orr (1021){unanswered}");
    assert_eq!(of(Some("3001"), &[ann.clone(), ben], Some("Support")), support);
    let group = format!("transferred to extension 4001 · rang Eve Li (1031), Ann Kim (1020){unanswered}");
    assert_eq!(of(Some("4001"), &both, None), group);
    let deputy = format!("transferred to Eve Li (1031) · rang Ann Kim (1020){unanswered}");
    assert_eq!(of(Some("1031"), &both, Some("Support")), deputy);
    assert_eq!(of(None, &both, None), format!("transferred to Eve Li (1031), Ann Kim (1020){unanswered}"));
    let unnamed = format!("transferred to queue Support · rang Ann Kim (1020){unanswered}");
    assert_eq!(of(None, &[ann], Some("Support")), unnamed);
}

#[test]
fn status_line_mailbox_at_the_end_of_an_answered_call_is_shown() {
    let eve = person("Eve Li", "1031");
    let of = |message, position, rang| {
        let mailbox = Some(Mailbox { message, ..Mailbox::default() });
        let rang = Duration::from_millis(rang);
        rendered(&ended_card(Course {
            mailbox,
            position,
            ..transferred(Some("1031"), std::slice::from_ref(&eve), None, rang)
        }))
        .remove(1)
    };
    let nothing = of(Some(false), CallerPosition::Mailbox, 20_000);
    assert!(nothing.ends_with("Eve Li (1031), no answer in 20 s · reached the mailbox, left no message"), "{nothing}");
    let unknown = of(None, CallerPosition::Mailbox, 20_000);
    assert!(unknown.ends_with("reached the mailbox, may have left a message"), "{unknown}");
    let rejected = of(Some(false), CallerPosition::Mailbox, 200);
    assert!(rejected.contains("Eve Li (1031), no answer · reached"), "{rejected}");
    let before = of(Some(false), CallerPosition::Talk, 20_000);
    assert!(!before.contains("mailbox"), "{before}");
}

#[test]
fn status_line_outbound_call_that_ends_on_hold_shows_the_hold() {
    let of = |direction, needs_callback| {
        let gave_up = GaveUp { position: CallerPosition::Hold, queue: None, after: Duration::from_secs(30) };
        let course = Course { gave_up: Some(gave_up), needs_callback, ..Course::default() };
        let ended = CallStatus::Ended { talk_time: Some(Duration::from_secs(32)) };
        let call = Call { course, direction, ..call("+15145550199") };
        rendered(&card(call, ended, ago(1), Match::NotLookedUp)).remove(1)
    };
    let talked = "Talked for 32 s · with Bob Roy (1015)";
    assert_eq!(of(CallDirection::Outbound, false), format!("{talked} · ended on hold after 30 s"));
    let inbound = format!("{talked} · gave up on hold after 30 s · waits for a callback");
    assert_eq!(of(CallDirection::Inbound, true), inbound);
    assert_eq!(of(CallDirection::Inbound, false), talked);
}

#[test]
fn status_line_message_after_a_forward_names_the_number() {
    let number = PhoneNumber::parse(Some("+14165550199"), Region::US);
    let of = |people: Vec<Person>, rang| {
        let course = Course { forwarded_to: Some(number.clone()), rang, ..Course::default() };
        let voicemail = CallStatus::Voicemail { duration: Some(Duration::from_secs(11)) };
        let call = Call { course, people, ..call("+15145550199") };
        rendered(&card(call, voicemail, ago(1), Match::NotLookedUp)).remove(1)
    };
    let message = "Left a message of 11 s";
    let (secs, bob) = (Duration::from_secs, person("Bob Roy", "1015"));
    assert_eq!(of(Vec::new(), secs(20)), format!("{message} · forwarded to (416) 555-0199 for 20 s"));
    assert_eq!(
        of(vec![bob], secs(20)),
        format!("{message} · rang Bob Roy (1015) for 20 s · forwarded to (416) 555-0199")
    );
    assert_eq!(of(Vec::new(), Duration::from_millis(90)), format!("{message} · forwarded to (416) 555-0199"));
}

#[test]
fn status_line_transfer_to_an_outside_number_or_a_mailbox() {
    let handed_on = |destination: &str, rang, mailbox: Option<Mailbox>| {
        let course = Course { mailbox, ..transferred(Some(destination), &[], None, Duration::from_secs(rang)) };
        ended_card(course)
    };
    let talked = "Talked for 3 min 20 s · with Bob Roy (1015)";
    let outside = handed_on("+14165550199", 25, None);
    assert_eq!(rendered(&outside)[1], format!("{talked} · transferred to (416) 555-0199, no answer in 25 s"));
    let masked = lines(&outside, &RenderOptions { mask: Mask::All, ..options() }, now()).join(" ");
    assert!(!masked.contains("0199") && masked.contains("no answer in 25 s"), "{masked}");
    let mailbox = handed_on("2066", 0, Some(Mailbox { message: Some(false), ..Mailbox::default() }));
    assert_eq!(rendered(&mailbox)[1], format!("{talked} · transferred to extension 2066"));
}
