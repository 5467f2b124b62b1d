//! `poprelay open`: missed callers without a call back who did not get through. The module `outbox` has the missed calls; this
//! one groups them by caller and writes the list.

use super::{
    CliError, CliResult,
    outbox::{OutputOptions, admin_error, align, format_duration, mask, mask_free_text},
};
use crate::{
    model::{
        call::{Call, CallStatus, Callback},
        card::{CallCard, Match},
        claim::Claim,
        phone::Mask,
        time::{Timestamp, elapsed},
    },
    outbox::{self, CallerKey, MissedCall, OutboxPlace},
    runtime::text::printable_start,
};
use serde_json::{Value, json};
use std::{collections::HashMap, io::Write};

/// Characters of a cell of the table.
const MAX_CELL_CHARS: usize = 40;

/// List missed callers without a call back, with or without a running daemon.
#[derive(Debug, clap::Args)]
pub struct OpenArgs {
    #[command(flatten)]
    form: OutputOptions,
}

/// Prints the open list of a state directory, the caller who waits longest first.
///
/// # Errors
/// 69 for a missing or foreign outbox, 74 for output, 77 for permissions.
pub fn run<'a>(args: &OpenArgs, place: impl Into<OutboxPlace<'a>>, out: &mut impl Write) -> CliResult {
    let callers = open_callers(outbox::open_missed_calls(place).map_err(admin_error)?);
    let now = Timestamp::now();
    let text = if args.form.json {
        format!("{:#}\n", Value::Array(callers.iter().map(|caller| as_json(caller, args.form, now)).collect()))
    } else {
        table(&callers, args.form, now)
    };
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| CliError::new(74, error))
}

/// A missed caller.
struct OpenCaller {
    /// The last missed call.
    last: CallCard,
    /// The open missed calls before it, oldest first.
    earlier: Vec<CallCard>,
    /// The newest claim of the calls, and the name of the person who calls back or the id in the chat.
    claim: Option<(Claim, String)>,
    /// The last try of a colleague without an answer.
    tried: Option<Callback>,
}

impl OpenCaller {
    /// Returns all open missed calls, the last one first.
    fn calls(&self) -> impl Iterator<Item = &CallCard> {
        std::iter::once(&self.last).chain(self.earlier.iter().rev())
    }

    fn last_call(&self) -> &Call {
        &self.last.update.call
    }

    /// Returns the start of the wait: the end of the first open call.
    fn waits_since(&self) -> Timestamp {
        self.earlier.first().unwrap_or(&self.last).update.at
    }

    /// Returns whether a message was left, or may have been.
    fn has_voicemail(&self) -> bool {
        self.calls().any(|card| matches!(card.update.status, CallStatus::Voicemail { .. }))
    }

    /// Returns the name of the only contact, or else the name from the network.
    fn name(&self, form: OutputOptions) -> Option<String> {
        let contact = |card: &CallCard| match &card.caller_info.matched {
            Match::One { contact } => contact.name.clone().or_else(|| contact.company.clone()),
            Match::NotLookedUp | Match::NoMatch | Match::Several { .. } => None,
        };
        let network = |card: &CallCard| card.update.call.caller.name.clone();
        let name = self.calls().find_map(contact).or_else(|| self.calls().find_map(network))?;
        Some(printable_start(&mask_free_text(&name, form), MAX_CELL_CHARS))
    }

    /// Returns the caller's number, masked as the options select.
    fn number(&self, form: OutputOptions) -> String {
        let call = self.last_call();
        printable_start(&call.caller.number.format(call.region, mask(form)).unwrap_or_default(), MAX_CELL_CHARS)
    }

    /// Returns label and number of the account's number that was called last.
    fn called(&self) -> (Option<String>, Option<String>) {
        let call = self.last_call();
        let Some(ours) = &call.account_number else { return (None, None) };
        let printable = |text: &String| printable_start(text, MAX_CELL_CHARS);
        let number = ours.number.format(call.region, Mask::None);
        (ours.label.as_ref().map(printable), number.as_ref().map(printable))
    }
}

