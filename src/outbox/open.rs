//! Coming by a database: finding, making, checking and migrating the file, and setting a damaged one aside. Decides what
//! is refused at the start; what the disk does not bear is no reason to refuse.

use super::{
    FILE, Settings,
    carry::{Settled, carry},
    degrade::{Ground, Health},
    queue::{LOOK, Queue},
    schema::{self, Kind, MIGRATIONS, VERSION},
    trouble::{Trouble, trouble},
};
use crate::model::time::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// Files up to this size are checked whole at the start: some 50 ms. Larger ones when their pages are read.
const CHECKED: u64 = 16 << 20;

/// What was found at the start.
#[derive(Debug, Clone)]
pub struct Opened {
    /// How many deliveries wait.
    pub waiting: u64,
    /// The version the file was migrated from, if it was.
    pub migrated: Option<usize>,
    /// The damaged file that was set aside, if there was one.
    pub set_aside: Option<SetAside>,
    /// What it stands on.
    pub health: Health,
}

/// A damaged file that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// Waiting deliveries and noted moments that could still be read and were taken over.
    pub rescued: u64,
}

/// Why there is no outbox. A disk that is full or read-only is no such reason: see [`Health`].
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer program wrote it.
    #[error(
        "{path} is of version {found}, this program knows {VERSION}: run the newer poprelay again, or move the file away \
         (what waits in it is then not told)"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: usize,
    },
    /// It belongs to another program.
    #[error("{path} is a database of another program: give poprelay a state directory of its own")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Not even memory could be had.
    #[error("the outbox cannot start")]
    Start(#[source] io::Error),
}

/// Opens the outbox, migrating it or setting it aside as needed, and starts its writer. Blocks for some milliseconds.
///
/// # Errors
/// [`OpenError`]: a file that must not be touched.
pub fn open(settings: Settings, now: Timestamp) -> Result<(Queue, Opened), OpenError> {
    let path = settings.dir.join(FILE);
    let (ground, mut opened) = match disk(&settings, now) {
        Ok(disk) => {
            let (migrated, set_aside) = (disk.migrated, disk.set_aside.clone());
            (Ground::on_disk(settings, disk), Opened { migrated, set_aside, ..Opened::nothing() })
        }
        Err(NoDisk::Newer(found)) => return Err(OpenError::Newer { path, found }),
        Err(NoDisk::Foreign) => return Err(OpenError::Foreign { path }),
        Err(NoDisk::Trouble(why)) => {
            let ground = Ground::in_memory(settings, why, now).map_err(|e| OpenError::Start(io::Error::other(e)))?;
            (ground, Opened::nothing())
        }
    };
    opened.health = ground.health();
    opened.waiting = ground.store().backlog().map_or(0, |sinks| sinks.iter().map(|(_, count)| count).sum());
    Ok((Queue::start(ground, LOOK).map_err(OpenError::Start)?, opened))
}

impl Opened {
    const fn nothing() -> Self {
        Self { waiting: 0, migrated: None, set_aside: None, health: Health::Durable }
    }
}

/// A database on the disk that takes writes.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) db: Connection,
    pub(super) migrated: Option<usize>,
    pub(super) set_aside: Option<SetAside>,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum NoDisk {
    Newer(usize),
    Foreign,
    Trouble(Trouble),
}

impl From<rusqlite::Error> for NoDisk {
    fn from(error: rusqlite::Error) -> Self {
        // Only what SQLite calls damaged is set aside: a file that fails otherwise may be sound.
        Self::Trouble(trouble(&error).unwrap_or(Trouble::Failing))
    }
}

impl From<io::Error> for NoDisk {
    fn from(error: io::Error) -> Self {
        Self::Trouble(match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Trouble::Full,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Trouble::ReadOnly,
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Trouble::Vanished,
            _ => Trouble::Failing,
        })
    }
}

