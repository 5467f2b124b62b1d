//! `poprelay test-card`: sends the card of an invented call to one sink without the outbox. Prints the response and the
//! advice of the daemon's response rules. With a Slack app the card is then edited once. A Teams flow accepts every shape and
//! may show nothing. The flow therefore gets one card of each shape, and the channel shows which setting is right.

use super::{CliError, CliResult};
use crate::{
    cards::{self, RenderOptions},
    config::{Config, SinkConfig},
    deliver::{
        FlowShape, Sink,
        response::PostResult,
        rules::find_rule,
        verdict::{DeliveryContext, Verdict, judge},
    },
    model::{
        call::{AccountNumber, Call, CallStatus, CallUpdate, Caller, Person},
        card::{CallCard, CallerInfo, Card},
        delivery::{DeliveryKey, MessageRef, PostMode, SinkKind, Subject},
        ids::ConnectionName,
        phone::{PhoneNumber, Region},
        time::Timestamp,
    },
    runtime::http::HttpStack,
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
pub async fn run(args: &TestCardArgs, config: Config, out: &mut impl Write) -> CliResult {
    let names: Vec<String> = config.sinks.iter().map(|sink| sink.name.to_string()).collect();
    let Some(sink) = config.sinks.into_iter().find(|sink| sink.name.as_str() == args.sink) else {
        return Err(CliError::usage(format!("unknown sink; expected one of {}", names.join(", "))));
    };
    let style = sink.style(&config.style);
    let connection = config.connections.into_iter().next().map(|connection| (connection.name, connection.region));
    let Some((connection, region)) = connection else {
        return Err(CliError::config(anyhow::anyhow!("the config has no connection")));
    };
    let http = HttpStack::open(config.http.clone()).map_err(CliError::unavailable)?.http;
    let start = Timestamp::now();
    let test_run = TestCardRun { http, style, call: call(connection, region, start).map_err(CliError::data)?, out };
    test_run.run(sink, start).await
}

/// State of one test run.
struct TestCardRun<'a, W> {
    http: reqwest::Client,
    style: RenderOptions,
    call: Call,
    out: &'a mut W,
}

