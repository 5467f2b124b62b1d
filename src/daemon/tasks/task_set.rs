//! Reconciles named tasks of one kind (a worker per sink, a relay per connection) with the required ones. Pure: the caller
//! starts and stops them.
//!
//! A task with changed settings is stopped first and started after its exit: two tasks never share a name.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use std::collections::BTreeMap;

/// Required and running tasks of one kind. `N` is their name, `C` their settings.
#[derive(Debug)]
pub struct TaskSet<N, C> {
    wanted: BTreeMap<N, C>,
    running: BTreeMap<N, RunningTask<C>>,
}

#[derive(Debug)]
struct RunningTask<C> {
    settings: C,
    stopping: bool,
}

/// An action for the caller.
#[derive(Debug, PartialEq, Eq)]
pub enum TaskAction<N, C> {
    /// Request the task to stop.
    Stop(N),
    /// Start the task with these settings.
    Start(N, C),
}

/// The meaning of a task's exit.
#[derive(Debug, PartialEq, Eq)]
pub enum TaskExit<C> {
    /// Requested; with the settings to restart with, if any.
    Requested(Option<C>),
    /// Unexpected: a failure.
    Unexpected,
}

/// Numbers of tasks changed by a reconciliation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Added names.
    pub added: usize,
    /// Kept names with other settings.
    pub changed: usize,
    /// Removed names.
    pub removed: usize,
}

impl<N, C> Default for TaskSet<N, C> {
    fn default() -> Self {
        Self { wanted: BTreeMap::new(), running: BTreeMap::new() }
    }
}

impl<N: Ord + Clone, C: PartialEq + Clone> TaskSet<N, C> {
    /// Sets the required tasks. Returns the actions to take and the number of changes.
    pub fn reconcile(&mut self, wanted: BTreeMap<N, C>) -> (Vec<TaskAction<N, C>>, Changes) {
        let before = std::mem::replace(&mut self.wanted, wanted);
        let changes = Changes {
            added: self.wanted.keys().filter(|name| !before.contains_key(*name)).count(),
            changed: self
                .wanted
                .iter()
                .filter(|(name, settings)| before.get(*name).is_some_and(|old| old != *settings))
                .count(),
            removed: before.keys().filter(|name| !self.wanted.contains_key(*name)).count(),
        };
        let mut actions = Vec::new();
        for (name, task) in &mut self.running {
            if !task.stopping && self.wanted.get(name) != Some(&task.settings) {
                task.stopping = true;
                actions.push(TaskAction::Stop(name.clone()));
            }
        }
        for (name, settings) in &self.wanted {
            if !self.running.contains_key(name) {
                self.running.insert(name.clone(), RunningTask { settings: settings.clone(), stopping: false });
                actions.push(TaskAction::Start(name.clone(), settings.clone()));
            }
        }
        (actions, changes)
    }

    /// Records the exit of a task. A requested exit of a required task counts as its restart.
    pub fn on_exit(&mut self, name: &N) -> TaskExit<C> {
        match self.running.remove(name) {
            Some(RunningTask { stopping: true, .. }) => {
                let restart = self.wanted.get(name).cloned();
                if let Some(settings) = &restart {
                    self.running.insert(name.clone(), RunningTask { settings: settings.clone(), stopping: false });
                }
                TaskExit::Requested(restart)
            }
            Some(_) | None => TaskExit::Unexpected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted<const S: usize>(all: [(&'static str, u8); S]) -> BTreeMap<&'static str, u8> {
        all.into()
    }

    #[test]
    fn reconcile_stops_only_changed_and_removed_tasks() {
        let mut tasks = TaskSet::default();
        let (actions, _) = tasks.reconcile(wanted([("a", 1), ("b", 1), ("c", 1)]));
        assert_eq!(actions, [TaskAction::Start("a", 1), TaskAction::Start("b", 1), TaskAction::Start("c", 1)]);
        let (actions, changes) = tasks.reconcile(wanted([("a", 1), ("b", 2), ("d", 1)]));
        assert_eq!(actions, [TaskAction::Stop("b"), TaskAction::Stop("c"), TaskAction::Start("d", 1)]);
        assert_eq!(changes, Changes { added: 1, changed: 1, removed: 1 });
        assert_eq!(tasks.reconcile(wanted([("a", 1), ("b", 2), ("d", 1)])), (vec![], Changes::default()));
    }

    #[test]
    fn changed_task_restarts_after_exit_with_newest_settings() {
        let mut tasks = TaskSet::default();
        tasks.reconcile(wanted([("a", 1)]));
        assert_eq!(tasks.reconcile(wanted([("a", 2)])).0, [TaskAction::Stop("a")]);
        assert_eq!(tasks.reconcile(wanted([("a", 3)])).0, [], "the old task is still stopping");
        assert_eq!(tasks.on_exit(&"a"), TaskExit::Requested(Some(3)));
        assert_eq!(tasks.reconcile(wanted([])).0, [TaskAction::Stop("a")]);
        assert_eq!(tasks.on_exit(&"a"), TaskExit::Requested(None));
        assert_eq!(tasks.reconcile(wanted([("a", 4)])).0, [TaskAction::Start("a", 4)]);
    }

    #[test]
    fn exit_without_request_is_unexpected() {
        let mut tasks = TaskSet::default();
        tasks.reconcile(wanted([("a", 1)]));
        assert_eq!(tasks.on_exit(&"a"), TaskExit::<u8>::Unexpected);
    }
}
