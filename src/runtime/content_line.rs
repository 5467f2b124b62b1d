//! Content lines of vCard and iCalendar files (RFC 6350 and RFC 5545): unfolding, name, parameters and value. Does not
//! interpret a property.

use std::borrow::Cow;

/// Longest line after unfolding, in bytes. Only photos are longer, and no reader uses them.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Content line: `group.NAME;PARAMETER=VALUE:VALUE`. Names are in upper case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentLine {
    /// Group of lines that belong together: `item1`.
    pub group: Option<String>,
    /// Name of the property.
    pub name: String,
    /// Parameters in their order. A bare one of vCard 2.1 (`CELL`) is a `TYPE`.
    pub parameters: Vec<(String, String)>,
    /// Value as written, with its escapes.
    pub value: String,
}

impl ContentLine {
    /// Parses an unfolded line. `None` if it has no colon.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut quoted = false;
        let colon = line.find(|c| {
            quoted ^= c == '"';
            c == ':' && !quoted
        })?;
        let (head, value) = line.split_at_checked(colon)?;
        let mut parts = head.split(';');
        let name = parts.next()?.trim();
        let (group, name) = name.rsplit_once('.').map_or((None, name), |(group, name)| (Some(group.to_owned()), name));
        let parameter = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or(("TYPE", part));
            (name.trim().to_ascii_uppercase(), value.trim().trim_matches('"').to_owned())
        };
        Some(Self {
            group,
            name: name.to_ascii_uppercase(),
            parameters: parts.map(parameter).collect(),
            value: value.get(1..).unwrap_or_default().to_owned(),
        })
    }

    /// Returns the first value of a parameter, whose name is in upper case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether a parameter has the word among its values, in any case: `TYPE=WORK,FAX`.
    #[must_use]
    pub fn has_word(&self, wanted: &str) -> bool {
        let mut words = self.parameters.iter().flat_map(|(_, value)| value.split([',', ';']));
        words.any(|word| word.trim().trim_matches('"').eq_ignore_ascii_case(wanted))
    }
}

/// Joins folded lines, and returns each with the number of its first line. A line that begins with a blank continues the one
/// before. A quoted-printable value that ends in `=` continues in the next line, unless that is a property. Lines end with
/// CR LF, LF, or CR alone.
pub fn unfold(text: &str) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
    let end = if text.contains('\n') { '\n' } else { '\r' };
    let lines = text.split(end).map(|line| line.trim_end_matches('\r'));
    let mut lines = (1_usize..).zip(lines).peekable();
    std::iter::from_fn(move || {
        let (number, first) = lines.next()?;
        let mut line = Cow::Borrowed(first);
        let is_encoded = is_quoted_printable(first);
        loop {
            let soft_break = is_encoded && line.ends_with('=');
            let continues = |next: &str| next.starts_with([' ', '\t']) || soft_break && !is_property(next);
            let Some((_, next)) = lines.next_if(|(_, next)| continues(next)) else { break };
            let has_room = line.len() < MAX_LINE_BYTES;
            if has_room {
                if soft_break {
                    line.to_mut().pop();
                }
                let rest = if soft_break { next } else { next.get(1..).unwrap_or_default() };
                line.to_mut().push_str(rest);
            }
        }
        Some((number, line))
    })
}

fn is_quoted_printable(line: &str) -> bool {
    let head = line.split(':').next().unwrap_or_default();
    head.to_ascii_uppercase().contains("QUOTED-PRINTABLE")
}

/// Returns whether the line begins a property of a vCard 2.1: some programs end a value with a soft break.
fn is_property(line: &str) -> bool {
    const NAMES: [&str; 22] = [
        "BEGIN",
        "END",
        "VERSION",
        "FN",
        "N",
        "TEL",
        "EMAIL",
        "ADR",
        "ORG",
        "TITLE",
        "ROLE",
        "NOTE",
        "URL",
        "BDAY",
        "PHOTO",
        "CATEGORIES",
        "REV",
        "UID",
        "LABEL",
        "NICKNAME",
        "SOUND",
        "KEY",
    ];
    let Some((head, _)) = line.split_once(':') else { return false };
    let name = head.split(';').next().unwrap_or_default();
    NAMES.contains(&name) || name.starts_with("X-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfolded(text: &str) -> Vec<(usize, String)> {
        unfold(text).map(|(number, line)| (number, line.into_owned())).collect()
    }

    #[test]
    fn unfold_joins_lines_of_each_line_end() {
        for end in ["\r\n", "\n", "\r"] {
            let text = ["A:one", " two", "B:three", ""].join(end);
            assert_eq!(
                unfolded(&text),
                [(1, "A:onetwo".to_owned()), (3, "B:three".into()), (4, String::new())],
                "{end:?}"
            );
        }
    }

    #[test]
    fn unfold_soft_break_before_a_property_ends_the_value() {
        let text = "NOTE;ENCODING=QUOTED-PRINTABLE:one=\ntwo=0D=0A=\nTEL;CELL:1\nNOTE:x=\ny:z";
        let lines: Vec<String> = unfolded(text).into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines, ["NOTE;ENCODING=QUOTED-PRINTABLE:onetwo=0D=0A=", "TEL;CELL:1", "NOTE:x=", "y:z"]);
    }

    #[test]
    fn unfold_photo_of_megabytes_is_cut() {
        let text = format!("PHOTO;ENCODING=b:{}\nEND:VCARD", "QUJD\n ".repeat(1_000_000));
        let lines = unfolded(&text);
        assert_eq!(lines.last().map(|(_, line)| line.as_str()), Some("END:VCARD"));
        assert!(lines.iter().all(|(_, line)| line.len() < MAX_LINE_BYTES + 10));
    }

    #[test]
    fn parse_splits_group_parameters_and_value() {
        let line = ContentLine::parse("item1.tel;CELL;type=\"voice,home\";PREF=1:tel:+1;ext=5").unwrap();
        assert_eq!(
            (line.group.as_deref(), line.name.as_str(), line.value.as_str()),
            (Some("item1"), "TEL", "tel:+1;ext=5")
        );
        assert!(line.has_word("cell") && line.has_word("HOME") && !line.has_word("fax"));
        assert_eq!(line.parameter("PREF"), Some("1"));
        assert_eq!(ContentLine::parse("no colon"), None);
        assert_eq!(ContentLine::parse("X;A=\"b:c\":d").unwrap().value, "d");
    }
}
