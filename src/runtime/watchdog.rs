//! Task heartbeats. Each task reports when it is busy and until when it is idle; the monitor lists the stalled tasks. Pure:
//! `now` is an argument. The caller decides what to do about a stalled task.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Heartbeats of all tasks; clones share them.
#[derive(Debug, Clone, Default)]
pub struct TaskMonitor(Arc<TaskStates>);

#[derive(Debug, Default)]
struct TaskStates {
    next_id: AtomicU64,
    tasks: Mutex<BTreeMap<u64, (String, TaskState)>>,
}

/// Heartbeat of one task. Dropping the heartbeat removes the task from the monitor.
#[derive(Debug)]
pub struct TaskHeartbeat {
    monitor: TaskMonitor,
    id: u64,
}

/// Last reported state of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Busy with one unit of work since this time.
    Busy(Instant),
    /// Idle until this time; `None`: idle without a deadline.
    Idle(Option<Instant>),
}

impl TaskState {
    /// Returns whether the task is overdue: busy with one unit of work, or past its idle deadline, for longer than
    /// `patience`.
    #[must_use]
    pub fn is_stalled(self, now: Instant, patience: Duration) -> bool {
        let since = match self {
            Self::Busy(since) => since,
            Self::Idle(Some(until)) => until,
            Self::Idle(None) => return false,
        };
        now.saturating_duration_since(since) > patience
    }
}

impl TaskMonitor {
    /// Registers a task, busy from `now` on. `name` is for the journal.
    #[must_use]
    pub fn register(&self, name: String, now: Instant) -> TaskHeartbeat {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        self.tasks().insert(id, (name, TaskState::Busy(now)));
        TaskHeartbeat { monitor: self.clone(), id }
    }

    /// Returns the names of the stalled tasks.
    #[must_use]
    pub fn stalled(&self, now: Instant, patience: Duration) -> Vec<String> {
        let tasks = self.tasks();
        let stalled = tasks.values().filter(|(_, state)| state.is_stalled(now, patience));
        stalled.map(|(name, _)| name.clone()).collect()
    }

    fn tasks(&self) -> MutexGuard<'_, BTreeMap<u64, (String, TaskState)>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TaskHeartbeat {
    /// Reports that the task starts its next_id unit of work.
    pub fn busy(&self, now: Instant) {
        self.set(TaskState::Busy(now));
    }

    /// Reports that the task is idle until `until`; `None`: without a deadline.
    pub fn idle_until(&self, until: Option<Instant>) {
        self.set(TaskState::Idle(until));
    }

    fn set(&self, state: TaskState) {
        if let Some((_, last)) = self.monitor.tasks().get_mut(&self.id) {
            *last = state;
        }
    }
}

impl Drop for TaskHeartbeat {
    fn drop(&mut self) {
        self.monitor.tasks().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn task_is_stalled_when_busy_or_past_deadline_too_long() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        for (state, now, stalled) in [
            (TaskState::Busy(at(0)), at(30), false),
            (TaskState::Busy(at(0)), at(31), true),
            (TaskState::Idle(Some(at(300))), at(299), false),
            (TaskState::Idle(Some(at(300))), at(330), false),
            (TaskState::Idle(Some(at(300))), at(331), true),
            (TaskState::Idle(None), at(1_000_000), false),
            (TaskState::Busy(at(9)), at(0), false),
        ] {
            assert_eq!(state.is_stalled(now, PATIENCE), stalled, "{state:?} at {:?}", now - start);
        }
    }

    #[test]
    fn stalled_lists_registered_tasks_only() {
        let (monitor, start) = (TaskMonitor::default(), Instant::now());
        let (relay, worker) = (monitor.register("relay".into(), start), monitor.register("worker".into(), start));
        let late = start + Duration::from_secs(60);
        assert_eq!(monitor.stalled(late, PATIENCE), ["relay", "worker"]);
        worker.busy(late);
        assert_eq!(monitor.stalled(late, PATIENCE), ["relay"]);
        drop(relay);
        assert!(monitor.stalled(late, PATIENCE).is_empty());
    }
}
