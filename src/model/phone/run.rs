//! Reads a run of digits and the signs of phone numbers, without words: one number, or several beside each other. A run that
//! could be read in two ways has no number.

use super::{
    E164, Region,
    library::{self, Proof},
};
use std::borrow::Cow;

/// Most groups of a run that are tried as several numbers. A longer one is no phone number.
const MAX_GROUPS: usize = 16;
/// Digits of the shortest numbers that may stand beside each other in one run.
pub(super) const MIN_DIGITS: usize = 7;
/// Fewest digits of a number with its own country code and without a plus sign.
const MIN_WITH_COUNTRY: usize = 12;
/// Digits of the longest remark behind a number: a year.
const MAX_REMARK_DIGITS: usize = 4;
/// Digits of the longest number: 3 of the country, 14 of a German national number.
const MAX_DIGITS: usize = 17;

/// Returns the numbers of a run, none if it has no certain reading.
pub(super) fn numbers(run: &str, region: Region, proof: Proof) -> Vec<E164> {
    if is_date_or_address(run) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut parts = run.char_indices().filter(|(_, c)| *c == '+').map(|(at, _)| at).chain([run.len()]).peekable();
    let before_plus = run.get(..parts.peek().copied().unwrap_or_default()).unwrap_or_default();
    if digit_count(before_plus) > 0 {
        found.extend(without_plus(before_plus, region, proof));
    }
    while let Some(start) = parts.next() {
        let Some(part) = parts.peek().and_then(|end| run.get(start..*end)) else { break };
        let is_doubled_prefix = digit_count(part) <= 3 && parts.peek().is_some_and(|end| *end < run.len());
        // `514-555-0132 + 514-555-0133`: the sign joins two numbers.
        let joins =
            part.starts_with("+ ") && run.get(..start).is_some_and(|it| it.ends_with(' ') && digit_count(it) > 3);
        if joins {
            found.extend(without_plus(part.trim_start_matches('+'), region, Proof::Assigned));
        } else if !is_doubled_prefix {
            found.extend(international(part, region).or_else(|| beside(part, region)).unwrap_or_default());
        }
    }
    found
}

/// Returns the one number of a run that may hold no second one.
pub(super) fn number(run: &str, region: Region, proof: Proof) -> Option<E164> {
    match <[E164; 1]>::try_from(numbers(run, region, proof)) {
        Ok([number]) => Some(number),
        Err(_) => None,
    }
}

/// Reads a run without a plus sign.
fn without_plus(run: &str, region: Region, proof: Proof) -> Vec<E164> {
    let run = run.trim();
    let whole = own_country(run, region)
        .or_else(|| library::parse(run, region, proof))
        .or_else(|| library::with_trunk_prefix(run, region))
        .or_else(|| foreign_prefix(run, region))
        .or_else(|| outside_line(run, region))
        .or_else(|| bare_country(run, region));
    // Only a long run can be two numbers as well.
    let several = if whole.is_none() || digit_count(run) >= 2 * MIN_DIGITS { beside(run, region) } else { None };
    match (whole, several) {
        (Some(number), None) => vec![number],
        (None, Some(numbers)) => numbers,
        _ => Vec::new(),
    }
}

/// Reads `+…`, also with a trunk zero, a doubled country code or an international prefix behind the plus sign.
fn international(text: &str, region: Region) -> Option<Vec<E164>> {
    let text = without_trunk_zero(text);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let behind_prefix = digits.strip_prefix("011").or_else(|| digits.strip_prefix("00"));
    let number = match behind_prefix {
        Some(rest) => library::parse(&format!("+{rest}"), region, Proof::Assigned),
        None => library::parse(&text, region, Proof::Possible).or_else(|| doubled_country(&digits, region)),
    };
    // `+514 555 0160` lacks its country, or it is another country's number in an unusual form: two readings.
    let is_doubtful =
        |number: &E164| region.is_north_american() && !number.expose().starts_with("+1") && groups(&text) == [3, 3, 4];
    number.filter(|number| !is_doubtful(number)).map(|number| vec![number])
}

