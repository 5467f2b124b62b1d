//! Drops prefixes that are written in front of a number in one country only, and that the phone-number library does not read.

use crate::model::phone::Region;
use rlibphonenumber::enums::Region as Country;
use std::borrow::Cow;

/// Digits of every number of Mexico.
const MEXICAN_DIGITS: usize = 10;

/// Drops the prefix of the region:
/// - Japan: the postcode in `〒100-0001 03-1234-5672`.
/// - Brazil: `0xx11` has the place of a carrier, whose two digits the caller chooses.
/// - Mexico: until 2019 calls to mobile phones began with `044` or `045`, and others with `01`.
pub(super) fn without_prefixes(text: &str, region: Region) -> Cow<'_, str> {
    let mut plain = Cow::Borrowed(text);
    if let Some((before, code)) = text.split_once('〒') {
        let code = code.trim_start();
        let end = code.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(code.len());
        plain = Cow::Owned(format!("{before} {}", code.get(end..).unwrap_or_default()));
    }
    match region.0 {
        Country::BR => ["0xx", "0XX", "0Xx", "0xX"].iter().fold(plain, |text, from| match text.contains(from) {
            true => Cow::Owned(text.replace(from, "0")),
            false => text,
        }),
        Country::MX => without_old_prefix(&plain).map_or(plain, Cow::Owned),
        _ => plain,
    }
}

fn without_old_prefix(text: &str) -> Option<String> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let (label, number) = text.split_at_checked(start)?;
    let end = number.find(|c: char| !(c.is_ascii_digit() || " -().".contains(c))).unwrap_or(number.len());
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).count();
    let rest = ["044", "045", "01"].iter().find_map(|prefix| number.strip_prefix(prefix))?;
    let length = digits(number.get(..end)?) - (digits(number) - digits(rest));
    (length == MEXICAN_DIGITS && !label.contains('+')).then(|| format!("{label}{rest}"))
}
