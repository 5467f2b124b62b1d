//! Conditions of a rule. In `match` every given key must hold, in `unless` none may. A key takes one value or a list of
//! alternatives. Unknown facts (a failed look-up) match nothing.

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

/// The `match` or `unless` table of a rule. Texts are compared ignoring case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// Connection that received the call.
    pub connection: AnyOf<ConnectionName>,
    /// GoTo account.
    pub account: AnyOf<AccountKey>,
    /// Account number of the call, in E.164 or by its label in GoTo.
    pub number: AnyOf<Digits>,
    /// Queue of the call, by name or extension.
    pub queue: AnyOf<String>,
    /// Person whose phone rings or rang, by extension or name.
    pub extension: AnyOf<String>,
    /// Caller (callee of an outbound call): a number in E.164, or a prefix followed by `*`.
    pub caller: AnyOf<Digits>,
    /// Country of the caller, such as `US` or `DE`. Short and withheld numbers have none.
    pub region: AnyOf<Region>,
    /// Direction of the call.
    pub direction: AnyOf<Bound>,
    /// Whether the number is withheld.
    pub withheld: Option<bool>,
    /// Whether a source has one or several contacts for the caller. `false` needs a source that answered.
    pub known: Option<bool>,
    /// Tag of the contact, if exactly one contact matches.
    pub tags: AnyOf<String>,
    /// Tier of the contact, if exactly one contact matches.
    pub tier: AnyOf<String>,
    /// Whether the caller was missed or called minutes ago.
    pub urgent: Option<bool>,
    /// Whether the history has no earlier call of the caller.
    pub first_time: Option<bool>,
    /// Status of the call.
    pub moment: AnyOf<MomentKind>,
    /// Name of a schedule that is open.
    pub hours: AnyOf<String>,
}

/// Key of a [`Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is the field of the same name")]
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

/// Result of one key: whether the key is given, and whether it holds.
type KeyResult = (Key, bool, bool);

impl Condition {
    /// Returns whether no key is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the given keys that do not hold.
    pub(super) fn failed(&self, input: &Asked<'_>, schedules: &Schedules) -> impl Iterator<Item = Key> {
        self.evaluate(input, schedules).into_iter().filter(|(_, _, holds)| !holds).map(|(key, ..)| key)
    }

    /// Returns the given keys that hold.
    pub(super) fn met(&self, input: &Asked<'_>, schedules: &Schedules) -> impl Iterator<Item = Key> {
        self.evaluate(input, schedules).into_iter().filter(|(_, given, holds)| *given && *holds).map(|(key, ..)| key)
    }

    fn evaluate(&self, input: &Asked<'_>, schedules: &Schedules) -> [KeyResult; 16] {
        let (call, info) = (&input.telling.call, input.found);
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
        let contact: Option<&Contact> = if let Match::One { contact } = &info.who { Some(contact) } else { None };
        let tag = |it: &String| contact.is_some_and(|contact| contact.tags.iter().any(|tag| same_text(it, tag)));
        let tier = |it: &String| contact.is_some_and(|contact| same(it, contact.tier.as_deref()));
        let country = caller.known().and_then(|number| number.country());
        let known = match info.who {
            Match::NotAsked => None,
            Match::Nobody => Some(false),
            Match::One { .. } | Match::Several { .. } => Some(true),
        };
        let history = info.history.as_ref();
        let urgent = history.is_some_and(|history| history.urgent);
        let first_time = history.map(|history| history.last.is_none() && history.month == 0);
        let flag = |wanted: Option<bool>, is: Option<bool>| (wanted.is_some(), wanted.is_none() || wanted == is);
        let status = input.telling.moment.kind();
        let open = |name: &String| schedules.is_open(name, input.at);
        [
            (Key::Connection, self.connection.asks(|it| *it == call.connection)),
            (Key::Account, self.account.asks(|it| *it == call.account)),
            (Key::Number, self.number.asks(number)),
            (Key::Queue, self.queue.asks(queue)),
            (Key::Extension, self.extension.asks(person)),
            (Key::Caller, self.caller.asks(|it| it.is(caller))),
            (Key::Region, self.region.asks(|it| Some(*it) == country)),
            (Key::Direction, self.direction.asks(|it| *it == call.bound)),
            (Key::Withheld, flag(self.withheld, Some(*caller == Number::Withheld))),
            (Key::Known, flag(self.known, known)),
            (Key::Tags, self.tags.asks(tag)),
            (Key::Tier, self.tier.asks(tier)),
            (Key::Urgent, flag(self.urgent, Some(urgent))),
            (Key::FirstTime, flag(self.first_time, first_time)),
            (Key::Moment, self.moment.asks(|it| *it == status)),
            (Key::Hours, self.hours.asks(open)),
        ]
        .map(|(key, (given, holds))| (key, given, holds))
    }

