//! Reads the spellings that most cells of a contacts file have. [`super::cell`] gives the same results (a test compares
//! them), but takes several times as long.

use super::{E164, EXTENSION_SEPARATOR, Region, international, library, run};
use rlibphonenumber::enums::Region as Country;
use std::{borrow::Cow, ops::RangeInclusive};

/// Labels behind a number that change nothing about it.
const LABELS: [&str; 12] =
    ["cell", "mobile", "home", "work", "office", "main", "direct", "mobil", "handy", "business", "personal", "private"];
/// Marks of an extension.
const EXTENSION_MARKS: [&str; 4] = ["x", "extension", "ext.", "ext"];
/// Digits of an area code in front of a slash, with its zero.
const AREA_DIGITS: RangeInclusive<usize> = 3..=6;
/// Digits of the shortest local number behind a slash. Fewer may be a second number that is cut short.
const MIN_LOCAL_DIGITS: usize = 5;
/// Digits of an extension.
const EXTENSION_DIGITS: RangeInclusive<usize> = 1..=7;

/// Reads a cell with one number in a usual spelling; `None` for anything else. `text` has no blanks around it.
pub(super) fn read(text: &str, region: Region) -> Option<E164> {
    let text = &*without_slash(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && !" -.()+".contains(c)).unwrap_or(text.len());
    if end == text.len() {
        return north_american(text, region)
            .or_else(|| international::compact(text))
            .or_else(|| with_trunk_zero(text, region));
    }
    let number = text.get(..end)?.trim_end_matches([' ', '(']);
    let number_end = number.len();
    let behind = text.get(number_end..)?;
    let extension = extension(behind);
    let has_label = || label(behind).is_some_and(|word| LABELS.iter().any(|known| known.eq_ignore_ascii_case(word)));
    if extension.is_none() && !has_label() {
        return None;
    }
    let number = north_american(number, region).or_else(|| with_trunk_zero(number, region))?;
    Some(match extension {
        Some(extension) => E164(format!("{}{EXTENSION_SEPARATOR}{extension}", number.expose()).into()),
        None => number,
    })
}

/// Writes `030/2000000` with a blank: the slash stands behind an area code.
fn without_slash(text: &str) -> Cow<'_, str> {
    let is_area = |area: &str| AREA_DIGITS.contains(&area.len()) && area.bytes().all(|byte| byte.is_ascii_digit());
    let is_local = |local: &str| {
        let digits = local.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b' ');
        digits.filter(u8::is_ascii_digit).count() >= MIN_LOCAL_DIGITS && !local.contains('/')
    };
    match text.split_once('/') {
        Some((area, local)) if text.starts_with('0') && is_area(area) && is_local(local) => {
            format!("{area} {local}").into()
        }
        _ => text.into(),
    }
}

/// Returns the word of ` (cell)` or ` cell`.
fn label(behind: &str) -> Option<&str> {
    let word = behind.strip_prefix(' ')?;
    match word.strip_prefix('(') {
        Some(rest) => rest.strip_suffix(')'),
        None => Some(word),
    }
}

/// Returns the digits of ` x12` or ` ext. 12`.
fn extension(behind: &str) -> Option<&str> {
    let mark = behind.trim_start_matches(' ');
    let rest = EXTENSION_MARKS.iter().find_map(|known| mark.strip_prefix(known))?;
    let digits = rest.trim_start_matches(' ');
    let is_number = EXTENSION_DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(digits)
}

/// Reads a North American number, also with the trunk prefix 1: `1-514-555-0122`.
fn north_american(text: &str, region: Region) -> Option<E164> {
    library::north_american(text, region).or_else(|| {
        // A network address has dots as well.
        let rest = text.strip_prefix('1').filter(|rest| !rest.contains(['.', '+']))?;
        let rest = rest.trim_start_matches([' ', '-']);
        let are_usual = [&[10][..], &[3, 3, 4], &[3, 7]].contains(&run::groups(rest).as_slice());
        library::north_american(rest, region).filter(|_| are_usual && rest.ends_with(|c: char| c.is_ascii_digit()))
    })
}

