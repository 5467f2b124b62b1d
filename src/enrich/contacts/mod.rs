//! Contacts file: loaded whole or not at all, answered from memory, reloaded after a change. The modules below parse
//! CSV and vCard.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod builder;
mod column;
mod csv;
mod decode;
#[cfg(test)]
mod file_tests;
mod header_parts;
mod header_words;
mod headers;
mod index;
mod lines;
mod private_words;
#[cfg(test)]
mod tests;
mod vcard;

pub use builder::LoadReport;
pub(super) use headers::is_fax_label;
pub(super) use index::ContactIndex;

use super::{
    merge::{SourceAnswer, merge},
    watched_file::WatchedFile,
};
use crate::model::{
    card::CallerInfo,
    phone::{E164, Region},
};
use builder::IndexBuilder;
use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Largest file that is read, bytes. 512 MiB, because vCards with photos are large.
const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;

/// Failure of a contacts load.
#[derive(Debug, thiserror::Error)]
pub enum ContactsError {
    /// The file is missing or not readable.
    #[error("cannot read file: {0}")]
    Unreadable(io::Error),
    /// The file is not a table of contacts.
    #[error(transparent)]
    InvalidCsv(#[from] csv::CsvError),
    /// The vCard file is not complete.
    #[error(transparent)]
    InvalidVcard(#[from] vcard::VcardError),
    /// Larger than 512 MiB.
    #[error("file is larger than 512 MiB")]
    TooLarge,
    /// The file changed during the read.
    #[error("file changed during the read")]
    ChangedDuringRead,
}

/// Contacts source for one file.
#[derive(Debug)]
pub(super) struct Contacts {
    path: PathBuf,
    columns: BTreeMap<String, String>,
    region: Region,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    index: Option<Arc<ContactIndex>>,
    file: WatchedFile,
}

impl Contacts {
    /// Creates a source without contacts.
    #[must_use]
    pub(super) fn new(path: PathBuf, columns: BTreeMap<String, String>, region: Region) -> Self {
        let state = Mutex::new(State { index: None, file: WatchedFile::new(&path) });
        Self { path, columns, region, state }
    }

    /// Returns the file's path.
    #[must_use]
    pub(super) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Returns all contacts with the number, from memory.
    #[must_use]
    pub(super) fn find(&self, number: &E164, source: &str) -> SourceAnswer {
        let index = self.state().index.clone();
        index.map_or(SourceAnswer::Disabled, |index| SourceAnswer::Found(index.find(number, source)))
    }

    /// Loads the file now. On an error the previous contacts stay. Blocks.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a table of contacts.
    pub(super) fn load(&self) -> Result<LoadReport, ContactsError> {
        self.state().file.mark_read();
        self.reload()
    }

    /// Reloads the file if it changed and then stayed equal for one poll. `None` if there is nothing to do. Blocks.
    pub(super) fn refresh(&self) -> Option<Result<LoadReport, ContactsError>> {
        let has_changed = self.state().file.poll();
        has_changed.then(|| self.reload())
    }

    fn reload(&self) -> Result<LoadReport, ContactsError> {
        let content = read_file(&self.path);
        let parsed = content.map(|content| (parse(&content, &self.columns, self.region), content));
        let mut state = self.state();
        let unchanged = state.file.is_unchanged();
        let (parsed, content) = parsed?;
        state.file.set_content(&content);
        let (index, report) = parsed?;
        if !unchanged {
            return Err(ContactsError::ChangedDuringRead);
        }
        state.index = Some(Arc::new(index));
        Ok(report)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Result of reading a contacts file.
#[derive(Debug, Clone)]
pub struct ContactsPreview {
    /// Columns and counts.
    pub report: LoadReport,
    /// Numbers of the first contacts, each with the caller info of its card.
    pub samples: Vec<(E164, CallerInfo)>,
}

/// Reads a contacts file once, for an operator. Blocks.
///
/// # Errors
/// If the file cannot be read, or is not a table of contacts.
pub fn preview(
    path: &std::path::Path,
    columns: &BTreeMap<String, String>,
    region: Region,
) -> Result<ContactsPreview, ContactsError> {
    let content = read_file(path)?;
    let (index, report) = parse(&content, columns, region)?;
    let info = |number: &E164| {
        let (matched, _) = merge([("contacts", SourceAnswer::Found(index.find(number, "contacts")))]);
        CallerInfo { matched, ..CallerInfo::default() }
    };
    let samples = report.samples.iter().map(|number| (number.clone(), info(number))).collect();
    Ok(ContactsPreview { report, samples })
}

/// Reads a file of bounded size.
fn read_file(path: &std::path::Path) -> Result<Vec<u8>, ContactsError> {
    if fs::metadata(path).map_err(ContactsError::Unreadable)?.len() > MAX_FILE_BYTES {
        return Err(ContactsError::TooLarge);
    }
    fs::read(path).map_err(ContactsError::Unreadable)
}

/// Parses the contacts of a CSV or vCard file.
///
/// # Errors
/// If the file is not a table of contacts.
pub(super) fn parse(
    bytes: &[u8],
    columns: &BTreeMap<String, String>,
    region: Region,
) -> Result<(ContactIndex, LoadReport), ContactsError> {
    let text = decode::decode(bytes);
    let mut builder = IndexBuilder::new(region);
    if vcard::is_vcard(&text) {
        vcard::read(&text, columns, &mut builder)?;
    } else {
        csv::read(&text, columns, &mut builder)?;
    }
    Ok(builder.finish())
}

#[cfg(test)]
mod reload_tests {
    use super::*;
    use crate::model::phone::PhoneNumber;

    fn contacts(dir: &tempfile::TempDir) -> Contacts {
        Contacts::new(dir.path().join("people.csv"), BTreeMap::new(), Region::US)
    }

    fn write(dir: &tempfile::TempDir, text: &str) {
        fs::write(dir.path().join("people.csv"), text).unwrap();
    }

    fn name(contacts: &Contacts) -> Option<String> {
        let number = PhoneNumber::parse(Some("+15145550199"), Region::US);
        match contacts.find(number.as_e164().unwrap(), "c") {
            SourceAnswer::Found(people) => people.into_iter().next().and_then(|it| it.name),
            SourceAnswer::Failed(_) | SourceAnswer::Disabled => None,
        }
    }

    #[test]
    fn refresh_new_file_is_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let contacts = contacts(&dir);
        assert!(matches!(contacts.load(), Err(ContactsError::Unreadable(_))));
        assert!(contacts.refresh().is_none());
        write(&dir, "Name,Phone\nAlice,5145550199\n");
        assert!(contacts.refresh().is_none(), "one poll is not enough");
        assert_eq!(contacts.refresh().unwrap().unwrap().people, 1);
        assert_eq!(name(&contacts).as_deref(), Some("Alice"));
        assert!(contacts.refresh().is_none());
    }

    #[test]
    fn refresh_bad_or_removed_file_keeps_previous_contacts() {
        let dir = tempfile::tempdir().unwrap();
        let contacts = contacts(&dir);
        write(&dir, "Name,Phone\nAlice,5145550199\n");
        contacts.load().unwrap();
        write(&dir, "this is no table any more");
        assert!(contacts.refresh().is_none());
        assert!(contacts.refresh().unwrap().is_err());
        assert_eq!(name(&contacts).as_deref(), Some("Alice"), "the previous contacts stay");
        assert!(contacts.refresh().is_none(), "a bad file is reported once");
        fs::remove_file(dir.path().join("people.csv")).unwrap();
        assert!(contacts.refresh().is_none());
        assert!(contacts.refresh().unwrap().is_err());
        assert_eq!(name(&contacts).as_deref(), Some("Alice"));
    }

    #[test]
    fn refresh_same_size_and_time_is_loaded_by_content() {
        let dir = tempfile::tempdir().unwrap();
        let contacts = contacts(&dir);
        let path = dir.path().join("people.csv");
        write(&dir, "Name,Phone\nAlice,5145550199\n");
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        contacts.load().unwrap();
        write(&dir, "Name,Phone\nBobby,5145550199\n");
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        assert_eq!(contacts.refresh().unwrap().unwrap().people, 1);
        assert_eq!(name(&contacts).as_deref(), Some("Bobby"));
        assert!((0..10).all(|_| contacts.refresh().is_none()), "the content is compared a few times only");
    }

    #[test]
    fn refresh_replaced_truncated_or_cut_off_file_is_whole_or_refused() {
        let dir = tempfile::tempdir().unwrap();
        let contacts = contacts(&dir);
        write(&dir, "Name,Phone,Tier\nAlice,5145550199,A\n");
        contacts.load().unwrap();
        fs::write(dir.path().join("new"), "Name,Phone,Tier\nBobby,5145550199,A\n").unwrap();
        fs::rename(dir.path().join("new"), dir.path().join("people.csv")).unwrap();
        assert!(contacts.refresh().is_none());
        assert_eq!(contacts.refresh().unwrap().unwrap().people, 1);
        assert_eq!(name(&contacts).as_deref(), Some("Bobby"));
        for half in ["", "Name,Phone,Tier\nCy,51455", "Name,Phone,Tier\n\"Cy,5145550199,A\n"] {
            write(&dir, half);
            assert!(contacts.refresh().is_none());
            assert!(contacts.refresh().unwrap().is_err(), "{half:?}");
            assert_eq!(name(&contacts).as_deref(), Some("Bobby"), "{half:?}");
        }
        write(&dir, "Name,Phone,Tier\nCyrus,5145550199,A\n");
        assert!(contacts.refresh().is_none());
        assert_eq!(contacts.refresh().unwrap().unwrap().people, 1);
        assert_eq!(name(&contacts).as_deref(), Some("Cyrus"));
    }

    #[test]
    fn refresh_growing_file_is_not_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let contacts = contacts(&dir);
        for rows in 1..5 {
            write(&dir, &format!("Name,Phone\n{}", "Al,5145550199\n".repeat(rows)));
            assert!(contacts.refresh().is_none());
        }
        assert_eq!(contacts.refresh().unwrap().unwrap().people, 4);
    }
}
