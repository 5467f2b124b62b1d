//! `poprelay responses`: prints the response rules that the daemon applies, with their reasons and advice.

use super::{CliError, CliResult};
use crate::{
    deliver::{
        rules::rules,
        table::{Action, BodyMatch, REFUSALS_TO_DISABLE, ResponseMatch, ResponseRule},
    },
    model::delivery::SinkKind,
};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes the rules to `out` as aligned columns, or as a JSON array.
///
/// # Errors
/// 74 if `out` cannot be written.
pub fn run(json: bool, out: &mut impl Write) -> CliResult {
    let written = if json { as_json(out) } else { as_text(out) };
    written.map_err(|why| CliError::new(74, anyhow::Error::new(why).context("cannot write output")))
}

fn as_json(out: &mut impl Write) -> io::Result<()> {
    let table: Vec<Value> = rules()
        .map(|row| {
            let sinks: Vec<SinkKind> = row.sinks.to_vec();
            json!({ "sinks": sinks, "answer": answer(&row.on, true), "action": action(row.action), "reason": row.reason,
                    "advice": row.advice })
        })
        .collect();
    serde_json::to_writer_pretty(&mut *out, &table)?;
    writeln!(out)
}

fn as_text(out: &mut impl Write) -> io::Result<()> {
    let lines: Vec<[String; 4]> = std::iter::once(["SINK", "ANSWER", "ACTION", "MEANING"].map(str::to_owned))
        .chain(rules().map(|row| [sinks(row), answer(&row.on, false), action(row.action), row.reason.to_owned()]))
        .collect();
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|text| text.chars().count()).max();
    let (first, second, third) = (width(0).unwrap_or(0), width(1).unwrap_or(0), width(2).unwrap_or(0));
    for [sink, answer, action, meaning] in &lines {
        writeln!(out, "{sink:first$}  {answer:second$}  {action:third$}  {meaning}")?;
    }
    writeln!(out, "\nThe first matching row applies. Advice:")?;
    let mut printed_advice: Vec<&str> = Vec::new();
    for row in rules().filter(|row| !row.advice.is_empty()) {
        if !printed_advice.contains(&row.advice) {
            printed_advice.push(row.advice);
            let mut reasons: Vec<&str> = Vec::new();
            for other in rules().filter(|other| other.advice == row.advice) {
                if !reasons.contains(&other.reason) {
                    reasons.push(other.reason);
                }
            }
            writeln!(out, "- {}\n  ({})", row.advice, reasons.join("; "))?;
        }
    }
    Ok(())
}

fn sinks(row: &ResponseRule) -> String {
    if row.sinks.is_empty() {
        return "any".to_owned();
    }
    let names: Vec<&str> = row.sinks.iter().map(|kind| kind.as_str()).collect();
    names.join(", ")
}

/// Describes the condition of a rule. `whole` includes all body texts, too wide for a column.
fn answer(on: &ResponseMatch, whole: bool) -> String {
    match on {
        ResponseMatch::NotSent => "no connection".to_owned(),
        ResponseMatch::BadCertificate => "bad certificate".to_owned(),
        ResponseMatch::NoResponse => "no response after sending".to_owned(),
        ResponseMatch::InvalidUrl => "invalid URL".to_owned(),
        ResponseMatch::Incomplete(from, to) => format!("{}, incomplete", status(*from, *to)),
        ResponseMatch::Status(from, to, text) => format!("{}{}", status(*from, *to), body(text, whole)),
        ResponseMatch::Fallback => "anything else".to_owned(),
    }
}

fn status(from: u16, to: u16) -> String {
    if (from, to) == (200, 599) {
        "any status".to_owned()
    } else if from == to {
        from.to_string()
    } else if from.is_multiple_of(100) && to == from + 99 {
        format!("{}xx", from / 100)
    } else {
        format!("{from}-{to}")
    }
}

fn body(body: &BodyMatch, whole: bool) -> String {
    match body {
        BodyMatch::Any => String::new(),
        BodyMatch::Equals(text) => format!(" {text}"),
        BodyMatch::Contains([first, others @ ..]) if !whole && !others.is_empty() => {
            format!(" …{first}… (+{})", others.len())
        }
        BodyMatch::Contains(texts) => format!(" …{}…", texts.join("… or …")),
        BodyMatch::ApiOk => " ok:true".to_owned(),
        BodyMatch::ApiNotOk => " ok:false".to_owned(),
        BodyMatch::SlackError([first, others @ ..]) if !whole && !others.is_empty() => {
            format!(" {first} (+{})", others.len())
        }
        BodyMatch::SlackError(names) | BodyMatch::FlowError(names) => format!(" {}", names.join(" or ")),
        BodyMatch::Key(key) => format!(" with {key}"),
        BodyMatch::Code(codes) => {
            format!(" code {}", codes.iter().map(u64::to_string).collect::<Vec<_>>().join(" or "))
        }
        BodyMatch::Page => " a web page".to_owned(),
    }
}

fn action(act: Action) -> String {
    match act {
        Action::Delivered => "done".to_owned(),
        Action::Accepted => "done, unconfirmed".to_owned(),
        Action::Wait { first, most } if first == most => format!("wait: Retry-After, else {} s", first.as_secs()),
        Action::Wait { first, most } => format!("wait: Retry-After, else {} to {} s", first.as_secs(), most.as_secs()),
        Action::Retry => "retry with backoff".to_owned(),
        Action::RetrySlowly => "retry, growing waits".to_owned(),
        Action::RetryOnce => "retry once, then done".to_owned(),
        Action::Repost => "repost once, then dead".to_owned(),
        Action::RepostOrDisable => "repost an edit once; disable the sink".to_owned(),
        Action::Plain => format!("retry plain, then dead; {REFUSALS_TO_DISABLE} in a row: disable"),
        Action::Dead { disable_after } => format!("dead; {disable_after} in a row: disable"),
        Action::Disable => "disable the sink".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(json: bool) -> String {
        let mut out = Vec::new();
        run(json, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn responses_text_is_aligned_and_complete() {
        let text = output(false);
        let lines: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
        assert_eq!(lines.len(), rules().count() + 1);
        let meaning = lines[0].chars().take_while(|c| *c != 'M').count();
        for (line, row) in lines.iter().skip(1).zip(rules()) {
            let last: String = line.chars().skip(meaning).collect();
            assert_eq!(last, row.reason);
        }
        for row in rules() {
            assert!(text.contains(row.advice), "{}", row.advice);
        }
    }

    #[test]
    fn responses_json_has_the_same_rows() {
        let table: Vec<Value> = serde_json::from_str(&output(true)).unwrap();
        assert_eq!(table.len(), rules().count());
        let trigger = table.iter().find(|row| row["sinks"] == json!(["slack-trigger"])).unwrap();
        assert!(output(true).contains("invalid_blocks_format"), "JSON includes every text");
        assert!(trigger["answer"].is_string() && trigger["action"].is_string() && trigger["reason"].is_string());
    }

    #[test]
    fn responses_closed_pipe_is_io_error() {
        assert_eq!(run(false, &mut [0_u8; 8].as_mut_slice()).unwrap_err().code, 74);
    }
}
