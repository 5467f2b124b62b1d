//! How much of a number is shown.

use serde::{Deserialize, Serialize};

/// How much of a number may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mask {
    /// All of it.
    #[default]
    None,
    /// The last four digits.
    Last4,
    /// The last two digits: the journal's default.
    Last2,
    /// Nothing.
    All,
}

impl Mask {
    /// `text` with its digits covered as the mask asks; signs between digits stay.
    #[must_use]
    pub fn cover(self, text: &str) -> String {
        let open = match self {
            Self::None => return text.to_owned(),
            Self::Last4 => 4,
            Self::Last2 => 2,
            Self::All => 0,
        };
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let mut seen = 0;
        text.chars()
            .map(|c| {
                if !c.is_ascii_digit() {
                    return c;
                }
                seen += 1;
                if seen + open > digits { c } else { '•' }
            })
            .collect()
    }
}
