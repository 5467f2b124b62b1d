//! A number as the config writes it, or the beginning of numbers, or a label; and when two texts are the same. Pure.

use crate::model::phone::{Mask, Number};
use serde::Deserialize;
use std::fmt;

/// A number of the config, or a label in its place. A written number may have blanks, brackets, dots and dashes.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Digits {
    pub(super) written: String,
    /// Its digits with their plus sign, if it is a number.
    pub(super) number: Option<String>,
    /// It is the beginning of numbers.
    is_prefix: bool,
}

impl From<String> for Digits {
    fn from(written: String) -> Self {
        let parts = |c: &char| c.is_whitespace() || matches!(c, '(' | ')' | '-' | '.' | '/');
        let mut bare: String = written.chars().filter(|c| !parts(c)).collect();
        let is_prefix = bare.ends_with('*');
        if is_prefix {
            bare.pop();
        }
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        let is_number = digits.chars().all(|c| c.is_ascii_digit()) && (is_prefix || !digits.is_empty());
        Self { written, number: is_number.then_some(bare), is_prefix }
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Mask::Last2.cover(&self.written))
    }
}

impl Digits {
    /// Whether `number` is meant.
    pub(super) fn is(&self, number: &Number) -> bool {
        let said = match number {
            Number::Known(number) => number.expose(),
            Number::Short(number) | Number::Unreadable(number) => number,
            Number::Withheld => return false,
        };
        self.number.as_deref().is_some_and(|asked| if self.is_prefix { said.starts_with(asked) } else { said == asked })
    }

    /// Whether what it matches is matched by `wide` as well.
    pub(super) fn is_within(&self, wide: &Self) -> bool {
        let is_same = wide.written.trim().to_lowercase() == self.written.trim().to_lowercase();
        let begins = || match (&self.number, &wide.number) {
            (Some(mine), Some(theirs)) if wide.is_prefix => mine.starts_with(theirs),
            (Some(mine), Some(theirs)) => !self.is_prefix && mine == theirs,
            _ => false,
        };
        is_same || begins()
    }

    /// Whether it is written as at home. Seven digits and more are a public number, and that always has its country.
    pub(super) fn lacks_country(&self) -> bool {
        self.number.as_ref().is_some_and(|digits| !digits.starts_with('+') && digits.len() >= 7)
    }
}

/// Whether two texts are the same but for case and the blanks around them.
pub(super) fn same(a: &str, b: Option<&str>) -> bool {
    b.is_some_and(|b| a.trim().to_lowercase() == b.trim().to_lowercase())
}
