//! State of the daemon as shown to an operator: status line, readiness, outages, alerts.

pub mod alert;
pub mod button_status;
pub mod connection_status;
pub mod given_up;
pub mod http;
pub mod measure;
pub mod outage;
pub mod person_troubles;
pub mod readiness;
pub mod shared_status;
pub mod status;
pub mod stored;
