//! (the essay comes last)
pub mod calls;
pub mod cards;
pub mod cli;
pub mod daemon;
pub mod deliver;
pub mod enrich;
pub mod goto;
pub mod model;
pub mod outbox;
pub mod route;
pub mod sim;
