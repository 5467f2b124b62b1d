use super::*;
use crate::model::{
    ids::{AccountKey, ChannelId},
    secret::Secret,
    time::{Now, Timestamp},
};
use std::time::{Duration, Instant};

/// A lane that is led by hand: even chance, and the last effects.
struct Hand {
    lane: Lane,
    now: Now,
    out: Vec<Effect>,
}

impl Hand {
    fn new() -> Self {
        let now = Now { tick: Instant::now(), clock: Timestamp::UNIX_EPOCH };
        let mut hand = Self { lane: Lane::new(0), now, out: Vec::new() };
        hand.on(Input::Start);
        hand
    }

    fn on(&mut self, input: Input) -> &[Effect] {
        self.out = self.lane.on(input, self.now, &mut || 0.5);
        &self.out
    }

    fn after(&mut self, seconds: u64) -> &mut Self {
        self.now.tick += Duration::from_secs(seconds);
        self
    }

    /// Waits for the next deadline, and says how long that was.
    fn due(&mut self) -> Duration {
        let wait = self.lane.deadline().unwrap() - self.now.tick;
        self.now.tick += wait;
        self.on(Input::Tick);
        wait
    }

    /// The ticket of the request among the last effects.
    fn ticket(&self) -> Ticket {
        self.out
            .iter()
            .find_map(|effect| match effect {
                Effect::Create { ticket, .. }
                | Effect::Subscribe { ticket, .. }
                | Effect::Open { ticket, .. }
                | Effect::Renew { ticket, .. } => Some(*ticket),
                Effect::Ping(_) | Effect::Close(_) | Effect::Delete(_) | Effect::Tell(_) => None,
            })
            .unwrap_or_else(|| panic!("nothing is asked: {:?}", self.out))
    }

    fn created(&mut self, id: &str) -> &[Effect] {
        let ticket = self.ticket();
        self.on(Input::Created(ticket, Ok(channel(id))))
    }

    fn live(id: &str) -> (Self, Ticket) {
        let mut hand = Self::new();
        let socket = hand.become_live(id);
        (hand, socket)
    }

    /// From a create among the last effects to a live link.
    fn become_live(&mut self, id: &str) -> Ticket {
        self.created(id);
        let ticket = self.ticket();
        self.on(Input::Subscribed(ticket, Ok(Accepted { accounts: 1, ..Accepted::default() })));
        let socket = self.ticket();
        self.on(Input::Opened(socket, Ok(())));
        socket
    }

    /// Lets the link live, answering pings, until a renewal is asked.
    fn until_renewal(&mut self, socket: Ticket) -> Renew {
        loop {
            self.due();
            for effect in &self.out {
                if let Effect::Renew { how, .. } = effect {
                    return *how;
                }
            }
            self.on(Input::Frame(socket));
        }
    }

    fn deletes(&self) -> Vec<&str> {
        let deleted = self.out.iter().filter_map(|effect| match effect {
            Effect::Delete(id) => Some(id.as_str()),
            _ => None,
        });
        deleted.collect()
    }
}

fn channel(id: &str) -> Created {
    Created { id: ChannelId::try_from(id).unwrap(), url: Secret::new(id), lifetime: Some(10_800) }
}

fn trouble(class: Class) -> Trouble {
    Trouble { class, status: None, after: None }
}

#[test]
fn an_answer_that_comes_late_changes_nothing_and_its_channel_is_deleted() {
    let mut hand = Hand::new();
    let first = hand.ticket();
    while !matches!(hand.out[..], [Effect::Create { .. }]) || hand.ticket() == first {
        hand.due();
    }
    hand.on(Input::Created(first, Ok(channel("late"))));
    assert_eq!(hand.deletes(), ["late"]);
    assert_eq!(hand.out.len(), 1);
    assert!(hand.on(Input::Created(first, Err(trouble(Class::Refused)))).is_empty());
}

#[test]
fn a_renewal_is_asked_before_half_of_the_life_and_its_answer_starts_a_new_life() {
    let (mut hand, socket) = Hand::live("c");
    let born = hand.now.tick;
    assert_eq!(hand.until_renewal(socket), Renew::Lifetime);
    let waited = (hand.now.tick - born).as_secs();
    assert!((4_800..=5_400).contains(&waited), "{waited}");
    let (ticket, asked) = (hand.ticket(), hand.now.tick);
    hand.after(5).on(Input::Renewed(ticket, Ok(Renewed { url: None, lifetime: Some(100) })));
    hand.until_renewal(socket);
    let waited = (hand.now.tick - asked).as_secs();
    assert!((40..=50).contains(&waited), "of the life as the answer states it, from when it was asked: {waited}");
}

#[test]
fn lanes_are_not_renewed_in_step() {
    let mut waits: Vec<_> = (0..4)
        .map(|number| {
            let mut hand = Hand::new();
            hand.lane = Lane::new(number);
            hand.on(Input::Start);
            let socket = hand.become_live("c");
            let born = hand.now.tick;
            hand.until_renewal(socket);
            hand.now.tick - born
        })
        .collect();
    waits.dedup_by_key(|wait| wait.as_secs() / 600);
    assert_eq!(waits.len(), 4, "ten minutes apart: {waits:?}");
}

