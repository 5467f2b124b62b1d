//! The notification channels of the one user: their lives, who listens on them, what they are subscribed to. The book
//! behind the channel and subscription endpoints and the sockets; no HTTP, no clock.

use super::faults::ChannelFaults;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// What a socket is told to do.
#[derive(Debug, Clone)]
pub(super) enum Order {
    /// Send this; if it is of a call, the call (and the state's number) counts as heard once it is written.
    Say(Utf8Bytes, Option<(Arc<str>, u64)>),
    /// The channel's life has changed: look again.
    Look,
    /// Say that the end is near, then close.
    Announce,
    /// Close with a close frame.
    Close,
    /// Drop the connection without a word.
    Cut,
}

/// One open socket.
#[derive(Debug)]
struct Seat {
    number: u64,
    orders: mpsc::UnboundedSender<Order>,
}

/// One channel.
#[derive(Debug)]
pub(super) struct Channel {
    /// Opaque, some 85 URL-safe characters.
    pub(super) id: String,
    /// As the client chose it.
    pub(super) nickname: String,
    /// Channels are numbered as they are made.
    pub(super) number: u64,
    /// Real life from the last renewal.
    pub(super) life: Duration,
    /// When it ends if nobody renews it.
    pub(super) until: Instant,
    /// Accounts whose call events it gets, with the state types; empty: all types.
    pub(super) calls: BTreeMap<String, Vec<String>>,
    /// Accounts whose reports it gets, with the id of the subscription.
    pub(super) reports: BTreeMap<String, String>,
    seats: Vec<Seat>,
}

impl Channel {
    /// Whether a socket is open on it.
    pub(super) const fn connected(&self) -> bool {
        !self.seats.is_empty()
    }

    fn order(&mut self, order: &Order) {
        self.seats.retain(|seat| seat.orders.send(order.clone()).is_ok());
    }
}

/// A frame's addressees.
#[derive(Debug, Clone, Copy)]
pub(super) enum Topic<'a> {
    /// A state of a call, with its type.
    Call(&'a str),
    /// A report of a call.
    Report,
    /// Everybody who has an open socket, subscribed or not.
    Everybody,
}

/// The user has too many channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// All channels, oldest first.
#[derive(Debug)]
pub(super) struct Channels {
    all: Vec<Channel>,
    made: u64,
    seated: u64,
    dice: fastrand::Rng,
}

impl Channels {
    /// No channels yet.
    pub(super) fn new(seed: u64) -> Self {
        Self { all: Vec::new(), made: 0, seated: 0, dice: fastrand::Rng::with_seed(seed) }
    }

    /// Lets the channels go whose life is over; their sockets close.
    pub(super) fn sweep(&mut self, now: Instant) {
        for channel in self.all.iter_mut().filter(|channel| channel.until <= now) {
            channel.order(&Order::Close);
        }
        self.all.retain(|channel| channel.until > now);
    }

    /// A new channel.
    pub(super) fn create(&mut self, nickname: &str, terms: &ChannelFaults, now: Instant) -> Result<&Channel, Full> {
        self.sweep(now);
        if self.all.len() >= terms.limit {
            return Err(Full);
        }
        let id: String = std::iter::repeat_with(|| self.dice.alphanumeric()).take(85).collect();
        self.made += 1;
        self.all.push(Channel {
            id,
            nickname: nickname.to_owned(),
            number: self.made,
            life: terms.life(),
            until: now + terms.life(),
            calls: BTreeMap::new(),
            reports: BTreeMap::new(),
            seats: Vec::new(),
        });
        self.all.last().ok_or(Full)
    }

