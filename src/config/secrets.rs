//! Reads the secrets of a config, and warns about those that other users can read.

use super::{Diagnostic, Validator, permissions};
use crate::model::secret::{Secret, SecretRef};
use std::path::Path;

impl Validator<'_> {
    /// Records a secret written into a file that all users can read. Values of the environment are not in the file.
    pub(super) fn note_inline(&mut self, key: &str, reference: &SecretRef) {
        if self.is_exposed
            && let SecretRef::Text(_) = reference
            && Diagnostic::at(self.source, key, "").line.is_some()
        {
            self.exposed_keys.push(key.to_owned());
        }
    }

    pub(super) fn warn_exposed(&mut self, path: &Path) {
        if let Some(first) = self.exposed_keys.first() {
            let text = format!(
                "all users can read the file, and it contains secrets ({}). Run: chmod o-r {}",
                self.exposed_keys.join(", "),
                path.display()
            );
            let warning = Diagnostic::at(self.source, first.clone(), text);
            self.warnings.push(warning);
        }
    }

    pub(super) fn secret(&mut self, key: &str, reference: &SecretRef) -> Option<Secret> {
        self.note_inline(key, reference);
        match reference.read(Some(&self.credentials)) {
            Ok(secret) => {
                if let SecretRef::File(path) = reference
                    && permissions::allows_others(path, permissions::OTHERS_READ)
                {
                    let text = format!("all users can read the file. Run: chmod o-r {}", path.display());
                    self.warnings.push(Diagnostic::at(self.source, key, text));
                }
                Some(secret)
            }
            Err(error) => {
                self.error(key, error.to_string());
                None
            }
        }
    }
}
