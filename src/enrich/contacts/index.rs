//! Contacts of a file by number: one map, with the cells of a contact in one text. Pure.

use super::column::{Column, full_name};
use crate::model::{
    card::{Contact, Fact},
    phone::E164,
};
use std::{borrow::Cow, collections::HashMap, sync::Arc};

/// Separator of the cells of a contact, one per column in the order of [`ContactIndex::columns`].
pub(super) const CELL_SEPARATOR: char = '\u{1f}';
/// Separator of label and value of a cell in a [`Column::Custom`].
pub(super) const LABEL_SEPARATOR: char = '\u{1e}';

/// Groups that Google makes for each account.
const GROUP_MARKS: [&str; 2] = ["myContacts", "starred"];

/// Contacts by number.
#[derive(Debug, Default)]
pub(crate) struct ContactIndex {
    /// Columns of a contact's cells.
    pub columns: Vec<Column>,
    /// Cells of the contacts by the key of each number ([`E164::as_u64`]), in the order of the file.
    by_number: HashMap<u64, Vec<Arc<str>>>,
}

impl ContactIndex {
    /// Adds a contact under a number. Returns false if the number has it already.
    pub(crate) fn insert(&mut self, number: &E164, cells: &Arc<str>) -> bool {
        let people = self.by_number.entry(number.as_u64()).or_insert_with(|| Vec::with_capacity(1));
        let is_new = !people.last().is_some_and(|known| Arc::ptr_eq(known, cells));
        if is_new {
            people.push(Arc::clone(cells));
        }
        is_new
    }

    /// Returns all contacts with the number, in file order.
    #[must_use]
    pub(crate) fn find(&self, number: &E164, source: &str) -> Vec<Contact> {
        let people = self.by_number.get(&number.as_u64()).into_iter().flatten();
        people.map(|cells| self.contact(cells, source)).collect()
    }

    /// Builds the contact of a row.
    #[must_use]
    pub(crate) fn contact(&self, cells: &str, source: &str) -> Contact {
        let mut contact = Contact { source: source.to_owned(), ..Contact::default() };
        let (mut full, mut first, mut last, mut suffix) = (None, None, None, None);
        let cells = self.columns.iter().zip(cells.split(CELL_SEPARATOR)).filter(|(_, text)| !text.is_empty());
        for (column, text) in cells {
            match column {
                Column::Name => full = full.or(Some(Cow::Borrowed(text))),
                Column::First => first = first.or(Some(text)),
                Column::Last => last = last.or(Some(text)),
                Column::Suffix => suffix = suffix.or(Some(text)),
                Column::Custom(_) => {
                    let (label, text) = text.split_once(LABEL_SEPARATOR).unwrap_or_default();
                    set(&mut contact, &Column::of_label(label), text);
                }
                column => set(&mut contact, column, text),
            }
        }
        contact.name = full_name(full, first, last, suffix).map(Cow::into_owned);
        // Phones write the company twice if it has no person.
        if contact.name == contact.company {
            contact.company = None;
        }
        contact
    }
}

fn set(contact: &mut Contact, column: &Column, text: &str) {
    let field = match column {
        Column::Company => &mut contact.company,
        Column::Tier => &mut contact.tier,
        Column::Owner => &mut contact.owner,
        Column::Notes => &mut contact.notes,
        Column::Link if text.starts_with("https://") => &mut contact.link,
        Column::Tags => return contact.tags.extend(tags(text)),
        Column::Fact(label) => {
            let (label, source) = (label.to_string(), contact.source.clone());
            let fact = Fact { label, value: text.replace(" ::: ", ", "), source };
            return if !contact.facts.contains(&fact) && !is_empty_date(text) {
                contact.facts.push(fact)
            };
        }
        _ => return,
    };
    // Notion writes the address of the page behind a company.
    let text = if *column == Column::Company { text.split(" (https://").next().unwrap_or(text) } else { text };
    *field = field.take().or_else(|| Some(text.to_owned()));
}

/// Splits tags, without the groups of Google's own: `* myContacts`, and in its vCards `myContacts`.
fn tags(text: &str) -> impl Iterator<Item = String> {
    let tags = text.split([',', ';', '|']).flat_map(|tag| tag.split(":::")).map(str::trim);
    let is_own = |tag: &str| tag.starts_with('*') || tag.starts_with("System Group:") || GROUP_MARKS.contains(&tag);
    tags.filter(move |tag| !tag.is_empty() && !is_own(tag)).map(str::to_owned)
}

