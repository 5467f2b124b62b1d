//! A SIP or tel address, reduced to its number.

use std::borrow::Cow;

/// `"Alice" <sip:+15145550199;cpc=ordinary@host;user=phone>`, reduced to its number.
pub(super) struct Address<'a> {
    pub(super) number: Cow<'a, str>,
    pub(super) host: &'a str,
}

impl<'a> Address<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let bracketed = text.rsplit_once('<').map_or(text, |(_, rest)| rest.split('>').next().unwrap_or(rest));
        let text = bracketed.trim().trim_matches(['<', '>', '"']).trim();
        let Some((scheme, rest)) = text.split_once(':') else { return Self { number: text.into(), host: "" } };
        let is = |names: &[&str]| names.iter().any(|name| scheme.trim().eq_ignore_ascii_case(name));
        if is(&["sip", "sips"]) {
            let (user, host) = rest.split_once('@').unwrap_or((rest, ""));
            let user = user.split(';').next().unwrap_or(user);
            return Self { number: user.replace("%2B", "+").replace("%2b", "+").into(), host };
        }
        let number = if is(&["tel", "callto"]) { rest } else { text };
        Self { number: number.into(), host: "" }
    }
}
