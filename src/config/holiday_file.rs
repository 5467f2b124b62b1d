//! Reads a holiday file. `route` parses calendars.

use crate::route::{CalendarWarning, Holidays};
use std::{fs::File, io::Read as _, path::Path};

/// Largest holiday file: national holidays of ten years are about 60 KB.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads a file's holidays with warnings about unusable entries. Blocks.
///
/// # Errors
/// The file cannot be read, is larger than 1 MiB or no calendar.
pub fn read(path: &Path) -> Result<(Holidays, Vec<CalendarWarning>), String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_FILE_BYTES.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size <= MAX_FILE_BYTES) {
        Holidays::parse(&String::from_utf8_lossy(&bytes)).map_err(|error| error.to_string())
    } else {
        Err("larger than 1 MiB".to_owned())
    }
}
