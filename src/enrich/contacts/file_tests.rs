//! Tests over whole exports: `files.txt` has each file, and what the cards of its people show.

use super::*;
use crate::model::{
    card::{Contact, Match},
    phone::PhoneNumber,
};

/// Program, region, encoding, content, and pairs of number and contacts.
struct Export {
    program: &'static str,
    region: Region,
    encoding: &'static str,
    content: &'static str,
    cards: Vec<(&'static str, &'static str)>,
}

fn exports() -> Vec<Export> {
    let groups = include_str!("files.txt").split("\n== ").skip(1);
    groups
        .map(|group| {
            let (head, rest) = group.split_once('\n').unwrap();
            let [program, region, encoding] = head.split('\t').collect::<Vec<_>>().try_into().unwrap();
            let (content, cards) = rest.split_once("\n--\n").unwrap();
            let cards = cards.lines().map(|line| line.split_once('\t').unwrap()).collect();
            Export { program, region: Region::parse(region).unwrap(), encoding, content, cards }
        })
        .collect()
}

/// Returns the bytes of a file as a program of its kind writes them.
fn encoded(encoding: &str, content: &str) -> Vec<u8> {
    let text = format!("{}\r\n", content.replace('\n', "\r\n"));
    match encoding {
        "utf-8" => format!("{content}\n").into_bytes(),
        "crlf" => text.into_bytes(),
        "bom" => format!("\u{feff}{text}").into_bytes(),
        "utf-16" => format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
        label => encoding_rs::Encoding::for_label(label.as_bytes()).unwrap().encode(&text).0.into_owned(),
    }
}

/// Writes what a card shows of a contact in one line.
fn line(contact: &Contact) -> String {
    let Contact { name, company, tier, owner, notes, tags, link, facts, source: _ } = contact;
    let labelled = |label: &str, value: &Option<String>| value.as_ref().map(|value| format!("{label}: {value}"));
    let tags = (!tags.is_empty()).then(|| tags.join(", "));
    let known = [
        name.clone(),
        company.clone(),
        labelled("tier", tier),
        labelled("owner", owner),
        labelled("tags", &tags),
        labelled("link", link),
        labelled("notes", notes),
    ];
    let facts = facts.iter().map(|fact| format!("{}: {}", fact.label, fact.value));
    known.into_iter().flatten().chain(facts).collect::<Vec<_>>().join(" · ").replace("\r\n", "⏎").replace('\n', "⏎")
}

#[test]
fn each_export_shows_what_a_colleague_should_see() {
    let mut wrong = Vec::new();
    for Export { program, region, encoding, content, cards } in exports() {
        let parsed = parse(&encoded(encoding, content), &BTreeMap::new(), region);
        let Ok((index, _)) = parsed.inspect_err(|error| wrong.push(format!("{program}: {error}"))) else { continue };
        for (number, expected) in cards {
            let parsed = PhoneNumber::parse(Some(number), region);
            let found = SourceAnswer::Found(index.find(parsed.as_e164().unwrap(), "contacts"));
            let contacts: Vec<Contact> = match merge([("contacts", found)]).0 {
                Match::One { contact } => vec![*contact],
                Match::Several { contacts } => contacts,
                Match::NoMatch | Match::NotLookedUp => Vec::new(),
            };
            let shown = contacts.iter().map(line).collect::<Vec<_>>().join(" || ");
            let shown = if shown.is_empty() { "none" } else { &shown };
            if shown != expected {
                wrong.push(format!("{program}: {number}\n  shows    {shown}\n  expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(exports().len() >= 40);
}
