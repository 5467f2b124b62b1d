//! Reads a caller's number as a network or GoTo sends it. The text is a telephone or SIP address with its parameters, or a
//! word for a withheld or an unavailable number.

use super::{PhoneNumber, Region, cell, library, library::Proof, plain, sip_address::SipAddress};

/// Words for a number that the caller withholds, in lower case without signs. The digits are `anonymous` on a phone's keypad,
/// which some networks send; no country has that number. `p` is private in the North American caller-id signal.
const WITHHELD_WORDS: [&str; 24] = [
    "anonymous",
    "anonymous caller",
    "anonyme",
    "anonym",
    "asserted identity",
    "restricted",
    "restricted number",
    "private",
    "private number",
    "private caller",
    "private name",
    "withheld",
    "number withheld",
    "id withheld",
    "caller id withheld",
    "blocked",
    "blocked number",
    "blocked caller",
    "caller id blocked",
    "hidden",
    "hidden number",
    "no caller id",
    "p",
    "266696687",
];

/// Words for a number that the network does not have. `o` is out of area in the North American caller-id signal.
const UNAVAILABLE_WORDS: [&str; 29] = [
    "unavailable",
    "id unavailable",
    "number unavailable",
    "caller id unavailable",
    "not available",
    "number not available",
    "unknown",
    "unknown number",
    "unknown caller",
    "unknown name",
    "unidentified",
    "out of area",
    "o",
    "no number",
    "no number provided",
    "out of service area",
    "not provided",
    "coin",
    "coin line",
    "payphone",
    "pay phone",
    "coin payphone",
    "interworking",
    "interaction with other service",
    "interaction with other services",
    "n a",
    "none",
    "null",
    "undefined",
];

/// Words of a hidden number in the languages of the networks. A text of these and of [`BESIDE`] has no number.
const WITHHELD: &str = " anonymous anonyme anonym anonimo anónimo anônimo restricted private privat privé privée privado withheld blocked hidden \
    suppressed unterdrückt masqué oculto nascosto verborgen geheim ";
/// Words of a number that is not known.
const UNAVAILABLE: &str = " unavailable unavail unknown unidentified unassigned international inconnu unbekannt desconocido desconhecido \
    sconosciuto onbekend unbekannter unbekannte coin payphone ";
/// Words that stand beside them.
const BESIDE: &str = " caller call id number name line phone address presentation party and numéro numero número nummer rufnummer appel appelant anrufer llamada chiamata chamada ";

/// Longest text of an unparsed number that is kept, in characters.
const MAX_UNPARSED: usize = 64;

impl PhoneNumber {
    /// Parses a number from the wire. Never fails: see the variants.
    #[must_use]
    pub fn parse(raw: Option<&str>, region: Region) -> Self {
        let whole = raw.unwrap_or_default().trim();
        if let Some(number) = library::north_american(whole, region) {
            return Self::Known(number);
        }
        let text = plain::to_ascii_forms(whole);
        let address = SipAddress::parse(&text);
        match address.absence() {
            Some(Absence::Withheld) => return Self::Withheld,
            Some(Absence::Unavailable) => return Self::Unavailable,
            None => {}
        }
        let text = address.number.as_ref();
        let unparsed = || Self::Unparsed(whole.chars().take(MAX_UNPARSED).collect::<String>().into());
        // Most texts without digits are names: the slow path finds no number in them either.
        if !text.contains(|c: char| c.is_ascii_digit()) {
            return unparsed();
        }
        // A user with letters has a name, not a number: `sip:room-5145550199@host`.
        let user = text.split(';').next().unwrap_or_default();
        if !address.host.is_empty() && user.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return unparsed();
        }
        // Up to six bare digits are more likely an extension than an unassigned number of the plan.
        let is_short = (1..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if is_short && !library::is_assigned(text, region) {
            return Self::Short(text.into());
        }
        match cell::read(text, region, Proof::Possible).map(<[super::E164; 1]>::try_from) {
            Ok(Ok([number])) => Self::Known(number),
            _ if is_short => Self::Short(text.into()),
            _ => unparsed(),
        }
    }
}

