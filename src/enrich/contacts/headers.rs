//! Maps the headers of an export to columns: Google (before and after 2024), Outlook, Thunderbird, HubSpot, Salesforce, Zoho,
//! Pipedrive, and files made by hand. Pure.
//!
//! # Invariants
//! A column that a program adds for itself is left out. A private column is left out unless the config names it.

mod name_columns;
mod private_columns;
mod tier_columns;

use super::{
    column::Column,
    header_parts as parts,
    header_words::{self as words, folded, has},
};
use name_columns::{customer_of_people, half_of_a_name, names_of_other_words, person_part, vendor_of_people};
use private_columns::is_private;
use std::{borrow::Cow, collections::BTreeMap};
use tier_columns::weaker_tiers;

/// Returns the columns of the headers. `mapped` is the config by header and has priority.
pub(super) fn map_headers<'a>(
    headers: impl Iterator<Item = &'a str>,
    mapped: &BTreeMap<String, String>,
) -> Vec<Column> {
    let mapped: BTreeMap<String, &String> = mapped.iter().map(|(header, word)| (folded(header), word)).collect();
    let headers: Vec<String> = headers.map(|header| header.trim().to_owned()).collect();
    let words: Vec<String> = headers.iter().map(|header| folded(&spelled(header))).collect();
    let is_mapped = |at: usize| headers.get(at).is_some_and(|header| mapped.contains_key(&folded(header)));
    let read = |(header, word): (&String, &String)| match mapped.get(&folded(header)) {
        Some(meaning) => Column::from_config(meaning),
        None => beside(word, &words).or_else(|| numbered(header, &headers)).unwrap_or_else(|| of_header(header)),
    };
    let mut columns: Vec<Column> = headers.iter().zip(&words).map(read).collect();
    for rule in [names_of_other_words, half_of_a_name, customer_of_people, vendor_of_people, weaker_tiers] {
        for (at, with) in rule(&headers, &columns).into_iter().filter(|(at, _)| !is_mapped(*at)) {
            columns.get_mut(at).into_iter().for_each(|column| *column = with.clone());
        }
    }
    if !columns.iter().any(|column| matches!(column, Column::Phone(_))) {
        for (at, (column, word)) in columns.iter_mut().zip(&words).enumerate() {
            if has(words::FALLBACK_PHONE_HEADERS, word) && !is_mapped(at) {
                *column = Column::Phone(None);
            }
        }
    }
    columns
}

/// Returns the column of a header whose meaning depends on another header of the file. In Outlook the title of address stands
/// beside the job title, and the number of an account beside the company.
fn beside(word: &str, words: &[String]) -> Option<Column> {
    let has = |word: &str| words.iter().any(|known| known == word);
    match word {
        "title" if has("jobtitle") => Some(Column::Ignore),
        "account" if has("company") => Some(Column::Private),
        "account" => Some(Column::Company),
        // Salesforce: the rank of a contact within the account.
        "level" if has("languages") => Some(Column::Fact("Level".into())),
        // Freshsales has phones under the words for their kinds, and directories have the words of LDAP.
        "work" | "home" | "other" if has("mobile") => Some(Column::Phone(None)),
        "cn" if has("sn") => Some(Column::Name),
        "sn" if has("givenname") => Some(Column::Last),
        "o" if has("sn") => Some(Column::Company),
        "manager" if has("sn") => Some(Column::Ignore),
        "licenses" if has("userprincipalname") => Some(Column::Ignore),
        "l" | "st" | "co" | "c" if has("sn") => Some(Column::Private),
        // Phones of Yealink: a tone for each contact.
        "line" if has("ring") => Some(Column::Ignore),
        // Thunderbird in French: the month and the day of birth.
        "mois" | "jour" if has("anneedenaissance") => Some(Column::Private),
        // Outlook in Italian has phones under the words for office and home.
        "ufficio" | "ufficio2" | "abitazione" | "abitazione2" if has("richiamata") => Some(Column::Phone(None)),
        // Outlook in Spanish: the phone at home. In Portuguese the mark of a private contact.
        "particular" if has("apellidos") => Some(Column::Phone(None)),
        "particular" if has("sobrenome") => Some(Column::Ignore),
        _ => None,
    }
}

