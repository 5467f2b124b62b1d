//! Phone numbers: parsed with the account's region, stored as E.164, formatted for that region. Only this module uses the
//! phone-number library. A number that cannot be parsed is kept unchanged, never guessed.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod cell;
mod international;
mod library;
mod line_type;
mod mask;
mod network_name;
mod places;
mod plain;
mod run;
mod sip_address;
#[cfg(test)]
mod tests;
mod tokens;
mod usual_spelling;
mod wire;

pub use cell::{CellProblem, read_cell};
pub use line_type::LineType;
pub use mask::Mask;
pub use network_name::{NetworkMark, NetworkName, name_with_verdict};
pub use wire::{line_of_parameters, verification};

use rlibphonenumber::{
    PHONE_NUMBER_UTIL, PhoneNumber as ParsedNumber, PhoneNumberFormat, enums::Region as Country,
    get_national_significant_number_owned,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A country as ISO 3166-1 alpha-2 (`US`): default country for parsing, and home country for formatting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(Country);

impl TryFrom<String> for Region {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        Self::parse(&code)
            .ok_or_else(|| format!("{code:?} is not a region. Use two letters of ISO 3166-1 such as US or DE"))
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.to_string()
    }
}

impl Region {
    /// The config's default region.
    pub const US: Self = Self(Country::US);

    /// Parses `US`, in any case; `None` if the library has no numbering plan for the text.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let country: Country = code.to_ascii_uppercase().as_str().parse().ok()?;
        PHONE_NUMBER_UTIL.get_country_code_for_region(country).map(|_| Self(country))
    }

    fn country_code(self) -> Option<i32> {
        PHONE_NUMBER_UTIL.get_country_code_for_region(self.0)
    }

    /// Returns whether the region has country code 1.
    fn is_north_american(self) -> bool {
        self.country_code() == Some(1)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A number with its country, as E.164 (`+15145550199`). Prints redacted; reviewers grep for [`E164::expose`].
/// An extension is appended, as in `+15145550199;ext=12`, for display only: look-ups ignore the extension.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct E164(Box<str>);

/// Separator between number and extension (RFC 3966).
const EXTENSION_SEPARATOR: &str = ";ext=";

/// Most digits that a cut-off number is taken to lack.
const MAX_MISSING_DIGITS: usize = 6;

impl E164 {
    /// Returns the full number without the extension.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.split_once(EXTENSION_SEPARATOR).map_or(&*self.0, |(number, _)| number)
    }

    /// Returns the extension, if any.
    #[must_use]
    pub fn extension(&self) -> Option<&str> {
        self.0.split_once(EXTENSION_SEPARATOR).map(|(_, extension)| extension)
    }

    /// Returns the key of look-ups, unique for each number: the digits as an integer. A country code never begins with 0, and
    /// 17 digits (3 of the country, 14 of a German national number) fit. Two spellings of one mobile number have one key:
    /// - Argentina: the 9 behind +54 means "mobile" and is left out of the key. Area code and number together are unique.
    /// - Brazil: mobile numbers of eight digits (6 to 9 first) got a 9 in front until 2016. The key has the eight digits.
    #[must_use]
    pub fn as_u64(&self) -> u64 {
        let digits = self.expose().bytes().filter(u8::is_ascii_digit);
        let number = digits.fold(0, |sum: u64, it| sum.wrapping_mul(10).wrapping_add(u64::from(it - b'0')));
        let is_argentine_mobile = number / 10_u64.pow(10) == 549;
        let is_brazilian_mobile = number / 10_u64.pow(11) == 55 && (96..=99).contains(&(number / 10_u64.pow(7) % 100));
        if is_argentine_mobile {
            54 * 10_u64.pow(10) + number % 10_u64.pow(10)
        } else if is_brazilian_mobile {
            number / 10_u64.pow(9) * 10_u64.pow(8) + number % 10_u64.pow(8)
        } else {
            number
        }
    }

    /// Returns the digits without the country code (`5145550199`), the format of national records.
    #[must_use]
    pub fn national_digits(&self) -> String {
        if let Some(digits) = north_american_digits(self.expose()) {
            return digits.to_owned();
        }
        self.parsed().map_or_else(String::new, |number| get_national_significant_number_owned(&number))
    }

    /// Returns the country; `None` for a number without a country (`+800…`) or an impossible number.
    #[must_use]
    pub fn country(&self) -> Option<Region> {
        PHONE_NUMBER_UTIL.get_region_for_number(&self.parsed()?).map(Region)
    }

    /// Returns the line type, [`LineType::Unknown`] where the numbering plan has none.
    #[must_use]
    pub fn line_type(&self) -> LineType {
        self.parsed().map_or(LineType::Unknown, |number| LineType::from(PHONE_NUMBER_UTIL.get_number_type(&number)))
    }

    /// Returns whether the plan has numbers that begin with all digits of this one: a text that ends behind it may be cut off.
    #[must_use]
    pub fn can_be_longer(&self) -> bool {
        let Some(mut number) = self.parsed() else { return true };
        (0..MAX_MISSING_DIGITS).any(|_| {
            number.national_number = number.national_number.saturating_mul(10);
            library::is_complete(&number)
        })
    }

    fn parsed(&self) -> Option<ParsedNumber> {
        PHONE_NUMBER_UTIL.parse(&self.0, None).ok()
    }
}

