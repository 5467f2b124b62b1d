//! Requests for calls: active calls, states of one call, reports of ended calls.

use super::{Api, Error};
use crate::{
    goto::{
        lane::FailureClass,
        wire::{self, Reader},
    },
    model::{
        call::{CallSnapshot, Report},
        ids::{AccountKey, ConversationSpaceId},
        time::Timestamp,
    },
};
use reqwest::Method;
use std::time::Duration;
use tokio::time::sleep;

/// Account keys per request.
const MAX_ACCOUNT_KEYS: usize = 20;
/// Pages of 100 per query: 50,000 reports are a month of a busy account, and 30 MB.
const MAX_PAGES: usize = 500;
/// Waits before a page is requested again after a transient failure, so that a long query need not restart.
const PAGE_RETRY_DELAYS: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(3)];
/// Longest `Retry-After` that a query waits for; a longer one fails the query.
const MAX_PAGE_RETRY_AFTER: Duration = Duration::from_secs(10);

impl Api {
    /// Fetches the active calls, each with its latest state.
    pub(in crate::goto) async fn active_calls(
        &self,
        accounts: &[AccountKey],
        context: &Reader,
    ) -> Result<Vec<CallSnapshot>, Error> {
        let mut calls = Vec::new();
        for keys in accounts.chunks(MAX_ACCOUNT_KEYS) {
            let query = account_keys(keys);
            let path = ["call-events", "v1", "conversation-spaces"];
            calls.extend(self.fetch_pages(&path, &query, |body| wire::active(body, context)).await?);
        }
        Ok(calls)
    }

    /// Fetches the states `from..=to` of a call.
    pub(in crate::goto) async fn states(
        &self,
        call: &ConversationSpaceId,
        (from, to): (u64, u64),
        context: &Reader,
    ) -> Result<Vec<CallSnapshot>, Error> {
        let path = ["call-events", "v1", "conversation-spaces", call.as_str(), "events"];
        let query = [("sequenceFrom", from.to_string()), ("sequenceTo", to.to_string())];
        self.fetch_pages(&path, &query, |body| wire::states(body, context)).await
    }

    /// Fetches the reports of the calls that started in `from..to`.
    pub(in crate::goto) async fn reports(
        &self,
        accounts: &[AccountKey],
        (from, to): (Timestamp, Timestamp),
        context: &Reader,
    ) -> Result<Vec<Report>, Error> {
        let mut reports = Vec::new();
        for keys in accounts.chunks(MAX_ACCOUNT_KEYS) {
            let mut query = account_keys(keys);
            query.push(("startTime", format!("{from:.3}")));
            query.push(("endTime", format!("{to:.3}")));
            let path = ["call-events-report", "v1", "report-summaries"];
            reports.extend(self.fetch_pages(&path, &query, |body| wire::summaries(body, context)).await?);
        }
        Ok(reports)
    }

    /// Fetches the report of one call.
    pub(in crate::goto) async fn report(&self, call: &ConversationSpaceId, context: &Reader) -> Result<Report, Error> {
        let path = ["call-events-report", "v1", "reports", call.as_str()];
        let body = self.request(Method::GET, &path, &[], None).await?;
        wire::report(&body, context).map_err(|_| Error::Garbled)
    }

    /// Fetches page after page until the marker is missing or repeats.
    pub(super) async fn fetch_pages<T>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        decode: impl Fn(&[u8]) -> Result<(Vec<T>, Option<String>), wire::Unreadable>,
    ) -> Result<Vec<T>, Error> {
        let mut all = Vec::new();
        let mut marker: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            query.push(("pageSize", "100"));
            query.extend(marker.as_deref().map(|marker| ("pageMarker", marker)));
            let body = self.fetch_page(path, &query).await?;
            let (items, next) = decode(&body).map_err(|_| Error::Garbled)?;
            all.extend(items);
            if next.is_none() || next == marker {
                return Ok(all);
            }
            marker = next;
        }
        tracing::warn!(connection = %self.name, calls = all.len(), "page limit reached, further calls ignored");
        Ok(all)
    }

    async fn fetch_page(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<u8>, Error> {
        for wait in PAGE_RETRY_DELAYS {
            let answer = self.request(Method::GET, path, query, None).await;
            let Err(failure) = answer.as_ref().map_err(Error::failure) else { return answer };
            if !matches!(failure.class, FailureClass::Transient | FailureClass::Unreachable(_))
                || failure.retry_after.is_some_and(|after| after > MAX_PAGE_RETRY_AFTER)
            {
                return answer;
            }
            sleep(failure.retry_after.map_or(wait, |after| after.max(wait))).await;
        }
        self.request(Method::GET, path, query, None).await
    }
}

/// Builds `accountKey=…&accountKey=…`: repeated, without brackets.
fn account_keys(keys: &[AccountKey]) -> Vec<(&'static str, String)> {
    keys.iter().map(|key| ("accountKey", key.as_str().to_owned())).collect()
}
