//! Conditions of a rule. In `match` every given key must hold, in `unless` none may. A key takes one value or a list of
//! alternatives. Unknown facts (a failed look-up) match nothing.

use super::{
    RouteInput,
    hours::Schedules,
    number_pattern::{NumberPattern, same_ignoring_case},
    one_or_many::OneOrMany,
};
use crate::model::{
    call::{CallDirection, StatusKind},
    card::{Contact, Match},
    ids::{AccountKey, ConnectionName},
    phone::{NetworkMark, NetworkName, PhoneNumber, Region},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The `match` or `unless` table of a rule. Texts are compared ignoring case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// Connection that received the call.
    pub connection: OneOrMany<ConnectionName>,
    /// GoTo account.
    pub account: OneOrMany<AccountKey>,
    /// Account number of the call, in E.164 or by its label in GoTo.
    pub number: OneOrMany<NumberPattern>,
    /// Queue of the call, by name or extension.
    pub queue: OneOrMany<String>,
    /// Person whose phone rings or rang, by extension or name.
    pub extension: OneOrMany<String>,
    /// Caller (callee of an outbound call): a number in E.164, or a prefix followed by `*`.
    pub caller: OneOrMany<NumberPattern>,
    /// Country of the caller, such as `US` or `DE`. Short and withheld numbers have none.
    pub region: OneOrMany<Region>,
    /// Direction of the call.
    pub direction: OneOrMany<CallDirection>,
    /// Whether the caller hides the number. A number that the network does not have is not withheld.
    pub withheld: Option<bool>,
    /// Mark of the network about the caller: `verified`, `not_verified` or `spam`.
    pub network: OneOrMany<NetworkMark>,
    /// Whether a source has one or several contacts for the caller. `false` needs a source that answered.
    pub known: Option<bool>,
    /// Tag of the contact, if exactly one contact matches.
    pub tags: OneOrMany<String>,
    /// Tier of the contact, if exactly one contact matches.
    pub tier: OneOrMany<String>,
    /// Whether the caller was missed or called minutes ago.
    pub urgent: Option<bool>,
    /// Whether the history has no earlier call of the caller.
    pub first_time: Option<bool>,
    /// Status of the call; `called_back` of a missed caller who was called back.
    pub status: OneOrMany<StatusKind>,
    /// Name of a schedule that is open.
    pub hours: OneOrMany<String>,
}

/// Key of a [`Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is the field of the same name")]
pub enum ConditionKey {
    Connection,
    Account,
    Number,
    Queue,
    Extension,
    Caller,
    Region,
    Direction,
    Withheld,
    Network,
    Known,
    Tags,
    Tier,
    Urgent,
    FirstTime,
    Status,
    Hours,
}

impl fmt::Display for ConditionKey {
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
            Self::Network => "network",
            Self::Known => "known",
            Self::Tags => "tags",
            Self::Tier => "tier",
            Self::Urgent => "urgent",
            Self::FirstTime => "first_time",
            Self::Status => "status",
            Self::Hours => "hours",
        })
    }
}

fn same_text<T: AsRef<str>>(a: &T, b: &T) -> bool {
    same_ignoring_case(a.as_ref(), Some(b.as_ref()))
}

/// Result of one key: whether the key is given, and whether it holds.
type KeyResult = (ConditionKey, bool, bool);

impl Condition {
    /// Returns whether no key is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the given keys that do not hold.
    pub(super) fn failing(&self, input: &RouteInput<'_>, schedules: &Schedules) -> impl Iterator<Item = ConditionKey> {
        self.evaluate(input, schedules).into_iter().filter(|(_, _, holds)| !holds).map(|(key, ..)| key)
    }

    /// Returns the given keys that hold.
    pub(super) fn matching(&self, input: &RouteInput<'_>, schedules: &Schedules) -> impl Iterator<Item = ConditionKey> {
        self.evaluate(input, schedules).into_iter().filter(|(_, given, holds)| *given && *holds).map(|(key, ..)| key)
    }

