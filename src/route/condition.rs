//! What a rule may ask of a call. In `match` all that is given must hold; in `unless` nothing of it may. A key takes one
//! value or a list, of which one is enough. What is not known (a look-up that nobody answered) holds of nothing.

use super::{
    Asked,
    any_of::AnyOf,
    digits::{Digits, same},
    hours::Schedules,
};
use crate::model::{
    call::{Bound, MomentKind},
    card::{Contact, Match},
    ids::{AccountKey, ConnectionName},
    phone::{Number, Region},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The `match` or the `unless` of a rule. Texts are compared without regard to case.
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
    /// Who calls (of an outbound call: who is called): a number in E.164, or the beginning of one followed by `*`.
    pub caller: AnyOf<Digits>,
    /// The caller's country, as `US` or `DE`; a number without one (a short one, a hidden one) is of none.
    pub region: AnyOf<Region>,
    /// Which way the call goes.
    pub direction: AnyOf<Bound>,
    /// Whether the caller hides the number.
    pub withheld: Option<bool>,
    /// Whether a source knows the caller, one person or several; that nobody does is said by a source that answered.
    pub known: Option<bool>,
    /// A tag of the contact, where it is exactly one.
    pub tags: AnyOf<String>,
    /// The tier of the contact, where it is exactly one.
    pub tier: AnyOf<String>,
    /// Whether the caller was missed or called minutes ago, so that the card is marked.
    pub urgent: Option<bool>,
    /// Whether no earlier call of the caller is remembered, as far as the history goes back.
    pub first_time: Option<bool>,
    /// What happened.
    pub moment: AnyOf<MomentKind>,
    /// A schedule that is open, by its name.
    pub hours: AnyOf<String>,
}

/// The keys of a [`Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the field of its name")]
pub enum Key {
    Connection,
    Account,
    Number,
    Queue,
    Extension,
    Caller,
    Region,
    Direction,
    Withheld,
    Known,
    Tags,
    Tier,
    Urgent,
    FirstTime,
    Moment,
    Hours,
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
            Self::Region => "region",
            Self::Direction => "direction",
            Self::Withheld => "withheld",
            Self::Known => "known",
            Self::Tags => "tags",
            Self::Tier => "tier",
            Self::Urgent => "urgent",
            Self::FirstTime => "first_time",
            Self::Moment => "moment",
            Self::Hours => "hours",
        })
    }
}

fn same_text<T: AsRef<str>>(a: &T, b: &T) -> bool {
    same(a.as_ref(), Some(b.as_ref()))
}

/// What is asked of one key: whether it is given, and whether it is so.
type Each = (Key, bool, bool);

impl Condition {
    /// Whether it asks nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What it asks that is not so.
    pub(super) fn failed(&self, asked: &Asked<'_>, schedules: &Schedules) -> impl Iterator<Item = Key> {
        self.each(asked, schedules).into_iter().filter(|(_, _, holds)| !holds).map(|(key, ..)| key)
    }

    /// What it asks that is so.
    pub(super) fn met(&self, asked: &Asked<'_>, schedules: &Schedules) -> impl Iterator<Item = Key> {
        self.each(asked, schedules).into_iter().filter(|(_, given, holds)| *given && *holds).map(|(key, ..)| key)
    }

    fn each(&self, asked: &Asked<'_>, schedules: &Schedules) -> [Each; 16] {
        let (call, found) = (&asked.telling.call, asked.found);
        let caller = &call.caller.number;
        let number = |it: &Digits| {
            call.ours.as_ref().is_some_and(|ours| it.is(&ours.number) || same(&it.written, ours.label.as_deref()))
        };
        let queue = |it: &String| {
            call.queues.iter().any(|queue| same(it, Some(&queue.name)) || same(it, queue.extension.as_deref()))
        };
        let person = |it: &String| {
            call.people.iter().any(|one| same(it, one.extension.as_deref()) || same(it, one.name.as_deref()))
        };
        let contact: Option<&Contact> = if let Match::One { contact } = &found.who { Some(contact) } else { None };
        let tag = |it: &String| contact.is_some_and(|contact| contact.tags.iter().any(|tag| same_text(it, tag)));
        let tier = |it: &String| contact.is_some_and(|contact| same(it, contact.tier.as_deref()));
        let country = caller.known().and_then(|number| number.country());
        let known = match found.who {
            Match::NotAsked => None,
            Match::Nobody => Some(false),
            Match::One { .. } | Match::Several { .. } => Some(true),
        };
        let history = found.history.as_ref();
        let urgent = history.is_some_and(|history| history.urgent);
        let first_time = history.map(|history| history.last.is_none() && history.month == 0);
        let word = |wanted: Option<bool>, is: Option<bool>| (wanted.is_some(), wanted.is_none() || wanted == is);
        let moment = asked.telling.moment.kind();
        let open = |name: &String| schedules.is_open(name, asked.at);
        [
            (Key::Connection, self.connection.asks(|it| *it == call.connection)),
            (Key::Account, self.account.asks(|it| *it == call.account)),
            (Key::Number, self.number.asks(number)),
            (Key::Queue, self.queue.asks(queue)),
            (Key::Extension, self.extension.asks(person)),
            (Key::Caller, self.caller.asks(|it| it.is(caller))),
            (Key::Region, self.region.asks(|it| Some(*it) == country)),
            (Key::Direction, self.direction.asks(|it| *it == call.bound)),
            (Key::Withheld, word(self.withheld, Some(*caller == Number::Withheld))),
            (Key::Known, word(self.known, known)),
            (Key::Tags, self.tags.asks(tag)),
            (Key::Tier, self.tier.asks(tier)),
            (Key::Urgent, word(self.urgent, Some(urgent))),
            (Key::FirstTime, word(self.first_time, first_time)),
            (Key::Moment, self.moment.asks(|it| *it == moment)),
            (Key::Hours, self.hours.asks(open)),
        ]
        .map(|(key, (given, holds))| (key, given, holds))
    }

