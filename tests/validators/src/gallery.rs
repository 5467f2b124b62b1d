//! The gallery: one picture of each kind of card, drawn in a browser. Calls have the course that GoTo reports for real calls.

mod calls;

use crate::builders::{ago, alice, call, card, found, gap_summary, named, one, recap, text};
use crate::cards::{busy, live_message};
use calls::{claimed_calls, finished_calls, missed_calls, ringing_calls};
use poprelay::daemon::health::alert::{AlertKind, LoginAdvice};
use poprelay::model::call::{CallStatus, CallUpdate, MissedReason};
use poprelay::model::card::{Card, Contact, Fact};
use std::time::Duration;

/// One picture of the gallery.
pub struct Picture {
    /// Name of the picture.
    pub name: &'static str,
    /// Cards in one message.
    pub cards: Vec<Card>,
    /// Whether the cards are rendered as plain text.
    pub plain: bool,
    /// Texts that only the message of a Slack app with buttons contains; empty: the cards are those of webhooks.
    pub app_texts: &'static [&'static str],
    /// Texts that the picture must contain.
    pub texts: &'static [&'static str],
}

const KNOWN: &str = "+15145550199";

fn picture(name: &'static str, card: Card, texts: &'static [&'static str]) -> Picture {
    Picture { name, cards: vec![card], plain: false, app_texts: &[], texts }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns the pictures, in the order of the sheet.
pub fn gallery() -> Vec<Picture> {
    [
        live_messages(),
        claimed_calls(),
        ringing_calls(),
        missed_calls(),
        finished_calls(),
        summaries(),
        difficult_texts(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn live_messages() -> Vec<Picture> {
    let mut states = live_message(&call(KNOWN, "", 3), &found(one(alice()))).into_iter();
    let mut state = |name| states.find(|(state, _)| *state == name).map(|(_, card)| card).expect("a state");
    vec![
        picture("live-answered", state("answered"), &["Answered", "Bob Roy (1015) answered after 8 s"]),
        picture("live-transferring", state("transferring"), &["Rings Eve Li (1016), transferred by Bob Roy (1015)"]),
        picture(
            "live-transferred",
            state("transferred"),
            &["Bob Roy (1015) answered after 8 s", "transferred to Eve Li (1016)"],
        ),
        picture(
            "live-ended",
            state("ended"),
            &["Talked with Bob Roy (1015) for 38 s, Eve Li (1016) for 1 min 55 s", "caller hung up"],
        ),
    ]
}

fn summaries() -> Vec<Picture> {
    let reasons = [
        ("+15145550142", MissedReason::NobodyAnswered),
        ("+15145550177", MissedReason::LeftQueue),
        ("anonymous", MissedReason::Unknown),
    ];
    let lost = reasons.iter().enumerate().map(|(n, (number, reason))| CallUpdate {
        call: call(number, "", 900 - 200 * n as i64),
        status: CallStatus::Missed { waited: secs(21), reason: *reason },
        at: ago(800),
    });
    let main = || "main".try_into().expect("a connection name");
    vec![
        picture(
            "gap-summary",
            gap_summary(lost.collect()),
            &["While disconnected", "3 missed", "(514) 555-0142", "Withheld number"],
        ),
        picture(
            "recap",
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
            "alert",
            Card::Alert(AlertKind::LoginRequired(main(), LoginAdvice::LogIn).alert()),
            &["GoTo requires a new login for main", "poprelay login --connection main"],
        ),
        picture(
            "alert-resolved",
            Card::Alert(AlertKind::ConnectionRestored(main()).alert()),
            &["main is connected to GoTo again"],
        ),
    ]
}

fn difficult_texts() -> Vec<Picture> {
    let evil =
        "[Call](tel:900) **free** [x](https://evil.example) <!channel> <https://evil.example|Click> evil.example";
    let ringing = |network, contact| card(call(KNOWN, network, 3), CallStatus::Ringing, 3, found(one(contact)));
    let hostile = Contact {
        link: text("javascript:alert(1)"),
        facts: vec![Fact { label: "Note".into(), value: evil.into(), source: "crm".into() }],
        notes: text(evil),
        ..named(evil, "Doe & <Sons>")
    };
    let scripts = Contact {
        notes: text("الزبون يفضل الاتصال مساءً"), ..named("דנה כהן 👩\u{200D}💻", "شركة النور")
    };
    vec![
        picture("hostile", ringing(evil, hostile), &["[Call](tel:900) **free** [x](https:// evil.example)", "Doe & "]),
        picture("scripts", ringing("", scripts), &["דנה כהן", "شركة النور"]),
        Picture {
            name: "many",
            cards: busy(7),
            plain: false,
            app_texts: &[],
            texts: &["7 calls", "Chloé Tremblay", "Nguyễn Thị Hoa", "Missed"],
        },
        Picture {
            name: "plain",
            cards: vec![ringing("", alice())],
            plain: true,
            app_texts: &[],
            texts: &["Alice Martin", "Bob Roy (1015)"],
        },
    ]
}
