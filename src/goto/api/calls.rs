//! Questions about calls: those under way, the states of one, and the reports of ended ones.

use super::{Api, Error};
use crate::{
    goto::{
        lifecycle::Class,
        wire::{self, Reader},
    },
    model::{
        call::{CallEvent, Report},
        ids::{AccountKey, ConversationSpaceId},
        time::Timestamp,
    },
};
use reqwest::Method;
use std::time::Duration;
use tokio::time::sleep;

/// Account keys that one question takes.
const KEYS: usize = 20;
/// Pages of 100 that are read of one answer: 50,000 reports are a month of a busy account, and 30 MB.
const PAGES: usize = 500;
/// Waits before a page that failed for a passing reason is asked for again, so that a long answer need not begin anew.
const AGAIN: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(3)];
/// A server that asks for a longer wait is asked again with the whole question.
const LONGEST_AGAIN: Duration = Duration::from_secs(10);

impl Api {
    /// The calls under way, each with its latest state.
    pub(in crate::goto) async fn active(
        &self,
        accounts: &[AccountKey],
        read: &Reader,
    ) -> Result<Vec<CallEvent>, Error> {
        let mut calls = Vec::new();
        for keys in accounts.chunks(KEYS) {
            let query = account_keys(keys);
            let path = ["call-events", "v1", "conversation-spaces"];
            calls.extend(self.pages(&path, &query, |body| wire::active(body, read)).await?);
        }
        Ok(calls)
    }

    /// The states `from..=to` of a call.
    pub(in crate::goto) async fn states(
        &self,
        call: &ConversationSpaceId,
        (from, to): (u64, u64),
        read: &Reader,
    ) -> Result<Vec<CallEvent>, Error> {
        let path = ["call-events", "v1", "conversation-spaces", call.as_str(), "events"];
        let query = [("sequenceFrom", from.to_string()), ("sequenceTo", to.to_string())];
        self.pages(&path, &query, |body| wire::states(body, read)).await
    }

    /// The reports of the calls that began in `from..to`.
    pub(in crate::goto) async fn reports(
        &self,
        accounts: &[AccountKey],
        (from, to): (Timestamp, Timestamp),
        read: &Reader,
    ) -> Result<Vec<Report>, Error> {
        let mut reports = Vec::new();
        for keys in accounts.chunks(KEYS) {
            let mut query = account_keys(keys);
            query.push(("startTime", format!("{from:.3}")));
            query.push(("endTime", format!("{to:.3}")));
            let path = ["call-events-report", "v1", "report-summaries"];
            reports.extend(self.pages(&path, &query, |body| wire::summaries(body, read)).await?);
        }
        Ok(reports)
    }

    /// The report of one call.
    pub(in crate::goto) async fn report(&self, call: &ConversationSpaceId, read: &Reader) -> Result<Report, Error> {
        let path = ["call-events-report", "v1", "reports", call.as_str()];
        let body = self.ask(Method::GET, &path, &[], None).await?;
        wire::report(&body, read).map_err(|_| Error::Garbled)
    }

    /// Reads page after page until there is no marker, or one that was just followed.
    async fn pages<T>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        read: impl Fn(&[u8]) -> Result<(Vec<T>, Option<String>), wire::Unreadable>,
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        let mut marker: Option<String> = None;
        for _ in 0..PAGES {
            let mut query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            query.push(("pageSize", "100"));
            query.extend(marker.as_deref().map(|marker| ("pageMarker", marker)));
            let body = self.page(path, &query).await?;
            let (items, next) = read(&body).map_err(|_| Error::Garbled)?;
            all.extend(items);
            if next.is_none() || next == marker {
                return Ok(all);
            }
            marker = next;
        }
        tracing::warn!(connection = %self.name, calls = all.len(), "goto has more calls than are read at once");
        Ok(all)
    }

    async fn page(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<u8>, Error> {
        for wait in AGAIN {
            let answer = self.ask(Method::GET, path, query, None).await;
            let Err(trouble) = answer.as_ref().map_err(Error::trouble) else { return answer };
            if trouble.class != Class::Transient || trouble.after.is_some_and(|after| after > LONGEST_AGAIN) {
                return answer;
            }
            sleep(trouble.after.map_or(wait, |after| after.max(wait))).await;
        }
        self.ask(Method::GET, path, query, None).await
    }
}

/// `accountKey=…&accountKey=…`: repeated, without brackets.
fn account_keys(keys: &[AccountKey]) -> Vec<(&'static str, String)> {
    keys.iter().map(|key| ("accountKey", key.as_str().to_owned())).collect()
}
