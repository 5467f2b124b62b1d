//! Domain types shared by all stages: ids, phone numbers, calls, cards, deliveries, secrets, time. Contains no policy; the
//! only I/O is reading a secret.

pub mod call;
pub mod call_history;
pub mod call_record;
pub mod card;
pub mod claim;
pub mod delivery;
pub mod ids;
pub mod mention;
pub mod phone;
pub mod secret;
pub mod shared_token;
pub mod time;
