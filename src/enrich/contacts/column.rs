//! Meaning of a column of a contacts file. Pure.

use std::{borrow::Cow, fmt};

/// Meaning of a column. A labelled one has the number of the column with its label, which differs by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Column {
    /// Full name.
    Name,
    /// First name, used without a full name.
    First,
    /// Last name.
    Last,
    /// Suffix of the name: `Jr.`
    Suffix,
    /// Company.
    Company,
    /// Customer tier.
    Tier,
    /// Colleague in charge.
    Owner,
    /// Free text.
    Notes,
    /// Tags, separated by `,` `;` or `|`.
    Tags,
    /// Link to the record.
    Link,
    /// Phone number, with the column of its label. A contact may have several.
    Phone(Option<usize>),
    /// Field of the user's own, with the column of its label.
    Custom(usize),
    /// Column without a meaning for a card.
    Ignore,
    /// Column that only the config can show: birthday, home address, family.
    Private,
    /// Fact with this label.
    Fact(Box<str>),
}

impl Column {
    /// Returns the column for a value of the config.
    #[must_use]
    pub(crate) fn from_config(word: &str) -> Self {
        match word {
            "name" => Self::Name,
            "first_name" => Self::First,
            "last_name" => Self::Last,
            "company" => Self::Company,
            "tier" => Self::Tier,
            "owner" => Self::Owner,
            "notes" => Self::Notes,
            "tags" => Self::Tags,
            "link" => Self::Link,
            "phone" => Self::Phone(None),
            "ignore" | "" => Self::Ignore,
            label => Self::Fact(label.into()),
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("name"),
            Self::First => f.write_str("first name"),
            Self::Last => f.write_str("last name"),
            Self::Suffix => f.write_str("suffix of the name"),
            Self::Company => f.write_str("company"),
            Self::Tier => f.write_str("tier"),
            Self::Owner => f.write_str("owner"),
            Self::Notes => f.write_str("notes"),
            Self::Tags => f.write_str("tags"),
            Self::Link => f.write_str("link"),
            Self::Phone(_) => f.write_str("phone"),
            Self::Custom(_) => f.write_str("fact, named by its label column"),
            Self::Ignore => f.write_str("left out"),
            Self::Private => f.write_str("left out as private; name it in `columns` to show it"),
            Self::Fact(label) => write!(f, "fact “{label}”"),
        }
    }
}

/// Returns the full name, else first and last name with the suffix.
pub(super) fn full_name<'a>(
    full: Option<Cow<'a, str>>,
    first: Option<&'a str>,
    last: Option<&'a str>,
    suffix: Option<&'a str>,
) -> Option<Cow<'a, str>> {
    let joined = match (first, last) {
        (Some(first), Some(last)) => Some(Cow::Owned(format!("{first} {last}"))),
        (one, other) => one.or(other).map(Cow::Borrowed),
    };
    full.or_else(|| match (joined, suffix) {
        (Some(name), Some(suffix)) => Some(Cow::Owned(format!("{name} {suffix}"))),
        (name, _) => name,
    })
}
