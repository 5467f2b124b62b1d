//! Saying it: one worker per sink takes waiting deliveries from the outbox, draws them, posts them and settles what the
//! answer means. Decisions are plain functions ([`verdict`], [`pace`], [`turn`], [`standing`]); [`post`] and [`worker`]
//! act. How a card looks is not decided here: the drawing function is handed in.

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
