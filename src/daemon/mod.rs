//! Joins the stages with bounded channels. No stage knows another; this module knows all.
//!
//! `supervisor` owns the tasks. `relay` carries the events of one connection through `pipeline` into the outbox.
//! `settings` is what a reload replaces. Decisions here are small: the order within a call (`call_order`), calls
//! hidden by an event gap (`recovery`), call directions (`direction_filter`), the state of a connection
//! (`connection_status`, `outage`), alerts (`alert`), recap times (`recap`). `recording` keeps snapshots for
//! `poprelay replay`.

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
