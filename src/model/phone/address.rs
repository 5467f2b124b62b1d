//! A SIP or tel address, reduced to its number.

use std::borrow::Cow;

/// `"Alice" <sip:+15145550199;cpc=ordinary@host;user=phone>`, reduced to its number.
pub(super) struct Address<'a> {
    pub(super) number: Cow<'a, str>,
    pub(super) host: &'a str,
    /// Display name in front of the address.
    pub(super) display: &'a str,
}

impl<'a> Address<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let (display, bracketed) = text
            .rsplit_once('<')
            .map_or(("", text), |(display, rest)| (display, rest.split('>').next().unwrap_or(rest)));
        let display = display.trim().trim_matches('"').trim();
        let text = bracketed.trim().trim_matches(['<', '>', '"']).trim();
        let Some((scheme, rest)) = text.split_once(':') else { return Self { number: text.into(), host: "", display } };
        let is = |names: &[&str]| names.iter().any(|name| scheme.trim().eq_ignore_ascii_case(name));
        if is(&["sip", "sips"]) {
            let (user, host) = rest.split_once('@').unwrap_or((rest, ""));
            let user = user.replace("%2B", "+").replace("%2b", "+").replace("%3B", ";").replace("%3b", ";");
            let number = user.split(';').next().unwrap_or_default().to_owned();
            return Self { number: number.into(), host, display };
        }
        let number = if is(&["tel", "callto"]) { rest } else { text };
        Self { number: number.into(), host: "", display }
    }
}
