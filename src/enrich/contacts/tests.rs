//! Tests over exports as the programs write them, with invented people.

use super::*;
use crate::model::{card::Contact, phone::PhoneNumber};

const GOOGLE_2024: &str = "First Name,Middle Name,Last Name,Phonetic First Name,Phonetic Middle Name,Phonetic Last Name,\
    Name Prefix,Name Suffix,Nickname,File As,Organization Name,Organization Title,Organization Department,Birthday,Notes,Photo,\
    Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value,Address 1 - Label,\
    Address 1 - Formatted,Address 1 - Street,Website 1 - Label,Website 1 - Value,Event 1 - Label,Event 1 - Value,\
    Relation 1 - Label,Relation 1 - Value,Custom Field 1 - Label,Custom Field 1 - Value,Custom Field 2 - Label,\
    Custom Field 2 - Value\n\
    Ada,,Quist,,,,Dr.,,Addie,Quist,Lakeside Boats,Manager,Sales,1979-05-06,Calls early,https://img.example.com/1,\
    * myContacts ::: Wholesale,* Work,ada@lakeside.example,Work,(514) 555-0111 ::: 514-555-0112,Work Fax,514-555-0113,Home,\
    \"3 Hill Road\nLaval\",3 Hill Road,Profile,https://www.example.com/a,Anniversary,2001-01-01,Spouse,Max,Tier,Silver,\
    Boat,Blue\n";

const GOOGLE_2023: &str = "Name,Given Name,Additional Name,Family Name,Yomi Name,Name Prefix,Name Suffix,Initials,Nickname,\
    Short Name,Maiden Name,Birthday,Gender,Location,Billing Information,Directory Server,Mileage,Occupation,Hobby,Sensitivity,\
    Priority,Subject,Notes,Language,Photo,Group Membership,E-mail 1 - Type,E-mail 1 - Value,Phone 1 - Type,Phone 1 - Value,\
    Organization 1 - Type,Organization 1 - Name,Organization 1 - Title,Relation 1 - Type,Relation 1 - Value,\
    Custom Field 1 - Type,Custom Field 1 - Value\n\
    Ada Quist,Ada,,Quist,,,,,,,,1979-05-06,,,,,,,Chess,,,,,en,,VIP ::: * myContacts,* Home,ada@lakeside.example,Pager,514-555-0111,\
    ,Lakeside Boats,Manager,Spouse,Max,Owner,Bob Roy\n\
    Bo Quist,Bo,,Quist,,,,,,,,,,,,,,,,,,,,,,,,,Mobile,514-555-0114,,,,,,Owner,Bob Roy\n";

const OUTLOOK: &str = "\u{feff}Title,First Name,Middle Name,Last Name,Suffix,Company,Department,Job Title,Business Street,\
    Home Street,Home City,Assistant's Phone,Business Fax,Business Phone,Callback,Home Phone,Mobile Phone,Pager,Account,\
    Anniversary,Assistant's Name,Billing Information,Birthday,Categories,Children,E-mail Address,E-mail Type,\
    E-mail Display Name,Gender,Government ID Number,Hobby,Initials,Internet Free Busy,Keywords,Language,Mileage,Notes,\
    Office Location,PO Box,Priority,Private,Profession,Referred By,Sensitivity,Spouse,User 1,Web Page\r\n\
    Ms.,Ada,,Quist,Jr.,Lakeside Boats,,Manager,1 Dock,2 Hidden Court,Laval,514-555-0111,514-555-0112,,514-555-0113,,\
    +1 514 555 0114,514-555-0115,AC-77,0/0/00,Tim,Bill,5/6/1979,VIP;Wholesale,Zoe,ada@lakeside.example,SMTP,\
    Ada Quist (ada),Unspecified,999,Chess,A.Q.,,,English,,Order 12 open,,,Normal,False,,,Normal,Max,,\r\n";

