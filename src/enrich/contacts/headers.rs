//! Maps the headers of an export to columns: Google (before and after 2024), Outlook, Thunderbird, HubSpot, Salesforce, Zoho,
//! Pipedrive, and files made by hand. Pure.
//!
//! # Invariants
//! A column that a program adds for itself is left out. A private column is left out unless the config names it.

use super::column::Column;
use std::collections::BTreeMap;

/// Headers of one meaning each, in lower case without signs between the words.
const KNOWN_HEADERS: [(Column, &[&str]); 9] = [
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
    (Column::Suffix, &["suffix", "namesuffix"]),
    (
        Column::Company,
        &[
            "company",
            "companyname",
            "organization",
            "organisation",
            "organizationname",
            "organization1name",
            "accountname",
            "firma",
            "firmenname",
            "unternehmen",
            "entreprise",
            "société",
            "societe",
            "empresa",
            "associatedcompany",
            "associatedcompanyprimary",
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
];

/// Headers of a link to the record.
const LINK: [&str; 8] = ["link", "url", "recordurl", "crmlink", "crmurl", "profile", "profileurl", "recordlink"];

/// Headers of facts that programs name differently, with one label each.
const FACTS: [(&str, &[&str]); 3] = [
    ("Job title", &["jobtitle", "title", "organizationtitle", "organization1title", "position", "role"]),
    ("Department", &["department", "organizationdepartment", "organization1department"]),
    (
        "Email",
        &[
            "email",
            "emailaddress",
            "primaryemail",
            "secondaryemail",
            "email1value",
            "email2value",
            "email2address",
            "email3address",
        ],
    ),
];

/// Columns that mean nothing to a colleague.
const TECHNICAL: [&str; 48] = [
    "photo",
    "image",
    "nameprefix",
    "salutation",
    "middlename",
    "additionalname",
    "initials",
    "yominame",
    "givennameyomi",
    "familynameyomi",
    "additionalnameyomi",
    "fileas",
    "nickname",
    "shortname",
    "language",
    "priority",
    "private",
    "sensitivity",
    "gender",
    "mileage",
    "emailtype",
    "emaildisplayname",
    "email2type",
    "email2displayname",
    "email3type",
    "email3displayname",
    "internetfreebusy",
    "directoryserver",
    "subject",
    "screenname",
    "webpage",
    "recordid",
    "contactid",
    "accountid",
    "id",
    "uid",
    "associatedcompanyids",
    "contactownerid",
    "createdby",
    "modifiedby",
    "createdtime",
    "modifiedtime",
    "createdate",
    "createddate",
    "lastmodifieddate",
    "emailoptout",
    "donotcall",
    "keywords",
];

/// Columns that only the config can show.
const PRIVATE: [&str; 33] = [
    "birthday",
    "birthdate",
    "birthyear",
    "birthmonth",
    "dateofbirth",
    "dob",
    "geburtstag",
    "geburtsdatum",
    "anniversary",
    "spouse",
    "partner",
    "children",
    "kinder",
    "hobby",
    "maidenname",
    "religion",
    "maritalstatus",
    "ssn",
    "socialsecuritynumber",
    "governmentidnumber",
    "organizationalidnumber",
    "passportnumber",
    "taxid",
    "accountnumber",
    "iban",
    "bankaccount",
    "billinginformation",
    "referredby",
    "assistantsname",
    "managersname",
    "personalwebpage",
    "secretquestion",
    "pin",
];

/// Words of an address. A town or country alone may say where a customer is.
const ADDRESS_WORDS: [&str; 14] = [
    "street",
    "address",
    "zip",
    "zipcode",
    "postal",
    "postalcode",
    "postcode",
    "pobox",
    "box",
    "city",
    "state",
    "province",
    "country",
    "region",
];
/// Words that make a town or a country part of an address.
const ADDRESS_KINDS: [&str; 10] =
    ["home", "personal", "business", "work", "mailing", "other", "billing", "shipping", "postal", "primary"];

/// Parts at the start or end of a header word that mark a phone column.
const PHONE_PARTS: [&str; 8] =
    ["phone", "telefon", "teléfono", "telefono", "téléphone", "rufnummer", "telefonnummer", "handynummer"];
/// Header words that mark a phone column.
const PHONE_WORDS: [&str; 11] =
    ["tel", "cell", "mobile", "mobil", "handy", "portable", "móvil", "movil", "callback", "isdn", "landline"];
/// Header words of numbers that no caller has.
const FAX_WORDS: [&str; 8] = ["fax", "telefax", "faxnummer", "pager", "beeper", "telex", "télécopieur", "telecopieur"];
/// Last words of a column about a phone number that is not a number.
const DESCRIBING: [&str; 5] = ["label", "type", "extension", "ext", "carrier"];
/// Headers of phone columns if no other column has phones. A customer number of ten digits is not a phone number.
const FALLBACK_PHONE_HEADERS: [&str; 3] = ["number", "caller", "callerid"];

/// Returns the columns of the headers. `mapped` is the config by header and has priority.
pub fn map_headers<'a>(headers: impl Iterator<Item = &'a str>, mapped: &BTreeMap<String, String>) -> Vec<Column> {
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
    if !columns.iter().any(|column| matches!(column, Column::Phone(_))) {
        for (column, word) in columns.iter_mut().zip(&words) {
            if FALLBACK_PHONE_HEADERS.contains(&word.as_str()) && !mapped.contains_key(word) {
                *column = Column::Phone(None);
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
pub fn of_header(header: &str) -> Column {
    let word = normalized(header);
    let is = |list: &[&str]| list.contains(&word.as_str());
    if word.is_empty() || is(&TECHNICAL) || word.starts_with("phonetic") || word.starts_with("webpage") {
        return Column::Ignore;
    }
    if is(&PRIVATE) {
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
    let words: Vec<String> =
        header.split(|c: char| !c.is_alphanumeric()).map(normalized).filter(|word| !word.is_empty()).collect();
    let stems: Vec<&str> = words.iter().map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit())).collect();
    let has = |list: &[&str]| stems.iter().any(|stem| list.contains(stem));
    let is_phone = has(&PHONE_WORDS)
        || stems.iter().any(|stem| PHONE_PARTS.iter().any(|part| stem.starts_with(part) || stem.ends_with(part)));
    let describes = DESCRIBING.iter().any(|end| word.ends_with(end));
    if has(&FAX_WORDS) || is_phone && describes {
        return Column::Ignore;
    }
    if is_phone {
        return Column::Phone(None);
    }
    let is_mail = word.contains("email") || has(&["mail"]);
    let is_bare_place =
        word == "city" || word == "country" || word == "state" || word == "province" || word == "region";
    if has(&ADDRESS_WORDS) && !is_mail && !is_bare_place && (has(&ADDRESS_KINDS) || stems.len() <= 2) {
        return Column::Private;
    }
    Column::Fact(header.split_whitespace().collect::<Vec<_>>().join(" ").into())
}

impl Column {
    /// Returns the meaning of a field by its label: the value of `Tier` is the tier.
    #[must_use]
    pub fn of_label(label: &str) -> Self {
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
