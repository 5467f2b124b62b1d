//! A secret: text that is never printed. Tokens, client secrets and webhook URLs all travel as [`Secret`]; the config
//! says with a [`SecretRef`] where one is to be had.

use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use std::{
    env, fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Longest secret that is read: 64 KiB, several times what any token or URL has.
const LONGEST: u64 = 64 * 1024;

/// Text that `Debug` redacts and that has no `Display`; [`Secret::expose`] is the word to grep for in review.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a text into hiding.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The text itself, for the one place that sends or stores it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SecretString::deserialize(deserializer).map(Self)
    }
}

/// Where a secret is to be had: the text itself, or `{ file = … }`, `{ env = … }`, `{ credential = … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// It stands in the config.
    Text(Secret),
    /// A file has it; blanks and line ends around it are dropped.
    File(PathBuf),
    /// An environment variable has it.
    Env(String),
    /// systemd passes it: the name of a file in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// Why a secret could not be read. Names the place, never the content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file is not there or may not be read.
    #[error("{} cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// More than 64 KiB.
    #[error("{} is longer than a secret can be ({LONGEST} bytes)", .0.display())]
    TooLong(PathBuf),
    /// Not UTF-8.
    #[error("{0} is not text (UTF-8)")]
    NotText(String),
    /// Nothing, or blanks only.
    #[error("{0} is empty")]
    Empty(String),
    /// The variable is not set.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// systemd gave no credentials.
    #[error("the credential {0} is wanted, but $CREDENTIALS_DIRECTORY is not set: is the daemon run by systemd?")]
    NoCredentials(String),
    /// The name of a credential is a path.
    #[error("the credential {0:?} is not a plain name: it is the name of LoadCredential= in the unit")]
    BadName(String),
}

impl SecretRef {
    /// Reads the secret now. `credentials` is `$CREDENTIALS_DIRECTORY`.
    ///
    /// # Errors
    /// If it is not there, empty, too long or no text.
    pub fn read(&self, credentials: Option<&Path>) -> Result<Secret, SecretError> {
        match self {
            Self::Text(secret) => Some(secret.expose().trim())
                .filter(|text| !text.is_empty())
                .map(Secret::new)
                .ok_or_else(|| SecretError::Empty("the text".to_owned())),
            Self::File(path) => from_file(path),
            Self::Env(name) => {
                let text = env::var_os(name).ok_or_else(|| SecretError::NotSet(name.clone()))?;
                let text = text.into_string().map_err(|_| SecretError::NotText(name.clone()))?;
                trimmed(&text, name)
            }
            Self::Credential(name) if name.is_empty() || name.starts_with('.') || name.contains('/') => {
                Err(SecretError::BadName(name.clone()))
            }
            Self::Credential(name) => {
                let dir = credentials.ok_or_else(|| SecretError::NoCredentials(name.clone()))?;
                from_file(&dir.join(name))
            }
        }
    }
}

fn from_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |error| SecretError::Unreadable(path.to_owned(), error);
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LONGEST) {
        return Err(SecretError::TooLong(path.to_owned()));
    }
    let place = path.display().to_string();
    match String::from_utf8(bytes) {
        Ok(text) => trimmed(&text, &place),
        Err(_) => Err(SecretError::NotText(place)),
    }
}

fn trimmed(text: &str, place: &str) -> Result<Secret, SecretError> {
    match text.trim() {
        "" => Err(SecretError::Empty(place.to_owned())),
        text => Ok(Secret::new(text)),
    }
}

/// By hand, because derived forms quote a value of the wrong type in their error, and it is a secret.
impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Place)
    }
}

struct Place;