impl TryFrom<String> for E164 {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = Self(text.into());
        let is_digits =
            |text: &str, max: usize| (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let is_e164 = number.expose().strip_prefix('+').is_some_and(|it| is_digits(it, 17) && !it.starts_with('0'));
        let has_valid_extension = number.extension().is_none_or(|it| is_digits(it, 20));
        if is_e164 && has_valid_extension { Ok(number) } else { Err("expected a phone number in E.164") }
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Mask::Last2.apply(self.expose()))
    }
}

/// A phone number as received: valid, short, withheld, unavailable or unparsed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneNumber {
    /// A number with its country.
    Known(E164),
    /// Too few digits for a public number: an extension or a service number.
    Short(Box<str>),
    /// Hidden by the caller: empty, `anonymous`, `restricted`, …
    Withheld,
    /// Not known to the network: `unavailable`, `out of area`, a payphone, …
    Unavailable,
    /// Any other text, unchanged.
    Unparsed(Box<str>),
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(number) => write!(f, "Known({number})"),
            Self::Short(_) => f.write_str("Short(..)"),
            Self::Withheld => f.write_str("Withheld"),
            Self::Unavailable => f.write_str("Unavailable"),
            Self::Unparsed(_) => f.write_str("Unreadable(..)"),
        }
    }
}

impl PhoneNumber {
    /// Returns the number if its country is known: only such numbers are looked up.
    #[must_use]
    pub const fn as_e164(&self) -> Option<&E164> {
        match self {
            Self::Known(number) => Some(number),
            Self::Short(_) | Self::Withheld | Self::Unavailable | Self::Unparsed(_) => None,
        }
    }

    /// Returns whether the wire had a number, of any form.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        !matches!(self, Self::Withheld | Self::Unavailable)
    }

    /// Formats the number for `region`: national format for numbers of the same country, international for others.
    /// `None` for a withheld or unavailable number.
    #[must_use]
    pub fn format(&self, region: Region, mask: Mask) -> Option<String> {
        let text = match self {
            Self::Withheld | Self::Unavailable => return None,
            Self::Short(text) | Self::Unparsed(text) => text.to_string(),
            Self::Known(number) => format_for(number, region),
        };
        Some(mask.apply(&text))
    }
}

fn format_for(number: &E164, region: Region) -> String {
    if let Some(text) = format_north_american(&number.0, region) {
        return text;
    }
    let Some(parsed) = number.parsed() else { return number.expose().to_owned() };
    let home = PHONE_NUMBER_UTIL.get_country_code_for_region(region.0) == Some(parsed.country_code);
    let format = if home { PhoneNumberFormat::National } else { PhoneNumberFormat::International };
    PHONE_NUMBER_UTIL.format(&parsed, format).into_owned()
}

/// Returns the ten digits behind `+1`; `None` for any other number.
fn north_american_digits(number: &str) -> Option<&str> {
    let is_national = |digits: &&str| digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    number.strip_prefix("+1").filter(is_national).filter(|digits| digits.starts_with(|first| first >= '2'))
}

/// Formats a North American number. The library gives the same text (a test compares them). But for one number it takes as
/// long as the rest of a card, and 4 MB of expressions at the first.
fn format_north_american(number: &str, region: Region) -> Option<String> {
    let digits = north_american_digits(number)?;
    let (area, exchange, line) = (digits.get(..3)?, digits.get(3..6)?, digits.get(6..)?);
    let is_home = PHONE_NUMBER_UTIL.get_country_code_for_region(region.0) == Some(1);
    Some(if is_home { format!("({area}) {exchange}-{line}") } else { format!("+1 {area}-{exchange}-{line}") })
}