/// Returns the verdict of the network about a caller's number: the `verstat` parameter (STIR/SHAKEN). `None` if there is
/// none.
#[must_use]
pub fn verification(raw: &str) -> Option<bool> {
    let (_, rest) = raw.split_once(";verstat=").or_else(|| raw.split_once(";VERSTAT="))?;
    let verdict = rest.split([';', '@', '>', ' ']).next().unwrap_or_default().to_ascii_lowercase();
    match verdict.as_str() {
        _ if verdict.contains("passed") => Some(true),
        _ if verdict.contains("failed") => Some(false),
        _ => None,
    }
}

/// Returns the kind of line that the parameters name, as a name of the network would: a payphone. The codes are those of the
/// originating line information in North America: 27 and 70 are payphones.
#[must_use]
pub fn line_of_parameters(raw: &str) -> Option<&'static str> {
    let lower = raw.to_ascii_lowercase();
    let is_payphone = |parameter: &str| {
        let value = parameter.split(['@', '>', ' ']).next().unwrap_or_default();
        matches!(value, "cpc=payphone" | "oli=27" | "oli=70" | "isup-oli=27" | "isup-oli=70")
    };
    lower.split(';').skip(1).any(is_payphone).then_some("payphone")
}

enum Absence {
    Withheld,
    Unavailable,
}

impl SipAddress<'_> {
    /// Returns the reason for which there is no number.
    fn absence(&self) -> Option<Absence> {
        let host = self.host.split([';', ':']).next().unwrap_or_default();
        let user = self.number.split([';', '@']).next().unwrap_or_default().trim().trim_start_matches('+');
        let words: Vec<String> =
            user.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty()).map(str::to_lowercase).collect();
        // Some networks drop the blanks: `outofarea`.
        let is_one_of =
            |list: &[&str], words: &[String]| list.iter().any(|known| known.replace(' ', "") == words.concat());
        let has_number =
            user.bytes().any(|byte| byte.is_ascii_digit()) && user.bytes().all(|byte| !byte.is_ascii_alphabetic());
        let display: Vec<String> = self.display.split_whitespace().map(str::to_lowercase).collect();
        let has = |list: &str, word: &String| list.split_ascii_whitespace().any(|known| known == word);
        let is_of = |list: &str| {
            words.iter().any(|word| has(list, word)) && words.iter().all(|word| has(list, word) || has(BESIDE, word))
        };
        let core: Vec<String> = words.iter().filter(|word| !has(BESIDE, word)).cloned().collect();
        let is_hidden = is_one_of(&WITHHELD_WORDS, &words)
            || is_of(WITHHELD)
            || !has_number && is_one_of(&WITHHELD_WORDS, &display);
        let is_sign = user.bytes().all(|byte| byte.is_ascii_punctuation());
        let zeros = user.len() >= 7 && user.bytes().all(|byte| byte == b'0');
        // `anonymous.invalid` (RFC 3323), and what networks made after its pattern: `unavailable.invalid`.
        let domain = if host.is_empty() { self.number.rsplit('@').next().unwrap_or_default() } else { host };
        let domain = domain.to_ascii_lowercase();
        let reason = domain.strip_suffix(".invalid").unwrap_or_default().replace(|c: char| !c.is_alphanumeric(), "");
        let is_host = |list: &[&str]| is_one_of(list, std::slice::from_ref(&reason));
        if user.is_empty() || zeros || is_hidden || is_host(&WITHHELD_WORDS) {
            Some(Absence::Withheld)
        } else if is_sign
            || is_one_of(&UNAVAILABLE_WORDS, &words)
            || is_one_of(&UNAVAILABLE_WORDS, &core)
            || is_of(UNAVAILABLE)
            || is_host(&UNAVAILABLE_WORDS)
        {
            Some(Absence::Unavailable)
        } else {
            None
        }
    }
}
