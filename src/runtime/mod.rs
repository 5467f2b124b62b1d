//! Tools without domain: backoff, content lines, task heartbeats, log throttle, journal message ids.

pub mod backoff;
pub mod content_line;
pub mod log_throttle;
pub mod message_id;
pub mod watchdog;
