//! Identifier types, one per kind. All are opaque external text: bounded, free of control characters, and never parsed as
//! numbers (account keys exceed 2^63).

use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// Longest accepted id, in bytes. GoTo's channel ids have about 85 characters; its OAuth codes (up to 4096) are not ids.
const MAX_BYTES: usize = 256;

/// Reason for which a text is not a valid id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text is empty.
    #[error("the id is empty")]
    Empty,
    /// The text has more than 256 bytes.
    #[error("the id is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// A control character, a space or another character that this kind of id forbids.
    #[error("the id contains a character that is not allowed: {0:?}")]
    Character(char),
}

fn opaque(text: &str) -> Result<(), InvalidId> {
    match text.chars().find(|c| c.is_control() || c.is_whitespace()) {
        Some(bad) => Err(InvalidId::Character(bad)),
        None => Ok(()),
    }
}

fn digits(text: &str) -> Result<(), InvalidId> {
    text.chars().find(|c| !c.is_ascii_digit()).map_or(Ok(()), |bad| Err(InvalidId::Character(bad)))
}

/// Validates a name from the config, which becomes a file name and a journal field.
fn slug(text: &str) -> Result<(), InvalidId> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    match text.chars().find(|c| !is_allowed(*c)) {
        Some(bad) => Err(InvalidId::Character(bad)),
        None if text.starts_with('.') => Err(InvalidId::Character('.')),
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
            /// Returns the id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidId;
            fn try_from(text: &str) -> Result<Self, InvalidId> {
                if text.is_empty() {
                    return Err(InvalidId::Empty);
                }
                if text.len() > MAX_BYTES {
                    return Err(InvalidId::TooLong);
                }
                $rule(text).map(|()| Self(Arc::from(text)))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
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
    /// A GoTo account: a digit string (up to 22 digits observed, too many for an integer).
    AccountKey, digits
);
id!(
    /// A GoTo notification channel.
    ChannelId, opaque
);
id!(
    /// A call, as GoTo identifies it.
    ConversationSpaceId, opaque
);
id!(
    /// A party of a call.
    ParticipantId, opaque
);
id!(
    /// A sink name from the config: the `front-desk` of `[sinks.front-desk]`.
    SinkName, slug
);
id!(
    /// The config's name of a connection: the `main` of `[connections.main]`.
    ConnectionName, slug
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_key_of_22_digits_round_trips() {
        let key = AccountKey::try_from("1234567890123456789012").unwrap();
        assert_eq!(key.as_str(), "1234567890123456789012");
        assert_eq!(serde_json::to_string(&key).unwrap(), "\"1234567890123456789012\"");
    }

    #[test]
    fn invalid_ids_are_rejected_with_reason() {
        assert_eq!(AccountKey::try_from(""), Err(InvalidId::Empty));
        assert_eq!(AccountKey::try_from("12a"), Err(InvalidId::Character('a')));
        assert_eq!(ChannelId::try_from("a\nb"), Err(InvalidId::Character('\n')));
        assert_eq!(ChannelId::try_from("x".repeat(257)), Err(InvalidId::TooLong));
        assert_eq!(SinkName::try_from("../etc"), Err(InvalidId::Character('/')));
        assert_eq!(SinkName::try_from(".."), Err(InvalidId::Character('.')));
        assert!(serde_json::from_str::<SinkName>("\"a b\"").is_err());
    }
}
