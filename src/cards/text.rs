//! Text from strangers (callers, contacts, CRMs, GoTo's labels) made safe to show: cleaned, cut, and escaped for the place
//! it goes to. Decides what a character may do; not what a card says. Everything a card shows went through [`clean`].

use url::{Position, Url};

/// Longest link that is kept, in bytes as Slack counts them (`&` is five): Slack takes 3000 in all and browsers 2000; six
/// must fit a message.
const LONGEST_LINK: usize = 1000;
/// Combining marks that may follow one letter: scripts need up to three, a tower of them covers the lines around it.
const MARKS: u8 = 4;

/// `raw` as one line of visible text, at most `most` UTF-16 units with the ellipsis (units bound code points too, so the
/// limit holds whichever a chat counts). Controls, bidi overrides and invisible characters go, blanks become one space.
/// The joiners U+200C and U+200D stay between visible characters: Persian, Indic scripts and emoji are written with them.
/// An address is pulled apart behind its `://`: neither chat says where it makes links of text by itself.
pub(super) fn clean(raw: &str, most: usize) -> String {
    cut(&visible(raw, most), most)
}

/// [`clean`], or `None` where nothing is left to see.
pub(super) fn shown(raw: Option<&str>, most: usize) -> Option<String> {
    raw.map(|raw| clean(raw, most)).filter(|text| !text.is_empty())
}

fn visible(raw: &str, most: usize) -> String {
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
        if is_invisible(c) || marks > MARKS {
            continue;
        }
        if !out.is_empty() {
            out.extend(if blank || out.ends_with("://") { Some(' ') } else { joiner });
        }
        (blank, joiner) = (false, None);
        out.push(c);
        // One unit too many is enough to know that it must be cut: a megabyte of notes is not walked through.
        units = units.saturating_add(c.len_utf16());
        if units > most {
            break;
        }
    }
    out
}

