//! Decisions about callbacks: which missed calls change, and how often a sink gets a message.

use super::*;
use crate::model::{
    call::{Call, CallStatus, Caller, Course, MissedReason, Person, ReturnKind, Talk, TalkParty, Transfer},
    card::{CallerInfo, Card},
    delivery::{DeliveryKey, Subject},
    phone::{PhoneNumber, Region},
};
use crate::outbox::MissedCall;

const ALICE: &str = "+15145550199";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn person(name: &str) -> Person {
    Person { name: Some(name.to_owned()), extension: None, line: None }
}

fn update(direction: CallDirection, number: Option<&str>, started: i64, status: CallStatus) -> CallUpdate {
    let caller = Caller { name: None, number: PhoneNumber::parse(number, Region::US) };
    let id = format!("call-{started}");
    let call = Call::new(
        id.as_str().try_into().unwrap(),
        "main".try_into().unwrap(),
        "1".try_into().unwrap(),
        Region::US,
        caller,
        at(started),
    );
    let call = Call { direction, people: vec![person("Dana")], ..call };
    CallUpdate { call, status, at: at(started + 20) }
}

fn unanswered() -> CallStatus {
    CallStatus::Missed { waited: seconds(20), reason: MissedReason::NobodyAnswered }
}

fn ended(talked: u64) -> CallStatus {
    CallStatus::Ended { talk_time: Some(seconds(talked)) }
}

fn missed(started: i64) -> MissedCall {
    let mut update = update(CallDirection::Inbound, Some(ALICE), started, unanswered());
    update.call.course.needs_callback = true;
    MissedCall { card: CallCard::new(update, CallerInfo::default()), callback: None, claim: None, claimant: None }
}

fn outbound(started: i64, status: CallStatus) -> CallUpdate {
    update(CallDirection::Outbound, Some(ALICE), started, status)
}

/// Returns start, kind, colleague and delay of each changed missed call.
fn changes(missed: Vec<MissedCall>, returns: &[CallUpdate]) -> Vec<(i64, ReturnKind, String, u64)> {
    let returns = returns.iter().filter_map(ReturnCall::of).collect();
    let changed = decide(&CallerCalls { missed, returns });
    let shown = |ChangedCallback { card, .. }: &ChangedCallback| {
        let Callback { call, after } = card.update.call.course.callback.clone().unwrap();
        let started = card.update.call.started_at.as_second() - at(0).as_second();
        (started, call.kind, call.colleague.and_then(|person| person.name).unwrap_or_default(), after.as_secs())
    };
    changed.iter().map(shown).collect()
}

#[test]
fn answered_call_to_the_caller_is_a_call_back() {
    let called = outbound(740, ended(180));
    assert_eq!(
        changes(vec![missed(0)], std::slice::from_ref(&called)),
        [(0, ReturnKind::CalledBack, "Dana".to_owned(), 720)]
    );
    let [ChangedCallback { card, is_news: true }] =
        &decide(&CallerCalls { missed: vec![missed(0)], returns: ReturnCall::of(&called).into_iter().collect() })[..]
    else {
        panic!()
    };
    assert_eq!((card.update.kind(), card.update.status.kind()), (StatusKind::CalledBack, StatusKind::Missed));
    assert_eq!(card.update.call.course.callback.as_ref().unwrap().call.talked, Some(seconds(180)));
}

#[test]
fn several_missed_calls_of_a_caller_change_together() {
    let all = changes(vec![missed(0), missed(100)], &[outbound(740, ended(60))]);
    let starts: Vec<(i64, u64)> = all.iter().map(|(started, _, _, after)| (*started, *after)).collect();
    assert_eq!(starts, [(0, 720), (100, 620)]);
}

#[test]
fn missed_call_after_the_return_call_stays_open() {
    assert_eq!(changes(vec![missed(0), missed(800)], &[outbound(740, ended(60))]).len(), 1);
    assert_eq!(changes(vec![missed(740)], &[outbound(740, ended(60))]), [], "begun at the same time");
}

#[test]
fn caller_who_is_answered_later_got_through() {
    let again = |status| update(CallDirection::Inbound, Some(ALICE), 600, status);
    let answered = CallStatus::Answered { answered_by: person("Bob"), waited: seconds(9) };
    assert_eq!(changes(vec![missed(0)], &[again(answered)]), [(0, ReturnKind::GotThrough, "Bob".to_owned(), 580)]);
    assert_eq!(changes(vec![missed(0)], &[again(CallStatus::Voicemail { duration: None })]), []);
    assert_eq!(changes(vec![missed(0)], &[again(CallStatus::Ringing)]), []);
    let mut left_waiting = again(ended(5));
    left_waiting.call.course.needs_callback = true;
    assert_eq!(changes(vec![missed(0)], &[left_waiting]), [], "an answered caller who waits for a callback");
}

