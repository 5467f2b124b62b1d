mod pings;
mod simulation;
mod sockets;

use super::*;
use crate::model::{
    ids::{AccountKey, ChannelId},
    secret::Secret,
    time::{Now, Timestamp},
};
use std::time::{Duration, Instant};

/// A lane with a virtual clock, a constant random source (0.5) and its last effects.
struct LaneHarness {
    lane: Lane,
    now: Now,
    out: Vec<Effect>,
}

impl LaneHarness {
    fn new() -> Self {
        let now = Now { instant: Instant::now(), timestamp: Timestamp::UNIX_EPOCH };
        let mut harness = Self { lane: Lane::new(0), now, out: Vec::new() };
        harness.send(Input::Start);
        harness
    }

    fn send(&mut self, input: Input) -> &[Effect] {
        self.out = self.lane.handle(input, self.now, &mut || 0.5);
        &self.out
    }

    fn advance(&mut self, seconds: u64) -> &mut Self {
        self.now.instant += Duration::from_secs(seconds);
        self.now.timestamp += Duration::from_secs(seconds);
        self
    }

    /// Advances to the next deadline and returns the wait.
    fn run_to_deadline(&mut self) -> Duration {
        let wait = self.lane.deadline().unwrap() - self.now.instant;
        self.now.instant += wait;
        self.now.timestamp += wait;
        self.send(Input::Tick);
        wait
    }

    /// Returns the ticket of the request among the last effects.
    fn ticket(&self) -> Ticket {
        self.out
            .iter()
            .find_map(|effect| match effect {
                Effect::Create { ticket, .. }
                | Effect::Subscribe { ticket, .. }
                | Effect::Open { ticket, .. }
                | Effect::Renew { ticket, .. } => Some(*ticket),
                Effect::Ping(_) | Effect::Close(_) | Effect::Delete(_) | Effect::Emit(_) => None,
            })
            .unwrap_or_else(|| panic!("no request among {:?}", self.out))
    }

    fn created(&mut self, id: &str) -> &[Effect] {
        let ticket = self.ticket();
        self.send(Input::Created(ticket, Ok(channel(id))))
    }

    fn live(id: &str) -> (Self, Ticket) {
        let mut harness = Self::new();
        let socket = harness.become_live(id);
        (harness, socket)
    }

    /// Leads from a create among the last effects to a live connection.
    fn become_live(&mut self, id: &str) -> Ticket {
        self.created(id);
        let ticket = self.ticket();
        self.send(Input::Subscribed(ticket, Ok(SubscribeResult { accepted: 1, ..SubscribeResult::default() })));
        let socket = self.ticket();
        self.send(Input::Opened(socket, Ok(())));
        socket
    }

    /// Leads from an opened socket among the last effects, or from the wait before it, to a live connection.
    fn reopen(&mut self) -> Ticket {
        let socket = self.ticket();
        self.send(Input::Opened(socket, Ok(())));
        socket
    }

