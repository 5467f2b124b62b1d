//! Permissions of config files: access by other users, and foreign owners. Only reads them; callers decide.

use rustix::process::geteuid;
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

/// Owner id of files without a mapped owner in this user namespace: the kernel's `overflowuid`, 65534 by default.
const UNMAPPED: u32 = 65534;

/// Mode bit: others can read.
pub(super) const OTHERS_READ: u32 = 0o004;
/// Mode bit: others can write.
pub(super) const OTHERS_WRITE: u32 = 0o002;

/// Returns whether all users have this access to a regular file. Devices and pipes store nothing and return false.
pub(super) fn allows_others(path: &Path, mode_bit: u32) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & mode_bit != 0)
}

/// Returns the owner of a regular file, if neither root nor this process's user. An owner can change the file.
pub(super) fn foreign_owner(path: &Path) -> Option<u32> {
    let file = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(file.uid()).filter(|owner| is_foreign(*owner, geteuid().as_raw()))
}

const fn is_foreign(owner: u32, own_uid: u32) -> bool {
    owner != 0 && owner != own_uid && owner != UNMAPPED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_owner_excludes_root_self_and_unmapped_ids() {
        let all = [(0, 61_234), (61_234, 61_234), (UNMAPPED, 61_234), (1000, 61_234), (1000, 0)];
        assert_eq!(all.map(|(owner, own_uid)| is_foreign(owner, own_uid)), [false, false, false, true, true]);
    }
}
