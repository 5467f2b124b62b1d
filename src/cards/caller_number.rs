//! Renders the number of a caller, and the name and marks that the network sent.

use super::{content::join_dots, text::sanitize_opt};
use crate::model::{
    call,
    phone::{Mask, NetworkName, PhoneNumber, Region},
};

/// UTF-16 units of a name or company.
pub(super) const MAX_NAME_UNITS: usize = 70;
/// UTF-16 units of a number: an unparsed one may be any text.
pub(super) const MAX_NUMBER_UNITS: usize = 50;

/// Digits from which a name counts as a phone number: local numbers have seven.
const MIN_NUMBER_DIGITS: usize = 7;

/// Formats a number, or returns a substitute.
pub(super) fn format_number(number: &PhoneNumber, region: Region, mask: Mask) -> String {
    let text = number.format(region, mask).and_then(|text| sanitize_opt(Some(&text), MAX_NUMBER_UNITS));
    match (number, text) {
        (PhoneNumber::Unavailable, _) => "Number not available".to_owned(),
        (PhoneNumber::Withheld, _) | (_, None) => "Withheld number".to_owned(),
        (PhoneNumber::Known(_), Some(text)) => text,
        (PhoneNumber::Short(_), Some(text)) => format!("Short number {text}"),
        (PhoneNumber::Unparsed(_), Some(text)) if text.contains(char::is_alphabetic) => {
            format!("Unreadable number “{text}”")
        }
        (PhoneNumber::Unparsed(_), Some(text)) => format!("Not a valid number “{text}”"),
    }
}

/// Returns the name from the network, unless it repeats the number, stands in place of a name, or contains a number that the
/// mask hides.
pub(super) fn network_name(caller: &call::Caller, region: Region, mask: Mask) -> Option<String> {
    let name = NetworkName::parse(caller.name.as_deref()?).name;
    let name = sanitize_opt(name.as_deref(), MAX_NAME_UNITS)?;
    if mask != Mask::None && name.chars().filter(char::is_ascii_digit).count() >= MIN_NUMBER_DIGITS {
        return None;
    }
    let lettered = name.contains(char::is_alphabetic);
    match PhoneNumber::parse(Some(&name), region) {
        PhoneNumber::Withheld | PhoneNumber::Unavailable => None,
        PhoneNumber::Known(_) | PhoneNumber::Short(_) => lettered.then_some(name),
        PhoneNumber::Unparsed(_) => Some(name),
    }
}

/// Returns the marks of the network about the caller: `verified by the network`.
pub(super) fn network_marks(caller: &call::Caller) -> Option<String> {
    let marks = caller.name.as_deref().map(|name| NetworkName::parse(name).marks).unwrap_or_default();
    (!marks.is_empty()).then(|| join_dots(marks.iter().map(|mark| Some(mark.to_string()))))
}

/// Returns the text that the network sent in place of a name, and its marks: `wireless caller`.
pub(super) fn network_line(caller: &call::Caller) -> Option<String> {
    let substitute = caller.name.as_deref().and_then(|name| NetworkName::parse(name).substitute);
    let substitute = substitute.map(|text| match text.as_str() {
        "unavailable" | "not available" => "name unavailable".to_owned(),
        "unknown" | "unknown name" | "caller unknown" | "unknown caller" | "unknown number" => {
            "name unknown".to_owned()
        }
        _ => text,
    });
    let line = join_dots([sanitize_opt(substitute.as_deref(), MAX_NAME_UNITS), network_marks(caller)]);
    (!line.is_empty()).then_some(line)
}
