//! Phone number, number prefix or label as written in the config; comparison of texts.

use crate::model::phone::{Mask, PhoneNumber};
use serde::Deserialize;
use std::fmt;

/// Number, prefix or label of the config. A number may contain spaces, parentheses, dots, dashes and slashes.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct NumberPattern {
    pub(super) written: String,
    /// Digits with the plus sign, if the text is a number.
    pub(super) number: Option<String>,
    /// Whether the number is a prefix.
    is_prefix: bool,
}

impl From<String> for NumberPattern {
    fn from(written: String) -> Self {
        let is_separator = |c: &char| c.is_whitespace() || matches!(c, '(' | ')' | '-' | '.' | '/');
        let mut bare: String = written.chars().filter(|c| !is_separator(c)).collect();
        let is_prefix = bare.ends_with('*');
        if is_prefix {
            bare.pop();
        }
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        let is_number = digits.chars().all(|c| c.is_ascii_digit()) && (is_prefix || !digits.is_empty());
        Self { written, number: is_number.then_some(bare), is_prefix }
    }
}

impl fmt::Debug for NumberPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Mask::Last2.apply(&self.written))
    }
}

impl NumberPattern {
    /// Returns whether `number` matches.
    pub(super) fn matches(&self, number: &PhoneNumber) -> bool {
        let actual = match number {
            PhoneNumber::Known(number) => number.expose(),
            PhoneNumber::Short(number) | PhoneNumber::Unparsed(number) => number,
            PhoneNumber::Withheld | PhoneNumber::Unavailable => return false,
        };
        self.number
            .as_deref()
            .is_some_and(|wanted| if self.is_prefix { actual.starts_with(wanted) } else { actual == wanted })
    }

    /// Returns whether `wide` matches everything that this pattern matches.
    pub(super) fn is_covered_by(&self, wide: &Self) -> bool {
        let is_same = wide.written.trim().to_lowercase() == self.written.trim().to_lowercase();
        let covers_number = || match (&self.number, &wide.number) {
            (Some(mine), Some(theirs)) if wide.is_prefix => mine.starts_with(theirs),
            (Some(mine), Some(theirs)) => !self.is_prefix && mine == theirs,
            _ => false,
        };
        is_same || covers_number()
    }

    /// Returns whether the country code is missing. Seven or more digits are a public number, which always has one.
    pub(super) fn needs_country_code(&self) -> bool {
        self.number.as_ref().is_some_and(|digits| !digits.starts_with('+') && digits.len() >= 7)
    }
}

/// Compares two texts, ignoring case and surrounding spaces.
pub(super) fn same_ignoring_case(a: &str, b: Option<&str>) -> bool {
    b.is_some_and(|b| a.trim().to_lowercase() == b.trim().to_lowercase())
}
