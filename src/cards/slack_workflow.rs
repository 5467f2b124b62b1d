//! Renders cards for a Slack Workflow Builder trigger: a flat object of strings; the workflow does the layout. The keys
//! are a contract with the workflows that operators build, each a text variable of that name. All keys are always
//! present, empty without data:
//!
//! | key | content |
//! |---|---|
//! | `title` | status and caller, the title of the card |
//! | `caller` | name and tier, or the number, or a substitute |
//! | `number` | the caller's number |
//! | `dialed` | account number with its label |
//! | `queue` | queues of the call |
//! | `people` | people whose phones ring or rang |
//! | `state` | status line |
//! | `link` | `https:` link to the record of the contact |
//! | `text` | the whole card or batch as lines |

use super::{
    Layout,
    content::CardContent,
    text::{break_links, strip_mentions, utf16_len},
};
use serde_json::{Value, json};

/// A trigger accepts ten messages a minute, so cards share one; a variable stays within the size of a section text.
pub(super) const FLAT_LAYOUT: Layout = Layout { max_blocks: 60, max_size: 2700, cost, one, many };

fn one(content: &CardContent) -> Value {
    let fields = &content.fields;
    json!({
        "title": sanitize(&content.title),
        "caller": sanitize(&fields.caller),
        "number": sanitize(&fields.number),
        "dialed": sanitize(&fields.dialed),
        "queue": sanitize(&fields.queue),
        "people": sanitize(&fields.people),
        "state": sanitize(&fields.state),
        "link": content.link.as_ref().map_or("", |link| &link.url),
        "text": content.rows().iter().map(|row| sanitize(row)).collect::<Vec<_>>().join("\n"),
    })
}

fn many(title: &str, contents: &[CardContent]) -> Value {
    let rows: Vec<String> = contents.iter().map(row).collect();
    json!({
        "title": sanitize(title), "caller": "", "number": "", "dialed": "", "queue": "", "people": "", "state": "",
        "link": "", "text": rows.join("\n"),
    })
}

fn row(content: &CardContent) -> String {
    sanitize(&content.one_line())
}

fn cost(content: &CardContent) -> (usize, usize) {
    (1, utf16_len(&row(content)).saturating_add(1))
}

fn sanitize(text: &str) -> String {
    strip_mentions(&break_links(text))
}
