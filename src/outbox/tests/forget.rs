//! A person is erased: from the rows, and from the bytes.

use super::{
    super::{State, Which, forget, retry, rewrite, show},
    *,
};
use crate::model::{
    call::MomentKind::{Ended, Missed, Ringing},
    card::{Contact, Match, Recap, Shift, Waiting},
    delivery::Admitted,
    phone::E164,
};

const PERSON: &str = "+15145550199";
const OTHER: &str = "+15145550123";

fn person() -> E164 {
    E164::try_from(PERSON.to_owned()).unwrap()
}

fn of(number: &str, call: &str, kind: MomentKind) -> Telling {
    let mut telling = telling(call, kind, "Alice Martin");
    telling.call.caller.number = Number::read(Some(number), Region::US);
    telling
}

fn told(telling: Telling, to: &str, found: Findings) -> Admission {
    let key = Key { subject: Subject::Call(telling.call.id.clone()), moment: telling.moment.kind(), sink: sink(to) };
    Admission { key, card: Card::Call(Box::new(CallCard::new(telling, found))), rule: Rule::Tell }
}

/// The files as they are at this moment, of a daemon that runs or does not.
fn bytes(dir: &Path) -> String {
    let files = std::fs::read_dir(dir).unwrap();
    let bytes = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect::<Vec<u8>>();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digits() -> &'static str {
    PERSON.trim_start_matches('+')
}

#[tokio::test]
async fn of_a_forgotten_number_no_byte_is_left_and_nothing_is_told_again() {
    let under = Sqlite::fresh();
    let (queue, dir) = (&under.queue, under.dir.path());
    // One that was told, with an answer that repeats the number; one dead; one that waits; one that is noted.
    queue.admit(None, vec![told(of(PERSON, "told", Ringing), "desk", Findings::default())]).await.unwrap();
    let held = lease_one(queue, "desk").await;
    let echo = Some(Attempt { answer: format!("posted: {PERSON}"), ..attempt(200).unwrap() });
    queue.settle(vec![Settle { id: held.id, settlement: Settlement::Delivered, attempt: echo }]).await.unwrap();
    queue.admit(None, vec![told(of(PERSON, "dead", Missed), "desk", Findings::default())]).await.unwrap();
    let dead = lease_one(queue, "desk").await;
    queue.settle(vec![settle(dead.id, Settlement::Dead("no".to_owned()))]).await.unwrap();
    queue.admit(None, vec![told(of(PERSON, "waits", Ringing), "desk", Findings::default())]).await.unwrap();
    queue.note(of(PERSON, "noted", Ringing)).await.unwrap();
    assert!(bytes(dir).contains(digits()), "it was there");

    let forgotten = forget(dir, &person(), Timestamp::now()).unwrap();
    assert_eq!((forgotten.blanked, forgotten.dropped, forgotten.changed, forgotten.noted), (3, 2, 0, 1));
    assert!(!bytes(dir).contains(digits()), "beside the running daemon");
    assert!(!bytes(dir).contains("Alice Martin"));
    assert_eq!(now_waiting(queue, "desk").await, []);
    assert_eq!(queue.noted().await.unwrap(), []);
    let again = vec![
        told(of(PERSON, "told", Ringing), "desk", Findings::default()),
        told(of(PERSON, "dead", Missed), "desk", Findings::default()),
        told(of(PERSON, "waits", Ringing), "desk", Findings::default()),
    ];
    assert_eq!(queue.admit(None, again).await.unwrap(), [Admitted::Known; 3]);
    assert_eq!(retry(dir, &Which::One(dead.id)).unwrap(), 0, "there is nothing left to say");
    let letter = show(dir, dead.id).unwrap().unwrap().0;
    assert_eq!((letter.state, letter.why.as_deref(), letter.card), (Some(State::Dropped), Some("forgotten"), None));
    queue.close().await;
    assert!(!bytes(dir).contains(digits()), "nor when it has stopped");
}

#[tokio::test]
async fn what_is_told_of_others_goes_on_without_the_number() {
    let under = Sqlite::fresh();
    let (queue, dir) = (&under.queue, under.dir.path());
    let notes = Some(format!("shares {PERSON} with her sister, not {PERSON}7"));
    let who = Match::One { contact: Box::new(Contact { notes, ..Contact::default() }) };
    let mut to_ours = of(OTHER, "ours", Ringing);
    to_ours.call.ours = Some(crate::model::call::OurNumber { number: Number::Known(person()), label: None });
    let recap = Card::Recap(Recap {
        connection: ConnectionName::try_from("main").unwrap(),
        from: Timestamp::UNIX_EPOCH,
        to: Timestamp::UNIX_EPOCH,
        calls: vec![of(PERSON, "x", Missed), of(OTHER, "y", Missed)],
        mask: None,
    });
    let key = Key { subject: Subject::Other("recap".to_owned()), moment: Ended, sink: sink("desk") };
    let waits = |number: &str| Waiting {
        number: Number::read(Some(number), Region::US),
        name: None,
        times: 1,
        last: Timestamp::UNIX_EPOCH,
        voicemail: false,
    };
    let shift = Card::Shift(Shift { missed: 2, waiting: vec![waits(PERSON), waits(OTHER)], ..Shift::default() });
    let shift_key = Key { subject: Subject::Other("shift".to_owned()), moment: Ended, sink: sink("desk") };
    let admissions = vec![
        told(of(OTHER, "a", Ringing), "desk", Findings { who, ..Findings::default() }),
        told(to_ours.clone(), "desk", Findings::default()),
        Admission { key, card: recap, rule: Rule::Tell },
        Admission { key: shift_key, card: shift, rule: Rule::Tell },
    ];
    queue.admit(None, admissions).await.unwrap();
    let forgotten = forget(dir, &person(), Timestamp::now()).unwrap();
    assert_eq!((forgotten.blanked, forgotten.changed), (0, 3));
    let left = now_waiting(queue, "desk").await;
    let [Card::Call(first), Card::Call(second), Card::Recap(third), Card::Shift(fourth)] =
        left.iter().map(|it| &it.card).collect::<Vec<_>>()[..]
    else {
        panic!("four cards")
    };
    let Match::One { contact } = &first.found.who else { panic!("one contact") };
    assert_eq!(contact.notes.as_deref(), Some("shares ••• with her sister, not +151455501997"));
    assert_eq!(second.telling, to_ours);
    assert_eq!(third.calls, [of(OTHER, "y", Missed)]);
    assert_eq!((fourth.missed, &fourth.waiting[..]), (2, &[waits(OTHER)][..]));
}

#[tokio::test]
async fn a_file_written_anew_holds_no_copies_that_were_moved_out_of_sight() {
    let under = Sqlite::fresh();
    let (queue, dir) = (&under.queue, under.dir.path());
    // Cards that grow, shrink and go move others between pages.
    for nth in 0..400_usize {
        let number = if nth % 3 == 0 { PERSON } else { OTHER };
        let mut telling = of(number, &format!("call-{nth}"), Ringing);
        queue.admit(None, vec![told(telling.clone(), "desk", Findings::default())]).await.unwrap();
        telling.call.caller.name = Some("long ".repeat(nth * 37 % 700));
        let grown = Admission { rule: Rule::Renew, ..told(telling, "desk", Findings::default()) };
        queue.admit(None, vec![grown]).await.unwrap();
    }
    assert_eq!(forget(dir, &person(), Timestamp::now()).unwrap().dropped, 134);
    rewrite(dir).unwrap();
    assert!(!bytes(dir).contains(digits()));
    assert_eq!(now_waiting(queue, "desk").await.len(), 266);
}
