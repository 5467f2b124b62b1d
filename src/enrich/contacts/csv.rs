//! Reads CSV files: detects delimiter and header, and skips rows that do not fit. A file with an unclosed quote or a cut-off
//! end is refused as a whole. Pure.

use super::{
    builder::IndexBuilder,
    column::Column,
    headers::{is_fax_label, map_headers, missing_headers},
    index::LABEL_SEPARATOR,
    lines::LineCounter,
};
use csv::{Reader, ReaderBuilder, StringRecord};
use std::{borrow::Cow, collections::BTreeMap};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Rows, and bytes of them, in which header and delimiter are searched.
const HEAD_ROWS: usize = 20;
const HEAD_BYTES: usize = 32 * 1024;
/// Digits of the shortest phone number: a cell with as many is no header.
const MIN_NUMBER_DIGITS: usize = 7;

/// Reason why the last row is refused if it may be cut off.
const OPEN_END: &str =
    "the file has no line end behind its last number, which may be cut off; write one behind the last row";

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
    /// A quote is not closed: the rows behind it cannot be separated.
    #[error("the quote in line {0} is not closed. Close it, or write \"\" for a quote within a cell")]
    UnclosedQuote(u64),
    /// The last row is cut off.
    #[error("the file ends within line {0}: it is still being written, or its export was cut off")]
    CutOff(u64),
}

/// Reads `text` into `builder`.
///
/// # Errors
/// If the text is not a table with phone numbers, or is not complete.
pub(super) fn read(text: &str, mapped: &BTreeMap<String, String>, builder: &mut IndexBuilder) -> Result<(), CsvError> {
    let (text, first_line, hint) = strip_delimiter_hint(text);
    let delimiter = hint.unwrap_or_else(|| detect_delimiter(text, mapped));
    if let Some(line) = unclosed_quote(text, delimiter) {
        return Err(CsvError::UnclosedQuote(first_line + line));
    }
    let mut before_header = header_row(&first_rows(text, delimiter), mapped).unwrap_or_default();
    let mut reader = reader(text, delimiter);
    let (mut record, mut names) = (StringRecord::new(), StringRecord::new());
    let mut header: Option<Vec<Column>> = None;
    let mut lines = LineCounter::new(text, first_line);
    // The input is valid text in memory, hence a flexible record has no error.
    while reader.read_record(&mut record).unwrap_or(false) {
        let line = lines.line_of(record.position().map_or(0, csv::Position::byte));
        if before_header > 0 {
            before_header -= 1;
            continue;
        }
        let Some(columns) = &header else {
            header = Some(read_header(&record, mapped, builder)?);
            names.clone_from(&record);
            continue;
        };
        // Some programs repeat the header above each group.
        if record == names {
            continue;
        }
        let is_open = lines.is_open_end(reader.position().byte());
        if is_open && record.len() > 1 && record.len() < columns.len() {
            return Err(CsvError::CutOff(line));
        }
        if record.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty()) {
            builder.report.reject(line, "row has more cells than the header");
        } else if is_open && ends_in_doubtful_number(&record, columns, builder) {
            builder.report.reject(line, OPEN_END);
        } else {
            builder.add(line, cells(&record, columns));
        }
    }
    header.map_or(Err(CsvError::Empty), |_| Ok(()))
}

/// Returns whether the last cell of a file without a final line end has a number that may lack digits.
fn ends_in_doubtful_number(record: &StringRecord, columns: &[Column], builder: &IndexBuilder) -> bool {
    let last = record.len().saturating_sub(1);
    matches!(columns.get(last), Some(Column::Phone(_))) && builder.may_be_cut(record.get(last).unwrap_or_default())
}

fn read_header(
    record: &StringRecord,
    mapped: &BTreeMap<String, String>,
    builder: &mut IndexBuilder,
) -> Result<Vec<Column>, CsvError> {
    let names: Vec<String> = record.iter().map(|name| name.trim().chars().take(60).collect()).collect();
    let columns = map_headers(record.iter(), mapped);
    if !columns.iter().any(|column| matches!(column, Column::Phone(_))) {
        return Err(CsvError::NoPhoneColumn(names.join(", ")));
    }
    builder.report.missing_columns = missing_headers(record.iter(), mapped);
    builder.report.columns = names.into_iter().zip(columns.iter().map(Column::to_string)).collect();
    builder.set_columns(columns.clone());
    Ok(columns)
}

/// Returns the cells of a row. A custom field gets its label in front; the number of a fax machine or a pager is left out.
fn cells<'a>(record: &'a StringRecord, columns: &'a [Column]) -> impl Iterator<Item = (usize, Cow<'a, str>)> {
    let label = |at: usize| record.get(at).unwrap_or_default().trim().trim_start_matches("* ");
    record.iter().zip(columns).enumerate().map(move |(at, (text, column))| match column {
        Column::Phone(Some(column)) if is_fax_label(label(*column)) => (at, Cow::Borrowed("")),
        Column::Custom(column) if !text.trim().is_empty() => {
            (at, Cow::Owned(format!("{}{LABEL_SEPARATOR}{}", label(*column), text.trim())))
        }
        _ => (at, Cow::Borrowed(text)),
    })
}

