//! Request for the past calls of one number.

use super::{Api, Error};
use crate::{
    goto::wire,
    model::{call_record::CallRecord, ids::AccountKey, time::Timestamp},
};
use reqwest::Method;

/// Calls in one answer; more calls of one number within the history's retention add nothing to a card.
const MAX_CALLS: &str = "1000";

impl Api {
    /// Fetches the calls of `number`, in one of GoTo's possible spellings, that started in `from..to`.
    pub(in crate::goto) async fn caller_activity(
        &self,
        account: &AccountKey,
        number: &str,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<CallRecord>, Error> {
        let (from, to) = (format!("{from:.3}"), format!("{to:.3}"));
        let query =
            [("startTime", from.as_str()), ("endTime", &to), ("accountKey", account.as_str()), ("pageSize", MAX_CALLS)];
        let path = ["call-reports", "v1", "reports", "caller-activity", number];
        let body = self.request(Method::GET, &path, &query, None).await?;
        wire::activity(&body).map_err(|_| Error::Garbled)
    }
}
