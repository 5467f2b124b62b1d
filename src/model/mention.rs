//! Mentions for Slack and Teams cards. Values come from the config, never from a caller. Values are validated on parse:
//! renderers insert them without escaping.

use serde::{Deserialize, Serialize};

/// Longest name of a Teams mention, in characters.
const MAX_NAME_CHARS: usize = 60;
/// Longest user principal name: 113 characters in Microsoft Entra ID.
const MAX_UPN_CHARS: usize = 113;

/// Mention in a Slack card: a user (`U…`, `W…`), a user group (`S…`), `here` or `channel`. No other value is accepted, so a
/// mention needs no escaping.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SlackMention(String);

impl TryFrom<String> for SlackMention {
    type Error = &'static str;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        let is_id = (3..=32).contains(&id.len())
            && id.starts_with(['U', 'W', 'S'])
            && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        match is_id || id == "here" || id == "channel" {
            true => Ok(Self(id)),
            false => Err("expected the id of a Slack user (U…) or user group (S…), \"here\" or \"channel\""),
        }
    }
}

impl From<SlackMention> for String {
    fn from(mention: SlackMention) -> Self {
        mention.0
    }
}

impl SlackMention {
    /// Returns the id as written in the config.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Mention in a Teams card: a user with a display name, and the user principal name (`dana@example.com`) or the object id in
/// Microsoft Entra ID. Teams supports no channel or team mentions in cards.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TeamsMention {
    name: String,
    id: String,
}

impl TryFrom<String> for TeamsMention {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (name, id) = text
            .strip_suffix('>')
            .and_then(|text| text.split_once('<'))
            .map(|(name, id)| (name.trim(), id.trim()))
            .filter(|(name, id)| !name.is_empty() && (is_upn(id) || is_object_id(id)))
            .ok_or(
                "expected a Teams user as in \"Dana Cole <dana@example.com>\": name, then sign-in address or object id",
            )?;
        // The card text is Markdown and must contain the name exactly as in the mention entity.
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | '-' | '\'' | '’');
        if name.chars().count() > MAX_NAME_CHARS || !name.chars().all(is_plain) {
            return Err("a Teams user's name has at most 60 letters, digits, spaces and . , - '");
        }
        Ok(Self { name: name.to_owned(), id: id.to_owned() })
    }
}

impl From<TeamsMention> for String {
    fn from(mention: TeamsMention) -> Self {
        format!("{} <{}>", mention.name, mention.id)
    }
}

impl TeamsMention {
    /// Returns the display name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the user principal name or object id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

fn is_upn(id: &str) -> bool {
    let is_allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '\'' | '#' | '!' | '^' | '~' | '+');
    let is_part = |part: &str| !part.is_empty() && part.chars().all(is_allowed);
    id.len() <= MAX_UPN_CHARS
        && id.split_once('@').is_some_and(|(user, host)| is_part(user) && is_part(host) && host.contains('.'))
}

fn is_object_id(id: &str) -> bool {
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn teams_mention_accepts_name_with_upn_or_object_id_only() {
        let parse = |text: &str| TeamsMention::try_from(text.to_owned());
        let guid = "00000000-1111-2222-3333-44444444aBcD";
        for good in ["Dana Cole <dana@example.com>", &format!("Zoë O'Neil-Roy <{guid}>")] {
            assert_eq!(String::from(parse(good).unwrap()), good);
        }
        for bad in [
            "",
            "dana@example.com",
            "<dana@example.com>",
            "Dana <dana>",
            "Dana <dana@host>",
            "Dana <a@b.com> x",
            "Dana <0000-1111>",
            "D</at> <dana@example.com>",
            "*Dana* <dana@example.com>",
            "{{Dana}} <dana@example.com>",
            "Dana <da na@example.com>",
            "Dana <da\"na@example.com>",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&format!("{} <dana@example.com>", "a".repeat(61))).is_err());
    }
}
