//! Slack's Socket Mode: receives presses of buttons over a WebSocket that the daemon opens, so that no public address is
//! needed. [`machine`] decides when sockets are opened and replaced, [`frame`] reads the frames; [`run`] does the I/O.
//!
//! A press is stored, then acknowledged, then the worker of the sink edits the message. Slack never sends a press again. A
//! press that cannot be stored is not acknowledged, and Slack shows the person a warning.

mod answer;
mod connect;
pub mod frame;
pub mod machine;
mod presses;
mod report;
mod socket;
mod task;
pub mod types;

pub use connect::{judge_app_token, rejection};
pub use report::SocketJournal;
pub use task::{SocketModeApp, run};
pub use types::Change;
