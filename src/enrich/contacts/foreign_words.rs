//! The words of headers in German, French and Spanish, as Outlook and people write them. Each list is one text with blanks
//! between its words: lower case, without signs.

/// Whole headers that mean nothing to a colleague.
pub(super) const TECHNICAL: &str = "anrede titre civilité weiterevornamen zweitervorname deuxièmeprénom segundonombre \
    geschlecht sexe sexo initialen initiales internetfreigebucht stichwörter motsclés palabrasclave sprache langue idioma \
    reisekilometer kilométrage priorität priorité prioridad privat privé privado vertraulichkeit critèredediffusion \
    confidencialidad webseite pageweb siteweb páginaweb spitzname surnom lockeds recordimage unsubscribedmode givenyomi \
    surnameyomi companyyomi imaddress skypeid attachments";
/// Whole headers that only the config can show.
pub(super) const PRIVATE: &str = "ehepartner ehepartnerin lebenspartner conjoint conjointe cónyuge pareja enfants hijos hobbys \
    passetemps aficiones regierungsnr organisationsnr abrechnungsinformation abrechnungsinformationen \
    informationsdefacturation informationsfacturation facturación empfohlenvon recommandépar nameassistent \
    namedesassistenten namedesdervorgesetzten namedesvorgesetzten nomdelassistante assistante konto kontonummer \
    bankverbindung compte numérodecompte accountno accountnr accountnum acctno steuernummer steuerid sozialversicherungsnummer \
    ausweisnummer personalausweis numérodesécuritésociale numérodidentificationgouvernementale \
    numérodidentificationdelorganisation";
/// Words that make any header private: birthdays and anniversaries.
pub(super) const PRIVATE_PARTS: &str = "birth birthday birthdate geburtstag geburtsdatum geburtsjahr geburtsort naissance \
    anniversaire nacimiento cumpleaños anniversary jahrestag hochzeitstag aniversario";
/// Words of an address.
pub(super) const ADDRESS: &str = "straße strasse str hausnummer hausnr plz postleitzahl postfach ort wohnort stadt land \
    bundesland adresse anschrift rue ville cp pays région calle ciudad dirección direccion código provincia país domicilio";
/// Words that make a town or a country part of an address.
pub(super) const ADDRESS_KINDS: &str = "geschäftlich privat private privé weitere weiterer bureau domicile autre travail casa trabajo particular otra otro";
/// Words of a town or a country, which alone may say where a customer is.
pub(super) const PLACES: &str =
    "city country state province region ort stadt land bundesland ville pays région ciudad provincia país";
/// Words of a column of mail addresses.
pub(super) const MAIL: &str = "mail courriel messagerie correo";
/// Words that make such a column one about the address.
pub(super) const MAIL_DETAILS: &str = "typ type tipo angezeigter anzeigename display nom complet nombre";
/// Words of a phone column.
pub(super) const PHONE: &str = "tél telf tlf gsm natel festnetz mobilnummer mobilfunk cellulaire celular cellulare rückmeldung \
    rückruf";
/// Words of numbers that no caller has.
pub(super) const FAX: &str = "télécopie telecopie téléc radiomessagerie buscapersonas";

/// Whether a list has the word.
pub(super) fn has(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word)
}
