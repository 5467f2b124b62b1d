//! Tools without domain: backoff, task heartbeats, HTTP, log throttle, journal message ids, token buckets.

pub mod backoff;
pub mod http;
pub mod log_throttle;
pub mod message_id;
pub mod token_bucket;
pub mod watchdog;
