//! Reads the name that a network sends with a call (CNAM): a name, or one of the texts that stand in its place, with the
//! network's marks.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Judgement of the network about a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMark {
    /// The caller may use the number: `[V]`, or `verstat=TN-Validation-Passed`.
    Verified,
    /// The network could not confirm the number: `verstat=TN-Validation-Failed`.
    NotVerified,
    /// `SPAM LIKELY`, `SCAM LIKELY` and the like.
    Spam,
}

impl fmt::Display for NetworkMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verified => "verified by the network",
            Self::NotVerified => "number not confirmed by the network",
            Self::Spam => "⚠️ network: spam likely",
        })
    }
}

/// Parts of a name from the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkName {
    /// Name of a person or company.
    pub name: Option<String>,
    /// Text in place of a name, in lower case (`wireless caller`), or a place as the network writes it (`HAMILTON ON`).
    pub substitute: Option<String>,
    /// Marks, each once.
    pub marks: Vec<NetworkMark>,
}

/// Texts in place of a name, in lower case without signs.
const SUBSTITUTES: [&str; 31] = [
    "wireless caller",
    "wireless call",
    "wireless",
    "cell phone",
    "cellular call",
    "cellular caller",
    "mobile caller",
    "mobile phone",
    "toll free call",
    "toll free caller",
    "toll free number",
    "tollfree call",
    "800 service",
    "800 number",
    "unavailable",
    "name unavailable",
    "not available",
    "unknown",
    "unknown name",
    "unknown caller",
    "unknown number",
    "out of area",
    "caller unknown",
    "no name",
    "no caller id",
    "payphone",
    "pay phone",
    "coin phone",
    "voip caller",
    "voip call",
    "incoming call",
];

/// Words of a spam mark, in lower case without signs. A name may follow.
const SPAM_WORDS: [&str; 14] = [
    "spam likely",
    "scam likely",
    "likely spam",
    "likely scam",
    "spam risk",
    "scam risk",
    "potential spam",
    "potential scam",
    "suspected spam",
    "fraud risk",
    "potential fraud",
    "robocaller",
    "telemarketer",
    "nuisance likely",
];

/// Name of a text where the network pads its names: 15 characters.
const PADDED_LENGTH: usize = 15;

impl NetworkName {
    /// Parses a name as received. Blanks matter: a place is padded to 15 characters.
    #[must_use]
    pub fn parse(raw: &str) -> Self {
        let mut parsed = Self::default();
        let text = parsed.take_verified(raw.trim());
        let text = parsed.take_spam(text);
        let collapsed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let folded = folded(text);
        if folded.is_empty() {
            return parsed;
        }
        if SUBSTITUTES.contains(&folded.as_str()) {
            parsed.substitute = Some(folded);
        } else if is_place(text) {
            parsed.substitute = Some(collapsed);
        } else {
            parsed.name = Some(collapsed);
        }
        parsed
    }

    fn take_verified<'a>(&mut self, text: &'a str) -> &'a str {
        for (sign, mark) in [("[V]", NetworkMark::Verified), ("[NV]", NetworkMark::NotVerified)] {
            let rest = text.strip_prefix(sign).or_else(|| text.strip_suffix(sign));
            if let Some(rest) = rest {
                self.marks.push(mark);
                return rest.trim();
            }
        }
        text
    }

    fn take_spam<'a>(&mut self, text: &'a str) -> &'a str {
        let lower = text.to_ascii_lowercase();
        let short = ["spam?", "scam?", "spam:", "scam:", "spam", "scam"];
        let whole = short.iter().any(|word| lower == *word);
        let words = SPAM_WORDS.iter().copied().chain(short.into_iter().take(4));
        let Some(word) = words.into_iter().find(|word| starts_with_word(&lower, word)) else {
            if whole {
                self.marks.push(NetworkMark::Spam);
            }
            return if whole { "" } else { text };
        };
        self.marks.push(NetworkMark::Spam);
        text.get(word.len()..).unwrap_or_default().trim_matches(|c: char| !c.is_alphanumeric())
    }
}

