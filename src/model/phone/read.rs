//! From the text on a wire or in a file to a [`Number`]: what is hidden, what is short, what is a number.

use super::{E164, EXTENSION, Number, Region};
use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, enums::Region as Country};

/// What stands where a hidden number would be; how GoTo writes one is unknown, so all that SIP and PBXs use. The digits
/// are `anonymous` typed on a phone's keys, as some networks send it; no country has that number.
const HIDDEN: [&str; 14] = [
    "anonymous",
    "restricted",
    "private",
    "withheld",
    "unavailable",
    "unknown",
    "blocked",
    "hidden",
    "no caller id",
    "no number",
    "private number",
    "unknown number",
    "id unavailable",
    "266696687",
];

/// Longest text that can be a number; the rest of a longer one is not looked at. The library takes 250.
const LONGEST: usize = 128;

impl Number {
    /// Reads what stands on the wire. Never fails: see the variants.
    #[must_use]
    pub fn read(raw: Option<&str>, region: Region) -> Self {
        let whole = raw.unwrap_or_default().trim();
        let text = bare(whole);
        if is_hidden(text) {
            return Self::Withheld;
        }
        if let Some(number) = north_american(text, region) {
            return Self::Known(number);
        }
        let parsed = (text.len() <= LONGEST).then(|| PHONE_NUMBER_UTIL.parse(text, Some(region.0)).ok()).flatten();
        // Up to six bare digits are rather an extension than a number that its plan has not given out.
        let short = (1..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        match parsed {
            Some(number) if short && !PHONE_NUMBER_UTIL.is_valid_number(&number) => Self::Short(text.into()),
            Some(number) if is_whole(&number) && is_settled(&number) => Self::Known(e164(&number)),
            _ if short => Self::Short(text.into()),
            _ => Self::Unreadable(whole.chars().take(64).collect::<String>().into()),
        }
    }
}

/// The plain spellings of ten digits in North America, which the library reads the same (a test compares them), only
/// thirty times slower: a contacts file has hundreds of thousands of them.
fn north_american(text: &str, region: Region) -> Option<E164> {
    let home = matches!(region.0, Country::US | Country::CA);
    let (country, rest) = match text.strip_prefix("+1") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut digits = String::with_capacity(12);
    digits.push_str("+1");
    for c in rest.chars() {
        match c {
            '0'..='9' => digits.push(c),
            ' ' | '-' | '.' | '(' | ')' => {}
            _ => return None,
        }
    }
    let starts_well = matches!(digits.as_bytes().get(2), Some(b'2'..=b'9'));
    (digits.len() == 12 && starts_well && (country || home)).then(|| E164(digits.into()))
}

/// `text` without what SIP puts around a number: `sip:+15145550199@host;user=phone` is `+15145550199`.
fn bare(text: &str) -> &str {
    let text = text.trim().trim_matches(['<', '>', '"']);
    match text.split_once(':') {
        Some((scheme, rest)) if ["sip", "sips"].iter().any(|it| scheme.eq_ignore_ascii_case(it)) => {
            rest.split(['@', ';']).next().unwrap_or(rest)
        }
        _ => text,
    }
}

fn is_hidden(text: &str) -> bool {
    let user = text.split('@').next().unwrap_or(text).trim_start_matches('+');
    let zeros = user.len() >= 7 && user.bytes().all(|b| b == b'0');
    user.is_empty() || zeros || HIDDEN.iter().any(|word| user.eq_ignore_ascii_case(word))
}

/// Whether it has the length of a number that can be dialled from anywhere: seven digits in North America are a number
/// of some town that is not said, and no E.164.
fn is_whole(number: &PhoneNumber) -> bool {
    matches!(PHONE_NUMBER_UTIL.is_possible_number_with_reason(number), Ok(NumberLengthType::IsPossible))
}

/// Whether it is the same when it is read again. `000…` typed in Germany is not: each reading takes one of the zeros for
/// the trunk's, and two places would keep two numbers of one caller. Only numbers with a zero in front can be such.
fn is_settled(number: &PhoneNumber) -> bool {
    let again =
        || PHONE_NUMBER_UTIL.parse(e164(number).expose(), None).ok().map(|again| e164(&again).expose().to_owned());
    !number.italian_leading_zero() || again().as_deref() == Some(e164(number).expose())
}

fn e164(number: &PhoneNumber) -> E164 {
    let mut text = PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::E164).into_owned();
    if let Some(extension) = number.extension.as_deref().filter(|it| !it.is_empty()) {
        text.push_str(EXTENSION);
        text.push_str(extension);
    }
    E164(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_the_library(text: &str, region: Region) -> Option<String> {
        let number = PHONE_NUMBER_UTIL.parse(text, Some(region.0)).ok().filter(is_whole)?;
        Some(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn the_short_way_reads_what_the_library_reads(
            text in "(\\+1)?[ (]{0,2}[2-9][0-9]{2}[-. )]{0,2}[0-9]{3}[-. ]{0,2}[0-9]{4}|(\\+1)?[-. ()0-9]{8,16}",
            region in prop::sample::select(vec!["US", "CA", "DE", "BS", "JM", "MX"]),
        ) {
            let region = Region::read(region).unwrap();
            if let Some(short) = north_american(&text, region) {
                prop_assert_eq!(Some(short.expose().to_owned()), by_the_library(&text, region), "{}", text);
            }
        }
    }

    #[test]
    fn a_number_that_another_reading_would_change_is_none() {
        let german = Region::read("DE").unwrap();
        assert!(matches!(Number::read(Some("000329370425"), german), Number::Unreadable(_)));
        let roman = Number::read(Some("06 6982 1234"), Region::read("IT").unwrap());
        assert_eq!(roman.known().map(E164::expose), Some("+390669821234"), "an Italian zero is part of the number");
    }

    #[test]
    fn the_short_way_takes_the_usual_spellings() {
        for text in ["(514) 555-0199", "514.555.0199", "5145550199", "+15145550199", "+1 514-555-0199"] {
            assert!(north_american(text, Region::US).is_some(), "{text}");
        }
        for text in ["15145550199", "114-555-0199", "514-555-0199 x1", "+44 514 555 0199"] {
            assert!(north_american(text, Region::US).is_none(), "{text}");
        }
        assert!(north_american("5145550199", Region::read("DE").unwrap()).is_none());
    }
}
