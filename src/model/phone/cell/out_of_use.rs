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

/// Marks that belong only to a number right behind them: `514-555-0122 (was busy)` is in use.
const FORMER: &[&str] = &["was", "formerly", "previously", "used to be", "früher", "vormals", "anciennement"];

impl Cell<'_> {
    /// Returns whether a remark marks the number of the run at `at` as out of use: another person may have it today.
    pub(super) fn is_out_of_use(&self, at: usize) -> bool {
        let words_from = |first: usize| {
            let tokens = self.tokens.get(first..).unwrap_or_default().iter();
            tokens.map_while(|it| (it.kind == Kind::Word).then_some(it.text))
        };
        let is_beside = |first: usize| {
            let marks = |list| first_words(list, words_from(first)).map(|count| first..first + count);
            marks(OUT_OF_USE).is_some_and(|words| self.beside(words) == Some(at))
                || marks(FORMER).is_some_and(|words| self.behind(words.end) == Some(at))
        };
        (0..self.tokens.len()).any(is_beside)
    }

    /// Returns the number right behind words that end before the token `end`.
    fn behind(&self, end: usize) -> Option<usize> {
        let leads = |it: &Token<'_>| it.is_sign(":") || it.is_word(tokens::is_number_word) || is_phone(Some(it));
        let behind = (end..self.tokens.len()).find(|index| !self.tokens.get(*index).is_some_and(leads));
        behind.filter(|index| self.is_number(*index))
    }

    /// Returns the number right behind words, else the one right before them or their remark.
    fn beside(&self, words: Range<usize>) -> Option<usize> {
        let is_number = |index: &usize| self.is_number(*index);
        if let Some(behind) = self.behind(words.end) {
            return Some(behind);
        }
        let in_remark = self.tokens.get(words.start).is_some_and(|it| it.in_remark);
        let passes = |it: &Token<'_>| !it.separates() && (in_remark || it.is_sign("-"));
        let before =
            (0..words.start).rev().find(|index| !self.tokens.get(*index).is_some_and(passes) || is_number(index));
        before.filter(is_number)
    }
}

/// Returns how many of the first words are a phrase of the list: `old 514…`, `514… (wrong number)`.
fn first_words<'w>(list: &[&str], words: impl Iterator<Item = &'w str> + Clone) -> Option<usize> {
    let begins = |phrase: &&&str| {
        let mut found = words.clone();
        phrase.split(' ').all(|word| found.next().is_some_and(|it| tokens::is_one_of(it, &[word])))
    };
    list.iter().find(begins).map(|phrase| phrase.split(' ').count())
}
