//! Text with `{placeholders}`: parsed once, filled many times, each value encoded for its target. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;

/// Everything but letters, digits, `-`, `_` and `~`.
const URL_ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// Encoding of a value for its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// URL or form: percent-encoded. `.` and `..` are rejected, because URL parsers treat even `%2E%2E` as a parent
    /// path.
    Url,
    /// Inside a JSON string: escaped.
    Json,
    /// Header or card: control characters become spaces.
    Text,
    /// Unchanged.
    Plain,
}

impl Encoding {
    fn encode(self, value: &str) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Url if value.bytes().all(|b| b == b'.') => return None,
            Self::Url => utf8_percent_encode(value, URL_ENCODED).into(),
            Self::Json => {
                let quoted = serde_json::Value::from(value).to_string();
                let inside = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
                inside.unwrap_or_default().to_owned().into()
            }
            Self::Text if value.contains(char::is_control) => {
                value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().into()
            }
            Self::Text | Self::Plain => value.into(),
        })
    }
}

/// Text with named placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(String),
}

impl Template {
    /// Parses `text`. A placeholder is a name of `known` in braces, or a JSON pointer where `pointers` is set. Other
    /// braces are text, because JSON bodies contain many.
    ///
    /// # Errors
    /// A word in braces that is not a name of `known`: likely a typo.
    pub(super) fn read(text: &str, known: &[&str], pointers: bool) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let placeholder = after.split_once('}').filter(|(name, _)| is_placeholder(name, pointers));
            let Some((name, tail)) = placeholder else {
                parts.push(Part::Text(format!("{before}{{")));
                rest = after;
                continue;
            };
            if !name.starts_with('/') && !known.contains(&name) {
                let known: Vec<String> = known.iter().map(|it| format!("{{{it}}}")).collect();
                let pointer = if pointers { ["{/a/pointer}".to_owned()].to_vec() } else { Vec::new() };
                return Err(format!("{{{name}}} is not a placeholder. Use {}", [known, pointer].concat().join(", ")));
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Placeholder(name.to_owned()));
            rest = tail;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self(parts))
    }

    /// Returns text without placeholders.
    #[must_use]
    pub(super) fn text(text: &str) -> Self {
        Self(vec![Part::Text(text.to_owned())])
    }

    /// Returns a single placeholder without text.
    #[must_use]
    pub(super) fn placeholder(name: &str) -> Self {
        Self(vec![Part::Placeholder(name.to_owned())])
    }

    /// Returns whether the template is a single placeholder without text.
    #[must_use]
    pub(super) fn is_single_placeholder(&self) -> bool {
        matches!(self.0.as_slice(), [Part::Placeholder(_)])
    }

    /// Returns the filled text. `None` if `value` has no value for a placeholder, or none that its encoding accepts.
    #[must_use]
    pub(super) fn fill<'v>(&self, encoding: Encoding, value: impl Fn(&str) -> Option<Cow<'v, str>>) -> Option<String> {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Placeholder(name) => value(name).and_then(|value| encoding.encode(&value).map(Cow::into_owned)),
        });
        parts.collect()
    }

    /// Returns the text before the first placeholder.
    #[must_use]
    pub(super) fn head(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            Some(Part::Placeholder(_)) | None => "",
        }
    }

    /// Returns whether the template has placeholders.
    #[must_use]
    pub(super) fn has_placeholders(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Placeholder(_)))
    }

    /// Returns the names of all placeholders.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Placeholder(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }
}

fn is_placeholder(name: &str, pointers: bool) -> bool {
    let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    word || pointers && name.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fill(text: &str, encoding: Encoding, value: &str) -> String {
        Template::read(text, &["number"], false).unwrap().fill(encoding, |_| Some(value.into())).unwrap()
    }

    #[test]
    fn fill_encodes_value_for_its_target() {
        assert_eq!(fill("https://a/b?q={number}&x=1", Encoding::Url, "+1514"), "https://a/b?q=%2B1514&x=1");
        assert_eq!(
            fill("{\"q\":\"{number}\",\"o\":{}}", Encoding::Json, "a\"b\\\n"),
            "{\"q\":\"a\\\"b\\\\\\n\",\"o\":{}}"
        );
        assert_eq!(fill("Tel {number}", Encoding::Text, "a\r\nX-Evil: 1"), "Tel a  X-Evil: 1");
        assert_eq!(fill("/p/{number}", Encoding::Url, "../x?#"), "/p/%2E%2E%2Fx%3F%23");
        let parent = Template::read("/p/{number}", &["number"], false).unwrap();
        assert_eq!(parent.fill(Encoding::Url, |_| Some("..".into())), None);
    }

    #[test]
    fn read_unknown_placeholder_is_an_error() {
        let error = Template::read("a={nummer}", &["number", "digits"], false).unwrap_err();
        assert_eq!(error, "{nummer} is not a placeholder. Use {number}, {digits}");
        assert!(Template::read("{ \"a\": {} } {", &["number"], false).is_ok());
        assert!(Template::read("{/id}", &[], true).unwrap().has_placeholders());
        assert!(!Template::read("{/id}", &[], false).unwrap().has_placeholders());
    }

    #[test]
    fn fill_missing_value_returns_none() {
        let template = Template::read("{/first} {/last}", &[], true).unwrap();
        assert_eq!(template.fill(Encoding::Text, |name| (name == "/first").then(|| "Al".into())), None);
        assert_eq!(template.placeholders().collect::<Vec<_>>(), ["/first", "/last"]);
    }

    proptest! {
        #[test]
        fn fill_value_keeps_host_path_and_other_parameters(value in "\\PC{0,40}|[./%2eE]{1,6}") {
            let template = Template::read("https://crm.example.com/api/{number}/x?q={number}&k=1", &["number"], false).unwrap();
            let Some(text) = template.fill(Encoding::Url, |_| Some(value.as_str().into())) else {
                prop_assert!(value.bytes().all(|b| b == b'.'), "{value} is rejected");
                return Ok(());
            };
            let url = url::Url::parse(&text).unwrap();
            prop_assert_eq!(url.host_str(), Some("crm.example.com"));
            prop_assert_eq!(url.path_segments().unwrap().count(), 3);
            let pairs: Vec<_> = url.query_pairs().collect();
            prop_assert_eq!(&*pairs[0].1, &value);
            prop_assert_eq!((&*pairs[1].0, &*pairs[1].1, pairs.len()), ("k", "1", 2));
            prop_assert!(url.fragment().is_none());
        }

        #[test]
        fn fill_value_stays_inside_its_json_string(value in any::<String>()) {
            let body = fill("{\"q\": \"{number}\"}", Encoding::Json, &value);
            let json: serde_json::Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(json.pointer("/q").unwrap().as_str(), Some(value.as_str()));
        }

        #[test]
        fn read_any_text_does_not_panic(text in "[{}/a-c \"]{0,40}") {
            let _ = Template::read(&text, &["a"], true);
        }
    }
}