    /// Returns each given key, and whether everything that matches the same key of `other` matches this one.
    pub(super) fn covered(&self, other: &Self) -> impl Iterator<Item = (Key, bool)> {
        let flag = |mine: Option<bool>, theirs: Option<bool>| (mine.is_some(), mine == theirs);
        let is_within = |wide: &Digits, narrow: &Digits| narrow.is_within(wide);
        [
            (Key::Connection, self.connection.against(&other.connection, |a, b| a == b)),
            (Key::Account, self.account.against(&other.account, |a, b| a == b)),
            (Key::Number, self.number.against(&other.number, is_within)),
            (Key::Queue, self.queue.against(&other.queue, same_text)),
            (Key::Extension, self.extension.against(&other.extension, same_text)),
            (Key::Caller, self.caller.against(&other.caller, is_within)),
            (Key::Region, self.region.against(&other.region, |a, b| a == b)),
            (Key::Direction, self.direction.against(&other.direction, |a, b| a == b)),
            (Key::Withheld, flag(self.withheld, other.withheld)),
            (Key::Known, flag(self.known, other.known)),
            (Key::Tags, self.tags.against(&other.tags, same_text)),
            (Key::Tier, self.tier.against(&other.tier, same_text)),
            (Key::Urgent, flag(self.urgent, other.urgent)),
            (Key::FirstTime, flag(self.first_time, other.first_time)),
            (Key::Moment, self.moment.against(&other.moment, |a, b| a == b)),
            (Key::Hours, self.hours.against(&other.hours, |a, b| a == b)),
        ]
        .into_iter()
        .filter(|(_, (given, _))| *given)
        .map(|(key, (_, covers))| (key, covers))
    }

    /// Returns keys that can never match, with the reason.
    pub(super) fn impossible(&self) -> impl Iterator<Item = (Key, &'static str)> {
        const NEEDS_COUNTRY_CODE: &str = "write the number with its country, as in \"+15145550199\"";
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
        let empty = empty.into_iter().map(|(key, applies)| (key, "the list is empty", applies));
        let unmatchable = [
            (Key::Number, NEEDS_COUNTRY_CODE, self.number.values().any(Digits::lacks_country)),
            (Key::Caller, NEEDS_COUNTRY_CODE, self.caller.values().any(Digits::lacks_country)),
            (Key::Caller, "not a phone number", self.caller.values().any(|digits| digits.number.is_none())),
        ];
        empty.chain(unmatchable).filter(|(_, _, applies)| *applies).map(|(key, why, _)| (key, why))
    }

    /// Returns keys of a `match` that contradict each other, with the reason.
    pub(super) fn contradictory(&self) -> impl Iterator<Item = (Key, &'static str)> {
        let hidden = self.withheld == Some(true);
        let unknown = self.known == Some(false);
        [
            (
                Key::Withheld,
                "a withheld number cannot match `caller` or `region`",
                hidden && (self.caller.is_given() || self.region.is_given()),
            ),
            (
                Key::Withheld,
                "a withheld number is not looked up, so the caller is neither known nor unknown",
                hidden
                    && (self.known.is_some()
                        || self.tags.is_given()
                        || self.tier.is_given()
                        || self.first_time.is_some()
                        || self.urgent == Some(true)),
            ),
            (
                Key::Known,
                "an unknown caller has no tags and no tier",
                unknown && (self.tags.is_given() || self.tier.is_given()),
            ),
            (
                Key::FirstTime,
                "a first-time caller was not missed minutes ago",
                self.first_time == Some(true) && self.urgent == Some(true),
            ),
        ]
        .into_iter()
        .filter(|(_, _, applies)| *applies)
        .map(|(key, why, _)| (key, why))
    }
}
