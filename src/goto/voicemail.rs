//! Task that finds the length of a call's voicemail message in the mailboxes of the extensions that rang. The list of messages
//! has no documented key of the call: only a single message of this caller and time counts. A pushed `NEW_VOICEMAIL` has the
//! `legId` of a phone that rang, but its subscription is not documented. A full report has its messages in `actions[]`, and
//! needs no query. Builds no link to the message, because none is documented.

use super::{
    ConnectionEvent,
    api::{Api, Error},
    wire::{Reader, VoicemailMessage},
};
use crate::model::{
    ids::{AccountKey, ConversationSpaceId},
    phone::PhoneNumber,
    time::{Timestamp, after, before},
};
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Queries that wait for their next attempt; further ones are dropped.
const MAX_WAITING: usize = 16;
/// Waits before the attempts: a message appears in its mailbox some undocumented time after the caller hung up.
const RETRY_DELAYS: [Duration; 3] = [Duration::from_secs(3), Duration::from_secs(15), Duration::from_secs(60)];
/// Tolerance around the call: the meaning of a message's time (start, end or filing) is undocumented.
const TIME_TOLERANCE: Duration = Duration::from_secs(60);
/// Extensions per call, and mailboxes per extension, that are queried.
const MAX_MAILBOXES: usize = 8;

/// A query for the length of a call's message; answered by [`ConnectionEvent::Voicemail`], or dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoicemailQuery {
    /// Account of the call.
    pub account: AccountKey,
    /// The call.
    pub call: ConversationSpaceId,
    /// Number of the caller.
    pub caller: PhoneNumber,
    /// Extensions that rang.
    pub extensions: Vec<String>,
    /// Start of the call.
    pub from: Timestamp,
    /// End of the call.
    pub to: Timestamp,
}

/// Returns the length of the one message that fits the call; `None` if none or several fit.
fn find_message(query: &VoicemailQuery, messages: &[VoicemailMessage]) -> Option<Duration> {
    let during = before(query.from, TIME_TOLERANCE)..=after(query.to, TIME_TOLERANCE);
    let mut matches = messages.iter().filter(|one| one.caller == query.caller && during.contains(&one.at));
    matches.next().filter(|_| matches.next().is_none()).map(|one| one.length)
}

/// Task that answers [`VoicemailQuery`]s.
pub(super) struct VoicemailLookup {
    pub(super) api: Api,
    pub(super) context: Reader,
    pub(super) events: mpsc::Sender<ConnectionEvent>,
}

impl VoicemailLookup {
    /// Answers queries until every sender is dropped, or until GoTo answers 403.
    pub(super) async fn run(self, mut queries: mpsc::Receiver<VoicemailQuery>) {
        let mut due: Vec<(Instant, VoicemailQuery, usize)> = Vec::new();
        loop {
            let next = due.iter().map(|(at, ..)| *at).min();
            let wake = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                query = queries.recv() => match query {
                    None => return,
                    Some(query) if due.len() < MAX_WAITING => due.push((retry_at(0), query, 0)),
                    Some(_) => {}
                },
                () = sleep_until(wake), if next.is_some() => {
                    let now = Instant::now();
                    let ready: Vec<_> = due.extract_if(.., |(at, ..)| *at <= now).collect();
                    for (_, query, attempts) in ready {
                        match self.find_length(&query).await {
                            // The receiver closes only at shutdown.
                            Ok(Some(length)) => {
                                drop(self.events.send(ConnectionEvent::Voicemail { call: query.call, length }).await);
                            }
                            Err(Error::Status { status: 403, .. }) => {
                                let connection = &self.context.connection;
                                tracing::warn!(%connection, "mailboxes not granted, scope voicemail.v1.voicemails.read is missing");
                                return;
                            }
                            Ok(None) | Err(_) if attempts + 1 < RETRY_DELAYS.len() => {
                                due.push((retry_at(attempts + 1), query, attempts + 1));
                            }
                            Ok(None) | Err(_) => {}
                        }
                    }
                }
            }
        }
    }

    async fn find_length(&self, query: &VoicemailQuery) -> Result<Option<Duration>, Error> {
        let mut messages = Vec::new();
        for extension in query.extensions.iter().take(MAX_MAILBOXES) {
            for mailbox in self.api.mailboxes(&query.account, extension).await?.iter().take(MAX_MAILBOXES) {
                messages.extend(self.api.messages(mailbox, self.context.region).await?);
            }
        }
        Ok(find_message(query, &messages))
    }
}

fn retry_at(attempts: usize) -> Instant {
    Instant::now() + RETRY_DELAYS.get(attempts).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::phone::Region;

    #[test]
    fn find_message_requires_a_single_match_of_caller_and_time() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let number = |text| PhoneNumber::parse(Some(text), Region::US);
        let query = VoicemailQuery {
            account: "1".try_into().unwrap(),
            call: "c".try_into().unwrap(),
            caller: number("+15145550199"),
            extensions: vec!["1015".to_owned()],
            from: at(0),
            to: at(48),
        };
        let message = |caller, second, length| VoicemailMessage {
            caller: number(caller),
            at: at(second),
            length: Duration::from_secs(length),
        };
        let matching = message("5145550199", 47, 18);
        let others = [message("+15145550100", 47, 5), message("+15145550199", 109, 6), message("+15145550199", -61, 7)];
        let with = |more: &[VoicemailMessage]| {
            find_message(&query, &[&others[..], more].concat()).map(|length| length.as_secs())
        };
        assert_eq!((with(&[]), with(std::slice::from_ref(&matching))), (None, Some(18)));
        assert_eq!(with(&[matching.clone(), message("+15145550199", 108, 9)]), None, "two matches are ambiguous");
    }
}
