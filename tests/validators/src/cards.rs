//! Test cards: every status with every kind of caller, live messages, gap summaries, alerts and a busy minute.

use crate::builders::{ago, call, card, found, gap_summary, named, one, person, talk};
use crate::callers::{callers, hostile};
use poprelay::model::call::{
    Call, CallStatus, CallUpdate, Callback, CallerPosition, Course, HandOver, HungUp, MissedReason, Person, ReturnCall,
    ReturnKind, Revision, TalkParty, Transfer,
};
use poprelay::model::card::{Alert, CallerInfo, Card, Match};
use std::time::Duration;

/// Returns statuses by name, each with its age in seconds.
pub fn statuses() -> Vec<(&'static str, CallStatus, i64)> {
    let secs = Duration::from_secs;
    let missed = |why| CallStatus::Missed { waited: secs(21), reason: why };
    vec![
        ("ringing", CallStatus::Ringing, 3),
        ("rang", CallStatus::Ringing, 200),
        ("answered", CallStatus::Answered { answered_by: person("Bob Roy", "1015"), waited: secs(8) }, 1),
        (
            "answered-nameless",
            CallStatus::Answered { answered_by: Person { name: None, extension: None, line: None }, waited: secs(0) },
            1,
        ),
        ("missed", missed(MissedReason::NobodyAnswered), 1),
        ("missed-queue", missed(MissedReason::LeftQueue), 1),
        ("missed-menu", missed(MissedReason::LeftMenu), 4000),
        ("missed-unknown", missed(MissedReason::Unknown), 1),
        ("voicemail", CallStatus::Voicemail { duration: Some(secs(32)) }, 1),
        ("voicemail-unknown", CallStatus::Voicemail { duration: None }, 1),
        ("ended", CallStatus::Ended { talk_time: Some(secs(200)) }, 1),
        ("ended-unknown", CallStatus::Ended { talk_time: None }, 400_000),
    ]
}

/// Returns the missed call after a return call, which talked for three minutes if it reached the caller.
pub fn returned(mut call: Call, kind: ReturnKind) -> Call {
    let talked = kind.is_reached().then_some(Duration::from_secs(180));
    let colleague = Some(person("Dana Roy", "1015"));
    let returned = ReturnCall { kind, colleague, started_at: ago(480), at: ago(1), is_over: true, talked };
    call.revision = Some(Revision::CalledBack);
    call.course.callback = Some(Callback { call: returned, after: Duration::from_secs(720) });
    call
}

/// Returns every status with every caller, gap summaries and alerts.
pub fn all() -> Vec<(String, Card)> {
    let mut all = Vec::new();
    for (who, call, found) in callers() {
        for (what, status, age) in statuses() {
            all.push((format!("{what}-{who}"), card(call.clone(), status, age, found.clone())));
        }
        let update = CallUpdate { call: call.clone(), status: CallStatus::Voicemail { duration: None }, at: ago(30) };
        for (name, mut card) in live_message(&call, &found) {
            if let Card::Call(card) = &mut card {
                card.options.teams_mentions = vec!["Dana Cole <dana@example.com>".to_owned().try_into().unwrap()];
            }
            all.push((format!("live-{name}-{who}"), card));
        }
        for kind in [ReturnKind::Tried, ReturnKind::CalledBack, ReturnKind::GotThrough] {
            let missed = CallStatus::Missed { waited: Duration::from_secs(21), reason: MissedReason::NobodyAnswered };
            all.push((
                format!("{}-{who}", kind.as_str()),
                card(returned(call.clone(), kind), missed, 1, found.clone()),
            ));
        }
        for number in [0, 1, 50] {
            all.push((format!("gap-summary-{number}-{who}"), gap_summary(vec![update.clone(); number])));
        }
    }
    for (name, text) in hostile() {
        for resolved in [true, false] {
            let alert = Alert { title: text.clone(), advice: text.clone(), resolved };
            all.push((format!("alert-{name}-{resolved}"), Card::Alert(alert)));
        }
    }
    all
}

/// Returns the states of a live message in order, with answers and transfers.
/// The course of each state extends the one of `call`.
pub fn live_message(call: &Call, found: &CallerInfo) -> Vec<(&'static str, Card)> {
    let secs = Duration::from_secs;
    let (bob, eve) = (person("Bob Roy", "1015"), person("Eve Li", "1016"));
    let ann = person("Ann <!channel> <at>Example</at>", "1018");
    let transfer = |from: &Person, to: &Person| Transfer { from: from.clone(), to: to.clone(), at: ago(9) };
    let answered = |by: &Person| CallStatus::Answered { answered_by: by.clone(), waited: secs(8) };
    let ended = CallStatus::Ended { talk_time: Some(secs(153)) };
    let once = vec![transfer(&bob, &eve)];
    let usual = || call.course.clone();
    let by_bob = HandOver {
        by: Some(bob.clone()),
        to: vec![eve.clone()],
        destination: None,
        queue: None,
        at: ago(9),
        rang: secs(4),
    };
    let talks = vec![talk(TalkParty::Person(bob.clone()), 38), talk(TalkParty::Person(eve.clone()), 115)];
    let talked = Course { talks, hung_up: Some(HungUp::Caller), ..usual() };
    let ringing_eve = Course { position: CallerPosition::Transfer, handed_on: Some(by_bob), ..usual() };
    let states = [
        ("ringing", CallStatus::Ringing, vec![], usual()),
        ("answered", answered(&bob), vec![], usual()),
        ("transferring", CallStatus::Ringing, vec![], ringing_eve),
        ("transferred", answered(&eve), once.clone(), usual()),
        ("ended", ended.clone(), once, talked),
        ("ended-of-many", ended, vec![transfer(&bob, &ann); 8], usual()),
    ];
    let made = states.into_iter().map(|(name, status, transfers, course)| {
        let answered = (status != CallStatus::Ringing).then(|| call.started_at + jiff::SignedDuration::from_secs(8));
        let people = if name == "transferring" { vec![eve.clone()] } else { call.people.clone() };
        let call = Call { transfers, answered_at: answered, course, people, ..call.clone() };
        (name, card(call, status, 2, found.clone()))
    });
    made.collect()
}

/// Returns pending cards: `number` calls of a busy minute, oldest first.
pub fn busy(number: usize) -> Vec<Card> {
    let names =
        ["Alice Martin", "Jonas Weber", "Chloé Tremblay", "Ravi Patel", "María José Núñez", "", "Nguyễn Thị Hoa"];
    (0..number)
        .map(|n| {
            let age = 1 + (number - n) as i64;
            let mut call = call(&format!("+1514555{:04}", 200 + n), "", age);
            call.people = vec![person("Bob Roy", "1015"), person("Eve Li", "1016")];
            call.course.rang = Duration::from_secs(21);
            let name = names[n % names.len()];
            let who = if name.is_empty() { Match::NoMatch } else { one(named(name, "Example Ltd")) };
            let missed = CallStatus::Missed { waited: Duration::from_secs(21), reason: MissedReason::NobodyAnswered };
            card(call, if n % 4 == 3 { missed } else { CallStatus::Ringing }, age, found(who))
        })
        .collect()
}