/// Returns the headers of the config that the file lacks.
pub(super) fn missing_headers<'a>(
    headers: impl Iterator<Item = &'a str>,
    mapped: &BTreeMap<String, String>,
) -> Vec<String> {
    let known: Vec<String> = headers.map(folded).collect();
    mapped.keys().filter(|header| !known.contains(&folded(header))).cloned().collect()
}

/// Returns the column of one of Google's numbered fields: `Phone 1 - Value`, labelled by `Phone 1 - Label` (`- Type` before
/// 2024).
fn numbered(header: &str, headers: &[String]) -> Option<Column> {
    let (field, part) = header.rsplit_once(" - ")?;
    let (kind, number) = field.rsplit_once(' ')?;
    number.parse::<u8>().ok()?;
    let kind = folded(kind);
    let label =
        || headers.iter().position(|other| *other == format!("{field} - Label") || *other == format!("{field} - Type"));
    Some(match (kind.as_str(), folded(part).as_str()) {
        ("organization", "name" | "title" | "department") => return None,
        ("phone", "value") => Column::Phone(label()),
        ("email", "value") => Column::Fact("Email".into()),
        ("customfield", "value") => label().map_or_else(|| Column::Fact(field.into()), Column::Custom),
        ("relation" | "event" | "address", part) if !matches!(part, "label" | "type") => Column::Private,
        _ => Column::Ignore,
    })
}

/// Returns the column of one header.
pub(super) fn of_header(header: &str) -> Column {
    // Pipedrive puts the kind of record in front: `Person - Phone - Work`.
    if let Some((kind, rest)) = header.split_once(" - ") {
        match folded(kind).as_str() {
            "person" | "contact" => return of_header(rest),
            "organization" if folded(rest) == "name" => return Column::Company,
            _ => {}
        }
    }
    // A vCard turned into a table: `TEL;TYPE=CELL`.
    if let Some((property, kind)) = header.split_once(';') {
        return if is_fax_label(kind) { Column::Ignore } else { of_header(property) };
    }
    // A report of Salesforce: `Contact Owner: Full Name`.
    if let Some((record, part)) = header.split_once(": ")
        && let column @ (Column::Owner | Column::Private) = of_header(record)
        && !matches!(of_header(part), Column::Phone(_))
    {
        return column;
    }
    let spelled = spelled(header);
    let word = folded(&spelled);
    let stems = stems(&spelled);
    let whole = || person_part(&spelled).and_then(|part| of_whole(&part, &part, &[]));
    let column = of_whole(&word, &spelled, &stems).or_else(whole).or_else(|| of_parts(&word, &spelled, &stems));
    // A field that a company adds to Salesforce is the tier only by a plain name.
    let is_doubtful = |column: &Column| *column == Column::Tier && has(words::WEAK_TIER, &word);
    let column = column.filter(|column| without_custom_mark(header) == header.trim() || !is_doubtful(column));
    column.unwrap_or_else(|| Column::Fact(label(header).into()))
}

/// Returns the header without the mark of a custom field of Salesforce: `Tier__c`.
fn without_custom_mark(header: &str) -> &str {
    let header = header.trim();
    let start = ["__c", "__pc"].iter().filter_map(|mark| header.len().checked_sub(mark.len()).map(|at| (at, mark)));
    let mut marked =
        start.filter_map(|(at, mark)| header.split_at_checked(at).filter(|it| it.1.eq_ignore_ascii_case(mark)));
    marked.next().map_or(header, |(rest, _)| rest)
}

/// Returns the label that a card shows for a header.
fn label(header: &str) -> String {
    without_custom_mark(header).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Spells a header out: `Account #` is an account number, and not the account.
fn spelled(header: &str) -> Cow<'_, str> {
    let header = without_custom_mark(header);
    match header.strip_suffix('#') {
        Some(rest) if rest.contains(char::is_alphanumeric) => Cow::Owned(format!("{rest} number")),
        _ => Cow::Borrowed(header),
    }
}

