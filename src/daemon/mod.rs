//! The daemon: the one room that knows all stages and joins them.

pub mod config;
pub mod journal;
pub mod status;
pub mod systemd;