    fn evaluate(&self, input: &RouteInput<'_>, schedules: &Schedules) -> [KeyResult; 17] {
        let (call, info) = (&input.update.call, input.caller_info);
        let caller = &call.caller.number;
        let number = |it: &NumberPattern| {
            call.account_number
                .as_ref()
                .is_some_and(|ours| it.matches(&ours.number) || same_ignoring_case(&it.written, ours.label.as_deref()))
        };
        let queue = |it: &String| {
            call.queues.iter().any(|queue| {
                same_ignoring_case(it, Some(&queue.name)) || same_ignoring_case(it, queue.extension.as_deref())
            })
        };
        let person = |it: &String| {
            call.people.iter().any(|one| {
                same_ignoring_case(it, one.extension.as_deref()) || same_ignoring_case(it, one.name.as_deref())
            })
        };
        let contact: Option<&Contact> = if let Match::One { contact } = &info.matched { Some(contact) } else { None };
        let tag = |it: &String| contact.is_some_and(|contact| contact.tags.iter().any(|tag| same_text(it, tag)));
        let tier = |it: &String| contact.is_some_and(|contact| same_ignoring_case(it, contact.tier.as_deref()));
        let marks = call.caller.name.as_deref().map(|name| NetworkName::parse(name).marks).unwrap_or_default();
        let country = caller.as_e164().and_then(|number| number.country());
        let known = match info.matched {
            Match::NotLookedUp => None,
            Match::NoMatch => Some(false),
            Match::One { .. } | Match::Several { .. } => Some(true),
        };
        let history = info.history.as_ref();
        let urgent = history.is_some_and(|history| history.urgent);
        let first_time = history.map(|history| history.last_call.is_none() && history.calls_in_month == 0);
        let flag = |wanted: Option<bool>, is: Option<bool>| (wanted.is_some(), wanted.is_none() || wanted == is);
        let status = input.update.kind();
        let open = |name: &String| schedules.is_open(name, input.at);
        [
            (ConditionKey::Connection, self.connection.matches(|it| *it == call.connection)),
            (ConditionKey::Account, self.account.matches(|it| *it == call.account)),
            (ConditionKey::Number, self.number.matches(number)),
            (ConditionKey::Queue, self.queue.matches(queue)),
            (ConditionKey::Extension, self.extension.matches(person)),
            (ConditionKey::Caller, self.caller.matches(|it| it.matches(caller))),
            (ConditionKey::Region, self.region.matches(|it| Some(*it) == country)),
            (ConditionKey::Direction, self.direction.matches(|it| *it == call.direction)),
            (ConditionKey::Withheld, flag(self.withheld, Some(*caller == PhoneNumber::Withheld))),
            (ConditionKey::Network, self.network.matches(|it| marks.contains(it))),
            (ConditionKey::Known, flag(self.known, known)),
            (ConditionKey::Tags, self.tags.matches(tag)),
            (ConditionKey::Tier, self.tier.matches(tier)),
            (ConditionKey::Urgent, flag(self.urgent, Some(urgent))),
            (ConditionKey::FirstTime, flag(self.first_time, first_time)),
            (ConditionKey::Status, self.status.matches(|it| *it == status)),
            (ConditionKey::Hours, self.hours.matches(open)),
        ]
        .map(|(key, (given, holds))| (key, given, holds))
    }

