//! Reads vCard files (2.1, 3.0, 4.0): unfolds lines, decodes escapes and takes the properties that a card shows. Pure.

use super::{
    builder::IndexBuilder,
    column::{Column, full_name},
};
use std::{borrow::Cow, mem};

/// Longest line after unfolding, in bytes. Only photos are longer, and they are not used.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// Returns whether the text is a vCard file.
#[must_use]
pub fn is_vcard(text: &str) -> bool {
    let start = text.trim_start().as_bytes();
    start
        .get(..12)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"BEGIN:VCARD\n") || head.eq_ignore_ascii_case(b"BEGIN:VCARD\r"))
}

/// Reads `text` into `builder`. An unclosed vCard is rejected, and the next one is read as usual.
pub fn read(text: &str, builder: &mut IndexBuilder) {
    let mut vcard: Option<Vcard> = None;
    for (number, line) in unfolded(text) {
        let Some(property) = Property::read(&line) else { continue };
        let is_vcard = property.value.trim().eq_ignore_ascii_case("VCARD");
        match property.name.as_str() {
            "BEGIN" if is_vcard => {
                if let Some(open) = vcard.replace(Vcard { line: number, ..Vcard::default() }) {
                    builder.report.reject(open.line, "vCard has no END");
                }
            }
            "END" if is_vcard => {
                if let Some(vcard) = vcard.take() {
                    vcard.add_to(builder);
                }
            }
            _ => {
                if let Some(vcard) = &mut vcard {
                    vcard.apply(&property);
                }
            }
        }
    }
    if let Some(open) = vcard {
        builder.report.reject(open.line, "vCard has no END");
    }
}

#[derive(Default)]
struct Vcard {
    line: u64,
    full: Option<String>,
    first: Option<String>,
    last: Option<String>,
    cells: Vec<(Column, String)>,
}

impl Vcard {
    fn apply(&mut self, property: &Property<'_>) {
        let text = || unescaped(&property.text());
        match property.name.as_str() {
            "FN" => self.full = self.full.take().or(Some(text())),
            "N" => {
                let mut parts = parts(&property.text(), ';').into_iter();
                self.last = parts.next().filter(|it| !it.trim().is_empty());
                self.first = parts.next().filter(|it| !it.trim().is_empty());
            }
            "ORG" => self.cells.extend(parts(&property.text(), ';').into_iter().next().map(|it| (Column::Company, it))),
            "TEL" if property.has_type("fax") => {}
            "TEL" => self.cells.push((Column::Phone, text())),
            "NOTE" => self.cells.push((Column::Notes, text())),
            "CATEGORIES" => self.cells.push((Column::Tags, parts(&property.text(), ',').join(";"))),
            "URL" => self.cells.push((Column::Link, text())),
            "TITLE" => self.cells.push((Column::Fact("Title".into()), text())),
            "EMAIL" => self.cells.push((Column::Fact("Email".into()), text())),
            _ => {}
        }
    }

    fn add_to(self, builder: &mut IndexBuilder) {
        let full = self.full.filter(|it| !it.trim().is_empty()).map(Cow::Owned);
        let name = full_name(full, self.first.as_deref(), self.last.as_deref()).map(Cow::into_owned);
        let cells = name.map(|name| (Column::Name, name)).into_iter().chain(self.cells);
        let cells: Vec<_> = cells.map(|(column, text)| (builder.column(column), text)).collect();
        builder.add(self.line, cells.iter().map(|(column, text)| (*column, text.as_str())));
    }
}

/// `group.NAME;PARAM=value;TYPE:value`.
struct Property<'a> {
    name: String,
    params: &'a str,
    value: &'a str,
}

impl<'a> Property<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut quoted = false;
        let colon = line.find(|c| {
            quoted ^= c == '"';
            c == ':' && !quoted
        })?;
        let (head, value) = (line.get(..colon)?, line.get(colon + 1..)?);
        let (name, params) = head.split_once(';').unwrap_or((head, ""));
        let name = name.rsplit('.').next()?.trim().to_ascii_uppercase();
        Some(Self { name, params, value })
    }

    /// Returns the value, decoded from the quoted-printable of vCard 2.1.
    fn text(&self) -> Cow<'a, str> {
        let is_encoded = self.params.to_ascii_uppercase().contains("QUOTED-PRINTABLE");
        if is_encoded { from_quoted_printable(self.value).into() } else { self.value.into() }
    }

    fn has_type(&self, wanted: &str) -> bool {
        let mut words = self.params.split([';', '=', ',', '"']);
        words.any(|word| word.trim().eq_ignore_ascii_case(wanted))
    }
}

/// Yields unfolded lines with their line numbers. A line that begins with a blank continues the previous one. A
/// quoted-printable line that ends in `=` continues in the next.
fn unfolded(text: &str) -> impl Iterator<Item = (u64, Cow<'_, str>)> {
    let mut lines = (1_u64..).zip(text.lines()).peekable();
    std::iter::from_fn(move || {
        let (number, first) = lines.next()?;
        let mut line = Cow::Borrowed(first);
        loop {
            let soft_break = line.ends_with('=') && line.to_ascii_uppercase().contains("QUOTED-PRINTABLE");
            let Some((_, next)) = lines.next_if(|(_, next)| soft_break || next.starts_with([' ', '\t'])) else { break };
            let has_room = line.len() < MAX_LINE_BYTES;
            if soft_break && has_room {
                line.to_mut().pop();
                line.to_mut().push_str(next);
            } else if has_room {
                let mut rest = next.chars();
                rest.next();
                line.to_mut().push_str(rest.as_str());
            }
        }
        Some((number, line))
    })
}

