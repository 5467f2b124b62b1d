//! One socket of an app in Socket Mode: sends `hello` and envelopes, reads acknowledgements. `next_step` decides by the fault
//! switches; the loop executes.

use super::{app_sockets::AppSocketCommand, faults::SocketModeFaults, socket::SimSocket, state::SimState};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::{
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_tungstenite::tungstenite::Message;

/// Timeout of a send. A slower send counts as a lost connection.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Type of the envelopes of `unknown_every`.
const UNKNOWN_TYPE: &str = "of_a_later_year";

/// Times of one socket.
#[derive(Debug, Clone, Copy)]
struct FaultSchedule {
    hello_at: Instant,
    /// Time of the end that a `disconnect` frame announced.
    ends_at: Option<Instant>,
    last_unknown: Instant,
}

/// Next action of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AppSocketStep {
    /// Send a `disconnect` frame with this reason.
    Announce(&'static str),
    /// Send an envelope of an unknown type.
    SendUnknown,
    /// Close the connection.
    Close,
    /// Read and send nothing any more.
    StaySilent,
    /// Serve until this time.
    Serve(Option<Instant>),
}

/// Returns the next action of a socket.
fn next_step(schedule: &FaultSchedule, faults: &SocketModeFaults, now: Instant) -> AppSocketStep {
    let after = |start: Instant, seconds: Option<f64>| {
        seconds.and_then(|seconds| start.checked_add(Duration::try_from_secs_f64(seconds.max(0.0)).ok()?))
    };
    let announcement = |seconds| after(schedule.hello_at, seconds).filter(|_| schedule.ends_at.is_none());
    let silent = after(schedule.hello_at, faults.silent_after);
    let (warning, refresh) = (announcement(faults.warning_after), announcement(faults.refresh_after));
    let unknown = after(schedule.last_unknown, faults.unknown_every.filter(|every| *every > 0.0));
    let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
    if is_due(silent) {
        AppSocketStep::StaySilent
    } else if is_due(schedule.ends_at) {
        AppSocketStep::Close
    } else if faults.link_disabled {
        AppSocketStep::Announce("link_disabled")
    } else if is_due(warning) {
        AppSocketStep::Announce("warning")
    } else if is_due(refresh) {
        AppSocketStep::Announce("refresh_requested")
    } else if is_due(unknown) {
        AppSocketStep::SendUnknown
    } else {
        AppSocketStep::Serve([silent, schedule.ends_at, warning, refresh, unknown].into_iter().flatten().min())
    }
}

/// Serves a socket to its end.
pub(super) async fn serve(sim: Arc<SimState>, mut stream: SimSocket) {
    let faults = sim.faults();
    let faults = &faults.app.socket_mode;
    if faults.link_disabled {
        send(&mut stream, disconnect_frame("link_disabled")).await;
        return close(&mut stream).await;
    }
    tokio::select! {
        () = sim.disconnect_all.notified() => return,
        () = tokio::time::sleep(Duration::try_from_secs_f64(faults.hello_delay).unwrap_or_default()) => {}
    }
    let (number, commands) = sim.app_sockets().attach();
    let count = u32::try_from(sim.app_sockets().count()).unwrap_or(u32::MAX).saturating_add(faults.ghosts);
    let hello = json!({ "type": "hello", "num_connections": count, "connection_info": { "app_id": "A0SIM" },
                        "debug_info": { "host": "sim", "approximate_connection_time": 18_060 } });
    if send(&mut stream, hello).await {
        run(&sim, &mut stream, commands).await;
    }
    sim.app_sockets().detach(number);
}

async fn run(sim: &SimState, stream: &mut SimSocket, mut commands: mpsc::Receiver<AppSocketCommand>) {
    let now = Instant::now();
    let mut schedule = FaultSchedule { hello_at: now, ends_at: None, last_unknown: now };
    let mut faults_watch = sim.faults.subscribe();
    let mut is_open = true;
    while is_open {
        let faults = Arc::clone(&faults_watch.borrow_and_update());
        let step = next_step(&schedule, &faults.app.socket_mode, Instant::now());
        let (until, is_silent) = match step {
            AppSocketStep::Serve(until) => (until, false),
            AppSocketStep::StaySilent => (None, true),
            AppSocketStep::Close => return close(stream).await,
            AppSocketStep::Announce(_) | AppSocketStep::SendUnknown => {
                is_open = execute(sim, stream, &mut schedule, step, &faults.app.socket_mode).await;
                continue;
            }
        };
        is_open = tokio::select! {
            () = sim.disconnect_all.notified() => false,
            _ = faults_watch.changed() => true,
            () = wait_until(until) => true,
            command = commands.recv() => match command {
                Some(AppSocketCommand::Send(_)) if is_silent => true,
                Some(AppSocketCommand::Send(text)) => send_message(stream, Message::text(text)).await,
                Some(AppSocketCommand::Drop) | None => false,
            },
            frame = stream.next(), if !is_silent => match frame {
                Some(Ok(Message::Text(text))) => {
                    acknowledge(sim, text.as_str());
                    true
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
                Some(Ok(_)) => true,
            },
        };
    }
}

/// Sends the frame of a step and records it in the schedule. Returns whether the socket is still open.
async fn execute(
    sim: &SimState,
    stream: &mut SimSocket,
    schedule: &mut FaultSchedule,
    step: AppSocketStep,
    faults: &SocketModeFaults,
) -> bool {
    let now = Instant::now();
    if let AppSocketStep::Announce(reason) = step {
        // Slack closes the sockets of a disabled app immediately.
        let delay = if faults.link_disabled { 0.0 } else { faults.end_delay };
        schedule.ends_at = Some(now + Duration::try_from_secs_f64(delay).unwrap_or_default());
        return send(stream, disconnect_frame(reason)).await;
    }
    schedule.last_unknown = now;
    let id = sim.app_sockets().new_envelope();
    let envelope = json!({ "envelope_id": id, "type": UNKNOWN_TYPE, "accepts_response_payload": false, "payload": {} });
    send(stream, envelope).await
}

fn disconnect_frame(reason: &str) -> Value {
    json!({ "type": "disconnect", "reason": reason, "debug_info": { "host": "sim" } })
}

fn acknowledge(sim: &SimState, text: &str) {
    let frame: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(id) = frame.get("envelope_id").and_then(Value::as_str) {
        sim.app_sockets().acknowledge(id);
    }
}

async fn wait_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until.into()).await,
        None => pending().await,
    }
}

