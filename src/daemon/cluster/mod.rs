//! Several daemons on one PostgreSQL. Decides which sinks this daemon owns (`plan`), whether it posts without the
//! database (`outage`), and when another daemon has its id (`id_conflict`); `tasks::ownership` acts.

pub mod id_conflict;
pub mod outage;
pub mod plan;
#[cfg(test)]
mod tests;

pub use id_conflict::IdConflict;
pub use outage::StoreOutage;
pub use plan::{ClusterState, Member, Owned, OwnershipPlan, Planner};
