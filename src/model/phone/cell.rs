//! Reads the phone numbers of a cell of a contacts list or of a CRM field, as people and programs write them.
//!
//! # Invariants
//! Each number found stands in the cell with all its digits, as an abbreviation behind `/` or as letters of a keypad. A text
//! with two readings has none. Fax machines, pagers and numbers of records identify no caller.
//!
//! # Decisions
//! - `442079460954` without a plus sign is read as `+44…` where no national number can have these digits: there is one reading.
//! - `9-1-514-555-0122` is read without the 9 for an outside line. `9 514 555 0122` and `514 555 0122 4` have none.
//! - `514-555-0138, 0139` has two numbers, because the second counts on. `514-555-0138, 2019` may have a year.
//! - A minus sign right in front of bare digits makes them no phone number.

mod fax;
mod groups;
mod letters;
mod local_forms;
mod other_digits;
mod out_of_use;

use super::{
    E164, EXTENSION_SEPARATOR, Region,
    library::{self, Proof},
    plain::{self, SpreadsheetForm},
    run,
    sip_address::SipAddress,
    tokens::{self, Kind, Token},
    usual_spelling,
};
use groups::Group;

/// Longest cell that is read, in bytes.
const MAX_BYTES: usize = 512;
/// Digits of the longest extension.
const MAX_EXTENSION: usize = 7;

/// Reason why a cell has no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CellProblem {
    /// No text is a phone number with certainty.
    #[error("no readable phone number")]
    NoNumber,
    /// A spreadsheet replaced the last digits: `1.51456E+10`.
    #[error("a spreadsheet rounded the number; format the column as text and export again")]
    Rounded,
    /// Every number belongs to a fax machine or a pager, or is marked as out of use.
    #[error("only numbers of fax machines and pagers, or out of use")]
    NoCaller,
}

/// Returns the numbers of a cell in their order, each once.
///
/// # Errors
/// If the cell has no number that can be read with certainty.
pub fn read_cell(cell: &str, region: Region) -> Result<Vec<E164>, CellProblem> {
    // Most cells are one plain number.
    if let Some(number) = usual_spelling::read(cell.trim(), region) {
        return Ok(vec![number]);
    }
    read(cell, region, Proof::Assigned)
}

pub(super) fn read(text: &str, region: Region, proof: Proof) -> Result<Vec<E164>, CellProblem> {
    let text = plain::to_ascii_forms(text);
    let SpreadsheetForm::Exact(text) = plain::from_spreadsheet(&text) else { return Err(CellProblem::Rounded) };
    if text.len() > MAX_BYTES {
        return Err(CellProblem::NoNumber);
    }
    let text = if has_sip_scheme(&text) { SipAddress::parse(&text).number } else { text };
    if text.contains(";phone-context=") {
        return library::parse(&text, region, proof).map(|number| vec![number]).ok_or(CellProblem::NoNumber);
    }
    let text = plain::without_escapes(&text);
    let text = plain::without_links(&text);
    let text = without_parameters(plain::without_star_code(&text));
    let text = plain::without_enumeration(&text);
    let text = local_forms::without_prefixes(&text, region);
    let text = plain::with_parentheses(&text);
    let text = plain::with_label_colons(&text);
    let text = letters::as_digits(&text, region);
    let text = groups::as_hyphens(&text, region);
    let tokens = tokens::tokens(&text);
    let mut cell = Cell { tokens: &tokens, region, proof, found: Vec::new(), has_no_caller: false };
    cell.read_runs();
    let mut numbers: Vec<E164> = Vec::new();
    for (number, _) in cell.found {
        if !numbers.iter().any(|known| known.expose() == number.expose()) {
            numbers.push(number);
        }
    }
    match (numbers.is_empty(), cell.has_no_caller) {
        (false, _) => Ok(numbers),
        (true, true) => Err(CellProblem::NoCaller),
        (true, false) => Err(CellProblem::NoNumber),
    }
}

fn has_sip_scheme(text: &str) -> bool {
    text.contains('@') && ["sip:", "sips:", "SIP:", "SIPS:"].iter().any(|scheme| text.contains(scheme))
}

