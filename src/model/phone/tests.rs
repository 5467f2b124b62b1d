//! Tests of reading, storing and formatting numbers.

mod cells;
mod wire;

use super::*;
use proptest::prelude::*;

#[test]
fn number_is_stored_as_e164_and_formatted_for_region() {
    let number = PhoneNumber::parse(Some("+15145550199"), Region::US);
    assert_eq!(number.as_e164().unwrap().expose(), "+15145550199");
    assert_eq!(number.format(Region::US, Mask::None).unwrap(), "(514) 555-0199");
    assert_eq!(number.format(Region::parse("de").unwrap(), Mask::None).unwrap(), "+1 514-555-0199");
    assert_eq!(PhoneNumber::parse(Some("(514) 555-0199"), Region::US), number);
}

#[test]
fn non_public_number_is_kept_unchanged() {
    assert_eq!(PhoneNumber::parse(None, Region::US), PhoneNumber::Withheld);
    assert_eq!(PhoneNumber::parse(Some(" Anonymous "), Region::US), PhoneNumber::Withheld);
    assert_eq!(PhoneNumber::parse(Some("1015"), Region::US), PhoneNumber::Short("1015".into()));
    assert_eq!(PhoneNumber::parse(Some("sip:x@y"), Region::US), PhoneNumber::Unparsed("sip:x@y".into()));
}

#[test]
fn number_debug_shows_last_two_digits_only() {
    let number = PhoneNumber::parse(Some("+15145550199"), Region::US);
    assert_eq!(format!("{number:?}"), "Known(+•••••••••99)");
    assert_eq!(number.format(Region::US, Mask::Last4).unwrap(), "(•••) •••-0199");
    assert_eq!(number.format(Region::US, Mask::All).unwrap(), "(•••) •••-••••");
}

