//! The operator's own body and headers: minijinja templates over the event, compiled once. Values in the body are written as
//! JSON, so that no text of a caller can leave its place. A template that fails leaves the standard body.

use super::{
    caller_data::CallerData,
    event::{CallData, Event},
};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context, value::Serde};
use percent_encoding::{CONTROLS, utf8_percent_encode};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Bytes of a template: a card of any chat in JSON.
const MAX_TEMPLATE_BYTES: usize = 16_000;
/// Bytes of a rendered body, above every chat's limit.
const MAX_BODY_BYTES: usize = 100_000;
/// Bytes of a rendered header: servers accept about 8,000 bytes of all headers.
const MAX_HEADER_BYTES: usize = 1000;
/// Steps of a template in minijinja's unit: some milliseconds.
const FUEL: u64 = 50_000;
/// Name of the body's template; those of headers begin with a prefix.
const BODY: &str = "body";
const HEADER_PREFIX: &str = "header ";

/// Form of a webhook message. The default is the event as JSON.
#[derive(Clone, Default)]
pub struct WebhookFormat {
    cloud_events: bool,
    has_body: bool,
    headers: Vec<String>,
    compiled: Option<Arc<CompiledFormat>>,
}

struct CompiledFormat {
    environment: Environment<'static>,
    sources: Vec<(String, String)>,
    /// Whether a failure was logged.
    reported: AtomicBool,
}

/// An invalid template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FormatError {
    /// Name of the header; `None` for the body.
    pub header: Option<String>,
    /// Description for the operator.
    pub reason: String,
}

impl WebhookFormat {
    /// Compiles templates and evaluates each with and without data.
    ///
    /// # Errors
    /// Every invalid template: bad syntax, unknown variable, failed evaluation, a body that is no JSON.
    pub fn compile(
        body: Option<&str>,
        headers: &[(String, String)],
        cloud_events: bool,
    ) -> Result<Self, Vec<FormatError>> {
        let named = headers.iter().map(|(name, source)| (format!("{HEADER_PREFIX}{name}"), source.clone()));
        let sources: Vec<(String, String)> =
            body.iter().map(|source| (BODY.to_owned(), (*source).to_owned())).chain(named).collect();
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|name| if name == BODY { AutoEscape::Json } else { AutoEscape::None });
        let error =
            |name: &str, reason| FormatError { header: name.strip_prefix(HEADER_PREFIX).map(str::to_owned), reason };
        let mut errors = Vec::new();
        for (name, source) in &sources {
            errors.extend(add(&mut environment, name, source).err().map(|reason| error(name, reason)));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let compiled = (!sources.is_empty())
            .then(|| Arc::new(CompiledFormat { environment, sources, reported: AtomicBool::new(false) }));
        let headers = headers.iter().map(|(name, _)| name.clone()).collect();
        Ok(Self { cloud_events, has_body: body.is_some(), headers, compiled })
    }

    /// Returns whether messages have the headers of CloudEvents.
    pub(super) const fn has_cloud_events(&self) -> bool {
        self.cloud_events
    }

    /// Returns body and headers of an event.
    pub(super) fn apply(&self, event: &Event) -> (String, Vec<(String, String)>) {
        let standard = || serde_json::to_string(event).unwrap_or_default();
        let Some(compiled) = &self.compiled else { return (standard(), Vec::new()) };
        let values = values(event);
        let rendered = |name: &str| match evaluate(&compiled.environment, name, &values) {
            Ok(text) => Some(text),
            Err(error) => {
                if !compiled.reported.swap(true, Ordering::Relaxed) {
                    // The full minijinja message may quote caller data.
                    let error = error.kind();
                    tracing::warn!(template = name, error, "webhook template failed, standard text used");
                }
                None
            }
        };
        let body = if self.has_body { rendered(BODY) } else { None };
        let headers = self.headers.iter().filter_map(|name| {
            let value = rendered(&format!("{HEADER_PREFIX}{name}"))?;
            Some((name.clone(), value))
        });
        (body.unwrap_or_else(standard), headers.collect())
    }
}

/// Reason for which a template gave no text.
enum RenderFailure {
    Template(minijinja::Error),
    TooLong,
    NotJson(String),
}

impl RenderFailure {
    fn kind(&self) -> String {
        match self {
            Self::Template(error) => error.kind().to_string(),
            Self::TooLong => "the text is too long".to_owned(),
            Self::NotJson(_) => "the text is no JSON".to_owned(),
        }
    }
}

/// Returns the variables: the event, with an object for `call` and `caller` in every event, and all rows as `text`.
fn values(event: &Event) -> Value {
    let data = &event.data;
    let text = std::iter::once(&data.title).chain(&data.lines).map(String::as_str).collect::<Vec<_>>().join("\n");
    context! {
        type => event.kind.as_str(),
        timestamp => event.timestamp.to_string(),
        title => data.title.as_str(),
        lines => &data.lines,
        text => text,
        urgent => data.urgent,
        call => data.call.as_ref().map_or_else(|| Value::from(Serde(CallData::default())), |call| Value::from(Serde(call))),
        caller => data.caller.as_ref().map_or_else(|| Value::from(Serde(CallerData::default())), |it| Value::from(Serde(it))),
    }
}

fn evaluate(environment: &Environment<'_>, name: &str, values: &Value) -> Result<String, RenderFailure> {
    let text =
        environment.get_template(name).and_then(|template| template.render(values)).map_err(RenderFailure::Template)?;
    if name == BODY {
        if text.len() > MAX_BODY_BYTES {
            return Err(RenderFailure::TooLong);
        }
        return match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(RenderFailure::NotJson(error.to_string())),
        };
    }
    // A header holds visible ASCII; everything else is percent-encoded.
    let text = utf8_percent_encode(text.trim(), CONTROLS).to_string();
    if text.len() > MAX_HEADER_BYTES { Err(RenderFailure::TooLong) } else { Ok(text) }
}

fn add(environment: &mut Environment<'static>, name: &str, source: &str) -> Result<(), String> {
    if source.len() > MAX_TEMPLATE_BYTES {
        return Err(format!("template is longer than {MAX_TEMPLATE_BYTES} bytes"));
    }
    environment.add_template_owned(name.to_owned(), source.to_owned()).map_err(|error| error.to_string())?;
    for (is_full, whose) in [(true, "with all data"), (false, "without data")] {
        match evaluate(environment, name, &values(&Event::sample(is_full))) {
            Ok(_) => {}
            Err(RenderFailure::Template(error)) => return Err(format!("template fails for an event {whose}: {error}")),
            Err(RenderFailure::TooLong) => return Err("the text is too long".to_owned()),
            Err(RenderFailure::NotJson(error)) => {
                return Err(format!(
                    "the body is no JSON for an event {whose} ({error}). Write {{{{ title }}}} without quotes: values bring their own"
                ));
            }
        }
    }
    Ok(())
}

impl PartialEq for WebhookFormat {
    fn eq(&self, other: &Self) -> bool {
        let sources = |format: &Self| format.compiled.as_ref().map(|compiled| compiled.sources.clone());
        self.cloud_events == other.cloud_events && sources(self) == sources(other)
    }
}

impl fmt::Debug for WebhookFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookFormat")
            .field("cloud_events", &self.cloud_events)
            .field("has_body", &self.has_body)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}
