//! Calls in GoTo's real shape: the updates of each, with their times.

mod bounds;
mod composed;
mod compositions;
mod contradictions;
mod conversations;
mod grammar;
mod harness;
mod in_words;
mod missing_frames;
mod notation;
mod real;
mod script;
mod waiting;
