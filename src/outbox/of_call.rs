//! Stored deliveries of one call, for `explain`. Reads the file beside a running daemon.

use super::admin::{self, AdminError, StoredDelivery};
use crate::model::delivery::Attempt;
use std::path::Path;

/// Most deliveries read of a call: the statuses times the sinks are far fewer.
const MAX_DELIVERIES: u32 = 500;

/// Returns the deliveries, with their attempts, of the calls whose id begins with `id`, oldest first.
///
/// # Errors
/// [`AdminError`].
pub fn deliveries_of_call(dir: &Path, id: &str) -> Result<Vec<(StoredDelivery, Vec<Attempt>)>, AdminError> {
    let db = admin::connect(dir)?;
    let from = format!("call:{id}");
    // Sorts after every subject with the prefix: an index range scan.
    let to = format!("{from}\u{10ffff}");
    let mut read = db.prepare(&format!(
        "SELECT {} FROM deliveries INDEXED BY once WHERE subject >= ?1 AND subject < ?2 ORDER BY id LIMIT {MAX_DELIVERIES}",
        admin::STORED_COLUMNS
    ))?;
    let deliveries: Vec<StoredDelivery> = read.query_map([from, to], admin::read_stored)?.collect::<Result<_, _>>()?;
    deliveries
        .into_iter()
        .map(|delivery| {
            let attempts = admin::attempts(&db, delivery.id)?;
            Ok((delivery, attempts))
        })
        .collect()
}
