//! Position of a fact within a call, and the choice between two facts.

/// The position of a snapshot: conversations in the order in which they joined the call, then `sequenceNumber`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Position {
    pub(super) leg: usize,
    pub(super) sequence: u64,
}

impl Position {
    /// Returns the position after the conversations of another call were put before this one's.
    pub(super) const fn behind(self, legs: usize) -> Self {
        Self { leg: self.leg.saturating_add(legs), sequence: self.sequence }
    }
}

/// A fact with its rank and its position.
pub(super) type Ranked<T> = Option<(u8, Position, T)>;

/// Keeps the fact of the highest rank, and of two equal ranks the earlier one.
pub(super) fn keep_best<T: Clone>(known: &mut Ranked<T>, at: Position, new: Option<(u8, &T)>) {
    if let Some((rank, new)) = new
        && known.as_ref().is_none_or(|(was, since, _)| rank > *was || rank == *was && at < *since)
    {
        *known = Some((rank, at, new.clone()));
    }
}