    /// Returns each given key, and whether everything that matches the same key of `other` matches this one.
    pub(super) fn covered(&self, other: &Self) -> impl Iterator<Item = (ConditionKey, bool)> {
        let flag = |mine: Option<bool>, theirs: Option<bool>| (mine.is_some(), mine == theirs);
        let is_within = |wide: &NumberPattern, narrow: &NumberPattern| narrow.is_covered_by(wide);
        [
            (ConditionKey::Connection, self.connection.covers(&other.connection, |a, b| a == b)),
            (ConditionKey::Account, self.account.covers(&other.account, |a, b| a == b)),
            (ConditionKey::Number, self.number.covers(&other.number, is_within)),
            (ConditionKey::Queue, self.queue.covers(&other.queue, same_text)),
            (ConditionKey::Extension, self.extension.covers(&other.extension, same_text)),
            (ConditionKey::Caller, self.caller.covers(&other.caller, is_within)),
            (ConditionKey::Region, self.region.covers(&other.region, |a, b| a == b)),
            (ConditionKey::Direction, self.direction.covers(&other.direction, |a, b| a == b)),
            (ConditionKey::Withheld, flag(self.withheld, other.withheld)),
            (ConditionKey::Network, self.network.covers(&other.network, |a, b| a == b)),
            (ConditionKey::Known, flag(self.known, other.known)),
            (ConditionKey::Tags, self.tags.covers(&other.tags, same_text)),
            (ConditionKey::Tier, self.tier.covers(&other.tier, same_text)),
            (ConditionKey::Urgent, flag(self.urgent, other.urgent)),
            (ConditionKey::FirstTime, flag(self.first_time, other.first_time)),
            (ConditionKey::Status, self.status.covers(&other.status, |a, b| a == b)),
            (ConditionKey::Hours, self.hours.covers(&other.hours, |a, b| a == b)),
        ]
        .into_iter()
        .filter(|(_, (given, _))| *given)
        .map(|(key, (_, covers))| (key, covers))
    }

    /// Returns keys that can never match, with the reason.
    pub(super) fn never_matches(&self) -> impl Iterator<Item = (ConditionKey, &'static str)> {
        const NEEDS_COUNTRY_CODE: &str = "write the number with its country, as in \"+15145550199\"";
        let empty = [
            (ConditionKey::Connection, self.connection.matches_nothing()),
            (ConditionKey::Account, self.account.matches_nothing()),
            (ConditionKey::Number, self.number.matches_nothing()),
            (ConditionKey::Queue, self.queue.matches_nothing()),
            (ConditionKey::Extension, self.extension.matches_nothing()),
            (ConditionKey::Caller, self.caller.matches_nothing()),
            (ConditionKey::Region, self.region.matches_nothing()),
            (ConditionKey::Direction, self.direction.matches_nothing()),
            (ConditionKey::Network, self.network.matches_nothing()),
            (ConditionKey::Tags, self.tags.matches_nothing()),
            (ConditionKey::Tier, self.tier.matches_nothing()),
            (ConditionKey::Status, self.status.matches_nothing()),
            (ConditionKey::Hours, self.hours.matches_nothing()),
        ];
        let empty = empty.into_iter().map(|(key, applies)| (key, "the list is empty", applies));
        let unmatchable = [
            (ConditionKey::Number, NEEDS_COUNTRY_CODE, self.number.values().any(NumberPattern::needs_country_code)),
            (ConditionKey::Caller, NEEDS_COUNTRY_CODE, self.caller.values().any(NumberPattern::needs_country_code)),
            (ConditionKey::Caller, "not a phone number", self.caller.values().any(|digits| digits.number.is_none())),
        ];
        empty.chain(unmatchable).filter(|(_, _, applies)| *applies).map(|(key, why, _)| (key, why))
    }

    /// Returns keys of a `match` that contradict each other, with the reason.
    pub(super) fn contradictory(&self) -> impl Iterator<Item = (ConditionKey, &'static str)> {
        let hidden = self.withheld == Some(true);
        let unknown = self.known == Some(false);
        [
            (
                ConditionKey::Withheld,
                "a withheld number cannot match `caller` or `region`",
                hidden && (self.caller.is_given() || self.region.is_given()),
            ),
            (
                ConditionKey::Withheld,
                "a withheld number is not looked up, so the caller is neither known nor unknown",
                hidden
                    && (self.known.is_some()
                        || self.tags.is_given()
                        || self.tier.is_given()
                        || self.first_time.is_some()
                        || self.urgent == Some(true)),
            ),
            (
                ConditionKey::Known,
                "an unknown caller has no tags and no tier",
                unknown && (self.tags.is_given() || self.tier.is_given()),
            ),
            (
                ConditionKey::FirstTime,
                "a first-time caller was not missed minutes ago",
                self.first_time == Some(true) && self.urgent == Some(true),
            ),
        ]
        .into_iter()
        .filter(|(_, _, applies)| *applies)
        .map(|(key, why, _)| (key, why))
    }
}
