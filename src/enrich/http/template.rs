//! Templates of a source's requests and fields: minijinja, compiled once. Each value is encoded for its place, so that no text
//! of a caller or CRM can leave it. Pure.

use super::value::text;
use minijinja::{Environment, Error, ErrorKind, Output, UndefinedBehavior, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::{borrow::Cow, fmt, sync::Arc};

/// Everything but letters, digits, `-`, `_` and `~`.
const URL_ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');
/// Steps of a template in minijinja's unit: a hundred times what a request needs, some milliseconds.
const FUEL: u64 = 20_000;
/// Name of the only template of an environment.
const NAME: &str = "template";

/// Encoding of the values of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// URL or form: percent-encoded. `.` and `..` are rejected, because URL parsers treat even `%2E%2E` as a parent
    /// path.
    Url,
    /// JSON: a text with its quotes.
    Json,
    /// Header or card: control characters become spaces.
    Text,
}

impl Encoding {
    fn encode(self, value: &str) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Url if value.bytes().all(|b| b == b'.') => return None,
            Self::Url => utf8_percent_encode(value, URL_ENCODED).into(),
            Self::Json => serde_json::Value::from(value).to_string().into(),
            Self::Text if value.contains(char::is_control) => {
                value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().into()
            }
            Self::Text => value.into(),
        })
    }

    /// Writes a value. A missing or empty one fails the template.
    fn write(self, output: &mut Output<'_>, value: &Value) -> Result<(), Error> {
        let missing = || Error::new(ErrorKind::UndefinedError, "a value is missing");
        if value.is_undefined() {
            return Err(missing());
        }
        let json = serde_json::to_value(value).map_err(|_| missing())?;
        let value = text(&json).ok_or_else(missing)?;
        output.write_str(&self.encode(&value).ok_or_else(missing)?).map_err(Error::from)
    }
}

/// Text with `{{ values }}`.
#[derive(Clone)]
pub(super) struct Template {
    source: String,
    encoding: Encoding,
    /// `None`: text without values.
    compiled: Option<Arc<Environment<'static>>>,
}

impl Template {
    /// Compiles `source`. `known`: the values that exist; `None` for the fields of a record.
    ///
    /// # Errors
    /// Bad syntax, or a value that does not exist: likely a typo.
    pub(super) fn compile(source: &str, encoding: Encoding, known: Option<&[&str]>) -> Result<Self, String> {
        let mut template = Self::text(source);
        template.encoding = encoding;
        if !["{{", "{%", "{#"].iter().any(|begin| source.contains(begin)) {
            return Ok(template);
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(move |output, _, value| encoding.write(output, value));
        environment.add_template_owned(NAME, source.to_owned()).map_err(|error| error.to_string())?;
        if let Some(known) = known {
            let used = environment.get_template(NAME).map_err(|error| error.to_string())?.undeclared_variables(false);
            if let Some(unknown) = used.iter().filter(|name| !known.contains(&name.as_str())).min() {
                return Err(format!("{{{{ {unknown} }}}} is not a value. Use {}", placeholders(known)));
            }
        }
        template.compiled = Some(Arc::new(environment));
        Ok(template)
    }

    /// Returns text without values.
    #[must_use]
    pub(super) fn text(text: &str) -> Self {
        Self { source: text.to_owned(), encoding: Encoding::Text, compiled: None }
    }

    /// Returns the filled text. `None` if a value is missing, or is not accepted by the encoding.
    #[must_use]
    pub(super) fn fill(&self, values: &Value) -> Option<String> {
        match &self.compiled {
            None => Some(self.source.clone()),
            Some(environment) => environment.get_template(NAME).ok()?.render(values).ok(),
        }
    }

    /// Returns the text before the first value.
    #[must_use]
    pub(super) fn head(&self) -> &str {
        self.source.split(['{']).next().unwrap_or_default()
    }

    /// Returns whether the template has values.
    #[must_use]
    pub(super) const fn has_values(&self) -> bool {
        self.compiled.is_some()
    }

    /// Returns how values are encoded.
    #[must_use]
    pub(super) const fn encoding(&self) -> Encoding {
        self.encoding
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, self.encoding) == (&other.source, other.encoding)
    }
}

