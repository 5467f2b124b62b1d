//! A CSV file as people: finds the delimiter and the header, and steps over what is broken. Pure.

use super::{
    builder::Builder,
    column::{Column, columns, missing},
};
use csv::{ReaderBuilder, StringRecord};
use std::collections::BTreeMap;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A cell with more line ends than this began with a quote that nobody closed.
const LINES_IN_A_CELL: usize = 60;

/// So many quotes that nobody closed, and it is no CSV file.
const TORN: usize = 100;

/// Why a file has no people in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTable {
    /// It is empty.
    #[error("the file is empty")]
    Empty,
    /// No column has phone numbers.
    #[error(
        "no column has phone numbers; the headers are {0}: say which it is with columns = {{ \"header\" = \"phone\" }}"
    )]
    NoPhones(String),
    /// Quotes are opened and never closed, all over it.
    #[error("quotes are opened and not closed all over it: this is no CSV file")]
    Torn,
}

/// Reads `text` into `book`.
///
/// # Errors
/// If it is no table with phone numbers.
pub fn read(text: &str, mapped: &BTreeMap<String, String>, book: &mut Builder) -> Result<(), NoTable> {
    let (mut rest, mut line, hint) = after_hint(text);
    let delimiter = hint.unwrap_or_else(|| sniff(rest));
    let mut header = None;
    for _ in 0..TORN {
        let Some((at, skipped)) = run(rest, delimiter, line, mapped, &mut header, book) else {
            return header.map_or(Err(NoTable::Empty), |header| header.check());
        };
        // On from the line after the one whose quote was not closed.
        rest = rest.get(at..).and_then(|tail| tail.split_once('\n')).map_or("", |(_, tail)| tail);
        line += skipped + 1;
    }
    Err(NoTable::Torn)
}

struct Header {
    names: Vec<String>,
    has_phones: bool,
}

impl Header {
    fn check(self) -> Result<(), NoTable> {
        if self.has_phones { Ok(()) } else { Err(NoTable::NoPhones(self.names.join(", "))) }
    }
}

/// Reads records until the end (`None`) or until one that is torn: where it begins, in bytes and in lines from here.
fn run(
    text: &str,
    delimiter: u8,
    first_line: u64,
    mapped: &BTreeMap<String, String>,
    header: &mut Option<Header>,
    book: &mut Builder,
) -> Option<(usize, u64)> {
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    loop {
        let begin = reader.position().clone();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return None,
            // Bytes are text already and there is no file below: nothing else can be wrong with a flexible record.
            Err(_) => continue,
        }
        let at = record.position().unwrap_or(&begin);
        let line = first_line + at.line().saturating_sub(1);
        let Some(known) = header else {
            *header = Some(read_header(&record, mapped, book));
            continue;
        };
        if is_torn(&record, known.names.len()) {
            book.tally.refuse(line, "a quote is opened and not closed");
            return Some((usize::try_from(at.byte()).unwrap_or(text.len()), at.line().saturating_sub(1)));
        }
        if record.iter().skip(known.names.len()).any(|cell| !cell.trim().is_empty()) {
            book.tally.refuse(line, "it has more cells than the header");
            continue;
        }
        book.add(line, record.iter().enumerate());
    }
}

fn read_header(record: &StringRecord, mapped: &BTreeMap<String, String>, book: &mut Builder) -> Header {
    let names: Vec<String> = record.iter().map(|name| name.trim().chars().take(60).collect()).collect();
    let columns = columns(record.iter(), mapped);
    book.tally.missing = missing(record.iter(), mapped);
    let has_phones = columns.contains(&Column::Phone);
    book.set_columns(columns);
    Header { names, has_phones }
}

/// An open quote swallows delimiters and line ends: a cell gets many lines, or a row of several lines too few cells.
fn is_torn(record: &StringRecord, columns: usize) -> bool {
    let ends = record.iter().map(|cell| cell.bytes().filter(|b| *b == b'\n').count()).max().unwrap_or_default();
    ends > LINES_IN_A_CELL || ends > 0 && record.len() < columns
}

/// Excel may say the delimiter in a first line of its own: `sep=;`.
fn after_hint(text: &str) -> (&str, u64, Option<u8>) {
    let hint = text.strip_prefix("sep=").and_then(|rest| Some((*rest.as_bytes().first()?, rest.split_once('\n')?.1)));
    match hint {
        Some((delimiter, rest)) if DELIMITERS.contains(&delimiter) => (rest, 2, Some(delimiter)),
        _ => (text, 1, None),
    }
}

