//! Decides which digits of a cell are no phone number: codes, records, rooms, cards and negative numbers.

use super::{Cell, Token, tokens};

impl<'a> Cell<'a> {
    /// Returns whether a phone dials the digits after a pause: `514-555-0122,,9876543210#` is a conference with its code.
    pub(super) fn is_dialed_code(&self, at: usize, token: &Token<'a>) -> bool {
        let is_beside = |index: Option<usize>, sign: &str| {
            index.and_then(|index| self.tokens.get(index)).is_some_and(|it| it.is_sign(sign))
        };
        let ends = self.tokens.get(at + 1).is_some_and(|it| it.start == token.end && it.is_sign("#"));
        ends && is_beside(at.checked_sub(1), ",") && is_beside(at.checked_sub(2), ",")
    }

    /// Returns the tokens in front of the word that a run belongs to, which is the last: `Acct # 5145550122`.
    fn up_to_name(&self, at: usize) -> &'a [Token<'a>] {
        let announces = |it: &Token<'_>| {
            ["#", ":", "°", "=", "º"].iter().any(|sign| it.is_sign(sign)) || it.is_word(tokens::is_number_word)
        };
        let before = self.tokens.get(..at).unwrap_or_default();
        let end = before.iter().rposition(|it| !announces(it)).map_or(0, |index| index + 1);
        before.get(..end).unwrap_or_default()
    }

    /// Returns whether a word right before the run names another kind of number: `Acct # 5145550122`.
    pub(super) fn is_record(&self, at: usize) -> bool {
        let Some((word, before)) = self.up_to_name(at).split_last() else { return false };
        word.is_word(tokens::is_record_word) && !before.last().is_some_and(|it| it.is_word(tokens::is_area_word))
    }

    /// Returns whether bare digits belong to a room or a card: `Room 4165550199`, unlike `Room 416-555-0199`.
    pub(super) fn is_thing(&self, at: usize, token: &Token<'a>) -> bool {
        is_bare(token) && self.up_to_name(at).last().is_some_and(|it| it.is_word(tokens::is_thing_word))
    }

    /// Returns whether the cell begins with a negative number: `-5145550122`.
    pub(super) fn is_negative(&self, at: usize, token: &Token<'a>) -> bool {
        at == 0 && token.start == 1 && token.after_hyphen && is_bare(token)
    }
}

fn is_bare(token: &Token<'_>) -> bool {
    token.text.bytes().all(|byte| byte.is_ascii_digit())
}
