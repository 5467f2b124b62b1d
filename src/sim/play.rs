//! Plays placed calls: says each state when its time has come. And the loop that disturbs sockets as the switches ask.

use super::{
    channels::{Order, Topic},
    report,
    scenario::CallPlan,
    shared::Shared,
    snapshot,
};
use jiff::Timestamp;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How often the disturbing loop looks.
const BEAT: Duration = Duration::from_millis(50);

/// Places a call and starts playing it; its id.
pub(super) fn place(world: &Arc<Shared>, plan: CallPlan) -> String {
    let placed = world.calls().place(plan, Timestamp::now());
    let id = placed.id.to_string();
    let began = Instant::now();
    let world_of_call = Arc::clone(world);
    world.spawn(async move {
        let world = world_of_call;
        let call: Arc<str> = placed.id.to_string().into();
        let account = placed.plan.account.clone();
        for state in snapshot::states(&placed) {
            tokio::time::sleep_until((began + state.after).into()).await;
            world.calls().said(&call);
            if state.sequence == 1 {
                let made = world.calls().one(&call);
                world.tell(&json!({ "news": "call", "call": made }));
            }
            for _ in 0..times(&world) {
                let of = Some((Arc::clone(&call), state.sequence));
                world.say(&account, Topic::Call(state.kind), &state.frame().to_string(), of);
            }
        }
        tokio::time::sleep_until((began + placed.reported()).into()).await;
        world.calls().reported(&call);
        world.say(&account, Topic::Report, &report::frame(&placed).to_string(), None);
    });
    id
}

/// How often a state is said: once, unless a switch loses or doubles it.
fn times(world: &Shared) -> usize {
    let faults = world.faults();
    if world.falls(faults.sockets.lost) {
        0
    } else if world.falls(faults.sockets.doubled) {
        2
    } else {
        1
    }
}

/// Cuts and closes random sockets as often as the switches say, on average.
pub(super) async fn disturb(world: Arc<Shared>) {
    let mut tick = tokio::time::interval(BEAT);
    loop {
        tick.tick().await;
        let faults = world.faults();
        for (every, order) in [(faults.sockets.drop_every, Order::Cut), (faults.sockets.close_every, Order::Announce)] {
            if every > 0.0 && world.falls(BEAT.as_secs_f64() / every) {
                world.channels().order_one(&order, &mut world.dice());
            }
        }
        world.channels().sweep(Instant::now());
    }
}
