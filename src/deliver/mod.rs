//! Posting: one worker per sink leases due deliveries from the outbox, renders and posts them, and settles each by the
//! response. Decisions are pure functions ([`verdict`], [`rate_limit`], [`batch`], [`sink_state`]); [`post`] and
//! [`worker`] do the I/O. The caller passes the render function in.

pub mod answer;
mod api_errors;
pub mod lane;
pub mod pace;
pub mod past;
pub mod post;
pub mod sink;
pub mod standing;
pub mod table;
#[cfg(test)]
mod tests;
pub mod told;
pub mod turn;
pub mod verdict;
pub mod web_api;
pub mod worker;

pub use lane::Lanes;
pub use pace::Pace;
pub use sink::Sink;
pub use told::Told;
pub use web_api::App;
pub use worker::run;
