//! Compact index of all contacts of a file: cells in one byte arena, and sorted numbers beside the arena offsets of
//! their contacts. A number costs 12 bytes besides its text, for half a million numbers. Pure.

use super::column::{Column, full_name};
use crate::model::{
    card::{Contact, Fact},
    phone::E164,
};
use std::borrow::Cow;

/// Contacts by number.
#[derive(Debug, Default)]
pub struct ContactIndex {
    /// Columns, by the column number of a cell.
    pub columns: Vec<Column>,
    arena: Vec<u8>,
    numbers: Vec<u64>,
    people: Vec<u32>,
}

impl ContactIndex {
    /// Returns the arena offset of the next contact. `None` if the arena is full.
    pub fn next_offset(&self) -> Option<u32> {
        u32::try_from(self.arena.len()).ok()
    }

    /// Appends a cell to the open contact.
    pub fn push_cell(&mut self, column: usize, text: &str) {
        push_length(&mut self.arena, column + 1);
        push_length(&mut self.arena, text.len());
        self.arena.extend_from_slice(text.as_bytes());
    }

    /// Closes the open contact.
    pub fn end_person(&mut self) {
        self.arena.push(0);
    }

    /// Removes the open contact, which starts at `person`.
    pub fn rollback(&mut self, person: u32) {
        self.arena.truncate(usize::try_from(person).unwrap_or(usize::MAX));
    }

    /// Stores the sorted pairs of number and contact offset.
    pub fn set_index(&mut self, index: &[(u64, u32)]) {
        self.numbers = index.iter().map(|(digits, _)| *digits).collect();
        self.people = index.iter().map(|(_, person)| *person).collect();
        self.arena.shrink_to_fit();
    }

    /// Returns all contacts with the number, in file order.
    #[must_use]
    pub fn find(&self, number: &E164, source: &str) -> Vec<Contact> {
        let digits = number.as_u64();
        let first = self.numbers.partition_point(|known| *known < digits);
        let (numbers, people) = (self.numbers.get(first..), self.people.get(first..));
        let candidates = numbers.into_iter().flatten().zip(people.into_iter().flatten());
        candidates.take_while(|(known, _)| **known == digits).map(|(_, person)| self.contact(*person, source)).collect()
    }

    fn contact(&self, person: u32, source: &str) -> Contact {
        let mut contact = Contact { source: source.to_owned(), ..Contact::default() };
        let (mut full, mut first, mut last) = (None, None, None);
        for (column, text) in self.cells(person) {
            match column {
                Column::Name => full = full.or(Some(Cow::Borrowed(text))),
                Column::First => first = first.or(Some(text)),
                Column::Last => last = last.or(Some(text)),
                Column::Company => contact.company = contact.company.or_else(|| Some(text.to_owned())),
                Column::Tier => contact.tier = contact.tier.or_else(|| Some(text.to_owned())),
                Column::Owner => contact.owner = contact.owner.or_else(|| Some(text.to_owned())),
                Column::Notes => contact.notes = contact.notes.or_else(|| Some(text.to_owned())),
                Column::Link if !text.starts_with("https://") => {}
                Column::Link => contact.link = contact.link.or_else(|| Some(text.to_owned())),
                Column::Tags => {
                    let tags = text.split([',', ';', '|']).flat_map(|tag| tag.split(":::")).map(str::trim);
                    contact.tags.extend(tags.filter(|tag| !tag.is_empty()).map(str::to_owned));
                }
                Column::Fact(label) => contact.facts.push(Fact {
                    label: label.to_string(),
                    value: text.to_owned(),
                    source: source.to_owned(),
                }),
                Column::Phone | Column::Ignore => {}
            }
        }
        contact.name = full_name(full, first, last).map(Cow::into_owned);
        contact
    }

    fn cells(&self, person: u32) -> impl Iterator<Item = (&Column, &str)> {
        let mut rest = usize::try_from(person).ok().and_then(|at| self.arena.get(at..)).unwrap_or_default();
        std::iter::from_fn(move || {
            let column = take_length(&mut rest)?.checked_sub(1)?;
            let length = take_length(&mut rest)?;
            let text = rest.get(..length)?;
            rest = rest.get(length..)?;
            Some((self.columns.get(column)?, std::str::from_utf8(text).ok()?))
        })
    }
}

