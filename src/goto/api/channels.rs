//! Requests for channels and their subscriptions.

use super::{Api, Error, classify, error_code};
use crate::{
    goto::lane::{AccountRejection, Created, FailureClass, Renew, Renewed, SubscribeResult, Sweep},
    model::{
        ids::{AccountKey, ChannelId},
        secret::Secret,
    },
};
use reqwest::Method;
use serde_json::{Value, json};

/// Pages of channels per sweep: GoTo allows 50 WebSocket channels a user, a page has up to 100.
const MAX_PAGES: usize = 5;
/// `https://api.goto.com/notification-channel/v1/channels`.
const CHANNELS: [&str; 3] = ["notification-channel", "v1", "channels"];

/// Nickname of one lane's channels: a later start finds those left by a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nickname {
    /// Nickname of the host and connection.
    pub base: String,
    /// Number of the lane, from 0.
    pub lane: u8,
    /// Number of lanes.
    pub lanes: u8,
}

impl Nickname {
    /// Returns the nickname as sent to GoTo.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}-{}", self.base, self.lane)
    }

    /// Returns whether this lane sweeps channels of this nickname: its own, and for lane 0 those of lanes no longer
    /// configured.
    #[must_use]
    pub fn owns(&self, text: &str) -> bool {
        let number = text.strip_prefix(&self.base).map(|rest| rest.strip_prefix('-').map(str::parse::<u8>));
        match number {
            None | Some(Some(Err(_))) => false,
            Some(None) => self.lane == 0 && text == self.base,
            Some(Some(Ok(number))) => number == self.lane || (self.lane == 0 && number >= self.lanes),
        }
    }
}

