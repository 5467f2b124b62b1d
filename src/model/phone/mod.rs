//! Phone numbers: parsed with the account's region, stored as E.164, formatted for that region. Only this module uses the
//! phone-number library. A number that cannot be parsed is kept unchanged, never guessed.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod line_type;
mod mask;
mod parse;

pub use line_type::LineType;
pub use mask::Mask;

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

    /// Returns the digits as an integer, unique for each number: a country code never begins with 0, and 17 digits (3 of the
    /// country, 14 of a German national number) fit.
    #[must_use]
    pub fn as_u64(&self) -> u64 {
        let digits = self.expose().bytes().filter(u8::is_ascii_digit);
        digits.fold(0, |sum: u64, digit| sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')))
    }

    /// Returns the digits without the country code (`5145550199`), the format of national records.
    #[must_use]
    pub fn national_digits(&self) -> String {
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

/// A phone number as received: valid, short, withheld or unparsed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneNumber {
    /// A number with its country.
    Known(E164),
    /// Too few digits for a public number: an extension or a service number.
    Short(Box<str>),
    /// Hidden by the caller: empty, `anonymous`, `restricted`, …
    Withheld,
    /// Any other text, unchanged.
    Unparsed(Box<str>),
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(number) => write!(f, "Known({number})"),
            Self::Short(_) => f.write_str("Short(..)"),
            Self::Withheld => f.write_str("Withheld"),
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
            Self::Short(_) | Self::Withheld | Self::Unparsed(_) => None,
        }
    }

    /// Formats the number for `region`: national format for numbers of the same country, international for others.
    /// `None` for a withheld number.
    #[must_use]
    pub fn format(&self, region: Region, mask: Mask) -> Option<String> {
        let text = match self {
            Self::Withheld => return None,
            Self::Short(text) | Self::Unparsed(text) => text.to_string(),
            Self::Known(number) => format_for(number, region),
        };
        Some(mask.apply(&text))
    }
}

