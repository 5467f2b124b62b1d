//! Reads the name that a network sends with a call (CNAM). The text is a name, or a substitute, with the network's marks.

use super::places::{is_place, is_region, is_state};
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

/// Words of texts in place of a name, in lower case. A text of these words alone is no name: `WIRELESS CALLER`, `TOLL FREE`.
const SUBSTITUTE_WORDS: &str = " wireless cell cellular mobile toll free tollfree voip phone unavailable unavail unknown not available \
    noname area out of payphone pay coin incoming international intl avail provided 800 833 844 855 866 877 888 ";
/// Words that stand beside a substitute, in lower case.
const BESIDE_SUBSTITUTES: &str = " caller callr call name number no line service id ";

/// Words of a spam mark, in lower case.
const SPAM_WORDS: &str = " spam scam fraud robocall robocaller telemarketer telemarketing nuisance junk ";
/// Words that stand before or behind a spam word, or on both sides.
const BEFORE_SPAM: &str = " likely potential suspected suspect possible probable probably confirmed known ";
const BEHIND_SPAM: &str = " likely risk call caller number alert suspected ";

impl NetworkName {
    /// Parses a name as received. Blanks matter: a network pads the town of a place.
    #[must_use]
    pub fn parse(raw: &str) -> Self {
        let mut parsed = Self::default();
        let text = parsed.take_verified(raw.trim());
        let text = parsed.take_spam(text).trim_matches('"').trim();
        let collapsed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let folded = folded(text);
        // `Cell Phone   QC` is a substitute with its province.
        let kind =
            folded.rsplit_once(' ').filter(|(_, state)| is_state(state)).map_or(folded.as_str(), |(kind, _)| kind);
        if folded.is_empty() || is_code(&folded) {
            return parsed;
        }
        if is_substitute(kind) || is_country(&folded) || is_region(&folded) {
            parsed.substitute = Some(folded);
        } else if is_place(text) {
            parsed.substitute = Some(collapsed);
        } else {
            parsed.name = Some(collapsed);
        }
        parsed
    }

    fn take_verified<'a>(&mut self, text: &'a str) -> &'a str {
        let verified = ["[V]", "[v]", "✓", "✔"].map(|sign| (sign, NetworkMark::Verified));
        let not_verified = ["[NV]", "[nv]"].map(|sign| (sign, NetworkMark::NotVerified));
        for (sign, mark) in verified.into_iter().chain(not_verified) {
            let rest = text.strip_prefix(sign).or_else(|| text.strip_suffix(sign));
            if let Some(rest) = rest {
                self.marks.push(mark);
                return rest.trim();
            }
        }
        text
    }

    /// Removes and records the spam mark in front of a text: `SPAM LIKELY`, `[SPAM] ACME`, `Scam? ACME`. A firm may be named
    /// `SPAM MUSUBI`.
    fn take_spam<'a>(&mut self, text: &'a str) -> &'a str {
        let (mut rest, mut has_spam, mut is_qualified) = (text, false, false);
        loop {
            let word_start = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
            let end = word_start.find(|c: char| !c.is_alphanumeric()).unwrap_or(word_start.len());
            let (word, behind) = word_start.split_at_checked(end).unwrap_or_default();
            let word = word.to_lowercase();
            if has_spam && has_word(BEHIND_SPAM, &word) || !has_spam && has_word(BEFORE_SPAM, &word) {
                is_qualified = true;
            } else if !has_spam && has_word(SPAM_WORDS, &word) {
                has_spam = true;
                is_qualified |= behind.starts_with(['?', ':', ']', ')', '*', '!']);
            } else {
                break;
            }
            rest = behind;
        }
        let name = rest.trim_matches(|c: char| !c.is_alphanumeric());
        // `Spam Likely (Telemarketing)` gives the reason.
        let name = if has_word(SPAM_WORDS, &name.to_lowercase()) { "" } else { name };
        if has_spam && (is_qualified || name.is_empty()) {
            self.marks.push(NetworkMark::Spam);
            return name;
        }
        text
    }
}

/// Puts the verdict of a number's parameters before a name, as networks without a parameter do: `[V] ALICE MARTIN`.
#[must_use]
pub fn name_with_verdict(name: Option<String>, verified: Option<bool>) -> Option<String> {
    let Some(verified) = verified else { return name };
    let sign = if verified { "[V]" } else { "[NV]" };
    Some(name.map_or_else(|| sign.to_owned(), |name| format!("{sign} {name}")))
}

fn has_word(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| !known.is_empty() && known == word)
}

