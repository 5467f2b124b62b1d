//! The outbox file read with plain SQLite after the daemon has exited.

use rusqlite::{Connection, OpenFlags};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
};

/// Stored deliveries by sink and caller.
#[derive(Debug, Default)]
pub struct StoredDeliveries {
    states: BTreeMap<(String, String), usize>,
    of: HashMap<(String, String), Vec<String>>,
    unsure: HashSet<(String, String)>,
}

impl StoredDeliveries {
    /// Reads the outbox file of a state directory.
    pub fn read(state: &Path) -> Self {
        let file = state.join("outbox.sqlite");
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut stored = Self::default();
        let unsure = "EXISTS (SELECT 1 FROM attempts a WHERE a.delivery = d.id AND a.status IS NULL)";
        let query =
            format!("SELECT sink, state, status, coalesce(reason, ''), attempts, card, {unsure} FROM deliveries d");
        let mut read = db.prepare(&query).unwrap();
        let mut rows = read.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let text = |at| row.get::<_, String>(at).unwrap();
            let (sink, state, status, why, card) = (text(0), text(1), text(2), text(3), text(5));
            let (attempts, unsure): (i64, bool) = (row.get(4).unwrap(), row.get(6).unwrap());
            *stored.states.entry((sink.clone(), state.clone())).or_default() += 1;
            for caller in numbers(&card) {
                let key = (sink.clone(), caller);
                if unsure {
                    stored.unsure.insert(key.clone());
                }
                stored.of.entry(key).or_default().push(format!("{status} {state} after {attempts} tries ({why})"));
            }
        }
        stored
    }

    /// Describes the deliveries of a caller.
    pub fn describe(&self, sink: &str, caller: &str) -> String {
        let deliveries = self.of.get(&(sink.to_owned(), caller.to_owned()));
        deliveries.map_or_else(|| "no delivery in the store".to_owned(), |deliveries| deliveries.join("; "))
    }

    /// Returns whether a card of this caller had an attempt without an answer.
    pub fn has_unanswered_attempt(&self, sink: &str, caller: &str) -> bool {
        self.unsure.contains(&(sink.to_owned(), caller.to_owned()))
    }

    /// Returns the number of waiting deliveries.
    pub fn waiting(&self) -> usize {
        self.in_state("waiting")
    }

    /// Returns the number of dead letters.
    pub fn dead(&self) -> usize {
        self.in_state("dead")
    }

    fn in_state(&self, wanted: &str) -> usize {
        self.states.iter().filter(|((_, state), _)| state == wanted).map(|(_, count)| count).sum()
    }
}

/// Returns the caller numbers in a stored card.
fn numbers(card: &str) -> HashSet<String> {
    let found = card.match_indices("+1514").filter_map(|(at, _)| card.get(at..at + 12));
    found.map(str::to_owned).collect()
}

impl std::fmt::Display for StoredDeliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let states = self.states.iter().map(|((sink, state), count)| format!("{sink} {state}: {count}"));
        write!(f, "  store: {}", states.collect::<Vec<_>>().join(", "))
    }
}
