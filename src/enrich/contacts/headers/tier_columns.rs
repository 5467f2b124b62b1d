//! Decides which column is the customer tier if several headers have a word of it. Does not map a header by itself.

use super::{spelled, stems};
use crate::enrich::contacts::{
    column::Column,
    header_words::{self as words, folded, has},
};

/// Returns the columns that are no tier beside a plainer one, as facts: `Level` beside `Client Tier`.
pub(super) fn weaker_tiers(headers: &[String], columns: &[Column]) -> Vec<(usize, Column)> {
    let tiers = || headers.iter().zip(columns).enumerate().filter(|(_, (_, column))| **column == Column::Tier);
    let Some(best) = tiers().map(|(_, (header, _))| rank(header)).min() else { return Vec::new() };
    let weaker = tiers().filter(|(_, (header, _))| rank(header) > best);
    weaker.map(|(at, (header, _))| (at, Column::Fact(super::label(header).into()))).collect()
}

/// Returns the order of preference: `Customer Tier`, then `Support tier`, then `Level`.
fn rank(header: &str) -> u8 {
    let header = spelled(header);
    match stems(&header).last() {
        _ if has(words::TIER, &folded(&header)) => 0,
        Some(last) if last == "tier" => 1,
        _ => 2,
    }
}