const OUTLOOK_DE: &str = "Anrede;Vorname;Weitere Vornamen;Nachname;Suffix;Firma;Abteilung;Position;\
    Straße geschäftlich;Ort geschäftlich;Straße privat;Ort privat;Postleitzahl privat;Fax geschäftlich;\
    Telefon geschäftlich;Rückmeldung;Telefon (privat);Mobiltelefon;Pager;Konto;Jahrestag;Name Assistent;\
    Abrechnungsinformation;Geburtstag;Kategorien;Kinder;E-Mail-Adresse;E-Mail-Typ;E-Mail: Angezeigter Name;Geschlecht;\
    Regierungs-Nr.;Initialen;Sprache;Notizen;Priorität;Privat;Empfohlen von;Vertraulichkeit;Partner;Webseite\r\nFrau;\
    Ada;Bea;Märchen;;Hafen Optik;Einkauf;Leiterin;Kai 1;Hamburg;Geheimweg 9;Hamburg;20097;040 1234567;040 1234560;\
    040 1234561;;0171 1234567;040 1234562;4711;0.0.00;Tim;x;14.3.1979;\"VIP;Großkunde\";Luca;ada@optik.example;SMTP;\
    Ada (ada);Keine Angabe;99;A.M.;Deutsch;Auftrag 12 offen;Normal;False;Max;Normal;Max;\r\n";

const OUTLOOK_FR: &str = "Titre,Prénom,Deuxième prénom,Nom,Suffixe,Société,Fonction,Rue (bureau),Ville (bureau),\
    Code postal (domicile),Rue (domicile),Télécopie (bureau),Téléphone (bureau),Téléphone (domicile),Tél. mobile,\
    Récepteur de radiomessagerie,Anniversaire,Anniversaire de mariage ou fête,Catégories,Enfants,\
    Adresse de messagerie,Type de messagerie,Nom complet de l'adresse de messagerie,Sexe,Conjoint(e),Langue,Notes,\
    Priorité,Privé,Critère de diffusion,Page Web,Passe-temps\r\nMme,Zoé,Ève,Lefèvre,,Boulangerie Érable,Acheteuse,\
    1 quai,Laval,H1N,9 rue Cachée,514-555-0111,514-555-0112,,+1 514 555 0113,514-555-0114,14/03/1979,0/0/00,\
    VIP;Grossiste,Léa,zoe@erable.example,SMTP,Zoé (zoe),Non spécifié,Marc,Français,Commande 12,Normale,Faux,Normal,,\
    Échecs\r\n";

fn load(text: &str) -> (ContactIndex, LoadReport) {
    parse(text.as_bytes(), &BTreeMap::new(), Region::US).unwrap()
}

fn find(contacts: &ContactIndex, number: &str) -> Option<Contact> {
    let number = PhoneNumber::parse(Some(number), Region::US);
    contacts.find(number.as_e164().unwrap(), "contacts").into_iter().next()
}

fn facts(contact: &Contact) -> Vec<(&str, &str)> {
    contact.facts.iter().map(|fact| (fact.label.as_str(), fact.value.as_str())).collect()
}

#[test]
fn google_2024_export_shows_what_a_colleague_should_see() {
    let (contacts, report) = load(GOOGLE_2024);
    assert_eq!((report.people, report.numbers, report.bad), (1, 2, 0));
    let ada = find(&contacts, "514-555-0112").unwrap();
    assert_eq!((ada.name.as_deref(), ada.company.as_deref()), (Some("Ada Quist"), Some("Lakeside Boats")));
    assert_eq!((ada.tier.as_deref(), ada.notes.as_deref()), (Some("Silver"), Some("Calls early")));
    assert_eq!((ada.tags.clone(), ada.link.clone()), (vec!["Wholesale".to_owned()], None));
    let shown =
        [("Job title", "Manager"), ("Department", "Sales"), ("Email", "ada@lakeside.example"), ("Boat", "Blue")];
    assert_eq!(facts(&ada), shown);
    assert!(find(&contacts, "514-555-0113").is_none(), "a fax machine identifies no one");
}