/// Reads `+44 44 20 …` and `+1 011 44 20 …`: a program put the country code before a number that already had one.
fn doubled_country(digits: &str, region: Region) -> Option<E164> {
    (1..=3).find_map(|length| {
        let (country, rest) = digits.split_at_checked(length)?;
        let inner = rest.strip_prefix("011").or_else(|| rest.strip_prefix("00"));
        let inner = inner.or_else(|| rest.starts_with(country).then_some(rest))?;
        library::parse(&format!("+{inner}"), region, Proof::Assigned)
    })
}

/// Reads the international prefix of another country: `00…` in North America, `011…` elsewhere, `0011…` of Australia.
fn foreign_prefix(text: &str, region: Region) -> Option<E164> {
    let text = without_trunk_zero(text.trim_start_matches('('));
    let rest = ["0011", "011", "00"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    library::parse(&format!("+{rest}"), region, Proof::Assigned)
}

/// Reads `9-1-514-555-0122`: some switchboards demand a 9 for an outside line. Only before the trunk prefix 1 in a group of its
/// own. `9 514 555 0122` may lack digits.
fn outside_line(run: &str, region: Region) -> Option<E164> {
    let is_form = region.is_north_american() && groups(run) == [1, 1, 3, 3, 4];
    let rest = run.strip_prefix('9').filter(|_| is_form)?.trim_start_matches(|c: char| !c.is_ascii_digit());
    library::parse(rest, region, Proof::Assigned).filter(|_| rest.starts_with('1'))
}

/// Reads `491713920027` in Germany: with its own country code a number has no trunk prefix. Few digits may be a national number
/// that lost its zero.
fn own_country(run: &str, region: Region) -> Option<E164> {
    let run = without_trunk_zero(run.trim_start_matches('('));
    let digits: String = run.chars().filter(char::is_ascii_digit).collect();
    // The international prefix is as good as a plus sign.
    let (digits, proof, fewest) = match digits.strip_prefix("00") {
        Some(rest) => (rest, Proof::Possible, MIN_WITH_COUNTRY - 2),
        None => (digits.as_str(), Proof::Assigned, MIN_WITH_COUNTRY),
    };
    let has_country = region.country_code().is_some_and(|code| digits.starts_with(&code.to_string()));
    if !has_country || digits.len() < fewest {
        return None;
    }
    library::parse(&format!("+{digits}"), region, proof).filter(|number| number.expose().get(1..) == Some(digits))
}

/// Reads `52 55 1234 5678` outside of Mexico: the country code is a group of its own, and the plus sign is missing. Also
/// `442079460954`: all digits in one group, more than a national number of North America has. Only one country has a number
/// with these digits, because no country code is the start of another.
fn bare_country(run: &str, region: Region) -> Option<E164> {
    let run = run.trim_start_matches('(').replacen("(0)", " ", 1);
    let country = run.split(|c: char| !c.is_ascii_digit()).next()?;
    let digits: String = run.chars().filter(char::is_ascii_digit).collect();
    let number = library::parse(&format!("+{run}"), region, Proof::Assigned).filter(|_| digits.len() > 10)?;
    // `7 916-555-0122` is a number of Russia, or 7 belongs to a word that is missing.
    if region.is_north_american() && behind_digits(&run).is_some() {
        return None;
    }
    let has_group = number.expose().len() - number.national_digits().len() == country.len() + 1;
    // A number that lost digits on the way (a trunk zero) was not written in the international form.
    let is_one_group = country == digits && number.expose().get(1..) == Some(digits.as_str());
    (has_group || is_one_group).then_some(number)
}

/// Drops the `(0)` that Europeans write behind a country code. In Italy the zero is a part of the number.
fn without_trunk_zero(text: &str) -> Cow<'_, str> {
    let country = ["+", "00", "011"].iter().find_map(|prefix| text.strip_prefix(prefix));
    match country.filter(|_| text.contains("(0)")) {
        Some(country) if country.starts_with("39") => Cow::Owned(text.replacen("(0)", "0", 1)),
        Some(_) => Cow::Owned(text.replacen("(0)", " ", 1)),
        None => Cow::Borrowed(text),
    }
}

