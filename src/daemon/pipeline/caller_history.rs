//! Passes caller history queries from `enrich` to `goto`, and the answers back. `enrich` decides whether to query. `goto`
//! decides the form and the rate of the queries.

use crate::{
    daemon::{pipeline::Pipeline, settings::Settings},
    goto::{CallerActivityQuery, QuerySender},
    model::{call::Call, call_record::CallRecord, ids::ConnectionName, phone::E164, time::Now},
};
use std::time::Duration;

/// Delay before a dropped query may be repeated: 60 s.
const DROPPED_RETRY_DELAY: Duration = Duration::from_secs(60);

impl Pipeline {
    /// Queries GoTo for the caller's history, if the result may be new.
    pub(super) fn request_history(&self, settings: &Settings, call: &Call, queries: &QuerySender) {
        let Some((from, to)) = settings.enricher.plan_goto_query(call, Now::current()) else { return };
        let Some(number) = call.caller.number.as_e164().cloned() else { return };
        let query = CallerActivityQuery { account: call.account.clone(), number: number.clone(), from, to };
        if !queries.caller_activity(query) {
            self.import_history(settings, &call.connection, &number, Err(DROPPED_RETRY_DELAY));
        }
    }

    /// Passes the result to `enrich`.
    pub(super) fn import_history(
        &self,
        settings: &Settings,
        connection: &ConnectionName,
        number: &E164,
        calls: Result<Vec<CallRecord>, Duration>,
    ) {
        settings.enricher.import_activity(connection, number, calls, Now::current());
    }
}
