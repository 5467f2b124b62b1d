//! Test cards: every status with every kind of caller, and the gallery for the browser.

use jiff::tz::TimeZone;
use poprelay::cards::RenderOptions;
use poprelay::model::call::StatusKind;
use poprelay::model::call::{
    AccountNumber, Call, CallStatus, CallUpdate, Caller, MissedReason, Person, Queue, Transfer,
};
use poprelay::model::card::{
    Alert, CallCard, CallerHistory, CallerInfo, Card, Contact, Fact, GapSummary, Match, PastCall, PendingCallback,
    Recap,
};
use poprelay::model::phone::{Mask, PhoneNumber, Region};
use poprelay::model::time::Timestamp;
use std::time::Duration;

/// Returns the render time of all cards: 14:03 in New York.
pub fn now() -> Timestamp {
    "2026-11-23T19:03:20Z".parse().unwrap()
}

/// Returns the render options of all cards.
pub fn style(mask: Mask) -> RenderOptions {
    RenderOptions { time_zone: TimeZone::get("America/New_York").unwrap(), mask, ..RenderOptions::default() }
}

pub fn ago(seconds: i64) -> Timestamp {
    now() - jiff::SignedDuration::from_secs(seconds)
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub fn person(name: &str, extension: &str) -> Person {
    Person { name: text(name), extension: text(extension), line: None }
}

fn queue(name: &str) -> Queue {
    Queue { name: name.into(), extension: None }
}

/// Returns a call from `number` that started `seconds` ago.
pub fn call(number: &str, network: &str, seconds: i64) -> Call {
    Call {
        account_number: Some(AccountNumber {
            number: PhoneNumber::parse(Some("+15145550100"), Region::US),
            label: text("Main line"),
        }),
        people: vec![person("Bob Roy", "1015")],
        ..Call::new(
            format!("{number}-{seconds}")
                .as_str()
                .replace(' ', "-")
                .try_into()
                .unwrap_or_else(|_| "call".try_into().unwrap()),
            "main".try_into().unwrap(),
            "2930718022414574861".try_into().unwrap(),
            Region::US,
            Caller {
                name: (!network.is_empty()).then(|| network.to_owned()),
                number: PhoneNumber::parse(Some(number), Region::US),
            },
            ago(seconds),
        )
    }
}

pub fn card(call: Call, status: CallStatus, seconds: i64, found: CallerInfo) -> Card {
    Card::Call(Box::new(CallCard::new(CallUpdate { call, status, at: ago(seconds) }, found)))
}

/// Returns the CRM contact of Alice Martin.
pub fn alice() -> Contact {
    Contact {
        name: text("Alice Martin"),
        company: text("Martin Bakery"),
        tier: text("VIP"),
        owner: text("Eve Li"),
        notes: text("Prefers French. Waiting for the credit note of order 4711; promised a call back by Tuesday."),
        tags: vec!["wholesale".into(), "renewal".into()],
        link: text("https://crm.example.com/contacts/42?tab=all&from=poprelay"),
        facts: vec![
            Fact { label: "Open tickets".into(), value: "2, oldest 3 days".into(), source: "zendesk".into() },
            Fact { label: "Balance".into(), value: "CA$ 1,240.00 overdue".into(), source: "crm".into() },
        ],
        source: "crm".into(),
    }
}

fn one(contact: Contact) -> Match {
    Match::One { contact: Box::new(contact) }
}

fn named(name: &str, company: &str) -> Contact {
    Contact {
        name: text(name),
        company: text(company),
        link: text("https://crm.example.com/c/7"),
        source: "crm".into(),
        ..Contact::default()
    }
}

fn history(urgent: bool, missed_since: u32) -> CallerHistory {
    let last = PastCall { at: ago(720), outcome: StatusKind::Missed, answered_by: None };
    CallerHistory {
        last_call: Some(last),
        calls_in_week: 3,
        calls_in_month: 8,
        missed_since,
        urgent,
        repeat_calls: None,
    }
}

fn found(who: Match) -> CallerInfo {
    CallerInfo { matched: who, ..CallerInfo::default() }
}

/// Returns hostile texts by name, for every text field.
pub fn hostile() -> Vec<(&'static str, String)> {
    vec![
        ("empty", String::new()),
        ("blank", " \u{200B}\u{3164}\u{202E} \n".into()),
        (
            "slack-ping",
            "<!channel> <@U012AB3CD> <https://evil.example|Click> & @here *bold* `code` :tada: :fire:".into(),
        ),
        (
            "teams-link",
            "[Call back](https://evil.example) **b** _i_ <at>Bob</at> {{DATE(2026-11-23T10:00:00Z, SHORT)}} {{{{"
                .into(),
        ),
        ("address", "https://evil.example/pay www.evil.example evil.example <http://evil.example>".into()),
        ("controls", "a\u{0}b\u{7}c\r\n> quote\n- item\u{1b}[31m\u{85}\u{2028}x".into()),
        ("bidi", "\u{202E}gnp.exe\u{202C} \u{2066}x\u{2069} שלום עולם مرحبا".into()),
        ("emoji", "👩\u{200D}💻👨\u{200D}👩\u{200D}👧\u{200D}👦 📞 🇨🇦 1️⃣ ".repeat(8)),
        ("long", "Ünïcödé and more of it ".repeat(200)),
        ("long-escapes", "&<>[]*_\\`\"~".repeat(500)),
        ("long-astral", "𝕬".repeat(4000)),
        ("long-cjk", "電話".repeat(2000)),
        ("ampersands", "&".repeat(3000)),
        ("tower", format!("Z{}", "\u{301}\u{348}".repeat(800))),
        ("quotes", "\"}],\"blocks\":[{\\\"' ".into()),
    ]
}

/// Returns a contact with `text` in every field that a source can set.
fn everywhere(text: &str) -> Contact {
    let fact = Fact { label: text.into(), value: text.into(), source: text.into() };
    Contact {
        name: Some(text.into()),
        company: Some(text.into()),
        tier: Some(text.into()),
        owner: Some(text.into()),
        notes: Some(text.into()),
        tags: vec![text.into(); 20],
        link: Some(format!("https://crm.example.com/{}", text.chars().take(900).collect::<String>())),
        facts: vec![fact; 40],
        source: text.into(),
    }
}

/// Returns callers with their caller info, by name.
pub fn callers() -> Vec<(String, Call, CallerInfo)> {
    let known = "+15145550199";
    let silent = CallerInfo { failed_sources: vec!["crm".into(), "zoho-desk".into()], ..found(Match::NoMatch) };
    let urgent = CallerInfo { history: Some(history(true, 2)), ..found(one(alice())) };
    let first = CallerInfo { history: Some(CallerHistory::default()), ..found(Match::NoMatch) };
    let many = (0..9).map(|n| named(&format!("Person {n}"), "One Office")).collect();
    let mut callers = vec![
        ("not-asked".to_owned(), call(known, "MARTIN A", 3), CallerInfo::default()),
        ("no-match".into(), call(known, "MARTIN A", 3), found(Match::NoMatch)),
        ("no-match-silent".into(), call(known, "", 3), silent),
        ("first".into(), call(known, "", 3), first),
        ("one".into(), call(known, "MARTIN A", 3), found(one(alice()))),
        ("one-company".into(), call(known, "", 3), found(one(Contact { name: None, ..alice() }))),
        ("one-nameless".into(), call(known, "", 3), found(one(Contact { source: "crm".into(), ..Contact::default() }))),
        ("urgent".into(), call(known, "", 3), urgent),
        (
            "several".into(),
            call(known, "", 3),
            found(Match::Several { contacts: vec![alice(), named("Bob Martin", "Martin Bakery")] }),
        ),
        ("several-many".into(), call(known, "X", 3), found(Match::Several { contacts: many })),
        ("withheld".into(), call("anonymous", "", 3), CallerInfo::default()),
        ("short".into(), call("1015", "", 3), CallerInfo::default()),
        ("unreadable".into(), call("sip:<!channel>@[evil](https://evil.example)", "", 3), CallerInfo::default()),
        ("foreign".into(), call("+4930123456", "", 3), found(Match::NoMatch)),
    ];
    for (name, text) in hostile() {
        let mut call = call(known, &text, 3);
        call.account_number = Some(AccountNumber {
            number: PhoneNumber::Unparsed(text.chars().take(64).collect::<String>().into()),
            label: Some(text.clone()),
        });
        call.queues = vec![Queue { name: text.clone(), extension: Some(text.clone()) }; 5];
        call.people = vec![Person { name: Some(text.clone()), extension: Some(text.clone()), line: None }; 12];
        let last = PastCall { at: ago(90_000), outcome: StatusKind::Ended, answered_by: Some(text.clone()) };
        let history = Some(CallerHistory {
            last_call: Some(last),
            calls_in_week: 1,
            calls_in_month: u32::MAX,
            missed_since: u32::MAX,
            urgent: true,
            repeat_calls: None,
        });
        let silent = vec![text.clone(); 9];
        callers.push((
            format!("{name}-one"),
            call.clone(),
            CallerInfo { matched: one(everywhere(&text)), history, failed_sources: silent.clone() },
        ));
        let several = Match::Several { contacts: vec![everywhere(&text); 12] };
        callers.push((
            format!("{name}-several"),
            call,
            CallerInfo { matched: several, history: None, failed_sources: silent },
        ));
    }
    callers
}

/// Returns statuses by name, each with its age in seconds.
pub fn statuses() -> Vec<(&'static str, CallStatus, i64)> {
    let secs = Duration::from_secs;
    let missed = |why| CallStatus::Missed { waited: secs(21), reason: why };
    vec![
        ("ringing", CallStatus::Ringing, 3),
        ("rang", CallStatus::Ringing, 200),
        ("answered", CallStatus::Answered { answered_by: person("Bob Roy", "1015"), waited: secs(8) }, 1),
        (
            "answered-nameless",
            CallStatus::Answered { answered_by: Person { name: None, extension: None, line: None }, waited: secs(0) },
            1,
        ),
        ("missed", missed(MissedReason::NobodyAnswered), 1),
        ("missed-queue", missed(MissedReason::LeftQueue), 1),
        ("missed-menu", missed(MissedReason::LeftMenu), 4000),
        ("missed-unknown", missed(MissedReason::Unknown), 1),
        ("voicemail", CallStatus::Voicemail { duration: Some(secs(32)) }, 1),
        ("voicemail-unknown", CallStatus::Voicemail { duration: None }, 1),
        ("ended", CallStatus::Ended { talk_time: Some(secs(200)) }, 1),
        ("ended-unknown", CallStatus::Ended { talk_time: None }, 400_000),
    ]
}

/// Returns every status with every caller, gap summaries and alerts.
pub fn all() -> Vec<(String, Card)> {
    let mut all = Vec::new();
    for (who, call, found) in callers() {
        for (what, status, age) in statuses() {
            all.push((format!("{what}-{who}"), card(call.clone(), status, age, found.clone())));
        }
        let update = CallUpdate { call: call.clone(), status: CallStatus::Voicemail { duration: None }, at: ago(30) };
        for (name, mut card) in living(&call, &found) {
            if let Card::Call(card) = &mut card {
                card.options.teams_mentions = vec!["Dana Cole <dana@example.com>".to_owned().try_into().unwrap()];
            }
            all.push((format!("living-{name}-{who}"), card));
        }
        for number in [0, 1, 50] {
            all.push((format!("recap-{number}-{who}"), gap_summary(vec![update.clone(); number])));
        }
    }
    for (name, text) in hostile() {
        for over in [true, false] {
            let notice = Alert { title: text.clone(), advice: text.clone(), resolved: over };
            all.push((format!("notice-{name}-{over}"), Card::Alert(notice)));
        }
    }
    all
}

/// Returns the states of a live message in order, with answers and transfers.
pub fn living(call: &Call, found: &CallerInfo) -> Vec<(&'static str, Card)> {
    let (bob, eve) = (person("Bob Roy", "1015"), person("Eve Li", "1016"));
    let ann = person("Ann <!channel> <at>Example</at>", "1018");
    let handed = |from: &Person, to: &Person| Transfer { from: from.clone(), to: to.clone(), at: ago(9) };
    let answered = |by: &Person| CallStatus::Answered { answered_by: by.clone(), waited: Duration::from_secs(8) };
    let ended = CallStatus::Ended { talk_time: Some(Duration::from_secs(153)) };
    let once = vec![handed(&bob, &eve)];
    let states = [
        ("ringing", CallStatus::Ringing, vec![]),
        ("answered", answered(&bob), vec![]),
        ("handed-on", answered(&eve), once.clone()),
        ("ended", ended.clone(), once),
        ("ended-of-many", ended, vec![handed(&bob, &ann); 8]),
    ];
    let made = states.into_iter().map(|(name, status, transfers)| {
        let answered = (status != CallStatus::Ringing).then(|| call.started_at + jiff::SignedDuration::from_secs(8));
        let call = Call { transfers, answered_at: answered, ..call.clone() };
        (name, card(call, status, 2, found.clone()))
    });
    made.collect()
}

fn gap_summary(calls: Vec<CallUpdate>) -> Card {
    Card::GapSummary(GapSummary {
        connection: "main".try_into().unwrap(),
        from: ago(1020),
        to: ago(20),
        calls,
        mask: None,
    })
}

/// Returns a daily recap. The numbers are pending callbacks.
fn recap<const N: usize>(numbers: [&str; N]) -> Recap {
    let waiting = numbers.iter().enumerate().map(|(n, number)| PendingCallback {
        number: PhoneNumber::parse(Some(number), Region::US),
        name: (n == 0).then(|| "Alice Martin".to_owned()),
        missed_calls: if n == 0 { 2 } else { 1 },
        last_missed: ago(1800 + 7200 * n as i64),
        voicemail: n == 1,
    });
    Recap {
        from: ago(86_420),
        to: ago(20),
        calls: 12,
        answered: 8,
        missed: 4,
        voicemails: 1,
        longest_wait: Some(Duration::from_secs(200)),
        pending: waiting.collect(),
        region: Some(Region::US),
        ..Recap::default()
    }
}

/// Returns waiting cards: `number` calls of a busy minute, oldest first.
pub fn busy(number: usize) -> Vec<Card> {
    let names =
        ["Alice Martin", "Jonas Weber", "Chloé Tremblay", "Ravi Patel", "María José Núñez", "", "Nguyễn Thị Hoa"];
    (0..number)
        .map(|n| {
            let age = 1 + (number - n) as i64;
            let mut call = call(&format!("+1514555{:04}", 200 + n), "", age);
            call.people = vec![person("Bob Roy", "1015"), person("Eve Li", "1016")];
            let name = names[n % names.len()];
            let who = if name.is_empty() { Match::NoMatch } else { one(named(name, "Example Ltd")) };
            let missed = CallStatus::Missed { waited: Duration::from_secs(21), reason: MissedReason::NobodyAnswered };
            card(call, if n % 4 == 3 { missed } else { CallStatus::Ringing }, age, found(who))
        })
        .collect()
}

/// One picture of the gallery.
pub struct Picture {
    /// Name of the picture.
    pub name: &'static str,
    /// Cards in one message.
    pub cards: Vec<Card>,
    /// Whether the cards are rendered as plain text.
    pub plain: bool,
    /// Texts that the picture must contain.
    pub texts: &'static [&'static str],
}