/// Returns the lengths of the groups of digits.
pub(super) fn groups(text: &str) -> Vec<usize> {
    text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).map(str::len).collect()
}

/// Splits `5145550147-4385550148`: whole numbers of one length, with a hyphen between them.
fn joined(text: &str) -> Vec<&str> {
    let parts: Vec<&str> = text.split('-').collect();
    let length = parts.first().map_or(0, |first| first.len());
    let are_whole = length > MIN_DIGITS && parts.iter().all(|part| part.len() == length && digit_count(part) == length);
    if are_whole { parts } else { vec![text] }
}

/// Reads a run as numbers beside each other. `None` if there is no such reading, or more than one.
fn beside(run: &str, region: Region) -> Option<Vec<E164>> {
    let groups: Vec<&str> = run.split(' ').flat_map(joined).filter(|group| digit_count(group) > 0).collect();
    if !(2..=MAX_GROUPS).contains(&groups.len()) {
        return None;
    }
    // readings[n] holds up to two readings of the groups from n on: two are one too many.
    let mut readings: Vec<Vec<Vec<E164>>> = vec![Vec::new(); groups.len()];
    readings.push(vec![Vec::new()]);
    for start in (0..groups.len()).rev() {
        let mut here: Vec<Vec<E164>> = Vec::new();
        for end in start + 1..=groups.len() {
            let text = groups.get(start..end)?.join(" ");
            if !(MIN_DIGITS..=MAX_DIGITS).contains(&digit_count(&text)) || readings.get(end)?.is_empty() {
                continue;
            }
            let Some(number) = library::parse(&text, region, Proof::Assigned) else { continue };
            let rest = readings.get(end)?.iter();
            here.extend(rest.map(|rest| std::iter::once(number.clone()).chain(rest.iter().cloned()).collect()));
        }
        here.truncate(2);
        *readings.get_mut(start)? = here;
    }
    let mut readings = std::mem::take(readings.first_mut()?);
    let only = readings.pop().filter(|_| readings.is_empty())?;
    (only.len() > 1).then_some(only)
}

/// Returns the North American number at the start of a run that a remark with digits follows: `514-555-0122 (9-5`. Only in
/// the spellings of that plan, where the number is complete with its tenth digit. `is_described` if a word follows the run.
pub(super) fn before_remark(run: &str, is_described: bool, region: Region) -> Option<E164> {
    for (at, _) in run.match_indices(' ') {
        let (head, tail) = run.split_at_checked(at)?;
        let is_plan = matches!(groups(head).as_slice(), [3, 3, 4] | [1, 3, 3, 4] | [10] | [11] | [3, 7] | [1, 10]);
        let country = head.trim_start_matches(['+', '(', ' ']);
        let is_national = digit_count(head) == 10 || country.starts_with('1') && digit_count(head) == 11;
        let is_remark = (1..=MAX_REMARK_DIGITS).contains(&digit_count(tail)) || is_date_or_address(tail.trim_start());
        if is_plan && is_national && is_remark {
            let has_end = is_described || !may_continue(head, tail);
            let number = library::parse(head, region, Proof::Assigned).filter(|_| has_end)?;
            return Some(number).filter(|number| number.expose().starts_with("+1"));
        }
    }
    None
}

