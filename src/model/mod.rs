//! Domain types shared by all stages: ids, phone numbers, calls, cards, deliveries, secrets, time. Contains no policy; the
//! only I/O is reading a secret.

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
