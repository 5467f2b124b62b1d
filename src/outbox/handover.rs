//! Hand-over of new deliveries to waiting workers. A worker that waits for work accepts one delivery; the writer leases it
//! and hands it over after the commit, before the sync. Contains no SQL.

use crate::model::{delivery::Delivery, ids::SinkName};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// Slots of all sinks, shared by the writer and the workers.
#[derive(Debug, Default)]
pub(super) struct Slots(Mutex<HashMap<SinkName, Arc<Slot>>>);

/// Place where the writer puts a delivery for the worker of one sink.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Wakes the worker. A worker that is not waiting at that time finds a permit later.
    wakeup: Notify,
    state: Mutex<SlotState>,
}

#[derive(Debug, Default)]
struct SlotState {
    handover: Handover,
    /// Deliveries may wait that were not handed over.
    changed: bool,
}

#[derive(Debug, Default)]
enum Handover {
    /// The worker is busy.
    #[default]
    Closed,
    /// The worker waits for a delivery.
    Open,
    /// A delivery that the worker has not taken yet.
    Full(Box<Delivery>),
}

impl Slots {
    pub(super) fn for_sink(&self, sink: &SinkName) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(sink.clone()).or_default())
    }

    /// Returns whether the worker of `sink` waits for a delivery now.
    pub(super) fn is_open(&self, sink: &SinkName) -> bool {
        matches!(self.for_sink(sink).lock().handover, Handover::Open)
    }

    /// Hands a leased delivery over. Returns `false` if the worker does not wait any more.
    pub(super) fn hand_over(&self, delivery: &Delivery) -> bool {
        let slot = self.for_sink(&delivery.key.sink);
        let mut state = slot.lock();
        let is_open = matches!(state.handover, Handover::Open);
        if is_open {
            state.handover = Handover::Full(Box::new(delivery.clone()));
            drop(state);
            slot.wakeup.notify_one();
        }
        is_open
    }

    pub(super) fn wake(&self, sink: &SinkName) {
        self.for_sink(sink).wake();
    }

    pub(super) fn wake_all(&self) {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.values().for_each(|slot| slot.wake());
    }
}

impl Slot {
    /// Waits until deliveries may wait that were not handed over.
    pub(super) async fn woken(&self) {
        self.wakeup.notified().await;
        self.lock().changed = false;
    }

    fn wake(&self) {
        self.lock().changed = true;
        self.wakeup.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker's wait for a delivery. If the wait is dropped, `release` gets a delivery that arrived in the meantime.
pub(super) struct Receiving<F: Fn(Delivery)> {
    slot: Arc<Slot>,
    release: F,
}

impl<F: Fn(Delivery)> Receiving<F> {
    /// Opens the slot.
    pub(super) fn start(slot: Arc<Slot>, release: F) -> Self {
        slot.lock().handover = Handover::Open;
        Self { slot, release }
    }

    /// Waits for a wake-up. Returns the delivery, if one was handed over.
    pub(super) async fn wait(self) -> Option<Delivery> {
        self.slot.wakeup.notified().await;
        let mut state = self.slot.lock();
        if let Handover::Full(delivery) = std::mem::take(&mut state.handover) {
            // One permit stood for the delivery and for other changes.
            if state.changed {
                self.slot.wakeup.notify_one();
            }
            return Some(*delivery);
        }
        state.changed = false;
        None
    }
}

impl<F: Fn(Delivery)> Drop for Receiving<F> {
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.slot.lock().handover);
        if let Handover::Full(delivery) = left {
            (self.release)(*delivery);
            self.slot.wake();
        }
    }
}
