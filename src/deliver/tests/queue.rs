//! An outbox in memory, as far as a worker needs one.

use crate::model::{
    call::{Bound, Call, Caller, Moment, MomentKind, Telling},
    card::{CallCard, Card, Findings, Notice},
    delivery::{
        Admission, Admitted, Attempt, Delivery, DeliveryId, Form, Key, Outbox, QueueError, Settle, Settlement, Subject,
    },
    ids::{AccountKey, ConnectionName, ConversationSpaceId, SinkName},
    phone::{Number, Region},
    time::{Timestamp, after},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Notify;

/// How a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Waits(Timestamp),
    Leased,
    Delivered,
    Dead(String),
}

#[derive(Debug, Clone)]
pub struct Row {
    pub delivery: Delivery,
    pub state: State,
    pub tries: Vec<Attempt>,
}

#[derive(Default)]
struct Inside {
    rows: BTreeMap<DeliveryId, Row>,
    news: HashMap<SinkName, Arc<Notify>>,
    refusals: u32,
    late: Option<(SinkName, String)>,
    stopped: bool,
}

#[derive(Clone, Default)]
pub struct Queue(Arc<Mutex<Inside>>);

pub fn notice(title: &str) -> Card {
    Card::Notice(Notice { title: title.to_owned(), advice: String::new(), over: false })
}

pub fn delivery(id: i64, title: &str) -> Delivery {
    Delivery {
        id: DeliveryId(id),
        key: Key {
            subject: Subject::Other(title.to_owned()),
            moment: MomentKind::Ended,
            sink: SinkName::try_from("desk").unwrap(),
        },
        card: notice(title),
        admitted: after(Timestamp::UNIX_EPOCH, Duration::from_secs(u64::try_from(id).unwrap())),
        attempts: 0,
        plain: false,
        form: Form::Message,
    }
}

/// The card of a call that rang at `at`.
pub fn ring(at: Timestamp) -> CallCard {
    let call = Call {
        id: ConversationSpaceId::try_from("a").unwrap(),
        connection: ConnectionName::try_from("main").unwrap(),
        region: Region::US,
        account: AccountKey::try_from("2930718022414574861").unwrap(),
        bound: Bound::Inbound,
        caller: Caller { name: None, number: Number::read(Some("+15145550199"), Region::US) },
        ours: None,
        queues: vec![],
        people: vec![],
        transfers: vec![],
        answered: None,
        queued: None,
        started: at,
        late: false,
        lost: false,
        revised: None,
        course: crate::model::call::Course::default(),
    };
    CallCard::new(Telling { call, moment: Moment::Ringing, at }, Findings::default())
}

impl Queue {
    /// Admits a notice by its title.
    pub fn add(&self, sink: &SinkName, title: &str) {
        let mut inside = self.0.lock().unwrap();
        let id = i64::try_from(inside.rows.len()).unwrap() + 1;
        let mut delivery = delivery(id, title);
        delivery.key.sink = sink.clone();
        delivery.admitted = Timestamp::now();
        let state = State::Waits(Timestamp::UNIX_EPOCH);
        inside.rows.insert(DeliveryId(id), Row { delivery, state, tries: Vec::new() });
        inside.news.entry(sink.clone()).or_default().notify_waiters();
    }

    /// Admits a delivery as it is.
    pub fn put(&self, delivery: Delivery) {
        let mut inside = self.0.lock().unwrap();
        let sink = delivery.key.sink.clone();
        let state = State::Waits(Timestamp::UNIX_EPOCH);
        inside.rows.insert(delivery.id, Row { delivery, state, tries: Vec::new() });
        inside.news.entry(sink).or_default().notify_waiters();
    }

    /// Adds a notice as late as can be: when a worker has found nothing and has asked when to look again.
    pub fn add_late(&self, sink: &SinkName, title: &str) {
        self.0.lock().unwrap().late = Some((sink.clone(), title.to_owned()));
    }

    /// The next `times` calls are refused.
    pub fn refuse(&self, times: u32) {
        self.0.lock().unwrap().refusals = times;
    }