/// Returns the line of the first quote that is not closed, counted from 0. Such a quote hides delimiters and line ends.
/// Either the file ends within the quote. Or the quote contains a line end, and the character after it cannot follow a
/// closing quote.
fn unclosed_quote(text: &str, delimiter: u8) -> Option<u64> {
    let mut line = 0;
    // Line of the open quote, and whether the cell has a line end.
    let mut open: Option<(u64, bool)> = None;
    let mut at_cell_start = true;
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\n' {
            line += 1;
        }
        open = match open {
            None if byte == b'"' && at_cell_start => Some((line, false)),
            None => None,
            Some((start, _)) if byte == b'\n' => Some((start, true)),
            Some(quote) if byte != b'"' => Some(quote),
            Some(quote) if bytes.next_if_eq(&b'"').is_some() => Some(quote),
            Some((start, has_line_end)) => {
                let ends_cell =
                    bytes.peek().is_none_or(|next| *next == delimiter || matches!(next, b'\r' | b'\n' | b' '));
                if has_line_end && !ends_cell {
                    return Some(start);
                }
                None
            }
        };
        at_cell_start = byte == delimiter || byte == b'\n' || byte == b'\r';
    }
    open.map(|(start, _)| start)
}

/// Strips the delimiter line that Excel writes first: `sep=;`.
fn strip_delimiter_hint(text: &str) -> (&str, u64, Option<u8>) {
    let hint = text.strip_prefix("sep=").and_then(|rest| Some((*rest.as_bytes().first()?, rest.split_once('\n')?.1)));
    match hint {
        Some((delimiter, rest)) if DELIMITERS.contains(&delimiter) => (rest, 2, Some(delimiter)),
        _ => (text, 1, None),
    }
}

fn reader(text: &str, delimiter: u8) -> Reader<&[u8]> {
    ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes())
}

fn first_rows(text: &str, delimiter: u8) -> Vec<StringRecord> {
    reader(crate::enrich::cut(text, HEAD_BYTES), delimiter).records().take(HEAD_ROWS).flatten().collect()
}

/// Returns the place of the header: the first row that names a phone column and has more cells than each row above. Rows
/// above it are a title or the date of the export. Below the first row the header also names a person or a company. One cell
/// is a header only if no wider one follows.
fn header_row(rows: &[StringRecord], mapped: &BTreeMap<String, String>) -> Option<usize> {
    let is_header = |row: &StringRecord, is_first: bool| {
        let columns = map_headers(row.iter(), mapped);
        let is_name = |name: &str| name.bytes().filter(u8::is_ascii_digit).count() < MIN_NUMBER_DIGITS;
        let names = |column: &Column| matches!(column, Column::Name | Column::First | Column::Last | Column::Company);
        (is_first || columns.iter().any(names))
            && row.iter().zip(&columns).any(|(name, column)| matches!(column, Column::Phone(_)) && is_name(name))
    };
    let (mut widest, mut narrow) = (0, None);
    for (at, row) in rows.iter().enumerate() {
        let width = row.iter().filter(|cell| !cell.trim().is_empty()).count();
        if width > widest && is_header(row, at == 0) {
            if width > 1 {
                return Some(at);
            }
            narrow = narrow.or(Some(at));
        }
        widest = widest.max(width);
    }
    narrow
}

