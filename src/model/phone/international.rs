//! Fast path for plain spellings of numbers with a country code. The library gives the same results (a test compares them),
//! but takes some 12 µs a number. A contacts file has hundreds of thousands of numbers.

use super::E164;
use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber as ParsedNumber};

/// Country codes whose national numbers have no prefix but `0`: a number that does not begin with it stands as it is dialed
/// from abroad. Plans with other prefixes (Hungary, Russia, Mexico, Brazil) are read by the library.
const PLAIN_PLANS: [u16; 28] = [
    27, 30, 31, 32, 33, 34, 39, 41, 43, 44, 45, 46, 47, 48, 49, 64, 65, 66, 81, 90, 91, 351, 353, 357, 420, 421, 971,
    972,
];

/// Most digits of a number with its country code (E.164).
const MAX_DIGITS: usize = 15;

/// Parses a number of a [plain plan](PLAIN_PLANS) with a possible length; `None` for anything else.
pub(super) fn parse(text: &str) -> Option<E164> {
    let mut number = String::with_capacity(MAX_DIGITS + 1);
    number.push('+');
    for c in text.strip_prefix('+')?.chars() {
        match c {
            '0'..='9' if number.len() <= MAX_DIGITS => number.push(c),
            ' ' | '-' | '(' | ')' => {}
            _ => return None,
        }
    }
    let (code, national) = split(number.get(1..)?)?;
    if national.starts_with('0') {
        return None;
    }
    let parsed =
        ParsedNumber { country_code: code.into(), national_number: national.parse().ok()?, ..ParsedNumber::default() };
    let length = PHONE_NUMBER_UTIL.is_possible_number_with_reason(&parsed);
    matches!(length, Ok(NumberLengthType::IsPossible)).then(|| E164(number.into()))
}

/// Parses `+` and digits: a cell without separators has one reading.
pub(super) fn compact(text: &str) -> Option<E164> {
    text.strip_prefix('+')?.bytes().all(|byte| byte.is_ascii_digit()).then(|| parse(text)).flatten()
}

/// Splits the digits behind the plus sign into country code and national number. No code begins with 0: `031` is not 31.
fn split(digits: &str) -> Option<(u16, &str)> {
    let mut lengths = [2, 3].into_iter().filter(|_| !digits.starts_with('0'));
    lengths.find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        let code = code.parse().ok()?;
        PLAIN_PLANS.contains(&code).then_some((code, national))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::phone::{PhoneNumber, Region};
    use proptest::prelude::*;
    use rlibphonenumber::PhoneNumberFormat;

    fn by_library(text: &str) -> Option<String> {
        let number = PHONE_NUMBER_UTIL.parse(text, None).ok()?;
        let length = PHONE_NUMBER_UTIL.is_possible_number_with_reason(&number);
        matches!(length, Ok(NumberLengthType::IsPossible))
            .then(|| PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164).into_owned())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6000))]
        #[test]
        fn fast_path_matches_the_library(
            code in prop::sample::select(PLAIN_PLANS.to_vec()),
            rest in "[ (]{0,2}[0-9]{1,4}[-) ]{0,2}[0-9]{2,5}[- ]?[0-9]{0,6}",
        ) {
            let text = format!("+{code}{rest}");
            if let Some(fast) = parse(&text) {
                prop_assert_eq!(Some(fast.expose().to_owned()), by_library(&text), "{}", text);
            }
        }
    }

    #[test]
    fn fast_path_accepts_plain_numbers_only() {
        for text in ["+49 30 2000000", "+442079460018", "+33 1 42 68 53 00", "+353 (1) 234 5678"] {
            let region = Region::US;
            let number = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(PhoneNumber::parse(Some(text), region).as_e164().map(E164::expose), Some(number.expose()));
        }
        for text in [
            "+49 (0)30 2000000",
            "+4930",
            "+36 1 234 5678",
            "+52 1 55 1234 5678",
            "4930200000",
            "+49 30 2000000 x5",
            "+031331607539",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
