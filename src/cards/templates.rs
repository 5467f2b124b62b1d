//! The operator's templates for lines of a call card: compiled once, evaluated per card. Templates replace words, not
//! layout; the output is sanitized like a caller's name. A template that fails leaves the default text.
//! `template_context` defines the variables.

use super::text::sanitize_opt;
use crate::cards::template_context;
use minijinja::{Environment, Error, UndefinedBehavior, Value};
use std::{
    collections::BTreeSet,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes of a template: twenty lines of a chat.
const MAX_TEMPLATE_BYTES: usize = 2000;
/// UTF-16 units of a rendered line; a title has its own, shorter limit.
const MAX_LINE_UNITS: usize = 300;
/// Bytes kept of the output of a template: a line of the longest letters, doubled for what sanitizing removes.
const MAX_OUTPUT_BYTES: usize = 4096;
/// Steps of a template in minijinja's unit: about a hundred times what a line needs, a few milliseconds.
const FUEL: u64 = 20_000;

/// A line of a call card that a template can replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TemplateLine {
    /// Status and caller.
    Title,
    /// Reason why the call is urgent.
    Alert,
    /// Company and number, or the origin of the name.
    Caller,
    /// Status line of the call.
    State,
    /// Account number and queues.
    Dialed,
    /// Time at which the call started.
    Started,
}

impl TemplateLine {
    /// Returns the config key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Alert => "alert",
            Self::Caller => "caller",
            Self::State => "state",
            Self::Dialed => "dialed",
            Self::Started => "started",
        }
    }
}

/// Compiled templates of card lines. The default has none.
///
/// ```
/// use poprelay::cards::{CardTemplates, TemplateLine};
///
/// assert!(CardTemplates::compile([(TemplateLine::Title, "{{ caller.name }} is calling")]).is_ok());
/// // A mistake is found when the config is read, not when the phone rings.
/// let errors = CardTemplates::compile([(TemplateLine::Title, "{{ caler.name }}")]).unwrap_err();
/// assert_eq!(errors[0].to_string(), "unknown variable `caler.name`; did you mean `caller.name`?");
/// ```
#[derive(Clone, Default)]
pub struct CardTemplates(Option<Arc<CompiledTemplates>>);

struct CompiledTemplates {
    environment: Environment<'static>,
    /// Lines whose failure was logged; each is logged once.
    reported: Mutex<BTreeSet<TemplateLine>>,
}

/// An invalid template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct TemplateError {
    /// Line of the card.
    pub line: TemplateLine,
    /// Description for the operator.
    pub reason: String,
}

impl CardTemplates {
    /// Compiles templates and evaluates each for a caller with all data and one without any.
    ///
    /// # Errors
    /// Returns every invalid template: bad syntax, unknown variable, unknown filter, or failed evaluation.
    pub fn compile<'a>(
        templates: impl IntoIterator<Item = (TemplateLine, &'a str)>,
    ) -> Result<Self, Vec<TemplateError>> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        let (mut errors, mut has_any) = (Vec::new(), false);
        for (line, source) in templates {
            has_any = true;
            if let Err(reason) = add(&mut environment, line, source) {
                errors.push(TemplateError { line, reason });
            }
        }
        let compiled =
            || Self(has_any.then(|| Arc::new(CompiledTemplates { environment, reported: Mutex::default() })));
        if errors.is_empty() { Ok(compiled()) } else { Err(errors) }
    }

    /// Returns whether no line has a template.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Evaluates the template of line `name`; without one, or if it fails, returns `default_text`.
    pub(super) fn render_line(&self, name: TemplateLine, default_text: String, values: &Value) -> String {
        let Some(templates) = &self.0 else { return default_text };
        match evaluate(&templates.environment, name, &default_text, values) {
            None => default_text,
            Some(Ok(text)) => text,
            Some(Err(error)) => {
                if templates.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(name) {
                    // The full minijinja message may quote caller data.
                    let (key, error) = (format_args!("cards.lines.{}", name.as_str()), error.kind());
                    tracing::warn!(%key, %error, "card line template failed, default text used");
                }
                default_text
            }
        }
    }
}

/// Evaluates a template to one sanitized line; `None` without a template.
fn evaluate(
    environment: &Environment<'_>,
    name: TemplateLine,
    default_text: &str,
    values: &Value,
) -> Option<Result<String, Error>> {
    let template = environment.get_template(name.as_str()).ok()?;
    let mut output = BoundedBuffer(Vec::new());
    let rendered = template.render_captured_to(template_context::with_line(values, default_text), &mut output);
    let is_full = output.0.len() == MAX_OUTPUT_BYTES;
    if let Err(error) = rendered
        && !is_full
    {
        return Some(Err(error));
    }
    let text = String::from_utf8_lossy(&output.0);
    Some(Ok(sanitize_opt(Some(&text), MAX_LINE_UNITS).unwrap_or_default()))
}

/// Compiles and checks the template of one line.
fn add(environment: &mut Environment<'static>, line: TemplateLine, source: &str) -> Result<(), String> {
    if source.len() > MAX_TEMPLATE_BYTES {
        return Err(format!("template is longer than {MAX_TEMPLATE_BYTES} bytes"));
    }
    let name = line.as_str();
    environment.add_template_owned(name, source.to_owned()).map_err(|error| error.to_string())?;
    let undeclared =
        environment.get_template(name).map(|template| template.undeclared_variables(true)).unwrap_or_default();
    let is_global = |name: &str| environment.globals().any(|(global, _)| global == name);
    if let Some(unknown) = undeclared.iter().filter(|it| !template_context::is_variable(it) && !is_global(it)).min() {
        let near =
            template_context::VARIABLES.iter().map(|known| (strsim::damerau_levenshtein(known, unknown), known)).min();
        let near = near.map(|(_, known)| *known).unwrap_or_default();
        return Err(format!("unknown variable `{unknown}`; did you mean `{near}`?"));
    }
    for (sample, whose) in
        [(template_context::full_sample(), "with all data"), (template_context::empty_sample(), "without data")]
    {
        if let Some(Err(error)) = evaluate(environment, line, "x", &sample) {
            return Err(format!("template fails for a caller {whose}: {error}"));
        }
    }
    Ok(())
}

/// Buffer for [`MAX_OUTPUT_BYTES`]; a full buffer stops the template.
struct BoundedBuffer(Vec<u8>);

impl io::Write for BoundedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = MAX_OUTPUT_BYTES.saturating_sub(self.0.len());
        self.0.extend(bytes.iter().take(room));
        if bytes.len() > room { Err(io::ErrorKind::WriteZero.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for CardTemplates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().flat_map(|it| it.environment.templates().map(|(name, _)| name.to_owned()));
        f.debug_set().entries(names).finish()
    }
}
