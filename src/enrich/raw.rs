//! What the bytes of a contacts file and of a CRM's answer say of a caller, without the file, the network and the clock:
//! the doors of the fuzz targets and of the bench. Decides nothing; what it calls is what the sources call.

use super::{
    SourceConfig,
    contacts::{self, Book},
    http::Reading,
};
use crate::model::{
    card::Contact,
    phone::{E164, Region},
};
use std::collections::BTreeMap;

/// The people of a CSV or vCard file.
#[derive(Debug)]
pub struct People(Book);

impl People {
    /// Reads a file's bytes; `None` if they are no table of people. `columns` is the config's.
    #[must_use]
    pub fn read(bytes: &[u8], columns: &BTreeMap<String, String>, region: Region) -> Option<Self> {
        let (book, tally) = contacts::people(bytes, columns, region).ok()?;
        // What the operator would be told of it.
        let _complaint = tally.complaint();
        Some(Self(book))
    }

    /// Everyone with the number.
    #[must_use]
    pub fn find(&self, number: &E164) -> Vec<Contact> {
        self.0.find(number, "contacts")
    }
}

/// Everyone whom a CRM's answer tells of; `None` if the table's pointers are wrong, or the answer has no place for people.
#[must_use]
pub fn in_answer(config: &SourceConfig, body: &[u8], number: &E164, region: Region) -> Option<Vec<Contact>> {
    let reading = Reading::read(config.results.as_deref(), &config.fields, &config.numbers).ok()?;
    let answer = serde_json::from_slice(body).ok()?;
    let mut records = reading.records(&answer).ok()?;
    records.retain(|record| reading.is_about(record, number, region));
    Some(records.into_iter().filter_map(|record| reading.contact(record, &config.called())).collect())
}
