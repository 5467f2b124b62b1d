//! The outbox's database file: opens, checks and quarantines it. Reads and writes no rows.

use super::{
    FILE_NAME, OutboxSettings,
    copy::{CopyScope, copy_all},
    disk_error::{DiskProblem, disk_problem},
    schema::{self, DatabaseKind, MIGRATIONS, VERSION},
    wal::Wal,
};
use crate::{model::time::Timestamp, runtime::message_id};
use rusqlite::{Connection, OpenFlags};
use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

/// Files up to this size are fully checked at start, in some 50 ms. Larger files are checked as their pages are read.
const MAX_CHECKED_BYTES: u64 = 16 << 20;

/// A damaged file that was quarantined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// New path of the file.
    pub path: PathBuf,
    /// Waiting deliveries and pending updates that were readable and copied.
    pub rescued: u64,
}

/// A writable database file.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) db: Connection,
    pub(super) wal: Wal,
    pub(super) migrated_from: Option<usize>,
    pub(super) quarantined: Option<Quarantined>,
}

/// Why the database file cannot open.
#[derive(Debug)]
pub(super) enum DiskError {
    Newer(usize),
    Foreign,
    Problem(DiskProblem),
}

impl From<rusqlite::Error> for DiskError {
    fn from(error: rusqlite::Error) -> Self {
        // Only files that SQLite reports as damaged are quarantined: after other errors a file may be intact.
        Self::Problem(disk_problem(&error).unwrap_or(DiskProblem::Failing))
    }
}

impl From<io::Error> for DiskError {
    fn from(error: io::Error) -> Self {
        Self::Problem(match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskProblem::Full,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => DiskProblem::ReadOnly,
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => DiskProblem::Missing,
            _ => DiskProblem::Failing,
        })
    }
}

/// Opens the file of a state directory and creates both if they are missing.
pub(super) fn open_database(settings: &OutboxSettings, now: Timestamp) -> Result<Database, DiskError> {
    let path = settings.dir.join(FILE_NAME);
    match open_file(settings, &path, now) {
        Err(DiskError::Problem(DiskProblem::Damaged)) => {
            let quarantined = quarantine(&path, now)?;
            let mut disk = open_file(settings, &path, now)?;
            let rescued = Connection::open_with_flags(&quarantined, OpenFlags::SQLITE_OPEN_READ_WRITE)
                .and_then(|damaged| rescue(&damaged, &disk.db))
                .unwrap_or(0);
            log_quarantined(&quarantined, rescued);
            disk.quarantined = Some(Quarantined { path: quarantined, rescued });
            Ok(disk)
        }
        other => other,
    }
}

/// Reports a damaged file, wherever the damage was found.
pub(super) fn log_quarantined(file: &Path, rescued: u64) {
    let message_id = message_id::STORE_QUARANTINED;
    tracing::error!(path = %file.display(), rescued, message_id, "outbox file damaged, quarantined");
}

fn rescue(damaged: &Connection, into: &Connection) -> rusqlite::Result<u64> {
    into.execute_batch("BEGIN IMMEDIATE")?;
    let copied = copy_all(damaged, into, CopyScope::Full).inspect_err(|_| schema::rollback(into))?;
    into.execute_batch("COMMIT")?;
    Ok(copied.rows)
}

fn open_file(settings: &OutboxSettings, path: &Path, now: Timestamp) -> Result<Database, DiskError> {
    // The file has callers' names and numbers: only the daemon's user may read it. SQLite gives -wal and -shm the same mode.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&settings.dir)?;
    fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let mut db =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(Duration::from_secs(2))?;
    let from = match schema::database_kind(&db)? {
        DatabaseKind::Empty => 0,
        DatabaseKind::Outbox(version) => version,
        DatabaseKind::Newer(version) => return Err(DiskError::Newer(version)),
        DatabaseKind::Foreign => return Err(DiskError::Foreign),
    };
    schema::configure(&db)?;
    if from > 0 {
        check(&db, fs::metadata(path)?.len() <= MAX_CHECKED_BYTES)?;
    }
    schema::migrate(&db, from, MIGRATIONS)?;
    // SQLite opens an unwritable file without an error, and a full disk should be detected now: write once.
    db.execute("INSERT OR REPLACE INTO metadata (name, value) VALUES ('opened', ?)", [now.as_microsecond()])?;
    let wal = Wal::open(path, &mut db, settings.durability)?;
    Ok(Database { db, wal, migrated_from: (from > 0 && from < VERSION).then_some(from), quarantined: None })
}

fn check(db: &Connection, check_pages: bool) -> Result<(), DiskError> {
    for table in ["deliveries", "attempts", "pending_updates", "calls", "metadata"] {
        let damaged = |_| DiskError::Problem(DiskProblem::Damaged);
        db.prepare(&format!("SELECT 1 FROM {table}")).map_err(damaged)?;
    }
    if !check_pages {
        return Ok(());
    }
    let result: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if result == "ok" { Ok(()) } else { Err(DiskError::Problem(DiskProblem::Damaged)) }
}

/// Renames the file and its WAL to one new name, so that an operator can still open them together.
pub(super) fn quarantine(path: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let with_suffix = |base: &Path, suffix: &str| {
        let mut name = base.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let quarantined = with_suffix(path, &format!(".damaged-{}", now.strftime("%Y%m%dT%H%M%S%.6fZ")));
    fs::rename(path, &quarantined)?;
    for suffix in ["-wal", "-shm"] {
        match fs::rename(with_suffix(path, suffix), with_suffix(&quarantined, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(quarantined)
}

/// Opens an unwritable file to read its waiting deliveries.
pub(super) fn open_read_only(path: &Path) -> Option<Connection> {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    // Without a WAL the file is complete, and SQLite may skip the shared memory that it cannot create here.
    let is_complete = fs::metadata(wal).map_or(true, |wal| wal.len() == 0);
    let encoded =
        percent_encoding::percent_encode(path.as_os_str().as_encoded_bytes(), percent_encoding::NON_ALPHANUMERIC);
    let uri = if is_complete { format!("file:{encoded}?immutable=1") } else { format!("file:{encoded}") };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(uri, flags).ok()?;
    matches!(schema::database_kind(&db), Ok(DatabaseKind::Outbox(VERSION))).then_some(db)
}
