//! An in-memory outbox with the operations a worker uses.

use crate::model::{
    call::{Call, CallStatus, CallUpdate, Caller, StatusKind},
    card::{Alert, CallCard, CallerInfo, Card},
    claim::{Press, PressResult},
    delivery::{
        Attempt, Delivery, DeliveryId, DeliveryKey, EnqueueResult, MessageRef, NewDelivery, Outbox, OutboxError,
        PostMode, SettleRequest, Settlement, Subject,
    },
    ids::{AccountKey, ConnectionName, ConversationSpaceId, SinkName},
    phone::{PhoneNumber, Region},
    time::{Timestamp, after},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Notify;

/// State of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryState {
    Waiting(Timestamp),
    Leased,
    Delivered,
    Dead(String),
}

#[derive(Debug, Clone)]
pub struct Row {
    pub delivery: Delivery,
    pub state: DeliveryState,
    pub attempts: Vec<Attempt>,
}

#[derive(Default)]
struct Inner {
    rows: BTreeMap<DeliveryId, Row>,
    news: HashMap<SinkName, Arc<Notify>>,
    failures_left: u32,
    late_alert: Option<(SinkName, String)>,
    stopped: bool,
    /// Sinks whose workers wait for a hand-over, each with the delivery that was handed over.
    receiving: HashMap<SinkName, Option<Delivery>>,
    /// Number of queries for due deliveries.
    queries: usize,
    presses: Vec<Press>,
}

#[derive(Clone, Default)]
pub struct MemoryOutbox(Arc<Mutex<Inner>>);

pub fn notice(title: &str) -> Card {
    Card::Alert(Alert { title: title.to_owned(), advice: String::new(), resolved: false })
}

pub fn delivery(id: i64, title: &str) -> Delivery {
    Delivery {
        id: DeliveryId(id),
        key: DeliveryKey {
            subject: Subject::Named(title.to_owned()),
            status: StatusKind::Ended,
            sink: SinkName::try_from("desk").unwrap(),
        },
        card: notice(title),
        enqueued_at: after(Timestamp::UNIX_EPOCH, Duration::from_secs(u64::try_from(id).unwrap())),
        attempts: 0,
        plain: false,
        mode: PostMode::Post,
    }
}

/// Builds the card of a call ringing at `at`.
pub fn ring(at: Timestamp) -> CallCard {
    let call = Call::new(
        ConversationSpaceId::try_from("a").unwrap(),
        ConnectionName::try_from("main").unwrap(),
        AccountKey::try_from("2930718022414574861").unwrap(),
        Region::US,
        Caller { name: None, number: PhoneNumber::parse(Some("+15145550199"), Region::US) },
        at,
    );
    CallCard::new(CallUpdate { call, status: CallStatus::Ringing, at }, CallerInfo::default())
}

impl MemoryOutbox {
    /// Enqueues an alert with a title.
    pub fn add(&self, sink: &SinkName, title: &str) {
        let mut inner = self.0.lock().unwrap();
        let id = i64::try_from(inner.rows.len()).unwrap() + 1;
        let mut delivery = delivery(id, title);
        delivery.key.sink = sink.clone();
        delivery.enqueued_at = Timestamp::now();
        let mut state = DeliveryState::Waiting(Timestamp::UNIX_EPOCH);
        if let Some(slot @ None) = inner.receiving.get_mut(sink) {
            *slot = Some(delivery.clone());
            state = DeliveryState::Leased;
        }
        inner.rows.insert(DeliveryId(id), Row { delivery, state, attempts: Vec::new() });
        inner.news.entry(sink.clone()).or_default().notify_one();
    }

    /// Enqueues a delivery unchanged.
    pub fn put(&self, delivery: Delivery) {
        let mut inner = self.0.lock().unwrap();
        let sink = delivery.key.sink.clone();
        let state = DeliveryState::Waiting(Timestamp::UNIX_EPOCH);
        inner.rows.insert(delivery.id, Row { delivery, state, attempts: Vec::new() });
        inner.news.entry(sink).or_default().notify_one();
    }

    /// Enqueues an alert at the last possible time: after a worker found nothing and queried the next due time.
    pub fn add_late(&self, sink: &SinkName, title: &str) {
        self.0.lock().unwrap().late_alert = Some((sink.clone(), title.to_owned()));
    }

    /// Fails the next `times` requests.
    pub fn fail_next(&self, times: u32) {
        self.0.lock().unwrap().failures_left = times;
    }

    pub fn end(&self) {
        self.0.lock().unwrap().stopped = true;
    }

    /// Returns whether the worker of `sink` waits for a hand-over.
    pub fn is_received_by(&self, sink: &SinkName) -> bool {
        self.0.lock().unwrap().receiving.contains_key(sink)
    }

    pub fn queries(&self) -> usize {
        self.0.lock().unwrap().queries
    }

    pub fn row(&self, title: &str) -> Row {
        let subject = Subject::Named(title.to_owned());
        self.0.lock().unwrap().rows.values().find(|row| row.delivery.key.subject == subject).unwrap().clone()
    }

