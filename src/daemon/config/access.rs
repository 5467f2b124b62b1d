//! Who else on this machine may read or write a file of the config. Looks, and decides nothing.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

/// Others may read.
pub const READ: u32 = 0o004;
/// Others may write.
pub const WRITE: u32 = 0o002;

/// Whether a regular file is open to everybody in this way. A device or a pipe is not: nothing is kept in it.
pub fn is_open(path: &Path, way: u32) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & way != 0)
}