/// Returns the words of a header without digits and small words. `MailingStreet` and `MAILINGSTREET` have two.
fn stems(header: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(header.len() + 4);
    let (mut was_small, mut was_capital) = (false, false);
    let mut chars = header.chars();
    while let Some(c) = chars.next() {
        // `POAddress` begins its second word with the last capital. `IDs` is one word.
        let begins_word =
            c.is_uppercase() && was_capital && chars.clone().take(2).filter(|c| c.is_lowercase()).count() == 2;
        if was_small && c.is_uppercase() || begins_word {
            spaced.push(' ');
        }
        (was_small, was_capital) = (c.is_lowercase(), c.is_uppercase());
        spaced.push(c);
    }
    let words = spaced.split(|c: char| !c.is_alphanumeric()).map(folded);
    let words = words.map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned());
    let words: Vec<String> = words.filter(|word| !word.is_empty() && !has(parts::SMALL, word)).collect();
    let kinds = || parts::ADDRESS_KINDS.split_ascii_whitespace();
    let compound = words.first().filter(|_| words.len() == 1).and_then(|word| {
        kinds()
            .find_map(|kind| word.strip_prefix(kind).filter(|rest| has(parts::ADDRESS, rest)).map(|rest| [kind, rest]))
    });
    compound.map_or(words.clone(), |pair| pair.map(str::to_owned).to_vec())
}

/// Returns the column of a header that a list has as a whole, or by a part that decides alone.
fn of_whole(word: &str, header: &str, stems: &[String]) -> Option<Column> {
    let contains = |list: &str| list.split_ascii_whitespace().any(|part| word.contains(part));
    let has_stem = |stem: &str| stems.iter().any(|it| it == stem);
    let is_key =
        header.trim().to_lowercase().ends_with(".id") || has_stem("associated") && (has_stem("id") || has_stem("ids"));
    let is_added = word.is_empty()
        || word.starts_with("phonetic")
        || word.starts_with("webpage")
        || header.starts_with("X-")
        || header.starts_with("(Do Not Modify)");
    let known = [
        (words::NAME, Column::Name),
        (words::CUSTOMER, Column::Name),
        (words::FIRST, Column::First),
        (words::LAST, Column::Last),
        (words::SUFFIX, Column::Suffix),
        (words::COMPANY, Column::Company),
        (words::TIER, Column::Tier),
        (words::WEAK_TIER, Column::Tier),
        (words::OWNER, Column::Owner),
        (words::NOTES, Column::Notes),
        (words::TAGS, Column::Tags),
        (words::LINK, Column::Link),
        (words::PHONE_HEADERS, Column::Phone(None)),
    ];
    let facts = [(words::JOB_TITLE, "Job title"), (words::DEPARTMENT, "Department"), (words::EMAIL, "Email")];
    // `Webseite 2`, `ADDRESS2`.
    let word = Some(word.trim_end_matches(|c: char| c.is_ascii_digit())).filter(|it| it.len() > 2).unwrap_or(word);
    let is_technical = stems.iter().any(|stem| has(parts::TECHNICAL_STEMS, stem));
    if is_added || is_key || is_technical || has(words::TECHNICAL, word) || contains(parts::TECHNICAL_PARTS) {
        return Some(Column::Ignore);
    }
    // `Item ID (auto generated)`. `Email ID` is an address.
    let before_remark = header.split('(').next().unwrap_or_default().trim_end();
    let is_record =
        stems.len() > 1 && before_remark.to_lowercase().ends_with("id") && has_stem("id") && !word.contains("mail");
    if has(words::PRIVATE, word) || contains(parts::PRIVATE_PARTS) || is_record {
        return Some(Column::Private);
    }
    if stems.len() > 1 && stems.last().is_some_and(|stem| stem == "owner") {
        return Some(Column::Owner);
    }
    if stems.last().is_some_and(|stem| stem == "tier") {
        return Some(Column::Tier);
    }
    let known = known.into_iter().find(|(list, _)| has(list, word)).map(|(_, column)| column);
    known.or_else(|| facts.iter().find(|(list, _)| has(list, word)).map(|(_, label)| Column::Fact((*label).into())))
}