/// Returns the examples: region, E.164, national, international, country, line.
fn examples() -> Vec<[&'static str; 6]> {
    let lines = include_str!("examples.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').collect::<Vec<_>>().try_into().unwrap()).collect()
}

#[test]
fn numbers_of_forty_countries_match_libphonenumber() {
    let other_region = |region: Region| if region == Region::US { Region::parse("DE").unwrap() } else { Region::US };
    let mut regions = std::collections::BTreeSet::new();
    for [region, e164, national, international, country, line] in examples() {
        regions.insert(region);
        let home = Region::parse(region).unwrap();
        let number = PhoneNumber::parse(Some(e164), other_region(home));
        assert_eq!(number.as_e164().map(E164::expose), Some(e164), "{region}");
        for spelling in [
            international.to_owned(),
            international.replace(['-', ' '], "."),
            format!("tel:{}", international.replace(' ', "-")),
            format!("sip:{e164}@pbx.example.com;user=phone"),
            e164.replace('+', "＋"),
        ] {
            assert_eq!(PhoneNumber::parse(Some(&spelling), other_region(home)), number, "{spelling}");
        }
        assert_eq!(PhoneNumber::parse(Some(national), home), number, "{national} in {region}");
        assert_eq!(number.format(home, Mask::None).as_deref(), Some(national), "{e164}");
        let abroad =
            if country == "CA" || e164.starts_with("+1") { Region::parse("DE").unwrap() } else { other_region(home) };
        assert_eq!(number.format(abroad, Mask::None).as_deref(), Some(international), "{e164}");
        let known = number.as_e164().unwrap();
        assert_eq!(known.country().map(|it| it.to_string()).unwrap_or_default(), country, "{e164}");
        assert_eq!(known.line_type().to_string(), line, "{e164}");
        if !["AR", "BR"].contains(&region) {
            assert_eq!(known.as_u64().to_string(), e164.replace('+', ""));
        }
        assert!(e164.ends_with(&known.national_digits()), "{e164}");
    }
    assert!(examples().len() >= 200 && regions.len() >= 30);
}

#[test]
fn extension_is_displayed_and_not_looked_up() {
    let plain = PhoneNumber::parse(Some("+15145550199"), Region::US);
    for text in ["+1 514 555 0199 ext. 12", "(514) 555-0199 x12", "tel:+1-514-555-0199;ext=12", "514-555-0199 #12"] {
        let number = PhoneNumber::parse(Some(text), Region::US);
        let known = number.as_e164().unwrap();
        assert_eq!((known.expose(), known.extension()), ("+15145550199", Some("12")), "{text}");
        assert_eq!(known.as_u64(), plain.as_e164().unwrap().as_u64());
        assert_eq!(number.format(Region::US, Mask::None).unwrap(), "(514) 555-0199 ext. 12");
        assert_eq!(known.to_string(), "+•••••••••99");
        let stored = serde_json::to_string(&number).unwrap();
        assert_eq!(serde_json::from_str::<PhoneNumber>(&stored).unwrap(), number);
    }
    assert_eq!(plain.as_e164().unwrap().extension(), None);
}

#[test]
fn withheld_short_and_impossible_numbers_are_distinguished() {
    for hidden in [
        "",
        "  ",
        "Anonymous",
        "RESTRICTED",
        "sip:anonymous@anonymous.invalid",
        "+266696687",
        "0000000000",
        "<private>",
    ] {
        assert_eq!(PhoneNumber::parse(Some(hidden), Region::US), PhoneNumber::Withheld, "{hidden:?}");
    }
    for short in ["0", "911", "1015", "123456", "sip:1015@pbx.example.com", "sip:911@pbx.example.com;user=phone"] {
        assert!(matches!(PhoneNumber::parse(Some(short), Region::US), PhoneNumber::Short(_)), "{short:?}");
    }
    assert!(
        matches!(PhoneNumber::parse(Some("1015"), Region::parse("DE").unwrap()), PhoneNumber::Short(_)),
        "an extension, not a Berlin number"
    );
    for invalid in [
        "555-0199",
        "5550199",
        "+1",
        "+999123456789",
        "+15145",
        "12345678901234567890",
        "pizza",
        "\u{0}",
        &"1".repeat(500),
    ] {
        assert!(matches!(PhoneNumber::parse(Some(invalid), Region::US), PhoneNumber::Unparsed(_)), "{invalid:?}");
    }
    assert_eq!(
        PhoneNumber::parse(Some("sip:bob@example.com"), Region::US),
        PhoneNumber::Unparsed("sip:bob@example.com".into())
    );
    assert_eq!(
        PhoneNumber::parse(Some("5145550199"), Region::parse("GB").unwrap()).as_e164().map(E164::expose),
        Some("+445145550199")
    );
}

#[test]
fn e164_from_invalid_text_is_rejected() {
    for bad in ["", "15145550199", "+0123", "+1514x", "+123456789012345678", "+15145550199;ext=", "+15145550199;ext=a"]
    {
        assert!(E164::try_from(bad.to_owned()).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_text_parses_and_round_trips(text in any::<String>(), digits in "[+0-9() ;ext=.-]{0,40}") {
        for text in [text, digits] {
            for region in [Region::US, Region::parse("DE").unwrap()] {
                let number = PhoneNumber::parse(Some(&text), region);
                let stored = serde_json::to_string(&number).unwrap();
                prop_assert_eq!(&serde_json::from_str::<PhoneNumber>(&stored).unwrap(), &number);
                if let Some(known) = number.as_e164() {
                    prop_assert_eq!(PhoneNumber::parse(Some(known.expose()), Region::US).as_e164().unwrap().as_u64(), known.as_u64());
                    let visible = known.to_string().chars().filter(char::is_ascii_digit).count();
                    prop_assert!(visible <= 2);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn north_american_number_is_formatted_as_by_the_library(digits in "[2-9][0-9]{9}", region in "US|CA|JM|DE|GB") {
        let number = E164::try_from(format!("+1{digits}")).unwrap();
        let region = Region::parse(&region).unwrap();
        let parsed = number.parsed().unwrap();
        let is_home = PHONE_NUMBER_UTIL.get_country_code_for_region(region.0) == Some(1);
        let format = if is_home { PhoneNumberFormat::National } else { PhoneNumberFormat::International };
        prop_assert_eq!(format_for(&number, region), PHONE_NUMBER_UTIL.format(&parsed, format).into_owned());
        prop_assert_eq!(number.national_digits(), get_national_significant_number_owned(&parsed));
    }

    #[test]
    fn text_without_digits_has_no_number(text in "[a-zA-Zäéñßж中 .,;:+()*#/@&-]{0,40}") {
        prop_assert!(cell::read(&text, Region::US, library::Proof::Possible).is_err());
    }
}

#[test]
fn region_without_numbering_plan_is_none() {
    assert!(Region::parse("ca").is_some());
    assert!(Region::parse("ZZ").is_none() && Region::parse("USA").is_none() && Region::parse("").is_none());
}

#[test]
fn old_and_new_mobile_forms_have_one_key() {
    let key = |text: &str| PhoneNumber::parse(Some(text), Region::US).as_e164().unwrap().as_u64();
    assert_eq!(key("+54 9 11 2345 6789"), key("+54 11 2345 6789"));
    assert_eq!(key("+55 11 98765 4321"), key("+55 11 8765 4321"));
    assert_ne!(key("+55 11 92345 6789"), key("+55 11 2345 6789"), "the short form is a landline");
    assert_eq!(key("+52 1 55 1234 5678"), key("+52 55 1234 5678"));
}

#[test]
fn number_with_a_zero_for_its_country_can_be_stored() {
    for text in ["+031331607539", "+041 44 668 18 00", "+0 31331607539", "+01 5145550122"] {
        for code in ["US", "DE", "AR"] {
            let number = PhoneNumber::parse(Some(text), Region::parse(code).unwrap());
            let stored = serde_json::to_string(&number).unwrap();
            assert_eq!(serde_json::from_str::<PhoneNumber>(&stored).unwrap(), number, "{text} in {code}");
        }
    }
}