/// The delimiter under which the first rows agree best on more than one column.
fn sniff(text: &str) -> u8 {
    let head = crate::enrich::cut(text, 32 * 1024);
    let score = |delimiter: &u8| {
        let mut reader =
            ReaderBuilder::new().delimiter(*delimiter).has_headers(false).flexible(true).from_reader(head.as_bytes());
        let widths: Vec<usize> = reader.records().take(20).flatten().map(|record| record.len()).collect();
        let header = widths.first().copied().unwrap_or_default();
        let agree = widths.iter().filter(|width| **width == header).count();
        if header > 1 { (agree, header) } else { (0, 0) }
    };
    // The first of equals: max_by_key would take the last.
    DELIMITERS.into_iter().rev().max_by_key(score).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::super::{book::Book, builder::Tally};
    use super::*;
    use crate::model::phone::{Number, Region};
    use proptest::prelude::*;

    fn load(text: &str) -> Result<(Book, Tally), NoTable> {
        let mut book = Builder::new(Region::US);
        read(text, &BTreeMap::new(), &mut book)?;
        Ok(book.finish())
    }

    fn name_of(book: &Book, number: &str) -> Option<String> {
        let number = Number::read(Some(number), Region::US);
        book.find(number.known().unwrap(), "c").into_iter().next()?.name
    }

    #[test]
    fn every_delimiter_is_found() {
        for delimiter in [",", ";", "\t", "|"] {
            let text =
                "Name,Phone,Notes\nAlice,+15145550199,\"a, b; c|d\"\nBob,+15145550100,\n".replace(',', delimiter);
            let (book, tally) = load(&text).unwrap();
            assert_eq!(name_of(&book, "+15145550199").as_deref(), Some("Alice"), "{delimiter:?}");
            assert_eq!((tally.people, tally.bad), (2, 0), "{delimiter:?}");
        }
        assert_eq!(load("sep=;\r\nName;Phone\r\nAl;5145550199\r\n").unwrap().1.people, 1);
    }

    #[test]
    fn quotes_line_ends_and_doubled_quotes_inside_a_cell_are_kept() {
        let (book, tally) = load("Name,Phone,Notes\r\n\"Al \"\"Ace\"\" Moe\",5145550199,\"one\r\ntwo\"\r\n").unwrap();
        assert_eq!(name_of(&book, "5145550199").as_deref(), Some("Al \"Ace\" Moe"));
        assert_eq!(tally.bad, 0);
    }

    #[test]
    fn a_quote_that_nobody_closes_costs_its_own_row_only() {
        let mut text = String::from("Name,Phone\nAl,5145550199\n\"Bo,5145550100\n");
        for last in 101..199 {
            text.push_str(&format!("P{last},5145550{last}\n"));
        }
        let (book, tally) = load(&text).unwrap();
        assert_eq!(tally.examples, [(3, "a quote is opened and not closed")]);
        assert_eq!(name_of(&book, "5145550101").as_deref(), Some("P101"));
        assert_eq!(name_of(&book, "5145550198").as_deref(), Some("P198"));
        assert_eq!(tally.people, 99);
    }

    #[test]
    fn a_shifted_row_is_refused_and_a_short_one_is_not() {
        let (book, tally) = load("Name,Phone,Tier\nAl, 5145550199\nBo,Co,5145550100,Gold\nCy,5145550101,,,\n").unwrap();
        assert_eq!(tally.examples, [(3, "it has more cells than the header")]);
        assert_eq!(tally.people, 2);
        assert_eq!(name_of(&book, "5145550199").as_deref(), Some("Al"));
    }

    #[test]
    fn a_file_without_phone_numbers_names_its_headers() {
        assert_eq!(load("").unwrap_err(), NoTable::Empty);
        let error = load("Name,City\nAl,Montreal\n").unwrap_err();
        assert!(error.to_string().contains("Name, City"), "{error}");
    }

    #[test]
    fn a_file_of_open_quotes_is_given_up_in_time() {
        let text = format!("Name,Phone\n{}", "\"x\"y,\"5145550199\n\n\n".repeat(5_000));
        let before = std::time::Instant::now();
        let _ = load(&text);
        assert!(before.elapsed().as_secs() < 20);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "[\"',;\t|\r\na-c0-9+]{0,200}") {
            let _ = load(&text);
            let _ = load(&format!("Name,Phone\n{text}"));
        }

        #[test]
        fn what_a_csv_writer_wrote_is_read_back(names in prop::collection::vec("[^\u{0}\n\r]{1,30}", 1..20)) {
            let mut writer = ::csv::Writer::from_writer(Vec::new());
            writer.write_record(["Name", "Phone"]).unwrap();
            for (last, name) in (100..).zip(&names) {
                writer.write_record([name.as_str(), &format!("+15145550{last}")]).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let (book, tally) = load(&text).unwrap();
            prop_assert_eq!(tally.people, names.len());
            for (last, name) in (100..).zip(&names) {
                let known = name_of(&book, &format!("+15145550{last}"));
                prop_assert_eq!(known.as_deref().unwrap_or_default(), name.trim());
            }
        }
    }
}