#[test]
fn transferred_return_call_names_the_colleague_who_talked_first() {
    let mut handed_on = update(CallDirection::Inbound, Some(ALICE), 600, ended(90));
    handed_on.call.people = vec![person("Eve")];
    handed_on.call.transfers = vec![Transfer { from: person("Bob"), to: person("Eve"), at: at(640) }];
    assert_eq!(changes(vec![missed(0)], &[handed_on])[0].2, "Bob");
    let mut talks = update(CallDirection::Inbound, Some(ALICE), 600, ended(90));
    talks.call.people = vec![person("Bob"), person("Eve")];
    let talk = |with| Talk { with, since: at(610), talked: None, held: Duration::ZERO, waited: None, queue: None };
    assert_eq!(changes(vec![missed(0)], &[talks.clone()])[0].2, "", "one of two, it is not known which");
    talks.call.course = Course { talks: vec![talk(TalkParty::Person(person("Eve")))], ..Course::default() };
    assert_eq!(changes(vec![missed(0)], &[talks])[0].2, "Eve");
}

#[test]
fn call_without_a_proven_answer_is_a_try() {
    let mut unknown = outbound(740, CallStatus::Ended { talk_time: None });
    unknown.call.end_unknown = true;
    for tried in [outbound(740, unanswered()), unknown.clone()] {
        assert_eq!(changes(vec![missed(0)], &[tried]), [(0, ReturnKind::Tried, "Dana".to_owned(), 720)]);
    }
    unknown.call.answered_at = Some(at(750));
    assert_eq!(changes(vec![missed(0)], &[unknown])[0].1, ReturnKind::CalledBack, "its answer was seen");
    assert_eq!(changes(vec![missed(0)], &[outbound(740, CallStatus::Ringing)]), [], "still ringing");
}

#[test]
fn last_try_counts_until_the_caller_is_reached() {
    let (first, second) = (outbound(100, unanswered()), outbound(200, unanswered()));
    assert_eq!(changes(vec![missed(0)], &[first.clone(), second.clone()])[0].3, 180);
    let reached = [first, second, outbound(300, ended(5)), outbound(400, unanswered())];
    assert_eq!(changes(vec![missed(0)], &reached), [(0, ReturnKind::CalledBack, "Dana".to_owned(), 280)]);
}

#[test]
fn hidden_caller_internal_call_and_extension_return_nothing() {
    let hidden = update(CallDirection::Inbound, None, 600, ended(5));
    let internal = update(CallDirection::Internal, Some(ALICE), 600, ended(5));
    let extension = update(CallDirection::Outbound, Some("1015"), 600, ended(5));
    assert!([hidden, internal, extension].iter().all(|update| ReturnCall::of(update).is_none()));
}

#[test]
fn unchanged_callback_is_not_decided_again_and_a_wrong_one_is_withdrawn() {
    let called = outbound(740, ended(180));
    let callback = Callback::decide(at(0), at(20), &[ReturnCall::of(&called).unwrap()]);
    let shown = || vec![MissedCall { callback: callback.clone(), ..missed(0) }];
    assert_eq!(changes(shown(), &[called]), []);
    let withdrawn = decide(&CallerCalls { missed: shown(), returns: vec![] });
    let [ChangedCallback { card, is_news: false }] = &withdrawn[..] else { panic!("{withdrawn:?}") };
    assert_eq!((&card.update.call.course.callback, card.update.at), (&None, at(20)));
}

#[test]
fn message_is_due_after_a_return_call_and_after_a_later_talk() {
    let is_news = |before: CallUpdate, now: CallUpdate| {
        let callback = Callback::decide(at(0), at(20), &[ReturnCall::of(&before).unwrap()]);
        let missed = vec![MissedCall { callback, ..missed(0) }];
        decide(&CallerCalls { missed, returns: vec![ReturnCall::of(&now).unwrap()] })[0].is_news
    };
    let answered = CallStatus::Answered { answered_by: person("Dana"), waited: seconds(9) };
    assert!(is_news(outbound(740, answered), outbound(740, ended(60))));
    assert!(!is_news(outbound(740, ended(60)), outbound(740, ended(61))), "the talk time was completed");
    assert!(!is_news(outbound(740, unanswered()), outbound(900, unanswered())), "tried again");
    assert!(is_news(outbound(740, unanswered()), outbound(900, ended(60))));
    assert!(!is_news(outbound(740, ended(60)), outbound(740, unanswered())));
}

#[test]
fn only_the_newest_missed_call_of_a_caller_makes_a_message() {
    let delivery = |started: i64, sink: &str, mode| {
        let update = missed(started).card.update;
        let key = DeliveryKey {
            subject: Subject::Call(update.call.id.clone()),
            status: StatusKind::CalledBack,
            sink: sink.try_into().unwrap(),
        };
        NewDelivery { key, card: Card::Call(Box::new(CallCard::new(update, CallerInfo::default()))), mode }
    };
    use EnqueueMode::{Insert, MergeCallback, Reply};
    let mut all = vec![
        delivery(0, "hook", Insert),
        delivery(0, "old", Insert),
        delivery(0, "app", MergeCallback),
        delivery(0, "app", Reply),
        delivery(9, "hook", Insert),
        delivery(9, "app", MergeCallback),
        delivery(9, "app", Reply),
    ];
    once_per_sink(&mut all);
    let modes: Vec<EnqueueMode> = all.iter().map(|delivery| delivery.mode).collect();
    assert_eq!(modes, [MergeCallback, Insert, MergeCallback, MergeCallback, Insert, MergeCallback, Reply]);
}