    pub fn end(&self) {
        self.0.lock().unwrap().stopped = true;
    }

    pub fn row(&self, title: &str) -> Row {
        let subject = Subject::Other(title.to_owned());
        self.0.lock().unwrap().rows.values().find(|row| row.delivery.key.subject == subject).unwrap().clone()
    }

    fn open(&self) -> Result<std::sync::MutexGuard<'_, Inside>, QueueError> {
        let mut inside = self.0.lock().unwrap();
        if inside.stopped {
            return Err(QueueError::Stopped);
        }
        if inside.refusals > 0 {
            inside.refusals -= 1;
            return Err(QueueError::Store("the disk is full".into()));
        }
        Ok(inside)
    }
}

impl Outbox for Queue {
    async fn note(&self, _: Telling) -> Result<(), QueueError> {
        Ok(())
    }

    async fn admit(
        &self,
        _: Option<(ConversationSpaceId, MomentKind)>,
        _: Vec<Admission>,
    ) -> Result<Vec<Admitted>, QueueError> {
        Ok(Vec::new())
    }

    async fn noted(&self) -> Result<Vec<Telling>, QueueError> {
        Ok(Vec::new())
    }

    async fn waiting(&self, sink: &SinkName, now: Timestamp, most: usize) -> Result<Vec<Delivery>, QueueError> {
        let inside = self.open()?;
        let due = inside.rows.values().filter(|row| matches!(row.state, State::Waits(due) if due <= now));
        Ok(due.map(|row| row.delivery.clone()).filter(|one| one.key.sink == *sink).take(most).collect())
    }

    async fn lease(&self, ids: Vec<DeliveryId>) -> Result<Vec<Delivery>, QueueError> {
        let mut inside = self.open()?;
        let mut leased = Vec::new();
        let ids: std::collections::BTreeSet<DeliveryId> = ids.into_iter().collect();
        for id in ids {
            let row = inside.rows.get_mut(&id).unwrap();
            assert!(matches!(row.state, State::Waits(_)), "leased twice");
            row.state = State::Leased;
            leased.push(row.delivery.clone());
        }
        Ok(leased)
    }

    async fn settle(&self, settles: Vec<Settle>) -> Result<(), QueueError> {
        let mut inside = self.open()?;
        for settle in settles {
            let row = inside.rows.get_mut(&settle.id).unwrap();
            assert_eq!(row.state, State::Leased, "settled without a lease");
            row.delivery.attempts += u32::from(settle.attempt.is_some());
            row.tries.extend(settle.attempt);
            row.state = match settle.settlement {
                Settlement::Delivered => State::Delivered,
                Settlement::Shown(place) => {
                    row.delivery.form = Form::Living { at: Some(place), lost: false };
                    State::Delivered
                }
                Settlement::Lost => {
                    row.delivery.form = Form::Living { at: None, lost: true };
                    State::Waits(Timestamp::UNIX_EPOCH)
                }
                Settlement::Dead(why) => State::Dead(why),
                Settlement::Released => State::Waits(Timestamp::UNIX_EPOCH),
                Settlement::Retry { not_before, plain } => {
                    row.delivery.plain = plain;
                    State::Waits(not_before)
                }
            };
        }
        Ok(())
    }

    async fn next_due(&self, sink: &SinkName) -> Result<Option<Timestamp>, QueueError> {
        let mut inside = self.open()?;
        let late = inside.late.take_if(|(whose, _)| whose == sink);
        let rows = inside.rows.values().filter(|row| row.delivery.key.sink == *sink);
        let due = rows.filter_map(|row| if let State::Waits(due) = row.state { Some(due) } else { None }).min();
        drop(inside);
        if let Some((sink, title)) = late {
            self.add(&sink, &title);
        }
        Ok(due)
    }

    async fn news(&self, sink: &SinkName) {
        let news = self.0.lock().unwrap().news.entry(sink.clone()).or_default().clone();
        news.notified().await;
    }
}
