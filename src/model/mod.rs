//! The words every room uses: ids, numbers, calls, moments, cards, deliveries, secrets. No I/O and no clock in here;
//! a stage imports this module and itself.

pub mod backoff;
pub mod call;
pub mod card;
pub mod delivery;
pub mod ids;
pub mod phone;
pub mod secret;
pub mod time;
