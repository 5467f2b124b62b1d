//! Store of notification channels: lifetimes, open sockets and subscriptions of the one user. No HTTP, no clock.

use super::{envelope::Notification, faults::ChannelFaults};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// A command to a socket task.
#[derive(Debug, Clone)]
pub(super) enum ChannelCommand {
    /// Send this frame. The second field is the call and sequence number to mark as delivered after the write.
    Send(Utf8Bytes, Option<(Arc<str>, u64)>),
    /// The channel lifetime has changed: read it again.
    Recheck,
    /// Send a close notice, then close.
    AnnounceClose,
    /// Close with a close frame.
    Close,
    /// Drop the connection without a close frame.
    Drop,
}

/// Most commands that wait for one socket: the frames of some seconds at a thousand calls a second.
pub(super) const MAX_QUEUED_COMMANDS: usize = 16_384;

/// One open socket.
#[derive(Debug)]
struct OpenSocket {
    number: u64,
    commands: mpsc::Sender<ChannelCommand>,
}

/// One channel.
#[derive(Debug)]
pub(super) struct SimulatedChannel {
    /// Opaque id: 85 alphanumeric characters.
    pub(super) id: String,
    /// Nickname chosen by the client.
    pub(super) nickname: String,
    /// Position in the order of creation.
    pub(super) number: u64,
    /// Real lifetime from the last renewal.
    pub(super) lifetime: Duration,
    /// Expiry time without a renewal.
    pub(super) expires_at: Instant,
    /// Subscribed accounts of call events, each with its state types. An empty list means all types.
    pub(super) call_subscriptions: BTreeMap<String, Vec<String>>,
    /// Subscribed accounts of reports, each with its subscription id.
    pub(super) report_subscriptions: BTreeMap<String, String>,
    sockets: Vec<OpenSocket>,
    /// Frames so far, control frames included.
    frames: u64,
}

impl SimulatedChannel {
    /// Returns whether a socket is open on the channel.
    pub(super) const fn is_connected(&self) -> bool {
        !self.sockets.is_empty()
    }

    fn command(&mut self, command: &ChannelCommand) {
        // A socket that does not keep up is dropped, as by the real server: its client connects again and recovers.
        self.sockets.retain(|socket| socket.commands.try_send(command.clone()).is_ok());
    }

    /// Returns the number of the next frame.
    pub(super) const fn next_frame(&mut self) -> u64 {
        self.frames += 1;
        self.frames
    }
}

/// Recipients of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) enum Topic<'a> {
    /// Subscribers of call states of this type.
    Call(&'a str),
    /// Subscribers of reports.
    Report,
}

/// The user has too many channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChannelLimit;

/// All channels, oldest first.
#[derive(Debug)]
pub(super) struct ChannelStore {
    all: Vec<SimulatedChannel>,
    created: u64,
    next_socket: u64,
    rng: fastrand::Rng,
}

impl ChannelStore {
    /// Creates an empty store.
    pub(super) fn new(seed: u64) -> Self {
        Self { all: Vec::new(), created: 0, next_socket: 0, rng: fastrand::Rng::with_seed(seed) }
    }

    /// Removes expired channels and closes their sockets.
    pub(super) fn sweep(&mut self, now: Instant) {
        for channel in self.all.iter_mut().filter(|channel| channel.expires_at <= now) {
            channel.command(&ChannelCommand::Close);
        }
        self.all.retain(|channel| channel.expires_at > now);
    }

    /// Creates a channel.
    pub(super) fn create(
        &mut self,
        nickname: &str,
        faults: &ChannelFaults,
        now: Instant,
    ) -> Result<&SimulatedChannel, ChannelLimit> {
        self.sweep(now);
        if self.all.len() >= faults.limit {
            return Err(ChannelLimit);
        }
        let id: String = std::iter::repeat_with(|| self.rng.alphanumeric()).take(85).collect();
        self.created += 1;
        self.all.push(SimulatedChannel {
            id,
            nickname: nickname.to_owned(),
            number: self.created,
            lifetime: faults.real_lifetime(),
            expires_at: now + faults.real_lifetime(),
            call_subscriptions: BTreeMap::new(),
            report_subscriptions: BTreeMap::new(),
            sockets: Vec::new(),
            frames: 0,
        });
        self.all.last().ok_or(ChannelLimit)
    }

