//! One value or a list, as a condition of the config is written. Has its own deserializer: serde reports a wrong value
//! of an untagged enum only as "did not match any variant".

use serde::{
    Deserialize, Deserializer,
    de::{Error, IntoDeserializer, SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use std::{fmt, marker::PhantomData};

/// One text or a list of texts, each a `T`. Absent: matches anything; empty list: matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany<T>(Option<Vec<T>>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> OneOrMany<T> {
    /// Returns whether values are given, and whether one fits (or none are given).
    pub(super) fn matches(&self, fits: impl FnMut(&T) -> bool) -> (bool, bool) {
        (self.is_given(), self.0.as_ref().is_none_or(|values| values.iter().any(fits)))
    }

    /// Returns whether values are given.
    pub(super) fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Returns whether values are given, and whether every value of `other` is covered by one of these.
    pub(super) fn covers(&self, other: &Self, covers: impl Fn(&T, &T) -> bool) -> (bool, bool) {
        let all = match (&self.0, &other.0) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs.iter().all(|one| mine.iter().any(|it| covers(it, one))),
        };
        (self.is_given(), all)
    }

    /// Returns whether the list is empty, so that nothing matches.
    pub(super) fn matches_nothing(&self) -> bool {
        self.0.as_ref().is_some_and(Vec::is_empty)
    }

    /// Returns the values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

impl<T> From<Vec<T>> for OneOrMany<T> {
    fn from(values: Vec<T>) -> Self {
        Self(Some(values))
    }
}

struct TextOrList<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TextOrList<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes, or a list of texts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        // Owned: the text may not outlive the value deserialized from it.
        T::deserialize(text.to_owned().into_deserializer()).map(|value| vec![value])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrList(PhantomData)).map(|values| Self(Some(values)))
    }
}
