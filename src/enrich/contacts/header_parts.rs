//! Words and parts of headers, in the languages and the form of [`super::header_words`].

/// Parts of headers that mean nothing to a colleague.
pub(super) const TECHNICAL_PARTS: &str = "lastactivity derniereactivite letztenaktivitat ultimaactividad ultimaattivita lastmodified lastviewed lastreferenced \
    createdby createddate createdate creationdate datedecreation fechadecreacion datadicreazione datadecriacao \
    aanmaakdatum erstellungsdatum personcreated updatetime modifiedtime modstamp optedout optout unsubscribed bounced \
    conversiondate jigsaw";
/// Parts that make any header private: birthdays and anniversaries.
pub(super) const PRIVATE_PARTS: &str = "birth geburt naissance anniversa nacimiento cumpleanos nascimento nascita compleanno aniversar geboorte verjaardag \
    jahrestag hochzeitstag";
/// Words of an address.
pub(super) const ADDRESS: &str = "street address zip zipcode postal postalcode postcode pobox box city state province country region strasse str \
    hausnummer hausnr plz postleitzahl postfach ort wohnort stadt land bundesland adresse anschrift rue ville cp pays \
    calle ciudad direccion codigo provincia pais domicilio latitude longitude geocodeaccuracy postale boite via cap \
    indirizzo citta paese rua cep endereco morada cidade estado bairro straat plaats woonplaats adres werkadres huisadres \
    provincie huisnummer postbus casella apartado caixa postanschrift codice localita";
/// Words that make a town or a country part of an address.
pub(super) const ADDRESS_KINDS: &str = "home personal business work mailing buro other billing shipping postal primary geschaftlich privat private prive weitere \
    weiterer bureau domicile autre travail casa trabajo particular otra otro residencia residencial comercial empresa uff \
    ab altra altro ufficio abitazione professionnelle professionnel werk huis thuis ander andere";
/// Words of a town or a country, which alone may say where a customer is.
pub(super) const PLACES: &str = "city country state province region ort stadt land bundesland ville pays ciudad provincia pais citta paese cidade \
    estado plaats woonplaats provincie localita";
/// Words of a column of mail addresses.
pub(super) const MAIL: &str = "mail courriel messagerie correo email mails posta elettronica electronico electronique eletronico emailadres mailadres \
   ";
/// Words that make such a column one about the address.
pub(super) const MAIL_DETAILS: &str = "typ type tipo angezeigter anzeigename display nom complet nombre visualizzato exibicao mostrar weergavenaam nome naam";
/// Header words that mark a phone column.
pub(super) const PHONE: &str = "tel cell mobile mobil handy portable movil callback isdn landline telf tlf gsm natel festnetz mobilnummer mobilfunk \
    cellulaire celular cellulare ruckmeldung ruckruf ph mob telnr rufnr handynr mobilnr mobiltel tlfno tfno telef mobiel \
    mobiele telefonino";
/// Parts at the start or end of a header word that mark a phone column.
pub(super) const PHONE_ENDS: &str =
    "phone telefon telefono telephone rufnummer telefonnummer handynummer telefoon telefone telefoonnummer telemovel";
/// Header words of numbers that no caller has.
pub(super) const FAX: &str = "fax telefax faxnummer pager beeper telex telecopieur telecopie telec radiomessagerie buscapersonas localizador \
    cercapersone semafoon biper bipeur";
/// Last words of a column about a phone number or a mail address that is neither.
pub(super) const DESCRIBING: &str = "label type extension ext carrier typ";
/// Words between the words of a header.
pub(super) const SMALL: &str =
    "de del della di da do das dos des du la le l les el of the and und et y o e en op van zu der";
