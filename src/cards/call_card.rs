//! Builds the content of a call card: facts, order and words. All layouts (Slack, Teams, plain) render this one
//! [`CardContent`]. Does not decide markup, colour or the limits of a chat.

use super::{
    RenderOptions,
    callback_line::{callback_line, callback_title},
    caller::{self, CallerLines},
    claim_row,
    content::{CardContent, CardFields, Tone, join_dots},
    duration::{format_age, format_zoned_time},
    names::{MAX_PEOPLE, MAX_PERSON_UNITS, list_people, queue_name},
    template_context::{self, ExtraFields},
    templates::TemplateLine,
    text::{contains_rtl, sanitize_opt},
};
use crate::{
    cards::status_line,
    model::{
        call::{Call, CallDirection, CallStatus, CallUpdate, Revision, StatusKind},
        card::{CallCard, LATE_AFTER},
        time::{Timestamp, elapsed},
    },
};
use minijinja::Value;

/// Builds the content of one call update.
pub(super) fn call_content(card: &CallCard, options: &RenderOptions, now: Timestamp) -> CardContent {
    let CallUpdate { call, status, at } = &card.update;
    let caller = caller::caller_lines(card, options, now);
    let late = elapsed(*at, now) > LATE_AFTER;
    let started = format_zoned_time(call.started_at, now, &options.time_zone);
    // If the queue time prints like the start of the call, the start alone is enough.
    let since = call
        .queued_at
        .map(|queued| format_zoned_time(queued, now, &options.time_zone))
        .filter(|since| *since != started);
    let fields = CardFields {
        caller: caller.title.clone(),
        number: caller.number.clone(),
        dialed: account_number(call, options).unwrap_or_default(),
        queue: queues(call).unwrap_or_default(),
        people: list_people(&call.people).unwrap_or_default(),
        state: join_dots([
            call.course.callback.as_ref().map(|callback| callback_line(callback, now, &options.time_zone)),
            Some(status_line::status_line(
                card,
                &status_line::LineOptions { late, since: since.as_deref(), mask: options.mask },
            )),
        ]),
    };

    let extra = ExtraFields {
        caller: &caller,
        fields: &fields,
        emoji: status_emoji(&card.update),
        started: &started,
        mask: options.mask,
        late,
    };
    let values =
        if options.templates.is_empty() { Value::UNDEFINED } else { template_context::build_context(card, &extra) };
    let worded = |name: TemplateLine, line: String| options.templates.render_line(name, line, &values);
    let default_title = title(&card.update, late.then_some(now), &caller);
    let title = Some(worded(TemplateLine::Title, default_title.clone())).filter(|title| !title.is_empty());
    let mut content = CardContent::new(tone(&card.update, late), &title.unwrap_or(default_title));
    content.push_line(worded(TemplateLine::Alert, caller.alert.clone().unwrap_or_default()), true);
    content.push_line(worded(TemplateLine::Caller, caller.identity.clone().unwrap_or_default()), false);
    content.push_line(worded(TemplateLine::State, fields.state.clone()), true);
    content.push_line(worded(TemplateLine::Dialed, dialed_line(call.direction, &fields)), false);
    content.summary = join_dots([
        caller.summary.clone(),
        Some(fields.state.clone()),
        number_and_queues(call, options),
        Some(started.clone()),
    ]);
    content.footnotes.push(worded(TemplateLine::Started, format!("Called {started}")));
    content.footnotes.retain(|text| !text.is_empty());
    if call.end_unknown {
        content.footnotes.push(format!("last event {}", format_age(*at, now)));
    } else if late && !matches!(status, CallStatus::Ringing) {
        content.footnotes.push(format!("posted late, this was {}", format_age(*at, now)));
    }
    content.urgent = caller.urgent && reached(call).is_none();
    caller.fill(&mut content);
    content.fields = fields;
    content.claim_row = claim_row::of_card(card, options.buttons, now);
    content
}

/// Renders the title: `📞 Alice Martin · VIP`, `❌ 🔥 Missed: (514) 555-0199`, `📤 Dana Roy (1015) calls (514) 555-0199`.
fn title(update: &CallUpdate, late: Option<Timestamp>, caller: &CallerLines) -> String {
    let (reached, emoji) = (reached(&update.call), status_emoji(update));
    let urgent = if caller.urgent && reached.is_none() { "🔥 " } else { "" };
    let state = reached.map_or_else(|| title_status(update, late), str::to_owned);
    format!("{emoji} {urgent}{state}{}", caller.title)
}

/// Renders the status in the title: `Missed: `.
fn title_status(update: &CallUpdate, late: Option<Timestamp>) -> String {
    let (call, status) = (&update.call, &update.status);
    let out = call.direction == CallDirection::Outbound;
    match (status, late) {
        (CallStatus::Ringing, Some(now)) => {
            format!("{} {}: ", if out { "Called" } else { "Rang" }, format_age(update.at, now))
        }
        (CallStatus::Ringing, None) if out => {
            list_people(&call.people).map_or_else(|| "Outgoing: ".to_owned(), |whom| format!("{whom} calls "))
        }
        (CallStatus::Ringing, None) => String::new(),
        (CallStatus::Answered { .. }, _) if out => "Reached: ".to_owned(),
        (CallStatus::Missed { .. }, _) if out => "Not reached: ".to_owned(),
        (CallStatus::Answered { .. }, _) => "Answered: ".to_owned(),
        (CallStatus::Missed { .. }, _) if call.course.menu_only => "Only in the menu: ".to_owned(),
        (CallStatus::Missed { .. }, _) => "Missed: ".to_owned(),
        (CallStatus::Voicemail { .. }, _) => "Voicemail: ".to_owned(),
        (CallStatus::Ended { .. }, _) if call.end_unknown => "Outcome unknown: ".to_owned(),
        (CallStatus::Ended { .. }, _) if call.revision == Some(Revision::Corrected) => "Not missed: ".to_owned(),
        (CallStatus::Ended { .. }, _) if call.course.needs_callback => "Call back: ".to_owned(),
        (CallStatus::Ended { .. }, _) => "Ended: ".to_owned(),
    }
}

