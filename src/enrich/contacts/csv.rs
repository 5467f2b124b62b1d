//! Reads CSV files: detects delimiter and header, and skips broken rows. Pure.

use super::{
    builder::IndexBuilder,
    column::{Column, map_headers, missing_headers},
};
use csv::{ReaderBuilder, StringRecord};
use std::collections::BTreeMap;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Line ends in a cell. A cell with more began with an unclosed quote.
const MAX_CELL_LINES: usize = 60;

/// Unclosed quotes in a file. A file with this many is not CSV.
const MAX_UNCLOSED_QUOTES: usize = 100;

/// Reason why a file has no contacts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// The file is empty.
    #[error("file is empty")]
    Empty,
    /// No column contains phone numbers.
    #[error(
        "no column has phone numbers; the headers are {0}. Name the phone column with columns = {{ \"header\" = \"phone\" }}"
    )]
    NoPhoneColumn(String),
    /// Too many quotes are not closed.
    #[error("file has too many unclosed quotes to be CSV")]
    UnclosedQuotes,
}

/// Reads `text` into `builder`.
///
/// # Errors
/// If the text is not a table with phone numbers.
pub fn read(text: &str, mapped: &BTreeMap<String, String>, builder: &mut IndexBuilder) -> Result<(), CsvError> {
    let (mut rest, mut line, hint) = strip_delimiter_hint(text);
    let delimiter = hint.unwrap_or_else(|| detect_delimiter(rest));
    let mut header = None;
    for _ in 0..MAX_UNCLOSED_QUOTES {
        let Some((at, skipped)) = read_records(rest, delimiter, line, mapped, &mut header, builder) else {
            return header.map_or(Err(CsvError::Empty), |header| header.check());
        };
        // Continues on the line after the unclosed quote.
        rest = rest.get(at..).and_then(|tail| tail.split_once('\n')).map_or("", |(_, tail)| tail);
        line += skipped + 1;
    }
    Err(CsvError::UnclosedQuotes)
}

struct Header {
    names: Vec<String>,
    has_phones: bool,
}

impl Header {
    fn check(self) -> Result<(), CsvError> {
        if self.has_phones { Ok(()) } else { Err(CsvError::NoPhoneColumn(self.names.join(", "))) }
    }
}

/// Reads records until the end (`None`), or until a record with an unclosed quote. Returns the start of that record,
/// in bytes and in lines from the start of `text`.
fn read_records(
    text: &str,
    delimiter: u8,
    first_line: u64,
    mapped: &BTreeMap<String, String>,
    header: &mut Option<Header>,
    builder: &mut IndexBuilder,
) -> Option<(usize, u64)> {
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    loop {
        let start = reader.position().clone();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return None,
            // The input is valid text in memory, hence a flexible record has no other error.
            Err(_) => continue,
        }
        let at = record.position().unwrap_or(&start);
        let line = first_line + at.line().saturating_sub(1);
        let Some(header_row) = header else {
            *header = Some(read_header(&record, mapped, builder));
            continue;
        };
        if has_unclosed_quote(&record, header_row.names.len()) {
            builder.report.reject(line, "quote is not closed");
            return Some((usize::try_from(at.byte()).unwrap_or(text.len()), at.line().saturating_sub(1)));
        }
        if record.iter().skip(header_row.names.len()).any(|cell| !cell.trim().is_empty()) {
            builder.report.reject(line, "row has more cells than the header");
            continue;
        }
        builder.add(line, record.iter().enumerate());
    }
}

fn read_header(record: &StringRecord, mapped: &BTreeMap<String, String>, builder: &mut IndexBuilder) -> Header {
    let names: Vec<String> = record.iter().map(|name| name.trim().chars().take(60).collect()).collect();
    let columns = map_headers(record.iter(), mapped);
    builder.report.missing_columns = missing_headers(record.iter(), mapped);
    let has_phones = columns.contains(&Column::Phone);
    builder.set_columns(columns);
    Header { names, has_phones }
}

/// Returns whether the record has an unclosed quote. Such a quote swallows delimiters and line ends: one cell gets
/// many lines, or a record of several lines has too few cells.
fn has_unclosed_quote(record: &StringRecord, columns: usize) -> bool {
    let line_ends = record.iter().map(|cell| cell.bytes().filter(|b| *b == b'\n').count()).max().unwrap_or_default();
    line_ends > MAX_CELL_LINES || line_ends > 0 && record.len() < columns
}

/// Strips the delimiter line that Excel writes first: `sep=;`.
fn strip_delimiter_hint(text: &str) -> (&str, u64, Option<u8>) {
    let hint = text.strip_prefix("sep=").and_then(|rest| Some((*rest.as_bytes().first()?, rest.split_once('\n')?.1)));
    match hint {
        Some((delimiter, rest)) if DELIMITERS.contains(&delimiter) => (rest, 2, Some(delimiter)),
        _ => (text, 1, None),
    }
}

