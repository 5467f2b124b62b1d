//! Tools without domain: backoff, task heartbeats, HTTP, log filter and throttle, journal message ids.

pub mod backoff;
pub mod http;
pub mod log_filter;
pub mod log_throttle;
pub mod message_id;
pub mod watchdog;