/// Groups open missed calls, oldest first, by caller. The caller who waits longest is the first.
fn open_callers(missed: Vec<MissedCall>) -> Vec<OpenCaller> {
    let mut callers: Vec<OpenCaller> = Vec::new();
    let mut positions: HashMap<CallerKey, usize> = HashMap::new();
    for MissedCall { card, claim, claimant, callback: tried } in missed {
        let claim = claim.map(|claim| {
            let person = claimant.unwrap_or_else(|| claim.by.as_str().to_owned());
            (claim, printable_start(&person, MAX_CELL_CHARS))
        });
        let Some(number) = card.update.call.caller.number.as_e164() else { continue };
        let position = *positions.entry(CallerKey::of(number)).or_insert(callers.len());
        match callers.get_mut(position) {
            Some(caller) => {
                caller.earlier.push(std::mem::replace(&mut caller.last, card));
                caller.claim = claim.or(caller.claim.take());
                caller.tried = tried;
            }
            None => callers.push(OpenCaller { last: card, earlier: Vec::new(), claim, tried }),
        }
    }
    callers.sort_by_key(OpenCaller::waits_since);
    callers
}

/// Returns the name or the extension of the colleague who tried.
fn tried_by(tried: &Callback) -> Option<String> {
    let colleague = tried.call.colleague.as_ref()?;
    let name = colleague.name.as_ref().or(colleague.extension.as_ref())?;
    Some(printable_start(name, MAX_CELL_CHARS))
}

fn table(callers: &[OpenCaller], form: OutputOptions, now: Timestamp) -> String {
    if callers.is_empty() {
        return "no missed caller waits for a call back\n".to_owned();
    }
    let head = ["WAITS", "NUMBER", "NAME", "CALLS", "LAST CALL", "CALLED", "MESSAGE", "TRIED", "CALLS BACK"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(callers.iter().map(|caller| {
        let (label, number) = caller.called();
        [
            format_duration(elapsed(caller.waits_since(), now)),
            caller.number(form),
            caller.name(form).unwrap_or_default(),
            caller.calls().count().to_string(),
            format!("{} ago", format_duration(elapsed(caller.last_call().started_at, now))),
            label.or(number).unwrap_or_default(),
            if caller.has_voicemail() { "voicemail" } else { "" }.to_owned(),
            caller.tried.as_ref().map_or_else(String::new, |tried| {
                let age = format_duration(elapsed(tried.call.started_at, now));
                tried_by(tried).map_or_else(|| format!("{age} ago"), |by| format!("{by}, {age} ago"))
            }),
            caller.claim.as_ref().map_or_else(String::new, |(claim, person)| {
                format!("{person} since {}", format_duration(elapsed(claim.at, now)))
            }),
        ]
    }));
    align(&rows)
}

fn as_json(caller: &OpenCaller, form: OutputOptions, now: Timestamp) -> Value {
    let (label, number) = caller.called();
    json!({
        "number": caller.number(form), "name": caller.name(form), "missed_calls": caller.calls().count(),
        "waits_since": caller.waits_since(), "waits_seconds": elapsed(caller.waits_since(), now).as_secs(),
        "last_call": caller.last_call().started_at, "voicemail": caller.has_voicemail(),
        "claimed_by": caller.claim.as_ref().map(|(_, person)| person),
        "claimed_by_id": caller.claim.as_ref().map(|(claim, _)| claim.by.as_str()),
        "claimed_at": caller.claim.as_ref().map(|(claim, _)| claim.at),
        "tried_by": caller.tried.as_ref().and_then(tried_by),
        "tried_at": caller.tried.as_ref().map(|tried| tried.call.started_at),
        "called": { "label": label, "number": number },
        "calls": caller.calls().map(|card| card.update.call.id.as_str()).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
