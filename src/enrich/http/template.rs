//! Text with `{placeholders}`: read once, filled many times, each value encoded for the place it goes to. Pure.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;

/// Everything but letters, digits, `-`, `_` and `~`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// Where a value goes, and so how it is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Into a URL or a form: percent-encoded. `.` and `..` are refused, because URLs take even `%2E%2E` for a step up.
    Url,
    /// Between the quotes of a JSON text: escaped.
    Json,
    /// Into a header or a card: without control characters.
    Text,
    /// Nowhere but on: as it is.
    Plain,
}

impl Place {
    fn write(self, value: &str) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Url if value.bytes().all(|b| b == b'.') => return None,
            Self::Url => utf8_percent_encode(value, ENCODED).into(),
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

/// Text and the names of what fills its gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Gap(String),
}

impl Template {
    /// Reads `text`. A gap is a name of `known`, or, where `pointers` are allowed, a JSON pointer, in braces; other braces
    /// are text, as JSON bodies are full of them.
    ///
    /// # Errors
    /// A word in braces that is no name of `known`: likely a slip.
    pub fn read(text: &str, known: &[&str], pointers: bool) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let gap = after.split_once('}').filter(|(name, _)| is_gap(name, pointers));
            let Some((name, tail)) = gap else {
                parts.push(Part::Text(format!("{before}{{")));
                rest = after;
                continue;
            };
            if !name.starts_with('/') && !known.contains(&name) {
                let known: Vec<String> = known.iter().map(|it| format!("{{{it}}}")).collect();
                let pointer = if pointers { ["{/a/pointer}".to_owned()].to_vec() } else { Vec::new() };
                return Err(format!(
                    "{{{name}}} is no placeholder; there are {}",
                    [known, pointer].concat().join(", ")
                ));
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Gap(name.to_owned()));
            rest = tail;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self(parts))
    }

    /// Text without gaps.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(vec![Part::Text(text.to_owned())])
    }

    /// One gap and nothing else.
    #[must_use]
    pub fn gap(name: &str) -> Self {
        Self(vec![Part::Gap(name.to_owned())])
    }

    /// Whether it is one gap and nothing else.
    #[must_use]
    pub fn is_one_gap(&self) -> bool {
        matches!(self.0.as_slice(), [Part::Gap(_)])
    }

    /// The text with its gaps filled; `None` if `value` has nothing for one of them, or nothing that may stand there.
    #[must_use]
    pub fn fill<'v>(&self, place: Place, value: impl Fn(&str) -> Option<Cow<'v, str>>) -> Option<String> {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Gap(name) => value(name).and_then(|value| place.write(&value).map(Cow::into_owned)),
        });
        parts.collect()
    }

    /// The text before the first gap.
    #[must_use]
    pub fn head(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            Some(Part::Gap(_)) | None => "",
        }
    }

    /// Whether it has gaps at all.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Gap(_)))
    }

    /// Every gap's name.
    pub fn gaps(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Gap(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }
}

fn is_gap(name: &str, pointers: bool) -> bool {
    let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    word || pointers && name.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fill(text: &str, place: Place, value: &str) -> String {
        Template::read(text, &["number"], false).unwrap().fill(place, |_| Some(value.into())).unwrap()
    }

    #[test]
    fn a_value_is_encoded_for_its_place() {
        assert_eq!(fill("https://a/b?q={number}&x=1", Place::Url, "+1514"), "https://a/b?q=%2B1514&x=1");
        assert_eq!(
            fill("{\"q\":\"{number}\",\"o\":{}}", Place::Json, "a\"b\\\n"),
            "{\"q\":\"a\\\"b\\\\\\n\",\"o\":{}}"
        );
        assert_eq!(fill("Tel {number}", Place::Text, "a\r\nX-Evil: 1"), "Tel a  X-Evil: 1");
        assert_eq!(fill("/p/{number}", Place::Url, "../x?#"), "/p/%2E%2E%2Fx%3F%23");
        let up = Template::read("/p/{number}", &["number"], false).unwrap();
        assert_eq!(up.fill(Place::Url, |_| Some("..".into())), None);
    }

    #[test]
    fn a_slip_in_a_placeholder_is_named() {
        let error = Template::read("a={nummer}", &["number", "digits"], false).unwrap_err();
        assert_eq!(error, "{nummer} is no placeholder; there are {number}, {digits}");
        assert!(Template::read("{ \"a\": {} } {", &["number"], false).is_ok());
        assert!(Template::read("{/id}", &[], true).unwrap().has_gaps());
        assert!(!Template::read("{/id}", &[], false).unwrap().has_gaps());
    }

    #[test]
    fn a_gap_that_nothing_fills_gives_no_text() {
        let template = Template::read("{/first} {/last}", &[], true).unwrap();
        assert_eq!(template.fill(Place::Text, |name| (name == "/first").then(|| "Al".into())), None);
        assert_eq!(template.gaps().collect::<Vec<_>>(), ["/first", "/last"]);
    }

    proptest! {
        #[test]
        fn no_value_changes_host_path_or_other_parameters(value in "\\PC{0,40}|[./%2eE]{1,6}") {
            let template = Template::read("https://crm.example.com/api/{number}/x?q={number}&k=1", &["number"], false).unwrap();
            let Some(text) = template.fill(Place::Url, |_| Some(value.as_str().into())) else {
                prop_assert!(value.bytes().all(|b| b == b'.'), "{value} is refused");
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
        fn no_value_leaves_its_json_text(value in any::<String>()) {
            let body = fill("{\"q\": \"{number}\"}", Place::Json, &value);
            let json: serde_json::Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(json.pointer("/q").unwrap().as_str(), Some(value.as_str()));
        }

        #[test]
        fn no_template_breaks_it(text in "[{}/a-c \"]{0,40}") {
            let _ = Template::read(&text, &["a"], true);
        }
    }
}