fn format_for(number: &E164, region: Region) -> String {
    let Some(parsed) = number.parsed() else { return number.expose().to_owned() };
    let home = PHONE_NUMBER_UTIL.get_country_code_for_region(region.0) == Some(parsed.country_code);
    let format = if home { PhoneNumberFormat::National } else { PhoneNumberFormat::International };
    PHONE_NUMBER_UTIL.format(&parsed, format).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn number_is_stored_as_e164_and_formatted_for_region() {
        let number = PhoneNumber::parse(Some("+15145550199"), Region::US);
        assert_eq!(number.as_e164().unwrap().expose(), "+15145550199");
        assert_eq!(number.format(Region::US, Mask::None).unwrap(), "(514) 555-0199");
        assert_eq!(number.format(Region::parse("de").unwrap(), Mask::None).unwrap(), "+1 514-555-0199");
        assert_eq!(PhoneNumber::parse(Some("(514) 555-0199"), Region::US), number);
    }

    #[test]
    fn non_public_number_is_kept_unchanged() {
        assert_eq!(PhoneNumber::parse(None, Region::US), PhoneNumber::Withheld);
        assert_eq!(PhoneNumber::parse(Some(" Anonymous "), Region::US), PhoneNumber::Withheld);
        assert_eq!(PhoneNumber::parse(Some("1015"), Region::US), PhoneNumber::Short("1015".into()));
        assert_eq!(PhoneNumber::parse(Some("sip:x@y"), Region::US), PhoneNumber::Unparsed("sip:x@y".into()));
    }

    #[test]
    fn number_debug_shows_last_two_digits_only() {
        let number = PhoneNumber::parse(Some("+15145550199"), Region::US);
        assert_eq!(format!("{number:?}"), "Known(+•••••••••99)");
        assert_eq!(number.format(Region::US, Mask::Last4).unwrap(), "(•••) •••-0199");
        assert_eq!(number.format(Region::US, Mask::All).unwrap(), "(•••) •••-••••");
    }

    /// Region, E.164, national, international, country, line.
    fn examples() -> Vec<[&'static str; 6]> {
        let lines = include_str!("examples.tsv").lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split('\t').collect::<Vec<_>>().try_into().unwrap()).collect()
    }

    #[test]
    fn numbers_of_forty_countries_match_libphonenumber() {
        let other_region =
            |region: Region| if region == Region::US { Region::parse("DE").unwrap() } else { Region::US };
        let mut regions = std::collections::BTreeSet::new();
        for [region, e164, national, international, country, line] in examples() {
            regions.insert(region);
            let home = Region::parse(region).unwrap();
            let number = PhoneNumber::parse(Some(e164), other_region(home));
            assert_eq!(number.as_e164().map(E164::expose), Some(e164), "{region}");
            for spelling in [
                international.to_owned(),
                international.replace(['-', ' '], "."),
                format!("tel:{}", international.replace(' ', "-")),
                format!("sip:{e164}@pbx.example.com;user=phone"),
                e164.replace('+', "＋"),
            ] {
                assert_eq!(PhoneNumber::parse(Some(&spelling), other_region(home)), number, "{spelling}");
            }
            assert_eq!(PhoneNumber::parse(Some(national), home), number, "{national} in {region}");
            assert_eq!(number.format(home, Mask::None).as_deref(), Some(national), "{e164}");
            let abroad = if country == "CA" || e164.starts_with("+1") {
                Region::parse("DE").unwrap()
            } else {
                other_region(home)
            };
            assert_eq!(number.format(abroad, Mask::None).as_deref(), Some(international), "{e164}");
            let known = number.as_e164().unwrap();
            assert_eq!(known.country().map(|it| it.to_string()).unwrap_or_default(), country, "{e164}");
            assert_eq!(known.line_type().to_string(), line, "{e164}");
            assert_eq!(known.as_u64().to_string(), e164.replace('+', ""));
            assert!(e164.ends_with(&known.national_digits()), "{e164}");
        }
        assert!(examples().len() >= 200 && regions.len() >= 30);
    }

    #[test]
    fn extension_is_displayed_and_not_looked_up() {
        let plain = PhoneNumber::parse(Some("+15145550199"), Region::US);
        for text in ["+1 514 555 0199 ext. 12", "(514) 555-0199 x12", "tel:+1-514-555-0199;ext=12", "514-555-0199 #12"]
        {
            let number = PhoneNumber::parse(Some(text), Region::US);
            let known = number.as_e164().unwrap();
            assert_eq!((known.expose(), known.extension()), ("+15145550199", Some("12")), "{text}");
            assert_eq!(known.as_u64(), plain.as_e164().unwrap().as_u64());
            assert_eq!(number.format(Region::US, Mask::None).unwrap(), "(514) 555-0199 ext. 12");
            assert_eq!(known.to_string(), "+•••••••••99");
            let stored = serde_json::to_string(&number).unwrap();
            assert_eq!(serde_json::from_str::<PhoneNumber>(&stored).unwrap(), number);
        }
        assert_eq!(plain.as_e164().unwrap().extension(), None);
    }

    #[test]
    fn withheld_short_and_impossible_numbers_are_distinguished() {
        for hidden in [
            "",
            "  ",
            "Anonymous",
            "RESTRICTED",
            "sip:anonymous@anonymous.invalid",
            "+266696687",
            "0000000000",
            "<private>",
        ] {
            assert_eq!(PhoneNumber::parse(Some(hidden), Region::US), PhoneNumber::Withheld, "{hidden:?}");
        }
        for short in ["0", "911", "1015", "123456", "sip:1015@pbx.example.com"] {
            assert!(matches!(PhoneNumber::parse(Some(short), Region::US), PhoneNumber::Short(_)), "{short:?}");
        }
        assert!(
            matches!(PhoneNumber::parse(Some("1015"), Region::parse("DE").unwrap()), PhoneNumber::Short(_)),
            "an extension, not a Berlin number"
        );
        for invalid in [
            "555-0199",
            "5550199",
            "+1",
            "+999123456789",
            "+15145",
            "12345678901234567890",
            "pizza",
            "\u{0}",
            &"1".repeat(500),
        ] {
            assert!(matches!(PhoneNumber::parse(Some(invalid), Region::US), PhoneNumber::Unparsed(_)), "{invalid:?}");
        }
        assert_eq!(
            PhoneNumber::parse(Some("sip:bob@example.com"), Region::US),
            PhoneNumber::Unparsed("sip:bob@example.com".into())
        );
        assert_eq!(
            PhoneNumber::parse(Some("5145550199"), Region::parse("GB").unwrap()).as_e164().map(E164::expose),
            Some("+445145550199")
        );
    }

    #[test]
    fn e164_from_invalid_text_is_rejected() {
        for bad in
            ["", "15145550199", "+0123", "+1514x", "+123456789012345678", "+15145550199;ext=", "+15145550199;ext=a"]
        {
            assert!(E164::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_and_round_trips(text in any::<String>(), digits in "[+0-9() ;ext=.-]{0,40}") {
            for text in [text, digits] {
                for region in [Region::US, Region::parse("DE").unwrap()] {
                    let number = PhoneNumber::parse(Some(&text), region);
                    let stored = serde_json::to_string(&number).unwrap();
                    prop_assert_eq!(&serde_json::from_str::<PhoneNumber>(&stored).unwrap(), &number);
                    if let Some(known) = number.as_e164() {
                        prop_assert_eq!(PhoneNumber::parse(Some(known.expose()), Region::US).as_e164().unwrap().as_u64(), known.as_u64());
                        let visible = known.to_string().chars().filter(char::is_ascii_digit).count();
                        prop_assert!(visible <= 2);
                    }
                }
            }
        }
    }

    #[test]
    fn region_without_numbering_plan_is_none() {
        assert!(Region::parse("ca").is_some());
        assert!(Region::parse("ZZ").is_none() && Region::parse("USA").is_none() && Region::parse("").is_none());
    }
}