impl Api {
    /// Creates a channel, after the sweep if one is requested. A failed sweep does not fail the create.
    pub(in crate::goto) async fn create(&self, name: &Nickname, sweep: Option<Sweep>) -> Result<Created, Error> {
        if let Some(sweep) = sweep
            && let Err(error) = self.sweep(name, &sweep).await
        {
            tracing::debug!(connection = %self.name, %error, "leftover channels not swept");
        }
        let name = name.text();
        let path = [CHANNELS.as_slice(), &[&name]].concat();
        let answer = self.request(Method::POST, &path, &[], Some(&channel_body())).await?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| Error::Garbled)?;
        Ok(Created {
            id: parse_channel_id(&answer).ok_or(Error::Garbled)?,
            url: parse_url(&answer).ok_or(Error::Garbled)?,
            lifetime: parse_lifetime(&answer),
        })
    }

    async fn sweep(&self, name: &Nickname, sweep: &Sweep) -> Result<(), Error> {
        let mut marker: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut query = vec![("pageSize", "100")];
            query.extend(marker.as_deref().map(|marker| ("pageMarker", marker)));
            let answer = self.request(Method::GET, &CHANNELS, &query, None).await?;
            let page: Value = serde_json::from_slice(&answer).map_err(|_| Error::Garbled)?;
            for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
                let nickname = item.get("channelNickname").and_then(Value::as_str).unwrap_or_default();
                if let Some(id) = parse_channel_id(item)
                    && name.owns(nickname)
                    && sweep.keep.as_ref() != Some(&id)
                {
                    tracing::info!(connection = %self.name, "leftover channel deleted");
                    self.delete_named(nickname, &id).await?;
                }
            }
            let next = page.get("nextPageMarker").and_then(Value::as_str).map(str::to_owned);
            if next.is_none() || next == marker {
                return Ok(());
            }
            marker = next;
        }
        Ok(())
    }

    /// Deletes a channel; a missing channel counts as deleted.
    pub(in crate::goto) async fn delete(&self, name: &Nickname, id: &ChannelId) -> Result<(), Error> {
        self.delete_named(&name.text(), id).await
    }

    async fn delete_named(&self, nickname: &str, id: &ChannelId) -> Result<(), Error> {
        let path = [CHANNELS.as_slice(), &[nickname, id.as_str()]].concat();
        match self.request(Method::DELETE, &path, &[], None).await {
            Err(Error::Status { status: 404, .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Renews a channel with one of its two requests.
    pub(in crate::goto) async fn renew(&self, name: &Nickname, id: &ChannelId, how: Renew) -> Result<Renewed, Error> {
        let name = name.text();
        let whole = [CHANNELS.as_slice(), &[&name, id.as_str()]].concat();
        let answer = match how {
            Renew::Whole => self.request(Method::PUT, &whole, &[], Some(&channel_body())).await?,
            Renew::Lifetime => {
                let path = [whole.as_slice(), &["channel-lifetime"]].concat();
                self.request(Method::PUT, &path, &[], None).await?
            }
        };
        // A 2xx renews the channel even if its body is malformed.
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        Ok(Renewed { url: parse_url(&answer), lifetime: parse_lifetime(&answer) })
    }

    /// Subscribes a channel to the call events of accounts.
    pub(in crate::goto) async fn subscribe(
        &self,
        id: &ChannelId,
        accounts: &[AccountKey],
    ) -> Result<SubscribeResult, Error> {
        let keys: Vec<_> = accounts
            .iter()
            .map(|account| json!({"id": account.as_str(), "events": ["STARTING", "ACTIVE", "ENDING"]}))
            .collect();
        let body = json!({"channelId": id.as_str(), "accountKeys": keys});
        match self.request(Method::POST, &["call-events", "v1", "subscriptions"], &[], Some(&body)).await {
            Err(error) if error.is_existing() => {
                Ok(SubscribeResult { accepted: accounts.len(), ..SubscribeResult::default() })
            }
            answer => {
                let answer: Value = serde_json::from_slice(&answer?).map_err(|_| Error::Garbled)?;
                Ok(parse_subscribe_result(&answer, accounts))
            }
        }
    }

    /// Subscribes a channel to the reports of accounts. Returns the number of accounts that GoTo accepted.
    pub(in crate::goto) async fn subscribe_reports(
        &self,
        id: &ChannelId,
        accounts: &[AccountKey],
    ) -> Result<usize, Error> {
        let keys: Vec<_> = accounts.iter().map(AccountKey::as_str).collect();
        let body = json!({"channelId": id.as_str(), "eventTypes": ["REPORT_SUMMARY"], "accountKeys": keys});
        match self.request(Method::POST, &["call-events-report", "v1", "subscriptions"], &[], Some(&body)).await {
            Err(error) if error.is_existing() => Ok(accounts.len()),
            answer => Ok(count_reports_accepted(&serde_json::from_slice(&answer?).unwrap_or_default(), accounts)),
        }
    }
}

/// Builds the body of create and update.
fn channel_body() -> Value {
    json!({"channelType": "WebSockets"})
}

fn parse_channel_id(value: &Value) -> Option<ChannelId> {
    ChannelId::try_from(value.get("channelId")?.as_str()?.trim()).ok()
}

/// Parses `channelURL`, trimmed: a sample of GoTo has a line break after the URL.
fn parse_url(value: &Value) -> Option<Secret> {
    let text = value.get("channelData")?.get("channelURL")?.as_str()?.trim();
    (!text.is_empty()).then(|| Secret::new(text))
}

fn parse_lifetime(value: &Value) -> Option<i64> {
    let value = value.get("channelLifetime")?;
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

pub(super) fn parse_account(value: &Value) -> Option<AccountKey> {
    match value {
        Value::String(text) => AccountKey::try_from(text.trim()).ok(),
        Value::Number(number) => AccountKey::try_from(number.to_string()).ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Parses the status of one account: a number, or a number in quotes.
fn parse_status(item: &Value) -> Option<u16> {
    let status = item.get("status")?;
    let number = status.as_u64().or_else(|| status.as_str()?.trim().parse().ok())?;
    u16::try_from(number).ok()
}

/// Parses a 207 against the requested accounts; accounts missing in the answer are to be retried.
fn parse_subscribe_result(answer: &Value, requested: &[AccountKey]) -> SubscribeResult {
    let items = answer.get("accountKeys").and_then(Value::as_array);
    let item_of = |wanted: &AccountKey| {
        items.into_iter().flatten().find(|item| item.get("id").and_then(parse_account).as_ref() == Some(wanted))
    };
    let mut result = SubscribeResult::default();
    for wanted in requested {
        let item = item_of(wanted);
        let status = item.and_then(parse_status);
        match status {
            // 409: the subscription exists.
            Some(200..=299 | 409) => result.accepted += 1,
            Some(status) if matches!(classify(status), FailureClass::Rejected | FailureClass::Gone) => {
                let code = item.and_then(|item| error_code(item.get("errorCode")?));
                result.rejected.push(AccountRejection { account: wanted.clone(), status, code });
            }
            Some(_) | None => result.retry.push(wanted.clone()),
        }
    }
    result
}

/// Counts the requested accounts among `items[].value`. GoTo answers 200, 201 or 207; an account missing there is
/// refused.
fn count_reports_accepted(answer: &Value, requested: &[AccountKey]) -> usize {
    let items = answer.get("items").and_then(Value::as_array).into_iter().flatten();
    let accepted: Vec<AccountKey> = items.filter_map(|item| parse_account(item.get("value")?)).collect();
    requested.iter().filter(|account| accepted.contains(account)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(texts: &[&str]) -> Vec<AccountKey> {
        texts.iter().map(|text| AccountKey::try_from(*text).unwrap()).collect()
    }

    #[test]
    fn subscribe_answer_is_read_per_account_and_missing_are_retried() {
        let answer = json!({"accountKeys": [
            {"id": "1", "status": 200, "message": "Success"},
            {"id": 2, "status": 404, "errorCode": "NOT_FOUND"},
            {"id": "3", "status": 429},
            {"id": "4", "status": 403, "errorCode": "call from +15145550199"},
            {"id": "5", "status": "fine"},
            {"id": "7", "status": "200"},
            {"id": "8", "status": 409, "errorCode": "CONFLICT"},
            {"id": "99", "status": 200},
        ]});
        let result = parse_subscribe_result(&answer, &keys(&["1", "2", "3", "4", "5", "6", "7", "8"]));
        assert_eq!(result.accepted, 3);
        assert_eq!(result.retry, keys(&["3", "5", "6"]));
        let refused: Vec<_> =
            result.rejected.iter().map(|one| (one.account.as_str(), one.status, one.code.as_deref())).collect();
        assert_eq!(refused, [("2", 404, Some("NOT_FOUND")), ("4", 403, None)]);
        assert_eq!(parse_subscribe_result(&json!([]), &keys(&["1"])).retry.len(), 1);
    }

    #[test]
    fn reports_answer_counts_only_requested_accounts() {
        let answer = json!({"items": [{"value": "1"}, {"value": 2}, {"value": "9"}, {}]});
        assert_eq!(count_reports_accepted(&answer, &keys(&["1", "2", "3"])), 2);
        assert_eq!(count_reports_accepted(&json!({"items": []}), &keys(&["1"])), 0);
    }

    #[test]
    fn nickname_owns_its_lane_and_lane_0_owns_removed_lanes() {
        let lane = |lane| Nickname { base: "poprelay-main-x".to_owned(), lane, lanes: 2 };
        assert!(lane(0).owns("poprelay-main-x-0") && lane(1).owns("poprelay-main-x-1"));
        assert!(!lane(0).owns("poprelay-main-x-1") && !lane(1).owns("poprelay-main-x-0"));
        assert!(lane(0).owns("poprelay-main-x-7") && lane(0).owns("poprelay-main-x"));
        assert!(!lane(1).owns("poprelay-main-x-7"));
        assert!(!lane(0).owns("poprelay-main-xy-0") && !lane(0).owns("poprelay-main-x-0-0") && !lane(0).owns("other"));
    }
}
