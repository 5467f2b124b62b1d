//! `poprelay test-card`: a made-up call's card, sent to one sink now, past the outbox; what was answered and what to do
//! about it, in the words of the table that the daemon goes by. A Slack app's is then edited, as a call's would be.

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
        call::{Bound, Call, Caller, Course, Moment, OurNumber, Person, Telling},
        card::{CallCard, Card, Findings},
        delivery::{Form, Place},
        ids::ConnectionName,
        phone::{Number, Region},
        time::Timestamp,
    },
};
use clap::Args;
use std::{io::Write, time::Duration};

/// `poprelay test-card`
#[derive(Debug, Args)]
pub struct TestCardArgs {
    /// The sink that it is sent to
    #[arg(long, value_name = "NAME")]
    pub sink: String,
}

/// Sends the card and writes to `out` what became of it.
///
/// # Errors
/// 64 for a sink that there is not, 69 if the chat did not take the card, 74 if `out` is gone.
pub async fn run(args: &TestCardArgs, config: Config, out: &mut impl Write) -> Outcome {
    let names: Vec<String> = config.sinks.iter().map(|sink| sink.name.to_string()).collect();
    let Some(sink) = config.sinks.into_iter().find(|sink| sink.name.as_str() == args.sink) else {
        return Err(Failure::usage(format!("no sink has this name; there are {}", names.join(", "))));
    };
    let style = Style { mask: sink.mask, ..config.style };
    let connection = config.connections.into_iter().next().map(|connection| (connection.name, connection.region));
    let Some((connection, region)) = connection else {
        return Err(Failure::config(anyhow::anyhow!("the config has no connection")));
    };
    let http = network::open().map_err(Failure::unavailable)?.http;
    let began = Timestamp::now();
    let test = Test { http, style, call: call(connection, region, began).map_err(Failure::data)?, out };
    test.run(sink, began).await
}

/// What a test needs.
struct Test<'a, W> {
    http: reqwest::Client,
    style: Style,
    call: Call,
    out: &'a mut W,
}

impl<W: Write> Test<'_, W> {
    async fn run(mut self, config: SinkConfig, began: Timestamp) -> Outcome {
        let living = config.kind.edits();
        let sink = config.sink();
        let form = if living { Form::Living { at: None, lost: false } } else { Form::Message };
        let place = self.send(&sink, Moment::Ringing, began, &form, "card").await?;
        if living {
            let Some(place) = place else {
                return Err(Failure::unavailable(anyhow::anyhow!("Slack did not say where the card stands")));
            };
            let after = Duration::from_secs(8);
            let by = Person { name: Some("Dana Example".to_owned()), extension: Some("1015".to_owned()), line: None };
            let form = Form::Living { at: Some(place), lost: false };
            self.send(&sink, Moment::Answered { by, after }, began, &form, "edit").await?;
        }
        Ok(())
    }

    async fn send(
        &mut self,
        sink: &Sink,
        moment: Moment,
        began: Timestamp,
        form: &Form,
        what: &str,
    ) -> Result<Option<Place>, Failure> {
        let telling = Telling { call: self.call.clone(), moment, at: began };
        let card = Card::Call(Box::new(CallCard::new(telling, Findings::default())));
        let drawn = cards::draw(sink.kind, &[&card], &self.style, began, false);
        let (answer, place) = sink.send(&self.http, &drawn.body, form).await;
        let row = find(sink.kind, &answer);
        let status = answer.status().map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"));
        let name = &sink.name;
        if let Verdict::Delivered { .. } = judge(sink.kind, &answer, &History::default()) {
            let written = writeln!(self.out, "{name}: {what} {} ({status})", row.reason);
            return written.map(|()| place).map_err(|error| Failure::new(74, error));
        }
        let (shown, advice) = (sink.shown(&answer), row.advice);
        let told = format!("{name}: the {what} was not taken: {} ({status}: {shown}). {advice}", row.reason);
        Err(Failure::unavailable(anyhow::anyhow!("{}", told.trim_end())))
    }
}

/// A call of nobody: the number is one that is kept for examples.
fn call(connection: ConnectionName, region: Region, now: Timestamp) -> anyhow::Result<Call> {
    Ok(Call {
        id: "test-card".try_into().map_err(|_| anyhow::anyhow!("no id"))?,
        connection,
        region,
        account: "1".try_into().map_err(|_| anyhow::anyhow!("no account"))?,
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
        course: Course::default(),
    })
}
