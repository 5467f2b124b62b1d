//! Maps the headers of a contacts export to columns. Pure.

use std::{borrow::Cow, collections::BTreeMap};

/// Meaning of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// Full name.
    Name,
    /// First name, used without a full name.
    First,
    /// Last name.
    Last,
    /// Company.
    Company,
    /// Customer tier.
    Tier,
    /// Colleague in charge.
    Owner,
    /// Free text.
    Notes,
    /// Tags, separated by `,` `;` or `|`.
    Tags,
    /// Link to the record.
    Link,
    /// Phone number. A contact may have several.
    Phone,
    /// Ignored column.
    Ignore,
    /// Fact with this label.
    Fact(Box<str>),
}

/// Headers in exports of Google, Outlook, HubSpot, Salesforce, Zoho, Pipedrive and in files made by hand. Lower case,
/// without signs between the words.
const KNOWN_HEADERS: [(Column, &[&str]); 10] = [
    (
        Column::Name,
        &[
            "name",
            "fullname",
            "displayname",
            "contactname",
            "contact",
            "nom",
            "nombre",
            "anzeigename",
            "customer",
            "kunde",
        ],
    ),
    (Column::First, &["firstname", "givenname", "first", "vorname", "prenom", "prénom"]),
    (Column::Last, &["lastname", "familyname", "surname", "last", "nachname", "nomdefamille"]),
    (
        Column::Company,
        &[
            "company",
            "companyname",
            "organization",
            "organisation",
            "organizationname",
            "organization1name",
            "account",
            "accountname",
            "firma",
            "firmenname",
            "unternehmen",
            "entreprise",
            "société",
            "societe",
            "empresa",
            "associatedcompany",
            "employer",
        ],
    ),
    (Column::Tier, &["tier", "customertier", "level", "plan", "segment", "stufe"]),
    (
        Column::Owner,
        &[
            "owner",
            "contactowner",
            "accountowner",
            "assignedto",
            "accountmanager",
            "responsible",
            "betreuer",
            "owneralias",
        ],
    ),
    (
        Column::Notes,
        &[
            "notes",
            "note",
            "comment",
            "comments",
            "remark",
            "remarks",
            "notizen",
            "notiz",
            "bemerkung",
            "bemerkungen",
            "description",
        ],
    ),
    (Column::Tags, &["tags", "tag", "labels", "categories", "category", "groups", "groupmembership", "kategorien"]),
    (Column::Link, &["link", "url", "recordurl", "crmlink", "crmurl", "profile", "profileurl", "recordlink"]),
    (
        Column::Ignore,
        &["photo", "image", "namesuffix", "nameprefix", "phoneticfirstname", "phoneticlastname", "fileas"],
    ),
];

/// Parts at the start or end of a header word that mark a phone column.
const PHONE_PARTS: [&str; 8] =
    ["phone", "telefon", "teléfono", "telefono", "téléphone", "rufnummer", "telefonnummer", "handynummer"];
/// Header words that mark a phone column.
const PHONE_WORDS: [&str; 8] = ["tel", "cell", "mobile", "mobil", "handy", "portable", "móvil", "movil"];
/// Headers of phone columns if no other column has phones. A customer number of ten digits is not a phone number.
const FALLBACK_PHONE_HEADERS: [&str; 3] = ["number", "caller", "callerid"];

/// Returns the columns of the headers. `mapped` is the config by header and has priority.
pub fn map_headers<'a>(headers: impl Iterator<Item = &'a str>, mapped: &BTreeMap<String, String>) -> Vec<Column> {
    let mapped: BTreeMap<String, &String> = mapped.iter().map(|(header, word)| (normalized(header), word)).collect();
    let headers: Vec<&str> = headers.collect();
    let read =
        |header: &&str| mapped.get(&normalized(header)).map_or_else(|| from_header(header), |word| from_config(word));
    let mut columns: Vec<Column> = headers.iter().map(read).collect();
    if !columns.contains(&Column::Phone) {
        for (column, header) in columns.iter_mut().zip(&headers) {
            let word = normalized(header);
            if FALLBACK_PHONE_HEADERS.contains(&word.as_str()) && !mapped.contains_key(&word) {
                *column = Column::Phone;
            }
        }
    }
    columns
}

