//! Masking of phone numbers.

use serde::{Deserialize, Serialize};

/// Visible part of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mask {
    /// All digits.
    #[default]
    None,
    /// The last four digits.
    Last4,
    /// The last two digits: the journal's default.
    Last2,
    /// No digits.
    All,
}

impl Mask {
    /// Replaces the hidden digits of `text` by `•`; other characters stay.
    #[must_use]
    pub fn apply(self, text: &str) -> String {
        let visible = match self {
            Self::None => return text.to_owned(),
            Self::Last4 => 4,
            Self::Last2 => 2,
            Self::All => 0,
        };
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let mut index = 0;
        text.chars()
            .map(|c| {
                if !c.is_ascii_digit() {
                    return c;
                }
                index += 1;
                if index + visible > digits { c } else { '•' }
            })
            .collect()
    }
}
