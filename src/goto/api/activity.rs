//! The question for the past calls of one number.

use super::{Api, Error};
use crate::{
    goto::wire,
    model::{ids::AccountKey, past::Remembered, time::Timestamp},
};
use reqwest::Method;

/// Calls that one answer may have: a number that called more often within the history's retention is known well enough.
const MOST: &str = "1000";

impl Api {
    /// The calls of `number`, written in one of the forms that GoTo may know it by, that began in `from..to`.
    pub(in crate::goto) async fn activity(
        &self,
        account: &AccountKey,
        number: &str,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<Remembered>, Error> {
        let (from, to) = (format!("{from:.3}"), format!("{to:.3}"));
        let query =
            [("startTime", from.as_str()), ("endTime", &to), ("accountKey", account.as_str()), ("pageSize", MOST)];
        let path = ["call-reports", "v1", "reports", "caller-activity", number];
        let body = self.ask(Method::GET, &path, &query, None).await?;
        wire::activity(&body).map_err(|_| Error::Garbled)
    }
}
