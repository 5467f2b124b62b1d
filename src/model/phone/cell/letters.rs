//! Reads the letters of a keypad: `1-800-FLOWERS`, `1-888-NEW-CAR1`, `514-GET-HELP`. Only in the forms in which firms write
//! such a number: a name behind an area code is no number.

use super::{
    Kind, Token, library,
    library::Proof,
    tokens::{self, tokens},
};
use crate::model::phone::Region;
use std::borrow::Cow;

/// Digits of a North American number.
const NATIONAL_DIGITS: usize = 10;
/// Fewest letters of a word that stands for digits.
const MIN_LETTERS: usize = 3;
/// Most digits and letters behind the tenth digit, which the network ignores: `1-800-CONTACTS`.
const MAX_IGNORED: usize = 4;

/// Replaces each number with letters by its digits.
pub(super) fn as_digits(text: &str, region: Region) -> Cow<'_, str> {
    let is_letter = |c: char| c.is_ascii_alphabetic();
    if !text.contains(is_letter) || !text.contains(|c: char| c.is_ascii_digit()) {
        return Cow::Borrowed(text);
    }
    let tokens = tokens(text);
    let mut plain = String::new();
    let mut copied = 0;
    for at in 0..tokens.len() {
        let Some((start, end, number)) = number_at(text, &tokens, at, region) else { continue };
        plain.push_str(text.get(copied..start).unwrap_or_default());
        plain.push_str(&number);
        // The digits in a remark behind the number are not a part of it: `1-800-FLOWERS (356-9377)`.
        let rest = text.get(end..).unwrap_or_default().trim_start_matches([' ', '(']);
        plain.push_str(if rest.starts_with(|c: char| c.is_ascii_digit()) { ";" } else { "" });
        copied = end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    plain.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(plain)
}

/// Returns the place and the digits of the number with letters that begins at the token `at`.
fn number_at(text: &str, tokens: &[Token<'_>], at: usize, region: Region) -> Option<(usize, usize, String)> {
    let first = tokens.get(at).filter(|it| it.kind == Kind::Run)?;
    let before = at.checked_sub(1).and_then(|index| tokens.get(index));
    let digits: String = first.text.chars().filter(char::is_ascii_digit).collect();
    let has_country = digits.starts_with('1');
    let mut national = digits.strip_prefix('1').unwrap_or(&digits).to_owned();
    if before.is_some_and(|it| it.end == first.start) || !(3..NATIONAL_DIGITS).contains(&national.len()) {
        return None;
    }
    let is_toll_free = national.starts_with('8') && national.get(1..2) == national.get(2..3);
    let is_home = region.is_north_american() || first.text.starts_with("+1") || is_toll_free && has_country;
    let (mut last, mut letters, mut form) = (first, 0, Form { blanks: first.text.contains(' '), small: false });
    for token in tokens.get(at + 1..).unwrap_or_default() {
        let gap = text.get(last.end..token.start).unwrap_or_default();
        let is_part = token.kind != Kind::Sign
            && token.text.is_ascii()
            && matches!(gap, "" | "-" | "." | " " | ")" | ") " | ")-");
        // A word behind the tenth digit belongs to the number if a hyphen joins it.
        let is_apart = national.len() >= NATIONAL_DIGITS && gap != "-" || gap == " " && is_known_word(token);
        if !is_part || is_apart || is_placeholder(token.text) {
            break;
        }
        form.add(gap, token.text);
        letters += token.text.bytes().filter(u8::is_ascii_alphabetic).count();
        national.extend(token.text.chars().filter_map(keypad_digit));
        last = token;
    }
    let is_in_front =
        before.is_none() || has_country || text.get(first.end..).is_some_and(|rest| rest.starts_with(')'));
    let has_form = match is_toll_free {
        true => !form.blanks || !form.small && is_in_front,
        false => !form.blanks && !form.small && national.len() == NATIONAL_DIGITS,
    };
    let is_whole = (NATIONAL_DIGITS..=NATIONAL_DIGITS + MAX_IGNORED).contains(&national.len());
    if !(is_home && has_form && is_whole && letters >= MIN_LETTERS) {
        return None;
    }
    let number = format!("+1{}", national.get(..NATIONAL_DIGITS)?);
    library::parse(&number, region, Proof::Assigned)?;
    Some((first.start, last.end, number))
}

/// Form in which a number with letters is written.
struct Form {
    /// Whether a blank stands between its parts.
    blanks: bool,
    /// Whether a letter is a small one.
    small: bool,
}

impl Form {
    fn add(&mut self, gap: &str, word: &str) {
        self.blanks |= gap.contains(' ');
        self.small |= word.bytes().any(|byte| byte.is_ascii_lowercase());
    }
}

/// Returns whether a text stands for digits that are not known: `XXXX`.
fn is_placeholder(word: &str) -> bool {
    let is_letters = word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_letters && word.bytes().all(|byte| Some(byte) == word.bytes().next())
}

/// Returns whether a word is a label or a remark: `800-555-01 EXT 2`.
fn is_known_word(token: &Token<'_>) -> bool {
    [tokens::is_extension_word, tokens::is_label, tokens::is_fax_word, tokens::is_record_word]
        .into_iter()
        .any(|is| token.is_word(is))
}

fn keypad_digit(c: char) -> Option<char> {
    Some(match c.to_ascii_uppercase() {
        'A'..='C' => '2',
        'D'..='F' => '3',
        'G'..='I' => '4',
        'J'..='L' => '5',
        'M'..='O' => '6',
        'P'..='S' => '7',
        'T'..='V' => '8',
        'W'..='Z' => '9',
        digit => return digit.is_ascii_digit().then_some(digit),
    })
}
