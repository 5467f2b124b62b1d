//! Builds a [`ContactIndex`] from rows, and counts the rows that it cannot use. No I/O.

use super::{
    column::Column,
    index::{CELL_SEPARATOR, ContactIndex},
};
use crate::{
    enrich::cut,
    model::phone::{CellProblem, E164, Region, read_cell},
};
use std::{borrow::Cow, sync::Arc};

/// Longest stored cell, in bytes: a card shows some hundred characters of the longest.
const MAX_CELL_BYTES: usize = 2000;
/// Rows whose reason a report gives.
const MAX_EXAMPLES: usize = 20;
/// Contacts that a report keeps as samples.
const MAX_SAMPLES: usize = 3;

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
    pub examples: Vec<(u64, String)>,
    /// Headers of the config that the file lacks.
    pub missing_columns: Vec<String>,
    /// Headers or properties of the file, each with the meaning of its column.
    pub columns: Vec<(String, String)>,
    /// Numbers of the first contacts, as samples.
    pub samples: Vec<E164>,
}

impl LoadReport {
    /// Returns a warning for the operator. `None` if nothing was skipped or missing.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.people == 0 && self.unreachable + self.bad > 0 {
            parts.push("no contact has a readable phone number".to_owned());
        }
        if !self.missing_columns.is_empty() {
            parts.push(format!("no column {}", self.missing_columns.join(", ")));
        }
        if self.bad > 0 {
            let examples: Vec<String> =
                self.examples.iter().map(|(line, reason)| format!("line {line}: {reason}")).collect();
            let more = if self.bad > self.examples.len() { ", …" } else { "" };
            parts.push(format!("{} rows skipped ({}{more})", self.bad, examples.join(", ")));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Counts a skipped row.
    pub fn reject(&mut self, line: u64, reason: impl Into<String>) {
        self.bad += 1;
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push((line, reason.into()));
        }
    }
}

/// Builder of a [`ContactIndex`].
#[derive(Debug)]
pub(super) struct IndexBuilder {
    region: Region,
    contacts: ContactIndex,
    /// Counts so far.
    pub report: LoadReport,
}

impl IndexBuilder {
    /// Creates an empty builder. `region` completes numbers without a country.
    #[must_use]
    pub(super) fn new(region: Region) -> Self {
        Self { region, contacts: ContactIndex::default(), report: LoadReport::default() }
    }

    /// Sets the columns of the cells.
    pub(super) fn set_columns(&mut self, columns: Vec<Column>) {
        self.contacts.columns = columns;
    }

    /// Adds a contact from cells as (column, text), ordered by column. A contact without any number is only counted.
    pub(super) fn add<'a>(&mut self, line: u64, cells: impl Iterator<Item = (usize, Cow<'a, str>)>) {
        let mut stored = String::new();
        let mut filled = 0;
        let mut numbers: Vec<E164> = Vec::new();
        let mut problem = None;
        for (at, text) in cells {
            let text = text.trim();
            match self.contacts.columns.get(at) {
                None | Some(Column::Ignore | Column::Private) => {}
                Some(_) if text.is_empty() => {}
                Some(Column::Phone(_)) => match read_cell(text, self.region) {
                    Ok(found) => numbers.extend(found),
                    // The problem of a number matters more than a fax or an old number.
                    Err(CellProblem::NoCaller) => {}
                    Err(reason) => problem = Some(reason),
                },
                Some(_) => {
                    stored.extend((filled..at).map(|_| CELL_SEPARATOR));
                    filled = at;
                    stored.extend(cut(text, MAX_CELL_BYTES).chars().filter(|c| *c != CELL_SEPARATOR));
                }
            }
        }
        match problem {
            _ if !numbers.is_empty() => self.insert(&numbers, stored),
            None => self.report.unreachable += 1,
            Some(reason) => self.report.reject(line, reason.to_string()),
        }
    }

    /// Returns whether a number may lack digits if the text is cut off: it does not end the text, or a longer one exists.
    #[must_use]
    pub(super) fn may_be_cut(&self, text: &str) -> bool {
        let text = text.trim();
        let is_whole =
            |number: &E164| text.ends_with(|c: char| c.is_ascii_digit() || c == ')') && !number.can_be_longer();
        match read_cell(text, self.region).as_deref() {
            Ok([number]) => number.extension().is_some() || !is_whole(number),
            Ok(_) => true,
            Err(_) => false,
        }
    }

    fn insert(&mut self, numbers: &[E164], stored: String) {
        let cells: Arc<str> = stored.into();
        self.report.people += 1;
        for number in numbers {
            self.report.numbers += usize::from(self.contacts.insert(number, &cells));
        }
        let samples = &mut self.report.samples;
        // A number that several contacts share has one card.
        samples.extend(numbers.first().filter(|it| samples.len() < MAX_SAMPLES && !samples.contains(it)).cloned());
    }

    /// Returns the finished index and the counts.
    #[must_use]
    pub(super) fn finish(self) -> (ContactIndex, LoadReport) {
        (self.contacts, self.report)
    }
}
