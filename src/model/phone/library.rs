//! Calls of the phone-number library: one number in one text, with the checks that make it an identity.

use super::{E164, EXTENSION_SEPARATOR, Region, international};
use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber as ParsedNumber, PhoneNumberFormat, enums::Region as Country,
};

/// Digits of the longest local number: Berlin and Vienna have up to eight.
const MAX_LOCAL_DIGITS: usize = 8;

/// Digits of the shortest number in a list, and in a plan with a trunk prefix of one without it.
const MIN_DIGITS: usize = 6;
const MIN_WITH_PREFIX: usize = 7;
/// Digits behind the trunk prefix of most plans. With as many the length is enough.
pub(super) const TRUNK_DIGITS: std::ops::RangeInclusive<usize> = 9..=10;

/// Evidence that a number requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Length of a number of its country. Enough for the wire, and for a number with its country: numbering plans grow
    /// faster than the library.
    Possible,
    /// Assigned in the numbering plan.
    Assigned,
}

/// Parses one number without words. `None` for a number that cannot exist or lacks the proof.
pub(super) fn parse(text: &str, region: Region, proof: Proof) -> Option<E164> {
    if let Some(number) = north_american(text, region) {
        return Some(number);
    }
    if let (Proof::Possible, Some(number)) = (proof, international::parse(text)) {
        return Some(number);
    }
    let number = canonical(PHONE_NUMBER_UTIL.parse(text, Some(region.0)).ok()?);
    if !is_complete(&number) || !can_exist(&number) || !is_stable(&number) || has_added_digits(text, &number, region) {
        return None;
    }
    let is_assigned = || {
        let is_valid = PHONE_NUMBER_UTIL.is_valid_number(&number) || is_old_brazilian_mobile(&number);
        is_valid && !may_be_local(text, &number, region)
    };
    // Numbers for examples, 555-01xx, are not assigned.
    let is_north_american = || {
        let national = number.national_number.to_string();
        number.country_code == 1 && national.len() == 10 && has_plan_shape(national.as_bytes())
    };
    (proof == Proof::Possible || is_north_american() || is_assigned()).then(|| e164(&number))
}

/// Returns whether the library completed a number that is written with its country. `+261 200 0000` in Madagascar becomes
/// `+261 20 200 0000`, which the text does not say. Argentina writes `15` for the 9 of mobile numbers.
fn has_added_digits(text: &str, number: &ParsedNumber, region: Region) -> bool {
    const ARGENTINA: i32 = 54;
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let has_country = text.starts_with('+') || region.country_code() != Some(number.country_code);
    has_country
        && number.country_code != ARGENTINA
        && !text.contains(|c: char| c.is_ascii_alphabetic())
        && !digits.contains(&number.national_number.to_string())
}

/// Parses a national number that is written with the trunk prefix `0`: its length is enough, as with a country code.
pub(super) fn with_trunk_prefix(text: &str, region: Region) -> Option<E164> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let national = text.trim_start_matches('(').strip_prefix('0').filter(|rest| !rest.starts_with('0'))?;
    let number = parse(text, region, Proof::Possible).filter(|_| !national.is_empty())?;
    // In Italy the zero is a part of the number.
    let length = number.national_digits().len();
    (length + 1 == digits && TRUNK_DIGITS.contains(&length)).then_some(number)
}

/// Returns whether the number is a mobile one of eight digits: Brazil put a 9 in front until 2016, lists have both forms.
fn is_old_brazilian_mobile(number: &ParsedNumber) -> bool {
    let (area, local) = (number.national_number / 10_u64.pow(8), number.national_number % 10_u64.pow(8));
    let mut grown = number.clone();
    grown.national_number = area * 10_u64.pow(9) + 9 * 10_u64.pow(8) + local;
    let is_old = number.country_code == 55 && (11..=99).contains(&area) && local >= 6 * 10_u64.pow(7);
    is_old && PHONE_NUMBER_UTIL.is_valid_number(&grown)
}

/// Returns whether the digits may be the local part of a number, to which an area code belongs. They have no trunk prefix,
/// are few enough, and belong to a plan whose numbers differ in length, such as the German one. There `23125-100` is a number
/// of any town. A few digits are no number of their own anywhere: `16-40` are hours.
fn may_be_local(text: &str, number: &ParsedNumber, region: Region) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if text.contains('+') || number.national_number.to_string() != digits || digits.len() > MAX_LOCAL_DIGITS {
        return false;
    }
    let mut shorter = number.clone();
    shorter.national_number /= 10;
    // With the trunk prefix it would be the same number.
    let prefixed = || PHONE_NUMBER_UTIL.parse(format!("0{digits}"), Some(region.0)).ok();
    let has_prefix =
        || prefixed().is_some_and(|it| it.national_number == number.national_number && !it.italian_leading_zero());
    let is_shorter = |bound| digits.len() < bound;
    is_shorter(MIN_DIGITS)
        || (is_shorter(MIN_WITH_PREFIX) || PHONE_NUMBER_UTIL.is_valid_number(&shorter)) && has_prefix()
}

