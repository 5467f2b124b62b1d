//! `poprelay check --contacts`: prints the result of reading each contacts file: the meaning of its columns, the rows
//! accepted and refused, and sample cards.

use super::{CliError, CliResult, test_card};
use crate::{
    cards,
    config::Config,
    enrich::{self, ContactsPreview, SourceConfig, SourceKind},
    model::{
        call::{CallStatus, CallUpdate, Caller},
        card::{CallCard, Card},
        phone::{Mask, PhoneNumber, Region},
        time::Timestamp,
    },
};
use std::io::{self, Write};

/// Describes the contacts files of a config. `mask` hides digits of the sample cards.
///
/// # Errors
/// 66 if a file cannot be read as contacts, 74 if `out` cannot be written.
pub(super) fn describe(config: &Config, mask: Mask, now: Timestamp, out: &mut impl Write) -> CliResult {
    let region = config.connections.first().map_or(Region::US, |connection| connection.region);
    let sources: Vec<&SourceConfig> = config.enrich.iter().filter(|it| it.kind == SourceKind::Contacts).collect();
    if sources.is_empty() {
        return writeln!(out, "contacts   no source of type \"contacts\" in the config").map_err(write_error);
    }
    let mut failed = None;
    for source in sources {
        let Some(path) = &source.path else { continue };
        match enrich::preview_contacts(path, &source.columns, region) {
            Ok(preview) => {
                writeln!(out, "contacts   {}", path.display()).map_err(write_error)?;
                write_preview(config, &preview, region, mask, now, out).map_err(write_error)?;
            }
            Err(error) => {
                writeln!(out, "contacts   {}: {error}", path.display()).map_err(write_error)?;
                failed = Some(anyhow::anyhow!("{}: {error}", path.display()));
            }
        }
    }
    failed.map_or(Ok(()), |error| Err(CliError::new(66, error)))
}

fn write_error(error: io::Error) -> CliError {
    CliError::new(74, error)
}

fn write_preview(
    config: &Config,
    preview: &ContactsPreview,
    region: Region,
    mask: Mask,
    now: Timestamp,
    out: &mut impl Write,
) -> io::Result<()> {
    let report = &preview.report;
    let (people, numbers, bad, without) = (report.people, report.numbers, report.bad, report.unreachable);
    writeln!(out, "  people   {people}, numbers {numbers}; {without} without a number, {bad} refused")?;
    if people == 0 {
        writeln!(out, "  warning  no contact has a readable phone number: no caller will be found")?;
    }
    for header in &report.missing_columns {
        writeln!(out, "  warning  no column “{}”, which `columns` names", printable(header))?;
    }
    for (header, meaning) in &report.columns {
        writeln!(out, "  column   {}: {}", printable(header), printable(meaning))?;
    }
    for (line, reason) in &report.examples {
        writeln!(out, "  refused  line {line}: {reason}")?;
    }
    let more = bad.saturating_sub(report.examples.len());
    if more > 0 {
        writeln!(out, "  refused  {more} more")?;
    }
    for (number, info) in &preview.samples {
        let Some(connection) = config.connections.first() else { break };
        let Ok(mut call) = test_card::call(connection.name.clone(), region, now) else { break };
        call.caller = Caller { name: None, number: PhoneNumber::Known(number.clone()) };
        let update = CallUpdate { call, status: CallStatus::Ringing, at: now };
        let card = Card::Call(Box::new(CallCard::new(update, info.clone())));
        let style = cards::RenderOptions { mask, ..config.style.clone() };
        writeln!(out, "  sample card")?;
        for line in cards::lines(&card, &style, now) {
            writeln!(out, "    {}", printable(&line))?;
        }
    }
    Ok(())
}

/// Replaces control characters, which could control the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
