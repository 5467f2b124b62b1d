use super::*;
use proptest::prelude::*;

/// A machine with its own clock.
struct Simulation {
    machine: Machine,
    now: Instant,
}

impl Simulation {
    fn new() -> Self {
        let now = Instant::now();
        Self { machine: Machine::new(now), now }
    }

    fn at(&mut self, seconds: u64, input: &Input) -> Vec<Effect> {
        self.now += Duration::from_secs(seconds);
        self.machine.handle(input, self.now, &mut || 1.0)
    }

    /// Moves the clock from deadline to deadline until `seconds` have passed. Returns all effects.
    fn pass(&mut self, seconds: u64) -> Vec<Effect> {
        let end = self.now + Duration::from_secs(seconds);
        let mut effects = Vec::new();
        while let Some(due) = self.machine.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            effects.extend(self.machine.handle(&Input::Tick, self.now, &mut || 1.0));
        }
        self.now = end;
        effects
    }

    fn live() -> Self {
        let mut simulation = Self::new();
        assert_eq!(simulation.at(0, &Input::Tick), [Effect::Open(1)]);
        assert_eq!(simulation.at(1, &Input::Hello(1, 1)), [live(1, 1)]);
        simulation
    }
}

fn live(own: u32, reported: u32) -> Effect {
    Effect::Report(Change::Live { own, reported })
}

const LOST: Effect = Effect::Report(Change::Lost);

#[test]
fn silent_socket_is_pinged_then_replaced_within_75_seconds() {
    let mut simulation = Simulation::live();
    let effects = simulation.pass(74);
    assert_eq!(effects, [Effect::Ping(1), Effect::Ping(1), Effect::Ping(1)]);
    assert_eq!(simulation.pass(1), [Effect::Close(1), LOST]);
    assert_eq!(simulation.pass(1), [Effect::Open(2)]);
}

#[test]
fn answered_pings_keep_the_socket() {
    let mut simulation = Simulation::live();
    for _ in 0..100 {
        assert_eq!(simulation.pass(20), [Effect::Ping(1)]);
        assert!(simulation.at(0, &Input::Frame(1)).is_empty());
    }
}

#[test]
fn announced_end_is_made_before_break() {
    let mut simulation = Simulation::live();
    assert_eq!(simulation.at(5, &Input::Disconnect(1, Announcement::Replace)), [Effect::Open(2)]);
    assert!(simulation.at(0, &Input::Disconnect(1, Announcement::Replace)).is_empty(), "one replacement is enough");
    assert_eq!(simulation.at(1, &Input::Hello(2, 2)), [Effect::Close(1), live(2, 2)]);
    assert!(simulation.at(1, &Input::Ended(1)).is_empty());
    assert!(simulation.at(1, &Input::Ended(1)).is_empty(), "a late end of an old socket changes nothing");
}

#[test]
fn announced_ends_right_after_hello_are_replaced_every_five_seconds() {
    let mut simulation = Simulation::live();
    assert_eq!(simulation.at(0, &Input::Disconnect(1, Announcement::Replace)), [Effect::Open(2)]);
    for generation in 2..9 {
        simulation.at(0, &Input::Hello(generation, 2));
        assert!(simulation.at(0, &Input::Disconnect(generation, Announcement::Replace)).is_empty());
        simulation.at(0, &Input::Ended(generation - 1));
        assert!(simulation.pass(4).is_empty());
        assert_eq!(simulation.pass(1), [Effect::Open(generation + 1)], "before the announced end");
    }
}

#[test]
fn announced_end_of_a_stable_socket_restarts_waits() {
    let mut simulation = Simulation::new();
    simulation.at(0, &Input::Tick);
    for (generation, wait) in (1..).zip([1, 2, 4, 8, 16, 32, 60]) {
        simulation.at(0, &Input::OpenFailed(generation, OpenFailure::Transient));
        simulation.pass(wait);
    }
    simulation.at(0, &Input::Hello(8, 1));
    for _ in 0..15 {
        simulation.pass(20);
        simulation.at(0, &Input::Frame(8));
    }
    simulation.at(0, &Input::Disconnect(8, Announcement::Replace));
    simulation.at(0, &Input::Hello(9, 2));
    assert_eq!(simulation.at(1, &Input::Ended(9)), [LOST]);
    assert_eq!(simulation.pass(1), [Effect::Open(10)]);
}

#[test]
fn failed_replacement_is_tried_again_while_the_old_socket_lives() {
    let mut simulation = Simulation::live();
    simulation.at(5, &Input::Disconnect(1, Announcement::Replace));
    assert!(simulation.at(1, &Input::OpenFailed(2, OpenFailure::Transient)).is_empty());
    assert_eq!(simulation.pass(1), [Effect::Open(3)]);
    simulation.at(0, &Input::Frame(1));
    let effects = simulation.pass(32);
    assert!(effects.contains(&Effect::Close(3)) && effects.contains(&Effect::Open(4)), "{effects:?}");
}

