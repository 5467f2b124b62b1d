//! The `poprelay` program.
fn main() {}
