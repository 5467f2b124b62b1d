//! The words every room uses: ids, numbers, calls, moments, cards, deliveries, secrets. No clock in here, and no I/O but
//! for the place a secret is read from; a stage imports this module and itself.

pub mod backoff;
pub mod call;
pub mod card;
pub mod delivery;
pub mod event;
pub mod ids;
pub mod mention;
pub mod past;
pub mod phone;
pub mod pulse;
pub mod repeat;
pub mod secret;
pub mod time;