impl Eq for Template {}

impl fmt::Debug for Template {
    /// Omits the text: a header may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("encoding", &self.encoding).finish_non_exhaustive()
    }
}

/// Lists values as an operator writes them: `{{ number }}, {{ digits }}`.
pub(super) fn placeholders(names: &[&str]) -> String {
    names.iter().map(|name| format!("{{{{ {name} }}}}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;
    use proptest::prelude::*;

    fn fill(source: &str, encoding: Encoding, value: &str) -> Option<String> {
        Template::compile(source, encoding, Some(&["number"])).unwrap().fill(&context! { number => value })
    }

    #[test]
    fn fill_encodes_value_for_its_place() {
        let filled = |source, encoding, value| fill(source, encoding, value).unwrap();
        assert_eq!(filled("https://a/b?q={{ number }}&x=1", Encoding::Url, "+1514"), "https://a/b?q=%2B1514&x=1");
        assert_eq!(
            filled("{\"q\":{{ number }},\"o\":{}}", Encoding::Json, "a\"b\nc"),
            "{\"q\":\"a\\\"b\\nc\",\"o\":{}}"
        );
        assert_eq!(filled("Tel {{ number }}", Encoding::Text, "a\r\nX-Evil: 1"), "Tel a  X-Evil: 1");
        assert_eq!(filled("/p/{{ number }}", Encoding::Url, "../x?#"), "/p/%2E%2E%2Fx%3F%23");
        assert_eq!(filled("{ \"a\": {} } {number", Encoding::Text, ""), "{ \"a\": {} } {number");
        assert_eq!(fill("/p/{{ number }}", Encoding::Url, ".."), None);
    }

    #[test]
    fn compile_unknown_value_or_bad_syntax_is_an_error() {
        let error = |source| Template::compile(source, Encoding::Url, Some(&["number", "digits"])).unwrap_err();
        assert_eq!(error("a={{ nummer }}"), "{{ nummer }} is not a value. Use {{ number }}, {{ digits }}");
        assert!(error("a={{ number").contains("syntax error"), "{}", error("a={{ number"));
        assert!(Template::compile("{{ id }}", Encoding::Url, None).unwrap().has_values());
        assert!(!Template::compile("{/id}", Encoding::Url, None).unwrap().has_values());
    }

    #[test]
    fn fill_missing_or_empty_value_returns_none() {
        let record =
            context! { first => "Ann", last => " ", tags => vec!["a", "b"], address => context! { city => "Bonn" } };
        let fill = |source| Template::compile(source, Encoding::Text, None).unwrap().fill(&record);
        assert_eq!(fill("{{ first }}, {{ address.city }}: {{ tags }}").as_deref(), Some("Ann, Bonn: a, b"));
        assert_eq!((fill("{{ first }} {{ last }}"), fill("{{ zip }}"), fill("{{ address }}")), (None, None, None));
        assert_eq!(fill("{{ zip | default(first) }}").as_deref(), Some("Ann"));
    }

    #[test]
    fn endless_template_returns_none() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert_eq!(Template::compile(endless, Encoding::Text, None).unwrap().fill(&context! {}), None);
    }

    proptest! {
        #[test]
        fn fill_any_value_stays_inside_its_place(value in any::<String>()) {
            if let Some(url) = fill("https://crm.example.com/find?q={{ number }}&end=1", Encoding::Url, &value) {
                let url = url::Url::parse(&url).unwrap();
                prop_assert_eq!(url.query_pairs().map(|(key, _)| key.into_owned()).collect::<Vec<_>>(), ["q", "end"]);
            }
            if let Some(body) = fill("{\"q\": {{ number }}}", Encoding::Json, &value) {
                let body: serde_json::Value = serde_json::from_str(&body).unwrap();
                prop_assert_eq!(body["q"].as_str(), Some(value.trim()));
            }
            if let Some(header) = fill("Token {{ number }}", Encoding::Text, &value) {
                prop_assert!(!header.contains(char::is_control));
            }
        }
    }
}