    /// Answers pings until a renewal is requested.
    fn until_renewal(&mut self, socket: Ticket) -> Renew {
        loop {
            self.run_to_deadline();
            for effect in &self.out {
                if let Effect::Renew { how, .. } = effect {
                    return *how;
                }
            }
            self.send(Input::Frame(socket));
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

fn failure(class: FailureClass) -> RequestFailure {
    RequestFailure::new(class)
}

#[test]
fn lane_late_create_answer_only_deletes_its_channel() {
    let mut harness = LaneHarness::new();
    let first = harness.ticket();
    while !matches!(harness.out[..], [Effect::Create { .. }]) || harness.ticket() == first {
        harness.run_to_deadline();
    }
    harness.send(Input::Created(first, Ok(channel("late"))));
    assert_eq!(harness.deletes(), ["late"]);
    assert_eq!(harness.out.len(), 1);
    assert!(harness.send(Input::Created(first, Err(failure(FailureClass::Rejected)))).is_empty());
}

#[test]
fn renewal_before_half_lifetime_restarts_the_lifetime() {
    let (mut harness, socket) = LaneHarness::live("c");
    let started = harness.now.instant;
    assert_eq!(harness.until_renewal(socket), Renew::Lifetime);
    let waited = (harness.now.instant - started).as_secs();
    assert!((4_800..=5_400).contains(&waited), "{waited}");
    let (ticket, asked) = (harness.ticket(), harness.now.instant);
    harness.advance(5).send(Input::Renewed(ticket, Ok(Renewed { url: None, lifetime: Some(100) })));
    harness.until_renewal(socket);
    let waited = (harness.now.instant - asked).as_secs();
    assert!((40..=50).contains(&waited), "share of the stated lifetime, counted from the request: {waited}");
}

#[test]
fn lanes_renewals_are_spread_apart() {
    let mut waits: Vec<_> = (0..4)
        .map(|number| {
            let mut harness = LaneHarness::new();
            harness.lane = Lane::new(number);
            harness.send(Input::Start);
            let socket = harness.become_live("c");
            let started = harness.now.instant;
            harness.until_renewal(socket);
            harness.now.instant - started
        })
        .collect();
    waits.dedup_by_key(|wait| wait.as_secs() / 600);
    assert_eq!(waits.len(), 4, "renewals less than ten minutes apart: {waits:?}");
}

#[test]
fn refresh_failing_both_ways_builds_replacement_before_old_closes() {
    let (mut harness, socket) = LaneHarness::live("old");
    harness.advance(61).send(Input::Frame(socket));
    harness.send(Input::RefreshRequired(socket));
    harness.run_to_deadline();
    assert!(matches!(harness.out[..], [.., Effect::Renew { how: Renew::Whole, .. }]), "{:?}", harness.out);
    let ticket = harness.ticket();
    harness.send(Input::Renewed(ticket, Err(failure(FailureClass::Transient))));
    harness.run_to_deadline();
    assert!(
        matches!(harness.out[..], [Effect::Renew { how: Renew::Lifetime, .. }]),
        "second request not immediate: {:?}",
        harness.out
    );
    let ticket = harness.ticket();
    harness.send(Input::Renewed(ticket, Err(failure(FailureClass::Transient))));
    assert!(harness.lane.is_live());
    assert!(harness.deletes().is_empty());
    harness.become_live("new");
    assert_eq!(harness.deletes(), ["old"]);
    assert!(harness.out.iter().any(|effect| matches!(effect, Effect::Close(closed) if *closed == socket)));
    assert!(!harness.out.iter().any(|effect| matches!(effect, Effect::Emit(_))), "liveness changed: {:?}", harness.out);
}

#[test]
fn renewal_with_new_url_opens_second_socket_and_keeps_channel() {
    let (mut harness, socket) = LaneHarness::live("c");
    harness.until_renewal(socket);
    let ticket = harness.ticket();
    harness.send(Input::Renewed(ticket, Ok(Renewed { url: Some(Secret::new("new-url")), lifetime: None })));
    assert!(matches!(&harness.out[..], [Effect::Open { url, .. }] if url.expose() == "new-url"), "{:?}", harness.out);
    let second = harness.ticket();
    harness.send(Input::Opened(second, Ok(())));
    assert!(matches!(harness.out[..], [Effect::Close(closed)] if closed == socket), "{:?}", harness.out);
}

#[test]
fn pending_accounts_are_subscribed_again_on_same_channel() {
    let mut harness = LaneHarness::new();
    harness.created("c");
    let ticket = harness.ticket();
    let account = AccountKey::try_from("2").unwrap();
    harness.send(Input::Subscribed(
        ticket,
        Ok(SubscribeResult { accepted: 1, rejected: vec![], retry: vec![account.clone()] }),
    ));
    let socket = harness.ticket();
    harness.send(Input::Opened(socket, Ok(())));
    assert!(harness.run_to_deadline() <= Duration::from_secs(1));
    assert!(
        matches!(&harness.out[..], [Effect::Subscribe { only: Some(only), channel, .. }] if only[..] == [account] && channel.as_str() == "c")
    );
}

#[test]
fn lane_without_token_wakes_once_when_token_returns() {
    let mut harness = LaneHarness::new();
    let ticket = harness.ticket();
    harness.send(Input::Created(ticket, Err(failure(FailureClass::NoToken))));
    assert!(harness.out.is_empty());
    assert!(matches!(harness.send(Input::Wake), [Effect::Create { .. }]));
    assert!(harness.send(Input::Wake).is_empty(), "second wake must have no effect");
}

#[test]
fn stop_in_any_state_leaves_no_channel() {
    let (mut harness, socket) = LaneHarness::live("c");
    harness.send(Input::Stop);
    assert!(
        matches!(&harness.out[..], [Effect::Close(closed), Effect::Delete(id), Effect::Emit(LaneEvent::Down { why: DisconnectReason::Stopped, .. })]
        if *closed == socket && id.as_str() == "c"),
        "{:?}",
        harness.out
    );
    assert_eq!(harness.lane.deadline(), None);
    let mut harness = LaneHarness::new();
    let ticket = harness.ticket();
    assert!(harness.send(Input::Stop).is_empty());
    harness.send(Input::Created(ticket, Ok(channel("late"))));
    assert_eq!(harness.deletes(), ["late"]);
    let mut harness = LaneHarness::new();
    harness.created("c");
    harness.send(Input::Stop);
    assert_eq!(harness.deletes(), ["c"]);
    assert!(harness.send(Input::Start).is_empty(), "stopped lane must not start");
}
