//! Entry points for fuzz targets and the bench: contacts from a file's bytes or a CRM response, without file system,
//! network and clock.

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

/// Contacts of a CSV or vCard file.
#[derive(Debug)]
pub struct People(Book);

impl People {
    /// Parses the file's bytes. `None` if the file has no table of contacts. `columns` is the config key.
    #[must_use]
    pub fn read(bytes: &[u8], columns: &BTreeMap<String, String>, region: Region) -> Option<Self> {
        let (index, report) = contacts::people(bytes, columns, region).ok()?;
        // Covers the warning text too.
        let _summary = report.complaint();
        Some(Self(index))
    }

    /// Returns all contacts with the number.
    #[must_use]
    pub fn find(&self, number: &E164) -> Vec<Contact> {
        self.0.find(number, "contacts")
    }
}

/// Returns the contacts of a CRM response that match `number`. `None` if a pointer of the config is invalid, or the
/// response has no record list.
#[must_use]
pub fn in_answer(config: &SourceConfig, body: &[u8], number: &E164, region: Region) -> Option<Vec<Contact>> {
    let mapping = Reading::read(config.results.as_deref(), &config.fields, &config.numbers).ok()?;
    let response = serde_json::from_slice(body).ok()?;
    let mut records = mapping.records(&response).ok()?;
    records.retain(|record| mapping.is_about(record, number, region));
    Some(records.into_iter().filter_map(|record| mapping.contact(record, &config.called())).collect())
}