    /// For each key that it asks: whether all that fulfils the same key of `other` fulfils it.
    pub(super) fn covered(&self, other: &Self) -> impl Iterator<Item = (Key, bool)> {
        let word = |mine: Option<bool>, theirs: Option<bool>| (mine.is_some(), mine == theirs);
        let within = |wide: &Digits, narrow: &Digits| narrow.is_within(wide);
        [
            (Key::Connection, self.connection.against(&other.connection, |a, b| a == b)),
            (Key::Account, self.account.against(&other.account, |a, b| a == b)),
            (Key::Number, self.number.against(&other.number, within)),
            (Key::Queue, self.queue.against(&other.queue, same_text)),
            (Key::Extension, self.extension.against(&other.extension, same_text)),
            (Key::Caller, self.caller.against(&other.caller, within)),
            (Key::Region, self.region.against(&other.region, |a, b| a == b)),
            (Key::Direction, self.direction.against(&other.direction, |a, b| a == b)),
            (Key::Withheld, word(self.withheld, other.withheld)),
            (Key::Known, word(self.known, other.known)),
            (Key::Tags, self.tags.against(&other.tags, same_text)),
            (Key::Tier, self.tier.against(&other.tier, same_text)),
            (Key::Urgent, word(self.urgent, other.urgent)),
            (Key::FirstTime, word(self.first_time, other.first_time)),
            (Key::Moment, self.moment.against(&other.moment, |a, b| a == b)),
            (Key::Hours, self.hours.against(&other.hours, |a, b| a == b)),
        ]
        .into_iter()
        .filter(|(_, (given, _))| *given)
        .map(|(key, (_, covers))| (key, covers))
    }

    /// The keys that cannot be meant as they are written.
    pub(super) fn impossible(&self) -> impl Iterator<Item = (Key, &'static str)> {
        const COUNTRY: &str = "write the number with its country, as in \"+15145550199\"";
        let empty = [
            (Key::Connection, self.connection.is_impossible()),
            (Key::Account, self.account.is_impossible()),
            (Key::Number, self.number.is_impossible()),
            (Key::Queue, self.queue.is_impossible()),
            (Key::Extension, self.extension.is_impossible()),
            (Key::Caller, self.caller.is_impossible()),
            (Key::Region, self.region.is_impossible()),
            (Key::Direction, self.direction.is_impossible()),
            (Key::Tags, self.tags.is_impossible()),
            (Key::Tier, self.tier.is_impossible()),
            (Key::Moment, self.moment.is_impossible()),
            (Key::Hours, self.hours.is_impossible()),
        ];
        let empty = empty.into_iter().map(|(key, is_so)| (key, "the list is empty", is_so));
        let written = [
            (Key::Number, COUNTRY, self.number.values().any(Digits::lacks_country)),
            (Key::Caller, COUNTRY, self.caller.values().any(Digits::lacks_country)),
            (Key::Caller, "it is no number", self.caller.values().any(|digits| digits.number.is_none())),
        ];
        empty.chain(written).filter(|(_, _, is_so)| *is_so).map(|(key, why, _)| (key, why))
    }

    /// The keys of a `match` that contradict each other.
    pub(super) fn contradictory(&self) -> impl Iterator<Item = (Key, &'static str)> {
        let hidden = self.withheld == Some(true);
        let unknown = self.known == Some(false);
        [
            (
                Key::Withheld,
                "a caller who hides the number has none that `caller` or `region` could match",
                hidden && (self.caller.is_given() || self.region.is_given()),
            ),
            (
                Key::Withheld,
                "a caller who hides the number is not looked up, so nothing is known or unknown",
                hidden
                    && (self.known.is_some()
                        || self.tags.is_given()
                        || self.tier.is_given()
                        || self.first_time.is_some()
                        || self.urgent == Some(true)),
            ),
            (
                Key::Known,
                "a caller whom nobody knows has no tags and no tier",
                unknown && (self.tags.is_given() || self.tier.is_given()),
            ),
            (
                Key::FirstTime,
                "a caller who never called was not missed minutes ago",
                self.first_time == Some(true) && self.urgent == Some(true),
            ),
        ]
        .into_iter()
        .filter(|(_, _, is_so)| *is_so)
        .map(|(key, why, _)| (key, why))
    }
}
