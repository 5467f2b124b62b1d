//! Splits a cell into runs of digits, words and signs. Sorts the words: marks of an extension, and marks of a number that
//! identifies no caller.

use super::run::{MIN_DIGITS, digit_count};

/// Piece of a cell with its place in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether the token is within parentheses that hold words.
    pub(super) in_remark: bool,
    /// A hyphen stands in front: `23125-119/-120`, `Fax -102`.
    pub(super) after_hyphen: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Digits and the signs of a number: `+1 (514) 555-0122`.
    Run,
    /// Letters.
    Word,
    /// Any other sign, one character.
    Sign,
}

impl Token<'_> {
    /// Returns whether numbers on both sides are unrelated.
    pub(super) fn separates(&self) -> bool {
        match self.kind {
            Kind::Run => false,
            Kind::Word => is_connector(self.text),
            Kind::Sign => matches!(self.text, "," | ";" | "\n" | "\r" | "|" | "/" | "&"),
        }
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    pub(super) fn is_word(&self, matches: fn(&str) -> bool) -> bool {
        self.kind == Kind::Word && matches(self.text)
    }
}

/// Splits `text` into tokens. Blanks, hyphens, dots and parentheses outside of numbers are dropped.
pub(super) fn tokens<'a>(text: &'a str) -> Vec<Token<'a>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut in_remark = false;
    while let Some(rest) = text.get(at..)
        && let Some(first) = rest.chars().next()
    {
        let (kind, length) = if is_run_char(first) {
            (Kind::Run, rest.find(|c| !is_run_char(c)).unwrap_or(rest.len()))
        } else if first.is_alphabetic() {
            (Kind::Word, rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len()))
        } else {
            (Kind::Sign, first.len_utf8())
        };
        let length = if kind == Kind::Run { next_number(rest, length) } else { length };
        let piece = rest.get(..length).unwrap_or_default();
        let (trimmed, offset) = if kind == Kind::Run { trim_run(piece) } else { (piece, 0) };
        let after_hyphen = piece.get(..offset).is_some_and(|lead| lead.ends_with('-'));
        let token =
            |kind, text: &'a str, start| Token { kind, text, start, end: start + text.len(), in_remark, after_hyphen };
        if !trimmed.is_empty() {
            tokens.push(token(kind, trimmed, at + offset));
        } else if piece == "+" {
            tokens.push(token(Kind::Sign, piece, at));
        }
        if kind == Kind::Run {
            in_remark = opens_remark(piece, trimmed).unwrap_or(in_remark);
        }
        at += length;
    }
    tokens
}

/// Returns where a parenthesis begins another number or a remark behind a whole number: `(514)555-0122(514)555-0123`,
/// `030 123456 (8-17 Uhr)`. A number with a plus sign or a trunk zero has its parentheses in its first digits.
fn next_number(rest: &str, length: usize) -> usize {
    let run = rest.get(..length).unwrap_or_default();
    let starts_here = |at: &usize| {
        let (before, behind) = run.split_at_checked(*at).unwrap_or_default();
        let digits = digit_count(behind);
        let is_open = !behind.trim_end_matches(|c: char| !c.is_ascii_digit()).contains(')');
        digit_count(before) >= MIN_DIGITS && (digits >= MIN_DIGITS || digits > 0 && is_open && before.ends_with(' '))
    };
    run.match_indices('(').map(|(at, _)| at).find(starts_here).unwrap_or(length)
}

fn is_run_char(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | '(' | ')' | '-' | '.' | ' ')
}

/// Trims a run to its number. Returns the number, which is empty for signs without a digit, and the count of bytes before it.
fn trim_run(piece: &str) -> (&str, usize) {
    let Some(first) = piece.find(|c: char| c.is_ascii_digit()) else { return ("", 0) };
    let last = piece.rfind(|c: char| c.is_ascii_digit()).unwrap_or(first);
    let lead = piece.get(..first).unwrap_or_default();
    // `(514)` and `+(1)` keep their signs; ` - 514` loses them.
    let kept = lead.len() - lead.trim_end_matches(['+', '(']).len();
    let start = first - kept;
    (piece.get(start..=last).unwrap_or_default(), start)
}

/// Returns whether words behind the piece stand in parentheses. `None` if the piece has no parenthesis outside its number.
fn opens_remark(piece: &str, number: &str) -> Option<bool> {
    let tail = piece.rsplit_once(number).filter(|_| !number.is_empty()).map_or(piece, |(_, tail)| tail);
    tail.rfind(['(', ')']).map(|at| tail.get(at..).is_some_and(|sign| sign.starts_with('(')))
}

