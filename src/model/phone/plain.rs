//! Rewrites a text in plain ASCII forms before a number is read from it. Covers digits and signs of other scripts, marks
//! without width, and the forms that spreadsheets write.

use super::tokens;
use std::borrow::Cow;

/// Pairs of digits that are a number with commas between them.
const MIN_PAIRS: usize = 4;

/// Maps digits, letters and signs of other widths and scripts to ASCII, and drops marks without width.
pub(super) fn to_ascii_forms(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !has_no_width(*c)) {
        match SIGN_WORDS.iter().find(|(signs, _)| signs.contains(c)) {
            Some((_, word)) => plain.push_str(word),
            None => plain.push(ascii_form(c)),
        }
    }
    Cow::Owned(plain)
}

/// Pictures that people write instead of a word, with the word.
const SIGN_WORDS: [(&str, &str); 3] = [
    ("\u{1f4e0}\u{1f5b7}\u{213b}", " fax "),
    ("\u{1f4df}", " pager "),
    ("\u{260e}\u{260f}\u{2706}\u{2121}\u{1f4de}\u{1f4f1}\u{1f4f2}\u{1f57f}\u{1f581}", " tel "),
];

/// The zeros of the scripts whose ten digits are consecutive. Arabic, Indic scripts, Thai, Lao, Tibetan, Myanmar, Khmer, and
/// the five sets of mathematical digits.
const ZEROS: [char; 22] = [
    '\u{660}',
    '\u{6f0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{17e0}',
    '\u{ff10}',
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7e2}',
    '\u{1d7ec}',
    '\u{1d7f6}',
];

/// Marks of the writing direction, joiners, the byte order mark, the soft hyphen, and the marks that make a digit a picture.
/// Phones and chats copy them along.
const fn has_no_width(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{fe0e}' | '\u{fe0f}' | '\u{20e3}')
}

fn ascii_form(c: char) -> char {
    let value = |zero: &char| u32::from(c).checked_sub(u32::from(*zero)).and_then(|value| char::from_digit(value, 10));
    if let Some(digit) = ZEROS.iter().find_map(value) {
        return digit;
    }
    match c {
        // Full-width forms stand in the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{2010}'..='\u{2015}'
        | '\u{2043}'
        | '\u{2212}'
        | '\u{fe58}'
        | '\u{fe63}'
        | '\u{30fc}'
        | '\u{ff70}'
        | '\u{2796}' => '-',
        '\u{2795}' | '\u{fe62}' | '\u{207a}' => '+',
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{2044}' | '\u{2215}' => '/',
        '\u{b7}' | '\u{2022}' | '\u{2027}' | '\u{30fb}' | '\u{ff65}' => '.',
        '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        c if c.is_whitespace() && c != '\n' && c != '\r' => ' ',
        c => c,
    }
}

/// Undoes the escapes of an export or a web page for a line end, a blank or a sign.
pub(super) fn without_escapes(text: &str) -> Cow<'_, str> {
    const ESCAPES: [(&str, &str); 9] = [
        ("\\r", "\n"),
        ("\\n", "\n"),
        ("\\t", " "),
        ("&nbsp;", " "),
        ("&#160;", " "),
        ("&#43;", "+"),
        ("&amp;", "&"),
        ("%20", " "),
        ("%2B", "+"),
    ];
    if !text.contains(['\\', '&', '%']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(ESCAPES.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)))
}

/// Drops the code that hides the caller's own number in front of a number: `*67 514-555-0160`.
pub(super) fn without_star_code(text: &str) -> &str {
    let code = text.trim_start().strip_prefix('*').and_then(|rest| rest.split_at_checked(2));
    match code {
        Some((code, rest)) if is_digits(code) && rest.starts_with([' ', ',', '-', '.', '+']) => rest,
        _ => text,
    }
}

/// Number as a spreadsheet wrote it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SpreadsheetForm<'a> {
    /// All digits are there.
    Exact(Cow<'a, str>),
    /// The exponent form lacks digits: the number cannot be restored.
    Rounded,
}

/// Undoes the changes of spreadsheets to a number: `="…"`, a leading `'`, `.0`, and the exponent form `1.5145550129E+10`.
pub(super) fn from_spreadsheet(text: &str) -> SpreadsheetForm<'_> {
    let text = text.trim();
    let formula = text.strip_prefix('=').unwrap_or(text).trim();
    let bare = formula.trim_matches('"').trim_start_matches('\'').trim();
    let Some((mantissa, exponent)) = bare.split_once(['e', 'E']) else {
        if let Some(number) = without_thousands(bare).or_else(|| without_commas(bare)) {
            return SpreadsheetForm::Exact(Cow::Owned(number));
        }
        let whole = bare.split_once(['.', ',']).filter(|(number, zeros)| is_whole(number) && is_zeros(zeros));
        return SpreadsheetForm::Exact(Cow::Borrowed(whole.map_or(bare, |(digits, _)| digits)));
    };
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, ""));
    let digits = exponent.strip_prefix('+').unwrap_or(exponent);
    let is_exponent_form = is_digits(whole) && (fraction.is_empty() || is_digits(fraction)) && is_digits(digits);
    match digits.parse::<usize>() {
        Ok(places) if is_exponent_form && places == fraction.len() => {
            SpreadsheetForm::Exact(Cow::Owned(format!("{whole}{fraction}")))
        }
        Ok(_) if is_exponent_form => SpreadsheetForm::Rounded,
        _ => SpreadsheetForm::Exact(Cow::Borrowed(bare)),
    }
}

