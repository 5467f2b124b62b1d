//! Whole headers of exports and of lists made by hand, in English, German, French, Spanish, Italian, Portuguese, Dutch,
//! Swedish, Danish, Norwegian and Polish. Each list is one text with blanks between its headers: lower case, without accents,
//! blanks and signs.

/// Headers of the full name.
pub(super) const NAME: &str = "name fullname displayname contactname contact nom nombre anzeigename fn formattedname contactperson contactpersoon \
    contactpersonname ansprechpartner interlocuteur personadecontacto referente nome nomecompleto nombrecompleto \
    nomcomplet naam volledigenaam kontakt contacto contatto patient paciente paziente guest tenant nomaafficher \
    kundenname patientenname namn navn imieinazwisko";
/// Headers of a customer: the name, or the company beside a column of names.
pub(super) const CUSTOMER: &str = "customer kunde client cliente klant";
/// Headers of the first name.
pub(super) const FIRST: &str = "firstname givenname first vorname prenom voornaam primeironome fornamn fornavn imie";
/// Headers of the last name.
pub(super) const LAST: &str = "lastname familyname surname last nachname nomdefamille apellidos apellido cognome sobrenome apelido apelidos \
    achternaam familienname patronyme efternamn efternavn etternavn nazwisko nomdusage primerapellido";
/// Headers of the text behind a name.
pub(super) const SUFFIX: &str = "suffix namesuffix suffixe sufijo sufixo achtervoegsel namenszusatz";
/// Headers of the company.
pub(super) const COMPANY: &str = "company companyname organization organisation organizationname organization1name accountname firma firmenname \
    unternehmen entreprise societe empresa associatedcompany associatedcompanyprimary primarycompany primarycompanyname primaryassociatedcompany employer org societa azienda ditta \
    ragionesociale razonsocial raisonsociale razaosocial compania companhia bedrijf bedrijfsnaam organizacion \
    organizzazione organizacao organisatie businessname zugeordnetesunternehmen entrepriseassociee empresaasociada \
    nombredelaempresa nomedaempresa nomdelentreprise foretag virksomhed bedrift nazwafirmy";
/// Headers of the customer tier.
pub(super) const TIER: &str = "tier customertier clienttier accounttier kundenstufe kundenklasse";
/// Headers of the customer tier in a file without the ones above.
pub(super) const WEAK_TIER: &str = "level plan segment stufe";
/// Headers of the colleague in charge.
pub(super) const OWNER: &str = "owner contactowner accountowner assignedto accountmanager responsible betreuer owneralias zustandigermitarbeiter \
    kontaktinhaber proprietaireducontact propietariodelcontacto proprietariodelcontatto proprietariodocontato \
    contacteigenaar eigenaar besitzer";
/// Headers of free text.
pub(super) const NOTES: &str = "notes note comment comments remark remarks notizen notiz bemerkung bemerkungen hinweise kommentar remarque remarques \
    commentaire commentaires notas observaciones description anotacoes observacoes opmerking opmerkingen notitie notities \
    annotazioni osservazioni commenti comentarios obs anteckningar noter notater bemaerkninger notatki uwagi";
/// Headers of tags.
pub(super) const TAGS: &str = "tags tag labels categories category groups groupmembership kategorien kategorie categorie categorias etiquettes \
    categoria categorieen etiquetas etichette marcadores label groupes gruppen grupos groupidname groupname kategorier";
/// Headers of a link to the record.
pub(super) const LINK: &str = "link url recordurl crmlink crmurl profile profileurl recordlink";
/// Headers of the job title.
pub(super) const JOB_TITLE: &str = "jobtitle title organizationtitle organization1title position role fonction funktion cargo puesto posizione functie \
    mansione ruolo funcao arbeitstitel befattning stilling stanowisko";
/// Headers of the department.
pub(super) const DEPARTMENT: &str = "department organizationdepartment organization1department abteilung departement departamento reparto afdeling avdelning avdeling dzial";
/// Headers of a mail address.
pub(super) const EMAIL: &str = "email emailaddress primaryemail secondaryemail email1value email2value email2address email3address emailadresse \
    adresseemail adressedemessagerie courriel correoelectronico emailid epost epostadress epostadresse";
/// Headers of phone columns without a word that marks one.
pub(super) const PHONE_HEADERS: &str = "rappel richiamata devoluciondellamada retornodechamada terugbellen ruckmeldung ruckruf rnis rdsi rdis isdn durchwahl \
    zentrale did direct directline mainline lignedirecte lineadirecta ph phno mob contactno contactnumber whatsapp fone \
    radiofone recapito recapitotelefonico vastnummer 06nummer numerodeteletipotty";
