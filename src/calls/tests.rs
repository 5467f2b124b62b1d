//! Calls in GoTo's real shape: what is emitted of each, and when.

mod bounds;
mod composed;
mod compositions;
mod contradictions;
mod grammar;
mod harness;
mod missing_frames;
mod notation;
mod real;
mod script;
mod waiting;
