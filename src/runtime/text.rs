//! Text for terminals and logs: characters that could change the visible text are replaced. Markup of chats is not handled.

/// Replaces control characters and direction marks by blanks.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_direction_mark(c) { ' ' } else { c }).collect()
}

/// Returns the first `most` characters of [`printable`] text.
#[must_use]
pub fn printable_start(text: &str, most: usize) -> String {
    printable(text).chars().take(most).collect()
}

/// Returns whether a character changes the text direction.
#[must_use]
pub const fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_replaces_control_characters_and_direction_marks() {
        assert_eq!(printable("a\u{1b}[31m\n\u{202e}b"), "a [31m  b");
        assert_eq!(printable_start("é\tabc", 3), "é a");
    }
}
