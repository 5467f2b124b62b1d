//! The outbox's file as any SQLite reader sees it, after its daemon has ended.

use rusqlite::{Connection, OpenFlags};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
};

/// What the file says of each sink's callers.
#[derive(Debug, Default)]
pub struct Stored {
    states: BTreeMap<(String, String), usize>,
    of: HashMap<(String, String), Vec<String>>,
    unsure: HashSet<(String, String)>,
}

impl Stored {
    /// Reads the file of a state directory.
    pub fn read(state: &Path) -> Self {
        let file = state.join("outbox.sqlite");
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut stored = Self::default();
        let unsure = "EXISTS (SELECT 1 FROM attempts a WHERE a.delivery = d.id AND a.status IS NULL)";
        let query =
            format!("SELECT sink, state, moment, coalesce(why, ''), attempts, card, {unsure} FROM deliveries d");
        let mut read = db.prepare(&query).unwrap();
        let mut rows = read.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let text = |at| row.get::<_, String>(at).unwrap();
            let (sink, state, moment, why, card) = (text(0), text(1), text(2), text(3), text(5));
            let (attempts, unsure): (i64, bool) = (row.get(4).unwrap(), row.get(6).unwrap());
            *stored.states.entry((sink.clone(), state.clone())).or_default() += 1;
            for caller in numbers(&card) {
                let key = (sink.clone(), caller);
                if unsure {
                    stored.unsure.insert(key.clone());
                }
                stored.of.entry(key).or_default().push(format!("{moment} {state} after {attempts} tries ({why})"));
            }
        }
        stored
    }

    /// What is kept of a caller.
    pub fn of(&self, sink: &str, caller: &str) -> String {
        let kept = self.of.get(&(sink.to_owned(), caller.to_owned()));
        kept.map_or_else(|| "nothing in the store".to_owned(), |kept| kept.join("; "))
    }

    /// Whether a card of this caller had a try whose end is unknown.
    pub fn unsure(&self, sink: &str, caller: &str) -> bool {
        self.unsure.contains(&(sink.to_owned(), caller.to_owned()))
    }

    /// How many deliveries wait.
    pub fn waiting(&self) -> usize {
        self.states.iter().filter(|((_, state), _)| state == "waiting").map(|(_, count)| count).sum()
    }
}

/// The numbers that stand in a stored card.
fn numbers(card: &str) -> HashSet<String> {
    let found = card.match_indices("+1514").filter_map(|(at, _)| card.get(at..at + 12));
    found.map(str::to_owned).collect()
}

impl std::fmt::Display for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let states = self.states.iter().map(|((sink, state), count)| format!("{sink} {state}: {count}"));
        write!(f, "  store: {}", states.collect::<Vec<_>>().join(", "))
    }
}