/// Appends a length with seven bits per byte; the high bit marks that more bytes follow. Most lengths are below 128.
fn push_length(arena: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        arena.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    arena.push(u8::try_from(length).unwrap_or_default());
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    for index in 0..4 {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::builder::{IndexBuilder, LoadReport};
    use super::*;
    use crate::model::phone::{PhoneNumber, Region};
    use proptest::prelude::*;

    fn number(text: &str) -> E164 {
        PhoneNumber::parse(Some(text), Region::US).as_e164().unwrap().clone()
    }

    fn build(columns: &[Column], rows: &[&[&str]]) -> (ContactIndex, LoadReport) {
        let mut builder = IndexBuilder::new(Region::US);
        builder.set_columns(columns.to_vec());
        for (line, row) in (2..).zip(rows) {
            builder.add(line, row.iter().copied().enumerate());
        }
        builder.finish()
    }

    #[test]
    fn find_by_any_number_returns_the_contact() {
        let columns = [Column::First, Column::Last, Column::Phone, Column::Phone, Column::Fact("Mail".into())];
        let (index, report) = build(
            &columns,
            &[
                &["Alice", "Martin", "(514) 555-0199", "+44 20 7946 0018", "a@example.com"],
                &["Bob", "", "514 555 0100 / 514-555-0101", "", ""],
            ],
        );
        for found in ["+15145550199", "+442079460018"] {
            let people = index.find(&number(found), "contacts");
            assert_eq!(people.len(), 1);
            assert_eq!(people[0].name.as_deref(), Some("Alice Martin"));
            assert_eq!(people[0].facts[0].label, "Mail");
        }
        assert_eq!(index.find(&number("+15145550101"), "c")[0].name.as_deref(), Some("Bob"));
        assert!(index.find(&number("+15145550102"), "c").is_empty());
        assert_eq!((report.people, report.numbers, report.bad), (2, 4, 0));
    }

    #[test]
    fn find_compares_whole_numbers() {
        let (index, _) = build(&[Column::Name, Column::Phone], &[&["Alice", "+15145550199"]]);
        assert!(index.find(&number("+445145550199"), "c").is_empty());
        assert!(index.find(&number("+525145550199"), "c").is_empty());
    }

    #[test]
    fn find_shared_number_returns_contacts_in_file_order() {
        let (index, _) = build(&[Column::Name, Column::Phone], &[&["Zoe", "5145550199"], &["Al", "+1 514 555 0199"]]);
        let people = index.find(&number("+15145550199"), "c");
        assert_eq!(people.iter().filter_map(|it| it.name.as_deref()).collect::<Vec<_>>(), ["Zoe", "Al"]);
    }

    #[test]
    fn finish_unreadable_number_is_reported_by_line() {
        let rows: &[&[&str]] = &[&["Al", "see notes"], &["Bo", ""], &["Cy", "5145550199"]];
        let (_, report) = build(&[Column::Name, Column::Phone], rows);
        assert_eq!(report.examples, [(2, "no readable phone number")]);
        assert_eq!((report.people, report.unreachable, report.bad), (1, 1, 1));
    }

    proptest! {
        #[test]
        fn find_returns_every_cell_unchanged(cells in prop::collection::vec("[^\u{0}]{0,300}", 1..8)) {
            let columns: Vec<_> = (0..cells.len()).map(|at| Column::Fact(at.to_string().into())).collect();
            let mut row: Vec<&str> = cells.iter().map(String::as_str).collect();
            row.push("+15145550199");
            let (index, _) = build(&[columns, vec![Column::Phone]].concat(), &[&row]);
            let facts = index.find(&number("+15145550199"), "c").remove(0).facts;
            let expected: Vec<_> =
                cells.iter().map(|it| crate::enrich::cut(it.trim(), 2000)).filter(|it| !it.is_empty()).collect();
            prop_assert_eq!(facts.iter().map(|it| it.value.as_str()).collect::<Vec<_>>(), expected);
        }
    }
}