/// Undoes `5,145,550,122`: groups of three, of a number with ten or eleven digits, also with decimals.
fn without_thousands(text: &str) -> Option<String> {
    let text = text.strip_suffix(".00").or_else(|| text.strip_suffix(".0")).unwrap_or(text);
    let (first, rest) = text.split_once(',')?;
    let are_groups = rest.split(',').all(|group| group.len() == 3 && is_digits(group));
    let digits = text.replace(',', "");
    (is_digits(first) && first.len() <= 2 && are_groups && matches!(digits.len(), 10 | 11)).then_some(digits)
}

/// Reads `06,39,98,01,16`: the decimal sign of a numeric pad in France.
fn without_commas(text: &str) -> Option<String> {
    let are_pairs = text.split(',').all(|group| group.len() == 2 && is_digits(group));
    (are_pairs && text.len() > 2 * MIN_PAIRS).then(|| text.replace(',', " "))
}

/// Drops the web addresses of a text, whose digits are those of a page. The links that open a chat or a call have numbers.
pub(super) fn without_links(text: &str) -> Cow<'_, str> {
    const PHONE_LINKS: [&str; 6] = ["wa.me/", "whatsapp", "t.me/+", "tel:", "callto:", "phone="];
    let has_address = |text: &str| text.contains("://") || text.contains("www.");
    if !has_address(text) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    for piece in text.split_inclusive([' ', '\n', '"', '<', '>', '(', ')', ',']) {
        let is_page = has_address(piece) && !PHONE_LINKS.iter().any(|link| piece.contains(link));
        kept.push_str(if is_page { " " } else { piece });
    }
    Cow::Owned(kept)
}

/// Reads `t/514-555-0122 f/514-555-0123` as `t:… f:…`: the slash stands between a label and its number.
pub(super) fn with_label_colons(text: &str) -> Cow<'_, str> {
    let is_labelled = |at: usize| {
        let (before, behind) = text.split_at_checked(at).unwrap_or_default();
        let start = before.rfind(|c: char| !c.is_alphabetic()).map_or(0, |at| at + 1);
        let word = before.get(start..).unwrap_or_default();
        let is_apart = !before.get(..start).unwrap_or_default().ends_with(|c: char| c.is_ascii_digit());
        let is_number =
            behind.get(1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || "+(".contains(c)));
        is_apart && is_number && (tokens::is_label(word) || tokens::is_fax_word(word))
    };
    let slashes: Vec<usize> = text.match_indices('/').map(|(at, _)| at).filter(|at| is_labelled(*at)).collect();
    if slashes.is_empty() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.char_indices().map(|(at, c)| if slashes.contains(&at) { ':' } else { c }).collect())
}

/// Reads `[514] 555-0122` as `(514) 555-0122`.
pub(super) fn with_parentheses(text: &str) -> Cow<'_, str> {
    let area = text.find('[').and_then(|at| text.get(at..at + 5)).filter(|it| it.ends_with(']'));
    match area.map(|it| (it, it.trim_matches(['[', ']']))) {
        Some((brackets, digits)) if is_digits(digits) => Cow::Owned(text.replacen(brackets, &format!("({digits})"), 1)),
        _ => Cow::Borrowed(text),
    }
}

/// Undoes a list of numbers: `1) 514-555-0122 2) 514-555-0123`, also with `1.` and `#1`.
pub(super) fn without_enumeration(text: &str) -> Cow<'_, str> {
    let place = |word: &str| {
        let digits = word.strip_suffix([')', '.', ':']).map(|rest| rest.trim_start_matches('('));
        digits.or_else(|| word.strip_prefix('#'))?.parse::<u8>().ok()
    };
    let places: Vec<u8> = text.split([' ', '\n']).filter_map(place).collect();
    if places.len() < 2 || !places.iter().copied().eq(1..=u8::try_from(places.len()).unwrap_or_default()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.split([' ', '\n'])
            .map(|word| if place(word).is_some() { ";" } else { word })
            .collect::<Vec<_>>()
            .join(" "),
    )
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether the digits before the point are a number: seven and more are; fewer may be a group of one.
fn is_whole(text: &str) -> bool {
    text.len() >= 7 && is_digits(text)
}

fn is_zeros(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_forms_replace_other_scripts_and_drop_marks() {
        assert_eq!(to_ascii_forms("\u{202a}＋１\u{a0}（514）‑555–0122\u{202c}"), "+1 (514)-555-0122");
        assert_eq!(to_ascii_forms("٥١٤۵۵۵०१"), "51455501");
        assert_eq!(to_ascii_forms("📠 5️⃣1️⃣4️⃣"), " fax  514");
        assert!(matches!(to_ascii_forms("514 555"), Cow::Borrowed(_)));
    }

    #[test]
    fn spreadsheet_forms_are_undone_or_named_rounded() {
        let exact = |text: &'static str| match from_spreadsheet(text) {
            SpreadsheetForm::Exact(number) => number.into_owned(),
            SpreadsheetForm::Rounded => "rounded".to_owned(),
        };
        for (text, expected) in [
            ("5145550128.0", "5145550128"),
            ("1.5145550129E+10", "15145550129"),
            ("1,5145550129e10", "15145550129"),
            ("=\"5145550130\"", "5145550130"),
            ("'+15145550131", "+15145550131"),
            ("1.51456E+10", "rounded"),
            ("1E+10", "rounded"),
            ("5145550128.5", "5145550128.5"),
            ("5,145,550,128", "5145550128"),
            ("1,514,555,0128", "1,514,555,0128"),
            ("Alice", "Alice"),
        ] {
            assert_eq!(exact(text), expected, "{text}");
        }
    }
}
