//! `poprelay lookup NUMBER`: looks a number up in all sources. Prints each source's answer with its duration, and the
//! merged caller info of a card.

use super::{
    CliError, CliResult, counted,
    outbox::{admin_error, place, shared_database, stored_history},
};
use crate::{
    config::Config,
    daemon::startup,
    enrich::{Enricher, LookupReport, SourceAnswer, SourceReport},
    model::{
        card::{CallerHistory, Contact, Match},
        phone::{E164, Mask, PhoneNumber, Region},
        time::Now,
    },
    outbox::{self, AdminError},
    runtime::{http::HttpStack, text::printable},
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
/// 78 for invalid sources, 69 or 77 after the output for a history that cannot be read, otherwise same as [`lookup`].
pub async fn run(args: &LookupArgs, config: &Config) -> CliResult {
    let network = HttpStack::open(config.http.clone()).map_err(CliError::unavailable)?;
    let enricher = startup::build_enricher(config, &network, stored_history(config)).map_err(CliError::config)?;
    let region = config.connections.first().map_or(Region::US, |connection| connection.region);
    let report = lookup(&enricher, &args.number, region, args.json, &mut io::stdout()).await?;
    check_history(config, &report)
}

/// Returns the reason for which the history did not answer, if the outbox cannot be read.
///
/// # Errors
/// 69 or 77 with the reason.
fn check_history(config: &Config, report: &LookupReport) -> CliResult {
    if report.history_took.is_none() || report.info.history.is_some() {
        return Ok(());
    }
    let shared = shared_database(config);
    match outbox::overview(place(config, shared.as_ref())) {
        Ok(_) | Err(AdminError::Missing(_)) => Ok(()),
        Err(error) => Err(admin_error(error)),
    }
}

/// Looks `number` up and writes the report to `out`, as text or as one JSON object.
///
/// # Errors
/// 65 for a number that cannot be looked up, 74 if `out` cannot be written.
pub async fn lookup(
    enricher: &Enricher,
    number: &str,
    region: Region,
    json: bool,
    out: &mut impl Write,
) -> Result<LookupReport, CliError> {
    let read = PhoneNumber::parse(Some(number), region);
    let Some(known) = read.as_e164() else { return Err(CliError::data(anyhow::anyhow!(not_a_number(&read, region)))) };
    let report = enricher.lookup_number(known, None, Now::current()).await;
    let text = if json { as_json(known, &report) } else { as_text(known, &read, region, &report) };
    out.write_all(text.as_bytes()).map_err(write_error)?;
    Ok(report)
}

fn write_error(error: io::Error) -> CliError {
    CliError::new(74, error)
}

pub(super) fn not_a_number(number: &PhoneNumber, region: Region) -> String {
    let reason = match number {
        PhoneNumber::Withheld => "this is the form of a withheld number",
        PhoneNumber::Unavailable => "this means that the network has no number",
        PhoneNumber::Short(_) => "this is too short for a public number",
        PhoneNumber::Known(_) | PhoneNumber::Unparsed(_) => "this is not a phone number",
    };
    format!("{reason}, no look-up possible (parsed for region {region}; try the country code, as in +15145550199)")
}

fn as_json(number: &E164, report: &LookupReport) -> String {
    let answers: Vec<_> = report.reports.iter().map(answer_as_json).collect();
    let found = json!({
        "number": number.expose(),
        "country": number.country().map(|item| item.to_string()),
        "line": number.line_type(),
        "answers": answers,
        "history_ms": report.history_took.map(milliseconds),
        "found": report.info,
    });
    format!("{found}\n")
}

fn answer_as_json(answer: &SourceReport) -> serde_json::Value {
    let took_ms = milliseconds(answer.took);
    match &answer.answer {
        SourceAnswer::Found(contacts) => json!({"source": answer.source, "took_ms": took_ms, "contacts": contacts}),
        SourceAnswer::Failed(why) => json!({"source": answer.source, "took_ms": took_ms, "silent": why}),
        SourceAnswer::Disabled => {
            json!({"source": answer.source, "took_ms": took_ms, "silent": "its file is not readable"})
        }
    }
}

fn as_text(number: &E164, read: &PhoneNumber, region: Region, report: &LookupReport) -> String {
    let mut text = read.format(region, Mask::None).unwrap_or_default();
    let country = number.country().map(|item| format!(", {item}")).unwrap_or_default();
    append(&mut text, &format!("  {}{country}, {}\n", number.expose(), number.line_type()));
    for SourceReport { source, answer: said, took } in &report.reports {
        let said = match said {
            SourceAnswer::Found(contacts) if contacts.is_empty() => "no match".to_owned(),
            SourceAnswer::Found(contacts) => contacts.iter().map(name).collect::<Vec<_>>().join("; "),
            SourceAnswer::Failed(why) => format!("no answer: {why}"),
            SourceAnswer::Disabled => "disabled: its file is not readable".to_owned(),
        };
        append(&mut text, &format!("  {source} ({} ms): {said}\n", milliseconds(*took)));
    }
    if let Some(took) = report.history_took {
        let found = report.info.history.as_ref().map_or_else(|| "no answer".to_owned(), describe_history);
        append(&mut text, &format!("  history ({} ms): {found}\n", milliseconds(took)));
    }
    match &report.info.matched {
        Match::NotLookedUp if report.reports.is_empty() => {
            append(&mut text, "no contacts file and no CRM is configured\n")
        }
        Match::NotLookedUp => append(&mut text, "no contacts file and no CRM has answered\n"),
        Match::NoMatch => append(&mut text, "no match\n"),
        Match::One { contact } => describe(&mut text, contact),
        Match::Several { contacts } => {
            append(&mut text, &format!("{} candidates, none selected\n", contacts.len()));
            contacts.iter().for_each(|contact| describe(&mut text, contact));
        }
    }
    if !report.info.failed_sources.is_empty() {
        append(&mut text, &format!("no answer from {}\n", report.info.failed_sources.join(", ")));
    }
    text
}

fn describe_history(history: &CallerHistory) -> String {
    let urgent = if history.urgent { ", urgent" } else { "" };
    let calls = counted(history.calls_in_week.into(), "call");
    let (month, missed) = (history.calls_in_month, history.missed_since);
    format!("{calls} in 7 days, {month} in 30 days, {missed} missed since the last answered one{urgent}")
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
        append(
            text,
            &format!("  {}: {} ({})\n", printable(&fact.label), printable(&fact.value), printable(&fact.source)),
        );
    }
}