    /// Returns all channels, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &SimulatedChannel> {
        self.all.iter().rev()
    }

    /// Returns a channel by id.
    pub(super) fn by_id(&mut self, id: &str, now: Instant) -> Option<&mut SimulatedChannel> {
        self.sweep(now);
        self.all.iter_mut().find(|channel| channel.id == id)
    }

    /// Returns a channel by nickname and id.
    pub(super) fn get(&mut self, nickname: &str, id: &str, now: Instant) -> Option<&mut SimulatedChannel> {
        self.by_id(id, now).filter(|channel| channel.nickname == nickname)
    }

    /// Restarts the lifetime of a channel.
    pub(super) fn renew(
        &mut self,
        nickname: &str,
        id: &str,
        faults: &ChannelFaults,
        now: Instant,
    ) -> Option<&SimulatedChannel> {
        let channel = self.get(nickname, id, now)?;
        channel.lifetime = faults.real_lifetime();
        channel.expires_at = now + channel.lifetime;
        channel.command(&ChannelCommand::Recheck);
        Some(channel)
    }

    /// Deletes a channel. Returns false if the channel does not exist.
    pub(super) fn delete(&mut self, nickname: &str, id: &str, now: Instant) -> bool {
        let Some(channel) = self.get(nickname, id, now) else { return false };
        channel.command(&ChannelCommand::Close);
        let number = channel.number;
        self.all.retain(|channel| channel.number != number);
        true
    }

    /// Adds a socket to a channel. Returns the socket number and the command receiver.
    pub(super) fn attach(&mut self, id: &str, now: Instant) -> Option<(u64, mpsc::Receiver<ChannelCommand>)> {
        self.next_socket += 1;
        let number = self.next_socket;
        let channel = self.by_id(id, now)?;
        let (commands, receiver) = mpsc::channel(MAX_QUEUED_COMMANDS);
        channel.sockets.push(OpenSocket { number, commands });
        Some((number, receiver))
    }

    /// Removes a socket from a channel.
    pub(super) fn detach(&mut self, id: &str, socket: u64) {
        if let Some(channel) = self.all.iter_mut().find(|channel| channel.id == id) {
            channel.sockets.retain(|one| one.number != socket);
        }
    }

    /// Sends a frame to every open socket of the topic. Each channel numbers its frames. Returns true if there was a
    /// socket.
    pub(super) fn send_to(
        &mut self,
        account: &str,
        topic: Topic<'_>,
        frame: &Notification,
        of: Option<&(Arc<str>, u64)>,
        now: Instant,
    ) -> bool {
        let mut sent = false;
        for channel in self.all.iter_mut().filter(|channel| channel.expires_at > now) {
            let selected = match topic {
                Topic::Call(kind) => channel
                    .call_subscriptions
                    .get(account)
                    .is_some_and(|kinds| kinds.is_empty() || kinds.iter().any(|one| one == kind)),
                Topic::Report => channel.report_subscriptions.contains_key(account),
            };
            if selected {
                let text = frame.text(channel.next_frame());
                channel.command(&ChannelCommand::Send(text.into(), of.cloned()));
                sent |= channel.is_connected();
            }
        }
        sent
    }

    /// Sends a command to every open socket. Returns true if there was one.
    pub(super) fn command_all(&mut self, command: &ChannelCommand) -> bool {
        self.all.iter_mut().for_each(|channel| channel.command(command));
        self.all.iter().any(SimulatedChannel::is_connected)
    }

    /// Sends a command to one open socket, chosen by `rng`.
    pub(super) fn command_one(&mut self, command: &ChannelCommand, rng: &mut fastrand::Rng) {
        let sockets = self.all.iter().flat_map(|channel| &channel.sockets).map(|socket| socket.number);
        let Some(chosen) = rng.choice(sockets.collect::<Vec<_>>()) else { return };
        for socket in self.all.iter_mut().flat_map(|channel| &mut channel.sockets) {
            if socket.number == chosen {
                drop(socket.commands.try_send(command.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribed(
        channels: &mut ChannelStore,
        kinds: &[&str],
        now: Instant,
    ) -> (String, mpsc::Receiver<ChannelCommand>) {
        let id = channels.create("n", &ChannelFaults::default(), now).unwrap().id.clone();
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        channels.by_id(&id, now).unwrap().call_subscriptions.insert("1".to_owned(), kinds);
        let (_, commands) = channels.attach(&id, now).unwrap();
        (id, commands)
    }

    #[test]
    fn frame_reaches_sockets_subscribed_to_account_and_type() {
        let (mut channels, now) = (ChannelStore::new(1), Instant::now());
        let (_, mut all) = subscribed(&mut channels, &[], now);
        let (_, mut endings) = subscribed(&mut channels, &["ENDING"], now);
        let frame = Notification::report("x", jiff::Timestamp::UNIX_EPOCH);
        assert!(channels.send_to("1", Topic::Call("STARTING"), &frame, None, now));
        assert!(all.try_recv().is_ok() && endings.try_recv().is_err());
        assert!(!channels.send_to("2", Topic::Call("STARTING"), &frame, None, now));
        assert!(!channels.send_to("1", Topic::Report, &frame, None, now));
    }

    #[test]
    fn socket_that_does_not_keep_up_is_dropped() {
        let (mut channels, now) = (ChannelStore::new(1), Instant::now());
        let (id, mut commands) = subscribed(&mut channels, &[], now);
        for _ in 0..MAX_QUEUED_COMMANDS {
            assert!(channels.command_all(&ChannelCommand::AnnounceClose));
        }
        assert!(!channels.command_all(&ChannelCommand::AnnounceClose));
        assert!(!channels.by_id(&id, now).unwrap().is_connected());
        let received = std::iter::from_fn(|| commands.try_recv().ok()).count();
        assert_eq!(received, MAX_QUEUED_COMMANDS);
    }

    #[test]
    fn channel_expires_unless_renewed() {
        let (mut channels, start) = (ChannelStore::new(1), Instant::now());
        let faults = ChannelFaults { lifetime: 10, ..ChannelFaults::default() };
        let at = |seconds| start + Duration::from_secs(seconds);
        let id = channels.create("n", &faults, start).unwrap().id.clone();
        assert!(channels.renew("n", &id, &faults, at(9)).is_some());
        assert!(channels.get("other", &id, at(9)).is_none());
        assert!(channels.get("n", &id, at(18)).is_some());
        assert!(channels.get("n", &id, at(19)).is_none());
    }

    #[test]
    fn channel_above_limit_is_rejected() {
        let (mut channels, now) = (ChannelStore::new(1), Instant::now());
        let faults = ChannelFaults::default();
        for _ in 0..50 {
            assert!(channels.create("n", &faults, now).is_ok());
        }
        assert_eq!(channels.create("n", &faults, now).err(), Some(ChannelLimit));
        let id = channels.newest_first().next().unwrap().id.clone();
        assert!(channels.delete("n", &id, now) && !channels.delete("n", &id, now));
        assert!(channels.create("n", &faults, now).is_ok());
    }
}
