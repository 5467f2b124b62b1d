//! Pictures of single calls: ringing, missed, finished.

use super::{KNOWN, Picture, picture, secs};
use crate::builders::{ago, alice, call, card, found, history, named, one, person, queue, talk, text};
use crate::cards::returned;
use poprelay::model::call::{
    Call, CallDirection, CallStatus, CallerPosition, Course, GaveUp, HungUp, Mailbox, MissedReason, Person, ReturnKind,
    RingStage, StatusKind, Talk, TalkParty,
};
use poprelay::model::card::{CallCard, CallerHistory, CallerInfo, Card, Match, PastCall};
use poprelay::model::claim::{ChatUser, Claim, ClaimKind, Claims};
use poprelay::model::phone::{PhoneNumber, Region};

/// Returns a call that went through the queue Support, which it entered 30 s after its start.
fn queued(number: &str, network: &str, seconds: i64) -> Call {
    let mut call = call(number, network, seconds);
    call.queues = vec![queue("Support")];
    call.queued_at = Some(ago(seconds - 30));
    call.people = vec![person("Bob Roy", "1015"), person("Eve Li", "1016")];
    call
}

/// Returns the call after it was answered `seconds` after its start, with the course of an answered call.
fn answered(call: Call, seconds: i64, course: Course) -> Call {
    Call { answered_at: Some(call.started_at + jiff::SignedDuration::from_secs(seconds)), course, ..call }
}

fn outside(number: &str) -> PhoneNumber {
    PhoneNumber::parse(Some(number), Region::US)
}

pub(super) fn ringing_calls() -> Vec<Picture> {
    let ringing = |call, seconds, info| card(call, CallStatus::Ringing, seconds, info);
    let past = PastCall { at: ago(180_000), outcome: StatusKind::Ended, answered_by: text("Eve Li") };
    let calm = CallerHistory { last_call: Some(past), calls_in_week: 1, calls_in_month: 4, ..CallerHistory::default() };
    let with_history = CallerInfo { history: Some(calm), ..found(one(alice())) };
    let urgent = CallerInfo { history: Some(history(true, 2)), ..found(one(named("Jonas Weber", "Weber GmbH"))) };
    let mut support = queued("+15145550142", "TREMBLAY C", 44);
    support.people.extend([person("Sam Oduya", "1017"), person("Ann", "1018")]);
    let silent = CallerInfo { failed_sources: vec!["crm".into()], ..found(Match::NoMatch) };
    let mut waiting = queued("+15145550142", "", 38);
    waiting.people.clear();
    waiting.course = Course { stage: RingStage::Queue, position: CallerPosition::Queue, ..Course::default() };
    let three = vec![alice(), named("Bob Martin", "Martin Bakery"), named("Zoë Martin", "")];
    vec![
        picture(
            "ringing",
            ringing(call(KNOWN, "", 3), 3, with_history),
            &["Alice Martin", "VIP", "Rings Bob Roy (1015)", "Main line", "Open in CRM"],
        ),
        picture("urgent", ringing(call(KNOWN, "", 3), 3, urgent), &["Jonas Weber", "Missed 2 times"]),
        picture(
            "no-match",
            ringing(support, 3, silent),
            &[
                "(514) 555-0142",
                "TREMBLAY C",
                "name as the network shows it",
                "Support",
                "CRM did not answer",
                "1 more",
            ],
        ),
        picture("waiting", ringing(waiting, 8, found(Match::NoMatch)), &["Waits in Support since 14:03 EST"]),
        picture("withheld", ringing(call("anonymous", "", 3), 3, CallerInfo::default()), &["Withheld number"]),
        picture(
            "several",
            ringing(call(KNOWN, "", 3), 3, found(Match::Several { contacts: three })),
            &["(514) 555-0199", "Alice Martin", "Bob Martin", "3 contacts"],
        ),
        picture(
            "rang",
            ringing(call(KNOWN, "", 204), 200, found(one(alice()))),
            &["Rang 3 min ago", "Rang Bob Roy (1015)", "posted late"],
        ),
    ]
}

pub(super) fn missed_calls() -> Vec<Picture> {
    let missed =
        |call, seconds, reason, info| card(call, CallStatus::Missed { waited: secs(seconds), reason }, 1, info);
    let rang = |call: Call| Call { course: Course { rang: secs(21), ..Course::default() }, ..call };
    let mut withheld = rang(call("anonymous", "", 24));
    withheld.course.needs_callback = true;
    let mut left = queued("+15145550142", "TREMBLAY C", 78);
    let gave_up = GaveUp { position: CallerPosition::Queue, queue: Some(queue("Support")), after: secs(47) };
    left.course = Course { rang: secs(40), gave_up: Some(gave_up), needs_callback: true, ..Course::default() };
    let mut menu = call("+15145550177", "", 10);
    menu.people.clear();
    menu.course = Course { menu_only: true, position: CallerPosition::Menu, ..Course::default() };
    vec![
        picture(
            "missed",
            missed(rang(call(KNOWN, "", 24)), 23, MissedReason::NobodyAnswered, found(one(alice()))),
            &["Missed", "Alice Martin", "Rang Bob Roy (1015) for 21 s", "nobody answered"],
        ),
        picture(
            "called-back",
            missed(
                returned(rang(call(KNOWN, "", 1225)), ReturnKind::CalledBack),
                23,
                MissedReason::NobodyAnswered,
                found(one(alice())),
            ),
            &["Called back: Alice Martin", "Called back by Dana Roy (1015) after 12 min, talked 3 min"],
        ),
        picture(
            "missed-withheld",
            missed(withheld, 23, MissedReason::NobodyAnswered, CallerInfo::default()),
            &["Missed: Withheld number", "number withheld, no callback possible"],
        ),
        picture(
            "missed-queue",
            missed(left, 77, MissedReason::LeftQueue, found(Match::NoMatch)),
            &["Gave up after 47 s in queue Support", "rang Bob Roy (1015), Eve Li (1016)"],
        ),
        picture(
            "missed-menu",
            missed(menu, 9, MissedReason::LeftMenu, found(Match::NoMatch)),
            &["Only in the menu", "Hung up in the menu after 9 s"],
        ),
    ]
}

