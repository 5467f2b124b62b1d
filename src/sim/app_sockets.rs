//! Store of the sockets of Slack apps in Socket Mode: tickets, open sockets, envelopes with their acknowledgements, private
//! answers. No HTTP.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// Most commands that wait for one socket; people press a few buttons a second.
const MAX_QUEUED_COMMANDS: usize = 1_024;

/// Command to one socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AppSocketCommand {
    /// Send a text frame.
    Send(String),
    /// Drop the connection without a close frame.
    Drop,
}

/// Sockets and envelopes of all apps; the simulator has one app.
#[derive(Debug, Default)]
pub(super) struct AppSockets {
    next: u64,
    tickets: BTreeSet<u64>,
    open: BTreeMap<u64, mpsc::Sender<AppSocketCommand>>,
    /// Times of the envelopes, by id.
    sent: BTreeMap<String, Instant>,
    acknowledged: BTreeMap<String, Duration>,
    /// Bodies that were posted to response URLs, with the envelope of the press.
    answers: Vec<(String, Value)>,
}

impl AppSockets {
    /// Returns a number that is used once.
    pub(super) const fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Creates a ticket for one socket.
    pub(super) fn issue_ticket(&mut self) -> u64 {
        let ticket = self.next_number();
        self.tickets.insert(ticket);
        ticket
    }

    /// Uses a ticket up. Returns false for an unknown one.
    pub(super) fn take_ticket(&mut self, ticket: u64) -> bool {
        self.tickets.remove(&ticket)
    }

    /// Adds an open socket. Returns its number and commands.
    pub(super) fn attach(&mut self) -> (u64, mpsc::Receiver<AppSocketCommand>) {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED_COMMANDS);
        let number = self.next_number();
        self.open.insert(number, sender);
        (number, receiver)
    }

    pub(super) fn detach(&mut self, number: u64) {
        self.open.remove(&number);
    }

    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// Returns the id of a new envelope and records its time.
    pub(super) fn new_envelope(&mut self) -> String {
        let id = format!("envelope-{}", self.next_number());
        self.sent.insert(id.clone(), Instant::now());
        id
    }

    /// Sends a frame to the newest or the oldest socket. Slack chooses any one. Returns false without a socket.
    pub(super) fn send(&self, frame: &Value, to_oldest: bool) -> bool {
        let mut sockets = self.open.values();
        let socket = if to_oldest { sockets.next() } else { sockets.next_back() };
        socket.is_some_and(|socket| socket.try_send(AppSocketCommand::Send(frame.to_string())).is_ok())
    }

    /// Returns the ids of the envelopes that are not acknowledged.
    pub(super) fn unacknowledged(&self) -> Vec<String> {
        self.sent.keys().filter(|id| !self.acknowledged.contains_key(*id)).cloned().collect()
    }

    /// Sends a command to all sockets.
    pub(super) fn command_all(&self, command: &AppSocketCommand) {
        self.open.values().for_each(|socket| drop(socket.try_send(command.clone())));
    }

    pub(super) fn acknowledge(&mut self, id: &str) {
        if let Some(sent) = self.sent.get(id) {
            self.acknowledged.entry(id.to_owned()).or_insert_with(|| sent.elapsed());
        }
    }

    /// Returns the time until an envelope was acknowledged; `None` until then.
    pub(super) fn acknowledged_after(&self, id: &str) -> Option<Duration> {
        self.acknowledged.get(id).copied()
    }

    pub(super) fn add_answer(&mut self, envelope: String, body: Value) {
        self.answers.push((envelope, body));
    }

    pub(super) fn answers(&self) -> Vec<(String, Value)> {
        self.answers.clone()
    }
}