/// Returns the pictures for the browser.
pub fn gallery() -> Vec<Picture> {
    let secs = Duration::from_secs;
    let picture = |name, card: Card, texts| Picture { name, cards: vec![card], plain: false, texts };
    let known = || call("+15145550199", "", 3);
    let past = PastCall { at: ago(180_000), outcome: StatusKind::Ended, answered_by: text("Eve Li") };
    let history_ok =
        CallerHistory { last_call: Some(past), calls_in_week: 1, calls_in_month: 4, ..CallerHistory::default() };
    let mut support = call("+15145550142", "TREMBLAY C", 14);
    support.queues = vec![queue("Support")];
    support.people =
        vec![person("Bob Roy", "1015"), person("Eve Li", "1016"), person("Sam Oduya", "1017"), person("Ann", "1018")];
    let missed = |why| CallStatus::Missed { waited: secs(21), reason: why };
    let evil =
        "[Call](tel:900) **free** [x](https://evil.example) <!channel> <https://evil.example|Click> evil.example";
    let alice_with = |history| CallerInfo { history: Some(history), ..found(one(alice())) };
    let lost = [
        ("+15145550142", MissedReason::NobodyAnswered),
        ("+15145550177", MissedReason::LeftQueue),
        ("anonymous", MissedReason::Unknown),
    ];
    let lost = lost.iter().enumerate().map(|(n, (number, why))| CallUpdate {
        call: call(number, "", 900 - 200 * n as i64),
        status: missed(*why),
        at: ago(800),
    });
    let mut life = living(&known(), &found(one(alice()))).into_iter();
    let mut lives = |name| life.find(|(state, _)| *state == name).map(|(_, card)| card).expect("a state");
    vec![
        picture("living-answered", lives("answered"), &["Answered", "Bob Roy (1015) answered after 8 s"]),
        picture(
            "living-handed-on",
            lives("handed-on"),
            &["Bob Roy (1015) answered after 8 s", "transferred to Eve Li (1016)"],
        ),
        picture(
            "living-ended",
            lives("ended"),
            &["Talked for 2 min 33 s", "with Bob Roy (1015) → Eve Li (1016)", "answered after 8 s"],
        ),
        picture(
            "ringing",
            card(known(), CallStatus::Ringing, 3, alice_with(history_ok)),
            &["Alice Martin", "VIP", "Bob Roy (1015)", "Main line", "Open in CRM"],
        ),
        picture(
            "urgent",
            card(
                known(),
                CallStatus::Ringing,
                3,
                CallerInfo { history: Some(history(true, 2)), ..found(one(named("Jonas Weber", "Weber GmbH"))) },
            ),
            &["Jonas Weber", "Missed 2 times"],
        ),
        picture(
            "no-match",
            card(
                support,
                CallStatus::Ringing,
                3,
                CallerInfo { failed_sources: vec!["crm".into()], ..found(Match::NoMatch) },
            ),
            &[
                "(514) 555-0142",
                "TREMBLAY C",
                "name as the network shows it",
                "Support",
                "CRM did not answer",
                "1 more",
            ],
        ),
        picture(
            "withheld",
            card(call("anonymous", "", 3), CallStatus::Ringing, 3, CallerInfo::default()),
            &["Withheld number"],
        ),
        picture(
            "several",
            card(
                known(),
                CallStatus::Ringing,
                3,
                found(Match::Several {
                    contacts: vec![alice(), named("Bob Martin", "Martin Bakery"), named("Zoë Martin", "")],
                }),
            ),
            &["(514) 555-0199", "Alice Martin", "Bob Martin", "3 contacts"],
        ),
        picture(
            "rang",
            card(call("+15145550199", "", 204), CallStatus::Ringing, 200, found(one(alice()))),
            &["Rang 3 min ago", "posted late"],
        ),
        picture(
            "missed",
            card(call("+15145550199", "", 24), missed(MissedReason::NobodyAnswered), 1, found(one(alice()))),
            &["Missed", "Alice Martin", "Waited 21 s", "nobody answered"],
        ),
        picture(
            "answered",
            card(
                call("+15145550199", "", 12),
                CallStatus::Answered { answered_by: person("Bob Roy", "1015"), waited: secs(8) },
                3,
                found(one(named("Jonas Weber", "Weber GmbH"))),
            ),
            &["Answered", "Bob Roy (1015) answered after 8 s"],
        ),
        picture(
            "voicemail",
            card(
                call("+4930123456", "", 60),
                CallStatus::Voicemail { duration: Some(secs(32)) },
                3,
                found(Match::NoMatch),
            ),
            &["Voicemail", "+49 30 123456", "32 s"],
        ),
        picture(
            "ended",
            card(
                call("+15145550199", "", 260),
                CallStatus::Ended { talk_time: Some(secs(200)) },
                3,
                found(one(named("Jonas Weber", "Weber GmbH"))),
            ),
            &["Ended", "3 min 20 s"],
        ),
        picture(
            "recap",
            gap_summary(lost.collect()),
            &["While disconnected", "3 missed", "(514) 555-0142", "Withheld number"],
        ),
        picture(
            "shift",
            Card::Recap(recap(["+15145550142", "+15145550177", "+442079460101"])),
            &[
                "12 calls, 8 answered, 4 missed",
                "3 callers not called back",
                "Longest wait",
                "Alice Martin",
                "missed 2 times",
            ],
        ),
        picture(
            "notice",
            Card::Alert(Alert {
                title: "GoTo asks for consent again".into(),
                advice: "Run “poprelay login main” on the server. Calls are not heard until then.".into(),
                resolved: false,
            }),
            &["GoTo asks for consent again", "poprelay login main"],
        ),
        picture(
            "over",
            Card::Alert(Alert {
                title: "GoTo is connected again".into(),
                advice: "Calls are heard since 14:02.".into(),
                resolved: true,
            }),
            &["connected again"],
        ),
        picture(
            "hostile",
            card(
                call("+15145550199", evil, 3),
                CallStatus::Ringing,
                3,
                found(one(Contact {
                    link: text("javascript:alert(1)"),
                    facts: vec![Fact { label: "Note".into(), value: evil.into(), source: "crm".into() }],
                    notes: text(evil),
                    ..named(evil, "Doe & <Sons>")
                })),
            ),
            &["[Call](tel:900) **free** [x](https:// evil.example)", "Doe & "],
        ),
        picture(
            "scripts",
            card(
                known(),
                CallStatus::Ringing,
                3,
                found(one(Contact {
                    notes: text("الزبون يفضل الاتصال مساءً"),
                    ..named("דנה כהן 👩\u{200D}💻", "شركة النور")
                })),
            ),
            &["דנה כהן", "شركة النور"],
        ),
        Picture {
            name: "many",
            cards: busy(7),
            plain: false,
            texts: &["7 calls", "Chloé Tremblay", "Nguyễn Thị Hoa", "Missed"],
        },
        Picture {
            name: "plain",
            cards: vec![card(known(), CallStatus::Ringing, 3, found(one(alice())))],
            plain: true,
            texts: &["Alice Martin", "Bob Roy (1015)"],
        },
    ]
}
