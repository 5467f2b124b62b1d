//! Several daemons on one PostgreSQL. Decides which sinks this daemon owns (`plan`); `tasks::ownership` acts.

pub mod plan;
#[cfg(test)]
mod tests;

pub use plan::{ClusterState, Member, Owned, OwnershipPlan, Planner};
