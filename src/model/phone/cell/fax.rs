//! Decides which number of a cell belongs to a fax machine or a pager.

use super::{Cell, Kind, Token, run, tokens};

fn joins(token: Option<&Token<'_>>) -> bool {
    let is_sign = |token: &Token<'_>| ["/", "&", "+"].iter().any(|sign| token.is_sign(sign));
    token.is_some_and(|it| is_sign(it) || it.is_word(tokens::is_connector))
}

pub(super) fn is_phone(token: Option<&Token<'_>>) -> bool {
    token.is_some_and(|it| it.is_word(tokens::is_phone_word))
}

impl<'a> Cell<'a> {
    /// Returns whether a word about a fax machine or a pager belongs to the run at `at`.
    pub(super) fn is_fax(&self, at: usize) -> bool {
        let words = self.tokens.iter().enumerate().filter(|(_, token)| token.is_word(tokens::is_fax_word));
        words
            .filter(|(index, _)| !self.is_also_phone(*index))
            .filter(|(index, word)| word.text.len() > 1 || self.is_label(*index))
            .any(|(index, _)| self.owner(index) == Some(at))
    }

    fn before(&self, word: usize, back: usize) -> Option<&Token<'a>> {
        word.checked_sub(back).and_then(|index| self.tokens.get(index))
    }

    /// Returns whether a word for a phone is joined in front of the word: `Tel./Fax`.
    fn is_joined_behind_phone(&self, word: usize) -> bool {
        joins(self.before(word, 1)) && is_phone(self.before(word, 2))
    }

    /// Returns whether the fax machine shares its number with a phone, `Tel./Fax 514-555-0122`, or does not exist: `no fax`.
    fn is_also_phone(&self, word: usize) -> bool {
        let after = |ahead: usize| self.tokens.get(word + ahead);
        let has_one_number = (0..self.tokens.len()).filter(|index| self.is_number(*index)).count() == 1;
        self.before(word, 1).is_some_and(|it| it.is_word(tokens::is_no))
            || has_one_number && (self.is_joined_behind_phone(word) || joins(after(1)) && is_phone(after(2)))
    }

    /// Returns the run that a word describes: the only run between two separators, else the run before a remark. Otherwise it
    /// is the run on the side of the cell's words.
    fn owner(&self, word: usize) -> Option<usize> {
        let is_run = |index: &usize| self.is_number(*index);
        let separates = |index: &usize| self.tokens.get(*index).is_some_and(Token::separates);
        let before = (0..word).rev().take_while(|index| !separates(index)).find(is_run);
        let after = (word + 1..self.tokens.len()).take_while(|index| !separates(index)).find(is_run);
        // Labels stand behind their numbers where the text begins with a number and ends with a label.
        let is_number = |token: Option<&Token<'_>>| token.is_some_and(|token| token.kind == Kind::Run);
        let number_first = is_number(self.tokens.first()) && !is_number(self.tokens.last());
        if let Some(extension) = self.extension_behind(word) {
            return Some(extension);
        }
        // `Tel/Fax: 514… / 514…` has the labels in the order of the numbers.
        if self.is_joined_behind_phone(word) {
            return (word + 1..self.tokens.len()).rev().find(is_run);
        }
        let in_remark = self.tokens.get(word).is_some_and(|token| token.in_remark);
        match (before, after) {
            (Some(before), Some(after)) => {
                Some(if in_remark || number_first && !self.is_followed_by_colon(word) { before } else { after })
            }
            (one, other) => one.or(other),
        }
    }

    /// Returns the ending of the number of a fax machine, which is no phone of its own: `Tel. 030 23125-101 Fax -102`.
    fn extension_behind(&self, word: usize) -> Option<usize> {
        let at = (word + 1..self.tokens.len()).find(|index| {
            !self.tokens.get(*index).is_some_and(|it| it.is_sign(":") || it.is_word(tokens::is_number_word))
        })?;
        let ending = self.tokens.get(at).filter(|it| it.kind == Kind::Run && it.after_hyphen)?;
        (run::digit_count(ending.text) < run::MIN_DIGITS).then_some(at)
    }

    /// Returns whether the single letter of a word is a label: `F: 514…`, `(f)`, or beside other labels `T 514… F 514…`.
    fn is_label(&self, word: usize) -> bool {
        let is_letter = |(index, token): (usize, &Token<'a>)| {
            index != word && token.text.len() == 1 && token.is_word(|it| tokens::is_label(it) || tokens::is_pause(it))
        };
        // `M-F 8-5` are days with their hours.
        let is_short = |token: &Token<'_>| token.kind == Kind::Run && run::digit_count(token.text) < run::MIN_DIGITS;
        self.is_followed_by_colon(word)
            || self.tokens.get(word).is_some_and(|token| token.in_remark)
            || self.is_between_numbers(word)
            || self.tokens.iter().enumerate().any(is_letter) && !self.tokens.get(word + 1).is_some_and(is_short)
    }

    /// Returns whether a word stands directly between two numbers: `514-555-0151 / f 514-555-0152`.
    fn is_between_numbers(&self, word: usize) -> bool {
        let back = if self.before(word, 1).is_some_and(|it| it.is_sign("/")) { 2 } else { 1 };
        word.checked_sub(back).is_some_and(|index| self.is_number(index)) && self.is_number(word + 1)
    }

    fn is_followed_by_colon(&self, word: usize) -> bool {
        self.tokens.get(word + 1).is_some_and(|token| token.is_sign(":"))
    }
}
