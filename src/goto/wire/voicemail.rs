//! Mailboxes and their messages: `voicemailboxes` and `voicemailboxes/{id}/voicemails`.

use super::{
    Unreadable,
    call::caller,
    json,
    pick::{field, list, text, time, whole},
};
use crate::{
    model::{
        call::Caller,
        phone::{PhoneNumber, Region},
        time::Timestamp,
    },
    runtime::json::Value,
};
use std::time::Duration;

/// Items that are read from one answer; a page has 50.
const MOST: usize = 100;

/// A message in a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoicemailMessage {
    /// Caller who left the message.
    pub caller: PhoneNumber,
    /// Time of the message.
    pub at: Timestamp,
    /// Length of the message.
    pub length: Duration,
}

/// Reads the ids of the mailboxes of an extension: a list, or one alone, because the documentation shows both.
///
/// # Errors
/// [`Unreadable`] if the answer is not JSON.
pub fn boxes(body: &[u8]) -> Result<Vec<String>, Unreadable> {
    json(body, |page| {
        let one = text(page, "voicemailboxId");
        let many = list(page, "items", MOST).filter_map(|item| text(item, "voicemailboxId"));
        Ok(one.into_iter().chain(many).collect())
    })
}

/// Reads a page of messages. A message without a time or a length is left out.
///
/// # Errors
/// [`Unreadable`] if the answer is not JSON.
pub fn messages(body: &[u8], region: Region) -> Result<Vec<VoicemailMessage>, Unreadable> {
    let message = |item: &Value<'_>| {
        let from = field(item, "callerNumber").and_then(|number| caller(number, region));
        Some(VoicemailMessage {
            caller: from.map(|Caller { number, .. }| number)?,
            at: time(item, "timestamp")?,
            length: Duration::from_millis(whole(item, "durationMs")?),
        })
    };
    json(body, |page| Ok(list(page, "items", MOST).filter_map(message).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_without_time_or_length_is_left_out() {
        let body = br#"{"page":0,"pageSize":50,"matchesTotal":3,"items":[
            {"voicemailId":"djE6","callerNumber":"5145550199","durationMs":18500,"timestamp":"2026-05-01T15:00:48.100Z","status":"NEW"},
            {"callerNumber":"1003","durationMs":"x","timestamp":"2026-05-01T15:00:48.100Z"}, {"durationMs":5}, 7]}"#;
        let read = messages(body, Region::US).unwrap();
        let [message] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!(message.caller, PhoneNumber::parse(Some("+15145550199"), Region::US));
        assert_eq!(message.length, Duration::from_millis(18_500));
        assert!(messages(b"<html>", Region::US).is_err());
    }

    #[test]
    fn mailboxes_are_read_alone_or_in_a_list() {
        assert_eq!(boxes(br#"{"voicemailboxId":"f4","newMessageCount":1}"#).unwrap(), ["f4"]);
        assert_eq!(boxes(br#"{"items":[{"voicemailboxId":"f4"},{},{"voicemailboxId":"f5"}]}"#).unwrap(), ["f4", "f5"]);
        assert_eq!(boxes(b"[]").unwrap(), [""; 0]);
    }
}
