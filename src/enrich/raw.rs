//! Entry points for fuzz targets and the bench: contacts from a file's bytes or a CRM response, without file system,
//! network and clock.

use super::{
    SourceConfig,
    contacts::{self, ContactIndex},
    http::ResponseMapping,
};
use crate::{
    model::{
        card::Contact,
        phone::{E164, Region},
    },
    runtime::json,
};
use std::collections::BTreeMap;

/// Contacts of a CSV or vCard file.
#[derive(Debug)]
pub struct People(ContactIndex);

impl People {
    /// Parses the file's bytes. `None` if the file has no table of contacts. `columns` is the config key.
    #[must_use]
    pub fn read(bytes: &[u8], columns: &BTreeMap<String, String>, region: Region) -> Option<Self> {
        let (index, report) = contacts::parse(bytes, columns, region).ok()?;
        // Covers the warning text too.
        let _summary = report.summary();
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
pub fn contacts_in_response(config: &SourceConfig, body: &[u8], number: &E164, region: Region) -> Option<Vec<Contact>> {
    let mapping = ResponseMapping::from_config(config.results.as_deref(), &config.fields, &config.numbers).ok()?;
    let response = json::from_slice(body).ok()?;
    let mut records = mapping.records(&response).ok()?;
    records.retain(|record| mapping.matches_number(record, number, region));
    Some(records.into_iter().filter_map(|record| mapping.contact(record, &config.display_name())).collect())
}