/// Returns the column of a header by its words; `None` for a fact.
fn of_parts(word: &str, header: &str, stems: &[String]) -> Option<Column> {
    let has_any = |list: &str| stems.iter().any(|stem| has(list, stem));
    let mut ends = parts::PHONE_ENDS.split_ascii_whitespace();
    let is_kind = |stem: &String| has(parts::ADDRESS_KINDS, stem) || has(parts::NUMBER_KINDS, stem);
    let is_number = |stems: &[String]| matches!(stems, [kind, number] if is_kind(kind) && has(parts::NUMBER, number));
    let is_phone = has_any(parts::PHONE)
        || is_number(stems)
        || ends.any(|part| stems.iter().any(|stem| stem.starts_with(part) || stem.ends_with(part)));
    let is_mail = word.contains("email") || has_any(parts::MAIL);
    let describes = parts::DESCRIBING.split_ascii_whitespace().any(|end| word.ends_with(end));
    // `Phone/Fax` has the one number of both.
    let is_fax = is_fax_label(header) && !(is_phone && header.contains(['/', '&']));
    if is_fax || is_phone && describes || is_mail && (describes || has_any(parts::MAIL_DETAILS)) {
        return Some(Column::Ignore);
    }
    if is_phone {
        return Some(Column::Phone(None));
    }
    if is_private(word, stems) {
        return Some(Column::Private);
    }
    let is_of = |list: &str, stem: &String| has(list, stem);
    let is_place = |stem: &String| is_of(parts::ADDRESS_KINDS, stem) || is_of(parts::ADDRESS, stem);
    let is_mail_word = |stem: &String| is_place(stem) || stem == "email" || stem == "id" || is_of(parts::MAIL, stem);
    if is_mail && stems.iter().all(is_mail_word) {
        return Some(Column::Fact("Email".into()));
    }
    let is_address = has_any(parts::ADDRESS) && !is_mail && !has(parts::PLACES, word);
    let is_private = is_address && (has_any(parts::ADDRESS_KINDS) || has_any(parts::STREET) || stems.len() <= 2);
    is_private.then_some(Column::Private)
}

/// Returns whether a label is of a fax machine or a pager: `Home Fax`, `Télécopie (bureau)`.
pub(in crate::enrich) fn is_fax_label(label: &str) -> bool {
    // `Homefax` is a kind of fax, Halifax a town.
    let is_kind = |kind: &str| has(parts::ADDRESS_KINDS, kind) || ["office", "mobile", "main"].contains(&kind);
    let is_fax = |stem: &String| {
        has(parts::FAX, stem) || stem.starts_with("fax") || stem.strip_suffix("fax").is_some_and(is_kind)
    };
    stems(label).iter().any(is_fax)
}

impl Column {
    /// Returns the meaning of a field by its label: the value of `Tier` is the tier.
    #[must_use]
    pub(crate) fn of_label(label: &str) -> Self {
        match of_header(label) {
            Self::Phone(_) | Self::Custom(_) | Self::Name | Self::First | Self::Last | Self::Suffix => {
                Self::Fact(label.trim().into())
            }
            column => column,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Column::{Company, Custom, First, Ignore, Last, Name, Notes, Owner, Phone, Private, Tags};

    fn read(headers: &str) -> Vec<Column> {
        map_headers(headers.split(','), &BTreeMap::new())
    }

    fn fact(label: &str) -> Column {
        Column::Fact(label.into())
    }

    /// Returns program and language, and pairs of class and header.
    fn exports() -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
        include_str!("exports.tsv")
            .split("\n== ")
            .skip(1)
            .map(|group| {
                let (program, lines) = group.split_once('\n').unwrap();
                let pairs = |line: &'static str| {
                    let (class, headers) = line.split_once('\t').unwrap();
                    headers.split('|').map(move |header| (class, header))
                };
                (program, lines.lines().flat_map(pairs).collect())
            })
            .collect()
    }