impl<'de> Visitor<'de> for Place {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text in quotes, or one of { file = \"…\" }, { env = \"…\" }, { credential = \"…\" }")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretRef, E> {
        Ok(SecretRef::Text(Secret::new(text)))
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<SecretRef, E> {
        Err(E::custom("a secret is a text: put it in quotes"))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<SecretRef, E> {
        self.visit_bool(true)
    }

    fn visit_i128<E: serde::de::Error>(self, _: i128) -> Result<SecretRef, E> {
        self.visit_bool(true)
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<SecretRef, E> {
        self.visit_bool(true)
    }

    fn visit_u128<E: serde::de::Error>(self, _: u128) -> Result<SecretRef, E> {
        self.visit_bool(true)
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<SecretRef, E> {
        self.visit_bool(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let place = match map.next_key::<String>()?.as_deref() {
            Some("file") => SecretRef::File(map.next_value()?),
            Some("env") => SecretRef::Env(map.next_value()?),
            Some("credential") => SecretRef::Credential(map.next_value()?),
            Some(other) => return Err(A::Error::unknown_field(other, &["file", "env", "credential"])),
            None => return Err(A::Error::custom("one of file, env, credential is missing")),
        };
        match map.next_key::<String>()? {
            None => Ok(place),
            Some(more) => Err(A::Error::custom(format_args!("{more} is one too many: a secret has one place"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[derive(Deserialize)]
    struct Table {
        key: SecretRef,
    }

    fn read(toml: &str) -> Result<SecretRef, String> {
        toml::from_str::<Table>(toml).map(|table| table.key).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_place_of_a_secret_is_a_text_a_file_a_variable_or_a_credential() {
        assert_eq!(read("key = 'abc'").unwrap(), SecretRef::Text(Secret::new("abc")));
        assert_eq!(read("key = { file = '/a' }").unwrap(), SecretRef::File("/a".into()));
        assert_eq!(read("key = { env = 'A' }").unwrap(), SecretRef::Env("A".into()));
        assert_eq!(read("[key]\ncredential = 'a'").unwrap(), SecretRef::Credential("a".into()));
    }

    #[test]
    fn a_wrong_place_of_a_secret_is_refused_and_not_quoted() {
        assert!(read("key = {}").unwrap_err().contains("missing"));
        assert!(read("key = { fil = 'a' }").unwrap_err().contains("file"));
        assert!(read("key = { file = 'a', env = 'B' }").unwrap_err().contains("is one too many"));
        for number in ["987654", "98.7654", "true", "-987654"] {
            let error = read(&format!("key = {number}")).unwrap_err();
            assert!(error.contains("in quotes") && !error.contains(number), "{error}");
        }
    }

    #[test]
    fn a_secret_is_read_without_the_line_end_that_an_editor_added() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("token"), "abc\r\n").unwrap();
        let secret = SecretRef::Credential("token".into()).read(Some(dir.path())).unwrap();
        assert_eq!(secret.expose(), "abc");
        assert_eq!(SecretRef::File(dir.path().join("token")).read(None).unwrap().expose(), "abc");
        assert!(!SecretRef::Env("PATH".into()).read(None).unwrap().expose().is_empty());
    }

    #[test]
    fn a_secret_that_is_not_there_is_an_error_that_names_the_place() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        fs::write(dir.join("empty"), " \n").unwrap();
        fs::write(dir.join("binary"), [0xff, 0xfe]).unwrap();
        fs::write(dir.join("long"), "x".repeat(65 * 1024)).unwrap();
        let error = |place: SecretRef| place.read(Some(dir)).unwrap_err();
        assert!(matches!(error(SecretRef::File(dir.join("empty"))), SecretError::Empty(_)));
        assert!(matches!(error(SecretRef::File(dir.join("binary"))), SecretError::NotText(_)));
        assert!(matches!(error(SecretRef::File(dir.join("long"))), SecretError::TooLong(_)));
        assert!(matches!(error(SecretRef::File(dir.join("none"))), SecretError::Unreadable(..)));
        assert!(matches!(error(SecretRef::Env("POPRELAY_NO_SUCH".into())), SecretError::NotSet(_)));
        assert!(matches!(error(SecretRef::Credential("../x".into())), SecretError::BadName(_)));
        let alone = SecretRef::Credential("x".into()).read(None).unwrap_err();
        assert!(matches!(alone, SecretError::NoCredentials(_)));
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("xoxb-1");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.expose(), "xoxb-1");
    }
}