/// Returns the beginning of the title if the missed caller was reached later.
fn reached(call: &Call) -> Option<&'static str> {
    call.course.callback.as_ref().and_then(callback_title)
}

/// Returns the emoji of the call status.
pub(super) fn status_emoji(update: &CallUpdate) -> &'static str {
    match (&update.status, update.call.direction) {
        (CallStatus::Ringing, CallDirection::Outbound) => "📤",
        (CallStatus::Ringing, CallDirection::Inbound | CallDirection::Internal) => "📞",
        _ if reached(&update.call).is_some() => "✅",
        (CallStatus::Ended { .. }, _) if update.call.end_unknown => "❔",
        (CallStatus::Ended { .. }, _) if update.call.course.needs_callback => "↩️",
        (CallStatus::Missed { .. }, CallDirection::Inbound) if update.call.course.menu_only => "☎️",
        (CallStatus::Answered { .. } | CallStatus::Ended { .. }, _) => "✅",
        (CallStatus::Missed { .. }, CallDirection::Outbound) => "📵",
        (CallStatus::Missed { .. }, CallDirection::Inbound | CallDirection::Internal) => "❌",
        (CallStatus::Voicemail { .. }, _) => "📭",
    }
}

/// Name of a ring that is younger than [`LATE_AFTER`].
pub(super) const RINGING: &str = "ringing";
/// Status names in the order of a count, those that need action first.
pub(super) const STATUS_NAMES: [&str; 7] = [RINGING, "rang", "missed", "voicemail", "called back", "answered", "ended"];

/// Returns the status name of a call for counts.
pub(super) fn status_name(update: &CallUpdate, now: Timestamp) -> &'static str {
    match update.status {
        CallStatus::Ringing if elapsed(update.at, now) > LATE_AFTER => "rang",
        CallStatus::Ringing => RINGING,
        _ if update.kind() == StatusKind::CalledBack => "called back",
        CallStatus::Answered { .. } => "answered",
        CallStatus::Missed { .. } => "missed",
        CallStatus::Voicemail { .. } => "voicemail",
        CallStatus::Ended { .. } => "ended",
    }
}

fn tone(update: &CallUpdate, late: bool) -> Tone {
    match &update.status {
        CallStatus::Ringing if late => Tone::Past,
        CallStatus::Ringing => Tone::Now,
        _ if reached(&update.call).is_some() => Tone::Good,
        CallStatus::Answered { .. } => Tone::Good,
        // An unanswered outbound call needs no callback.
        CallStatus::Missed { .. } if matches!(update.call.direction, CallDirection::Outbound) => Tone::Past,
        CallStatus::Missed { .. } if update.call.course.menu_only => Tone::Past,
        CallStatus::Missed { .. } => Tone::Bad,
        CallStatus::Voicemail { .. } => Tone::Waiting,
        CallStatus::Ended { .. } if update.call.course.needs_callback => Tone::Waiting,
        CallStatus::Ended { .. } => Tone::Past,
    }
}

/// Renders account number and queues: `To Main line (514) 555-0100 · queue Support`; of an outbound call `From …`.
fn dialed_line(bound: CallDirection, fields: &CardFields) -> String {
    let way = if bound == CallDirection::Outbound { "From" } else { "To" };
    let number = (!fields.dialed.is_empty()).then(|| format!("{way} {}", fields.dialed));
    join_dots([number, (!fields.queue.is_empty()).then(|| format!("queue {}", fields.queue))])
}

/// Renders account number and queues in short: `Main line · Support`.
pub(super) fn number_and_queues(call: &Call, options: &RenderOptions) -> Option<String> {
    let label = call.account_number.as_ref().and_then(|ours| sanitize_opt(ours.label.as_deref(), MAX_PERSON_UNITS));
    let summary = join_dots([label.or_else(|| account_number(call, options)), queues(call)]);
    (!summary.is_empty()).then_some(summary)
}

/// Renders the account number with its label: `Main line (514) 555-0100`.
fn account_number(call: &Call, options: &RenderOptions) -> Option<String> {
    let ours = call.account_number.as_ref()?;
    let number = sanitize_opt(ours.number.format(call.region, options.mask).as_deref(), MAX_PERSON_UNITS);
    match (sanitize_opt(ours.label.as_deref(), MAX_PERSON_UNITS), number) {
        (Some(label), Some(number)) if contains_rtl(&label) => Some(format!("{label} · tel. {number}")),
        (Some(label), Some(number)) => Some(format!("{label} {number}")),
        (label, number) => label.or(number),
    }
}

/// Renders the last queues of the call in order: `Sales → Support`.
fn queues(call: &Call) -> Option<String> {
    let skipped = call.queues.len().saturating_sub(MAX_PEOPLE);
    let queues: Vec<String> = call.queues.iter().skip(skipped).map(queue_name).collect();
    (!queues.is_empty()).then(|| queues.join(" → "))
}
