//! All people of one file, small: cells in one arena of bytes, numbers sorted beside the places of their people. Half a
//! million numbers cost 12 bytes each beside the text itself. Pure.

use super::column::{Column, full_name};
use crate::model::{
    card::{Contact, Fact},
    phone::E164,
};
use std::borrow::Cow;

/// People by number.
#[derive(Debug, Default)]
pub struct Book {
    /// What the columns are, by the number that cells have.
    pub columns: Vec<Column>,
    arena: Vec<u8>,
    numbers: Vec<u64>,
    people: Vec<u32>,
}

impl Book {
    /// Where the next person's cells will begin; `None` if the arena is full.
    pub fn next_place(&self) -> Option<u32> {
        u32::try_from(self.arena.len()).ok()
    }

    /// One more cell of the person that was begun last.
    pub fn put_cell(&mut self, column: usize, text: &str) {
        put_length(&mut self.arena, column + 1);
        put_length(&mut self.arena, text.len());
        self.arena.extend_from_slice(text.as_bytes());
    }

    /// That person has no more cells.
    pub fn end_person(&mut self) {
        self.arena.push(0);
    }

    /// That person is not kept.
    pub fn take_back(&mut self, person: u32) {
        self.arena.truncate(usize::try_from(person).unwrap_or(usize::MAX));
    }

    /// Who has which number, sorted.
    pub fn set_index(&mut self, index: &[(u64, u32)]) {
        self.numbers = index.iter().map(|(digits, _)| *digits).collect();
        self.people = index.iter().map(|(_, person)| *person).collect();
        self.arena.shrink_to_fit();
    }

    /// Everyone who has the number, in the order of the file.
    #[must_use]
    pub fn find(&self, number: &E164, source: &str) -> Vec<Contact> {
        let digits = number.digits();
        let first = self.numbers.partition_point(|known| *known < digits);
        let (numbers, people) = (self.numbers.get(first..), self.people.get(first..));
        let from_here = numbers.into_iter().flatten().zip(people.into_iter().flatten());
        from_here.take_while(|(known, _)| **known == digits).map(|(_, person)| self.contact(*person, source)).collect()
    }

    fn contact(&self, person: u32, source: &str) -> Contact {
        let mut contact = Contact { source: source.to_owned(), ..Contact::default() };
        let (mut whole, mut first, mut last) = (None, None, None);
        for (column, text) in self.cells(person) {
            match column {
                Column::Name => whole = whole.or(Some(Cow::Borrowed(text))),
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
        contact.name = full_name(whole, first, last).map(Cow::into_owned);
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

/// Lengths in seven bits a byte, the high bit saying that more follow: most are below 128.
fn put_length(arena: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        arena.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    arena.push(u8::try_from(length).unwrap_or_default());
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    for turn in 0..4 {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        length |= usize::from(byte & 0x7f) << (7 * turn);
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::builder::{Builder, Tally};
    use super::*;
    use crate::model::phone::{Number, Region};
    use proptest::prelude::*;

    fn number(text: &str) -> E164 {
        Number::read(Some(text), Region::US).known().unwrap().clone()
    }

    fn book(columns: &[Column], rows: &[&[&str]]) -> (Book, Tally) {
        let mut builder = Builder::new(Region::US);
        builder.set_columns(columns.to_vec());
        for (line, row) in (2..).zip(rows) {
            builder.add(line, row.iter().copied().enumerate());
        }
        builder.finish()
    }

    #[test]
    fn a_person_is_found_by_each_of_the_numbers() {
        let columns = [Column::First, Column::Last, Column::Phone, Column::Phone, Column::Fact("Mail".into())];
        let (book, tally) = book(
            &columns,
            &[
                &["Alice", "Martin", "(514) 555-0199", "+44 20 7946 0018", "a@example.com"],
                &["Bob", "", "514 555 0100 / 514-555-0101", "", ""],
            ],
        );
        for found in ["+15145550199", "+442079460018"] {
            let people = book.find(&number(found), "contacts");
            assert_eq!(people.len(), 1);
            assert_eq!(people[0].name.as_deref(), Some("Alice Martin"));
            assert_eq!(people[0].facts[0].label, "Mail");
        }
        assert_eq!(book.find(&number("+15145550101"), "c")[0].name.as_deref(), Some("Bob"));
        assert!(book.find(&number("+15145550102"), "c").is_empty());
        assert_eq!((tally.people, tally.numbers, tally.bad), (2, 4, 0));
    }

    #[test]
    fn numbers_are_never_compared_by_their_last_digits() {
        let (book, _) = book(&[Column::Name, Column::Phone], &[&["Alice", "+15145550199"]]);
        assert!(book.find(&number("+445145550199"), "c").is_empty());
        assert!(book.find(&number("+525145550199"), "c").is_empty());
    }

    #[test]
    fn two_people_of_one_number_are_both_found_in_the_order_of_the_file() {
        let (book, _) = book(&[Column::Name, Column::Phone], &[&["Zoe", "5145550199"], &["Al", "+1 514 555 0199"]]);
        let people = book.find(&number("+15145550199"), "c");
        assert_eq!(people.iter().filter_map(|it| it.name.as_deref()).collect::<Vec<_>>(), ["Zoe", "Al"]);
    }

    #[test]
    fn a_row_whose_number_is_none_is_named_by_its_line() {
        let rows: &[&[&str]] = &[&["Al", "see notes"], &["Bo", ""], &["Cy", "5145550199"]];
        let (_, tally) = book(&[Column::Name, Column::Phone], rows);
        assert_eq!(tally.examples, [(2, "no number in it can be read")]);
        assert_eq!((tally.people, tally.unreachable, tally.bad), (1, 1, 1));
    }

    proptest! {
        #[test]
        fn every_cell_comes_back_as_it_was(cells in prop::collection::vec("[^\u{0}]{0,300}", 1..8)) {
            let columns: Vec<_> = (0..cells.len()).map(|at| Column::Fact(at.to_string().into())).collect();
            let mut row: Vec<&str> = cells.iter().map(String::as_str).collect();
            row.push("+15145550199");
            let (book, _) = book(&[columns, vec![Column::Phone]].concat(), &[&row]);
            let facts = book.find(&number("+15145550199"), "c").remove(0).facts;
            let meant: Vec<_> = cells.iter().map(|it| crate::enrich::cut(it.trim(), 2000)).filter(|it| !it.is_empty()).collect();
            prop_assert_eq!(facts.iter().map(|it| it.value.as_str()).collect::<Vec<_>>(), meant);
        }
    }
}
