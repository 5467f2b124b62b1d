//! Reads vCard files (2.1, 3.0, 4.0): decodes escapes and charsets, and takes the properties that a card shows. Pure.

use super::{
    builder::IndexBuilder,
    column::{Column, full_name},
    decode::decode_value,
    header_words::folded,
    headers::is_fax_label,
};
use crate::runtime::content_line::{ContentLine, unfold};
use std::{borrow::Cow, collections::BTreeMap, mem};

/// Returns whether the text is a vCard file.
#[must_use]
pub(super) fn is_vcard(text: &str) -> bool {
    let start = text.trim_start().as_bytes();
    start
        .get(..12)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"BEGIN:VCARD\n") || head.eq_ignore_ascii_case(b"BEGIN:VCARD\r"))
}

/// Reason why a vCard file has no contacts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VcardError {
    /// The last vCard is cut off.
    #[error("the file ends within the vCard of line {0}: it is still being written, or its export was cut off")]
    CutOff(u64),
}

/// Reads `text` into `builder`. `mapped` is the config by property and has priority. A vCard without END before the next one is
/// skipped.
///
/// # Errors
/// If the file ends within a vCard.
pub(super) fn read(
    text: &str,
    mapped: &BTreeMap<String, String>,
    builder: &mut IndexBuilder,
) -> Result<(), VcardError> {
    let meanings: Meanings = mapped.iter().map(|(name, word)| (folded(name), Column::from_config(word))).collect();
    let mut seen: BTreeMap<&String, String> = BTreeMap::new();
    let mut columns = Columns::default();
    let mut people: Vec<Vcard> = Vec::new();
    let mut open: Option<Vcard> = None;
    for (number, line) in unfold(text) {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let Some(line) = ContentLine::parse(&line) else { continue };
        let is_vcard = line.value.trim().eq_ignore_ascii_case("VCARD");
        match line.name.as_str() {
            "BEGIN" if is_vcard => {
                if let Some(open) = open.replace(Vcard { line: number, ..Vcard::default() }) {
                    builder.report.reject(open.line, "vCard has no END");
                }
            }
            "END" if is_vcard => people.extend(open.take()),
            _ => {
                if let Some(vcard) = &mut open {
                    // Most configs name no property.
                    let word = (!meanings.is_empty()).then(|| folded(&line.name));
                    let meaning = word.and_then(|word| meanings.get_key_value(&word));
                    if let Some((word, _)) = meaning {
                        seen.entry(word).or_insert_with(|| line.name.clone());
                    }
                    vcard.apply(line, meaning.map(|(_, column)| column));
                }
            }
        }
    }
    if let Some(open) = open {
        return Err(VcardError::CutOff(open.line));
    }
    // The first of two names or companies counts, hence the columns of the config stand in front.
    for (name, meaning) in seen.iter().filter_map(|(word, name)| Some((name, meanings.get(*word)?))) {
        columns.place(Cow::Owned(name.clone()), meaning.clone(), 0);
    }
    let people: Vec<_> = people.into_iter().map(|vcard| (vcard.line, vcard.cells(&mut columns))).collect();
    builder.report.columns = columns.described();
    builder.report.missing_columns = mapped.keys().filter(|name| !seen.contains_key(&folded(name))).cloned().collect();
    builder.set_columns(columns.0.into_iter().map(|(_, column)| column).collect());
    for (line, mut cells) in people {
        cells.sort_by_key(|(column, _)| *column);
        builder.add(line, cells.into_iter().map(|(column, text)| (column, Cow::Owned(text))));
    }
    Ok(())
}

/// Meanings of the config by the folded name of a property.
type Meanings = BTreeMap<String, Column>;

