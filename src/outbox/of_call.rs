//! Everything that is kept of one call, for whoever wants to know what became of it. Reads the file beside a running daemon.

use super::admin::{self, AdminError, Letter};
use crate::model::delivery::Attempt;
use std::path::Path;

/// Deliveries that are read of a call: its moments times its sinks are far fewer.
const MOST: u32 = 500;

/// The deliveries, with their attempts, of the calls whose id begins with `id`, oldest first.
///
/// # Errors
/// [`AdminError`].
pub fn of_call(dir: &Path, id: &str) -> Result<Vec<(Letter, Vec<Attempt>)>, AdminError> {
    let db = admin::connect(dir)?;
    let from = format!("call:{id}");
    // A text that sorts after all that begin with it: the index is walked from one to the other.
    let to = format!("{from}\u{10ffff}");
    let mut read = db.prepare(&format!(
        "SELECT {} FROM deliveries INDEXED BY once WHERE subject >= ?1 AND subject < ?2 ORDER BY id LIMIT {MOST}",
        admin::LETTER
    ))?;
    let letters: Vec<Letter> = read.query_map([from, to], admin::letter)?.collect::<Result<_, _>>()?;
    letters
        .into_iter()
        .map(|letter| {
            let attempts = admin::attempts(&db, letter.id)?;
            Ok((letter, attempts))
        })
        .collect()
}