/// Returns whether a text is a code of the network with a letter and digits: `V06475550101`.
fn is_code(folded: &str) -> bool {
    let rest = folded.strip_prefix('v').map(str::trim_start);
    rest.is_some_and(|rest| rest.len() >= 8 && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns whether a text in lower case is no name.
fn is_substitute(folded: &str) -> bool {
    let is_beside = |word: &str| has_word(BESIDE_SUBSTITUTES, word);
    let all = folded.split(' ').all(|word| has_word(SUBSTITUTE_WORDS, word) || is_beside(word));
    all && (!folded.split(' ').all(is_beside) || folded.starts_with("no ")) || folded == "n a"
}

fn folded(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// Returns whether a text in lower case is a country that networks send for its callers.
fn is_country(folded: &str) -> bool {
    ["canada", "usa", "united states", "united kingdom", "mexico"].contains(&folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_person_is_kept() {
        for name in [
            "ALICE MARTIN",
            "Smith John MD",
            "JOHN SMITH MD",
            "ACME CO",
            "SCAMPI BROTHERS",
            "WIRELESS ONE INC",
            "Ann",
            "SPAM MUSUBI CAFE",
            "CALL CENTER INC",
            "3M",
            "POTENTIAL LLC",
            "Free Phone Repair",
            "MARTIN,ALICE",
            "O'BRIEN TOM",
            "JUNKYARD JOE",
            "MOBILE MECHANICS",
            "UNKNOWN PLEASURES LLC",
            "PRIVATE EYE INC",
            "NORTHERN WIRELESS",
            "CANADA POST",
            "INTERNATIONAL PAPER",
            "DR A MARTIN",
            // A network cuts the name of a firm at 15 characters.
            "MAPLE BAKERY CO",
            "SUNNY VAN LE PA",
            "NORTH SHORE DE",
            "Dr. Nguyen, MD",
            "Dr. Nguyen, CT",
            "Lee, AL",
            "LEE, KY",
            "Smith, PE",
            "LIGHTS ON",
            "ABDUL-AL",
            "MARIE-LA",
            "GEORGIA",
            "VIRGINIA",
            "TEXAS ROADHOUSE",
            "ONTARIO PLUMBIN",
            "CALL TEXAS INC",
        ] {
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
            ("Toronto, ON", "Toronto, ON"),
            ("QUEBEC       PQ", "QUEBEC PQ"),
            ("TOLL FREE", "toll free"),
            ("CELLULAR", "cellular"),
            ("WIRELESS CALLR", "wireless callr"),
            ("NAME UNAVAIL", "name unavail"),
            ("INTERNATIONAL CALL", "international call"),
            ("N/A", "n a"),
            ("Cell Phone   QC", "cell phone qc"),
            ("CELL PHONE", "cell phone"),
            ("WIRELESS CALL", "wireless call"),
            ("Mobile Caller", "mobile caller"),
            ("Toll Free Service", "toll free service"),
            ("800 SERVICE", "800 service"),
            ("888 NUMBER", "888 number"),
            ("OUT OF AREA", "out of area"),
            ("UNKNOWN NAME", "unknown name"),
            ("Unknown Caller", "unknown caller"),
            ("NO NAME", "no name"),
            ("NAME NOT AVAIL", "name not avail"),
            ("Not Provided", "not provided"),
            ("No Caller ID", "no caller id"),
            ("CANADA", "canada"),
            ("UNITED KINGDOM", "united kingdom"),
            ("ST. JOHN'S    NL", "ST. JOHN'S NL"),
            ("ST-JEROME    QC", "ST-JEROME QC"),
            ("QUEBEC,QC", "QUEBEC,QC"),
            ("Montréal, QC", "Montréal, QC"),
            ("HAMILTON ON", "HAMILTON ON"),
            ("ST. CATHARINES ON", "ST. CATHARINES ON"),
            ("SAN FRANCISC CA", "SAN FRANCISC CA"),
            ("Oakville, ON", "Oakville, ON"),
            ("SMALLTOWN    CO", "SMALLTOWN CO"),
            ("TORONTO-ON", "TORONTO-ON"),
            ("ONTARIO", "ontario"),
            ("TEXAS CALL", "texas call"),
            ("VIRGINIA CALL", "virginia call"),
            ("New Jersey Caller", "new jersey caller"),
        ] {
            let parsed = NetworkName::parse(text);
            assert_eq!((parsed.name, parsed.substitute.as_deref()), (None, Some(substitute)), "{text}");
        }
    }

    #[test]
    fn code_of_the_network_is_no_name() {
        for code in ["V06475550101", "V4165550199123456", "V 10301230100012", "-", "..."] {
            assert_eq!(NetworkName::parse(code), NetworkName::default(), "{code}");
        }
        assert_eq!(NetworkName::parse("\"ALICE MARTIN\"").name.as_deref(), Some("ALICE MARTIN"));
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
            ("[SPAM] ACME", Some("ACME"), Spam),
            ("Scam? ACME", Some("ACME"), Spam),
            ("SUSPECTED SCAM", None, Spam),
            ("LIKELY FRAUD", None, Spam),
            ("SPAM CALLER", None, Spam),
            ("Telemarketing", None, Spam),
            ("Spam", None, Spam),
            ("SCAM LIKELY - ACME", Some("ACME"), Spam),
            ("Potential Spam", None, Spam),
            ("Spam Likely (Telemarketing)", None, Spam),
            ("FRAUD RISK", None, Spam),
            ("Nuisance Likely", None, Spam),
            ("[V]ALICE MARTIN", Some("ALICE MARTIN"), Verified),
            ("ALICE MARTIN[V]", Some("ALICE MARTIN"), Verified),
            ("[v] Alice", Some("Alice"), Verified),
            ("✓ ALICE MARTIN", Some("ALICE MARTIN"), Verified),
        ] {
            let parsed = NetworkName::parse(text);
            assert_eq!((parsed.name.as_deref(), parsed.marks.as_slice()), (name, &[mark][..]), "{text}");
        }
        assert_eq!(name_with_verdict(Some("ALICE".into()), Some(true)).as_deref(), Some("[V] ALICE"));
        assert_eq!(name_with_verdict(None, Some(false)).as_deref(), Some("[NV]"));
        assert_eq!(name_with_verdict(None, None), None);
    }
}