/// Returns a missed call in a Slack app: open, claimed, reminded of, called back.
pub(super) fn claimed_calls() -> Vec<Picture> {
    let missed = |call: Call| {
        let course = Course {
            rang: secs(21),
            needs_callback: true,
            callback: call.course.callback.clone(),
            ..Course::default()
        };
        let call = Call { course, ..call };
        let status = CallStatus::Missed { waited: secs(23), reason: MissedReason::NobodyAnswered };
        match card(call, status, 1200, found(one(named("Alice Martin", "Martin Bakery")))) {
            Card::Call(card) => *card,
            other => panic!("{other:?}"),
        }
    };
    let by = ChatUser::try_from("U0DANA".to_owned()).expect("an id");
    let claim = Claim { kind: ClaimKind::CallsBack, by, at: ago(300) };
    let claims = Claims { current: Some(claim), previous: None, last_press: ago(300) };
    let open = || missed(call(KNOWN, "", 1225));
    let claimed = CallCard { claims: Some(claims.clone()), ..open() };
    let reminder = claimed.to_reminder(ago(0)).expect("a claim");
    let done = CallCard { claims: Some(claims), ..missed(returned(call(KNOWN, "", 1225), ReturnKind::CalledBack)) };
    let app = |name, card, texts, app_texts| Picture { app_texts, ..picture(name, Card::Call(Box::new(card)), texts) };
    vec![
        app("app-missed", open(), &["Missed: Alice Martin"], &["I call back", "Done"]),
        app("app-claimed", claimed, &["Missed: Alice Martin"], &["calls back", "Done", "Undo"]),
        app("app-reminder", reminder, &["No call back seen yet: Alice Martin", "claimed 5 min ago"], &["calls back"]),
        app("app-called-back", done, &["Called back: Alice Martin"], &["Called back by Dana Roy (1015) after 12 min"]),
    ]
}

pub(super) fn finished_calls() -> Vec<Picture> {
    let jonas = || found(one(named("Jonas Weber", "Weber GmbH")));
    let bob = || person("Bob Roy", "1015");
    let by_bob = |seconds| talk(TalkParty::Person(bob()), seconds);
    let queue_talk = Talk { queue: Some(queue("Support")), ..by_bob(2) };
    let through_queue = answered(queued(KNOWN, "", 40), 38, Course { talks: vec![queue_talk], ..Course::default() });
    let mobile = outside("+15145550188");
    let forwarded_talk = talk(TalkParty::Outside(mobile.clone()), 2);
    let forwarded = Course { forwarded_to: Some(mobile), talks: vec![forwarded_talk], ..Course::default() };
    let mut forwarded = answered(call(KNOWN, "", 12), 8, forwarded);
    forwarded.people.clear();
    let mut voicemail = call("+4930123456", "", 60);
    let mailbox = Mailbox { message: Some(true), length: Some(secs(32)), owner: Some(bob()) };
    voicemail.course = Course { rang: secs(20), mailbox: Some(mailbox), ..Course::default() };
    let talked =
        Course { talks: vec![by_bob(200)], hung_up: Some(HungUp::Caller), recorded: true, ..Course::default() };
    let outbound = Call { direction: CallDirection::Outbound, ..answered(call(KNOWN, "", 22), 20, Course::default()) };
    let status = |person, waited| CallStatus::Answered { answered_by: person, waited: secs(waited) };
    vec![
        picture(
            "answered",
            card(through_queue, status(bob(), 8), 1, jonas()),
            &["Answered", "Bob Roy (1015) answered after 8 s in the queue (38 s in all)"],
        ),
        picture(
            "answered-forwarded",
            card(forwarded, status(Person { name: None, extension: None, line: None }, 8), 1, jonas()),
            &["Forwarded to (514) 555-0188, answered after 8 s"],
        ),
        picture(
            "voicemail",
            card(voicemail, CallStatus::Voicemail { duration: Some(secs(32)) }, 3, found(Match::NoMatch)),
            &["Voicemail", "+49 30 123456", "Left a message of 32 s for Bob Roy (1015)", "rang 20 s"],
        ),
        picture(
            "ended",
            card(
                answered(call(KNOWN, "", 260), 8, talked),
                CallStatus::Ended { talk_time: Some(secs(200)) },
                3,
                jonas(),
            ),
            &["Ended", "Talked for 3 min 20 s", "with Bob Roy (1015)", "caller hung up", "recorded"],
        ),
        picture(
            "reached",
            card(outbound, status(bob(), 20), 1, jonas()),
            &["Reached", "Picked up after 20 s", "Bob Roy (1015) called"],
        ),
    ]
}
