//! Tools without domain: backoff, content lines, task heartbeats, HTTP, JSON, log filter and throttle, message ids, metrics.
//! Also connections to PostgreSQL, statements of SQL databases, printable text, token buckets.

pub mod backoff;
#[cfg(test)]
pub mod captured_journal;
pub mod content_line;
pub mod http;
pub mod json;
pub mod log_filter;
pub mod log_throttle;
pub mod message_id;
pub mod metrics;
pub mod postgres;
pub mod sql;
pub mod text;
pub mod token_bucket;
pub mod watchdog;
