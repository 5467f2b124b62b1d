//! What a column of somebody's export means, by its header. Pure.

use std::{borrow::Cow, collections::BTreeMap};

/// What a cell is to a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// The whole name.
    Name,
    /// First name; stands where there is no whole name.
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
    /// Tags, parted by `,` `;` or `|`.
    Tags,
    /// Link to the record.
    Link,
    /// A phone number, of any number per person.
    Phone,
    /// Not wanted.
    Ignore,
    /// Anything else: a fact under this label.
    Fact(Box<str>),
}

/// Headers as exports of Google, Outlook, HubSpot, Salesforce, Zoho, Pipedrive and plain people write them, in lower case
/// and without signs between the words.
const KNOWN: [(Column, &[&str]); 10] = [
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

/// How a word of a header begins or ends that says that a number to be called from stands below.
const PHONE: [&str; 8] =
    ["phone", "telefon", "teléfono", "telefono", "téléphone", "rufnummer", "telefonnummer", "handynummer"];
/// Words of a header that say so by themselves.
const PHONE_WORDS: [&str; 8] = ["tel", "cell", "mobile", "mobil", "handy", "portable", "móvil", "movil"];
/// Headers that may say so, if no other does: a customer number of ten digits is no phone number.
const PERHAPS_PHONE: [&str; 3] = ["number", "caller", "callerid"];

/// What the headers mean; `mapped` is the config's word, by header, and counts first.
pub fn columns<'a>(headers: impl Iterator<Item = &'a str>, mapped: &BTreeMap<String, String>) -> Vec<Column> {
    let mapped: BTreeMap<String, &String> = mapped.iter().map(|(header, word)| (folded(header), word)).collect();
    let headers: Vec<&str> = headers.collect();
    let read = |header: &&str| mapped.get(&folded(header)).map_or_else(|| guessed(header), |word| named(word));
    let mut columns: Vec<Column> = headers.iter().map(read).collect();
    if !columns.contains(&Column::Phone) {
        for (column, header) in columns.iter_mut().zip(&headers) {
            let word = folded(header);
            if PERHAPS_PHONE.contains(&word.as_str()) && !mapped.contains_key(&word) {
                *column = Column::Phone;
            }
        }
    }
    columns
}

/// Headers of the config that are none of the file's.
pub fn missing<'a>(headers: impl Iterator<Item = &'a str>, mapped: &BTreeMap<String, String>) -> Vec<String> {
    let known: Vec<String> = headers.map(folded).collect();
    mapped.keys().filter(|header| !known.contains(&folded(header))).cloned().collect()
}

/// What the config calls it.
fn named(word: &str) -> Column {
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

fn guessed(header: &str) -> Column {
    let word = folded(header);
    if word.is_empty() {
        return Column::Ignore;
    }
    if let Some((column, _)) = KNOWN.iter().find(|(_, words)| words.contains(&word.as_str())) {
        return column.clone();
    }
    let about_a_number = ["label", "type", "extension", "ext", "carrier"].iter().any(|end| word.ends_with(end));
    let words = header.split(|c: char| !c.is_alphanumeric()).map(folded);
    let phone = words.into_iter().any(|word| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        PHONE.iter().any(|part| word.starts_with(part) || word.ends_with(part)) || PHONE_WORDS.contains(&word)
    });
    match (phone, about_a_number || word.contains("fax")) {
        (true, false) => Column::Phone,
        (true, true) => Column::Ignore,
        (false, _) => Column::Fact(header.split_whitespace().collect::<Vec<_>>().join(" ").into()),
    }
}

fn folded(header: &str) -> String {
    header.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A name of its parts.
pub fn full_name<'a>(
    whole: Option<Cow<'a, str>>,
    first: Option<&'a str>,
    last: Option<&'a str>,
) -> Option<Cow<'a, str>> {
    whole.or(match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}").into()),
        (one, other) => one.or(other).map(Cow::Borrowed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &str) -> Vec<Column> {
        columns(headers.split(','), &BTreeMap::new())
    }

    #[test]
    fn headers_of_known_exports_are_understood() {
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
    fn a_header_that_only_looks_like_a_phone_is_a_fact() {
        for header in ["Miscellaneous", "Cancelled", "Automobile", "Hotel", "Customer number", "Mobility", "Status"] {
            assert_eq!(read(header), [Column::Fact(header.into())]);
        }
        assert_eq!(read("Name,Number"), [Column::Name, Column::Phone]);
        assert_eq!(read("Number,WorkPhone2,cell"), [Column::Fact("Number".into()), Column::Phone, Column::Phone]);
    }

    #[test]
    fn the_config_has_the_last_word_on_a_column() {
        let mapped = [("E-Mail", "ignore"), ("Kürzel", "tier"), ("Since", "Customer since"), ("durchwahl", "phone")];
        let mapped = mapped.map(|(header, word)| (header.to_owned(), word.to_owned())).into();
        assert_eq!(
            columns("e-mail,KÜRZEL,since,Durchwahl".split(','), &mapped),
            [Column::Ignore, Column::Tier, Column::Fact("Customer since".into()), Column::Phone]
        );
        assert_eq!(missing(["e-mail", "SINCE"].into_iter(), &mapped), ["Kürzel", "durchwahl"]);
    }
}
