//! Plays placed calls: sends each state at its time. A second loop drops and closes random sockets.

use super::{
    channels::{ChannelCommand, Topic},
    envelope::Notification,
    scenario::CallPlan,
    scene::{self, Conversation},
    scheduled_call::ScheduledCall,
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
    for conversation in scene::conversations(&placed) {
        let (owner, call) = (Arc::clone(sim), placed.clone());
        sim.spawn(async move { play(&owner, &call, conversation, started).await });
    }
    id
}

/// Sends the states of one conversation, and later the notice of its report.
async fn play(sim: &SimState, call: &ScheduledCall, conversation: Conversation, started: Instant) {
    let id: Arc<str> = conversation.id.into();
    let account = &call.plan.account;
    let is_main = *id == *call.id.to_string();
    let mut report_due = started + call.scaled_duration(sim.settings.report_delay);
    for state in conversation.states {
        tokio::time::sleep_until((started + state.after).into()).await;
        sim.calls().advance(&id);
        if is_main && state.sequence == 1 {
            let summary = sim.calls().summary(&id);
            sim.publish(&json!({ "news": "call", "call": summary }));
        }
        for _ in 0..copies(sim) {
            let content = json!({ "metadata": state.metadata, "state": state.body });
            let frame = Notification::call_state(content, Timestamp::now());
            sim.send_frame(account, Topic::Call(state.kind), &frame, Some((Arc::clone(&id), state.sequence)));
        }
        report_due = started + state.after + call.scaled_duration(sim.settings.report_delay);
    }
    tokio::time::sleep_until(report_due.into()).await;
    sim.calls().mark_reported(&id);
    sim.send_frame(account, Topic::Report, &Notification::report(&id, Timestamp::now()), None);
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
