//! Maps the headers of an export to columns: Google (before and after 2024), Outlook, Thunderbird, HubSpot, Salesforce, Zoho,
//! Pipedrive, and files made by hand. Pure.
//!
//! # Invariants
//! A column that a program adds for itself is left out. A private column is left out unless the config names it.

use super::{
    column::Column,
    foreign_words as foreign,
    header_words::{
        ADDRESS_KINDS, ADDRESS_WORDS, DESCRIBING, FACTS, FALLBACK_PHONE_HEADERS, FAX_WORDS, KNOWN_HEADERS, LINK,
        PHONE_PARTS, PHONE_WORDS, PRIVATE, TECHNICAL,
    },
};
use std::collections::BTreeMap;

/// Returns the columns of the headers. `mapped` is the config by header and has priority.
pub(super) fn map_headers<'a>(
    headers: impl Iterator<Item = &'a str>,
    mapped: &BTreeMap<String, String>,
) -> Vec<Column> {
    let mapped: BTreeMap<String, &String> = mapped.iter().map(|(header, word)| (normalized(header), word)).collect();
    let headers: Vec<String> = headers.map(|header| header.trim().to_owned()).collect();
    let words: Vec<String> = headers.iter().map(|header| normalized(header)).collect();
    let has = |word: &str| words.iter().any(|known| known == word);
    let read = |(header, word): (&String, &String)| match mapped.get(word) {
        Some(meaning) => Column::from_config(meaning),
        // Outlook: the title of address, beside the job title, and the number of an account, beside the company.
        None if word == "title" && has("jobtitle") => Column::Ignore,
        None if word == "account" => {
            if has("company") {
                Column::Private
            } else {
                Column::Company
            }
        }
        None => numbered(header, &headers).unwrap_or_else(|| of_header(header)),
    };
    let mut columns: Vec<Column> = headers.iter().zip(&words).map(read).collect();
    if let Some((column, part)) = half_of_a_name(&words, &columns)
        .filter(|(word, _)| !mapped.contains_key(*word))
        .and_then(|(word, part)| Some((columns.get_mut(words.iter().position(|it| it == word)?)?, part)))
    {
        *column = part;
    }
    if !columns.iter().any(|column| matches!(column, Column::Phone(_))) {
        for (column, word) in columns.iter_mut().zip(&words) {
            if FALLBACK_PHONE_HEADERS.contains(&word.as_str()) && !mapped.contains_key(word) {
                *column = Column::Phone(None);
            }
        }
    }
    columns
}

/// Returns the word of a column that has only one half of each name, with its meaning: `Nom` beside `Prénom`, `Nombre` beside
/// `Apellidos`.
fn half_of_a_name<'a>(words: &'a [String], columns: &[Column]) -> Option<(&'a str, Column)> {
    let (word, _) = words.iter().zip(columns).find(|(_, column)| **column == Column::Name)?;
    let (first, last) = (columns.contains(&Column::First), columns.contains(&Column::Last));
    let is_beside = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    match word.as_str() {
        "name" | "nom" if first && !last && is_beside(&["vorname", "prénom", "prenom"]) => Some((word, Column::Last)),
        "nombre" if last && !first => Some((word, Column::First)),
        _ => None,
    }
}

/// Returns the headers of the config that the file lacks.
pub(super) fn missing_headers<'a>(
    headers: impl Iterator<Item = &'a str>,
    mapped: &BTreeMap<String, String>,
) -> Vec<String> {
    let known: Vec<String> = headers.map(normalized).collect();
    mapped.keys().filter(|header| !known.contains(&normalized(header))).cloned().collect()
}

/// Returns the column of one of Google's numbered fields: `Phone 1 - Value`, labelled by `Phone 1 - Label` (`- Type` before
/// 2024).
fn numbered(header: &str, headers: &[String]) -> Option<Column> {
    let (field, part) = header.rsplit_once(" - ")?;
    let (kind, number) = field.rsplit_once(' ')?;
    number.parse::<u8>().ok()?;
    let kind = normalized(kind);
    let label =
        || headers.iter().position(|other| *other == format!("{field} - Label") || *other == format!("{field} - Type"));
    Some(match (kind.as_str(), normalized(part).as_str()) {
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
        match normalized(kind).as_str() {
            "person" | "contact" => return of_header(rest),
            "organization" if normalized(rest) == "name" => return Column::Company,
            _ => {}
        }
    }
    let word = normalized(header);
    let is = |list: &[&str]| list.contains(&word.as_str());
    let words: Vec<String> =
        header.split(|c: char| !c.is_alphanumeric()).map(normalized).filter(|word| !word.is_empty()).collect();
    let stems: Vec<&str> = words.iter().map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit())).collect();
    let has_any = |list: &str| stems.iter().any(|stem| foreign::has(list, stem));
    let is_key = header.trim().to_lowercase().ends_with(".id")
        || stems.contains(&"associated") && (stems.contains(&"id") || stems.contains(&"ids"));
    if word.is_empty() || is(&TECHNICAL) || word.starts_with("phonetic") || word.starts_with("webpage") {
        return Column::Ignore;
    }
    if is_key || foreign::has(foreign::TECHNICAL, &word) {
        return Column::Ignore;
    }
    if is(&PRIVATE) || foreign::has(foreign::PRIVATE, &word) || has_any(foreign::PRIVATE_PARTS) {
        return Column::Private;
    }
    if is(&LINK) {
        return Column::Link;
    }
    if let Some((column, _)) = KNOWN_HEADERS.iter().find(|(_, words)| is(words)) {
        return column.clone();
    }
    if let Some((label, _)) = FACTS.iter().find(|(_, words)| is(words)) {
        return Column::Fact((*label).into());
    }
    let has = |list: &[&str]| stems.iter().any(|stem| list.contains(stem));
    let is_phone = has(&PHONE_WORDS)
        || has_any(foreign::PHONE)
        || stems.iter().any(|stem| PHONE_PARTS.iter().any(|part| stem.starts_with(part) || stem.ends_with(part)));
    let describes = DESCRIBING.iter().any(|end| word.ends_with(end));
    if has(&FAX_WORDS) || has_any(foreign::FAX) || is_phone && describes {
        return Column::Ignore;
    }
    if is_phone {
        return Column::Phone(None);
    }
    let is_mail = word.contains("email") || has_any(foreign::MAIL);
    if is_mail && has_any(foreign::MAIL_DETAILS) {
        return Column::Ignore;
    }
    let is_address = has(&ADDRESS_WORDS) || has_any(foreign::ADDRESS);
    let is_kind = has(&ADDRESS_KINDS) || has_any(foreign::ADDRESS_KINDS);
    if is_address && !is_mail && !foreign::has(foreign::PLACES, &word) && (is_kind || stems.len() <= 2) {
        return Column::Private;
    }
    Column::Fact(header.split_whitespace().collect::<Vec<_>>().join(" ").into())
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

fn normalized(header: &str) -> String {
    header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
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
    fn headers_of_outlook_hide_what_is_private() {
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
    fn headers_in_other_languages_hide_what_is_private() {
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
