//! Fictional staff and callers, with numbers from the ranges reserved for fiction.

use super::scenario::{CalledNumber, Extension, Party};

/// Extensions and their owners.
pub(super) const STAFF: [(&str, &str); 8] = [
    ("1015", "Bob Roy"),
    ("1020", "Eve Kim"),
    ("1021", "Priya Natarajan"),
    ("1022", "Tomás Herrera"),
    ("1030", "Aoife Byrne"),
    ("1031", "Jun Watanabe"),
    ("0523", "Front desk"),
    ("1044", "Chloé Lefèvre"),
];

/// Outside phone to which a dial plan forwards calls.
pub(super) const MOBILE: &str = "+15145550188";

/// Phone numbers of the account. GoTo repeats the number of an unnamed one.
pub(super) const NUMBERS: [(&str, &str); 4] = [
    ("+15145550100", "Main line"),
    ("+15145550101", "+15145550101"),
    ("+15145550102", "+15145550102"),
    ("+442079460101", "+442079460101"),
];

/// Call queues, each with its wrap-up time in seconds.
const QUEUES: [(&str, u32); 4] = [("Support", 90), ("Sales", 0), ("Billing", 30), ("Returns & warranty", 60)];
/// Extension of the first queue.
const FIRST_QUEUE: usize = 1_101;

/// Caller names as networks show them: capitals, truncated, foreign, long, hostile.
const NAMES: [&str; 40] = [
    "ALICE MARTIN",
    "Robert Chen",
    "SMITH JOHN",
    "Maria Gonzalez",
    "Northwind Traders",
    "Kowalski, Anna",
    "O'BRIEN PATRICK",
    "Yuki Tanaka",
    "Contoso Dental",
    "David Okafor",
    "Elise Bergström",
    "RIVERA LUIS",
    "Hannah Weiß",
    "FABRIKAM INC",
    "Sophie Tremblay",
    "Ahmed Hassan",
    "WIRELESS CALLER",
    "Grace Lindqvist",
    "MONTREAL QC",
    "Noah Williams",
    "Zoë van der Berg",
    "Tailspin Toys",
    "PATEL R",
    "Ingrid Nygård",
    "Samuel Mbeki",
    "Olivia Rossi",
    "BLUE YONDER AIR",
    "Lucas Moreau",
    "Fatima Zahra",
    "Woodgrove Bank",
    "مريم العبد الله",
    "דניאל לוי",
    "李小龙",
    "山田 太郎",
    "🍕 Luigi's Pizza 🍕",
    "<!channel> *urgent* <https://evil.example|click>",
    "[Click me](https://evil.example) **now**",
    "Bartholomew Featherstonehaugh-Cholmondeley III of Greater Wolverhampton and Environs",
    "Ann & Co. <Sales>",
    "\u{202e}rellac a fo eman ehT",
];

/// Caller regions: number prefix, digits of the serial number, weight.
const PREFIXES: [(&str, u32, u32); 7] = [
    ("+1514555", 4, 40),
    ("+1212555", 4, 20),
    ("+1416555", 4, 15),
    ("+44207946", 4, 10),
    ("+493023125", 3, 5),
    ("+3319900", 4, 5),
    ("+6125550", 4, 5),
];

/// Returns a random extension.
pub(super) fn random_extension(rng: &mut fastrand::Rng) -> Extension {
    let (extension, name) = rng.choice(STAFF).unwrap_or(("1015", "Bob Roy"));
    Extension::new(extension, name)
}

/// Returns a random extension that is not `line`.
pub(super) fn other_extension(rng: &mut fastrand::Rng, line: &Extension) -> Extension {
    let mut other = random_extension(rng);
    while other.extension == line.extension {
        other = random_extension(rng);
    }
    other
}

/// Returns a random account number.
pub(super) fn random_account_number(rng: &mut fastrand::Rng) -> CalledNumber {
    let (number, name) = rng.choice(NUMBERS).unwrap_or(("+15145550100", "Main line"));
    CalledNumber { number: number.to_owned(), name: name.to_owned() }
}