#[test]
fn a_refresh_that_fails_both_ways_builds_a_replacement_that_is_live_before_the_old_one_goes() {
    let (mut hand, socket) = Hand::live("old");
    hand.after(61).on(Input::Frame(socket));
    hand.on(Input::RefreshRequired(socket));
    hand.due();
    assert!(matches!(hand.out[..], [.., Effect::Renew { how: Renew::Whole, .. }]), "{:?}", hand.out);
    let ticket = hand.ticket();
    hand.on(Input::Renewed(ticket, Err(trouble(Class::Transient))));
    hand.due();
    assert!(matches!(hand.out[..], [Effect::Renew { how: Renew::Lifetime, .. }]), "at once: {:?}", hand.out);
    let ticket = hand.ticket();
    hand.on(Input::Renewed(ticket, Err(trouble(Class::Transient))));
    assert!(hand.lane.hears());
    assert!(hand.deletes().is_empty());
    hand.become_live("new");
    assert_eq!(hand.deletes(), ["old"]);
    assert!(hand.out.iter().any(|effect| matches!(effect, Effect::Close(closed) if *closed == socket)));
    assert!(!hand.out.iter().any(|effect| matches!(effect, Effect::Tell(_))), "it heard all the time: {:?}", hand.out);
}

#[test]
fn a_link_that_held_is_rebuilt_at_once_and_one_that_did_not_is_waited_for() {
    let (mut hand, socket) = Hand::live("c");
    hand.after(60).on(Input::Ended(socket, Why::Closed));
    assert!(hand.out.iter().any(|effect| matches!(effect, Effect::Create { .. })), "{:?}", hand.out);
    let socket = hand.become_live("d");
    hand.after(59).on(Input::Ended(socket, Why::Closed));
    assert!(!hand.out.iter().any(|effect| matches!(effect, Effect::Create { .. })));
    assert_eq!(hand.due(), Duration::from_millis(500));
    let socket = hand.become_live("e");
    hand.on(Input::Ended(socket, Why::Closed));
    assert_eq!(hand.due(), Duration::from_secs(1), "opening alone forgives nothing");
}

#[test]
fn three_pings_without_a_frame_are_the_end_and_the_loss_is_dated_by_the_last_frame() {
    let (mut hand, socket) = Hand::live("c");
    let last = hand.after(3).now;
    hand.on(Input::Frame(socket));
    let mut pings = 0;
    let lost = loop {
        hand.due();
        pings += hand.out.iter().filter(|effect| matches!(effect, Effect::Ping(_))).count();
        let lost = hand.out.iter().find_map(|effect| match effect {
            Effect::Tell(Tell::Lost { why, heard }) => Some((*why, *heard)),
            _ => None,
        });
        if let Some(lost) = lost {
            break lost;
        }
    };
    assert_eq!((pings, lost), (3, (Why::Silent, last)));
    assert!(hand.now.tick - last.tick <= Duration::from_secs(80));
}

#[test]
fn a_channel_that_moves_is_opened_anew_and_not_deleted() {
    let (mut hand, socket) = Hand::live("c");
    hand.until_renewal(socket);
    let ticket = hand.ticket();
    hand.on(Input::Renewed(ticket, Ok(Renewed { url: Some(Secret::new("elsewhere")), lifetime: None })));
    assert!(matches!(&hand.out[..], [Effect::Open { url, .. }] if url.expose() == "elsewhere"), "{:?}", hand.out);
    let second = hand.ticket();
    hand.on(Input::Opened(second, Ok(())));
    assert!(matches!(hand.out[..], [Effect::Close(closed)] if closed == socket), "{:?}", hand.out);
}

#[test]
fn accounts_that_were_out_are_asked_again_on_the_same_channel() {
    let mut hand = Hand::new();
    hand.created("c");
    let ticket = hand.ticket();
    let account = AccountKey::try_from("2").unwrap();
    hand.on(Input::Subscribed(ticket, Ok(Accepted { accounts: 1, refused: vec![], later: vec![account.clone()] })));
    let socket = hand.ticket();
    hand.on(Input::Opened(socket, Ok(())));
    assert!(hand.due() <= Duration::from_secs(1));
    assert!(
        matches!(&hand.out[..], [Effect::Subscribe { only: Some(only), channel, .. }] if only[..] == [account] && channel.as_str() == "c")
    );
}

#[test]
fn a_token_that_comes_back_wakes_a_lane_that_had_none() {
    let mut hand = Hand::new();
    let ticket = hand.ticket();
    hand.on(Input::Created(ticket, Err(trouble(Class::NoToken))));
    assert!(hand.out.is_empty());
    assert!(matches!(hand.on(Input::Wake), [Effect::Create { .. }]));
    assert!(hand.on(Input::Wake).is_empty(), "once");
}

#[test]
fn a_stop_leaves_nothing_behind_wherever_it_comes() {
    let (mut hand, socket) = Hand::live("c");
    hand.on(Input::Stop);
    assert!(
        matches!(&hand.out[..], [Effect::Close(closed), Effect::Delete(id), Effect::Tell(Tell::Lost { why: Why::Stopped, .. })]
        if *closed == socket && id.as_str() == "c"),
        "{:?}",
        hand.out
    );
    assert_eq!(hand.lane.deadline(), None);
    let mut hand = Hand::new();
    let ticket = hand.ticket();
    assert!(hand.on(Input::Stop).is_empty());
    hand.on(Input::Created(ticket, Ok(channel("late"))));
    assert_eq!(hand.deletes(), ["late"]);
    let mut hand = Hand::new();
    hand.created("c");
    hand.on(Input::Stop);
    assert_eq!(hand.deletes(), ["c"]);
    assert!(hand.on(Input::Start).is_empty(), "the end is the end");
}