async fn close(stream: &mut SimSocket) {
    drop(timeout(SEND_TIMEOUT, stream.close(None)).await);
}

async fn send(stream: &mut SimSocket, frame: Value) -> bool {
    send_message(stream, Message::text(frame.to_string())).await
}

async fn send_message(stream: &mut SimSocket, message: Message) -> bool {
    matches!(timeout(SEND_TIMEOUT, stream.send(message)).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_step_announces_once_then_closes_and_silence_comes_first() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut schedule = FaultSchedule { hello_at: start, ends_at: None, last_unknown: start };
        let mut faults = SocketModeFaults { unknown_every: Some(4.0), ..SocketModeFaults::default() };
        let step =
            |schedule: &FaultSchedule, faults: &SocketModeFaults, seconds| next_step(schedule, faults, at(seconds));
        assert_eq!(step(&schedule, &SocketModeFaults::default(), 9), AppSocketStep::Serve(None));
        assert_eq!(step(&schedule, &faults, 0), AppSocketStep::Serve(Some(at(4))));
        assert_eq!(step(&schedule, &faults, 4), AppSocketStep::SendUnknown);
        (schedule.last_unknown, faults.refresh_after) = (at(4), Some(5.0));
        assert_eq!(step(&schedule, &faults, 4), AppSocketStep::Serve(Some(at(5))));
        assert_eq!(step(&schedule, &faults, 5), AppSocketStep::Announce("refresh_requested"));
        faults.warning_after = Some(1.0);
        assert_eq!(step(&schedule, &faults, 5), AppSocketStep::Announce("warning"));
        schedule.ends_at = Some(at(7));
        assert_eq!(step(&schedule, &faults, 5), AppSocketStep::Serve(Some(at(7))));
        assert_eq!(step(&schedule, &faults, 7), AppSocketStep::Close);
        (faults.silent_after, faults.link_disabled) = (Some(6.0), true);
        assert_eq!(step(&schedule, &faults, 5), AppSocketStep::Announce("link_disabled"));
        assert_eq!(step(&schedule, &faults, 7), AppSocketStep::StaySilent);
    }
}
