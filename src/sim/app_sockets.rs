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

    /// Sends an envelope to the newest socket. Slack chooses any one. Returns false without a socket.
    pub(super) fn send_envelope(&mut self, id: &str, frame: &Value) -> bool {
        self.sent.insert(id.to_owned(), Instant::now());
        let command = AppSocketCommand::Send(frame.to_string());
        self.open.values().next_back().is_some_and(|socket| socket.try_send(command).is_ok())
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