/// Returns the headers of the config that the file lacks.
pub fn missing_headers<'a>(headers: impl Iterator<Item = &'a str>, mapped: &BTreeMap<String, String>) -> Vec<String> {
    let known: Vec<String> = headers.map(normalized).collect();
    mapped.keys().filter(|header| !known.contains(&normalized(header))).cloned().collect()
}

/// Returns the column for a config value.
fn from_config(word: &str) -> Column {
    match word {
        "name" => Column::Name,
        "first_name" => Column::First,
        "last_name" => Column::Last,
        "company" => Column::Company,
        "tier" => Column::Tier,
        "owner" => Column::Owner,
        "notes" => Column::Notes,
        "tags" => Column::Tags,
        "link" => Column::Link,
        "phone" => Column::Phone,
        "ignore" | "" => Column::Ignore,
        label => Column::Fact(label.into()),
    }
}

fn from_header(header: &str) -> Column {
    let word = normalized(header);
    if word.is_empty() {
        return Column::Ignore;
    }
    if let Some((column, _)) = KNOWN_HEADERS.iter().find(|(_, words)| words.contains(&word.as_str())) {
        return column.clone();
    }
    let describes_number = ["label", "type", "extension", "ext", "carrier"].iter().any(|end| word.ends_with(end));
    let words = header.split(|c: char| !c.is_alphanumeric()).map(normalized);
    let phone = words.into_iter().any(|word| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        PHONE_PARTS.iter().any(|part| word.starts_with(part) || word.ends_with(part)) || PHONE_WORDS.contains(&word)
    });
    match (phone, describes_number || word.contains("fax")) {
        (true, false) => Column::Phone,
        (true, true) => Column::Ignore,
        (false, _) => Column::Fact(header.split_whitespace().collect::<Vec<_>>().join(" ").into()),
    }
}

fn normalized(header: &str) -> String {
    header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns the full name, else first and last name joined.
pub fn full_name<'a>(
    full: Option<Cow<'a, str>>,
    first: Option<&'a str>,
    last: Option<&'a str>,
) -> Option<Cow<'a, str>> {
    full.or(match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}").into()),
        (one, other) => one.or(other).map(Cow::Borrowed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &str) -> Vec<Column> {
        map_headers(headers.split(','), &BTreeMap::new())
    }

    #[test]
    fn columns_known_export_headers_are_mapped() {
        use Column::{Company, Fact, First, Ignore, Last, Name, Notes, Phone, Tags};
        assert_eq!(
            read("First Name,Last Name,Organization 1 - Name,Phone 1 - Label,Phone 1 - Value,Notes,Labels"),
            [First, Last, Company, Ignore, Phone, Notes, Tags]
        );
        assert_eq!(
            read("Business Phone,Home Phone 2,Mobile Phone,Business Fax"),
            [Phone, Phone, Phone, Fact("Business Fax".into())]
        );
        assert_eq!(
            read("NAME,Téléphone,tel.,E-mail  Address,"),
            [Name, Phone, Phone, Fact("E-mail Address".into()), Ignore]
        );
    }

    #[test]
    fn columns_header_resembling_phone_is_a_fact() {
        for header in ["Miscellaneous", "Cancelled", "Automobile", "Hotel", "Customer number", "Mobility", "Status"] {
            assert_eq!(read(header), [Column::Fact(header.into())]);
        }
        assert_eq!(read("Name,Number"), [Column::Name, Column::Phone]);
        assert_eq!(read("Number,WorkPhone2,cell"), [Column::Fact("Number".into()), Column::Phone, Column::Phone]);
    }

    #[test]
    fn columns_config_overrides_header() {
        let mapped = [("E-Mail", "ignore"), ("Kürzel", "tier"), ("Since", "Customer since"), ("durchwahl", "phone")];
        let mapped = mapped.map(|(header, word)| (header.to_owned(), word.to_owned())).into();
        assert_eq!(
            map_headers("e-mail,KÜRZEL,since,Durchwahl".split(','), &mapped),
            [Column::Ignore, Column::Tier, Column::Fact("Customer since".into()), Column::Phone]
        );
        assert_eq!(missing_headers(["e-mail", "SINCE"].into_iter(), &mapped), ["Kürzel", "durchwahl"]);
    }
}
