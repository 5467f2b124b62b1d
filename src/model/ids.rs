//! Names of things, one type each, so that none is taken for another. All are opaque text from outside: bounded, free of
//! control characters, and never parsed as numbers (account keys exceed 2^63).

use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// Longest id that is taken: GoTo's channel ids have about 85 characters, its OAuth codes up to 4096 never become ids.
const LONGEST: usize = 256;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadId {
    /// Nothing, or blanks only.
    #[error("it is empty")]
    Empty,
    /// More than 256 bytes.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// A control character, a blank or, where the kind of id forbids it, another sign.
    #[error("it has a character that does not belong there: {0:?}")]
    Character(char),
}

fn opaque(text: &str) -> Result<(), BadId> {
    match text.chars().find(|c| c.is_control() || c.is_whitespace()) {
        Some(bad) => Err(BadId::Character(bad)),
        None => Ok(()),
    }
}

fn digits(text: &str) -> Result<(), BadId> {
    text.chars().find(|c| !c.is_ascii_digit()).map_or(Ok(()), |bad| Err(BadId::Character(bad)))
}

/// Names that an operator gives: they become file names and journal fields.
fn slug(text: &str) -> Result<(), BadId> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    match text.chars().find(|c| !fits(*c)) {
        Some(bad) => Err(BadId::Character(bad)),
        None if text.starts_with('.') => Err(BadId::Character('.')),
        None => Ok(()),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $rule:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = BadId;
            fn try_from(text: &str) -> Result<Self, BadId> {
                if text.is_empty() {
                    return Err(BadId::Empty);
                }
                if text.len() > LONGEST {
                    return Err(BadId::TooLong);
                }
                $rule(text).map(|()| Self(Arc::from(text)))
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                Self::try_from(text.as_str())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

id!(
    /// A GoTo account: digits, up to 22 of them seen, hence text.
    AccountKey, digits
);
id!(
    /// A notification channel, opaque.
    ChannelId, opaque
);
id!(
    /// One call, as GoTo names it.
    ConversationSpaceId, opaque
);
id!(
    /// One party of a call.
    ParticipantId, opaque
);
id!(
    /// A sink as the config names it: the `front-desk` of `[sinks.front-desk]`.
    SinkName, slug
);
id!(
    /// A GoTo login as the config names it: the `main` of `[connections.main]`.
    ConnectionName, slug
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_key_of_22_digits_stays_as_it_is() {
        let key = AccountKey::try_from("1234567890123456789012").unwrap();
        assert_eq!(key.as_str(), "1234567890123456789012");
        assert_eq!(serde_json::to_string(&key).unwrap(), "\"1234567890123456789012\"");
    }

    #[test]
    fn what_is_no_id_is_refused_with_its_reason() {
        assert_eq!(AccountKey::try_from(""), Err(BadId::Empty));
        assert_eq!(AccountKey::try_from("12a"), Err(BadId::Character('a')));
        assert_eq!(ChannelId::try_from("a\nb"), Err(BadId::Character('\n')));
        assert_eq!(ChannelId::try_from("x".repeat(257)), Err(BadId::TooLong));
        assert_eq!(SinkName::try_from("../etc"), Err(BadId::Character('/')));
        assert_eq!(SinkName::try_from(".."), Err(BadId::Character('.')));
        assert!(serde_json::from_str::<SinkName>("\"a b\"").is_err());
    }
}
