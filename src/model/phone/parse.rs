//! Parses text from the wire or a file into a [`PhoneNumber`]: withheld, short, valid or unparsed.

use super::{E164, EXTENSION_SEPARATOR, PhoneNumber, Region};
use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber as ParsedNumber, PhoneNumberFormat, enums::Region as Country,
};

/// Words in place of a withheld number. GoTo's own spelling is unknown: the list has those of SIP and of PBXs. The digits
/// are `anonymous` on a phone's keypad, which some networks send; no country has that number.
const WITHHELD_WORDS: [&str; 14] = [
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

/// Longest text that is parsed as a number. The library's limit is 250.
const MAX_CHARS: usize = 128;

impl PhoneNumber {
    /// Parses a number from the wire. Never fails: see the variants.
    #[must_use]
    pub fn parse(raw: Option<&str>, region: Region) -> Self {
        let whole = raw.unwrap_or_default().trim();
        let text = bare(whole);
        if is_hidden(text) {
            return Self::Withheld;
        }
        if let Some(number) = north_american(text, region) {
            return Self::Known(number);
        }
        let parsed = (text.len() <= MAX_CHARS).then(|| PHONE_NUMBER_UTIL.parse(text, Some(region.0)).ok()).flatten();
        // Up to six bare digits are more likely an extension than an unassigned number of the plan.
        let is_short = (1..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        match parsed {
            Some(number) if is_short && !PHONE_NUMBER_UTIL.is_valid_number(&number) => Self::Short(text.into()),
            Some(number) if is_complete(&number) && is_stable(&number) => Self::Known(e164(&number)),
            _ if is_short => Self::Short(text.into()),
            _ => Self::Unparsed(whole.chars().take(64).collect::<String>().into()),
        }
    }
}

/// Fast path for plain spellings of North American numbers. The library gives the same results (a test compares them), but is
/// thirty times slower, and a contacts file has hundreds of thousands of numbers.
fn north_american(text: &str, region: Region) -> Option<E164> {
    let is_home = matches!(region.0, Country::US | Country::CA);
    let (has_country, rest) = match text.strip_prefix("+1") {
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
    let has_valid_area_code = matches!(digits.as_bytes().get(2), Some(b'2'..=b'9'));
    (digits.len() == 12 && has_valid_area_code && (has_country || is_home)).then(|| E164(digits.into()))
}

/// Strips the SIP syntax around a number: `sip:+15145550199@host;user=phone` is `+15145550199`.
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
    user.is_empty() || zeros || WITHHELD_WORDS.iter().any(|word| user.eq_ignore_ascii_case(word))
}

/// Returns whether the number has the length of one that can be dialed from anywhere. Seven digits in North America lack the
/// area code and are not E.164.
fn is_complete(number: &ParsedNumber) -> bool {
    matches!(PHONE_NUMBER_UTIL.is_possible_number_with_reason(number), Ok(NumberLengthType::IsPossible))
}

/// Returns whether parsing the E.164 form gives the same number. `000…` in Germany does not: each parse drops one zero as the
/// trunk prefix, and one caller would have two numbers. Only numbers with a leading zero are affected.
fn is_stable(number: &ParsedNumber) -> bool {
    let reparsed =
        || PHONE_NUMBER_UTIL.parse(e164(number).expose(), None).ok().map(|again| e164(&again).expose().to_owned());
    !number.italian_leading_zero() || reparsed().as_deref() == Some(e164(number).expose())
}

fn e164(number: &ParsedNumber) -> E164 {
    let mut text = PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::E164).into_owned();
    if let Some(extension) = number.extension.as_deref().filter(|it| !it.is_empty()) {
        text.push_str(EXTENSION_SEPARATOR);
        text.push_str(extension);
    }
    E164(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn library_e164(text: &str, region: Region) -> Option<String> {
        let number = PHONE_NUMBER_UTIL.parse(text, Some(region.0)).ok().filter(is_complete)?;
        Some(PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn fast_path_matches_the_library(
            text in "(\\+1)?[ (]{0,2}[2-9][0-9]{2}[-. )]{0,2}[0-9]{3}[-. ]{0,2}[0-9]{4}|(\\+1)?[-. ()0-9]{8,16}",
            region in prop::sample::select(vec!["US", "CA", "DE", "BS", "JM", "MX"]),
        ) {
            let region = Region::parse(region).unwrap();
            if let Some(fast) = north_american(&text, region) {
                prop_assert_eq!(Some(fast.expose().to_owned()), library_e164(&text, region), "{}", text);
            }
        }
    }

    #[test]
    fn number_that_changes_on_reparse_is_unparsed() {
        let german = Region::parse("DE").unwrap();
        assert!(matches!(PhoneNumber::parse(Some("000329370425"), german), PhoneNumber::Unparsed(_)));
        let roman = PhoneNumber::parse(Some("06 6982 1234"), Region::parse("IT").unwrap());
        assert_eq!(roman.as_e164().map(E164::expose), Some("+390669821234"), "an Italian zero is part of the number");
    }

    #[test]
    fn fast_path_accepts_common_spellings() {
        for text in ["(514) 555-0199", "514.555.0199", "5145550199", "+15145550199", "+1 514-555-0199"] {
            assert!(north_american(text, Region::US).is_some(), "{text}");
        }
        for text in ["15145550199", "114-555-0199", "514-555-0199 x1", "+44 514 555 0199"] {
            assert!(north_american(text, Region::US).is_none(), "{text}");
        }
        assert!(north_american("5145550199", Region::parse("DE").unwrap()).is_none());
    }
}
