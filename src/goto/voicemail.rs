//! How long a caller's message is: looked for in the mailboxes of the people whom the call rang. Nothing that is documented
//! ties a message to its call, so it is one only if it is the only one of this number and time. Decides that, and when it
//! is asked; a link for people is not documented, and none is made up.

use super::{
    Heard,
    api::{Api, Error},
    wire::{Message, Reader},
};
use crate::model::{
    ids::{AccountKey, ConversationSpaceId},
    phone::Number,
    time::{Timestamp, after, before},
};
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Questions that wait for their turn; more are left unasked.
pub(super) const WAITING: usize = 16;
/// A message is in its box some time after the caller has hung up, how long is not documented: it is looked for after these.
const LATER: [Duration; 3] = [Duration::from_secs(3), Duration::from_secs(15), Duration::from_secs(60)];
/// Whether a message's time is that of its beginning, its end or its filing is not documented: so much around the call.
const AROUND: Duration = Duration::from_secs(60);
/// Boxes that are looked into for one call.
const BOXES: usize = 8;

/// A question for the length of the message that a call left; the answer is [`Heard::Voicemail`], or silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoicemailAsk {
    /// Its account.
    pub account: AccountKey,
    /// The call.
    pub call: ConversationSpaceId,
    /// Who called.
    pub caller: Number,
    /// Whom it rang.
    pub extensions: Vec<String>,
    /// It began at,
    pub from: Timestamp,
    /// and ended at.
    pub to: Timestamp,
}

/// The length of the one message that the call can have left; `None` if there is none, or more than one.
fn left(ask: &VoicemailAsk, messages: &[Message]) -> Option<Duration> {
    let during = before(ask.from, AROUND)..=after(ask.to, AROUND);
    let mut fit = messages.iter().filter(|one| one.caller == ask.caller && during.contains(&one.at));
    fit.next().filter(|_| fit.next().is_none()).map(|one| one.length)
}

/// What looks into mailboxes.
pub(super) struct Mailboxes {
    pub(super) api: Api,
    pub(super) reader: Reader,
    pub(super) heard: mpsc::Sender<Heard>,
}

impl Mailboxes {
    /// Answers as long as there is somebody who asks. A login that may not look into mailboxes is not asked again.
    pub(super) async fn run(self, mut asks: mpsc::Receiver<VoicemailAsk>) {
        let mut due: Vec<(Instant, VoicemailAsk, usize)> = Vec::new();
        loop {
            let next = due.iter().map(|(at, ..)| *at).min();
            let wake = next.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                ask = asks.recv() => match ask {
                    None => return,
                    Some(ask) if due.len() < WAITING => due.push((later(0), ask, 0)),
                    Some(_) => {}
                },
                () = sleep_until(wake), if next.is_some() => {
                    let now = Instant::now();
                    let ready: Vec<_> = due.extract_if(.., |(at, ..)| *at <= now).collect();
                    for (_, ask, tries) in ready {
                        match self.look(&ask).await {
                            // The other end closes only when the daemon stops.
                            Ok(Some(length)) => drop(self.heard.send(Heard::Voicemail { call: ask.call, length }).await),
                            Err(Error::Status { status: 403, .. }) => {
                                tracing::warn!(connection = %self.reader.connection, "mailboxes are not granted to this login: scope voicemail.v1.voicemails.read");
                                return;
                            }
                            Ok(None) | Err(_) if tries + 1 < LATER.len() => due.push((later(tries + 1), ask, tries + 1)),
                            Ok(None) | Err(_) => {}
                        }
                    }
                }
            }
        }
    }

    async fn look(&self, ask: &VoicemailAsk) -> Result<Option<Duration>, Error> {
        let mut messages = Vec::new();
        for extension in ask.extensions.iter().take(BOXES) {
            for mailbox in self.api.mailboxes(&ask.account, extension).await?.iter().take(BOXES) {
                messages.extend(self.api.messages(mailbox, self.reader.region).await?);
            }
        }
        Ok(left(ask, &messages))
    }
}

fn later(tries: usize) -> Instant {
    Instant::now() + LATER.get(tries).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::phone::Region;

    #[test]
    fn a_message_is_the_calls_only_if_it_is_the_only_one_of_its_caller_and_time() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let number = |text| Number::read(Some(text), Region::US);
        let ask = VoicemailAsk {
            account: "1".try_into().unwrap(),
            call: "c".try_into().unwrap(),
            caller: number("+15145550199"),
            extensions: vec!["1015".to_owned()],
            from: at(0),
            to: at(48),
        };
        let message = |caller, second, length| Message {
            caller: number(caller),
            at: at(second),
            length: Duration::from_secs(length),
        };
        let its = message("5145550199", 47, 18);
        let others = [message("+15145550100", 47, 5), message("+15145550199", 109, 6), message("+15145550199", -61, 7)];
        let with = |more: &[Message]| left(&ask, &[&others[..], more].concat()).map(|length| length.as_secs());
        assert_eq!((with(&[]), with(std::slice::from_ref(&its))), (None, Some(18)));
        assert_eq!(with(&[its.clone(), message("+15145550199", 108, 9)]), None, "two of them: nobody knows which");
    }
}
