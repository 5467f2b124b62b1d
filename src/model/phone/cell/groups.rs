//! Finds a number whose groups stand between other signs than hyphens: `089/123456`, `514/555/0122`, `514_555_0122`.

use super::{
    Kind, Token,
    library::Proof,
    run,
    tokens::{self, tokens},
};
use crate::model::phone::Region;
use std::borrow::Cow;

/// Most groups of a number: a French one has five, one behind a country code more.
const MAX_GROUPS: usize = 8;
/// Signs that stand between two groups if no blank is beside them. A slash may have blanks.
const SIGNS: [&str; 6] = ["_", "*", "\\", ":", "'", "~"];
/// Fewest groups between such signs.
const MIN_GROUPS: usize = 3;

/// Groups of digits with one kind of sign between them.
pub(super) struct Group {
    /// Index of the last token.
    pub(super) last: usize,
    /// Whether there is only one reading.
    pub(super) is_certain: bool,
}

/// Replaces the signs within numbers by hyphens, where there is only one reading.
pub(super) fn as_hyphens(text: &str, region: Region) -> Cow<'_, str> {
    if !text.contains('/') && !SIGNS.iter().any(|sign| text.contains(sign)) {
        return Cow::Borrowed(text);
    }
    let tokens = tokens(text);
    let mut plain = String::with_capacity(text.len());
    let (mut copied, mut at) = (0, 0);
    while at < tokens.len() {
        if let Some(Group { last, is_certain: true }) = find(&tokens, at, region) {
            for sign in tokens.get(at..last).unwrap_or_default().iter().filter(|token| token.kind == Kind::Sign) {
                plain.push_str(text.get(copied..sign.start).unwrap_or_default());
                plain.push('-');
                copied = sign.end;
            }
            at = last;
        }
        at += 1;
    }
    plain.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(plain)
}

/// Returns the number that begins with the token at `at` and has such signs. A text that is also a number with the ending of
/// another one behind it (`030 123456/57`) is not certain.
pub(super) fn find(tokens: &[Token<'_>], at: usize, region: Region) -> Option<Group> {
    let head = tokens.get(at).filter(|it| it.kind == Kind::Run)?;
    let sign = tokens.get(at + 1).filter(|it| it.kind == Kind::Sign)?;
    let is_slash = sign.text == "/";
    let before = at.checked_sub(1).and_then(|index| tokens.get(index));
    let is_touched = before.is_some_and(|it| it.end == head.start && !it.is_word(tokens::is_label));
    // `ext. 7 / 900…` and `,,7 / 900…`: the first digits belong to the number before.
    let is_comma =
        |back: usize| at.checked_sub(back).and_then(|index| tokens.get(index)).is_some_and(|it| it.is_sign(","));
    let is_extension = before.is_some_and(|it| it.is_word(tokens::is_extension_word)) || is_comma(1) && is_comma(2);
    if is_extension || !(is_slash || SIGNS.contains(&sign.text) && !is_touched) {
        return None;
    }
    let mut groups = vec![head.text];
    let mut last = at;
    while let (Some(sign_here), Some(group)) = (tokens.get(last + 1), tokens.get(last + 2))
        && sign_here.text == sign.text
        && group.kind == Kind::Run
        && !group.text.starts_with('+')
        && !group.after_hyphen
        && (is_slash || tokens.get(last).is_some_and(|it| it.end == sign_here.start) && sign_here.end == group.start)
        && groups.len() < MAX_GROUPS
    {
        groups.push(group.text);
        last += 2;
    }
    if run::is_date_or_address(&groups.iter().take(3).copied().collect::<Vec<_>>().join("-")) {
        return None;
    }
    let is_number = |count: &usize| {
        run::number(&groups.get(..*count).unwrap_or_default().join(" "), region, Proof::Assigned).is_some()
    };
    let fewest = if is_slash { 2 } else { MIN_GROUPS };
    let readings: Vec<usize> = (fewest..=groups.len()).filter(is_number).collect();
    let longest = *readings.last()?;
    let is_certain = readings.len() == 1 && !is_number(&1) && (is_slash || longest == groups.len());
    Some(Group { last: at + 2 * (longest - 1), is_certain })
}