/// Returns whether the text is an assigned number of the plan, such as a service number.
pub(super) fn is_assigned(text: &str, region: Region) -> bool {
    PHONE_NUMBER_UTIL.parse(text, Some(region.0)).is_ok_and(|number| PHONE_NUMBER_UTIL.is_valid_number(&number))
}

/// Parses plain spellings of North American numbers on a fast path. The library gives the same results (a test compares
/// them), but is thirty times slower, and a contacts file has hundreds of thousands of numbers.
pub(super) fn north_american(text: &str, region: Region) -> Option<E164> {
    let is_home = matches!(region.0, Country::US | Country::CA);
    let (has_country, rest) = match text.strip_prefix("+1") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    // A date, a network address, a negative or a decimal number may have ten digits as well: the slow path decides.
    if !has_country && rest.starts_with('-')
        || rest.ends_with(".0")
        || rest.ends_with(".00")
        || rest.bytes().take_while(u8::is_ascii_digit).count() == 4
        || rest.bytes().filter(|byte| *byte == b'.').count() == 3
    {
        return None;
    }
    let mut digits = String::with_capacity(12);
    digits.push_str("+1");
    for c in rest.chars() {
        match c {
            '0'..='9' => digits.push(c),
            ' ' | '-' | '.' => {}
            // Around the area code only: `514-555-012 (2)` has a remark.
            '(' if digits.len() == 2 => {}
            ')' if digits.len() == 5 => {}
            _ => return None,
        }
    }
    let is_plan = has_plan_shape(digits.as_bytes().get(2..).unwrap_or_default());
    (digits.len() == 12 && is_plan && (has_country || is_home)).then(|| E164(digits.into()))
}

/// Returns whether area code and exchange begin with 2 to 9, as the North American plan demands. `999-999-9999` is a
/// placeholder for a missing number.
fn has_plan_shape(national: &[u8]) -> bool {
    let is_lead = |at: usize| matches!(national.get(at), Some(b'2'..=b'9'));
    is_lead(0) && is_lead(3) && national.iter().any(|digit| Some(digit) != national.first())
}

/// Drops the `1` that mobile numbers of Mexico had after the country code until 2020: phones still store it.
fn canonical(mut number: ParsedNumber) -> ParsedNumber {
    const OLD_MOBILE: std::ops::Range<u64> = 10_000_000_000..20_000_000_000;
    if number.country_code == 52 && OLD_MOBILE.contains(&number.national_number) {
        number.national_number -= OLD_MOBILE.start;
    }
    number
}

/// Returns whether the number has the length of one that can be dialed from anywhere. Seven digits in North America lack the
/// area code and are not E.164.
pub(super) fn is_complete(number: &ParsedNumber) -> bool {
    matches!(PHONE_NUMBER_UTIL.is_possible_number_with_reason(number), Ok(NumberLengthType::IsPossible))
}

/// Returns whether a national number without a leading zero has a length that the country's plan has.
pub(super) fn is_possible(country_code: i32, national: &str) -> bool {
    let Ok(national_number) = national.parse() else { return false };
    is_complete(&ParsedNumber { country_code, national_number, ..ParsedNumber::default() })
}

/// Returns whether the plan can ever have the number. `+10000000000` has a possible length, and no country assigns zeros only.
fn can_exist(number: &ParsedNumber) -> bool {
    let national = number.national_number.to_string();
    number.national_number != 0 && (number.country_code != 1 || has_plan_shape(national.as_bytes()))
}

/// Returns whether parsing the E.164 form gives the same number. `000…` in Germany does not: each parse drops one zero as the
/// trunk prefix, and one caller would have two numbers. Only numbers with a leading zero are affected.
fn is_stable(number: &ParsedNumber) -> bool {
    let reparsed =
        || PHONE_NUMBER_UTIL.parse(e164(number).expose(), None).ok().map(|again| e164(&again).expose().to_owned());
    !number.italian_leading_zero() || reparsed().as_deref() == Some(e164(number).expose())
}

fn e164(number: &ParsedNumber) -> E164 {
    let text = PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::E164).into_owned();
    let extension = number.extension.as_deref().filter(|it| !it.is_empty());
    match extension {
        Some(extension) => E164(format!("{text}{EXTENSION_SEPARATOR}{extension}").into()),
        None => E164(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::PhoneNumber;
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
        for text in ["15145550199", "114-555-0199", "514-055-0199", "514-555-0199 x1", "+44 514 555 0199"] {
            assert!(north_american(text, Region::US).is_none(), "{text}");
        }
        assert!(north_american("5145550199", Region::parse("DE").unwrap()).is_none());
    }
}