/// Opens the file of a state directory, making both if they are not there.
pub(super) fn disk(settings: &Settings, now: Timestamp) -> Result<Disk, NoDisk> {
    let path = settings.dir.join(FILE);
    match file(settings, &path, now) {
        Err(NoDisk::Trouble(Trouble::Damaged)) => {
            let aside = set_aside(&path, now)?;
            let mut disk = file(settings, &path, now)?;
            let rescued = Connection::open_with_flags(&aside, OpenFlags::SQLITE_OPEN_READ_WRITE)
                .and_then(|damaged| rescue(&damaged, &disk.db))
                .unwrap_or(0);
            tracing::error!(file = %aside.display(), rescued, "outbox damaged, set aside");
            disk.set_aside = Some(SetAside { path: aside, rescued });
            Ok(disk)
        }
        other => other,
    }
}

fn rescue(damaged: &Connection, into: &Connection) -> rusqlite::Result<u64> {
    into.execute_batch("BEGIN IMMEDIATE")?;
    let carried = carry(damaged, into, Settled::Whole).inspect_err(|_| schema::undo(into))?;
    into.execute_batch("COMMIT")?;
    Ok(carried.rows)
}

fn file(settings: &Settings, path: &Path, now: Timestamp) -> Result<Disk, NoDisk> {
    // Callers' names and numbers are in it: nobody else reads them. SQLite gives its -wal and -shm the same mode.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&settings.dir)?;
    fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(Duration::from_secs(2))?;
    let from = match schema::kind(&db)? {
        Kind::Fresh => 0,
        Kind::Ours(version) => version,
        Kind::Newer(version) => return Err(NoDisk::Newer(version)),
        Kind::Foreign => return Err(NoDisk::Foreign),
    };
    schema::tune(&db, settings.durability)?;
    if from > 0 {
        check(&db, fs::metadata(path)?.len() <= CHECKED)?;
    }
    schema::migrate(&db, from, MIGRATIONS)?;
    // SQLite opens a file that it may not write without a word; and a disk that is full should be known now.
    db.execute("INSERT OR REPLACE INTO facts (name, value) VALUES ('opened', ?)", [now.as_microsecond()])?;
    Ok(Disk { db, migrated: (from > 0 && from < VERSION).then_some(from), set_aside: None })
}

fn check(db: &Connection, whole: bool) -> Result<(), NoDisk> {
    for table in ["deliveries", "attempts", "noted", "calls", "facts"] {
        let missing = |_| NoDisk::Trouble(Trouble::Damaged);
        db.prepare(&format!("SELECT 1 FROM {table}")).map_err(missing)?;
    }
    if !whole {
        return Ok(());
    }
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(NoDisk::Trouble(Trouble::Damaged)) }
}

/// Moves the file and its log out of the way, under one new name, so that a person can still open them together.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let with = |base: &Path, tail: &str| {
        let mut name = base.as_os_str().to_owned();
        name.push(tail);
        PathBuf::from(name)
    };
    let aside = with(path, &format!(".damaged-{}", now.strftime("%Y%m%dT%H%M%S%.6fZ")));
    fs::rename(path, &aside)?;
    for tail in ["-wal", "-shm"] {
        match fs::rename(with(path, tail), with(&aside, tail)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(aside)
}

/// Opens a file that cannot be written, to read what waits in it.
pub(super) fn read_only(path: &Path) -> Option<Connection> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    // Without a log the file is all there is, and SQLite may skip the shared memory that it could not make here.
    let alone = fs::metadata(log).map_or(true, |log| log.len() == 0);
    let encoded =
        percent_encoding::percent_encode(path.as_os_str().as_encoded_bytes(), percent_encoding::NON_ALPHANUMERIC);
    let uri = if alone { format!("file:{encoded}?immutable=1") } else { format!("file:{encoded}") };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(uri, flags).ok()?;
    matches!(schema::kind(&db), Ok(Kind::Ours(VERSION))).then_some(db)
}
