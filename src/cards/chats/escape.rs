//! Escaping for the markup of the chats here, and lengths after escaping.

use crate::cards::text::{break_links, strip_mentions, truncate, utf16_len};

/// Escapes Markdown as Discord and Mattermost read it, and breaks mentions and host names. Angle brackets become
/// look-alikes: Mattermost reads `<!channel>` before Markdown, and a backslash does not stop it.
pub(super) fn markdown(text: &str) -> String {
    let text = break_mentions(&strip_mentions(&break_links(text)));
    let mut out = String::with_capacity(text.len());
    let number = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    for (at, c) in text.char_indices() {
        let list = at == 0 && matches!(c, '-' | '+') || at == number && at > 0 && matches!(c, '.' | ')');
        if list || matches!(c, '\\' | '*' | '_' | '[' | ']' | '~' | '`' | '|' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Escapes the HTML subset of Google Chat's cards, and breaks host names.
pub(super) fn html(text: &str) -> String {
    break_links(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns text for a chat without markup: no mentions, no links.
pub(super) fn plain(text: &str) -> String {
    break_mentions(&strip_mentions(&break_links(text)))
}

/// Inserts a zero-width space after each `@` that could begin a mention. An address keeps its `@`.
fn break_mentions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        out.push(c);
        if c == '@' && !before.is_ascii_alphanumeric() {
            out.push('\u{200B}');
        }
        before = c;
    }
    out
}

/// Encodes the brackets of a URL that would end `[label](url)` early.
pub(super) fn markdown_link(label: &str, url: &str) -> String {
    format!("[{}]({})", markdown(label), url.replace('(', "%28").replace(')', "%29"))
}

/// Escapes a text and shortens it until the result has at most `max_units` UTF-16 units.
pub(super) fn within(text: &str, max_units: usize, escape: impl Fn(&str) -> String) -> String {
    let mut units = max_units;
    loop {
        let escaped = escape(&truncate(text, units));
        let excess = utf16_len(&escaped).saturating_sub(max_units);
        if excess == 0 || units == 0 {
            return escaped;
        }
        // An escape adds at most four units to one, so a fifth of the excess is never too much.
        units = units.saturating_sub(excess.div_ceil(5));
    }
}

/// Takes rows while the sum of their sizes, each with a line break, stays within `max_size`.
pub(super) fn take_rows(
    rows: impl IntoIterator<Item = String>,
    max_size: usize,
    size: impl Fn(&str) -> usize,
) -> Vec<String> {
    let mut left = max_size;
    let fits = |row: &String| {
        let room = left.checked_sub(size(row).saturating_add(2));
        left = room.unwrap_or(0);
        room.is_some()
    };
    rows.into_iter().filter(|row| !row.is_empty()).take_while(fits).collect()
}

/// Returns the bytes of a text as a JSON string.
pub(super) fn json_len(text: &str) -> usize {
    serde_json::Value::from(text).to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns whether Discord or Mattermost would read a mention, a link or a format in `text`.
    fn is_live(text: &str) -> bool {
        let mut before = ' ';
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\\' {
                // A pair: the second character is text.
                before = chars.next().unwrap_or(' ');
                continue;
            }
            let mention = c == '@' && !before.is_ascii_alphanumeric() && chars.peek() != Some(&'\u{200B}');
            if mention || matches!(c, '<' | '>' | '*' | '_' | '[' | ']' | '~' | '`' | '|' | '#') {
                return true;
            }
            before = c;
        }
        false
    }

    #[test]
    fn markdown_known_attacks_are_text() {
        for attack in [
            "@everyone",
            "x.@here",
            "@channel",
            "<@123>",
            "<!channel>",
            "\\<!here>",
            "[a](https:// x)",
            "**b**",
            "||x||",
            "# h",
            "\\@all",
            "a\\",
            "`c`",
            "_@here",
            "é@here",
        ] {
            assert!(!is_live(&markdown(attack)), "{attack} became {}", markdown(attack));
        }
        assert_eq!(markdown("dana@example.com"), "dana@example. com");
        assert_eq!(markdown("- a"), "\\- a");
        assert_eq!(markdown("1. a (514) 555-0199"), "1\\. a (514) 555-0199");
        assert!(is_live("@everyone") && is_live("a *b*") && is_live("<!here>"), "the check finds what is live");
    }

    proptest! {
        #[test]
        fn markdown_any_text_is_inert(raw in "[<>@!\\\\*_~`|#\\[\\](){}a-zé0-9.: -]{0,60}") {
            prop_assert!(!is_live(&markdown(&raw)), "{}", markdown(&raw));
        }

        #[test]
        fn plain_any_text_has_no_mention(raw in "[<>@!a-zé0-9.: -]{0,60}") {
            let text = plain(&raw);
            prop_assert!(!text.contains(['<', '>']));
            let after = text.split('@').skip(1);
            for (before, after) in text.split('@').zip(after) {
                prop_assert!(before.ends_with(|c: char| c.is_ascii_alphanumeric()) || after.starts_with('\u{200B}'), "{}", text);
            }
        }

        #[test]
        fn html_any_text_has_no_tag(raw in any::<String>()) {
            let text = html(&raw);
            prop_assert!(!text.contains(['<', '>']));
            let entities = text.split('&').skip(1);
            for rest in entities {
                prop_assert!(["amp;", "lt;", "gt;"].iter().any(|entity| rest.starts_with(entity)), "{}", text);
            }
        }

        #[test]
        fn within_any_text_keeps_the_limit(raw in any::<String>(), max_units in 0_usize..80) {
            for escape in [markdown, html, plain] {
                prop_assert!(utf16_len(&within(&raw, max_units, escape)) <= max_units);
            }
        }
    }
}