    fn lock(&self) -> Result<std::sync::MutexGuard<'_, Inner>, OutboxError> {
        let mut inner = self.0.lock().unwrap();
        if inner.stopped {
            return Err(OutboxError::Stopped);
        }
        if inner.failures_left > 0 {
            inner.failures_left -= 1;
            return Err(OutboxError::Store("the disk is full".into()));
        }
        Ok(inner)
    }
}

impl Outbox for MemoryOutbox {
    async fn save_pending(&self, _: CallUpdate) -> Result<(), OutboxError> {
        Ok(())
    }

    async fn enqueue(
        &self,
        _: Option<(ConversationSpaceId, StatusKind)>,
        _: Vec<NewDelivery>,
    ) -> Result<Vec<EnqueueResult>, OutboxError> {
        Ok(Vec::new())
    }

    async fn pending(&self) -> Result<Vec<CallUpdate>, OutboxError> {
        Ok(Vec::new())
    }

    async fn due(&self, sink: &SinkName, now: Timestamp, most: usize) -> Result<Vec<Delivery>, OutboxError> {
        let mut inner = self.lock()?;
        inner.queries += 1;
        let due = inner.rows.values().filter(|row| matches!(row.state, DeliveryState::Waiting(due) if due <= now));
        Ok(due.map(|row| row.delivery.clone()).filter(|one| one.key.sink == *sink).take(most).collect())
    }

    async fn lease(&self, ids: Vec<DeliveryId>) -> Result<Vec<Delivery>, OutboxError> {
        let mut inner = self.lock()?;
        let mut leased = Vec::new();
        let ids: std::collections::BTreeSet<DeliveryId> = ids.into_iter().collect();
        for id in ids {
            let row = inner.rows.get_mut(&id).unwrap();
            assert!(matches!(row.state, DeliveryState::Waiting(_)), "leased twice");
            row.state = DeliveryState::Leased;
            leased.push(row.delivery.clone());
        }
        Ok(leased)
    }

    async fn settle(&self, settles: Vec<SettleRequest>) -> Result<(), OutboxError> {
        let mut inner = self.lock()?;
        for settle in settles {
            let row = inner.rows.get_mut(&settle.id).unwrap();
            assert_eq!(row.state, DeliveryState::Leased, "settled without a lease");
            row.delivery.attempts += u32::from(settle.attempt.is_some());
            row.attempts.extend(settle.attempt);
            row.state = match settle.settlement {
                Settlement::Delivered => DeliveryState::Delivered,
                Settlement::Posted(place) => {
                    row.delivery.mode = PostMode::Live { message: Some(place), reposted: false };
                    DeliveryState::Delivered
                }
                Settlement::Repost => {
                    row.delivery.mode = PostMode::Live { message: None, reposted: true };
                    DeliveryState::Waiting(Timestamp::UNIX_EPOCH)
                }
                Settlement::Dead(why) => DeliveryState::Dead(why),
                Settlement::Released => DeliveryState::Waiting(Timestamp::UNIX_EPOCH),
                Settlement::Retry { not_before, plain } => {
                    row.delivery.plain = plain;
                    DeliveryState::Waiting(not_before)
                }
            };
        }
        Ok(())
    }

    async fn press(&self, _: ConversationSpaceId, _: MessageRef, press: Press) -> Result<PressResult, OutboxError> {
        let mut inner = self.lock()?;
        inner.presses.push(press);
        Ok(PressResult::Applied)
    }

    async fn next_due(&self, sink: &SinkName) -> Result<Option<Timestamp>, OutboxError> {
        let mut inner = self.lock()?;
        let late_alert = inner.late_alert.take_if(|(whose, _)| whose == sink);
        let rows = inner.rows.values().filter(|row| row.delivery.key.sink == *sink);
        let due =
            rows.filter_map(|row| if let DeliveryState::Waiting(due) = row.state { Some(due) } else { None }).min();
        drop(inner);
        if let Some((sink, title)) = late_alert {
            self.add(&sink, &title);
        }
        Ok(due)
    }

    async fn wakeup(&self, sink: &SinkName) {
        let news = self.0.lock().unwrap().news.entry(sink.clone()).or_default().clone();
        news.notified().await;
    }

    async fn receive(&self, sink: &SinkName) -> Option<Delivery> {
        /// Guard of a wait: a delivery that was handed over to a dropped wait waits again.
        struct Receiving<'a>(&'a MemoryOutbox, &'a SinkName);
        impl Drop for Receiving<'_> {
            fn drop(&mut self) {
                let mut inner = self.0.0.lock().unwrap();
                if let Some(Some(delivery)) = inner.receiving.remove(self.1) {
                    inner.rows.get_mut(&delivery.id).unwrap().state = DeliveryState::Waiting(Timestamp::UNIX_EPOCH);
                    inner.news.entry(self.1.clone()).or_default().notify_one();
                }
            }
        }
        self.0.lock().unwrap().receiving.insert(sink.clone(), None);
        let _receiving = Receiving(self, sink);
        self.wakeup(sink).await;
        self.0.lock().unwrap().receiving.remove(sink).flatten()
    }
}
