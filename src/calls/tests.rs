//! Calls in GoTo's real shape: what is emitted of each, and when.

mod harness;
mod real;
