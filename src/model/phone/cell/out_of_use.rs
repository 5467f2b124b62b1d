//! Decides which number of a cell is marked as out of use: `514-555-0122 (old)`, `wrong number: 514-555-0123`.

use super::{Cell, Kind, Token, fax::is_phone, tokens};
use std::ops::Range;

/// Marks of numbers that are not in use. Not `do not call`: the number is the person's.
const OUT_OF_USE: &[&str] = &[
    "old",
    "former",
    "wrong",
    "disconnected",
    "invalid",
    "obsolete",
    "outdated",
    "inactive",
    "deactivated",
    "do not use",
    "not in use",
    "out of service",
    "not in service",
    "no longer in service",
    "no longer in use",
    "no longer valid",
    "not valid",
    "ancien",
    "ancienne",
    "invalide",
    "inactif",
    "désactivé",
    "erroné",
    "mauvais",
    "périmé",
    "débranché",
    "hors service",
    "ne plus utiliser",
    "ne pas utiliser",
    "falsch",
    "falsche",
    "ungültig",
    "veraltet",
    "antiguo",
    "equivocado",
];

impl Cell<'_> {
    /// Returns whether a remark marks the number of the run at `at` as out of use: another person may have it today.
    pub(super) fn is_out_of_use(&self, at: usize) -> bool {
        let remark_at = |first: usize| {
            let words = self.tokens.get(first..)?.iter().map_while(|it| (it.kind == Kind::Word).then_some(it.text));
            Some(first..first + out_of_use_words(words)?)
        };
        (0..self.tokens.len()).filter_map(remark_at).any(|remark| self.beside(remark) == Some(at))
    }

    /// Returns the number right behind words, else the one right before them or their remark.
    fn beside(&self, words: Range<usize>) -> Option<usize> {
        let is_number = |index: &usize| self.is_number(*index);
        let leads = |it: &Token<'_>| it.is_sign(":") || it.is_word(tokens::is_number_word) || is_phone(Some(it));
        let behind = (words.end..self.tokens.len()).find(|index| !self.tokens.get(*index).is_some_and(leads));
        if let Some(behind) = behind.filter(is_number) {
            return Some(behind);
        }
        let in_remark = self.tokens.get(words.start).is_some_and(|it| it.in_remark);
        let passes = |it: &Token<'_>| !it.separates() && (in_remark || it.is_sign("-"));
        let before =
            (0..words.start).rev().find(|index| !self.tokens.get(*index).is_some_and(passes) || is_number(index));
        before.filter(is_number)
    }
}

/// Returns how many of the first words mark a number that is not in use: `old 514…`, `514… (wrong number)`.
fn out_of_use_words<'w>(words: impl Iterator<Item = &'w str> + Clone) -> Option<usize> {
    let begins = |phrase: &&&str| {
        let mut found = words.clone();
        phrase.split(' ').all(|word| found.next().is_some_and(|it| tokens::is_one_of(it, &[word])))
    };
    OUT_OF_USE.iter().find(begins).map(|phrase| phrase.split(' ').count())
}
