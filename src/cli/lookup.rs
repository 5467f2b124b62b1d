//! `poprelay lookup NUMBER`: looks a number up in all sources. Prints each source's answer with its duration, and the
//! merged caller info of a card.

use super::{Failure, Outcome};
use crate::{
    daemon::{config::Config, network, opening},
    enrich::{Answer, Enricher, LookUp, Said},
    model::{
        card::{Contact, Match},
        phone::{E164, Mask, Number, Region},
        time::Now,
    },
};
use serde_json::json;
use std::{
    fmt::Write as _,
    io::{self, Write},
    time::Duration,
};

/// Arguments of `poprelay lookup`.
#[derive(Debug, clap::Args)]
pub struct LookupArgs {
    /// Phone number, in the format of the first connection's region or with its country code (+1…)
    #[arg(value_name = "NUMBER", allow_hyphen_values = true)]
    pub number: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Looks a number up with the sources of a config.
///
/// # Errors
/// 78 for invalid sources, otherwise same as [`lookup`].
pub async fn run(args: &LookupArgs, config: &Config) -> Outcome {
    let network = network::open().map_err(Failure::unavailable)?;
    let enricher = opening::enricher(config, &network).map_err(Failure::config)?;
    let region = config.connections.first().map_or(Region::US, |connection| connection.region);
    lookup(&enricher, &args.number, region, args.json, &mut io::stdout()).await
}

/// Looks `number` up and writes the report to `out`, as text or as one JSON object.
///
/// # Errors
/// 65 for a number that cannot be looked up, 74 if `out` cannot be written.
pub async fn lookup(enricher: &Enricher, number: &str, region: Region, json: bool, out: &mut impl Write) -> Outcome {
    let read = Number::read(Some(number), region);
    let Some(known) = read.known() else { return Err(Failure::data(anyhow::anyhow!(refusal(&read, region)))) };
    let report = enricher.look_up(known, None, Now::read()).await;
    let text = if json { as_json(known, &report) } else { as_text(known, &read, region, &report) };
    out.write_all(text.as_bytes()).map_err(write_error)
}

fn write_error(error: io::Error) -> Failure {
    Failure::new(74, error)
}

pub(super) fn refusal(number: &Number, region: Region) -> String {
    let reason = match number {
        Number::Withheld => "this is the form of a withheld number",
        Number::Short(_) => "this is too short for a public number",
        Number::Known(_) | Number::Unreadable(_) => "this is not a phone number",
    };
    format!("{reason}, no look-up possible (parsed for region {region}; try the country code, as in +15145550199)")
}

fn as_json(number: &E164, report: &LookUp) -> String {
    let answers: Vec<_> = report.answers.iter().map(answer_as_json).collect();
    let found = json!({
        "number": number.expose(),
        "country": number.country().map(|item| item.to_string()),
        "line": number.line(),
        "answers": answers,
        "history_ms": report.history_took.map(milliseconds),
        "found": report.found,
    });
    format!("{found}\n")
}

fn answer_as_json(answer: &Answer) -> serde_json::Value {
    let took_ms = milliseconds(answer.took);
    match &answer.said {
        Said::Knows(contacts) => json!({"source": answer.source, "took_ms": took_ms, "contacts": contacts}),
        Said::Silent(why) => json!({"source": answer.source, "took_ms": took_ms, "silent": why}),
        Said::Off => json!({"source": answer.source, "took_ms": took_ms, "silent": "its file is not readable"}),
    }
}

fn as_text(number: &E164, read: &Number, region: Region, report: &LookUp) -> String {
    let mut text = read.shown(region, Mask::None).unwrap_or_default();
    let country = number.country().map(|item| format!(", {item}")).unwrap_or_default();
    append(&mut text, &format!("  {}{country}, {}\n", number.expose(), number.line()));
    for Answer { source, said, took } in &report.answers {
        let said = match said {
            Said::Knows(contacts) if contacts.is_empty() => "no match".to_owned(),
            Said::Knows(contacts) => contacts.iter().map(name).collect::<Vec<_>>().join("; "),
            Said::Silent(why) => format!("no answer: {why}"),
            Said::Off => "disabled: its file is not readable".to_owned(),
        };
        append(&mut text, &format!("  {source} ({} ms): {said}\n", milliseconds(*took)));
    }
    if let (Some(took), Some(history)) = (report.history_took, &report.found.history) {
        let urgent = if history.urgent { ", urgent" } else { "" };
        let counts =
            format!("{} calls in 7 days, {} in 30, {} missed since", history.week, history.month, history.missed_since);
        append(&mut text, &format!("  history ({} ms): {counts}{urgent}\n", milliseconds(took)));
    }
    match &report.found.who {
        Match::NotAsked => append(&mut text, "no source was queried\n"),
        Match::Nobody => append(&mut text, "no match\n"),
        Match::One { contact } => describe(&mut text, contact),
        Match::Several { contacts } => {
            append(&mut text, &format!("{} candidates, none selected\n", contacts.len()));
            contacts.iter().for_each(|contact| describe(&mut text, contact));
        }
    }
    if !report.found.silent.is_empty() {
        append(&mut text, &format!("no answer from {}\n", report.found.silent.join(", ")));
    }
    text
}

fn describe(text: &mut String, contact: &Contact) {
    append(text, &format!("{} (from {})\n", name(contact), printable(&contact.source)));
    let tags = contact.tags.join(", ");
    let tags = Some(&tags).filter(|item| !item.is_empty());
    let known = [
        ("company", contact.company.as_ref()),
        ("tier", contact.tier.as_ref()),
        ("owner", contact.owner.as_ref()),
        ("tags", tags),
        ("notes", contact.notes.as_ref()),
        ("link", contact.link.as_ref()),
    ];
    for (label, value) in known {
        if let Some(value) = value {
            append(text, &format!("  {label}: {}\n", printable(value)));
        }
    }
    for fact in &contact.facts {
        append(text, &format!("  {}: {} ({})\n", printable(&fact.label), printable(&fact.value), printable(&fact.source)));
    }
}

fn name(contact: &Contact) -> String {
    printable(contact.name.as_deref().or(contact.company.as_deref()).unwrap_or("a record without a name"))
}

/// Replaces control characters, which could control the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn append(text: &mut String, more: &str) {
    // Writing to a String cannot fail.
    let _ = text.write_str(more);
}

fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        enrich::{SourceConfig, SourceKind},
        model::secret::{Secret, SecretRef},
    };
    use std::fs;

    fn enricher(dir: &tempfile::TempDir) -> Enricher {
        let csv = "Name,Phone,Tier,Email\nAlice\u{1b}[2J Martin,+15145550199,Gold,a@example.com\nBob,+15145550100,,\nEve,+15145550100,,\n";
        fs::write(dir.path().join("people.csv"), csv).unwrap();
        let mut contacts = SourceConfig::new(SourceKind::Contacts);
        contacts.path = Some(dir.path().join("people.csv"));
        let resolve = |_: &SecretRef| Ok(Secret::new(""));
        let http = reqwest::Client::new();
        let built =
            Enricher::build(&[contacts], Duration::from_secs(20), &resolve, &http, Some(dir.path()), Region::US);
        let (enricher, notes) = built.unwrap();
        assert_eq!(notes, []);
        enricher
    }

    async fn run(number: &str, json: bool) -> Result<String, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        lookup(&enricher(&dir), number, Region::US, json, &mut out).await?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[tokio::test]
    async fn lookup_prints_sources_and_merged_contact() {
        let text = run("(514) 555-0199", false).await.unwrap();
        assert!(text.starts_with("(514) 555-0199  +15145550199, CA, landline or mobile\n"), "{text}");
        assert!(text.contains(" ms): Alice [2J Martin\n"), "{text}");
        assert!(
            text.contains("Alice [2J Martin (from contacts)\n  tier: Gold\n  Email: a@example.com (contacts)\n"),
            "{text}"
        );
        assert!(text.contains("): 0 calls in 7 days, 0 in 30, 0 missed since\n"), "{text}");
        let text = run("+15145550100", false).await.unwrap();
        assert!(text.contains("2 candidates, none selected\nBob (from contacts)\nEve"), "{text}");
        assert!(run("+15145550101", false).await.unwrap().ends_with("no match\n"));
    }

    #[tokio::test]
    async fn lookup_json_is_one_object() {
        let text = run("+15145550199", true).await.unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json.pointer("/found/who/contact/tier").unwrap(), "Gold");
        assert_eq!(json.pointer("/answers/0/source").unwrap(), "contacts");
        assert_eq!(json.pointer("/line").unwrap(), "fixed_or_mobile");
    }

    #[tokio::test]
    async fn lookup_invalid_number_is_data_error() {
        for (number, why) in
            [("anonymous", "withheld"), ("1015", "too short"), ("pizza", "not a phone number"), ("555-0199", "not a phone")]
        {
            let failure = run(number, false).await.unwrap_err();
            assert_eq!(failure.code, 65);
            assert!(failure.to_string().contains(why), "{number}: {failure}");
        }
    }
}
