//! Who a card mentions, in the words of each chat. Ids of the config, checked when they are read so that one can stand in a
//! message as it is; never a stranger's text.

use serde::{Deserialize, Serialize};

/// Longest name of a Teams mention, in characters.
const NAME: usize = 60;
/// Longest user principal name: Microsoft Entra ID takes 113 characters.
const UPN: usize = 113;

/// Who a Slack card mentions: a user (`U…`, `W…`), a user group (`S…`), `here` or `channel`. Nothing else becomes one, so
/// that it can stand in a message as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mention(String);

impl TryFrom<String> for Mention {
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

impl From<Mention> for String {
    fn from(mention: Mention) -> Self {
        mention.0
    }
}

impl Mention {
    /// As the config writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who a Teams card mentions: a person, by the name that is shown and the user principal name (`dana@example.com`) or the
/// object id in Microsoft Entra ID. Teams mentions no channel and no team in a card.
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
            .ok_or("expected a person of Teams, as in \"Dana Cole <dana@example.com>\": a name, and the sign-in address or object id")?;
        // The name stands in Markdown text, and must stand there exactly as the mention has it.
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | ',' | '-' | '\'' | '’');
        if name.chars().count() > NAME || !name.chars().all(is_plain) {
            return Err("the name of a person of Teams may have letters, digits, spaces and . , - ' in it, 60 at most");
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
    /// The name that is shown.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The user principal name or object id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

fn is_upn(id: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '\'' | '#' | '!' | '^' | '~' | '+');
    let whole = |part: &str| !part.is_empty() && part.chars().all(fits);
    id.len() <= UPN && id.split_once('@').is_some_and(|(user, host)| whole(user) && whole(host) && host.contains('.'))
}

fn is_object_id(id: &str) -> bool {
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_of_teams_is_a_name_with_a_sign_in_address_or_an_object_id() {
        let read = |text: &str| TeamsMention::try_from(text.to_owned());
        let guid = "00000000-1111-2222-3333-44444444aBcD";
        for good in ["Dana Cole <dana@example.com>", &format!("Zoë O'Neil-Roy <{guid}>")] {
            assert_eq!(String::from(read(good).unwrap()), good);
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
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!("{} <dana@example.com>", "a".repeat(61))).is_err());
    }
}
