//! Phone numbers: read with the account's region, kept as E.164, shown as a person of that region writes them. The one
//! place that knows the phone-number library. A number that cannot be read is kept as what it is, never guessed at.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, enums::Region as Country};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A country as ISO 3166-1 alpha-2 (`US`), which decides how numbers without a country are read and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(Country);

impl TryFrom<String> for Region {
    type Error = String;
    fn try_from(code: String) -> Result<Self, String> {
        Self::read(&code).ok_or_else(|| format!("{code:?} is no region: two letters of ISO 3166-1, as in US or DE"))
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.to_string()
    }
}

impl Region {
    /// The region the config falls back to.
    pub const US: Self = Self(Country::US);

    /// Reads `US`, in any case; `None` for what the library has no numbering plan of.
    #[must_use]
    pub fn read(code: &str) -> Option<Self> {
        let country: Country = code.to_ascii_uppercase().as_str().parse().ok()?;
        PHONE_NUMBER_UTIL.get_country_code_for_region(country).map(|_| Self(country))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A number with its country, as E.164 (`+15145550199`). Prints redacted; [`E164::expose`] is the word to grep for.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct E164(Box<str>);

impl E164 {
    /// The number in full.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Mask::Last2.cover(&self.0))
    }
}

/// How much of a number may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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

/// What the wire said a number is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Number {
    /// A number with its country.
    Known(E164),
    /// Digits too few for a public number: an extension or a service number.
    Short(Box<str>),
    /// The caller hides it: empty, `anonymous`, `restricted`, …
    Withheld,
    /// Something else, kept as it came.
    Unreadable(Box<str>),
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(number) => write!(f, "Known({number})"),
            Self::Short(_) => f.write_str("Short(..)"),
            Self::Withheld => f.write_str("Withheld"),
            Self::Unreadable(_) => f.write_str("Unreadable(..)"),
        }
    }
}

/// Words that stand where a hidden number would be; how GoTo writes one is unknown, so all that SIP and PBXs use.
const HIDDEN: [&str; 9] =
    ["anonymous", "restricted", "private", "withheld", "unavailable", "unknown", "blocked", "hidden", "no caller id"];

impl Number {
    /// Reads what stands on the wire. Never fails: see the variants.
    #[must_use]
    pub fn read(raw: Option<&str>, region: Region) -> Self {
        let text = raw.unwrap_or_default().trim();
        if text.is_empty() || HIDDEN.iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Self::Withheld;
        }
        match PHONE_NUMBER_UTIL.parse(text, Some(region.0)) {
            Ok(number) if PHONE_NUMBER_UTIL.is_possible_number(&number) => {
                Self::Known(E164(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into()))
            }
            _ if text.len() <= 6 && text.chars().all(|c| c.is_ascii_digit()) => Self::Short(text.into()),
            _ => Self::Unreadable(text.chars().take(64).collect::<String>().into()),
        }
    }

    /// The number if it has a country and so may be looked up.
    #[must_use]
    pub const fn known(&self) -> Option<&E164> {
        match self {
            Self::Known(number) => Some(number),
            Self::Short(_) | Self::Withheld | Self::Unreadable(_) => None,
        }
    }

    /// As a person in `region` writes it: national for numbers of their own country, international for others.
    /// `None` for a withheld one, which has nothing to show.
    #[must_use]
    pub fn shown(&self, region: Region, mask: Mask) -> Option<String> {
        let open = match self {
            Self::Withheld => return None,
            Self::Short(text) | Self::Unreadable(text) => text.to_string(),
            Self::Known(number) => format_for(number, region),
        };
        Some(mask.cover(&open))
    }
}

fn format_for(number: &E164, region: Region) -> String {
    let Ok(parsed) = PHONE_NUMBER_UTIL.parse(number.expose(), None) else { return number.expose().to_owned() };
    let home = PHONE_NUMBER_UTIL.get_country_code_for_region(region.0) == Some(parsed.country_code);
    let format = if home { PhoneNumberFormat::National } else { PhoneNumberFormat::International };
    PHONE_NUMBER_UTIL.format(&parsed, format).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_as_e164_and_shown_as_the_region_writes_it() {
        let number = Number::read(Some("+15145550199"), Region::US);
        assert_eq!(number.known().unwrap().expose(), "+15145550199");
        assert_eq!(number.shown(Region::US, Mask::None).unwrap(), "(514) 555-0199");
        assert_eq!(number.shown(Region::read("de").unwrap(), Mask::None).unwrap(), "+1 514-555-0199");
        assert_eq!(Number::read(Some("(514) 555-0199"), Region::US), number);
    }

    #[test]
    fn what_is_no_public_number_is_kept_as_what_it_is() {
        assert_eq!(Number::read(None, Region::US), Number::Withheld);
        assert_eq!(Number::read(Some(" Anonymous "), Region::US), Number::Withheld);
        assert_eq!(Number::read(Some("1015"), Region::US), Number::Short("1015".into()));
        assert_eq!(Number::read(Some("sip:x@y"), Region::US), Number::Unreadable("sip:x@y".into()));
    }

    #[test]
    fn a_number_prints_its_last_two_digits_only() {
        let number = Number::read(Some("+15145550199"), Region::US);
        assert_eq!(format!("{number:?}"), "Known(+•••••••••99)");
        assert_eq!(number.shown(Region::US, Mask::Last4).unwrap(), "(•••) •••-0199");
        assert_eq!(number.shown(Region::US, Mask::All).unwrap(), "(•••) •••-••••");
    }

    #[test]
    fn a_region_without_a_numbering_plan_is_none() {
        assert!(Region::read("ca").is_some());
        assert!(Region::read("ZZ").is_none() && Region::read("USA").is_none() && Region::read("").is_none());
    }
}
