//! From rows to a [`Book`]: keeps cells, reads numbers in batches on all cores (some ten microseconds each are seconds for
//! half a million), and counts what is no good. No I/O.

use super::{book::Book, column::Column};
use crate::{
    enrich::cut,
    model::phone::{E164, Number, Region},
};
use std::{num::NonZero, thread};

/// Longest cell that is kept, in bytes: a card shows some hundred characters of the longest.
const CELL: usize = 2000;
/// Rows whose numbers are read together: enough to be worth threads, few enough to cost little memory.
const BATCH: usize = 16 * 1024;
/// Most threads: more are not free for long enough.
const THREADS: usize = 8;

/// How many of what a file had, and which of its rows were no good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// People with at least one number.
    pub people: usize,
    /// Numbers.
    pub numbers: usize,
    /// People without any number, who can never be found.
    pub unreachable: usize,
    /// Rows that could not be used.
    pub bad: usize,
    /// The first of them: line in the file, and why.
    pub examples: Vec<(u64, &'static str)>,
    /// Headers that the config speaks of and the file does not have.
    pub missing: Vec<String>,
}

impl Tally {
    /// What is no good, for people; `None` if all is.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let examples: Vec<String> = self.examples.iter().map(|(line, why)| format!("line {line}: {why}")).collect();
        let more = if self.bad > self.examples.len() { ", …" } else { "" };
        let rows = format!("{} rows are left out ({}{more})", self.bad, examples.join(", "));
        let missing = format!("it has no column {}", self.missing.join(", "));
        match (self.bad > 0, !self.missing.is_empty()) {
            (true, true) => Some(format!("{missing}; {rows}")),
            (true, false) => Some(rows),
            (false, true) => Some(missing),
            (false, false) => None,
        }
    }

    /// One more row that is no good.
    pub fn refuse(&mut self, line: u64, why: &'static str) {
        self.bad += 1;
        if self.examples.len() < 20 {
            self.examples.push((line, why));
        }
    }
}

/// A [`Book`] in the making.
#[derive(Debug)]
pub struct Builder {
    region: Region,
    book: Book,
    index: Vec<(u64, u32)>,
    /// Rows whose numbers are still to be read.
    waiting: Vec<Row>,
    /// What was seen so far.
    pub tally: Tally,
}

#[derive(Debug)]
struct Row {
    line: u64,
    person: u32,
    /// The phone cells, one a line of [`SEPARATOR`].
    phones: Box<str>,
}

/// Stands between two phone cells of a row; nobody types it.
const SEPARATOR: char = '\u{1f}';

impl Builder {
    /// An empty book whose numbers are read as of `region`.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self { region, book: Book::default(), index: Vec::new(), waiting: Vec::new(), tally: Tally::default() }
    }

    /// The columns that cells will name.
    pub fn set_columns(&mut self, columns: Vec<Column>) {
        self.book.columns = columns;
    }

    /// The place of a column, which is added if it is new.
    pub fn column(&mut self, column: Column) -> usize {
        self.book.columns.iter().position(|known| *known == column).unwrap_or_else(|| {
            self.book.columns.push(column);
            self.book.columns.len() - 1
        })
    }

    /// Adds a person: cells as (column, text). One without any number can never be found and is only counted.
    pub fn add<'a>(&mut self, line: u64, cells: impl Iterator<Item = (usize, &'a str)>) {
        let Some(person) = self.book.next_place() else {
            return self.tally.refuse(line, "the file has more than 4 GiB of text");
        };
        let mut phones = String::new();
        for (column, text) in cells {
            let text = cut(text.trim(), CELL);
            match self.book.columns.get(column) {
                None | Some(Column::Ignore) => {}
                Some(_) if text.is_empty() => {}
                Some(Column::Phone) => {
                    phones.push_str(text);
                    phones.push(SEPARATOR);
                }
                Some(_) => self.book.put_cell(column, text),
            }
        }
        if phones.is_empty() {
            self.tally.unreachable += 1;
            return self.book.take_back(person);
        }
        self.book.end_person();
        self.waiting.push(Row { line, person, phones: phones.into() });
        if self.waiting.len() >= BATCH {
            self.read_waiting();
        }
    }

    /// The book, ready to be asked.
    #[must_use]
    pub fn finish(mut self) -> (Book, Tally) {
        self.read_waiting();
        self.index.sort_unstable();
        self.index.dedup();
        self.tally.numbers = self.index.len();
        self.tally.examples.sort_unstable();
        self.book.set_index(&self.index);
        (self.book, self.tally)
    }

    fn read_waiting(&mut self) {
        let rows = std::mem::take(&mut self.waiting);
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS);
        let share = if rows.len() < BATCH { rows.len().max(1) } else { rows.len().div_ceil(threads) };
        let region = self.region;
        let read: Vec<Vec<Vec<u64>>> = thread::scope(|scope| {
            let read = |rows: &[Row]| rows.iter().map(|row| numbers(&row.phones, region)).collect::<Vec<_>>();
            let workers: Vec<_> = rows.chunks(share).map(|rows| scope.spawn(move || read(rows))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap_or_default()).collect()
        });
        for (rows, read) in rows.chunks(share).zip(read) {
            let mut read = read.into_iter();
            for row in rows {
                match read.next() {
                    Some(numbers) if !numbers.is_empty() => {
                        self.tally.people += 1;
                        self.index.extend(numbers.into_iter().map(|digits| (digits, row.person)));
                    }
                    Some(_) => self.tally.refuse(row.line, "no number in it can be read"),
                    None => self.tally.refuse(row.line, "reading its numbers failed"),
                }
            }
        }
    }
}

/// One cell may hold several numbers, as Google writes them (` ::: `) or as people do (`/`, `;`, line ends).
fn numbers(phones: &str, region: Region) -> Vec<u64> {
    let read = |text: &str| Number::read(Some(text), region).known().map(E164::digits);
    let mut numbers = Vec::new();
    for cell in phones.split(SEPARATOR).filter(|cell| !cell.is_empty()) {
        match read(cell) {
            Some(digits) => numbers.push(digits),
            None => {
                let parts = cell.split([';', ',', '/', '|', '\n']).flat_map(|part| part.split(":::"));
                numbers.extend(parts.filter_map(read));
            }
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_on_many_threads_give_what_one_row_gives() {
        let mut builder = Builder::new(Region::US);
        builder.set_columns(vec![Column::Name, Column::Phone]);
        let rows = BATCH * 2 + 100;
        for n in 0..rows {
            let phone = if n % 1000 == 7 { "none".to_owned() } else { format!("+1415{:07}", 2_000_000 + n) };
            let name = format!("P{n}");
            builder.add(n as u64 + 2, [(0, name.as_str()), (1, phone.as_str())].into_iter());
        }
        let (book, tally) = builder.finish();
        assert_eq!((tally.people + tally.bad, tally.bad), (rows, rows.div_ceil(1000)));
        assert_eq!(tally.examples.first(), Some(&(9, "no number in it can be read")));
        for n in [0, 1, BATCH - 1, BATCH, rows - 1] {
            let number = Number::read(Some(&format!("+1415{:07}", 2_000_000 + n)), Region::US);
            assert_eq!(book.find(number.known().unwrap(), "c")[0].name, Some(format!("P{n}")));
        }
    }
}
