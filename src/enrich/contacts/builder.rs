//! Builds a [`ContactIndex`] from rows: stores cells, parses numbers in batches on all cores and counts bad rows. A
//! number takes some ten microseconds, half a million take seconds. No I/O.

use super::{column::Column, index::ContactIndex};
use crate::{
    enrich::cut,
    model::phone::{E164, PhoneNumber, Region},
};
use std::{num::NonZero, thread};

/// Longest stored cell, in bytes: a card shows some hundred characters of the longest.
const MAX_CELL_BYTES: usize = 2000;
/// Rows parsed together: enough to be worth threads, few enough to cost little memory.
const BATCH_ROWS: usize = 16 * 1024;
/// Most parser threads: more are not idle long enough.
const MAX_THREADS: usize = 8;

/// Counts of a load, and its bad rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Contacts with at least one number.
    pub people: usize,
    /// Distinct pairs of number and contact.
    pub numbers: usize,
    /// Contacts without any number, which no look-up can find.
    pub unreachable: usize,
    /// Rows that were skipped.
    pub bad: usize,
    /// First skipped rows: line in the file, and reason.
    pub examples: Vec<(u64, &'static str)>,
    /// Headers of the config that the file lacks.
    pub missing_columns: Vec<String>,
}

impl LoadReport {
    /// Returns a warning for the operator. `None` if nothing was skipped or missing.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        let examples: Vec<String> =
            self.examples.iter().map(|(line, reason)| format!("line {line}: {reason}")).collect();
        let more = if self.bad > self.examples.len() { ", …" } else { "" };
        let rows = format!("{} rows skipped ({}{more})", self.bad, examples.join(", "));
        let missing = format!("no column {}", self.missing_columns.join(", "));
        match (self.bad > 0, !self.missing_columns.is_empty()) {
            (true, true) => Some(format!("{missing}; {rows}")),
            (true, false) => Some(rows),
            (false, true) => Some(missing),
            (false, false) => None,
        }
    }

    /// Counts a skipped row.
    pub fn reject(&mut self, line: u64, reason: &'static str) {
        self.bad += 1;
        if self.examples.len() < 20 {
            self.examples.push((line, reason));
        }
    }
}

/// Builder of a [`ContactIndex`].
#[derive(Debug)]
pub struct IndexBuilder {
    region: Region,
    contacts: ContactIndex,
    index: Vec<(u64, u32)>,
    /// Rows whose numbers are not parsed yet.
    pending: Vec<Row>,
    /// Counts so far.
    pub report: LoadReport,
}

#[derive(Debug)]
struct Row {
    line: u64,
    person: u32,
    /// Phone cells, each followed by [`SEPARATOR`].
    phones: Box<str>,
}

/// Separates the phone cells of a row. A control character that no export contains.
const SEPARATOR: char = '\u{1f}';

impl IndexBuilder {
    /// Creates an empty builder. `region` completes numbers without a country.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self {
            region,
            contacts: ContactIndex::default(),
            index: Vec::new(),
            pending: Vec::new(),
            report: LoadReport::default(),
        }
    }

    /// Sets the columns of the cells.
    pub fn set_columns(&mut self, columns: Vec<Column>) {
        self.contacts.columns = columns;
    }

    /// Returns the number of a column, which is added if new.
    pub fn column(&mut self, column: Column) -> usize {
        self.contacts.columns.iter().position(|known| *known == column).unwrap_or_else(|| {
            self.contacts.columns.push(column);
            self.contacts.columns.len() - 1
        })
    }

    /// Adds a contact from cells as (column, text). A contact without any number is only counted.
    pub fn add<'a>(&mut self, line: u64, cells: impl Iterator<Item = (usize, &'a str)>) {
        let Some(person) = self.contacts.next_offset() else {
            return self.report.reject(line, "file has more than 4 GiB of text");
        };
        let mut phones = String::new();
        for (column, text) in cells {
            let text = cut(text.trim(), MAX_CELL_BYTES);
            match self.contacts.columns.get(column) {
                None | Some(Column::Ignore) => {}
                Some(_) if text.is_empty() => {}
                Some(Column::Phone) => {
                    phones.push_str(text);
                    phones.push(SEPARATOR);
                }
                Some(_) => self.contacts.push_cell(column, text),
            }
        }
        if phones.is_empty() {
            self.report.unreachable += 1;
            return self.contacts.rollback(person);
        }
        self.contacts.end_person();
        self.pending.push(Row { line, person, phones: phones.into() });
        if self.pending.len() >= BATCH_ROWS {
            self.parse_pending();
        }
    }

    /// Returns the finished index and the counts.
    #[must_use]
    pub fn finish(mut self) -> (ContactIndex, LoadReport) {
        self.parse_pending();
        self.index.sort_unstable();
        self.index.dedup();
        self.report.numbers = self.index.len();
        self.report.examples.sort_unstable();
        self.contacts.set_index(&self.index);
        (self.contacts, self.report)
    }

    fn parse_pending(&mut self) {
        let rows = std::mem::take(&mut self.pending);
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
        let chunk_size = if rows.len() < BATCH_ROWS { rows.len().max(1) } else { rows.len().div_ceil(threads) };
        let region = self.region;
        let parsed: Vec<Vec<Vec<u64>>> = thread::scope(|scope| {
            let parse = |rows: &[Row]| rows.iter().map(|row| numbers(&row.phones, region)).collect::<Vec<_>>();
            let workers: Vec<_> = rows.chunks(chunk_size).map(|rows| scope.spawn(move || parse(rows))).collect();
            workers.into_iter().map(|worker| worker.join().unwrap_or_default()).collect()
        });
        for (rows, parsed) in rows.chunks(chunk_size).zip(parsed) {
            let mut numbers_of_rows = parsed.into_iter();
            for row in rows {
                match numbers_of_rows.next() {
                    Some(numbers) if !numbers.is_empty() => {
                        self.report.people += 1;
                        self.index.extend(numbers.into_iter().map(|digits| (digits, row.person)));
                    }
                    Some(_) => self.report.reject(row.line, "no readable phone number"),
                    None => self.report.reject(row.line, "phone number parsing failed"),
                }
            }
        }
    }
}

/// Parses the numbers of a row. A cell may hold several, as Google writes them (` ::: `) or as people do (`/`, `;`,
/// line ends).
fn numbers(phones: &str, region: Region) -> Vec<u64> {
    let read = |text: &str| PhoneNumber::parse(Some(text), region).as_e164().map(E164::as_u64);
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
    fn finish_many_batches_index_every_row() {
        let mut builder = IndexBuilder::new(Region::US);
        builder.set_columns(vec![Column::Name, Column::Phone]);
        let rows = BATCH_ROWS * 2 + 100;
        for n in 0..rows {
            let phone = if n % 1000 == 7 { "none".to_owned() } else { format!("+1415{:07}", 2_000_000 + n) };
            let name = format!("P{n}");
            builder.add(n as u64 + 2, [(0, name.as_str()), (1, phone.as_str())].into_iter());
        }
        let (contacts, report) = builder.finish();
        assert_eq!((report.people + report.bad, report.bad), (rows, rows.div_ceil(1000)));
        assert_eq!(report.examples.first(), Some(&(9, "no readable phone number")));
        for n in [0, 1, BATCH_ROWS - 1, BATCH_ROWS, rows - 1] {
            let number = PhoneNumber::parse(Some(&format!("+1415{:07}", 2_000_000 + n)), Region::US);
            assert_eq!(contacts.find(number.as_e164().unwrap(), "c")[0].name, Some(format!("P{n}")));
        }
    }
}
