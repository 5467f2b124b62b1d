//! Questions about channels and their subscriptions.

use super::{Api, Error, class, word};
use crate::{
    goto::lifecycle::{Accepted, Class, Created, Refusal, Renew, Renewed, Sweep},
    model::{
        ids::{AccountKey, ChannelId},
        secret::Secret,
    },
};
use reqwest::Method;
use serde_json::{Value, json};

/// Pages of channels that are looked through: GoTo allows 50 WebSocket channels a user, a page has up to 100.
const PAGES: usize = 5;
/// `https://api.goto.com/notification-channel/v1/channels`.
const CHANNELS: [&str; 3] = ["notification-channel", "v1", "channels"];

/// How one lane names its channels, so that a later start finds what a crash left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nickname {
    /// Of the host and connection.
    pub base: String,
    /// Which lane.
    pub lane: u8,
    /// How many lanes there are.
    pub lanes: u8,
}

impl Nickname {
    /// The name on the wire.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}-{}", self.base, self.lane)
    }

    /// Whether a channel of this name is this lane's to sweep: its own, and for lane 0 those of lanes that are no more.
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
    /// Creates a channel, after deleting what `sweep` asks for. A sweep that fails costs nothing but itself.
    pub(in crate::goto) async fn create(&self, name: &Nickname, sweep: Option<Sweep>) -> Result<Created, Error> {
        if let Some(sweep) = sweep
            && let Err(error) = self.sweep(name, &sweep).await
        {
            tracing::debug!(connection = %self.name, %error, "leftover channels not swept");
        }
        let name = name.text();
        let path = [CHANNELS.as_slice(), &[&name]].concat();
        let answer = self.ask(Method::POST, &path, &[], Some(&body())).await?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| Error::Garbled)?;
        Ok(Created {
            id: channel_id(&answer).ok_or(Error::Garbled)?,
            url: url(&answer).ok_or(Error::Garbled)?,
            lifetime: lifetime(&answer),
        })
    }

    async fn sweep(&self, name: &Nickname, sweep: &Sweep) -> Result<(), Error> {
        let mut marker: Option<String> = None;
        for _ in 0..PAGES {
            let mut query = vec![("pageSize", "100")];
            query.extend(marker.as_deref().map(|marker| ("pageMarker", marker)));
            let answer = self.ask(Method::GET, &CHANNELS, &query, None).await?;
            let page: Value = serde_json::from_slice(&answer).map_err(|_| Error::Garbled)?;
            for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
                let nickname = item.get("channelNickname").and_then(Value::as_str).unwrap_or_default();
                if let Some(id) = channel_id(item)
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

    /// Deletes a channel; one that is gone already is deleted too.
    pub(in crate::goto) async fn delete(&self, name: &Nickname, id: &ChannelId) -> Result<(), Error> {
        self.delete_named(&name.text(), id).await
    }

    async fn delete_named(&self, nickname: &str, id: &ChannelId) -> Result<(), Error> {
        let path = [CHANNELS.as_slice(), &[nickname, id.as_str()]].concat();
        match self.ask(Method::DELETE, &path, &[], None).await {
            Err(Error::Status { status: 404, .. }) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Renews a channel by one of its two requests.
    pub(in crate::goto) async fn renew(&self, name: &Nickname, id: &ChannelId, how: Renew) -> Result<Renewed, Error> {
        let name = name.text();
        let whole = [CHANNELS.as_slice(), &[&name, id.as_str()]].concat();
        let answer = match how {
            Renew::Whole => self.ask(Method::PUT, &whole, &[], Some(&body())).await?,
            Renew::Lifetime => {
                let path = [whole.as_slice(), &["channel-lifetime"]].concat();
                self.ask(Method::PUT, &path, &[], None).await?
            }
        };
        // A 2xx renews, whatever its body looks like.
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        Ok(Renewed { url: url(&answer), lifetime: lifetime(&answer) })
    }

    /// Subscribes a channel to the call events of accounts.
    pub(in crate::goto) async fn subscribe(&self, id: &ChannelId, accounts: &[AccountKey]) -> Result<Accepted, Error> {
        let keys: Vec<_> = accounts
            .iter()
            .map(|account| json!({"id": account.as_str(), "events": ["STARTING", "ACTIVE", "ENDING"]}))
            .collect();
        let body = json!({"channelId": id.as_str(), "accountKeys": keys});
        let answer = self.ask(Method::POST, &["call-events", "v1", "subscriptions"], &[], Some(&body)).await?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| Error::Garbled)?;
        Ok(accepted(&answer, accounts))
    }

    /// Subscribes a channel to the reports of accounts.
    pub(in crate::goto) async fn subscribe_reports(
        &self,
        id: &ChannelId,
        accounts: &[AccountKey],
    ) -> Result<(), Error> {
        let keys: Vec<_> = accounts.iter().map(AccountKey::as_str).collect();
        let body = json!({"channelId": id.as_str(), "eventTypes": ["REPORT_SUMMARY"], "accountKeys": keys});
        self.ask(Method::POST, &["call-events-report", "v1", "subscriptions"], &[], Some(&body)).await.map(drop)
    }

    /// The accounts of the login.
    pub(in crate::goto) async fn accounts(&self) -> Result<Vec<AccountKey>, Error> {
        let answer = self.ask(Method::GET, &["users", "v1", "me"], &[], None).await?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| Error::Garbled)?;
        let items = answer.get("items").and_then(Value::as_array).ok_or(Error::Garbled)?;
        let mut keys: Vec<_> = items.iter().filter_map(|item| account(item.get("accountKey")?)).collect();
        keys.sort();
        keys.dedup();
        Ok(keys)
    }
}

/// The body of create and update.
fn body() -> Value {
    json!({"channelType": "WebSockets"})
}

fn channel_id(value: &Value) -> Option<ChannelId> {
    ChannelId::try_from(value.get("channelId")?.as_str()?.trim()).ok()
}

/// A sample has a line break after the URL: trimmed.
fn url(value: &Value) -> Option<Secret> {
    let text = value.get("channelData")?.get("channelURL")?.as_str()?.trim();
    (!text.is_empty()).then(|| Secret::new(text))
}

fn lifetime(value: &Value) -> Option<i64> {
    let value = value.get("channelLifetime")?;
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn account(value: &Value) -> Option<AccountKey> {
    match value {
        Value::String(text) => AccountKey::try_from(text.trim()).ok(),
        Value::Number(number) => AccountKey::try_from(number.to_string()).ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The status of one account: a number, or one in quotes.
fn status(item: &Value) -> Option<u16> {
    let status = item.get("status")?;
    let number = status.as_u64().or_else(|| status.as_str()?.trim().parse().ok())?;
    u16::try_from(number).ok()
}

/// Reads a 207 against what was asked: accounts that it does not mention are asked again.
fn accepted(answer: &Value, asked: &[AccountKey]) -> Accepted {
    let items = answer.get("accountKeys").and_then(Value::as_array);
    let of = |wanted: &AccountKey| {
        items.into_iter().flatten().find(|item| item.get("id").and_then(account).as_ref() == Some(wanted))
    };
    let mut out = Accepted::default();
    for wanted in asked {
        let item = of(wanted);
        let status = item.and_then(status);
        match status {
            Some(200..=299) => out.accounts += 1,
            Some(status) if matches!(class(status), Class::Refused | Class::Gone) => {
                let code = item.and_then(|item| word(item.get("errorCode")?));
                out.refused.push(Refusal { account: wanted.clone(), status, code });
            }
            Some(_) | None => out.later.push(wanted.clone()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(texts: &[&str]) -> Vec<AccountKey> {
        texts.iter().map(|text| AccountKey::try_from(*text).unwrap()).collect()
    }

    #[test]
    fn a_207_is_read_account_by_account_and_what_it_forgets_is_asked_again() {
        let answer = json!({"accountKeys": [
            {"id": "1", "status": 200, "message": "Success"},
            {"id": 2, "status": 404, "errorCode": "NOT_FOUND"},
            {"id": "3", "status": 429},
            {"id": "4", "status": 403, "errorCode": "call from +15145550199"},
            {"id": "5", "status": "fine"},
            {"id": "7", "status": "200"},
            {"id": "99", "status": 200},
        ]});
        let out = accepted(&answer, &keys(&["1", "2", "3", "4", "5", "6", "7"]));
        assert_eq!(out.accounts, 2);
        assert_eq!(out.later, keys(&["3", "5", "6"]));
        let refused: Vec<_> =
            out.refused.iter().map(|one| (one.account.as_str(), one.status, one.code.as_deref())).collect();
        assert_eq!(refused, [("2", 404, Some("NOT_FOUND")), ("4", 403, None)]);
        assert_eq!(accepted(&json!([]), &keys(&["1"])).later.len(), 1);
    }

    #[test]
    fn a_lane_sweeps_its_own_names_and_lane_0_those_of_lanes_that_are_no_more() {
        let lane = |lane| Nickname { base: "poprelay-main-x".to_owned(), lane, lanes: 2 };
        assert!(lane(0).owns("poprelay-main-x-0") && lane(1).owns("poprelay-main-x-1"));
        assert!(!lane(0).owns("poprelay-main-x-1") && !lane(1).owns("poprelay-main-x-0"));
        assert!(lane(0).owns("poprelay-main-x-7") && lane(0).owns("poprelay-main-x"));
        assert!(!lane(1).owns("poprelay-main-x-7"));
        assert!(!lane(0).owns("poprelay-main-xy-0") && !lane(0).owns("poprelay-main-x-0-0") && !lane(0).owns("other"));
    }
}