/// Reads a national number with the trunk prefix `0`: `030 2000000`, `(0171) 3000000`. Only in plans whose
/// prefixes are `0` and `00`, and where the zero is no part of the number. Japan dials abroad with `010`.
fn with_trunk_zero(text: &str, region: Region) -> Option<E164> {
    let is_plan = matches!(
        region.0,
        Country::DE | Country::AT | Country::CH | Country::FR | Country::BE | Country::NL | Country::GB | Country::IE
    ) || matches!(region.0, Country::SE | Country::ZA | Country::IN | Country::TR | Country::AE);
    let has_form = text.starts_with('0') || text.starts_with("(0") && text.matches(['(', ')']).count() == 2;
    if !is_plan || !has_form || text.contains(['.', '+']) || text.starts_with('0') && text.contains(['(', ')']) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let national = digits.strip_prefix('0').filter(|rest| !rest.starts_with('0'))?;
    let is_whole = library::TRUNK_DIGITS.contains(&national.len()) && text.ends_with(|c: char| c.is_ascii_digit());
    if !is_whole || run::is_date_or_address(text) {
        return None;
    }
    let code = region.country_code()?;
    library::is_possible(code, national).then(|| E164(format!("+{code}{national}").into()))
}

#[cfg(test)]
mod tests {
    use super::super::{cell, library::Proof};
    use super::*;
    use proptest::prelude::*;

    const REGIONS: [&str; 20] = [
        "US", "CA", "DE", "AT", "CH", "FR", "BE", "NL", "GB", "IE", "SE", "ZA", "NZ", "IN", "JP", "TR", "IL", "AE",
        "IT", "BS",
    ];

    fn region(code: &str) -> Region {
        Region::parse(code).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12_000))]
        #[test]
        fn usual_spelling_is_read_as_the_whole_reader_does(
            number in "(\\+?1[-. ]?)?[ (]{0,1}[2-9][0-9]{2}[-. )]{0,2}[0-9]{3}[-. ]{0,2}[0-9]{4}|1?[-. ()0-9]{8,16}|\
                \\(?0[1-9][0-9]{1,4}\\)?[- /]{0,1}[0-9]{2,5}[- ]{0,1}[0-9]{0,6}|0[-. ()0-9]{8,14}|\\+[0-9]{8,14}",
            behind in "| ?\\(?(cell|home|Office|fax|old|f)\\)?| ?(x|ext|ext\\.|extension) ?[0-9]{1,8}| ?\\((8|2nd|9-5)\\)",
            code in prop::sample::select(REGIONS.to_vec()),
        ) {
            let text = format!("{number}{behind}");
            if let Some(fast) = read(text.trim(), region(code)) {
                let slow = cell::read(text.trim(), region(code), Proof::Assigned).unwrap_or_default();
                prop_assert_eq!(slow.iter().map(|it| &*it.0).collect::<Vec<_>>(), vec![&*fast.0], "{} in {}", text, code);
            }
        }
    }

    #[test]
    fn usual_spelling_is_read() {
        for (text, code, expected) in [
            ("1-415-200-0000", "US", "+14152000000"),
            ("1 (415) 200-0000", "US", "+14152000000"),
            ("14152000000", "US", "+14152000000"),
            ("(415) 200-0000 (cell)", "US", "+14152000000"),
            ("415-200-0000 home", "CA", "+14152000000"),
            ("415-200-0000 x12", "US", "+14152000000;ext=12"),
            ("+1 415-200-0000 ext. 12", "DE", "+14152000000;ext=12"),
            ("030 2000000", "DE", "+49302000000"),
            ("0171 3000000", "DE", "+491713000000"),
            ("030/2000000", "DE", "+49302000000"),
            ("0171/3000000 (mobil)", "DE", "+491713000000"),
            ("(030) 2000000", "DE", "+49302000000"),
            ("020 7946 0018 (Office)", "GB", "+442079460018"),
            ("01 99 00 05 55", "FR", "+33199000555"),
            ("+4930200000", "US", "+4930200000"),
        ] {
            assert_eq!(read(text, region(code)).map(|it| it.0), Some(expected.into()), "{text} in {code}");
        }
    }

    #[test]
    fn doubtful_cell_is_left_to_the_whole_reader() {
        for (text, code) in [
            ("-5145550122", "US"),
            ("514555012.0", "US"),
            ("1.205.200.0100", "US"),
            ("415-200-0000 fax", "US"),
            ("415-200-0000 (old)", "US"),
            ("415-200-0000 x12345678", "US"),
            ("00 302000000", "DE"),
            ("01-02-2000 12", "DE"),
            ("06 6982 1234", "IT"),
            ("030 2000000 / 01", "DE"),
            ("030/2000000/01", "DE"),
            ("01/02/2000", "DE"),
            ("0171/3000", "DE"),
        ] {
            assert_eq!(read(text, region(code)).map(|it| it.0), None, "{text} in {code}");
        }
    }
}
