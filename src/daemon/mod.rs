//! Joins the stages with bounded channels. No stage imports another; this module imports all.
//!
//! `supervisor` owns the tasks, and `settings` is the part that a reload replaces. The rest is in folders:
//!
//! | folder | content |
//! |---|---|
//! | `cluster` | several daemons on one database: which sinks this one owns |
//! | `pipeline` | a call update from GoTo's event to the deliveries in the outbox |
//! | `tasks` | connections, delivery workers and file watchers, reconciled with the config |
//! | `health` | status, outages, alerts, readiness |
//! | `recap` | the daily digests |
//! | `claims` | reminders of claims, names of the claimants |
//! | `recording` | snapshots and reports kept for `poprelay replay` |
//! | `system` | journald, systemd, the state directory, the HTTP client |

pub mod claims;
pub mod cluster;
pub mod health;
pub mod pipeline;
pub mod recap;
pub mod recording;
pub mod reload;
pub mod settings;
pub mod startup;
pub mod supervisor;
pub mod system;
pub mod tasks;
