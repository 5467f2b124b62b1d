//! Plays placed calls: sends each state at its time. Also runs the loop that drops and closes random sockets.

use super::{
    channels::{ChannelCommand, Topic},
    report,
    scenario::CallPlan,
    snapshot,
    state::SimState,
};
use jiff::Timestamp;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Interval of the loop that disturbs sockets.
const DISTURB_INTERVAL: Duration = Duration::from_millis(50);

/// Places a call and starts to play it. Returns the call id.
pub(super) fn place(sim: &Arc<SimState>, plan: CallPlan) -> String {
    let placed = sim.calls().place(plan, Timestamp::now());
    let id = placed.id.to_string();
    let started = Instant::now();
    let owner = Arc::clone(sim);
    sim.spawn(async move {
        let sim = owner;
        let call: Arc<str> = placed.id.to_string().into();
        let account = placed.plan.account.clone();
        for state in snapshot::states(&placed) {
            tokio::time::sleep_until((started + state.after).into()).await;
            sim.calls().advance(&call);
            if state.sequence == 1 {
                let summary = sim.calls().summary(&call);
                sim.publish(&json!({ "news": "call", "call": summary }));
            }
            for _ in 0..copies(&sim) {
                let state_id = Some((Arc::clone(&call), state.sequence));
                sim.send_frame(&account, Topic::Call(state.kind), &state.frame().to_string(), state_id);
            }
        }
        tokio::time::sleep_until((started + placed.report_delay()).into()).await;
        sim.calls().mark_reported(&call);
        sim.send_frame(&account, Topic::Report, &report::frame(&placed).to_string(), None);
    });
    id
}

/// Returns the number of copies of a frame: 1, or 0 or 2 by a fault.
fn copies(sim: &SimState) -> usize {
    let faults = sim.faults();
    if sim.roll(faults.sockets.lost) {
        0
    } else if sim.roll(faults.sockets.doubled) {
        2
    } else {
        1
    }
}

/// Drops and closes random sockets at the average rate of the fault switches.
pub(super) async fn disturb(sim: Arc<SimState>) {
    let mut tick = tokio::time::interval(DISTURB_INTERVAL);
    loop {
        tick.tick().await;
        let faults = sim.faults();
        for (mean_interval, order) in [
            (faults.sockets.drop_every, ChannelCommand::Drop),
            (faults.sockets.close_every, ChannelCommand::AnnounceClose),
        ] {
            if mean_interval > 0.0 && sim.roll(DISTURB_INTERVAL.as_secs_f64() / mean_interval) {
                sim.channels().command_one(&order, &mut sim.rng());
            }
        }
        sim.channels().sweep(Instant::now());
    }
}