/// Returns the delimiter that makes a header of several columns, and with which most first rows have as many columns as the
/// first one.
fn detect_delimiter(text: &str, mapped: &BTreeMap<String, String>) -> u8 {
    let score = |delimiter: &u8| {
        let rows = first_rows(text, *delimiter);
        let header = header_row(&rows, mapped).and_then(|at| rows.get(at)).filter(|row| row.len() > 1);
        let width = header.or(rows.first()).map_or(0, StringRecord::len);
        let equal = rows.iter().filter(|row| row.len() == width).count();
        if width > 1 { (header.is_some(), equal, width) } else { (false, 0, 0) }
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
    fn read_unclosed_quote_refuses_the_file_with_its_line() {
        for text in [
            "Name,Phone\nAl,5145550199\n\"Bo,5145550100\nCy,5145550101\n",
            "Name,Phone\nAl,5145550199\n\"Bo,5145550100\n\"Cy\",5145550101\n",
            "Name,Phone,Notes\nAl,5145550199,\nBo,5145550100,\"see \"\"x\n",
        ] {
            assert_eq!(load(text).unwrap_err(), CsvError::UnclosedQuote(3), "{text}");
        }
        assert_eq!(load("sep=;\nName;Phone\n\"Al;5145550199\n").unwrap_err(), CsvError::UnclosedQuote(3));
        assert_eq!(load("Name,Phone\nAl 5\" Moe,5145550199\n\"Bo\" Po,5145550100\n").unwrap().1.people, 2);
    }

    #[test]
    fn read_cut_off_file_is_refused() {
        assert_eq!(load("Name,Phone,Tier\nAl,5145550199,A\nBo,51455").unwrap_err(), CsvError::CutOff(3));
        assert_eq!(load("Name,Phone,Tier\nAl,5145550199,A\nBo,5145550100\n").unwrap().1.people, 2);
        assert_eq!(load("Name,Phone,Tier\nAl,5145550199,A\nBo,5145550100,").unwrap().1.people, 2);
    }

    #[test]
    fn read_refused_row_has_its_line_with_each_line_end() {
        let line = |text: &str| load(text).unwrap().1.examples.first().map(|(line, _)| *line);
        assert_eq!(line("Name,Phone\r\nPat,junk\r\n"), Some(2));
        assert_eq!(line("Name,Phone\nPat,junk\n"), Some(2));
        assert_eq!(line("Name,Phone\rAl,5145550199\rPat,junk\r"), Some(3));
        assert_eq!(line("Name,Phone,Notes\r\nAl,5145550199,\"one\r\ntwo\"\r\nPat,junk,\r\n"), Some(4));
        assert_eq!(line("Name,Phone\n\n\nPat,junk\n"), Some(4));
        assert_eq!(line("sep=,\r\nName,Phone\r\nPat,junk\r\n"), Some(3));
    }

    #[test]
    fn read_open_end_takes_no_number_that_may_be_cut() {
        for cut in ["+4969123456", "+49691234567", "514-555-0131/3", "514-555-0199 (fa", "5145550199 x1"] {
            let (contacts, report) = load(&format!("Name,Phone\nAl,5145550100\nBo,{cut}")).unwrap();
            assert_eq!((report.people, report.bad), (1, 1), "{cut}");
            assert!(report.examples[0].1.contains("no line end") && report.examples[0].0 == 3, "{cut}");
            assert!(name_of(&contacts, "+4969123456").is_none() && name_of(&contacts, "5145550199").is_none());
        }
        for whole in [
            "5145550199",
            "(514) 555-0199",
            "514-555-0199 (cell)",
            "\"514-555-0199 / 0198\"",
            "\"+4969123456\"",
            "+4969123456\n",
        ] {
            let (_, report) = load(&format!("Name,Phone\nAl,5145550100\nBo,{whole}")).unwrap();
            assert_eq!((report.people, report.bad), (2, 0), "{whole}");
        }
        assert_eq!(load("Name,Phone,Tier\nBo,+4969123456,").unwrap().1.people, 1);
    }

    #[test]
    fn read_long_row_is_skipped_and_short_row_is_not() {
        let (contacts, report) =
            load("Name,Phone,Tier\nAl, 5145550199\nBo,Co,5145550100,Gold\nCy,5145550101,,,\n").unwrap();
        assert_eq!(report.examples, [(3, "row has more cells than the header".to_owned())]);
        assert_eq!(report.people, 2);
        assert_eq!(name_of(&contacts, "5145550199").as_deref(), Some("Al"));
    }

    #[test]
    fn read_rows_above_the_header_are_left_out() {
        for title in [
            "Customer list,,\nExported 2026-11-01 by Al,,\n,,\n",
            "Phone list\n\n",
            "Phone list,,\n",
            "\"Customers, phone 514-555-0100\",\n",
        ] {
            let (contacts, report) = load(&format!("{title}Customer,Phone,Tier\nAl,5145550199,\nBo,,\n")).unwrap();
            assert_eq!(name_of(&contacts, "5145550199").as_deref(), Some("Al"), "{title}");
            assert_eq!((report.people, report.unreachable, report.bad), (1, 1, 0), "{title}");
        }
        let (contacts, _) = load("Kunden, Stand 1. Mai\nName;Telefon\nAl;5145550199\n").unwrap();
        assert_eq!(name_of(&contacts, "5145550199").as_deref(), Some("Al"));
        assert_eq!(
            load("Name,City,\nAl,Phone repair,x\n").unwrap_err(),
            CsvError::NoPhoneColumn("Name, City, ".into())
        );
        assert_eq!(load("Phone\n5145550199\n").unwrap().1.people, 1);
    }

    #[test]
    fn read_without_phone_column_reports_headers() {
        assert_eq!(load("").unwrap_err(), CsvError::Empty);
        let error = load("Name,City\nAl,Montreal\n").unwrap_err();
        assert!(error.to_string().contains("Name, City"), "{error}");
    }

    proptest! {
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
