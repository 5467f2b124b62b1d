//! The words by which a header is recognized, in several languages.

use super::column::Column;

/// Headers of one meaning each, in lower case without signs between the words.
pub(super) const KNOWN_HEADERS: [(Column, &[&str]); 9] = [
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
    (Column::Last, &["lastname", "familyname", "surname", "last", "nachname", "nomdefamille", "apellidos", "apellido"]),
    (Column::Suffix, &["suffix", "namesuffix", "suffixe"]),
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
            "hinweise",
            "kommentar",
            "remarque",
            "remarques",
            "commentaire",
            "commentaires",
            "notas",
            "observaciones",
            "description",
        ],
    ),
    (
        Column::Tags,
        &[
            "tags",
            "tag",
            "labels",
            "categories",
            "category",
            "groups",
            "groupmembership",
            "kategorien",
            "kategorie",
            "catégories",
            "catégorie",
            "categorías",
            "étiquettes",
        ],
    ),
];

/// Headers of a link to the record.
pub(super) const LINK: [&str; 8] =
    ["link", "url", "recordurl", "crmlink", "crmurl", "profile", "profileurl", "recordlink"];

/// Headers of facts that programs name differently, with one label each.
pub(super) const FACTS: [(&str, &[&str]); 3] = [
    (
        "Job title",
        &[
            "jobtitle",
            "title",
            "organizationtitle",
            "organization1title",
            "position",
            "role",
            "fonction",
            "funktion",
            "cargo",
        ],
    ),
    (
        "Department",
        &[
            "department",
            "organizationdepartment",
            "organization1department",
            "abteilung",
            "département",
            "departamento",
        ],
    ),
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
            "emailadresse",
            "adresseemail",
            "adressedemessagerie",
            "courriel",
            "correoelectrónico",
        ],
    ),
];

/// Columns that mean nothing to a colleague.
pub(super) const TECHNICAL: [&str; 48] = [
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
pub(super) const PRIVATE: [&str; 33] = [
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
pub(super) const ADDRESS_WORDS: [&str; 14] = [
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
pub(super) const ADDRESS_KINDS: [&str; 10] =
    ["home", "personal", "business", "work", "mailing", "other", "billing", "shipping", "postal", "primary"];

/// Parts at the start or end of a header word that mark a phone column.
pub(super) const PHONE_PARTS: [&str; 8] =
    ["phone", "telefon", "teléfono", "telefono", "téléphone", "rufnummer", "telefonnummer", "handynummer"];
/// Header words that mark a phone column.
pub(super) const PHONE_WORDS: [&str; 11] =
    ["tel", "cell", "mobile", "mobil", "handy", "portable", "móvil", "movil", "callback", "isdn", "landline"];
/// Header words of numbers that no caller has.
pub(super) const FAX_WORDS: [&str; 8] =
    ["fax", "telefax", "faxnummer", "pager", "beeper", "telex", "télécopieur", "telecopieur"];
/// Last words of a column about a phone number that is not a number.
pub(super) const DESCRIBING: [&str; 5] = ["label", "type", "extension", "ext", "carrier"];
/// Headers of phone columns if no other column has phones. A customer number of ten digits is not a phone number.
pub(super) const FALLBACK_PHONE_HEADERS: [&str; 3] = ["number", "caller", "callerid"];
