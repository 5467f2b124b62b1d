//! A file of people: reads it whole or not at all, answers from memory, and reads it again when it has changed. What a
//! CSV or vCard file means is decided in the files below.

mod book;
mod builder;
mod column;
mod csv;
mod decode;
mod vcard;

pub use book::Book;
pub use builder::Tally;

use super::{followed::Followed, merge::Said};
use crate::model::phone::{E164, Region};
use builder::Builder;
use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Largest file that is read: 512 MiB, some three million people.
const LARGEST: u64 = 512 * 1024 * 1024;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ContactsError {
    /// It is not there, or may not be read.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is no table of people.
    #[error(transparent)]
    NoTable(#[from] csv::NoTable),
    /// Larger than 512 MiB.
    #[error("it is larger than 512 MiB")]
    TooLarge,
    /// Somebody writes it right now.
    #[error("it changed while it was read")]
    Changing,
}

/// One contacts file.
#[derive(Debug)]
pub struct Contacts {
    path: PathBuf,
    columns: BTreeMap<String, String>,
    region: Region,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    book: Option<Arc<Book>>,
    file: Followed,
}

impl Contacts {
    /// A source that has read nothing yet.
    #[must_use]
    pub fn new(path: PathBuf, columns: BTreeMap<String, String>, region: Region) -> Self {
        let state = Mutex::new(State { book: None, file: Followed::since_now(&path) });
        Self { path, columns, region, state }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Everyone with the number, at once.
    #[must_use]
    pub fn find(&self, number: &E164, source: &str) -> Said {
        let book = self.state().book.clone();
        book.map_or(Said::Off, |book| Said::Knows(book.find(number, source)))
    }

    /// Reads the file now. On an error the people that are known stay known. Blocks.
    ///
    /// # Errors
    /// If it cannot be read, or is no table of people.
    pub fn load(&self) -> Result<Tally, ContactsError> {
        self.state().file.read_now();
        self.take()
    }

    /// Reads the file if it has changed since the last look and not since the one before. `None`: nothing to do. Blocks.
    pub fn refresh(&self) -> Option<Result<Tally, ContactsError>> {
        let has_changed = self.state().file.has_changed();
        has_changed.then(|| self.take())
    }

    fn take(&self) -> Result<Tally, ContactsError> {
        let read = self.read();
        let mut state = self.state();
        let settled = state.file.is_as_seen();
        let (book, tally) = read?;
        if !settled {
            return Err(ContactsError::Changing);
        }
        state.book = Some(Arc::new(book));
        Ok(tally)
    }

    fn read(&self) -> Result<(Book, Tally), ContactsError> {
        if fs::metadata(&self.path).map_err(ContactsError::Unreadable)?.len() > LARGEST {
            return Err(ContactsError::TooLarge);
        }
        let bytes = fs::read(&self.path).map_err(ContactsError::Unreadable)?;
        Ok(people(&bytes, &self.columns, self.region)?)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The people of a CSV or vCard file, from its bytes.
///
/// # Errors
/// If it is no table of people.
pub fn people(bytes: &[u8], columns: &BTreeMap<String, String>, region: Region) -> Result<(Book, Tally), csv::NoTable> {
    let text = decode::decode(bytes);
    let mut book = Builder::new(region);
    if vcard::is_vcard(&text) {
        vcard::read(&text, &mut book);
    } else {
        csv::read(&text, columns, &mut book)?;
    }
    Ok(book.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::phone::Number;

    fn contacts(dir: &tempfile::TempDir) -> Contacts {
        Contacts::new(dir.path().join("people.csv"), BTreeMap::new(), Region::US)
    }

    fn write(dir: &tempfile::TempDir, text: &str) {
        fs::write(dir.path().join("people.csv"), text).unwrap();
    }

    fn name(contacts: &Contacts) -> Option<String> {
        let number = Number::read(Some("+15145550199"), Region::US);
        match contacts.find(number.known().unwrap(), "c") {
            Said::Knows(people) => people.into_iter().next().and_then(|it| it.name),
            Said::Silent(_) | Said::Off => None,
        }
    }

    #[test]
    fn a_file_that_appears_later_is_read_then() {
        let dir = tempfile::tempdir().unwrap();
        let contacts = contacts(&dir);
        assert!(matches!(contacts.load(), Err(ContactsError::Unreadable(_))));
        assert!(contacts.refresh().is_none());
        write(&dir, "Name,Phone\nAlice,5145550199\n");
        assert!(contacts.refresh().is_none(), "it is let settle");
        assert_eq!(contacts.refresh().unwrap().unwrap().people, 1);
        assert_eq!(name(&contacts).as_deref(), Some("Alice"));
        assert!(contacts.refresh().is_none());
    }

    #[test]
    fn a_change_is_taken_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let contacts = contacts(&dir);
        write(&dir, "Name,Phone\nAlice,5145550199\n");
        contacts.load().unwrap();
        write(&dir, "this is no table any more");
        assert!(contacts.refresh().is_none());
        assert!(contacts.refresh().unwrap().is_err());
        assert_eq!(name(&contacts).as_deref(), Some("Alice"), "the people of before stay known");
        assert!(contacts.refresh().is_none(), "a bad file is complained of once");
        fs::remove_file(dir.path().join("people.csv")).unwrap();
        assert!(contacts.refresh().is_none());
        assert!(contacts.refresh().unwrap().is_err());
        assert_eq!(name(&contacts).as_deref(), Some("Alice"));
    }

    #[test]
    fn a_file_that_still_grows_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let contacts = contacts(&dir);
        for rows in 1..5 {
            write(&dir, &format!("Name,Phone\n{}", "Al,5145550199\n".repeat(rows)));
            assert!(contacts.refresh().is_none());
        }
        assert_eq!(contacts.refresh().unwrap().unwrap().people, 4);
    }
}