/// Headers of phone columns if no other column has phones. A customer number of ten digits is not a phone number.
pub(super) const FALLBACK_PHONE_HEADERS: &str = "number caller callerid numero nummer";
/// Headers that mean nothing to a colleague.
pub(super) const TECHNICAL: &str = "photo image nameprefix salutation middlename additionalname initials yominame givennameyomi familynameyomi \
    additionalnameyomi fileas nickname shortname language priority private sensitivity gender mileage emailtype \
    emaildisplayname email2type email2displayname email3type email3displayname internetfreebusy directoryserver subject \
    screenname webpage recordid contactid accountid id uid associatedcompanyids contactownerid createdby modifiedby \
    createdtime modifiedtime createdate createddate lastmodifieddate emailoptout donotcall keywords anrede titre civilite \
    weiterevornamen zweitervorname deuxiemeprenom segundonombre geschlecht sexe sexo initialen initiales \
    internetfreigebucht stichworter motscles palabrasclave sprache langue idioma reisekilometer kilometrage prioritat \
    priorite prioridad privat prive privado vertraulichkeit criteredediffusion confidencialidad webseite pageweb siteweb \
    paginaweb spitzname surnom lockeds recordimage unsubscribedmode givenyomi surnameyomi companyyomi imaddress skypeid \
    attachments disponibiliteinternet serveurdannuaire verzeichnisserver tratamiento tratamento titolo titulo titel \
    segundonome secondonome middelstenaam iniciales iniziali iniciais disponibilidadeninternet disponibilitainternet \
    beschikbaarheidsinfo kilometraje chilometraggio quilometragem reisafstand indennitatrasferta parolechiave \
    palavraschave trefwoorden lingua taal sesso geslacht priorita prioridade prioriteit privato riservatezza \
    confidencialidade gevoeligheid paginadaweb webpagina n rev revision prodid version impp socialprofile instantmessaging \
    twitter facebook linkedin profilepicture masterrecordid reportstoid createdbyid lastmodifiedbyid ownerid individualid \
    gaclientid isdeleted ispriorityrecord cleanstatus photourl contactowneralias datasource dataprocessingbasis \
    enrichstatus changelogtime marketingstatus doneactivities datensatzid iddefichedinformations idderegistro idregistro \
    website ring autodivert accountindex speeddial kurzwahl vanity srno slno serialno lfdnr lfdno ismycontact isbusiness iscompany \
    dn distinguishedname objectclass objectcategory objectguid objectsid memberof samaccountname userprincipalname \
    primarygroupid countrycode useraccountcontrol badpwdcount lastlogon lastlogontimestamp pwdlastset whencreated \
    whenchanged usncreated usnchanged instancetype proxyaddresses usagelocation pseudo memberrating gmtoff \
    dstoff leid euid confirmtime lastchanged subscriptionstatus taxnumbertype tytul mellannamn mellemnavn mellomnavn drugieimie kon kjonn plec \
    prioritet priorytet prywatne locked recordsource membershipnotes timezone";
/// Headers that only the config can show.
pub(super) const PRIVATE: &str = "birthday birthdate birthyear birthmonth dateofbirth dob geburtstag geburtsdatum anniversary spouse partner children \
    kinder hobby maidenname religion maritalstatus ssn socialsecuritynumber governmentidnumber organizationalidnumber \
    passportnumber taxid accountnumber iban bankaccount billinginformation referredby assistantsname managersname \
    personalwebpage secretquestion pin ehepartner ehepartnerin lebenspartner conjoint conjointe conyuge pareja enfants \
    hijos hobbys passetemps aficiones regierungsnr organisationsnr abrechnungsinformation abrechnungsinformationen \
    informationsdefacturation informationsfacturation facturacion empfohlenvon recommandepar nameassistent \
    namedesassistenten namedesdervorgesetzten namedesvorgesetzten nomdelassistante assistante konto kontonummer \
    bankverbindung compte numerodecompte accountno accountnr accountnum acctno steuernummer steuerid \
    sozialversicherungsnummer ausweisnummer personalausweis numerodesecuritesociale numerodidentificationgouvernementale \
    numerodidentificationdelorganisation adr bday schools assistant assistantname relatedname codegouvernement responsable \
    nombredelayudante nombredeljefe cuenta aficion numerodeidentificaciondelgobierno numdeiddelaorganizacion \
    recomendadopor informaciondefacturacion nomeassistente datifatturazione figli codicefiscale codfisc nomemanager \
    numeroidorganizzazione presentatoda coniuge nomedoassistente filhos conta numerodeidentificacaodogoverno cpf cnpj nif \
    dni nie nomedogerente indicadopor conjuge informacoesparacobranca naamassistent factuurgegevens kinderen sofinummer \
    bsn kvknummer naammanager verwezendoor echtgenoot echtgenote dataespecial specialedatum bodas neele gebdatum datanasc \
    iva piva partitaiva reportsto reportingto autreboitepostale bpprofessionnelle \
    bic nam ramq rfc curp rg pan ninumber nationality nationalite nationalitat nacionalidad nazionalita nacionalidade \
    rocznica arsdag barn born dzieci makemaka aegtefaelle ektefelle malzonek personnummer pesel nip apt apartment appt appartement";

/// Returns whether a list has the word.
pub(super) fn has(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|known| known == word)
}

/// Returns the text in lower case without accents, blanks and signs: `Téléphone (bureau)` is `telephonebureau`.
pub(super) fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()) {
        match c {
            'à'..='å' => folded.push('a'),
            'ç' => folded.push('c'),
            'è'..='ë' => folded.push('e'),
            'ì'..='ï' => folded.push('i'),
            'ñ' => folded.push('n'),
            'ò'..='ö' | 'ø' => folded.push('o'),
            'ù'..='ü' => folded.push('u'),
            'ß' => folded.push_str("ss"),
            'œ' => folded.push_str("oe"),
            'æ' => folded.push_str("ae"),
            'ą' => folded.push('a'),
            'ć' | 'č' => folded.push('c'),
            'ę' | 'ě' => folded.push('e'),
            'ł' => folded.push('l'),
            'ń' => folded.push('n'),
            'ś' | 'š' => folded.push('s'),
            'ź' | 'ż' | 'ž' => folded.push('z'),
            c => folded.push(c),
        }
    }
    folded
}
