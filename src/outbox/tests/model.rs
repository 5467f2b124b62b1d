//! Model of the outbox: a plain map with the rules of the trait. `random_operations` compares the two.

mod random_operations;

use super::*;
use crate::model::delivery::EnqueueResult;
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
enum Outcome {
    Delivered,
    Dead,
    Released,
    /// Seconds from the test's now, and the plain flag.
    Retry(i64, bool),
}

type Name = (usize, usize, usize);

/// A delivery of the model.
#[derive(Debug, Clone)]
struct Row {
    order: usize,
    waits: bool,
    leased: bool,
    due: Option<Timestamp>,
    card: (usize, String),
    newer: Option<(usize, String)>,
    attempts: u32,
    plain: bool,
}

#[derive(Debug, Default)]
struct Model {
    rows: BTreeMap<Name, Row>,
    pending: BTreeMap<(usize, usize), String>,
    count: usize,
}

fn rank(kind: usize) -> usize {
    kind.min(2)
}

impl Model {
    fn enqueue(&mut self, call: usize, kind: usize, to: usize, inserts: bool, label: &str) -> EnqueueResult {
        let siblings: Vec<Name> = self.rows.keys().filter(|name| name.0 == call && name.2 == to).copied().collect();
        let target = if inserts {
            let name = (call, kind, to);
            if !self.rows.contains_key(&name) {
                if siblings.iter().any(|sibling| rank(sibling.1) > rank(kind)) {
                    return EnqueueResult::Unchanged;
                }
                for sibling in siblings {
                    let row = self.rows.get_mut(&sibling).unwrap();
                    row.waits &= row.leased;
                }
                self.count += 1;
                let (order, card) = (self.count, (kind, label.to_owned()));
                let row =
                    Row { order, waits: true, leased: false, due: None, card, newer: None, attempts: 0, plain: false };
                self.rows.insert(name, row);
                return EnqueueResult::Inserted;
            }
            Some(name)
        } else {
            siblings.into_iter().filter(|name| self.rows[name].waits).max_by_key(|name| self.rows[name].order)
        };
        let Some(row) = target.and_then(|name| self.rows.get_mut(&name)).filter(|row| row.waits) else {
            return EnqueueResult::Unchanged;
        };
        let current = row.newer.as_ref().unwrap_or(&row.card).0;
        if rank(kind) < rank(current) {
            return EnqueueResult::Unchanged;
        }
        if row.leased {
            row.newer = Some((kind, label.to_owned()));
            return EnqueueResult::Unchanged;
        }
        (row.card, row.newer) = ((kind, label.to_owned()), None);
        EnqueueResult::Updated
    }

    fn free_leases(&mut self) {
        self.rows.values_mut().for_each(|row| row.leased = false);
    }

    fn first(&self, name: &Name) -> bool {
        let order = self.rows[name].order;
        !self.rows.iter().any(|(other, row)| row.waits && other.0 == name.0 && other.2 == name.2 && row.order < order)
    }

    /// Returns the due deliveries of a sink, in order; `all`: also those due later.
    fn offered(&self, to: usize, now: Timestamp, all: bool) -> Vec<Name> {
        let due = |row: &Row| row.due.is_none_or(|due| due <= now || due > now + jiff::SignedDuration::from_secs(360));
        let mut names: Vec<Name> = self
            .rows
            .iter()
            .filter(|(name, row)| name.2 == to && row.waits && !row.leased && (all || due(row)) && self.first(name))
            .map(|(name, _)| *name)
            .collect();
        names.sort_by_key(|name| self.rows[name].order);
        names
    }

    fn settle(&mut self, name: Name, outcome: &Outcome, now: Timestamp) {
        let order = self.rows[&name].order;
        let behind = self
            .rows
            .iter()
            .any(|(other, row)| row.waits && other.0 == name.0 && other.2 == name.2 && row.order > order);
        let row = self.rows.get_mut(&name).unwrap();
        row.leased = false;
        row.attempts += u32::from(!matches!(outcome, Outcome::Released));
        match outcome {
            Outcome::Delivered | Outcome::Dead => row.waits = false,
            Outcome::Released | Outcome::Retry(..) if behind => row.waits = false,
            Outcome::Released => {}
            Outcome::Retry(wait, plain) => {
                row.due = Some(now + jiff::SignedDuration::from_secs(*wait));
                row.plain |= plain;
            }
        }
        if row.waits
            && let Some(newer) = row.newer.take()
        {
            row.card = newer;
        }
    }
}
