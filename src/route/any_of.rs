//! One value or a list of them, as a condition of the config is written. Its own reader, because serde's untagged enums
//! answer a wrong value with nothing but "did not match any variant".

use serde::{
    Deserialize, Deserializer,
    de::{Error, IntoDeserializer, SeqAccess, Visitor, value::SeqAccessDeserializer},
};
use std::{fmt, marker::PhantomData};

/// One text or a list of them, each a `T`. Absent: any; an empty list: none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnyOf<T>(Option<Vec<T>>);

impl<T> Default for AnyOf<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> AnyOf<T> {
    /// Whether something is asked, and whether nothing is or one of the values fits.
    pub(super) fn asks(&self, fits: impl FnMut(&T) -> bool) -> (bool, bool) {
        (self.is_given(), self.0.as_ref().is_none_or(|values| values.iter().any(fits)))
    }

    /// Whether something is asked.
    pub(super) fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Whether something is asked, and whether all that fits `other` fits this too, where `covers` says so of two values.
    pub(super) fn against(&self, other: &Self, covers: impl Fn(&T, &T) -> bool) -> (bool, bool) {
        let all = match (&self.0, &other.0) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs.iter().all(|one| mine.iter().any(|it| covers(it, one))),
        };
        (self.is_given(), all)
    }

    /// Whether nothing can fit.
    pub(super) fn is_impossible(&self) -> bool {
        self.0.as_ref().is_some_and(Vec::is_empty)
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

impl<T> From<Vec<T>> for AnyOf<T> {
    fn from(values: Vec<T>) -> Self {
        Self(Some(values))
    }
}

struct TextOrList<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TextOrList<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes, or a list of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        // Owned: the text may not live as long as what is read from it.
        T::deserialize(text.to_owned().into_deserializer()).map(|value| vec![value])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AnyOf<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(TextOrList(PhantomData)).map(|values| Self(Some(values)))
    }
}
