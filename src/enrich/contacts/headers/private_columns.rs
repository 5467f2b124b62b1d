//! Decides whether the words of a header make a column private. The words are in `contacts::private_words`. Pure.

use crate::enrich::contacts::{
    header_parts as parts,
    header_words::has,
    private_words::{is_private_number, is_private_phrase},
};

/// Words of the longest phrase.
const MAX_PHRASE_WORDS: usize = 3;
/// Words that stand beside the name of a number: `PIN code`, `N° SIN`.
const BESIDE_NUMBERS: &str = "n code id";

/// Returns whether a header is private by its words: `Wife's name`, `Social Insurance No`, `Kontonr.`
pub(super) fn is_private(word: &str, stems: &[String]) -> bool {
    let lengths = 1..=MAX_PHRASE_WORDS.min(stems.len());
    let mut phrases = lengths.flat_map(|length| stems.windows(length)).map(<[String]>::concat);
    phrases.any(|phrase| is_private_phrase(&phrase) || is_private_phrase(without_number(&phrase)))
        || is_private_number(word)
        || is_private_number(&name_of_number(stems))
}

/// Drops the word for a number at the end of a compound: `kontonr` is `konto`.
fn without_number(word: &str) -> &str {
    let ends = ["nummer", "numer", "number", "nr"].iter().find_map(|end| word.strip_suffix(end));
    ends.filter(|rest| rest.len() > 2).unwrap_or(word)
}

/// Returns what a number is called, without words for a number or a person: `sin` of `Client SIN #`.
fn name_of_number(stems: &[String]) -> String {
    let is_beside =
        |stem: &str| has(parts::NUMBER, stem) || has(BESIDE_NUMBERS, stem) || has(parts::PERSON_KINDS, stem);
    stems.iter().map(String::as_str).filter(|stem| !is_beside(stem)).map(without_number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_private_header(header: &str) -> bool {
        is_private(&crate::enrich::contacts::header_words::folded(header), &super::super::stems(header))
    }

    #[test]
    fn header_with_a_private_word_is_private() {
        for header in [
            "SIN",
            "Client SIN",
            "Social Insurance No",
            "CC number",
            "PIN code",
            "Support PIN",
            "Wife's name",
            "DOB (mm/dd)",
            "EIN",
            "Kontonr.",
            "SV-Nummer",
            "Kreditkartennummer",
            "Permis de conduire",
            "Tarjeta de crédito",
            "Creditcardnummer",
            "SOCIAL_INSURANCE_NUMBER",
            "DriversLicense",
            "Household income",
        ] {
            assert!(is_private_header(header), "{header}");
        }
    }

    #[test]
    fn header_of_a_customer_or_a_tier_is_not_private() {
        for header in [
            "Customer number",
            "Client no",
            "Kundennummer",
            "N° client",
            "Loyalty card number",
            "Tier",
            "Account status",
            "Credit limit",
            "Partner since",
            "Parent Company",
            "Société mère",
            "Sin IVA",
            "Single",
            "Zona",
            "Kind",
            "Personal",
            "Policy number",
            "Code",
            "Number",
            "Compte client",
        ] {
            assert!(!is_private_header(header), "{header}");
        }
    }
}
