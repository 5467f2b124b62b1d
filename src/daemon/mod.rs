//! Joins the stages with bounded channels. No stage knows another; this module knows all.
//!
//! `supervisor` owns the tasks. `relay` carries the events of one connection through `pipeline` into the outbox.
//! `settings` is what a reload replaces. Decisions here are small: the order within a call (`call_order`), calls
//! hidden by an event gap (`recovery`), call directions (`direction_filter`), the state of a connection
//! (`connection_status`, `outage`), alerts (`alert`, `given_up`), recap times (`recap`). `recording` keeps snapshots for
//! `poprelay replay`.

pub mod alert;
pub mod call_order;
pub mod caller_history;
pub mod connection_status;
pub mod connections;
pub mod direction_filter;
pub mod encode;
pub mod given_up;
pub mod holiday_watch;
pub mod late_lookup;
pub mod logging;
pub mod network;
pub mod outage;
pub mod pipeline;
pub mod readiness;
pub mod recap;
pub mod recording;
pub mod recovery;
pub mod relay;
pub mod reload;
pub mod sd_notify;
pub mod settings;
pub mod startup;
pub mod state_dir;
pub mod status;
pub mod supervisor;
pub mod task_set;
pub mod test_hook;
pub mod workers;
