//! Sanitizes text from outside (callers, contacts, CRMs, GoTo labels): filters characters, truncates, escapes per chat.
//! Does not choose words. Every text on a card went through [`sanitize`].

use url::{Position, Url};

/// Bytes of a link as Slack counts them (`&` is five). Slack allows 3000 a section, browsers 2000; six links must fit
/// one message.
const MAX_LINK_BYTES: usize = 1000;
/// Combining marks after one letter: scripts need up to three, more cover the lines around.
const MAX_MARKS: u8 = 4;

/// Returns `raw` as one line of visible text, at most `max_units` UTF-16 units including the ellipsis. Units bound code
/// points too, so the limit holds for both ways a chat counts.
///
/// Removes control, bidi override and invisible characters; collapses whitespace to one space. Keeps the joiners U+200C
/// and U+200D between visible characters: Persian, Indic scripts and emoji need them. Inserts a space after `://`,
/// because the chats do not document where they turn text into links.
pub(super) fn sanitize(raw: &str, max_units: usize) -> String {
    truncate(&visible_text(raw, max_units), max_units)
}

/// Sanitizes like [`sanitize`]; returns `None` if no visible text is left.
pub(super) fn sanitize_opt(raw: Option<&str>, max_units: usize) -> Option<String> {
    raw.map(|raw| sanitize(raw, max_units)).filter(|text| !text.is_empty())
}

fn visible_text(raw: &str, max_units: usize) -> String {
    let mut out = String::new();
    let mut units = 0_usize;
    let mut marks = 0_u8;
    let (mut blank, mut joiner) = (false, None);
    for c in raw.chars() {
        if c.is_whitespace() || c.is_control() {
            blank = true;
            continue;
        }
        if is_joiner(c) {
            joiner = Some(c);
            continue;
        }
        marks = if is_mark(c) { marks.saturating_add(1) } else { 0 };
        if is_invisible(c) || marks > MAX_MARKS {
            continue;
        }
        if !out.is_empty() {
            out.extend(if blank || out.ends_with("://") { Some(' ') } else { joiner });
        }
        (blank, joiner) = (false, None);
        out.push(c);
        // One unit over the limit is enough for the caller to truncate; a megabyte of notes is not scanned.
        units = units.saturating_add(c.len_utf16());
        if units > max_units {
            break;
        }
    }
    out
}

/// Truncates `text` to `max_units` UTF-16 units, between characters, with an ellipsis.
pub(super) fn truncate(text: &str, max_units: usize) -> String {
    if utf16_len(text) <= max_units {
        return text.to_owned();
    }
    let mut left = max_units.saturating_sub(1);
    let fits = |c: &char| {
        let room = left.checked_sub(c.len_utf16());
        left = room.unwrap_or(0);
        room.is_some()
    };
    let kept: String = text.chars().take_while(fits).collect();
    let kept = kept.trim_end_matches(|c: char| is_joiner(c) || c.is_whitespace());
    if max_units == 0 { String::new() } else { format!("{kept}…") }
}

/// Returns the length in UTF-16 units.
pub(super) fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Returns whether `text` contains right-to-left script, which reorders the digits of a number beside it.
pub(super) fn contains_rtl(text: &str) -> bool {
    text.contains(|c| {
        matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
            | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
    })
}

/// Returns whether `c` has no glyph: such characters hide text, change its direction or look like an empty name.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}'
        | '\u{3164}' | '\u{FDD0}'..='\u{FDEF}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFC}'
        | '\u{FFFE}' | '\u{FFFF}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Escapes for Slack's mrkdwn. Slack defines exactly these three; every mention and link begins with `<`.
