//! Tests of cells in contact files: numbers with labels, remarks and separators. Single numbers are in the parent.

use super::*;

/// Returns the cells: cell, numbers, region.
fn cells() -> Vec<(&'static str, Vec<&'static str>, Region)> {
    let lines = include_str!("../cells.tsv").lines().filter(|line| !line.starts_with('#'));
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
    assert_eq!(read_cell("514-555-0160 (fax)", Region::US), Err(CellProblem::NoCaller));
    assert_eq!(read_cell("see notes", Region::US), Err(CellProblem::NoNumber));
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
        // `bip` is a pager.
        prop_assume!(!remark.split([' ', '/']).any(tokens::is_fax_word));
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

    /// Checks that each number found stands in the cell: all its digits in a row, or an abbreviation behind a number with the
    /// same start.
    #[test]
    fn cell_of_any_text_has_no_other_digits(
        cell in "([0-9]{1,5}|[0-9]{3}-[0-9]{3}-[0-9]{4}|\\+|[-. ()/,;:&x#]|or|fax|cell|[a-z]{1,4}){1,16}",
    ) {
        for region in [Region::US, Region::parse("DE").unwrap(), Region::parse("AR").unwrap()] {
            let mut before: Vec<String> = Vec::new();
            for number in read_cell(&cell, region).unwrap_or_default() {
                let national = number.national_digits();
                prop_assert!(stands_in(&cell, &national, &before), "{} is not in {cell}", number.expose());
                before.push(national);
            }
        }
    }

    /// Checks the same for abbreviations, which random text rarely has.
    #[test]
    fn cell_of_abbreviations_has_no_other_digits(
        (number, _) in spelling(),
        tails in prop::collection::vec("( ?/ ?|, ?| or | & | \\(h\\) / | and |-)[0-9]{1,7}( \\(w\\)| home|x[0-9]{2})?", 1..4),
    ) {
        let cell = format!("{number}{}", tails.concat());
        let mut before: Vec<String> = Vec::new();
        for number in read_cell(&cell, Region::US).unwrap_or_default() {
            let national = number.national_digits();
            prop_assert!(stands_in(&cell, &national, &before), "{} is not in {cell}", number.expose());
            before.push(national);
        }
    }
}

/// Returns whether a cell has a national number: in digits, in letters of a keypad, or as a tail behind one of the numbers
/// `before`. In Argentina it may have 15 behind the area code instead of 9 before it.
fn stands_in(cell: &str, national: &str, before: &[String]) -> bool {
    let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
    let key = |c: char| "22233344455566677778889999".chars().nth(usize::from(c as u8 - b'a'));
    let keypad: String =
        cell.chars().filter_map(|c| if c.is_ascii_lowercase() { key(c) } else { c.to_digit(10).map(|_| c) }).collect();
    let groups =
        || cell.split(|c: char| !c.is_ascii_digit() && c != '-' && c != '.').map(|it| it.replace(['-', '.'], ""));
    let is_tail = |tail: &String| {
        let head = national.strip_suffix(tail.as_str()).filter(|_| (1..=7).contains(&tail.len()));
        let begins = |known: &String| known.len() == national.len() && head.is_some_and(|head| known.starts_with(head));
        before.iter().any(begins)
    };
    let has_fifteen = |end: usize| {
        let parts = national.strip_prefix('9').and_then(|rest| rest.split_at_checked(end));
        parts.is_some_and(|(area, local)| digits.contains(&format!("{area}15{local}")))
    };
    let is_argentine_mobile = || national.len() == 11 && (2..=4).any(has_fifteen);
    digits.contains(national)
        || keypad.contains(national)
        || groups().any(|tail| is_tail(&tail))
        || is_argentine_mobile()
}