#[test]
fn waits_grow_to_a_minute_and_restart_after_five_stable_minutes() {
    let mut simulation = Simulation::new();
    simulation.at(0, &Input::Tick);
    for (generation, wait) in (1..).zip([1, 2, 4, 8, 16, 32, 60, 60]) {
        simulation.at(0, &Input::OpenFailed(generation, OpenFailure::Transient));
        assert!(simulation.pass(wait - 1).is_empty());
        assert_eq!(simulation.pass(1), [Effect::Open(generation + 1)]);
    }
    simulation.at(0, &Input::Hello(9, 1));
    assert_eq!(simulation.at(1, &Input::Ended(9)), [LOST]);
    assert_eq!(simulation.pass(60), [Effect::Open(10)], "hello alone does not reset the wait");
    simulation.at(0, &Input::Hello(10, 1));
    for _ in 0..15 {
        simulation.pass(20);
        simulation.at(0, &Input::Frame(10));
    }
    simulation.at(0, &Input::Ended(10));
    assert_eq!(simulation.pass(1), [Effect::Open(11)]);
}

#[test]
fn throttled_opening_waits_as_slack_requires() {
    let mut simulation = Simulation::new();
    simulation.at(0, &Input::Tick);
    simulation.at(0, &Input::OpenFailed(1, OpenFailure::Throttled(Duration::from_secs(30))));
    assert!(simulation.pass(29).is_empty());
    assert_eq!(simulation.pass(1), [Effect::Open(2)]);
}

#[test]
fn rejection_is_reported_once_and_retried_every_ten_minutes() {
    let mut simulation = Simulation::new();
    simulation.at(0, &Input::Tick);
    let rejected = |generation| Input::OpenFailed(generation, OpenFailure::Rejected("invalid_auth".to_owned()));
    let report = Effect::Report(Change::Rejected("invalid_auth".to_owned()));
    assert_eq!(simulation.at(0, &rejected(1)), [report]);
    assert_eq!(simulation.pass(600), [Effect::Open(2)]);
    assert!(simulation.at(0, &rejected(2)).is_empty());
    assert_eq!(simulation.pass(600), [Effect::Open(3)]);
    assert_eq!(simulation.at(0, &Input::Hello(3, 1)), [live(1, 1)]);
}

#[test]
fn disabled_socket_mode_closes_all_and_waits() {
    let mut simulation = Simulation::live();
    let effects = simulation.at(1, &Input::Disconnect(1, Announcement::Disabled));
    assert_eq!(effects, [Effect::Close(1), Effect::Report(Change::Rejected("link_disabled".to_owned())), LOST]);
    simulation.at(1, &Input::Ended(1));
    assert!(simulation.pass(597).is_empty());
    assert_eq!(simulation.pass(5), [Effect::Open(2)]);
}

#[test]
fn crowded_app_closes_first_and_waits_a_minute() {
    let mut simulation = Simulation::live();
    assert_eq!(simulation.at(1, &Input::Disconnect(1, Announcement::TooMany)), [Effect::Close(1), LOST]);
    simulation.at(0, &Input::Ended(1));
    assert!(simulation.pass(59).is_empty());
    assert_eq!(simulation.pass(1), [Effect::Open(2)]);
}

#[test]
fn socket_that_does_not_end_is_dropped_after_its_close() {
    let mut simulation = Simulation::live();
    simulation.at(1, &Input::Disconnect(1, Announcement::Replace));
    simulation.at(0, &Input::Hello(2, 2));
    assert_eq!(simulation.pass(10), [Effect::Close(1)]);
}

fn input() -> impl Strategy<Value = (u64, u8, u64)> {
    (0..40u64, 0..9u8, 0..4u64)
}

proptest! {
    /// Checks that at most two sockets are open or opening, and that the machine always has a next action.
    #[test]
    fn any_inputs_keep_two_sockets_at_most_and_a_deadline(inputs in prop::collection::vec(input(), 0..120)) {
        let mut simulation = Simulation::new();
        simulation.at(0, &Input::Tick);
        for (seconds, kind, age) in inputs {
            simulation.pass(seconds);
            let generation = simulation.machine.last_generation.saturating_sub(age);
            let input = match kind {
                0 => Input::Tick,
                1 => Input::OpenFailed(generation, OpenFailure::Transient),
                2 => Input::OpenFailed(generation, OpenFailure::Rejected("invalid_auth".to_owned())),
                3 => Input::Hello(generation, 3),
                4 => Input::Frame(generation),
                5 => Input::Disconnect(generation, Announcement::Replace),
                6 => Input::Disconnect(generation, Announcement::TooMany),
                7 => Input::Disconnect(generation, Announcement::Disabled),
                _ => Input::Ended(generation),
            };
            simulation.at(0, &input);
            let open = |phase: &SocketPhase| !matches!(phase, SocketPhase::Closing { .. });
            let count = simulation.machine.sockets.iter().filter(|socket| open(&socket.phase)).count();
            prop_assert!(count <= 2, "{:?}", simulation.machine);
            prop_assert!(simulation.machine.deadline().is_some());
        }
    }
}