#[test]
fn google_2023_export_pairs_types_with_values() {
    let (contacts, report) = load(GOOGLE_2023);
    assert_eq!((report.people, report.unreachable), (1, 1), "a pager identifies no one");
    let bo = find(&contacts, "514-555-0114").unwrap();
    assert_eq!((bo.name.as_deref(), bo.owner.as_deref(), facts(&bo).len()), (Some("Bo Quist"), Some("Bob Roy"), 0));
}

#[test]
fn outlook_export_shows_what_a_colleague_should_see() {
    let (contacts, report) = load(OUTLOOK);
    assert_eq!((report.people, report.numbers), (1, 3));
    let ada = find(&contacts, "514-555-0113").unwrap();
    assert_eq!(ada.name.as_deref(), Some("Ada Quist Jr."));
    assert_eq!((ada.company.as_deref(), ada.notes.as_deref()), (Some("Lakeside Boats"), Some("Order 12 open")));
    assert_eq!(ada.tags, ["VIP", "Wholesale"]);
    assert_eq!(facts(&ada), [("Job title", "Manager"), ("Email", "ada@lakeside.example")]);
    assert!(find(&contacts, "514-555-0112").is_none() && find(&contacts, "514-555-0115").is_none());
}

#[test]
fn outlook_exports_in_german_and_french_show_what_a_colleague_should_see() {
    // Outlook writes the code page of the machine.
    let (ansi, ..) = encoding_rs::WINDOWS_1252.encode(OUTLOOK_DE);
    let (contacts, report) = parse(&ansi, &BTreeMap::new(), Region::parse("DE").unwrap()).unwrap();
    assert_eq!((report.people, report.numbers), (1, 3));
    let ada = find(&contacts, "+49 40 1234561").unwrap();
    assert_eq!((ada.name.as_deref(), ada.company.as_deref()), (Some("Ada Märchen"), Some("Hafen Optik")));
    assert_eq!((ada.notes.as_deref(), ada.tags.join(" ")), (Some("Auftrag 12 offen"), "VIP Großkunde".to_owned()));
    let shown: Vec<&str> = ada.facts.iter().map(|fact| fact.label.as_str()).collect();
    assert_eq!(shown, ["Department", "Job title", "Email"]);
    assert!(find(&contacts, "+49 40 1234567").is_none() && find(&contacts, "+49 40 1234562").is_none());

    let (contacts, report) = load(OUTLOOK_FR);
    assert_eq!((report.people, report.numbers), (1, 2));
    let zoe = find(&contacts, "514-555-0113").unwrap();
    assert_eq!((zoe.name.as_deref(), zoe.company.as_deref()), (Some("Zoé Lefèvre"), Some("Boulangerie Érable")));
    assert_eq!(facts(&zoe), [("Job title", "Acheteuse"), ("Email", "zoe@erable.example")]);
    assert_eq!((zoe.notes.as_deref(), zoe.tags.join(" ")), (Some("Commande 12"), "VIP Grossiste".to_owned()));
}

#[test]
fn private_column_is_shown_if_the_config_names_it() {
    let columns = [("Birthday", "Birthday"), ("Account", "Account")];
    let columns = columns.map(|(header, label)| (header.to_owned(), label.to_owned())).into();
    let (contacts, _) = parse(OUTLOOK.as_bytes(), &columns, Region::US).unwrap();
    let ada = find(&contacts, "514-555-0113").unwrap();
    assert!(facts(&ada).contains(&("Birthday", "5/6/1979")) && facts(&ada).contains(&("Account", "AC-77")));
}

#[test]
fn summary_without_any_readable_number_complains() {
    let (_, report) = load("BEGIN:VCARD\nFN:A\nEND:VCARD\n");
    assert_eq!(report.summary().as_deref(), Some("no contact has a readable phone number"));
    let (_, report) = load("Name,Phone\nAl,n/a\n");
    let summary = report.summary().unwrap();
    assert!(summary.starts_with("no contact has a readable phone number; 1 rows skipped (line 2"), "{summary}");
    assert_eq!(load("Name,Phone\nAl,5145550111\n").1.summary(), None);
}