fn unescaped(text: &str) -> String {
    parts(text, '\0').concat()
}

/// Splits `text` at unescaped `separator`s and decodes escapes.
fn parts(text: &str, separator: char) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => part.push('\n'),
                Some(other) => part.push(other),
                None => part.push('\\'),
            },
            c if c == separator => parts.push(mem::take(&mut part)),
            c => part.push(c),
        }
    }
    parts.push(part);
    parts
}

fn from_quoted_printable(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = (byte == b'=').then(|| tail.get(..2)).flatten();
        let decoded = hex.and_then(|it| std::str::from_utf8(it).ok()).and_then(|it| u8::from_str_radix(it, 16).ok());
        rest = if decoded.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
        bytes.push(decoded.unwrap_or(byte));
    }
    super::decode::decode(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{builder::LoadReport, index::ContactIndex};
    use super::*;
    use crate::model::{
        card::Contact,
        phone::{PhoneNumber, Region},
    };
    use proptest::prelude::*;

    fn load(text: &str) -> (ContactIndex, LoadReport) {
        let mut builder = IndexBuilder::new(Region::US);
        read(text, &mut builder);
        builder.finish()
    }

    fn find(contacts: &ContactIndex, number: &str) -> Contact {
        contacts.find(PhoneNumber::parse(Some(number), Region::US).as_e164().unwrap(), "c").remove(0)
    }

    #[test]
    fn read_each_vcard_version_is_parsed() {
        let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Alice \\, Martin\r\nN:Martin;Alice;;;\r\nORG:Acme\\; Sons;Sales\r\n\
            item1.TEL;TYPE=CELL:(514) 555-0199\r\nTEL;TYPE=WORK,FAX:514-555-0198\r\nNOTE:likes\\nlong \r\n  notes\r\n\
            CATEGORIES:VIP,a\\,b\r\nEMAIL;type=INTERNET:a@example.com\r\nEND:VCARD\r\n\
            BEGIN:VCARD\nVERSION:4.0\nN:Müller;Zoë\nTEL;VALUE=uri;TYPE=\"voice,home\":tel:+49-30-901820;ext=5\nEND:VCARD\n\
            begin:vcard\nVERSION:2.1\nFN;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:J=C3=B6rg=\n Ra=C3=9F\nTEL;HOME:5145550100\nend:vcard\n";
        let (contacts, report) = load(text);
        let alice = find(&contacts, "+15145550199");
        assert_eq!(alice.name.as_deref(), Some("Alice , Martin"));
        assert_eq!(alice.company.as_deref(), Some("Acme; Sons"));
        assert_eq!(alice.notes.as_deref(), Some("likes\nlong  notes"));
        assert_eq!(alice.facts[0].value, "a@example.com");
        assert_eq!(find(&contacts, "+4930901820").name.as_deref(), Some("Zoë Müller"));
        assert_eq!(find(&contacts, "+15145550100").name.as_deref(), Some("Jörg Raß"));
        assert_eq!((report.people, report.numbers), (3, 3));
    }

    #[test]
    fn read_unclosed_vcard_is_skipped_alone() {
        let (contacts, report) =
            load("BEGIN:VCARD\nFN:A\nTEL:5145550199\nBEGIN:VCARD\nFN:B\nTEL:5145550100\nEND:VCARD\nBEGIN:VCARD\n");
        assert_eq!(find(&contacts, "+15145550100").name.as_deref(), Some("B"));
        assert_eq!(report.examples, [(1, "vCard has no END"), (8, "vCard has no END")]);
    }

    #[test]
    fn is_vcard_checks_first_line() {
        assert!(is_vcard("\nbegin:vcard\r\n") && !is_vcard("Name,Phone\n") && !is_vcard("BEGIN"));
    }

    proptest! {
        #[test]
        fn read_any_text_does_not_panic(
            text in "(BEGIN:VCARD\n|END:VCARD\n|TEL[;:]|N:|FN;QUOTED-PRINTABLE:|[\\\\;:,=\"\r\n a-c0-9+]){0,60}",
        ) {
            load(&text);
        }

        #[test]
        fn read_escaped_and_folded_name_is_restored(name in "[^\\p{C}\u{2028}\u{2029}]{1,60}") {
            prop_assume!(!name.trim().is_empty());
            let escaped = name.replace('\\', "\\\\").replace(',', "\\,").replace(';', "\\;");
            let folded: String = escaped.chars().enumerate().flat_map(|(at, c)| {
                let fold = if at % 7 == 6 { "\r\n " } else { "" };
                fold.chars().chain([c])
            }).collect();
            let (contacts, _) = load(&format!("BEGIN:VCARD\r\nFN:{folded}\r\nTEL:+15145550199\r\nEND:VCARD\r\n"));
            let found = find(&contacts, "+15145550199").name;
            prop_assert_eq!(found.as_deref(), Some(name.trim()));
        }
    }
}
