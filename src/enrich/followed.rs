//! Whether a file has changed and let settle: so that one that is half copied is not read. Looks at its time and size only.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// A file that is looked at from time to time.
#[derive(Debug, Clone)]
pub struct Followed {
    path: PathBuf,
    /// The file as it was when it was last read, or last failed to be.
    read: Option<Stamp>,
    /// A change that is let settle until the next look.
    settling: Option<Stamp>,
}

/// What changes when a file does. `None` inside: it is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp(Option<(SystemTime, u64)>);

impl Followed {
    /// How often files are looked at; a change is read at the second look that sees it.
    pub const LOOK: Duration = Duration::from_secs(2);

    /// A file that was read just now.
    #[must_use]
    pub fn since_now(path: &Path) -> Self {
        Self { path: path.to_owned(), read: Some(stamp(path)), settling: None }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// It is about to be read. Blocks.
    pub fn read_now(&mut self) {
        (self.read, self.settling) = (Some(stamp(&self.path)), None);
    }

    /// Whether it has changed since it was read last, and not since the look before; it then counts as read. Blocks.
    pub fn has_changed(&mut self) -> bool {
        let stamp = stamp(&self.path);
        if self.read == Some(stamp) {
            return false;
        }
        if self.settling != Some(stamp) {
            self.settling = Some(stamp);
            return false;
        }
        (self.read, self.settling) = (Some(stamp), None);
        true
    }

    /// After reading it: whether it is still the one that was seen. If not it is read again. Blocks.
    pub fn is_as_seen(&mut self) -> bool {
        let settled = self.read == Some(stamp(&self.path));
        if !settled {
            self.read = None;
        }
        settled
    }
}

fn stamp(path: &Path) -> Stamp {
    Stamp(fs::metadata(path).and_then(|it| Ok((it.modified()?, it.len()))).ok())
}
