//! Words of private columns, in the languages and the form of [`super::header_words`]. A phrase is written without blanks and
//! without small words: `Carte de crédit` is `cartecredit`.

use std::{collections::HashSet, sync::LazyLock};

/// Words and phrases that make a column private wherever they stand in its header.
static ANYWHERE: LazyLock<HashSet<&str>> =
    LazyLock::new(|| [FAMILY, PAPERS, MONEY, ACCESS, HEALTH].iter().flat_map(|list| list.split_whitespace()).collect());

/// Names of numbers and codes. Some are also common words of a language (`sin`, `ein`), hence they decide only alone or beside
/// words such as `number` and `client`.
static ALONE: LazyLock<HashSet<&str>> = LazyLock::new(|| NUMBERS.split_whitespace().collect());

/// Returns whether the word or phrase makes any column private.
pub(super) fn is_private_phrase(phrase: &str) -> bool {
    ANYWHERE.contains(phrase)
}

/// Returns whether a header with this word alone is private.
pub(super) fn is_private_number(word: &str) -> bool {
    ALONE.contains(word)
}

const FAMILY: &str = "wife wifes husband husbands spouse spouses fiance fiancee girlfriend boyfriend kid kids children childrens child \
    daughter daughters mother mothers father fathers siblings nextkin emergencycontact wedding marriage married marital \
    divorced dob bday bdate ethnicity religion nationality maiden politicalparty sexualorientation \
    ehefrau ehemann ehegatte ehegattin ehepartner ehepartnerin gattin gatte lebensgefahrte lebensgefahrtin lebenspartner \
    lebenspartnerin familienstand verheiratet kinder sohn tochter mutter hochzeit hochzeitsdatum geb gebtag gebdat gebdatum \
    konfession staatsangehorigkeit notfallkontakt \
    epouse epoux mari femme conjoint conjointe conjoints mariage situationfamille situationfamiliale etatcivil enfant \
    enfants contacturgence \
    esposa esposo marido conyuge hijo hija hijos hijas boda bodas matrimonio estadocivil contactoemergencia \
    moglie marito sposo sposa coniuge figlio figlia figli statocivile contattoemergenza \
    conjuge filho filha filhos casamento contatoemergencia \
    echtgenote echtgenoot zoon dochter kinderen huwelijk trouwdatum trouwdag burgerlijkestaat noodcontact \
    hustru sambo aegtefaelle ektefelle malzonek malzonka dzieci slub";
const PAPERS: &str = "ssn itin socialsecurity socialinsurance nationalinsurance medicare medicaid healthcard healthinsurance \
    driverslicense driverlicense driverslicence driverlicence drivinglicence drivinglicense dlnumber governmentid nationalid \
    identitycard idcard idnumber greencard visanumber visano visaexpiry visastatus taxpayer taxcode vatnumber vatno vatid \
    federalid fein federalein passport \
    fuhrerschein personalausweis ausweis sozialversicherung sozialversicherungs svnummer svnr rvnummer rentenversicherungs \
    krankenkasse krankenversicherung krankenversicherungs versicherten steuerid steueridentifikations \
    permisconduire assurancesociale assurancemaladie cartevitale carteidentite \
    carnetconducir permisoconducir licenciaconducir segurosocial seguridadsocial tarjetasanitaria \
    patenteguida tesserasanitaria codicefiscale cartaidentita \
    cartaconducao carteirahabilitacao cnh cartaocidadao niss \
    rijbewijs burgerservice zorgverzekering zorgpas identiteitskaart \
    korkort korekort forerkort personnummer personnr cpr prawojazdy dowodosobisty";
const MONEY: &str = "creditcard creditcards debitcard bankcard paymentcard cardholder ccnumber ccno ccexp ccexpiry cvv cvc salary salaries wage \
    wages payroll income networth creditscore bank bankname bankaccount bankdetails routingnumber routingno abanumber \
    sortcode iban bic \
    kontonr kontonummer kreditkarte kreditkarten gehalt lohn einkommen kontoinhaber bankverbindung blz bankleitzahl \
    salaire cartecredit cartebancaire cartebleue comptebancaire numerocompte ncompte rib \
    salario sueldo tarjetacredito tarjetadebito cuentabancaria numerocuenta ncuenta \
    stipendio cartacredito contocorrente contobancario numeroconto \
    cartaocredito cartaodebito contabancaria numeroconta \
    salaris loon inkomen bankrekening rekeningnummer kreditkort kontobankowe numerkonta kartakredytowa pensja wynagrodzenie";
const ACCESS: &str = "pin pincode passcode doorcode gatecode alarmcode accesscode entrycode entrancecode lockbox lockboxcode garagecode keycode \
    securitycode buzzcode buzzercode buildingcode wificode wifikey securityquestion securityanswer secretquestion secretanswer \
    turcode torcode schliesscode zugangscode kennwort passwort codeporte codeentree codealarme codeacces digicode codesecret \
    motpasse codigopuerta codigoalarma codigoacceso contrasena codiceporta codiceallarme codiceaccesso codigoporta \
    codigoalarme senha deurcode toegangscode wachtwoord portkod dorkode haslo";
const HEALTH: &str = "diagnosis diagnoses diagnose diagnos diagnostic diagnostico diagnosi diagnoza medication medications medicalhistory \
    medicalcondition medicalconditions medicalrecord medicalnotes mrn allergy allergies bloodtype bloodgroup disability \
    prescription prescriptions illness disease pregnancy \
    krankheit medikament medikamente allergie allergien blutgruppe behinderung maladie maladies medicament medicaments \
    groupesanguin handicap medicacion alergia alergias gruposanguineo enfermedad discapacidad farmaci malattia \
    grupposanguigno medicacao doenca medicijnen bloedgroep ziekte";
const NUMBERS: &str = "sin ein itin tin nin nino ssn sv pin pan dni nie nif cif cpf cnpj rg rfc curp rut cuit cuil nip pesel bsn avs ahv nas nir \
    nss cc dl vat cardnumber cardno licence license licenceno licenseno licencenumber licensenumber age alter edad eta idade leeftijd sex son";

#[cfg(test)]
mod tests {
    use super::super::header_words::folded;
    use super::*;

    #[test]
    fn private_words_are_folded() {
        for word in ANYWHERE.iter().chain(ALONE.iter()) {
            assert_eq!(folded(word), *word);
        }
    }
}
