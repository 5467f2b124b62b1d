//! Who else on this machine may read or write a file of the config. Looks; what follows is not decided here.

use rustix::process::geteuid;
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

/// The owner of what has none in this user namespace: `overflowuid` of the kernel, 65534 wherever nobody changed it.
const UNMAPPED: u32 = 65534;

/// Others may read.
pub const READ: u32 = 0o004;
/// Others may write.
pub const WRITE: u32 = 0o002;

/// Whether a regular file is open to everybody in this way. A device or a pipe is not: nothing is kept in it.
pub fn is_open(path: &Path, way: u32) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & way != 0)
}

/// The user who owns a regular file, if that is neither root nor the one we run as: whoever owns it may change it.
pub fn stranger(path: &Path) -> Option<u32> {
    let file = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(file.uid()).filter(|owner| is_stranger(*owner, geteuid().as_raw()))
}

const fn is_stranger(owner: u32, we: u32) -> bool {
    owner != 0 && owner != we && owner != UNMAPPED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_we_ourselves_are_no_strangers_and_an_owner_that_nobody_can_name_is_not_accused() {
        let all = [(0, 61_234), (61_234, 61_234), (UNMAPPED, 61_234), (1000, 61_234), (1000, 0)];
        assert_eq!(all.map(|(owner, we)| is_stranger(owner, we)), [false, false, false, true, true]);
    }
}