/// Columns of the file, each with its property. A property that a vCard has twice stands there twice.
#[derive(Default)]
struct Columns(Vec<(Cow<'static, str>, Column)>);

impl Columns {
    /// Returns the column for the `nth` value of a property in one vCard.
    fn place(&mut self, property: Cow<'static, str>, column: Column, nth: usize) -> usize {
        let wanted = (property, column);
        let known = self.0.iter().enumerate().filter(|(_, known)| **known == wanted).map(|(at, _)| at).nth(nth);
        known.unwrap_or_else(|| {
            self.0.push(wanted);
            self.0.len() - 1
        })
    }

    fn described(&self) -> Vec<(String, String)> {
        let mut seen = Vec::new();
        for (property, column) in &self.0 {
            let pair = (property.to_string(), column.to_string());
            if !seen.contains(&pair) {
                seen.push(pair);
            }
        }
        seen
    }
}

#[derive(Default)]
struct Vcard {
    line: u64,
    full: Option<String>,
    first: Option<String>,
    last: Option<String>,
    /// Values that the config names.
    mapped: Vec<(String, Column, String)>,
    values: Vec<(&'static str, Column, String)>,
    /// Numbers with their groups: the label of a group stands in a line of its own.
    phones: Vec<(Option<String>, String)>,
    /// Groups whose label is of a fax machine or a pager.
    fax_groups: Vec<String>,
}

impl Vcard {
    fn apply(&mut self, line: ContentLine, meaning: Option<&Column>) {
        let value = value(&line);
        let is_fax = || line.parameters.iter().any(|(_, kind)| is_fax_label(kind));
        match meaning {
            // The label of the line's group decides about a number later.
            Some(Column::Phone(_)) if line.name == "TEL" => {}
            Some(column) => {
                let parts = parts(&value, ';').into_iter().map(|part| part.trim().to_owned());
                let text = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
                return self.mapped.push((line.name.clone(), column.clone(), text));
            }
            None => {}
        }
        let text = || unescaped(&value);
        let mut add = |property, column, text| self.values.push((property, column, text));
        match line.name.as_str() {
            "FN" => self.full = self.full.take().or(Some(text())),
            "N" => {
                let mut parts = parts(&value, ';').into_iter();
                self.last = parts.next().filter(|it| !it.trim().is_empty());
                self.first = parts.next().filter(|it| !it.trim().is_empty());
            }
            "ORG" => add("ORG", Column::Company, parts(&value, ';').into_iter().next().unwrap_or_default()),
            "TEL" if is_fax() => {}
            "TEL" => self.phones.push((line.group.clone(), text())),
            "X-ABLABEL" if is_fax_label(&value) => self.fax_groups.extend(line.group.clone()),
            "NOTE" => add("NOTE", Column::Notes, text()),
            "CATEGORIES" => add("CATEGORIES", Column::Tags, parts(&value, ',').join(";")),
            "URL" => add("URL", Column::Link, text()),
            "TITLE" => add("TITLE", Column::Fact("Job title".into()), text()),
            "EMAIL" => add("EMAIL", Column::Fact("Email".into()), text()),
            _ => {}
        }
    }

    /// Returns the cells by column.
    fn cells(self, columns: &mut Columns) -> Vec<(usize, String)> {
        let full = self.full.filter(|it| !it.trim().is_empty()).map(Cow::Owned);
        let name = full_name(full, self.first.as_deref(), self.last.as_deref(), None).map(Cow::into_owned);
        let is_phone = |group: &Option<String>| !group.as_ref().is_some_and(|group| self.fax_groups.contains(group));
        let phones = self.phones.iter().filter(|(group, _)| is_phone(group));
        let phones = phones.map(|(_, number)| ("TEL", Column::Phone(None), number.clone()));
        let own = name.map(|name| ("FN, N", Column::Name, name)).into_iter().chain(phones).chain(self.values);
        let own = own.map(|(property, column, text)| (Cow::Borrowed(property), column, text));
        let mapped = self.mapped.into_iter().map(|(property, column, text)| (Cow::Owned(property), column, text));
        let mut placed: Vec<(usize, String)> = Vec::new();
        for (property, column, text) in mapped.chain(own) {
            let is_same = |at: &usize| columns.0.get(*at).is_some_and(|known| known.0 == property && known.1 == column);
            let nth = placed.iter().filter(|(at, _)| is_same(at)).count();
            placed.push((columns.place(property, column, nth), text));
        }
        placed
    }
}

/// Returns the value, decoded from the quoted-printable and the charset of vCard 2.1.
fn value(line: &ContentLine) -> Cow<'_, str> {
    if !line.has_word("QUOTED-PRINTABLE") {
        return Cow::Borrowed(&line.value);
    }
    let bytes = from_quoted_printable(&line.value);
    Cow::Owned(decode_value(&bytes, line.parameter("CHARSET")).into_owned())
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

fn from_quoted_printable(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    // A soft break at the very end has nothing behind it.
    let mut rest = text.strip_suffix('=').unwrap_or(text).as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = (byte == b'=').then(|| tail.get(..2)).flatten();
        let decoded = hex.and_then(|it| std::str::from_utf8(it).ok()).and_then(|it| u8::from_str_radix(it, 16).ok());
        rest = if decoded.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
        bytes.push(decoded.unwrap_or(byte));
    }
    bytes
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
        read(text, &BTreeMap::new(), &mut builder).unwrap();
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
            load("BEGIN:VCARD\nFN:A\nTEL:5145550199\nBEGIN:VCARD\nFN:B\nTEL:5145550100\nEND:VCARD\n");
        assert_eq!(find(&contacts, "+15145550100").name.as_deref(), Some("B"));
        assert_eq!(report.examples, [(1, "vCard has no END".to_owned())]);
        let cut_off = read("BEGIN:VCARD\nFN:A\nTEL:51455", &BTreeMap::new(), &mut IndexBuilder::new(Region::US));
        assert_eq!(cut_off, Err(VcardError::CutOff(1)));
    }

    #[test]
    fn read_labelled_fax_and_pager_identify_no_caller() {
        let (contacts, report) = load(
            "BEGIN:VCARD\nFN:A\nitem1.TEL:514-555-0198\nitem1.X-ABLabel:_$!<HomeFAX>!$_\nTEL;PAGER:514-555-0197\n\
            item2.TEL:514-555-0196\nitem2.X-ABLabel:Shop\nBDAY:1981-04-02\nEND:VCARD\n",
        );
        assert_eq!((report.people, report.numbers), (1, 1));
        assert_eq!(find(&contacts, "+15145550196").name.as_deref(), Some("A"));
    }

    #[test]
    fn read_charset_soft_break_and_lone_carriage_returns() {
        let (contacts, _) = load(
            "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=WINDOWS-1251;ENCODING=QUOTED-PRINTABLE:=CF=E5=F2=F0=EE=E2;=C8=F0=E8=ED=E0\r\n\
            NOTE;ENCODING=QUOTED-PRINTABLE:=0D=0A=\r\nTEL;CELL:+15145550182\r\nEND:VCARD\r\n",
        );
        assert_eq!(find(&contacts, "+15145550182").name.as_deref(), Some("Ирина Петров"));
        let (contacts, _) = load("BEGIN:VCARD\rVERSION:3.0\rFN:Tove Lind\rTEL;TYPE=CELL:+1 514 555 0181\rEND:VCARD\r");
        assert_eq!(find(&contacts, "+15145550181").name.as_deref(), Some("Tove Lind"));
    }

    #[test]
    fn read_photo_of_five_megabytes_costs_no_contact() {
        let photo = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0\n ".repeat(140_000);
        let (contacts, _) = load(&format!("BEGIN:VCARD\nFN:A\nPHOTO;ENCODING=b:{photo}\nTEL:5145550199\nEND:VCARD\n"));
        assert_eq!(find(&contacts, "+15145550199").name.as_deref(), Some("A"));
    }

    #[test]
    fn read_property_that_the_config_names_is_shown() {
        let mapped =
            [("BDAY", "Birthday"), ("x-site", "Site"), ("NOTE", "ignore"), ("NICKNAME", "name"), ("X-Nope", "Nope")];
        let mapped = mapped.map(|(name, word)| (name.to_owned(), word.to_owned())).into();
        let mut builder = IndexBuilder::new(Region::US);
        let text = "BEGIN:VCARD\nFN:Ada Quist\nTEL:514-555-0196\nBDAY:1981-04-02\nitem1.X-SITE:;;Dock 3;Laval\nNOTE:x\nEND:VCARD\n\
            BEGIN:VCARD\nFN:Bo Quist\nNICKNAME:Bobo\nTEL:514-555-0197\nEND:VCARD\n";
        read(text, &mapped, &mut builder).unwrap();
        let (contacts, report) = builder.finish();
        let ada = find(&contacts, "+15145550196");
        let facts: Vec<_> = ada.facts.iter().map(|fact| (fact.label.as_str(), fact.value.as_str())).collect();
        assert_eq!(facts, [("Birthday", "1981-04-02"), ("Site", "Dock 3, Laval")]);
        assert_eq!((ada.name.as_deref(), ada.notes), (Some("Ada Quist"), None));
        assert_eq!(find(&contacts, "+15145550197").name.as_deref(), Some("Bobo"), "the config has priority");
        assert_eq!(report.missing_columns, ["X-Nope"]);
        assert!(report.columns.contains(&("BDAY".into(), "fact “Birthday”".into())), "{:?}", report.columns);
    }

    #[test]
    fn is_vcard_checks_first_line() {
        assert!(is_vcard("\nbegin:vcard\r\n") && !is_vcard("Name,Phone\n") && !is_vcard("BEGIN"));
    }

    proptest! {
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