/// Drops the parameters of a telephone URI (RFC 3966) but the extension: the routing number in `;rn=+1…` is not the caller's.
fn without_parameters(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    // `home=514…;shop=514…` has labels.
    let is_labelled = text.split(';').next().is_some_and(|first| first.contains('='));
    for (at, piece) in text.split(';').enumerate() {
        let name = piece.split(['=', ' ', '>', '@']).next().unwrap_or_default().trim().to_ascii_lowercase();
        let has_value = piece.trim_start().get(name.len()..).is_some_and(|rest| rest.starts_with('='));
        let is_flag = matches!(name.as_str(), "npdi" | "lr" | "rn" | "cic") || piece.trim().is_empty();
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match name.as_str() {
            "ext" if at > 0 && has_value => kept.push_str(&piece.replacen('=', " ", 1).replacen("ext", " ext", 1)),
            _ if at > 0
                && !is_labelled
                && (is_flag || has_value && is_name && !piece.starts_with(' ') && !tokens::is_label(&name)) =>
            {
                // The text behind the URI stays.
                let end = piece.find([' ', '>', '@', '\n', ':']).unwrap_or(piece.len());
                kept.push_str(piece.get(end..).unwrap_or_default());
            }
            _ if at > 0 => {
                kept.push(';');
                kept.push_str(piece);
            }
            _ => kept.push_str(piece),
        }
    }
    kept
}

struct Cell<'a> {
    tokens: &'a [Token<'a>],
    region: Region,
    proof: Proof,
    /// Numbers, each with the index of its token.
    found: Vec<(E164, usize)>,
    /// Whether a number was left out that no caller has.
    has_no_caller: bool,
}

