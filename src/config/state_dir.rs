//! The state directory where the config does not name it, and that of a config that may be invalid.

use std::{
    env, fs,
    path::{Path, PathBuf},
};
use toml::de::{DeTable, DeValue};

/// Returns the state directory of a config without `state.dir`.
pub(super) fn default() -> Option<PathBuf> {
    let systemd = env::var_os("STATE_DIRECTORY").map(PathBuf::from);
    let xdg = || env::var_os("XDG_STATE_HOME").map(|home| PathBuf::from(home).join("poprelay"));
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state/poprelay"));
    systemd.or_else(xdg).or_else(home)
}

/// Returns the state directory that a config names, even if the rest of the file is invalid or unreadable. A daemon that
/// has rejected the file still writes its status there.
#[must_use]
pub fn of_any_config(path: &Path) -> Option<PathBuf> {
    let environment = env::var_os("POPRELAY__STATE__DIR").map(PathBuf::from);
    let file = || written(&fs::read_to_string(path).ok()?);
    environment.or_else(file).or_else(default)
}

/// Returns `state.dir` of a text that may have syntax errors.
fn written(source: &str) -> Option<PathBuf> {
    let (tree, _) = DeTable::parse_recoverable(source);
    let DeValue::Table(state) = tree.get_ref().get("state")?.get_ref() else { return None };
    state.get("dir")?.get_ref().as_str().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_dir_is_found_in_a_file_with_errors() {
        let dir = |source| written(source).map(|path| path.display().to_string());
        let named = Some("/srv/calls".to_owned());
        assert_eq!(dir("[state]\ndir = \"/srv/calls\"\n[sinks.desk]\ntype = 7\n"), named);
        assert_eq!(dir("[sinks.desk]\ntype = \"slack\n[state]\ndir = \"/srv/calls\"\n"), named);
        assert_eq!(dir("[state]\ndir = \"/srv/calls\"\nrecord = \n[operator\n"), named);
        assert_eq!(dir("state = 7"), None);
    }
}