impl<W: Write> TestCardRun<'_, W> {
    async fn run(mut self, config: SinkConfig, start: Timestamp) -> CliResult {
        let is_live = config.kind.supports_edit();
        let sink = config.into_sink();
        if sink.kind == SinkKind::Teams {
            return self.send_shapes(sink, start).await;
        }
        let form = if is_live { PostMode::Live { message: None, reposted: false } } else { PostMode::Post };
        let place = self.send(&sink, CallStatus::Ringing, start, &form, "card").await?;
        if is_live {
            let Some(place) = place else {
                return Err(CliError::unavailable(anyhow::anyhow!("the response has no message reference")));
            };
            let after = Duration::from_secs(8);
            let by = Person { name: Some("Dana Example".to_owned()), extension: Some("1015".to_owned()), line: None };
            let form = PostMode::Live { message: Some(place), reposted: false };
            self.send(&sink, CallStatus::Answered { answered_by: by, waited: after }, start, &form, "edit").await?;
        }
        Ok(())
    }

    /// Sends card A as a message and card B alone, and prints the setting that follows from the visible card.
    async fn send_shapes(&mut self, sink: Sink, start: Timestamp) -> CliResult {
        let mut rejections = Vec::new();
        for (letter, shape) in [("A", FlowShape::Message), ("B", FlowShape::Card)] {
            self.call.caller.name = Some(format!("Test card {letter} of poprelay"));
            let sink = Sink { shape, ..sink.clone() };
            let sent = self.send(&sink, CallStatus::Ringing, start, &PostMode::Post, &format!("card {letter}")).await;
            rejections.extend(sent.err());
        }
        match (rejections.pop(), rejections.pop()) {
            // Neither was accepted: the first error is as good as the second.
            (Some(error), Some(_)) => return Err(error),
            (Some(error), None) => writeln!(self.out, "{error}").map_err(|error| CliError::new(74, error))?,
            _ => {}
        }
        let setting = |shape: FlowShape| {
            let is_set = if shape == sink.shape { ", as it is now" } else { "" };
            format!("shape = \"{}\"{is_set}", shape.as_str())
        };
        let name = &sink.name;
        writeln!(
            self.out,
            "{name}: Teams accepts cards that it never shows. Look at the channel:\n\
             - it shows card A, or both: {}\n\
             - it shows card B only: {}\n\
             - it shows neither: open the workflow's run history in Teams, which names the failed step",
            setting(FlowShape::Message),
            setting(FlowShape::Card),
        )
        .map_err(|error| CliError::new(74, error))
    }

    async fn send(
        &mut self,
        sink: &Sink,
        status: CallStatus,
        start: Timestamp,
        form: &PostMode,
        what: &str,
    ) -> Result<Option<MessageRef>, CliError> {
        let kind = status.kind();
        let update = CallUpdate { call: self.call.clone(), status, at: start };
        let card = Card::Call(Box::new(CallCard::new(update, CallerInfo::default())));
        // Every run is a separate call: a receiver ignores known ids.
        let subject = Subject::Named(format!("test card {start}"));
        let key = DeliveryKey { subject, status: kind, sink: sink.name.clone() };
        let rendered = cards::render(sink.kind, &[&card], &self.style, start, false);
        let (answer, place) = sink.send(&self.http, &rendered, form, Some(&key)).await;
        let row = find_rule(sink.kind, &answer);
        let name = &sink.name;
        if let Verdict::Delivered { .. } = judge(sink.kind, &answer, &DeliveryContext::default()) {
            let status = answer.status().map_or_else(|| "no response".to_owned(), |status| format!("HTTP {status}"));
            let result = writeln!(self.out, "{name}: {what} {} ({status})", row.reason);
            return result.map(|()| place).map_err(|error| CliError::new(74, error));
        }
        let (result, advice) = (describe_failure(&answer), row.advice);
        let error = format!("{name}: {what} {result}: {} ({}). {advice}", row.reason, sink.redacted(&answer));
        Err(CliError::unavailable(anyhow::anyhow!("{}", error.trim_end())))
    }
}

/// Describes what became of a card that was not delivered.
fn describe_failure(result: &PostResult) -> String {
    match result {
        PostResult::Response(response) => format!("rejected with HTTP {}", response.status),
        PostResult::NotSent(_) | PostResult::BadCertificate(_) | PostResult::InvalidUrl => "not sent".to_owned(),
        PostResult::NoResponse(_) => "sent without a response, it may have arrived".to_owned(),
    }
}

/// Builds an invented call; its number is reserved for examples.
pub(super) fn call(connection: ConnectionName, region: Region, now: Timestamp) -> anyhow::Result<Call> {
    Ok(Call {
        account_number: Some(AccountNumber {
            number: PhoneNumber::parse(Some("+12025550100"), Region::US),
            label: Some("Test".to_owned()),
        }),
        people: vec![Person { name: Some("Dana Example".to_owned()), extension: Some("1015".to_owned()), line: None }],
        ..Call::new(
            "test-card".try_into().map_err(|_| anyhow::anyhow!("invalid ID"))?,
            connection,
            "1".try_into().map_err(|_| anyhow::anyhow!("invalid account"))?,
            region,
            Caller {
                name: Some("Test card of poprelay".to_owned()),
                number: PhoneNumber::parse(Some("+12025550199"), Region::US),
            },
            now,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::response::{Failure, HttpResponse};

    #[test]
    fn failure_without_a_response_is_no_rejection() {
        let reason = || Failure::from("connection refused".to_owned());
        assert_eq!(describe_failure(&PostResult::NotSent(reason())), "not sent");
        assert_eq!(describe_failure(&PostResult::InvalidUrl), "not sent");
        assert!(describe_failure(&PostResult::NoResponse(reason())).contains("may have arrived"));
        let response = HttpResponse { status: 404, retry_after: None, body: String::new(), complete: true };
        assert_eq!(describe_failure(&PostResult::Response(response)), "rejected with HTTP 404");
    }
}