/// Returns whether the digits behind a number may belong to it, because a blank stands between its own groups too:
/// `514 555 0122 4` has a digit too many. Four digits may be a year.
fn may_continue(head: &str, tail: &str) -> bool {
    let is_spaced = head.rsplit(|c: char| c.is_ascii_digit()).find(|gap| !gap.is_empty()) == Some(" ");
    let digits = tail.trim();
    is_spaced && digits.len() < MAX_REMARK_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the North American number behind digits that belong to a word or a date in front: `Line 2 514-555-0122`,
/// `12/05/2024 514-555-0122`. Not if all digits are a number of another country.
pub(super) fn behind_remark(run: &str, region: Region) -> Option<E164> {
    let (head, tail) = behind_digits(run).filter(|_| region.is_north_american())?;
    let is_remark = (1..=MAX_REMARK_DIGITS).contains(&digit_count(head)) || is_date_or_address(head);
    let number = library::parse(tail, region, Proof::Assigned).filter(|_| is_remark)?;
    let is_only = library::parse(&format!("+{run}"), region, Proof::Assigned).is_none();
    (is_only && number.expose().starts_with("+1")).then_some(number)
}

/// Returns the digits in front of a number in the spelling of North America, and the number. The number has signs between its
/// groups and a blank in front.
fn behind_digits(run: &str) -> Option<(&str, &str)> {
    let is_plan = |tail: &str| {
        let mut gaps = tail.split(|c: char| c.is_ascii_digit());
        gaps.all(|gap| !gap.starts_with(' ') || gap == " (")
            && matches!(groups(tail).as_slice(), [3, 3, 4] | [1, 3, 3, 4])
    };
    let mut tails = run.match_indices(' ').filter_map(|(at, _)| run.split_at_checked(at));
    tails.find(|(_, tail)| is_plan(tail.trim_start())).map(|(head, tail)| (head, tail.trim_start()))
}

/// Returns the number that `tail` abbreviates: `…0138` and `0139`, `…0138` and `39`. A tail is as long as the last group of
/// the number, or counts upward.
pub(super) fn abbreviated(number: &E164, run: &str, tail: &str, region: Region) -> Option<E164> {
    let whole = number.expose();
    // North America writes the local number: `514-555-0138 or 555-0139`.
    let is_local = whole.starts_with("+1")
        && tail.len() == MIN_DIGITS + 1
        && tail.get(3..4).is_some_and(|sign| "-. ".contains(sign));
    let digits: String = tail.chars().filter(char::is_ascii_digit).collect();
    let tail = if is_local && digits.len() == MIN_DIGITS { digits.as_str() } else { tail };
    let is_local = whole.starts_with("+1") && tail.len() == MIN_DIGITS;
    let is_tail = (is_local || (1..MIN_DIGITS).contains(&tail.len())) && tail.bytes().all(|byte| byte.is_ascii_digit());
    let cut = whole.len().checked_sub(tail.len()).filter(|_| is_tail)?;
    let (head, replaced) = whole.split_at_checked(cut)?;
    let last_group = run.rsplit(|c: char| !c.is_ascii_digit()).find(|group| !group.is_empty())?;
    let is_certain = is_local || last_group.len() == tail.len() || tail > replaced && last_group.len() > tail.len();
    is_certain.then(|| library::parse(&format!("{head}{tail}"), region, Proof::Possible)).flatten()
}

/// Returns whether `next` follows `last` closely in a block of numbers, and is no year: `0138` and `0139`.
pub(super) fn counts_on(last: &str, next: &str) -> bool {
    const MAX_STEP: u16 = 20;
    let is_year = next.starts_with("19") || next.starts_with("20");
    let step = last.parse::<u16>().ok().zip(next.parse::<u16>().ok()).and_then(|(last, next)| next.checked_sub(last));
    !is_year && step.is_some_and(|step| (1..=MAX_STEP).contains(&step))
}

pub(super) fn digit_count(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Returns whether the run is a date (`2026-05-14 10`, `14.05.2026`) or a network address (`204.214.100.1`).
pub(super) fn is_date_or_address(run: &str) -> bool {
    let first = run.split(' ').next().unwrap_or_default();
    if first.contains('+') {
        return false;
    }
    let groups: Vec<&str> = first.split(['-', '.']).collect();
    let sizes: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let is_small = |group: &&str| group.parse::<u16>().is_ok_and(|value| value <= 255);
    match sizes.as_slice() {
        [4, 1..=2, 1..=2] => groups.first().is_some_and(|year| year.starts_with("19") || year.starts_with("20")),
        [1..=2, 1..=2, 4] => groups.last().is_some_and(|year| year.starts_with("19") || year.starts_with("20")),
        [_, _, _, _] => !first.contains('-') && groups.iter().all(is_small),
        _ => false,
    }
}