    /// All channels, newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Channel> {
        self.all.iter().rev()
    }

    /// A channel by its id.
    pub(super) fn by_id(&mut self, id: &str, now: Instant) -> Option<&mut Channel> {
        self.sweep(now);
        self.all.iter_mut().find(|channel| channel.id == id)
    }

    /// A channel by nickname and id.
    pub(super) fn get(&mut self, nickname: &str, id: &str, now: Instant) -> Option<&mut Channel> {
        self.by_id(id, now).filter(|channel| channel.nickname == nickname)
    }

    /// Starts a channel's life anew.
    pub(super) fn renew(&mut self, nickname: &str, id: &str, terms: &ChannelFaults, now: Instant) -> Option<&Channel> {
        let channel = self.get(nickname, id, now)?;
        channel.life = terms.life();
        channel.until = now + channel.life;
        channel.order(&Order::Look);
        Some(channel)
    }

    /// Ends a channel; false if there is none.
    pub(super) fn delete(&mut self, nickname: &str, id: &str, now: Instant) -> bool {
        let Some(channel) = self.get(nickname, id, now) else { return false };
        channel.order(&Order::Close);
        let number = channel.number;
        self.all.retain(|channel| channel.number != number);
        true
    }

    /// A socket opens on a channel: its seat's number and its orders.
    pub(super) fn sit(&mut self, id: &str, now: Instant) -> Option<(u64, mpsc::UnboundedReceiver<Order>)> {
        self.seated += 1;
        let number = self.seated;
        let channel = self.by_id(id, now)?;
        let (orders, receiver) = mpsc::unbounded_channel();
        channel.seats.push(Seat { number, orders });
        Some((number, receiver))
    }

    /// A socket has gone.
    pub(super) fn leave(&mut self, id: &str, seat: u64) {
        if let Some(channel) = self.all.iter_mut().find(|channel| channel.id == id) {
            channel.seats.retain(|one| one.number != seat);
        }
    }

    /// Hands a frame to every open socket that is meant. True if there was one.
    pub(super) fn tell(&mut self, account: &str, topic: Topic<'_>, order: &Order, now: Instant) -> bool {
        let mut told = false;
        for channel in self.all.iter_mut().filter(|channel| channel.until > now) {
            let meant = match topic {
                Topic::Call(kind) => channel
                    .calls
                    .get(account)
                    .is_some_and(|kinds| kinds.is_empty() || kinds.iter().any(|one| one == kind)),
                Topic::Report => channel.reports.contains_key(account),
                Topic::Everybody => true,
            };
            if meant {
                channel.order(order);
                told |= channel.connected();
            }
        }
        told
    }

    /// Gives every open socket an order.
    pub(super) fn order_all(&mut self, order: &Order) {
        self.all.iter_mut().for_each(|channel| channel.order(order));
    }

    /// Gives one open socket an order, chosen by `dice`.
    pub(super) fn order_one(&mut self, order: &Order, dice: &mut fastrand::Rng) {
        let seats = self.all.iter().flat_map(|channel| &channel.seats).map(|seat| seat.number);
        let Some(chosen) = dice.choice(seats.collect::<Vec<_>>()) else { return };
        for seat in self.all.iter_mut().flat_map(|channel| &mut channel.seats) {
            if seat.number == chosen {
                drop(seat.orders.send(order.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscribed(channels: &mut Channels, kinds: &[&str], now: Instant) -> (String, mpsc::UnboundedReceiver<Order>) {
        let id = channels.create("n", &ChannelFaults::default(), now).unwrap().id.clone();
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        channels.by_id(&id, now).unwrap().calls.insert("1".to_owned(), kinds);
        let (_, orders) = channels.sit(&id, now).unwrap();
        (id, orders)
    }

    #[test]
    fn a_frame_reaches_the_sockets_that_are_subscribed_to_its_account_and_type() {
        let (mut channels, now) = (Channels::new(1), Instant::now());
        let (_, mut all) = subscribed(&mut channels, &[], now);
        let (_, mut endings) = subscribed(&mut channels, &["ENDING"], now);
        let frame = Order::Say("x".into(), None);
        assert!(channels.tell("1", Topic::Call("STARTING"), &frame, now));
        assert!(all.try_recv().is_ok() && endings.try_recv().is_err());
        assert!(!channels.tell("2", Topic::Call("STARTING"), &frame, now));
        assert!(!channels.tell("1", Topic::Report, &frame, now));
    }

    #[test]
    fn a_channel_ends_with_its_life_unless_it_is_renewed() {
        let (mut channels, start) = (Channels::new(1), Instant::now());
        let terms = ChannelFaults { lifetime: 10, ..ChannelFaults::default() };
        let at = |seconds| start + Duration::from_secs(seconds);
        let id = channels.create("n", &terms, start).unwrap().id.clone();
        assert!(channels.renew("n", &id, &terms, at(9)).is_some());
        assert!(channels.get("other", &id, at(9)).is_none());
        assert!(channels.get("n", &id, at(18)).is_some());
        assert!(channels.get("n", &id, at(19)).is_none());
    }

    #[test]
    fn one_channel_over_the_limit_is_refused() {
        let (mut channels, now) = (Channels::new(1), Instant::now());
        let terms = ChannelFaults::default();
        for _ in 0..50 {
            assert!(channels.create("n", &terms, now).is_ok());
        }
        assert_eq!(channels.create("n", &terms, now).err(), Some(Full));
        let id = channels.newest_first().next().unwrap().id.clone();
        assert!(channels.delete("n", &id, now) && !channels.delete("n", &id, now));
        assert!(channels.create("n", &terms, now).is_ok());
    }
}