/// Returns a random queue name.
pub(super) fn random_queue(rng: &mut fastrand::Rng) -> &'static str {
    rng.choice(QUEUES).map_or("Support", |(name, _)| name)
}

/// Returns the wrap-up time of a queue in seconds.
pub(super) fn queue_wrap_up(name: &str) -> u32 {
    QUEUES.iter().find(|(known, _)| *known == name).map_or(0, |(_, seconds)| *seconds)
}

/// Returns the extension of a queue. An unknown queue has the one after the last.
pub(super) fn queue_extension(name: &str) -> String {
    let place = QUEUES.iter().position(|(known, _)| *known == name).unwrap_or(QUEUES.len());
    (FIRST_QUEUE + place).to_string()
}

/// Returns a new caller. The `serial` makes the number unique for at least a thousand callers of a prefix.
pub(super) fn new_caller(rng: &mut fastrand::Rng, serial: u32) -> Party {
    let total: u32 = PREFIXES.iter().map(|(_, _, weight)| weight).sum();
    let mut draw = rng.u32(0..total);
    let mut chosen = ("+1514555", 4);
    for (prefix, digits, weight) in PREFIXES {
        if draw < weight {
            chosen = (prefix, digits);
            break;
        }
        draw -= weight;
    }
    let (prefix, digits) = chosen;
    let serial = serial % 10_u32.saturating_pow(digits);
    let number = format!("{prefix}{serial:0width$}", width = usize::try_from(digits).unwrap_or(4));
    let name = if rng.u8(0..100) < 12 { None } else { rng.choice(NAMES).map(str::to_owned) };
    Party { name, number: Some(number) }
}

/// Returns a caller with a withheld number. GoTo's word stands for the number, and the network may still send a name.
pub(super) fn withheld_caller(rng: &mut fastrand::Rng) -> Option<Party> {
    let name = rng.choice(["Anonymous", "PRIVATE", ""]).map(str::to_owned);
    Some(Party { name, number: Some("Anonymous".to_owned()) })
}

/// Companies, tiers, notes and names of the generated contacts file.
const COMPANIES: [&str; 10] = [
    "Northwind Traders",
    "Contoso Dental",
    "Fabrikam, Inc.",
    "Adatum",
    "Litware",
    "Proseware",
    "Tailspin Toys",
    "Woodgrove Bank",
    "Blue Yonder",
    "Fourth Coffee",
];
const TIERS: [&str; 5] = ["VIP", "Gold", "Silver", "", ""];
const NOTES: [&str; 5] = ["Asks for Eve", "Prefers to be called back after 3 pm", "Two open orders", "", ""];
const PEOPLE: [&str; 6] = ["Maya Lindholm", "Oscar Reyes", "Nadia Petrova", "Theo Laurent", "Ruth Abara", "Kenji Mori"];

/// Returns a row of the contacts file. A caller whose network name is not a person's gets a person's name.
pub(super) fn csv_row(rng: &mut fastrand::Rng, name: Option<&str>, number: &str) -> String {
    let person = name.filter(|name| name.chars().all(|c| c.is_alphabetic() || matches!(c, ' ' | '-' | '\'')));
    let fallback_name = rng.choice(PEOPLE).unwrap_or("Maya Lindholm");
    let name = person.map_or_else(|| fallback_name.to_owned(), title_case);
    let company = rng.choice(COMPANIES).unwrap_or_default();
    let (tier, notes) = (rng.choice(TIERS).unwrap_or_default(), rng.choice(NOTES).unwrap_or_default());
    let serial = rng.u32(10_000..99_999);
    format!("\"{name}\",\"{company}\",{number},{tier},{notes},https://crm.example.com/people/{serial}\n")
}

/// Converts `ALICE MARTIN` to `Alice Martin`.
fn title_case(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_uppercase().to_string());
        first.unwrap_or_default() + &letters.as_str().to_lowercase()
    };
    if name.chars().any(char::is_lowercase) {
        return name.to_owned();
    }
    name.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
