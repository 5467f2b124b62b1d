//! What every HTTP exchange of the program shares. Contains no policy of a single service.

mod response;

pub use response::{Body, BodyEnd, BodyError, read_body, retry_after};