pub(super) fn escape_mrkdwn(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Replaces the angle brackets of mentions by look-alikes. For `plain_text` and Slack workflows, where Slack does not
/// document whether `&lt;` is unescaped.
pub(super) fn strip_mentions(text: &str) -> String {
    text.replace('<', "‹").replace('>', "›")
}

/// Returns whether mrkdwn would format `text`. mrkdwn has no escape for these characters, so such text needs
/// `plain_text`. Two colons may name an emoji; `>` at the start of a line is a quote even when escaped; many escapes
/// exceed the length limit.
pub(super) fn has_mrkdwn(text: &str) -> bool {
    text.contains(['*', '_', '~', '`', '[', '>'])
        || text.matches(':').count() > 1
        || text.matches(['&', '<']).count() > 4
}

/// Escapes Markdown for a Teams text block and breaks Teams functions (`{{DATE(…)}}`).
pub(super) fn escape_markdown(text: &str) -> String {
    let text = strip_functions(text);
    let mut out = String::with_capacity(text.len());
    let number = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
    for (at, c) in text.char_indices() {
        let list = at == 0 && matches!(c, '-' | '+' | '#' | '>') || at == number && at > 0 && matches!(c, '.' | ')');
        if list || matches!(c, '\\' | '*' | '_' | '[' | ']' | '~' | '`' | '<') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Removes the opening of Teams functions, which Teams evaluates inside any text, and the `<at>` markup of mentions.
pub(super) fn strip_functions(text: &str) -> String {
    let text = text.replace("{{", "{ { ").replace("{{", "{ { ");
    ["<at>", "<AT>", "<At>", "<aT>"].iter().fold(text, |text, at| text.replace(at, "‹at›"))
}

/// Breaks host names so that no client turns them into links. For the plain layouts, where no chat can disable links.
pub(super) fn break_links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut before, mut last) = (' ', ' ');
    for c in text.chars() {
        if last == '.' && before.is_alphanumeric() && c.is_alphabetic() {
            out.push(' ');
        }
        out.push(c);
        (before, last) = (last, c);
    }
    out
}

/// Returns `raw` if it is a safe link: `https:`, a host, no user name, at most 1000 bytes. Percent-encodes everything
/// that RFC 3986 forbids or that would end `<url|label>` early.
pub(super) fn sanitize_url(raw: &str) -> Option<String> {
    let raw = raw.trim();
    if raw.len() > MAX_LINK_BYTES || raw.chars().any(|c| c.is_control() || is_invisible(c)) {
        return None;
    }
    let url = Url::parse(raw).ok()?;
    let no_user = url.username().is_empty() && url.password().is_none();
    // The `url` crate accepts hosts such as `"`, which no name server does.
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let host = url.host_str().is_some_and(|host| !host.is_empty() && host.chars().all(fits));
    if url.scheme() != "https" || !host || !no_user {
        return None;
    }
    let out = format!("{}{}", &url[..Position::BeforePath], percent_encode(&url[Position::BeforePath..]));
    (escape_mrkdwn(&out).len() <= MAX_LINK_BYTES).then_some(out)
}

/// Percent-encodes what the `url` crate leaves and RFC 3986 forbids in path, query and fragment: signs, a second `#`, a
/// bare `%`.
fn percent_encode(rest: &str) -> String {
    let mut out = String::with_capacity(rest.len());
    let mut fragment = false;
    let mut rest = rest.chars();
    while let Some(c) = rest.next() {
        let twice = c == '#' && fragment;
        fragment |= c == '#';
        let bare = c == '%' && rest.clone().take(2).filter(char::is_ascii_hexdigit).count() < 2;
        if twice || bare || matches!(c, '|' | '<' | '>' | '"' | '\'' | '\\' | '^' | '[' | ']' | '{' | '}' | '`' | ' ') {
            out.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sanitize_control_and_invisible_characters_removed() {
        assert_eq!(sanitize(" Alice\r\n> Martin\u{0} ", 50), "Alice > Martin");
        assert_eq!(sanitize("\u{202E}gnp.exe\u{202C}", 50), "gnp.exe");
        assert_eq!(sanitize("a\u{200B}b\u{FEFF}c\u{2066}d\u{200F}", 50), "abcd");
        assert_eq!(sanitize("\u{3164}\u{200D}\u{E0041}", 50), "");
        assert_eq!(sanitize_opt(Some(" \u{200B} "), 50), None);
    }

    #[test]
    fn sanitize_joiners_kept_between_visible_characters() {
        assert_eq!(sanitize("👩\u{200D}💻", 50), "👩\u{200D}💻");
        assert_eq!(sanitize("می\u{200C}خواهم", 50), "می\u{200C}خواهم");
        assert_eq!(sanitize("\u{200D}a\u{200C}\u{200C}\u{200C}b\u{200D}", 50), "a\u{200C}b");
    }

    #[test]
    fn sanitize_many_combining_marks_capped() {
        let tower = format!("e{}", "\u{301}".repeat(60));
        assert_eq!(sanitize(&tower, 50).chars().count(), 5);
    }

    #[test]
    fn sanitize_long_text_ends_with_ellipsis() {
        assert_eq!(sanitize("Alice Martin", 12), "Alice Martin");
        assert_eq!(sanitize("Alice Martin", 7), "Alice…");
        assert_eq!(sanitize("👩\u{200D}💻", 4), "👩…");
        assert_eq!(sanitize("Alice", 0), "");
    }

    #[test]
    fn mrkdwn_mentions_and_links_escaped() {
        assert_eq!(escape_mrkdwn("<!channel> & <https://x|y>"), "&lt;!channel&gt; &amp; &lt;https://x|y&gt;");
        assert!(has_mrkdwn("*a*") && has_mrkdwn(":tada:") && has_mrkdwn("> a"));
        assert!(!has_mrkdwn("Alice & Co: <b"));
    }

    #[test]
    fn markdown_and_functions_escaped_for_teams() {
        assert_eq!(escape_markdown("[Call](https://x) **b**"), "\\[Call\\](https://x) \\*\\*b\\*\\*");
        assert_eq!(escape_markdown("1. a"), "1\\. a");
        assert_eq!(escape_markdown("- a"), "\\- a");
        assert_eq!(escape_markdown("(514) 555-0199"), "(514) 555-0199");
        assert!(!escape_markdown("{{{{DATE(2026-11-23T10:00:00Z, SHORT)}}").contains("{{"));
    }

    #[test]
    fn break_links_host_names_and_schemes_broken() {
        assert_eq!(sanitize("see https://evil.com, ftp:// a", 50), "see https:// evil.com, ftp:// a");
        assert_eq!(break_links("https:// evil.com/a.b or evil.com"), "https:// evil. com/a. b or evil. com");
        assert_eq!(break_links("waited 3.5 s, J. Smith"), "waited 3.5 s, J. Smith");
    }

    #[test]
    fn sanitize_url_only_https_with_host_accepted() {
        assert_eq!(sanitize_url("https://crm.example.com/a?b=1&c=2").unwrap(), "https://crm.example.com/a?b=1&c=2");
        assert_eq!(sanitize_url("https://x.com/a|b>c#d|[e]").unwrap(), "https://x.com/a%7Cb%3Ec#d%7C%5Be%5D");
        for bad in
            ["http://x.com", "javascript:alert(1)", "https://", "https://a@b.com/", "x", "https://x.com/\u{202E}"]
        {
            assert_eq!(sanitize_url(bad), None, "{bad}");
        }
        assert_eq!(sanitize_url(&format!("https://x.com/{}", "a".repeat(2000))), None);
        assert_eq!(sanitize_url(&format!("https://x.com/?{}", "&".repeat(300))), None);
    }

    proptest! {
        #[test]
        fn sanitize_any_text_within_limit_and_idempotent(raw in any::<String>(), max_units in 0_usize..200) {
            let text = sanitize(&raw, max_units);
            prop_assert!(utf16_len(&text) <= max_units);
            prop_assert!(!text.chars().any(|c| c.is_control() || is_invisible(c)));
            let starts_visible = !text.starts_with([' ', '\u{200D}', '\u{200C}']);
            prop_assert!(starts_visible && !text.contains("  ") && !text.contains("://a"));
            prop_assert_eq!(sanitize(&text, max_units), text);
        }

        #[test]
        fn escapes_any_text_leave_no_markup(raw in "[<>&|*_\\[\\](){}!@#a-z0-9. -]{0,60}") {
            let text = sanitize(&raw, 100);
            prop_assert!(!escape_mrkdwn(&text).contains(['<', '>']) && !strip_mentions(&text).contains(['<', '>']));
            prop_assert!(!escape_markdown(&text).contains("{{"));
            let broken = escape_markdown(&text).replace("\\[", "");
            prop_assert!(!broken.contains('['));
        }

        #[test]
        fn sanitize_url_result_cannot_end_early(raw in "https://[a-z.@:/|<>?#%{}\\[\\]\" ^`~'\\\\é\u{1F600}]{0,40}") {
            if let Some(url) = sanitize_url(&raw) {
                prop_assert!(url.starts_with("https://") && url.is_ascii());
                let ends_early = url.trim_start_matches("https://").contains(['|', '<', '>', '"', ' ', '^', '`', '{', '}', '\\']);
                prop_assert!(!ends_early);
                prop_assert_eq!(sanitize_url(&url).unwrap(), url);
            }
        }
    }
}
