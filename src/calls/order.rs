//! Where in a call something was said, and which of two sayings is kept. Says nothing of what was said.

/// The place of a snapshot in a call: conversations in the order they joined it, then the sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Order {
    pub(super) leg: usize,
    pub(super) sequence: u64,
}

/// Keeps the surest, and of two equally sure the earlier.
pub(super) fn better<T: Clone>(known: &mut Option<(u8, Order, T)>, order: Order, said: Option<(u8, &T)>) {
    if let Some((sure, said)) = said
        && known.as_ref().is_none_or(|(was, whence, _)| sure > *was || sure == *was && order < *whence)
    {
        *known = Some((sure, order, said.clone()));
    }
}
