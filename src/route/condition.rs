//! What a rule may ask of a telling. All that is given must hold; a key takes one value or a list, of which one must.

use super::any_of::AnyOf;
use crate::model::{
    call::{MomentKind, Telling},
    ids::{AccountKey, ConnectionName},
    phone::{Mask, Number},
};
use serde::Deserialize;
use std::fmt;

/// The `match` of a rule. Texts are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// The login that heard the call.
    pub connection: AnyOf<ConnectionName>,
    /// The GoTo account.
    pub account: AnyOf<AccountKey>,
    /// Which of our numbers was called, in E.164 or by its label in GoTo.
    pub number: AnyOf<Digits>,
    /// A queue the call went through, by name or extension.
    pub queue: AnyOf<String>,
    /// A person it rings or rang, by extension or name.
    pub extension: AnyOf<String>,
    /// Who calls: a number in E.164, or the beginning of one followed by `*`.
    pub caller: AnyOf<Digits>,
    /// Whether the caller hides the number.
    pub withheld: Option<bool>,
    /// What happened.
    pub moment: AnyOf<MomentKind>,
}

/// The keys of a [`Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// See [`Condition::connection`].
    Connection,
    /// See [`Condition::account`].
    Account,
    /// See [`Condition::number`].
    Number,
    /// See [`Condition::queue`].
    Queue,
    /// See [`Condition::extension`].
    Extension,
    /// See [`Condition::caller`].
    Caller,
    /// See [`Condition::withheld`].
    Withheld,
    /// See [`Condition::moment`].
    Moment,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "connection",
            Self::Account => "account",
            Self::Number => "number",
            Self::Queue => "queue",
            Self::Extension => "extension",
            Self::Caller => "caller",
            Self::Withheld => "withheld",
            Self::Moment => "moment",
        })
    }
}

/// A number of the config, or a label in its place. A written number may have blanks, brackets, dots and dashes.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Digits {
    written: String,
    /// Its digits with their plus sign, if it is a number.
    number: Option<String>,
    /// It is the beginning of numbers.
    is_prefix: bool,
}

impl From<String> for Digits {
    fn from(written: String) -> Self {
        let parts = |c: &char| c.is_whitespace() || matches!(c, '(' | ')' | '-' | '.' | '/');
        let mut bare: String = written.chars().filter(|c| !parts(c)).collect();
        let is_prefix = bare.ends_with('*');
        if is_prefix {
            bare.pop();
        }
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        let is_number = digits.chars().all(|c| c.is_ascii_digit()) && (is_prefix || !digits.is_empty());
        Self { written, number: is_number.then_some(bare), is_prefix }
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Mask::Last2.cover(&self.written))
    }
}

impl Digits {
    fn is(&self, number: &Number) -> bool {
        let said = match number {
            Number::Known(number) => number.expose(),
            Number::Short(number) | Number::Unreadable(number) => number,
            Number::Withheld => return false,
        };
        self.number.as_deref().is_some_and(|asked| if self.is_prefix { said.starts_with(asked) } else { said == asked })
    }

    /// Whether it is written as at home. Seven digits and more are a public number, and that always has its country.
    fn lacks_country(&self) -> bool {
        self.number.as_ref().is_some_and(|digits| !digits.starts_with('+') && digits.len() >= 7)
    }
}

fn same(a: &str, b: Option<&str>) -> bool {
    b.is_some_and(|b| a.trim().to_lowercase() == b.trim().to_lowercase())
}

impl Condition {
    /// Whether it holds of anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether everything it asks is so.
    #[must_use]
    pub fn holds(&self, telling: &Telling) -> bool {
        self.each(telling).all(|(_, holds)| holds)
    }

    /// What it asks that is not so.
    #[must_use]
    pub fn failed(&self, telling: &Telling) -> Vec<Key> {
        self.each(telling).filter(|(_, holds)| !holds).map(|(key, _)| key).collect()
    }

    fn each(&self, telling: &Telling) -> impl Iterator<Item = (Key, bool)> {
        let call = &telling.call;
        let caller = &call.caller.number;
        let number = |asked: &Digits| {
            call.ours.as_ref().is_some_and(|ours| asked.is(&ours.number) || same(&asked.written, ours.label.as_deref()))
        };
        let queue = |asked: &String| {
            call.queues.iter().any(|it| same(asked, Some(&it.name)) || same(asked, it.extension.as_deref()))
        };
        let person = |asked: &String| {
            call.people.iter().any(|it| same(asked, it.extension.as_deref()) || same(asked, it.name.as_deref()))
        };
        let withheld = *caller == Number::Withheld;
        [
            (Key::Connection, self.connection.holds(|asked| *asked == call.connection)),
            (Key::Account, self.account.holds(|asked| *asked == call.account)),
            (Key::Number, self.number.holds(number)),
            (Key::Queue, self.queue.holds(queue)),
            (Key::Extension, self.extension.holds(person)),
            (Key::Caller, self.caller.holds(|asked| asked.is(caller))),
            (Key::Withheld, self.withheld.is_none_or(|asked| asked == withheld)),
            (Key::Moment, self.moment.holds(|asked| *asked == telling.moment.kind())),
        ]
        .into_iter()
    }

    /// The conditions that nothing can fulfil.
    pub(super) fn impossible(&self) -> impl Iterator<Item = (Key, &'static str)> {
        const COUNTRY: &str = "write the number with its country, as in \"+15145550199\"";
        let empty = [
            (Key::Connection, self.connection.is_impossible()),
            (Key::Account, self.account.is_impossible()),
            (Key::Number, self.number.is_impossible()),
            (Key::Queue, self.queue.is_impossible()),
            (Key::Extension, self.extension.is_impossible()),
            (Key::Caller, self.caller.is_impossible()),
            (Key::Moment, self.moment.is_impossible()),
        ];
        let empty = empty.into_iter().map(|(key, is_so)| (key, "the list is empty", is_so));
        let hidden = self.withheld == Some(true) && self.caller.is_given();
        let written = [
            (Key::Number, COUNTRY, self.number.values().any(Digits::lacks_country)),
            (Key::Caller, COUNTRY, self.caller.values().any(Digits::lacks_country)),
            (Key::Caller, "it is no number", self.caller.values().any(|digits| digits.number.is_none())),
            (Key::Withheld, "a caller who hides the number has none that `caller` could match", hidden),
        ];
        empty.chain(written).filter(|(_, _, is_so)| *is_so).map(|(key, why, _)| (key, why))
    }
}