fn name(contact: &Contact) -> String {
    printable(contact.name.as_deref().or(contact.company.as_deref()).unwrap_or("a record without a name"))
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
        outbox::StoredHistory,
        runtime::http::HttpSettings,
    };
    use std::fs;

    fn enricher(dir: &tempfile::TempDir) -> Enricher {
        let csv = "Name,Phone,Tier,Email\nAlice\u{1b}[2J Martin,+15145550199,Gold,a@example.com\nBob,+15145550100,,\nEve,+15145550100,,\n";
        fs::write(dir.path().join("people.csv"), csv).unwrap();
        let mut contacts = SourceConfig::new(SourceKind::Contacts);
        contacts.path = Some(dir.path().join("people.csv"));
        let resolve: crate::enrich::SecretReader = std::sync::Arc::new(|_: &SecretRef| Ok(Secret::new("")));
        let http = HttpStack::open(HttpSettings::default()).unwrap();
        let history = std::sync::Arc::new(StoredHistory::Directory(dir.path().to_owned()));
        let built = Enricher::build(&[contacts], Duration::from_secs(20), &resolve, &http, Some(history), Region::US);
        let (enricher, notes) = built.unwrap();
        assert_eq!(notes, []);
        enricher
    }

    async fn run(number: &str, json: bool) -> Result<String, CliError> {
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
        assert!(text.contains("): 0 calls in 7 days, 0 in 30 days, 0 missed since the last answered one\n"), "{text}");
        let text = run("+15145550100", false).await.unwrap();
        assert!(text.contains("2 candidates, none selected\nBob (from contacts)\nEve"), "{text}");
        assert!(run("+15145550101", false).await.unwrap().ends_with("no match\n"));
    }

    fn report(answers: Vec<SourceAnswer>, history: Option<CallerHistory>) -> LookupReport {
        let report = |answer| SourceReport { source: "crm".to_owned(), answer, took: Duration::ZERO };
        let info = crate::model::card::CallerInfo { history, ..Default::default() };
        LookupReport { reports: answers.into_iter().map(report).collect(), history_took: Some(Duration::ZERO), info }
    }

    #[test]
    fn lookup_without_answer_names_what_was_queried() {
        let read = PhoneNumber::parse(Some("+15145550199"), Region::US);
        let text = |report: &LookupReport| as_text(read.as_e164().unwrap(), &read, Region::US, report);
        let refused = text(&report(vec![SourceAnswer::Failed("HTTP 401".to_owned())], None));
        assert!(refused.contains("crm (0 ms): no answer: HTTP 401\n  history (0 ms): no answer\n"), "{refused}");
        assert!(refused.ends_with("no contacts file and no CRM has answered\n"), "{refused}");
        let history = CallerHistory { calls_in_week: 1, calls_in_month: 1, ..CallerHistory::default() };
        let only_history = text(&report(vec![], Some(history)));
        assert!(only_history.contains("1 call in 7 days, 1 in 30 days, 0 missed since the last"), "{only_history}");
        assert!(only_history.ends_with("no contacts file and no CRM is configured\n"), "{only_history}");
    }

    #[tokio::test]
    async fn lookup_json_is_one_object() {
        let text = run("+15145550199", true).await.unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json.pointer("/found/matched/contact/tier").unwrap(), "Gold");
        assert_eq!(json.pointer("/answers/0/source").unwrap(), "contacts");
        assert_eq!(json.pointer("/line").unwrap(), "fixed_or_mobile");
    }

    #[tokio::test]
    async fn lookup_invalid_number_is_data_error() {
        for (number, why) in [
            ("anonymous", "withheld"),
            ("1015", "too short"),
            ("pizza", "not a phone number"),
            ("555-0199", "not a phone"),
        ] {
            let failure = run(number, false).await.unwrap_err();
            assert_eq!(failure.code, 65);
            assert!(failure.to_string().contains(why), "{number}: {failure}");
        }
    }
}