    #[test]
    fn headers_of_each_export_have_their_class() {
        let class = |column: &Column| match column {
            Column::Name => "name",
            First => "first",
            Last => "last",
            Company => "company",
            Column::Suffix => "suffix",
            Owner => "owner",
            Notes => "notes",
            Tags => "tags",
            Phone(_) => "phone",
            Ignore | Private => "hidden",
            Column::Fact(label) if &**label == "Job title" => "title",
            Column::Fact(label) if &**label == "Department" => "department",
            Column::Fact(label) if &**label == "Email" => "email",
            Column::Fact(_) => "fact",
            _ => "other",
        };
        let mut wrong = Vec::new();
        for (program, pairs) in exports() {
            let columns = map_headers(pairs.iter().map(|(_, header)| *header), &BTreeMap::new());
            for ((expected, header), column) in
                pairs.iter().zip(&columns).filter(|((it, _), column)| *it != class(column))
            {
                wrong.push(format!("{program}: {header} is {} instead of {expected}", class(column)));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(exports().len() >= 25);
    }

    #[test]
    fn words_of_the_lists_are_folded() {
        let lists = [words::NAME, words::COMPANY, words::NOTES, words::TECHNICAL, words::PRIVATE, words::PHONE_HEADERS];
        let more = [parts::ADDRESS, parts::ADDRESS_KINDS, parts::PRIVATE_PARTS, parts::PHONE, parts::FAX, parts::MAIL];
        for word in lists.into_iter().chain(more).flat_map(str::split_ascii_whitespace) {
            assert_eq!(folded(word), word);
        }
        assert_eq!(folded("Te\u{301}le\u{301}phone (bureau)"), "telephonebureau", "decomposed letters too");
    }

    #[test]
    fn headers_of_google_are_paired_with_their_labels() {
        assert_eq!(
            read(
                "First Name,Last Name,Organization Name,Organization Title,Birthday,Labels,Phone 1 - Label,Phone 1 - Value"
            ),
            [First, Last, Company, fact("Job title"), Private, Tags, Ignore, Phone(Some(6))]
        );
        assert_eq!(
            read(
                "Custom Field 1 - Label,Custom Field 1 - Value,Event 1 - Value,Address 1 - City,Address 1 - Label,Website 1 - Value"
            ),
            [Ignore, Custom(0), Private, Private, Ignore, Ignore]
        );
        assert_eq!(
            read(
                "Name,Given Name,Yomi Name,Group Membership,Phone 1 - Type,Phone 1 - Value,Organization 1 - Name,Organization 1 - Type"
            ),
            [Name, First, Ignore, Tags, Ignore, Phone(Some(4)), Company, Ignore]
        );
    }

    #[test]
    fn headers_of_outlook_hide_private_columns() {
        assert_eq!(
            read(
                "Title,Company,Job Title,Home Street,Business City,Business Fax,Business Phone 2,Callback,Pager,Account"
            ),
            [Ignore, Company, fact("Job title"), Private, Private, Ignore, Phone(None), Phone(None), Ignore, Private]
        );
        assert_eq!(
            read(
                "Spouse,Children,Government ID Number,E-mail Display Name,E-mail Address,Gender,Sensitivity,Notes,Phone"
            ),
            [Private, Private, Private, Ignore, fact("Email"), Ignore, Ignore, Notes, Phone(None)]
        );
    }

    #[test]
    fn headers_of_crm_exports_are_mapped() {
        assert_eq!(
            read(
                "Record ID,First Name,Last Name,Email,Phone Number,Contact owner,Lead Status,Associated Company,Create Date"
            ),
            [Ignore, First, Last, fact("Email"), Phone(None), Owner, fact("Lead Status"), Company, Ignore]
        );
        assert_eq!(
            read(
                "Salutation,Title,Account Name,Mailing Street,Mailing City,Asst. Phone,Fax,Birthdate,Description,Home Phone"
            ),
            [Ignore, fact("Job title"), Company, Private, Private, Phone(None), Ignore, Private, Notes, Phone(None)]
        );
        assert_eq!(
            read(
                "Display Name,Work Phone,Fax Number,Pager Number,Mobile Number,Home Address 2,Organization,Web Page 1,Custom 1"
            ),
            [Name, Phone(None), Ignore, Ignore, Phone(None), Private, Company, Ignore, fact("Custom 1")]
        );
        assert_eq!(read("NAME,Téléphone,tel.,Account,"), [Name, Phone(None), Phone(None), Company, Ignore]);
    }

    #[test]
    fn headers_in_other_languages_hide_private_columns() {
        for header in [
            "Straße privat,Ort geschäftlich,Postleitzahl privat,Adresse,PLZ,Rue (domicile),Ville (bureau),Dirección",
            "Geburtsdatum,Date de naissance,Fecha de nacimiento,Anniversaire,Jahrestag,Kinder,Enfants,Conjoint(e),Konto",
            "Anrede,Titre,Weitere Vornamen,E-Mail-Typ,E-Mail: Angezeigter Name,Type de messagerie,Geschlecht,Sexe,Privé",
            "Fax geschäftlich,Télécopie (bureau),Récepteur de radiomessagerie,Telefax",
            "Account Name.id,Layout.id,Primary Associated Company ID,Associated Company IDs (Primary),Account no",
        ] {
            for (name, column) in header.split(',').zip(read(header)) {
                assert!(matches!(column, Private | Ignore), "{name}: {column:?}");
            }
        }
        assert_eq!(
            read(
                "Tél.,Tél. mobile,Rückmeldung,Festnetz,Cellulaire,E-Mail-Adresse,Courriel,Ville,Remarques,Catégories,Abteilung"
            ),
            [
                Phone(None),
                Phone(None),
                Phone(None),
                Phone(None),
                Phone(None),
                fact("Email"),
                fact("Email"),
                fact("Ville"),
                Notes,
                Tags,
                fact("Department")
            ]
        );
    }

    #[test]
    fn column_of_half_a_name_is_joined_with_the_other_half() {
        assert_eq!(read("Nom,Prénom"), [Last, First]);
        assert_eq!(read("Name,Vorname"), [Last, First]);
        assert_eq!(read("Nombre,Apellidos"), [First, Last]);
        assert_eq!(read("Name,First Name,Last Name"), [Name, First, Last]);
        assert_eq!(read("Name,First Name"), [Name, First]);
    }

    #[test]
    fn headers_with_the_kind_of_record_in_front_are_mapped() {
        assert_eq!(
            read("Person - ID,Person - Name,Person - Phone - Work,Organization - Name,Person - Owner"),
            [Ignore, Name, Phone(None), Company, Owner]
        );
    }

    #[test]
    fn header_resembling_phone_is_a_fact() {
        for header in
            ["Miscellaneous", "Cancelled", "Automobile", "Hotel", "Customer number", "Mobility", "Status", "City"]
        {
            assert_eq!(read(header), [fact(header)]);
        }
        assert_eq!(read("Phonetic First Name,Phone Extension,Phone"), [Ignore, Ignore, Phone(None)]);
        assert_eq!(read("Name,Number"), [Name, Phone(None)]);
        assert_eq!(read("Number,WorkPhone2,cell"), [fact("Number"), Phone(None), Phone(None)]);
    }

    #[test]
    fn config_overrides_header() {
        let mapped = [("E-Mail", "ignore"), ("Kürzel", "tier"), ("Birthday", "Birthday"), ("durchwahl", "phone")];
        let mapped = mapped.map(|(header, word)| (header.to_owned(), word.to_owned())).into();
        assert_eq!(
            map_headers("e-mail,KÜRZEL,birthday,Durchwahl".split(','), &mapped),
            [Ignore, Column::Tier, fact("Birthday"), Phone(None)]
        );
        assert_eq!(missing_headers(["e-mail", "BIRTHDAY"].into_iter(), &mapped), ["Kürzel", "durchwahl"]);
    }
}
