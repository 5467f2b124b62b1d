//! Tests of addresses and words that GoTo may send for a number. Spellings of people are in `cells`.

use super::*;

#[test]
fn wire_words_for_hidden_and_unavailable_differ() {
    for hidden in [
        "anonymous",
        "asserted-identity",
        "ID withheld",
        "P",
        "Private",
        "tel:anonymous",
        "Blocked caller",
        "Appel masqué",
        "sip:anonymous@192.0.2.1",
        "Anonymous <sip:anonymous@anonymous.invalid>",
        "sip:restricted@pbx.example.com",
        "sip:Private@pbx.example.com;user=phone",
        "Caller ID withheld",
        "Withheld Number",
        "Name and number withheld",
        "NUMBER BLOCKED",
        "Presentation restricted",
        "Private call",
        "Unterdrückt",
        "Numéro masqué",
        "Número oculto",
        "privé",
        "sip:+15145550199@anonymous.invalid",
        "0000000",
        "\"Anonymous\" <sip:c8oqz84z@privacy.example>",
        "sip:x@restricted.invalid",
    ] {
        assert_eq!(PhoneNumber::parse(Some(hidden), Region::US), PhoneNumber::Withheld, "{hidden}");
    }
    for hidden in ["\"Alice\" <sip:anonymous@anonymous.invalid>", "sip:15145550199@anonymous.invalid;user=phone"] {
        assert_eq!(PhoneNumber::parse(Some(hidden), Region::US), PhoneNumber::Withheld, "{hidden}");
    }
    for away in [
        "outofarea",
        "Coin/Payphone",
        "out of area call",
        "Unbekannter Anrufer",
        "Unavailable",
        "sip:unknown@unknown.invalid",
        "sip:Unknown@10.0.0.1",
        "NOT-AVAILABLE",
        "Number unavailable",
        "Address unavailable",
        "Out of Area",
        "Out-of-service area",
        "No number provided",
        "Name unavailable",
        "Payphone call",
        "Coin phone",
        "International",
        "Inconnu",
        "Unbekannt",
        "Desconocido",
        "Sconosciuto",
        "Unassigned",
        "?",
        "interaction with other service",
        "N/A",
        "null",
        "out of area",
        "Out-Of-Area",
        "UNAVAILABLE",
        "Unknown caller",
        "O",
        "coin",
        "Payphone",
        "sip:unavailable@x",
        "sip:x@unavailable.invalid",
        "\"Bob\" <sip:c8oqz84z@UNAVAILABLE.invalid:5060>",
        "sip:x@out-of-area.invalid",
    ] {
        assert_eq!(PhoneNumber::parse(Some(away), Region::US), PhoneNumber::Unavailable, "{away}");
    }
}

#[test]
fn wire_address_is_reduced_to_its_number() {
    for text in [
        "+15145550199;verstat=TN-Validation-Passed",
        "tel:+1-514-555-0199;cpc=ordinary;npdi;rn=+15145550000;x-new=7",
        "sip:+15145550199;verstat=TN-Validation-Passed@pbx.example.com;user=phone",
        "\"Alice, Ltd\" <sip:%2B15145550199@pbx.example.com:5060;transport=tls>;tag=1928301774",
        "Alice <tel:+15145550199>",
        "sip:5145550199@10.0.0.1",
        "tel:+1-514-555-0199;phone-context=example.com",
        "tel:5550199;phone-context=+1514",
        "sip:5550199;phone-context=+1514@pbx.example.com",
        "sip:555-0199;phone-context=+1-514;user=phone@10.0.0.1",
        "sip:5145550199;phone-context=example.com@10.0.0.1",
        "sip:+15145550199;phone-context=+1@10.0.0.1;user=phone",
        "sip:5145550199;phone-context=+1@pbx.example.com",
        "SIP:+15145550199@PBX.EXAMPLE.COM",
        "sips:+15145550199@pbx.example.com:5061;transport=tcp",
        "<sip:+15145550199@pbx.example.com>;tag=ab12;verstat=TN-Validation-Passed",
        "\"+15145550199\" <sip:+15145550199@pbx.example.com>",
        "\"Zoë \\\"Ace\\\" <Moe>\" <sip:+15145550199@pbx.example.com>",
        "Alice Martin <+15145550199>",
        "sip:0015145550199@pbx.example.com",
        "sip:+1514%20555%200199@pbx.example.com",
        "sip:%28514%29555-0199@pbx.example.com",
        "tel:%2B15145550199",
        "tel:+15145550199;isub=1234;ext=22",
        "+15145550199;oli=62",
        "+15145550199;isup-oli=0;cpc=payphone",
        "+15145550199;npdi;rn=+15145550000;cic=+15551",
        "+15145550199;VERSTAT=TN-Validation-Failed",
        "sip:+15145550199:secret@pbx.example.com",
        "15145550199@pbx.example.com",
        "+15145550199@pbx.example.com",
        "sip:15145550199",
        "h323:+15145550199@gw.example.com",
        " +1 (514) 555-0199 ",
        "\u{202a}+1 514 555 0199\u{202c}",
        "1 514 5550199",
        "001 514 555 0199",
        "sip:*67+15145550199@pbx.example.com",
        "sip:+15145550199#@pbx.example.com",
        "sip:%2B15145550199%3Bcpc=ordinary@10.0.0.1",
    ] {
        let number = PhoneNumber::parse(Some(text), Region::US);
        assert_eq!(number.as_e164().map(E164::expose), Some("+15145550199"), "{text}");
    }
    assert_eq!(verification("+15145550199;verstat=TN-Validation-Passed"), Some(true));
    assert_eq!(verification("sip:+15145550199;verstat=TN-Validation-Failed-A@x"), Some(false));
    assert_eq!((verification("+15145550199;verstat=No-TN-Validation"), verification("+15145550199")), (None, None));
}

#[test]
fn wire_text_with_two_numbers_is_unparsed() {
    for text in [
        "514-555-0132 or 514-555-0133",
        "+10000000000",
        "+15141550199",
        "+49 0000000000",
        "*97",
        "sip:alice@example.com",
        "sip:conf-5145550199-room@example.com",
        "+1514555019",
    ] {
        assert!(matches!(PhoneNumber::parse(Some(text), Region::US), PhoneNumber::Unparsed(_)), "{text}");
    }
}

#[test]
fn wire_parameters_of_a_payphone_name_it() {
    for payphone in [
        "+15145550199;cpc=payphone",
        "tel:+1-514-555-0199;npdi;CPC=PayPhone",
        "sip:+15145550199;isup-oli=27@x",
        "+15145550199;oli=70",
    ] {
        assert_eq!(line_of_parameters(payphone), Some("payphone"), "{payphone}");
    }
    for other in ["+15145550199;cpc=ordinary", "+15145550199;oli=62", "+15145550199", "+15145550199;x=cpc=payphone"] {
        assert_eq!(line_of_parameters(other), None, "{other}");
    }
    assert_eq!(NetworkName::parse("payphone").substitute.as_deref(), Some("payphone"), "it is no person's name");
}
