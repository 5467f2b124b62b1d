//! Stored deliveries of one call, for `explain`. Reads the file beside a running daemon.

use super::{
    admin::{self, StoredDelivery},
    place::{AdminError, OutboxPlace},
};
use crate::{model::delivery::Attempt, runtime::sql::params};

/// Most deliveries read of a call: the statuses times the sinks are far fewer.
const MAX_DELIVERIES: u32 = 500;

/// Returns the deliveries, with their attempts, of the calls whose id begins with `id`, oldest first.
///
/// # Errors
/// [`AdminError`].
pub fn deliveries_of_call<'a>(
    place: impl Into<OutboxPlace<'a>>,
    id: &str,
) -> Result<Vec<(StoredDelivery, Vec<Attempt>)>, AdminError> {
    let db = place.into().connect()?;
    let from = format!("call:{id}");
    // Sorts after every subject with the prefix: an index range scan.
    let to = format!("{from}\u{10ffff}");
    let mut read = db.prepare(&format!(
        "SELECT {} FROM deliveries INDEXED BY once WHERE subject >= ?1 AND subject < ?2 ORDER BY id LIMIT {MAX_DELIVERIES}",
        admin::STORED_COLUMNS
    ))?;
    let deliveries: Vec<StoredDelivery> = read.query_map(params![from, to], admin::read_stored)?;
    deliveries
        .into_iter()
        .map(|delivery| {
            let attempts = admin::attempts(&db, delivery.id)?;
            Ok((delivery, attempts))
        })
        .collect()
}
