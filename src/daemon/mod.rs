//! The daemon: the one room that knows all stages and joins them. `supervisor` owns the tasks; `relay` is one login's way
//! from what is heard to what the outbox keeps; `rooms` is what the relays share, `book` the part of it that a reload swaps. What is decided here is small and plain:
//! `line` (one call's order), `away` (what is told of a blind window), `directions` (which calls are told at all), `link` and
//! `deaf` (what a login's own state is worth), `notice` (what the operator hears), `shift` (when a sink gets its recap), `status`; `record` (with `frames`) keeps what
//! was heard for a replay, if asked to.

pub mod away;
pub mod book;
pub mod config;
pub mod crew;
pub mod deaf;
pub mod directions;
pub mod frames;
pub mod holidays;
pub mod journal;
pub mod late;
pub mod line;
pub mod link;
pub mod logins;
pub mod network;
pub mod notice;
pub mod opening;
pub mod past;
pub mod readiness;
pub mod record;
pub mod relay;
pub mod reload;
pub mod rooms;
pub mod shift;
pub mod state;
pub mod status;
pub mod supervisor;
pub mod systemd;
pub mod wedge;
pub mod workers;
