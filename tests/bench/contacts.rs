//! Look-up cost: load time and memory of 500,000 contact numbers, and the wait of a card for three sources.

use super::{
    process_stats::Memory,
    table::{format_duration, format_mib},
};
use poprelay::{
    enrich::{Enricher, SourceConfig, raw::People},
    model::{
        call::{Call, Caller},
        ids::{AccountKey, ConnectionName, ConversationSpaceId},
        phone::{E164, PhoneNumber, Region},
        time::{Now, Timestamp},
    },
};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::Path,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// In-memory look-ups, timed together.
const LOOKUPS: u32 = 100_000;
/// Cards whose look-ups are timed one by one.
const CARDS: u32 = 2000;

/// Spelling of the numbers of a table: name, start of the number, start as written, text behind, region.
type Spelling = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// Spellings with a fast path each, and two without one.
const SPELLINGS: [Spelling; 8] = [
    ("North America", "+1415", "+1415", "", "US"),
    ("1-415-…", "+1415", "1-415-", "", "US"),
    ("(415) … (cell)", "+1415", "(415) ", " (cell)", "US"),
    ("415-… x12", "+1415", "415-", " x12", "US"),
    ("Germany", "+4930", "+4930", "", "US"),
    ("030 …", "+4930", "030 ", "", "DE"),
    ("030/…", "+4930", "030/", "", "DE"),
    ("Büro: (030) …", "+4930", "Büro: (030) ", "", "DE"),
];

/// Returns a CSV table of `people` with two numbers each: `prefix` + 2000000 and up, and `prefix` + 3000000 and up.
fn table(people: u32, prefix: &str, behind: &str) -> String {
    let mut text = String::from("Name,Company,Phone,Mobile,Tier,Email\n");
    for n in 0..people {
        let (company, phone, mobile) = (n % 5000, 2_000_000 + n, 3_000_000 + n);
        writeln!(
            text,
            "Person {n},Company {company},{prefix}{phone}{behind},{prefix}{mobile}{behind},Gold,p{n}@example.com"
        )
        .unwrap();
    }
    text
}

fn number(text: &str) -> E164 {
    PhoneNumber::parse(Some(text), Region::US).as_e164().expect("a number").clone()
}

/// Prints the cost of a contacts file, then the wait of a card for the file, a CRM and the history. Runs first, because the
/// memory of this process is measured.
pub async fn costs(people: u32) {
    println!();
    println!("{:<24}{:>14}{:>14}{:>14}{:>14}", "contacts", "numbers", "load", "memory", "look-up");
    let me = std::process::id();
    let mut indexes = Vec::new();
    for (name, prefix, written, behind, region) in SPELLINGS {
        let text = table(people, written, behind);
        let region = Region::parse(region).expect("a region");
        let before = Memory::of(me);
        let start = Instant::now();
        let index = People::read(text.as_bytes(), &BTreeMap::new(), region).expect("a table");
        let took = start.elapsed();
        let memory = Memory::of(me).anonymous.saturating_sub(before.anonymous);
        let numbers: Vec<_> = (0..LOOKUPS)
            .map(|n| number(&format!("{prefix}{}", 2_000_000 + u64::from(n) * u64::from(people) / u64::from(LOOKUPS))))
            .collect();
        let start = Instant::now();
        let found = numbers.iter().filter(|number| index.find(number).len() == 1).count();
        let each = start.elapsed() / LOOKUPS;
        assert_eq!(found, numbers.len(), "a number has no match");
        println!(
            "{name:<24}{:>14}{:>14}{:>14}{:>11} ns",
            people * 2,
            format_duration(took),
            format_mib(memory),
            each.as_nanos()
        );
        indexes.push(index);
    }
    drop(indexes);
    card(people).await;
}

/// Prints the wait of a card for three sources.
async fn card(people: u32) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::write(dir.path().join("people.csv"), table(people, "+4930", "")).unwrap();
    let enricher = sources(dir.path(), crm());
    let mut took = Vec::new();
    for nth in 0..CARDS {
        // A new number for each card, so that the cache has no CRM answer.
        let call = call(nth);
        let start = Instant::now();
        let found = enricher.lookup(&call, Now::current()).await;
        took.push(start.elapsed());
        assert!(found.failed_sources.is_empty() && found.history.is_some(), "{found:?}");
    }
    took.sort_unstable();
    let at = |part: usize| format_duration(took[took.len() * part / 100]);
    println!("a card waits for contacts, a CRM on loopback and the history: p50 {}, p99 {}", at(50), at(99));
}

fn sources(dir: &Path, crm: u16) -> Enricher {
    let people = dir.join("people.csv");
    let tables = [
        serde_json::json!({"type": "contacts", "path": people}),
        serde_json::json!({"type": "http", "name": "crm", "fields": {"name": "/name"},
            "url": format!("http://127.0.0.1:{crm}/?q={{{{ number }}}}")}),
    ];
    let configs: Vec<SourceConfig> = tables.into_iter().map(|table| serde_json::from_value(table).unwrap()).collect();
    let client = poprelay::runtime::http::HttpStack::open(Default::default()).unwrap();
    let secret: poprelay::enrich::SecretReader = std::sync::Arc::new(|secret: &poprelay::model::secret::SecretRef| {
        secret.read(None).map_err(|error| error.to_string())
    });
    let deadline = Duration::from_secs(20);
    let history = std::sync::Arc::new(super::store::open(dir, poprelay::outbox::Durability::PowerLoss));
    let built = Enricher::build(&configs, deadline, &secret, &client, Some(history), Region::US);
    let (enricher, notes) = built.map_err(|bad| bad.0).unwrap();
    assert!(notes.is_empty(), "{notes:?}");
    enricher
}

/// Starts a CRM with a match for every number on a separate thread. Returns its port.
fn crm() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while let Ok(1..) = stream.read(&mut buffer).await {
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"name\":\"Alice\"}";
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
    });
    port
}

fn call(nth: u32) -> Call {
    Call::new(
        ConversationSpaceId::try_from(format!("c-{nth}").as_str()).unwrap(),
        ConnectionName::try_from("main").unwrap(),
        AccountKey::try_from("1").unwrap(),
        Region::US,
        Caller { name: None, number: PhoneNumber::Known(number(&format!("+4930{}", 3_000_000 + nth))) },
        Timestamp::now(),
    )
}
