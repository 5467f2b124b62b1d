//! Counts the lines of a text at places that a reader of rows reports. Pure.

/// Counter over the line ends `\n`, `\r\n` and `\r`.
pub(super) struct LineCounter<'a> {
    text: &'a str,
    /// Place up to which lines are counted, in bytes.
    at: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    /// Creates a counter whose text begins in the line `first`.
    pub(super) const fn new(text: &'a str, first: u64) -> Self {
        Self { text, at: 0, line: first }
    }

    /// Returns the line of the row that begins at `place`, or behind the line ends there. The reader of rows leaves the `\n`
    /// of `\r\n` and empty lines to the next row. Places only grow.
    pub(super) fn line_of(&mut self, place: u64) -> u64 {
        let bytes = self.text.as_bytes();
        let place = usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
        let ends = bytes.iter().skip(place).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let start = (place + ends).max(self.at);
        let is_end = |at: &usize| match bytes.get(*at) {
            Some(b'\n') => true,
            Some(b'\r') => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        let lines = (self.at..start).filter(is_end).count();
        self.line += u64::try_from(lines).unwrap_or_default();
        self.at = start;
        self.line
    }

    /// Returns whether the text ends at `place` within a cell: neither a line end nor a quote closes the cell.
    pub(super) fn is_open_end(&self, place: u64) -> bool {
        usize::try_from(place).is_ok_and(|place| place >= self.text.len()) && !self.text.ends_with(['\n', '\r', '"'])
    }
}