/// Returns whether a text is `0/0/00`: Outlook's spelling of "no date".
fn is_empty_date(text: &str) -> bool {
    text.contains(['/', '-']) && text.bytes().all(|byte| matches!(byte, b'0' | b'/' | b'-'))
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
            builder.add(line, row.iter().map(|cell| Cow::Borrowed(*cell)).enumerate());
        }
        builder.finish()
    }

    #[test]
    fn find_by_any_number_returns_the_contact() {
        let columns =
            [Column::First, Column::Last, Column::Phone(None), Column::Phone(None), Column::Fact("Mail".into())];
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
        let (index, _) = build(&[Column::Name, Column::Phone(None)], &[&["Alice", "+15145550199"]]);
        assert!(index.find(&number("+445145550199"), "c").is_empty());
        assert!(index.find(&number("+525145550199"), "c").is_empty());
    }

    #[test]
    fn find_shared_number_returns_contacts_in_file_order() {
        let (index, _) =
            build(&[Column::Name, Column::Phone(None)], &[&["Zoe", "5145550199"], &["Al", "+1 514 555 0199"]]);
        let people = index.find(&number("+15145550199"), "c");
        assert_eq!(people.iter().filter_map(|it| it.name.as_deref()).collect::<Vec<_>>(), ["Zoe", "Al"]);
    }

    #[test]
    fn find_either_form_of_a_brazilian_mobile_number() {
        let (index, _) =
            build(&[Column::Name, Column::Phone(None)], &[&["Rui", "+55 11 8765-4321"], &["Eva", "+55 11 98765-1111"]]);
        assert_eq!(index.find(&number("+55 11 98765-4321"), "c")[0].name.as_deref(), Some("Rui"));
        assert_eq!(index.find(&number("+55 11 8765-1111"), "c")[0].name.as_deref(), Some("Eva"));
    }

    #[test]
    fn finish_unreadable_number_is_reported_by_line() {
        let rows: &[&[&str]] = &[&["Al", "see notes"], &["Bo", ""], &["Cy", "5145550199"], &["Di", "1.51456E+10"]];
        let (_, report) = build(&[Column::Name, Column::Phone(None)], rows);
        let reasons: Vec<(u64, &str)> = report.examples.iter().map(|(line, why)| (*line, why.as_str())).collect();
        let rounded = "a spreadsheet rounded the number; format the column as text and export again";
        assert_eq!(reasons, [(2, "no readable phone number"), (5, rounded)]);
        assert_eq!((report.people, report.unreachable, report.bad), (1, 1, 2));
    }

    #[test]
    fn contact_groups_of_google_and_empty_dates_are_left_out() {
        let columns = [Column::Tags, Column::Fact("Anniversary".into()), Column::Phone(None)];
        let (index, _) = build(&columns, &[&["* myContacts ::: VIP ::: * starred", "0/0/00", "5145550199"]]);
        let contact = index.find(&number("+15145550199"), "c").remove(0);
        assert_eq!((contact.tags, contact.facts), (vec!["VIP".to_owned()], vec![]));
    }

    proptest! {
        #[test]
        fn find_returns_every_cell_unchanged(cells in prop::collection::vec("[^\u{0}\u{1e}\u{1f}/-]{0,300}", 1..8)) {
            let columns: Vec<_> = (0..cells.len()).map(|at| Column::Fact(at.to_string().into())).collect();
            let mut row: Vec<&str> = cells.iter().map(String::as_str).collect();
            row.push("+15145550199");
            let (index, _) = build(&[columns, vec![Column::Phone(None)]].concat(), &[&row]);
            let facts = index.find(&number("+15145550199"), "c").remove(0).facts;
            let expected: Vec<_> = cells
                .iter()
                .map(|it| crate::enrich::cut(it.trim(), 2000).replace(" ::: ", ", "))
                .filter(|it| !it.is_empty())
                .collect();
            prop_assert_eq!(facts.iter().map(|it| it.value.as_str()).collect::<Vec<_>>(), expected);
        }
    }
}
