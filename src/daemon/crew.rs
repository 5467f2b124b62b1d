//! Named loops of one kind (a worker for each sink, a relay for each login): which are wanted, which run, and what has to
//! be started and stopped to get there. Pure: whoever asks starts and stops them.
//!
//! A loop whose settings changed is stopped, and started anew only when it has ended: there are never two of one name.

use std::collections::BTreeMap;

/// The loops of one kind. `N` is their name, `C` what they are started with.
#[derive(Debug)]
pub struct Crew<N, C> {
    wanted: BTreeMap<N, C>,
    running: BTreeMap<N, Running<C>>,
}

#[derive(Debug)]
struct Running<C> {
    with: C,
    stopping: bool,
}

/// What has to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<N, C> {
    /// Ask it to end.
    Stop(N),
    /// Start it.
    Start(N, C),
}

/// What the end of a loop means.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended<C> {
    /// It was asked for; with what it has to be started anew, if it has.
    Asked(Option<C>),
    /// Nobody asked for it: a fault.
    Unasked,
}

/// How many loops a new wish concerns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// New names.
    pub added: usize,
    /// Names that stay, with other settings.
    pub changed: usize,
    /// Names that are gone.
    pub removed: usize,
}

impl<N, C> Default for Crew<N, C> {
    fn default() -> Self {
        Self { wanted: BTreeMap::new(), running: BTreeMap::new() }
    }
}

impl<N: Ord + Clone, C: PartialEq + Clone> Crew<N, C> {
    /// From now on these are wanted: what has to be done, and how much is new about it.
    pub fn want(&mut self, wanted: BTreeMap<N, C>) -> (Vec<Step<N, C>>, Changes) {
        let before = std::mem::replace(&mut self.wanted, wanted);
        let changes = Changes {
            added: self.wanted.keys().filter(|name| !before.contains_key(*name)).count(),
            changed: self.wanted.iter().filter(|(name, with)| before.get(*name).is_some_and(|b| b != *with)).count(),
            removed: before.keys().filter(|name| !self.wanted.contains_key(*name)).count(),
        };
        let mut steps = Vec::new();
        for (name, one) in &mut self.running {
            if !one.stopping && self.wanted.get(name) != Some(&one.with) {
                one.stopping = true;
                steps.push(Step::Stop(name.clone()));
            }
        }
        for (name, with) in &self.wanted {
            if !self.running.contains_key(name) {
                self.running.insert(name.clone(), Running { with: with.clone(), stopping: false });
                steps.push(Step::Start(name.clone(), with.clone()));
            }
        }
        (steps, changes)
    }

    /// A loop has ended. If it was asked to and is wanted, it counts as started anew.
    pub fn ended(&mut self, name: &N) -> Ended<C> {
        match self.running.remove(name) {
            Some(Running { stopping: true, .. }) => {
                let again = self.wanted.get(name).cloned();
                if let Some(with) = &again {
                    self.running.insert(name.clone(), Running { with: with.clone(), stopping: false });
                }
                Ended::Asked(again)
            }
            Some(_) | None => Ended::Unasked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish<const S: usize>(all: [(&'static str, u8); S]) -> BTreeMap<&'static str, u8> {
        all.into()
    }

    #[test]
    fn only_what_changed_is_stopped_and_the_rest_runs_on() {
        let mut crew = Crew::default();
        let (steps, _) = crew.want(wish([("a", 1), ("b", 1), ("c", 1)]));
        assert_eq!(steps, [Step::Start("a", 1), Step::Start("b", 1), Step::Start("c", 1)]);
        let (steps, changes) = crew.want(wish([("a", 1), ("b", 2), ("d", 1)]));
        assert_eq!(steps, [Step::Stop("b"), Step::Stop("c"), Step::Start("d", 1)]);
        assert_eq!(changes, Changes { added: 1, changed: 1, removed: 1 });
        assert_eq!(crew.want(wish([("a", 1), ("b", 2), ("d", 1)])), (vec![], Changes::default()));
    }

    #[test]
    fn a_changed_loop_is_started_when_the_old_one_has_ended_and_with_the_newest_settings() {
        let mut crew = Crew::default();
        crew.want(wish([("a", 1)]));
        assert_eq!(crew.want(wish([("a", 2)])).0, [Step::Stop("a")]);
        assert_eq!(crew.want(wish([("a", 3)])).0, [], "it is stopping already, and never are there two");
        assert_eq!(crew.ended(&"a"), Ended::Asked(Some(3)));
        assert_eq!(crew.want(wish([])).0, [Step::Stop("a")]);
        assert_eq!(crew.ended(&"a"), Ended::Asked(None));
        assert_eq!(crew.want(wish([("a", 4)])).0, [Step::Start("a", 4)]);
    }

    #[test]
    fn a_loop_that_ends_unasked_is_a_fault() {
        let mut crew = Crew::default();
        crew.want(wish([("a", 1)]));
        assert_eq!(crew.ended(&"a"), Ended::<u8>::Unasked);
    }
}