impl<'a> Cell<'a> {
    fn read_runs(&mut self) {
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            if token.kind == Kind::Run {
                at = self.read_run(at, token);
            }
            at += 1;
        }
    }

    /// Reads the run at `at`, and returns the index of the last token that belongs to it.
    fn read_run(&mut self, at: usize, token: &Token<'a>) -> usize {
        if self.take_extension(at, token) {
            return at;
        }
        if let Some(end) = self.country_apart(at, token) {
            return end;
        }
        let glued = self.before_glued(at, token);
        let touches_text = glued.is_none() && self.touches_text(at, token);
        let is_other = self.is_record(at) || self.is_thing(at, token) || self.is_negative(at, token);
        if is_other || self.is_dialed_code(at, token) || touches_text && !self.has_remark(at, token) {
            return at;
        }
        if let Some(Group { last, is_certain: false }) = groups::find(self.tokens, at, self.region) {
            return last;
        }
        let mut numbers =
            if touches_text { Vec::new() } else { run::numbers(glued.unwrap_or(token.text), self.region, self.proof) };
        let is_described = self.tokens.get(at + 1).is_some_and(|it| it.kind == Kind::Word);
        let remark = || {
            let before = run::before_remark(token.text, is_described, self.region);
            before.or_else(|| run::behind_remark(token.text, self.region))
        };
        let remark = numbers.is_empty().then(remark).flatten();
        let has_remark = remark.is_some();
        numbers.extend(remark);
        if self.is_fax(at) || self.is_out_of_use(at) {
            self.has_no_caller |= !numbers.is_empty();
        } else if has_remark {
            // The digits of a remark are no abbreviation.
            self.found.extend(numbers.into_iter().map(|number| (number, at + 1)));
        } else if numbers.is_empty() {
            self.found.extend(self.abbreviated(at, token).map(|number| (number, at)));
        } else {
            self.found.extend(numbers.into_iter().map(|number| (number, at)));
        }
        at
    }

    /// Attaches a short run to the number before it, if a word or a pause sign marks an extension.
    fn take_extension(&mut self, at: usize, token: &Token<'a>) -> bool {
        let is_short = token.text.len() <= MAX_EXTENSION && token.text.bytes().all(|byte| byte.is_ascii_digit());
        let Some(before) = at.checked_sub(1).and_then(|index| self.tokens.get(index)).filter(|_| is_short) else {
            return false;
        };
        let touches = before.end == token.start;
        let is_marked = before.is_word(tokens::is_extension_word) && (touches || !before.is_word(tokens::is_pause))
            || before.is_sign("#")
            || before.is_sign(",") && touches && self.abbreviated(at, token).is_none();
        let Some((number, _)) = self.found.last_mut().filter(|_| is_marked) else { return is_marked };
        if number.extension().is_none() {
            *number = E164(format!("{}{EXTENSION_SEPARATOR}{}", number.expose(), token.text).into());
        }
        true
    }

    /// Reads `+44 (UK) 20 7946 0958`: words stand behind the country code. Returns the last token of the number, also if the
    /// digits behind the words are not a number of that country. No other country has them.
    fn country_apart(&mut self, at: usize, token: &Token<'a>) -> Option<usize> {
        let is_country = token.text.starts_with('+') && (1..=3).contains(&run::digit_count(token.text));
        let words =
            self.tokens.get(at + 1..).filter(|_| is_country)?.iter().take_while(|it| it.kind == Kind::Word).count();
        let end = at + 1 + words;
        let rest = self.tokens.get(end).filter(|it| words > 0 && it.kind == Kind::Run && !it.text.contains('+'))?;
        let whole = run::number(&format!("{} {}", token.text, rest.text), self.region, self.proof);
        self.found.extend(whole.filter(|_| !self.is_fax(end)).map(|number| (number, end)));
        Some(end)
    }

    /// Returns whether only a remark behind the number touches a word: `514-555-0122 2nd line`.
    fn has_remark(&self, at: usize, token: &Token<'a>) -> bool {
        let before = at.checked_sub(1).and_then(|index| self.tokens.get(index));
        before.is_none_or(|it| it.end < token.start) && run::before_remark(token.text, true, self.region).is_some()
    }

    /// Returns the number in front of a remark whose digits touch a word: `030 123456 - 24h`, `01 99 00 05 55 2e ligne`.
    fn before_glued(&self, at: usize, token: &Token<'a>) -> Option<&'a str> {
        let is_word = |it: &Token<'_>| it.kind == Kind::Word && !tokens::is_extension_word(it.text);
        let is_glued = self.tokens.get(at + 1).is_some_and(|it| is_word(it) && it.start == token.end);
        let is_apart = at.checked_sub(1).and_then(|index| self.tokens.get(index)).is_none_or(|it| it.end < token.start);
        let (head, tail) = token.text.rsplit_once(' ').filter(|_| is_glued && is_apart)?;
        let head = head.trim_end_matches([' ', '-', '(']);
        let is_remark = (1..=2).contains(&run::digit_count(tail));
        (is_remark && run::number(head, self.region, self.proof).is_some()).then_some(head)
    }

    /// Returns whether the token at `index` has the digits of a whole number.
    fn is_number(&self, index: usize) -> bool {
        const LOCAL_DIGITS: usize = 7;
        self.tokens.get(index).is_some_and(|it| it.kind == Kind::Run && run::digit_count(it.text) >= LOCAL_DIGITS)
    }

    /// Returns whether letters or a mail address touch the run: `INV5145550122` is no phone number.
    fn touches_text(&self, at: usize, token: &Token<'a>) -> bool {
        let is_text = |other: &Token<'a>| match other.kind {
            Kind::Word => !tokens::is_label(other.text) && !tokens::is_extension_word(other.text),
            Kind::Sign => matches!(other.text, "@" | "_" | "=" | "%" | "$" | "€"),
            Kind::Run => false,
        };
        let before = at.checked_sub(1).and_then(|index| self.tokens.get(index)).filter(|it| it.end == token.start);
        // `Work=514-555-0122`, unlike a parameter of an address.
        let named =
            at.checked_sub(2).and_then(|index| self.tokens.get(index)).is_some_and(|it| it.is_word(tokens::is_label));
        let before = before.filter(|it| !(named && it.is_sign("=")));
        let after = self.tokens.get(at + 1).filter(|it| it.start == token.end);
        before.is_some_and(is_text) || after.is_some_and(is_text)
    }

    /// Returns the second number of `514-555-0138/0139`: a short run behind a slash or a connecting word. Labels and remarks of
    /// the first number may stand between: `514-555-0138 (h) / 0139 (w)`.
    fn abbreviated(&self, at: usize, token: &Token<'a>) -> Option<E164> {
        let place = at.checked_sub(1)?;
        let connector = self.tokens.get(place)?;
        let (number, index) = self.found.last()?;
        let between = self.tokens.get(index + 1..place)?;
        let before = self.tokens.get(*index)?;
        let last_group = before.text.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let has_its_length = last_group.len() == token.text.len();
        let is_remark = |it: &Token<'a>| it.kind == Kind::Word && (it.in_remark || tokens::is_label(it.text));
        let is_near = between.is_empty() || has_its_length && between.iter().all(is_remark);
        let is_slash = connector.is_sign("/");
        let is_long_enough = has_its_length || run::digit_count(token.text) == run::MIN_DIGITS;
        let is_word = (connector.is_word(tokens::is_connector) || connector.is_sign("&")) && is_long_enough;
        let is_comma = connector.is_sign(",")
            && connector.end < token.start
            && has_its_length
            && !self.tokens.get(at + 1).is_some_and(|it| it.kind == Kind::Word && !it.in_remark)
            && run::counts_on(last_group, token.text);
        let is_connected = is_near && (is_slash || is_word || is_comma);
        is_connected.then(|| run::abbreviated(number, before.text, token.text, self.region)).flatten()
    }
}