/// Puts the verdict of a number's parameters before a name, as networks do that have no parameter: `[V] ALICE MARTIN`.
#[must_use]
pub fn name_with_verdict(name: Option<String>, verified: Option<bool>) -> Option<String> {
    let Some(verified) = verified else { return name };
    let sign = if verified { "[V]" } else { "[NV]" };
    Some(name.map_or_else(|| sign.to_owned(), |name| format!("{sign} {name}")))
}

fn starts_with_word(text: &str, word: &str) -> bool {
    let rest = text.strip_prefix(word);
    rest.is_some_and(|rest| {
        word.ends_with(['?', ':']) || rest.chars().next().is_none_or(|next| !next.is_alphanumeric())
    })
}

fn folded(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// Returns whether the text is a town and a state or province: `HAMILTON     ON`. With one blank, a state that is also the end
/// of a name (`SMITH MD`, `ACME CO`) needs the whole width.
fn is_place(text: &str) -> bool {
    const STATES: &str = " AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ NM NV \
        NY OH OK OR PA PR RI SC SD TN TX UT VA VT WA WI WV WY AB BC MB NB NL NS NT NU ON PE QC SK YT ";
    const NAME_ENDINGS: &str = " AL CA CO DE ID IN LA MA MD ME MS NE OK ON OR PA PE SC VA NP ";
    let Some((town, state)) = text.rsplit_once([' ', ',']) else { return false };
    let is_upper =
        |text: &str| text.chars().all(|c| c.is_ascii_uppercase() || matches!(c, ' ' | '.' | '-' | ',' | '\''));
    let listed = |list: &str| state.len() == 2 && list.contains(&format!(" {state} "));
    if !listed(STATES) || town.trim().is_empty() || !is_upper(town) {
        return false;
    }
    let is_padded = town.ends_with([' ', ',']) || text.contains(',') || text.chars().count() == PADDED_LENGTH;
    is_padded || !listed(NAME_ENDINGS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_person_is_kept() {
        for name in
            ["ALICE MARTIN", "Smith John MD", "JOHN SMITH MD", "ACME CO", "SCAMPI BROTHERS", "WIRELESS ONE INC", "Ann"]
        {
            let parsed = NetworkName::parse(name);
            assert_eq!((parsed.name.as_deref(), parsed.marks.len()), (Some(name), 0), "{name}");
        }
    }

    #[test]
    fn text_in_place_of_a_name_is_a_substitute() {
        for (text, substitute) in [
            ("WIRELESS CALLER", "wireless caller"),
            ("TOLL-FREE CALL", "toll free call"),
            ("Unavailable", "unavailable"),
            ("HAMILTON     ON", "HAMILTON ON"),
            ("NEW YORK     NY", "NEW YORK NY"),
            ("MONTREAL QC", "MONTREAL QC"),
            ("PHILADELPHIA PA", "PHILADELPHIA PA"),
            ("LAVAL, QC", "LAVAL, QC"),
        ] {
            let parsed = NetworkName::parse(text);
            assert_eq!((parsed.name, parsed.substitute.as_deref()), (None, Some(substitute)), "{text}");
        }
    }

    #[test]
    fn marks_are_cut_from_the_name() {
        use NetworkMark::{NotVerified, Spam, Verified};
        for (text, name, mark) in [
            ("[V] ALICE MARTIN", Some("ALICE MARTIN"), Verified),
            ("ALICE MARTIN [V]", Some("ALICE MARTIN"), Verified),
            ("[V]", None, Verified),
            ("[NV] ALICE", Some("ALICE"), NotVerified),
            ("SPAM LIKELY", None, Spam),
            ("Scam Likely", None, Spam),
            ("SPAM?", None, Spam),
            ("Spam Risk: ACME INC", Some("ACME INC"), Spam),
        ] {
            let parsed = NetworkName::parse(text);
            assert_eq!((parsed.name.as_deref(), parsed.marks.as_slice()), (name, &[mark][..]), "{text}");
        }
        assert_eq!(name_with_verdict(Some("ALICE".into()), Some(true)).as_deref(), Some("[V] ALICE"));
        assert_eq!(name_with_verdict(None, Some(false)).as_deref(), Some("[NV]"));
        assert_eq!(name_with_verdict(None, None), None);
    }
}
