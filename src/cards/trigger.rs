//! Cards for a Slack Workflow Builder trigger: a flat object of strings, laid out by the workflow. Its keys are a contract
//! with the workflows that operators build, each a text variable of that name; all are always there, empty where there is
//! nothing to say:
//!
//! | key | what it says |
//! |---|---|
//! | `title` | state and caller, as a card's title |
//! | `caller` | name and tier, or the number, or what stands in its place |
//! | `number` | the caller's number |
//! | `called` | our number, with its label |
//! | `queue` | the queues it went through |
//! | `people` | whom it rings or rang |
//! | `state` | what happened, in words |
//! | `link` | `https:` link to the caller's record |
//! | `text` | the whole card, or many cards, a line each |

use super::{
    Form,
    sheet::Sheet,
    text::{unbracketed, units, unlinked},
};
use serde_json::{Value, json};

/// Ten messages a minute are taken, so many cards share one; a variable is kept at the size of a section's text.
pub(super) const FLAT: Form = Form { blocks: 60, size: 2700, cost, one, many };

fn one(sheet: &Sheet) -> Value {
    let parts = &sheet.parts;
    json!({
        "title": inert(&sheet.title),
        "caller": inert(&parts.caller),
        "number": inert(&parts.number),
        "called": inert(&parts.called),
        "queue": inert(&parts.queue),
        "people": inert(&parts.people),
        "state": inert(&parts.state),
        "link": sheet.link.as_ref().map_or("", |link| &link.url),
        "text": sheet.rows().iter().map(|row| inert(row)).collect::<Vec<_>>().join("\n"),
    })
}

fn many(title: &str, sheets: &[Sheet]) -> Value {
    let rows: Vec<String> = sheets.iter().map(row).collect();
    json!({
        "title": inert(title), "caller": "", "number": "", "called": "", "queue": "", "people": "", "state": "",
        "link": "", "text": rows.join("\n"),
    })
}

fn row(sheet: &Sheet) -> String {
    inert(&sheet.short())
}

fn cost(sheet: &Sheet) -> (usize, usize) {
    (1, units(&row(sheet)).saturating_add(1))
}

fn inert(text: &str) -> String {
    unbracketed(&unlinked(text))
}
