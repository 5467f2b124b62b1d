//! The operator's own words for the lines of a call's card: templates, read once and filled for each card. They replace
//! words, never layout: what comes out is cleaned, cut and escaped as a caller's name is. A template that fails when it is
//! filled costs its words, not the line. It reads no time and knows no chat; `values` says what may stand in a template.

use super::{text::shown, values};
use minijinja::{Environment, Error, UndefinedBehavior, Value};
use std::{
    collections::BTreeSet,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
};

/// Longest template, in bytes: twenty lines of a chat.
const SOURCE: usize = 2000;
/// Longest line that comes out, in UTF-16 units; a title has its own, shorter limit.
const LINE: usize = 300;
/// Bytes taken of what a template writes: a line of the longest letters and as much again that is cleaned away.
const WRITTEN: usize = 4096;
/// Steps of a template, in the library's unit: some hundred times what a line takes, a few milliseconds.
const FUEL: u64 = 20_000;

/// A line that can be worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineName {
    /// State and caller.
    Title,
    /// Why it is urgent.
    Alert,
    /// Company and number, or whose word the name is.
    Caller,
    /// What happens to the call.
    State,
    /// Which of our numbers and queues.
    Called,
    /// When the call began.
    Began,
}

impl LineName {
    /// As the config writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Alert => "alert",
            Self::Caller => "caller",
            Self::State => "state",
            Self::Called => "called",
            Self::Began => "began",
        }
    }
}

/// The lines that have words of the operator's. The default has none.
#[derive(Clone, Default)]
pub struct Wording(Option<Arc<Templates>>);

struct Templates {
    library: Environment<'static>,
    /// Lines whose template failed before: that is told once.
    failed: Mutex<BTreeSet<LineName>>,
}

/// A template that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BadLine {
    /// Which line.
    pub line: LineName,
    /// What is wrong with it and what was meant.
    pub reason: String,
}

impl Wording {
    /// Reads templates and tries each on a call of which everything is known and one of which nothing is.
    ///
    /// # Errors
    /// Every template that is not good: its syntax, a name that no card has, a filter that there is not.
    pub fn read<'a>(templates: impl IntoIterator<Item = (LineName, &'a str)>) -> Result<Self, Vec<BadLine>> {
        let mut library = Environment::new();
        library.set_undefined_behavior(UndefinedBehavior::Strict);
        library.set_fuel(Some(FUEL));
        let (mut bad, mut some) = (Vec::new(), false);
        for (line, source) in templates {
            some = true;
            if let Err(reason) = add(&mut library, line, source) {
                bad.push(BadLine { line, reason });
            }
        }
        let read = || Self(some.then(|| Arc::new(Templates { library, failed: Mutex::default() })));
        if bad.is_empty() { Ok(read()) } else { Err(bad) }
    }

    /// Whether no line has words of its own.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The line `name` in the operator's words, or as it is.
    pub(super) fn say(&self, name: LineName, as_it_is: String, values: &Value) -> String {
        let Some(templates) = &self.0 else { return as_it_is };
        match fill(&templates.library, name, &as_it_is, values) {
            None => as_it_is,
            Some(Ok(text)) => text,
            Some(Err(error)) => {
                if templates.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(name) {
                    // The library's own words may quote what is known of a caller.
                    let (key, error) = (format_args!("cards.lines.{}", name.as_str()), error.kind());
                    tracing::warn!(%key, %error, "template of a card's line fails, the line is as without it");
                }
                as_it_is
            }
        }
    }
}

/// What a template writes: a line without anything that steers, `None` where there is no template.
fn fill(library: &Environment<'_>, name: LineName, as_it_is: &str, values: &Value) -> Option<Result<String, Error>> {
    let template = library.get_template(name.as_str()).ok()?;
    let mut written = Written(Vec::new());
    let filled = template.render_captured_to(values::of_line(values, as_it_is), &mut written);
    let is_full = written.0.len() == WRITTEN;
    if let Err(error) = filled
        && !is_full
    {
        return Some(Err(error));
    }
    let text = String::from_utf8_lossy(&written.0);
    Some(Ok(shown(Some(&text), LINE).unwrap_or_default()))
}

fn add(library: &mut Environment<'static>, line: LineName, source: &str) -> Result<(), String> {
    if source.len() > SOURCE {
        return Err(format!("a template of more than {SOURCE} bytes"));
    }
    let name = line.as_str();
    library.add_template_owned(name, source.to_owned()).map_err(|error| error.to_string())?;
    let strangers = library.get_template(name).map(|template| template.undeclared_variables(true)).unwrap_or_default();
    let is_global = |stranger: &str| library.globals().any(|(global, _)| global == stranger);
    if let Some(stranger) = strangers.iter().filter(|it| !values::is_known(it) && !is_global(it)).min() {
        let near = values::KNOWN.iter().map(|known| (strsim::damerau_levenshtein(known, stranger), known)).min();
        let near = near.map(|(_, known)| *known).unwrap_or_default();
        return Err(format!("no card has `{stranger}`; did you mean `{near}`?"));
    }
    for (sample, whose) in [(values::full(), "everything"), (values::empty(), "nothing")] {
        if let Some(Err(error)) = fill(library, line, "x", &sample) {
            return Err(format!("where {whose} is known of a caller: {error}"));
        }
    }
    Ok(())
}

/// The first [`WRITTEN`] bytes; then the template is stopped.
struct Written(Vec<u8>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = WRITTEN.saturating_sub(self.0.len());
        self.0.extend(bytes.iter().take(room));
        if bytes.len() > room { Err(io::ErrorKind::WriteZero.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().flat_map(|it| it.library.templates().map(|(name, _)| name.to_owned()));
        f.debug_set().entries(names).finish()
    }
}
