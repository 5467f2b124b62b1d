//! `poprelay test-card`: sends the card of an invented call to one sink without the outbox. Prints the response and the
//! advice of the daemon's response rules. With a Slack app the card is then edited once.

use super::{Failure, Outcome};
use crate::{
    cards::{self, Style},
    daemon::{
        config::{Config, SinkConfig},
        network,
    },
    deliver::{
        Sink,
        table::find,
        verdict::{History, Verdict, judge},
    },
    model::{
        call::{Bound, Call, Caller, Moment, OurNumber, Person, Telling},
        card::{CallCard, Card, Findings},
        delivery::{Form, Place},
        ids::ConnectionName,
        phone::{Number, Region},
        time::Timestamp,
    },
};
use clap::Args;
use std::{io::Write, time::Duration};

/// Arguments of `poprelay test-card`.
#[derive(Debug, Args)]
pub struct TestCardArgs {
    /// Sink to send to
    #[arg(long, value_name = "NAME")]
    pub sink: String,
}

/// Sends the card and writes the result to `out`.
///
/// # Errors
/// 64 for an unknown sink, 69 if the chat rejects the card, 74 if `out` cannot be written.
pub async fn run(args: &TestCardArgs, config: Config, out: &mut impl Write) -> Outcome {
    let names: Vec<String> = config.sinks.iter().map(|sink| sink.name.to_string()).collect();
    let Some(sink) = config.sinks.into_iter().find(|sink| sink.name.as_str() == args.sink) else {
        return Err(Failure::usage(format!("unknown sink; expected one of {}", names.join(", "))));
    };
    let style = Style { mask: sink.mask, ..config.style };
    let connection = config.connections.into_iter().next().map(|connection| (connection.name, connection.region));
    let Some((connection, region)) = connection else {
        return Err(Failure::config(anyhow::anyhow!("the config has no connection")));
    };
    let http = network::open().map_err(Failure::unavailable)?.http;
    let start = Timestamp::now();
    let test_run = TestCardRun { http, style, call: call(connection, region, start).map_err(Failure::data)?, out };
    test_run.run(sink, start).await
}

/// State of one test run.
struct TestCardRun<'a, W> {
    http: reqwest::Client,
    style: Style,
    call: Call,
    out: &'a mut W,
}

impl<W: Write> TestCardRun<'_, W> {
    async fn run(mut self, config: SinkConfig, start: Timestamp) -> Outcome {
        let is_live = config.kind.edits();
        let sink = config.sink();
        let form = if is_live { Form::Living { at: None, lost: false } } else { Form::Message };
        let place = self.send(&sink, Moment::Ringing, start, &form, "card").await?;
        if is_live {
            let Some(place) = place else {
                return Err(Failure::unavailable(anyhow::anyhow!("the response of Slack has no message reference")));
            };
            let after = Duration::from_secs(8);
            let by = Person { name: Some("Dana Example".to_owned()), extension: Some("1015".to_owned()), line: None };
            let form = Form::Living { at: Some(place), lost: false };
            self.send(&sink, Moment::Answered { by, after }, start, &form, "edit").await?;
        }
        Ok(())
    }

    async fn send(
        &mut self,
        sink: &Sink,
        moment: Moment,
        start: Timestamp,
        form: &Form,
        what: &str,
    ) -> Result<Option<Place>, Failure> {
        let telling = Telling { call: self.call.clone(), moment, at: start };
        let card = Card::Call(Box::new(CallCard::new(telling, Findings::default())));
        let rendered = cards::draw(sink.kind, &[&card], &self.style, start, false);
        let (answer, place) = sink.send(&self.http, &rendered.body, form).await;
        let row = find(sink.kind, &answer);
        let status = answer.status().map_or_else(|| "no response".to_owned(), |status| format!("HTTP {status}"));
        let name = &sink.name;
        if let Verdict::Delivered { .. } = judge(sink.kind, &answer, &History::default()) {
            let result = writeln!(self.out, "{name}: {what} {} ({status})", row.reason);
            return result.map(|()| place).map_err(|error| Failure::new(74, error));
        }
        let (excerpt, advice) = (sink.shown(&answer), row.advice);
        let error = format!("{name}: {what} rejected: {} ({status}: {excerpt}). {advice}", row.reason);
        Err(Failure::unavailable(anyhow::anyhow!("{}", error.trim_end())))
    }
}

/// Builds an invented call; its number is reserved for examples.
fn call(connection: ConnectionName, region: Region, now: Timestamp) -> anyhow::Result<Call> {
    Ok(Call {
        id: "test-card".try_into().map_err(|_| anyhow::anyhow!("invalid ID"))?,
        connection,
        region,
        account: "1".try_into().map_err(|_| anyhow::anyhow!("invalid account"))?,
        bound: Bound::Inbound,
        caller: Caller {
            name: Some("Test card of poprelay".to_owned()),
            number: Number::read(Some("+12025550199"), Region::US),
        },
        ours: Some(OurNumber {
            number: Number::read(Some("+12025550100"), Region::US),
            label: Some("Test".to_owned()),
        }),
        queues: Vec::new(),
        people: vec![Person { name: Some("Dana Example".to_owned()), extension: Some("1015".to_owned()), line: None }],
        queued: None,
        transfers: Vec::new(),
        answered: None,
        started: now,
        late: false,
        lost: false,
        revised: None,
    })
}
