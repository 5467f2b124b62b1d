//! A SIP or tel address, reduced to its number.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// `"Alice" <sip:+15145550199;cpc=ordinary@host;user=phone>`, reduced to its number.
pub(super) struct SipAddress<'a> {
    pub(super) number: Cow<'a, str>,
    pub(super) host: &'a str,
    /// Display name in front of the address.
    pub(super) display: &'a str,
}

impl<'a> SipAddress<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let (display, bracketed) = text
            .rsplit_once('<')
            .map_or(("", text), |(display, rest)| (display, rest.split('>').next().unwrap_or(rest)));
        let display = display.trim().trim_matches('"').trim();
        let text = bracketed.trim().trim_matches(['<', '>', '"']).trim();
        // `15145550199@host` lacks its scheme.
        let is_number = |user: &str| user.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+');
        let bare = text.split_once('@').filter(|(user, _)| is_number(user)).map(|_| ("sip", text));
        let Some((scheme, rest)) = bare.or_else(|| text.split_once(':')) else {
            return Self { number: text.into(), host: "", display };
        };
        let is = |names: &[&str]| names.iter().any(|name| scheme.trim().eq_ignore_ascii_case(name));
        if is(&["sip", "sips", "h323"]) {
            let (user, host) = rest.split_once('@').unwrap_or((rest, ""));
            let number = sip_number(&decoded(user));
            return Self { number: number.into(), host, display };
        }
        let number = if is(&["tel", "callto"]) { decoded(rest).into() } else { text.into() };
        Self { number, host: "", display }
    }
}

/// Returns the number of a SIP address without its parameters and a password. A local number keeps the context that completes
/// it: `5550199;phone-context=+1514`.
fn sip_number(user: &str) -> String {
    let mut parts = user.split([';', ':']);
    let number = parts.next().unwrap_or_default();
    let context = parts.find(|part| part.starts_with("phone-context=+")).filter(|_| !number.starts_with('+'));
    context.map_or_else(|| number.to_owned(), |context| format!("{number};{context}"))
}

/// Decodes the escapes of an address: `%2B1514…`.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
