//! Posting: one worker per sink leases due deliveries from the outbox, renders and posts them, and settles each by the
//! response. Decisions are pure functions ([`verdict`], [`rate_limit`], [`batch`], [`sink_state`]); [`post`] and
//! [`worker`] do the I/O. The caller passes the render function in.

pub mod access_token;
pub mod batch;
pub mod chats;
pub mod events;
pub mod limiter;
mod measure;
pub mod outage;
mod ownership;
pub mod person_channel;
pub mod post;
mod post_outcome;
pub mod rate_limit;
pub mod response;
mod retry_waits;
pub mod rules;
mod settle;
pub mod sink;
pub mod sink_state;
pub mod slack_api;
mod slack_errors;
pub mod slack_setup;
pub mod slack_users;
pub mod socket_mode;
pub mod strikes;
pub mod table;
pub mod teams_bot;
pub mod teams_flow;
#[cfg(test)]
mod tests;
pub mod verdict;
pub mod worker;

pub use access_token::TokenRegistry;
pub use events::SinkEvent;
pub use limiter::LimiterRegistry;
pub use ownership::{Ownership, OwnershipRegistry};
pub use post::REQUEST_TIMEOUT;
pub use rate_limit::RateLimit;
pub use sink::Sink;
pub use slack_api::SlackApp;
pub use teams_flow::FlowShape;
pub use worker::run;