/// Returns whether a word marks an extension, in the languages of the exports, or is a pause or wait sign of phones.
pub(super) fn is_extension_word(word: &str) -> bool {
    const WORDS: [&str; 19] = [
        "x",
        "ex",
        "ext",
        "extn",
        "xtn",
        "extension",
        "poste",
        "post",
        "int",
        "interno",
        "ramal",
        "anexo",
        "durchwahl",
        "dw",
        "nst",
        "nebenstelle",
        "app",
        "apparat",
        "доб",
    ];
    is_one_of(word, &WORDS) || is_pause(word)
}

/// Returns whether a word is `p` or `w`: a phone pauses or waits before it dials the rest.
pub(super) fn is_pause(word: &str) -> bool {
    is_one_of(word, &["p", "w"])
}

/// Returns whether a word connects two numbers.
pub(super) fn is_connector(word: &str) -> bool {
    is_one_of(word, &["or", "and", "oder", "und", "ou", "et", "y", "o", "e", "u", "och", "og", "и", "или"])
}

/// Returns whether a word marks a number that no caller has: fax machines and pagers.
pub(super) fn is_fax_word(word: &str) -> bool {
    // `FAX番号` and `FaxNr`, unlike the name Faxon.
    let lower = word.to_lowercase();
    let kind = FAX_STARTS.iter().find_map(|start| lower.strip_prefix(start));
    kind.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase()) || is_number_word(rest))
        || is_one_of(
            word,
            &["telefax", "efax", "facsimile", "facs", "fx", "f", "téléc", "télec", "telec", "telecopier"],
        )
        || is_one_of(word, &["pager", "pgr", "beeper", "bip", "telex", "télex", "tlx", "téléavertisseur", "pagette"])
}

/// Starts of words of a fax machine, in the scripts that join it with other words.
const FAX_STARTS: [&str; 17] = [
    "fax",
    "télécopieur",
    "telecopieur",
    "télécopie",
    "telecopie",
    "faks",
    "факс",
    "φαξ",
    "פקס",
    "فاكس",
    "传真",
    "傳真",
    "팩스",
    "ファックス",
    "ファクス",
    "ファクシミリ",
    "ﾌｧｯｸｽ",
];

/// Returns whether a word only announces a number: `Fax no. 514…`, `Kd.-Nr. 4711`.
pub(super) fn is_number_word(word: &str) -> bool {
    is_one_of(word, &["no", "nr", "num", "number", "nummer", "numero", "numéro", "número", "n"])
}

/// Returns whether a word names a phone, in front of `/Fax`.
pub(super) fn is_phone_word(word: &str) -> bool {
    is_one_of(
        word,
        &["tel", "tél", "phone", "ph", "telephone", "telefon", "téléphone", "teléfono", "voice", "t", "tlf"],
    ) || is_one_of(word, &["тел", "телефон", "טל", "טלפון", "هاتف", "电话", "電話", "전화"])
}

/// Returns whether a word denies the next one.
pub(super) fn is_no(word: &str) -> bool {
    is_one_of(word, &["no", "not", "kein", "keine", "sans", "sin"])
}

/// Returns whether a word marks a number that is not a phone number.
pub(super) fn is_record_word(word: &str) -> bool {
    is_one_of(word, &["id", "acct", "account", "order", "invoice", "ref", "reference", "ticket", "ssn", "sin", "vat"])
        || is_one_of(word, &["case", "iban", "po", "box", "sku", "konto", "kd", "dossier", "expediente", "aadhaar"])
        || is_one_of(
            word,
            &["siren", "siret", "cpf", "cnpj", "nif", "cif", "abn", "acn", "iva", "utr", "pin", "code", "passcode"],
        )
        || ["kunden", "rechnung", "auftrag", "bestell", "vertrag", "mandat", "steuer"]
            .iter()
            .any(|start| word.to_lowercase().starts_with(start))
}

/// Returns whether a word names a room, a card or the like, whose number may have as many digits as a phone number.
pub(super) fn is_thing_word(word: &str) -> bool {
    is_one_of(
        word,
        &["room", "rm", "suite", "unit", "apt", "apartment", "locker", "lockbox", "buzz", "buzzer", "zimmer"],
    ) || is_one_of(word, &["card", "carte", "karte", "loyalty", "points", "membership", "policy", "claim", "badge"])
        || is_one_of(word, &["serial", "license", "licence", "imei", "chambre", "habitación", "permit", "meter"])
}

/// Returns whether a word makes a code a part of a phone number: `area code 514`.
pub(super) fn is_area_word(word: &str) -> bool {
    is_one_of(word, &["area", "country", "dialing", "dialling"])
}

/// Returns whether a word is a label that may touch its number: `cell5145550122`, `5145550122h`.
pub(super) fn is_label(word: &str) -> bool {
    is_one_of(word, &["c", "h", "m", "o", "t", "b", "cell", "mobile", "mob", "home", "work", "office", "tel", "phone"])
        || is_one_of(word, &["ph", "main", "direct", "mobil", "handy", "business", "personal", "private", "other"])
        || is_phone_word(word)
}

pub(super) fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word) || *known == word.to_lowercase())
}
