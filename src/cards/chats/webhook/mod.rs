//! The body of a webhook message: an event as JSON (`event`), or the operator's own (`format`). `deploy/webhook.schema.json`
//! is the contract of the event, generated from its types (`schema`). Fields are only added; anything else needs a new `version`.

mod caller_data;
mod event;
mod format;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;
mod values;

pub use event::EVENT_VERSION;
pub use format::{FormatError, WebhookFormat};

use crate::{
    cards::{self, RenderOptions},
    model::{card::Card, delivery::RenderedMessage, time::Timestamp},
};
use event::Event;

/// Renders one card.
pub(super) fn render(card: &Card, options: &RenderOptions, now: Timestamp, plain: bool) -> RenderedMessage {
    let masked = match card {
        Card::Call(card) => cards::with_mask(options, card.options.mask),
        Card::GapSummary(_) | Card::Recap(_) | Card::Alert(_) => cards::with_mask(options, None),
    };
    let event = Event::new(card, &cards::content(card, options, now), &masked, now, plain);
    let (body, mut headers) = options.webhook.apply(&event);
    if options.webhook.has_cloud_events() {
        let time = event.timestamp.to_string();
        let fields =
            [("specversion", "1.0"), ("type", event.kind.as_str()), ("source", &event.source()), ("time", &time)];
        headers.extend(fields.map(|(name, value)| (format!("ce-{name}"), value.to_owned())));
    }
    RenderedMessage { body, headers, cards_included: 1 }
}
