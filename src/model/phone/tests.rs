//! Tests of reading, storing and formatting numbers.

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

#[test]
fn region_without_numbering_plan_is_none() {
    assert!(Region::parse("ca").is_some());
    assert!(Region::parse("ZZ").is_none() && Region::parse("USA").is_none() && Region::parse("").is_none());
}

/// Returns the cells: cell, numbers, region.
fn cells() -> Vec<(&'static str, Vec<&'static str>, Region)> {
    let lines = include_str!("cells.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut columns = line.split('\t');
            let (cell, numbers) = (columns.next().unwrap(), columns.next().unwrap());
            let numbers = if numbers == "none" { Vec::new() } else { numbers.split(',').collect() };
            (cell, numbers, columns.next().map_or(Region::US, |code| Region::parse(code).unwrap()))
        })
        .collect()
}

#[test]
fn cell_of_each_kind_has_exactly_its_numbers() {
    let mut wrong = Vec::new();
    for (cell, numbers, region) in cells() {
        let found = read_cell(cell, region).unwrap_or_default();
        let found: Vec<&str> = found.iter().map(E164::expose).collect();
        if found != numbers {
            wrong.push(format!("{cell} in {region}: {found:?} instead of {numbers:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cells().len() >= 36);
}

#[test]
fn cell_problem_names_a_rounded_number_and_a_fax() {
    assert_eq!(read_cell("1.51456E+10", Region::US), Err(CellProblem::Rounded));
    assert_eq!(read_cell("514-555-0160 (fax)", Region::US), Err(CellProblem::FaxOnly));
    assert_eq!(read_cell("see notes", Region::US), Err(CellProblem::NoNumber));
}

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
    ] {
        assert_eq!(PhoneNumber::parse(Some(hidden), Region::US), PhoneNumber::Withheld, "{hidden}");
    }
    for hidden in ["\"Alice\" <sip:anonymous@anonymous.invalid>", "sip:15145550199@anonymous.invalid;user=phone"] {
        assert_eq!(PhoneNumber::parse(Some(hidden), Region::US), PhoneNumber::Withheld, "{hidden}");
    }
    for away in [
        "outofarea",
        "Coin/Payphone",
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
fn old_and_new_mobile_forms_have_one_key() {
    let key = |text: &str| PhoneNumber::parse(Some(text), Region::US).as_e164().unwrap().as_u64();
    assert_eq!(key("+54 9 11 2345 6789"), key("+54 11 2345 6789"));
    assert_eq!(key("+55 11 98765 4321"), key("+55 11 8765 4321"));
    assert_ne!(key("+55 11 92345 6789"), key("+55 11 2345 6789"), "the short form is a landline");
    assert_eq!(key("+52 1 55 1234 5678"), key("+52 55 1234 5678"));
}

/// Returns a spelling of a number that a person writes.
fn spelling() -> impl Strategy<Value = (String, String)> {
    let number = (201_u32..=989, 200_u32..=999, 0_u32..=9999);
    let number = number
        .prop_filter("a plan without 911 and the like", |(area, exchange, _)| area % 100 != 11 && exchange % 100 != 11);
    (number, 0..8_usize).prop_map(|((area, exchange, line), form)| {
        let text = match form {
            0 => format!("({area}) {exchange}-{line:04}"),
            1 => format!("{area}-{exchange}-{line:04}"),
            2 => format!("+1{area}{exchange}{line:04}"),
            3 => format!("1-{area}-{exchange}-{line:04}"),
            4 => format!("{area}.{exchange}.{line:04}"),
            5 => format!("+1 ({area}) {exchange} {line:04}"),
            6 => format!("{area}{exchange}{line:04}"),
            _ => format!("tel:+1-{area}-{exchange}-{line:04}"),
        };
        (text, format!("+1{area}{exchange}{line:04}"))
    })
}

/// Returns the config of the property tests. `PROPTEST_CASES` sets the number of cases.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(cases.unwrap_or(2000))
}

proptest! {
    #![proptest_config(config())]

    /// Checks that a remark in parentheses adds no digit to a number, also where the plan has numbers of any length.
    #[test]
    fn remark_in_parentheses_changes_no_number(
        (number, region) in prop::sample::select(vec![
            ("514-555-0160", "US"), ("030 23125106", "DE"), ("+49 171 3920018", "DE"), ("020 7946 0150", "GB"), ("07700 900152", "GB"),
            ("01 99 00 01 21", "FR"), ("0491 570 114", "AU"), ("98765 43210", "IN"), ("03-1234-5679", "JP"), ("55 1234 5678", "MX"),
        ]),
        remark in "[0-9]{1,2}(h|-[0-9]{1,2}| Uhr|nd floor|\\. OG|)( / [0-9]{1,2}h)?( [a-z]{2,8})?",
    ) {
        let region = Region::parse(region).unwrap();
        let plain = read_cell(number, region).unwrap();
        let cell = format!("{number} ({remark})");
        prop_assert_eq!(read_cell(&cell, region), Ok(plain), "{}", cell);
    }

    /// Checks that remarks and separators neither hide a number nor add one.
    #[test]
    fn cell_of_numbers_and_remarks_has_these_numbers(
        numbers in prop::collection::vec(spelling(), 1..4),
        label in prop::sample::select(vec!["", "Cell: ", "mobile ", "H ", "(work) ", "Main line - "]),
        remark in prop::sample::select(vec!["", " (cell)", " home", " - office", " (ask for Bob)", " x12", " ext. 7", ",,5", "p5", "  "]),
        separator in prop::sample::select(vec![", ", "; ", " / ", " ::: ", " or ", " & ", "\n", " | ", ";", " and "]),
    ) {
        let cell = numbers.iter().map(|(text, _)| format!("{label}{text}{remark}")).collect::<Vec<_>>().join(separator);
        let found = read_cell(&cell, Region::US).unwrap_or_default();
        let mut expected: Vec<&str> = Vec::new();
        for (_, number) in &numbers {
            if !expected.contains(&number.as_str()) {
                expected.push(number);
            }
        }
        prop_assert_eq!(found.iter().map(E164::expose).collect::<Vec<_>>(), expected, "{}", cell);
    }

    /// Checks that each number found stands in the cell: its digits in a row, or an abbreviation behind a number with the
    /// same start.
    #[test]
    fn cell_of_any_text_has_no_other_digits(
        cell in "([0-9]{1,5}|[0-9]{3}-[0-9]{3}-[0-9]{4}|\\+|[-. ()/,;:&x#]|or|fax|cell|[a-z]{1,4}){1,16}",
    ) {
        let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
        let keypad: String = cell.chars().filter_map(|c| match c {
            'a'..='z' => "22233344455566677778889999".chars().nth(usize::from(c as u8 - b'a')),
            digit => digit.is_ascii_digit().then_some(digit),
        }).collect();
        for region in [Region::US, Region::parse("DE").unwrap(), Region::parse("AR").unwrap()] {
            for number in read_cell(&cell, region).unwrap_or_default() {
                let national = number.national_digits();
                // Argentina writes a mobile number with 15 behind the area code instead of 9 before it.
                let tail = national.get(national.len().saturating_sub(6)..).unwrap_or_default();
                let stands = digits.contains(tail) || keypad.contains(tail) || cell.contains(['/', '&']) || cell.contains("or");
                prop_assert!(stands, "{number:?} {} is not in {cell}", number.expose());
            }
        }
    }
}
