//! Words and parts of headers, in the languages and the form of [`super::header_words`].

/// Parts of headers that mean nothing to a colleague.
pub(super) const TECHNICAL_PARTS: &str = "lastactivity derniereactivite letztenaktivitat ultimaactividad ultimaattivita lastmodified lastviewed lastreferenced \
    createdby createddate createdate creationdate datedecreation fechadecreacion datadicreazione datadecriacao \
    aanmaakdatum erstellungsdatum personcreated updatetime modifiedtime modstamp optedout optout unsubscribed bounced \
    conversiondate jigsaw converted unread optin donotdisturb dirsync lastedited marketingcontactstatus associatednote emaildomain \
    firstpageseen lastpageseen timescontacted legalbasis curequestdate cuupdatedate numberofpageviews numberofsessions \
    averagepageviews timefirstseen timelastseen originalsource latestsource originaltrafficsource latesttrafficsource \
    firstconversion recentconversion formsubmissions marketingemails insequence";
/// Words of headers that mean nothing to a colleague: marks of time, keys, consents, settings and names in a chat.
pub(super) const TECHNICAL_STEMS: &str = "created updated modified changed edited guid sid uuid password token credential logon dirsync enabled \
    timestamp stamp language timezone skype twitter facebook linkedin instagram messenger icq jabber accepts consent ip \
    ringtone registered";
/// Words of a kind of person, in front of or behind a part of a name.
pub(super) const PERSON_KINDS: &str = "patient patients patienten customer customers cust client clients cliente kunde kunden klant lead contact contacto \
    contatto kontakt person applicant guest tenant member student vendor paciente paziente default address billing \
    shipping";
/// Words of a name.
pub(super) const NAME: &str = "name nom nombre nome naam";
/// Words of a column of numbers, behind a kind of phone: `office_number`.
pub(super) const NUMBER: &str = "number no num nr nummer numero";
/// Kinds of phones that are no kinds of addresses.
pub(super) const NUMBER_KINDS: &str = "office main direct alternate alt emergency contact evening day";
/// Words that are a street or a postcode in any header.
pub(super) const STREET: &str = "address adresse anschrift direccion indirizzo endereco adres street strasse straat calle zip zipcode postalcode \
    postcode plz postleitzahl cep adres adress ulica";
/// Parts that make any header private: birthdays and anniversaries.
pub(super) const PRIVATE_PARTS: &str = "birth geburt naissance anniversa nacimiento cumpleanos nascimento nascita compleanno aniversar geboorte verjaardag \
    jahrestag hochzeitstag passport passeport pasaporte passaporto passaporte reisepass paspoort bankaccount taxnumber \
    assurancemaladie healthcard aadhaar aadhar nationalinsurance securitesociale socialsecurity ustid nifcif fodelse fodsel urodzin";
/// Words of an address.
pub(super) const ADDRESS: &str = "street address zip zipcode postal postalcode postcode pobox box city state province country region strasse str \
    hausnummer hausnr plz postleitzahl postfach ort wohnort stadt land bundesland adresse anschrift rue ville cp pays \
    calle ciudad direccion codigo provincia pais domicilio latitude longitude geocodeaccuracy postale boite via cap \
    indirizzo citta paese rua cep endereco morada cidade estado bairro straat plaats woonplaats adres adress ulica postnummer postnr postort miasto werkadres huisadres \
    provincie huisnummer postbus casella apartado caixa postanschrift codice localita";
/// Words that make a town or a country part of an address.
pub(super) const ADDRESS_KINDS: &str = "home personal business work mailing buro other billing shipping postal primary geschaftlich privat private prive weitere \
    weiterer bureau domicile autre travail casa trabajo particular otra otro residencia residencial comercial empresa uff \
    ab altra altro ufficio abitazione professionnelle professionnel werk huis thuis ander andere arbete hem annan arbejde hjem andet arbeid sluzbowy domowy inny";
/// Words of a town or a country, which alone may name the place of a customer.
pub(super) const PLACES: &str = "city country state province region ort stadt land bundesland ville pays ciudad provincia pais citta paese cidade \
    estado plaats woonplaats provincie localita countryregion";
/// Words of a column of mail addresses.
pub(super) const MAIL: &str = "mail courriel messagerie correo email mails posta elettronica electronico electronique eletronico emailadres mailadres \
    primare sekundare premiere secondaire secondary principale";
/// Words that make such a column one about the address.
pub(super) const MAIL_DETAILS: &str = "typ type tipo angezeigter anzeigename display nom complet nombre visualizzato exibicao mostrar weergavenaam nome naam";
/// Header words that mark a phone column.
pub(super) const PHONE: &str = "tel cell mobile mobil handy portable movil callback isdn landline telf tlf gsm natel festnetz mobilnummer mobilfunk \
    cellulaire celular cellulare ruckmeldung ruckruf ph mob telnr rufnr handynr mobilnr mobiltel tlfno tfno telef mobiel \
    mobiele telefonino fone ddi did tfn telefonnr komorkowy komorka";
/// Parts at the start or end of a header word that mark a phone column.
pub(super) const PHONE_ENDS: &str =
    "phone telefon telefono telephone rufnummer telefonnummer handynummer telefoon telefone telefoonnummer telemovel";
/// Header words of numbers that no caller has.
pub(super) const FAX: &str = "fax telefax faxnummer pager beeper telex telecopieur telecopie telec radiomessagerie buscapersonas localizador \
    cercapersone semafoon biper bipeur facsimile telefaks faks teleavertisseur pagette";
/// Last words of a column about a phone number or a mail address that is neither.
pub(super) const DESCRIBING: &str = "label type extension ext carrier typ";
/// Words between the words of a header.
pub(super) const SMALL: &str =
    "de del della di da do das dos des du la le l les el of the and und et y o e en op van zu der";