/// `text` within `most` UTF-16 units, cut between characters and marked with an ellipsis.
pub(super) fn cut(text: &str, most: usize) -> String {
    if units(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |c: &char| {
        let room = left.checked_sub(c.len_utf16());
        left = room.unwrap_or(0);
        room.is_some()
    };
    let kept: String = text.chars().take_while(fits).collect();
    let kept = kept.trim_end_matches(|c: char| is_joiner(c) || c.is_whitespace());
    if most == 0 { String::new() } else { format!("{kept}…") }
}

/// Length in UTF-16 units.
pub(super) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Whether `text` is written from right to left somewhere: it would turn a number that stands beside it.
pub(super) fn turns(text: &str) -> bool {
    text.contains(|c| {
        matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
            | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
    })
}

/// Characters without a shape of their own: they hide text, turn its direction, or pass for an empty name.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}'
        | '\u{3164}' | '\u{FDD0}'..='\u{FDEF}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFC}'
        | '\u{FFFE}' | '\u{FFFF}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// For Slack's mrkdwn: exactly these three are escaped, and every mention and link of theirs begins with the second.
pub(super) fn slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// `text` with look-alikes of the brackets that begin and end a mention: for places that read no markup, where it is not
/// written whether `&lt;` is undone, and for a Slack workflow, of which nothing is written.
pub(super) fn unbracketed(text: &str) -> String {
    text.replace('<', "‹").replace('>', "›")
}

/// Whether mrkdwn would format `text` instead of showing it: it has no escape for these, so such text goes where no
/// markup is read. Two colons may be an emoji by name, `>` at a line's start is a quote even when escaped, and signs that
/// must be escaped make a text longer than its limit when they are many.
pub(super) fn formats_in_slack(text: &str) -> bool {
    text.contains(['*', '_', '~', '`', '[', '>'])
        || text.matches(':').count() > 1
        || text.matches(['&', '<']).count() > 4
}

/// For a Teams text that reads Markdown: what would format is escaped, what is evaluated there (`{{DATE(…)}}`) broken.
pub(super) fn teams(text: &str) -> String {
    let text = unevaluated(text);
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

/// `text` without the opening of a Teams function, which is evaluated inside a user's text too, and without the markup
/// that is a mention once the card names whom it mentions.
pub(super) fn unevaluated(text: &str) -> String {
    let text = text.replace("{{", "{ { ").replace("{{", "{ { ");
    ["<at>", "<AT>", "<At>", "<aT>"].iter().fold(text, |text, at| text.replace(at, "‹at›"))
}

/// `text` in which no client finds a host's name to make a link of. For the plain forms, where neither chat can be told to
/// leave text alone.
pub(super) fn unlinked(text: &str) -> String {
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

/// `raw` as a link a card may carry: `https:`, with a host, without a user's name in front of it, not too long, and with
/// everything encoded that would end it early in `<url|label>` or that RFC 3986 does not allow.
pub(super) fn link(raw: &str) -> Option<String> {
    let raw = raw.trim();
    if raw.len() > LONGEST_LINK || raw.chars().any(|c| c.is_control() || is_invisible(c)) {
        return None;
    }
    let url = Url::parse(raw).ok()?;
    let unnamed = url.username().is_empty() && url.password().is_none();
    // The library takes hosts like `"` as well, which no name server does.
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    let host = url.host_str().is_some_and(|host| !host.is_empty() && host.chars().all(fits));
    if url.scheme() != "https" || !host || !unnamed {
        return None;
    }
    let out = format!("{}{}", &url[..Position::BeforePath], encoded(&url[Position::BeforePath..]));
    (slack(&out).len() <= LONGEST_LINK).then_some(out)
}

/// Path, query and fragment with what the library leaves and RFC 3986 forbids encoded: signs, a second `#`, a bare `%`.
fn encoded(rest: &str) -> String {
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
    fn a_name_is_one_line_of_visible_text() {
        assert_eq!(clean(" Alice\r\n> Martin\u{0} ", 50), "Alice > Martin");
        assert_eq!(clean("\u{202E}gnp.exe\u{202C}", 50), "gnp.exe");
        assert_eq!(clean("a\u{200B}b\u{FEFF}c\u{2066}d\u{200F}", 50), "abcd");
        assert_eq!(clean("\u{3164}\u{200D}\u{E0041}", 50), "");
        assert_eq!(shown(Some(" \u{200B} "), 50), None);
    }

    #[test]
    fn joiners_stay_where_a_script_or_an_emoji_needs_them() {
        assert_eq!(clean("👩\u{200D}💻", 50), "👩\u{200D}💻");
        assert_eq!(clean("می\u{200C}خواهم", 50), "می\u{200C}خواهم");
        assert_eq!(clean("\u{200D}a\u{200C}\u{200C}\u{200C}b\u{200D}", 50), "a\u{200C}b");
    }

    #[test]
    fn a_tower_of_marks_is_lowered() {
        let tower = format!("e{}", "\u{301}".repeat(60));
        assert_eq!(clean(&tower, 50).chars().count(), 5);
    }

    #[test]
    fn a_cut_says_that_it_is_one() {
        assert_eq!(clean("Alice Martin", 12), "Alice Martin");
        assert_eq!(clean("Alice Martin", 7), "Alice…");
        assert_eq!(clean("👩\u{200D}💻", 4), "👩…");
        assert_eq!(clean("Alice", 0), "");
    }

    #[test]
    fn slack_mentions_and_links_become_text() {
        assert_eq!(slack("<!channel> & <https://x|y>"), "&lt;!channel&gt; &amp; &lt;https://x|y&gt;");
        assert!(formats_in_slack("*a*") && formats_in_slack(":tada:") && formats_in_slack("> a"));
        assert!(!formats_in_slack("Alice & Co: <b"));
    }

    #[test]
    fn teams_markdown_becomes_text_and_nothing_is_evaluated() {
        assert_eq!(teams("[Call](https://x) **b**"), "\\[Call\\](https://x) \\*\\*b\\*\\*");
        assert_eq!(teams("1. a"), "1\\. a");
        assert_eq!(teams("- a"), "\\- a");
        assert_eq!(teams("(514) 555-0199"), "(514) 555-0199");
        assert!(!teams("{{{{DATE(2026-11-23T10:00:00Z, SHORT)}}").contains("{{"));
    }

    #[test]
    fn an_address_in_plain_text_is_pulled_apart() {
        assert_eq!(clean("see https://evil.com, ftp:// a", 50), "see https:// evil.com, ftp:// a");
        assert_eq!(unlinked("https:// evil.com/a.b or evil.com"), "https:// evil. com/a. b or evil. com");
        assert_eq!(unlinked("waited 3.5 s, J. Smith"), "waited 3.5 s, J. Smith");
    }

    #[test]
    fn only_an_https_link_with_a_host_is_one() {
        assert_eq!(link("https://crm.example.com/a?b=1&c=2").unwrap(), "https://crm.example.com/a?b=1&c=2");
        assert_eq!(link("https://x.com/a|b>c#d|[e]").unwrap(), "https://x.com/a%7Cb%3Ec#d%7C%5Be%5D");
        for bad in
            ["http://x.com", "javascript:alert(1)", "https://", "https://a@b.com/", "x", "https://x.com/\u{202E}"]
        {
            assert_eq!(link(bad), None, "{bad}");
        }
        assert_eq!(link(&format!("https://x.com/{}", "a".repeat(2000))), None);
        assert_eq!(link(&format!("https://x.com/?{}", "&".repeat(300))), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_cleaned_within_its_limit(raw in any::<String>(), most in 0_usize..200) {
            let text = clean(&raw, most);
            prop_assert!(units(&text) <= most);
            prop_assert!(!text.chars().any(|c| c.is_control() || is_invisible(c)));
            let begins_well = !text.starts_with([' ', '\u{200D}', '\u{200C}']);
            prop_assert!(begins_well && !text.contains("  ") && !text.contains("://a"));
            prop_assert_eq!(clean(&text, most), text);
        }

        #[test]
        fn whatever_comes_is_inert(raw in "[<>&|*_\\[\\](){}!@#a-z0-9. -]{0,60}") {
            let text = clean(&raw, 100);
            prop_assert!(!slack(&text).contains(['<', '>']) && !unbracketed(&text).contains(['<', '>']));
            prop_assert!(!teams(&text).contains("{{"));
            let broken = teams(&text).replace("\\[", "");
            prop_assert!(!broken.contains('['));
        }

        #[test]
        fn whatever_link_is_kept_cannot_leave_its_place(raw in "https://[a-z.@:/|<>?#%{}\\[\\]\" ^`~'\\\\é\u{1F600}]{0,40}") {
            if let Some(url) = link(&raw) {
                prop_assert!(url.starts_with("https://") && url.is_ascii());
                let ends_early = url.trim_start_matches("https://").contains(['|', '<', '>', '"', ' ', '^', '`', '{', '}', '\\']);
                prop_assert!(!ends_early);
                prop_assert_eq!(link(&url).unwrap(), url);
            }
        }
    }
}