/// Returns the delimiter with which most first rows have the same number of columns, and more than one.
fn detect_delimiter(text: &str) -> u8 {
    let head = crate::enrich::cut(text, 32 * 1024);
    let score = |delimiter: &u8| {
        let mut reader =
            ReaderBuilder::new().delimiter(*delimiter).has_headers(false).flexible(true).from_reader(head.as_bytes());
        let widths: Vec<usize> = reader.records().take(20).flatten().map(|record| record.len()).collect();
        let header = widths.first().copied().unwrap_or_default();
        let equal = widths.iter().filter(|width| **width == header).count();
        if header > 1 { (equal, header) } else { (0, 0) }
    };
    // The first of equal scores wins. `max_by_key` returns the last.
    DELIMITERS.into_iter().rev().max_by_key(score).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::super::{builder::LoadReport, index::ContactIndex};
    use super::*;
    use crate::model::phone::{PhoneNumber, Region};
    use proptest::prelude::*;

    fn load(text: &str) -> Result<(ContactIndex, LoadReport), CsvError> {
        let mut builder = IndexBuilder::new(Region::US);
        read(text, &BTreeMap::new(), &mut builder)?;
        Ok(builder.finish())
    }

    fn name_of(contacts: &ContactIndex, number: &str) -> Option<String> {
        let number = PhoneNumber::parse(Some(number), Region::US);
        contacts.find(number.as_e164().unwrap(), "c").into_iter().next()?.name
    }

    #[test]
    fn read_each_delimiter_is_detected() {
        for delimiter in [",", ";", "\t", "|"] {
            let text =
                "Name,Phone,Notes\nAlice,+15145550199,\"a, b; c|d\"\nBob,+15145550100,\n".replace(',', delimiter);
            let (contacts, report) = load(&text).unwrap();
            assert_eq!(name_of(&contacts, "+15145550199").as_deref(), Some("Alice"), "{delimiter:?}");
            assert_eq!((report.people, report.bad), (2, 0), "{delimiter:?}");
        }
        assert_eq!(load("sep=;\r\nName;Phone\r\nAl;5145550199\r\n").unwrap().1.people, 1);
    }

    #[test]
    fn read_quoted_cell_keeps_quotes_and_line_ends() {
        let (contacts, report) =
            load("Name,Phone,Notes\r\n\"Al \"\"Ace\"\" Moe\",5145550199,\"one\r\ntwo\"\r\n").unwrap();
        assert_eq!(name_of(&contacts, "5145550199").as_deref(), Some("Al \"Ace\" Moe"));
        assert_eq!(report.bad, 0);
    }

    #[test]
    fn read_unclosed_quote_skips_its_row_only() {
        let mut text = String::from("Name,Phone\nAl,5145550199\n\"Bo,5145550100\n");
        for last in 101..199 {
            text.push_str(&format!("P{last},5145550{last}\n"));
        }
        let (contacts, report) = load(&text).unwrap();
        assert_eq!(report.examples, [(3, "quote is not closed")]);
        assert_eq!(name_of(&contacts, "5145550101").as_deref(), Some("P101"));
        assert_eq!(name_of(&contacts, "5145550198").as_deref(), Some("P198"));
        assert_eq!(report.people, 99);
    }

    #[test]
    fn read_long_row_is_skipped_and_short_row_is_not() {
        let (contacts, report) =
            load("Name,Phone,Tier\nAl, 5145550199\nBo,Co,5145550100,Gold\nCy,5145550101,,,\n").unwrap();
        assert_eq!(report.examples, [(3, "row has more cells than the header")]);
        assert_eq!(report.people, 2);
        assert_eq!(name_of(&contacts, "5145550199").as_deref(), Some("Al"));
    }

    #[test]
    fn read_without_phone_column_reports_headers() {
        assert_eq!(load("").unwrap_err(), CsvError::Empty);
        let error = load("Name,City\nAl,Montreal\n").unwrap_err();
        assert!(error.to_string().contains("Name, City"), "{error}");
    }

    #[test]
    fn read_many_unclosed_quotes_ends_in_time() {
        let text = format!("Name,Phone\n{}", "\"x\"y,\"5145550199\n\n\n".repeat(5_000));
        let before = std::time::Instant::now();
        let _ = load(&text);
        assert!(before.elapsed().as_secs() < 20);
    }

    proptest! {
        #[test]
        fn read_any_text_does_not_panic(text in "[\"',;\t|\r\na-c0-9+]{0,200}") {
            let _ = load(&text);
            let _ = load(&format!("Name,Phone\n{text}"));
        }

        #[test]
        fn read_output_of_csv_writer_is_restored(names in prop::collection::vec("[^\u{0}\n\r]{1,30}", 1..20)) {
            let mut writer = ::csv::Writer::from_writer(Vec::new());
            writer.write_record(["Name", "Phone"]).unwrap();
            for (last, name) in (100..).zip(&names) {
                writer.write_record([name.as_str(), &format!("+15145550{last}")]).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            let (contacts, report) = load(&text).unwrap();
            prop_assert_eq!(report.people, names.len());
            for (last, name) in (100..).zip(&names) {
                let found = name_of(&contacts, &format!("+15145550{last}"));
                prop_assert_eq!(found.as_deref().unwrap_or_default(), name.trim());
            }
        }
    }
}
