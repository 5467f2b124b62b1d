//! Secrets: text that is never printed. Tokens, client secrets and webhook URLs are [`Secret`]s; the config refers to them
//! with a [`SecretRef`].

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

/// Longest accepted secret: 64 KiB, several times the length of any token or URL.
const MAX_BYTES: u64 = 64 * 1024;

/// Text that `Debug` redacts and that has no `Display`. Reviewers grep for [`Secret::expose`].
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Returns the plain text, for code that sends or stores the secret.
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

/// Source of a secret: the text itself, or `{ file = … }`, `{ env = … }`, `{ credential = … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// Inline in the config.
    Text(Secret),
    /// A file; surrounding whitespace is trimmed.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A systemd credential: the name of a file in `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// Reason for which a secret could not be read. Contains the source, never the content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file does not exist or is not readable.
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Unreadable(PathBuf, io::Error),
    /// The folder of the credentials has no readable file of this name.
    #[error(
        "the credential {name} cannot be read in {}: {reason}. The unit passes it with LoadCredential=; outside systemd it \
         is a file beside the config", dir.display()
    )]
    Credential {
        /// Name of the credential.
        name: String,
        /// Folder that was searched.
        dir: PathBuf,
        /// Cause reported by the system.
        reason: io::Error,
    },
    /// The file has more than 64 KiB.
    #[error("{} is too long for a secret (limit {MAX_BYTES} bytes)", .0.display())]
    TooLong(PathBuf),
    /// The text is not UTF-8.
    #[error("{0} is not UTF-8 text")]
    NotText(String),
    /// The text is empty or whitespace.
    #[error("{0} is empty")]
    Empty(String),
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// `$CREDENTIALS_DIRECTORY` is not set.
    #[error(
        "the credential {0} cannot be read: $CREDENTIALS_DIRECTORY is not set. Run the daemon from its systemd unit"
    )]
    NoCredentials(String),
    /// The credentials directory is empty: systemd passed none.
    #[error(
        "the credential {0} cannot be read: $CREDENTIALS_DIRECTORY is empty. A container (LXC) may pass no credentials: \
         use the drop-in container-credentials.conf"
    )]
    EmptyDirectory(String),
    /// The credential name is a path.
    #[error("the credential name {0:?} is not a plain name. Use the name from LoadCredential= in the unit")]
    BadName(String),
}

impl SecretRef {
    /// Reads the secret now. `credentials` is `$CREDENTIALS_DIRECTORY`.
    ///
    /// # Errors
    /// If the secret is missing, empty, too long or not UTF-8.
    pub fn read(&self, credentials: Option<&Path>) -> Result<Secret, SecretError> {
        match self {
            Self::Text(secret) => Some(secret.expose().trim())
                .filter(|text| !text.is_empty())
                .map(Secret::new)
                .ok_or_else(|| SecretError::Empty("the secret".to_owned())),
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
                from_file(&dir.join(name)).map_err(|error| match error {
                    SecretError::Unreadable(..) if is_empty(dir) => SecretError::EmptyDirectory(name.clone()),
                    SecretError::Unreadable(_, reason) => {
                        SecretError::Credential { name: name.clone(), dir: dir.to_owned(), reason }
                    }
                    other => other,
                })
            }
        }
    }
}

fn is_empty(dir: &Path) -> bool {
    dir.read_dir().is_ok_and(|mut entries| entries.next().is_none())
}

fn from_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |error| SecretError::Unreadable(path.to_owned(), error);
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(SecretError::TooLong(path.to_owned()));
    }
    let source = path.display().to_string();
    match String::from_utf8(bytes) {
        Ok(text) => trimmed(&text, &source),
        Err(_) => Err(SecretError::NotText(source)),
    }
}

fn trimmed(text: &str, source: &str) -> Result<Secret, SecretError> {
    match text.trim() {
        "" => Err(SecretError::Empty(source.to_owned())),
        text => Ok(Secret::new(text)),
    }
}

/// Implemented by hand: a derived implementation quotes a value of the wrong type in its error, and the value is a secret.
impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretRefVisitor)
    }
}

struct SecretRefVisitor;

impl<'de> Visitor<'de> for SecretRefVisitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quoted string, or one of { file = \"…\" }, { env = \"…\" }, { credential = \"…\" }")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretRef, E> {
        Ok(SecretRef::Text(Secret::new(text)))
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<SecretRef, E> {
        Err(E::custom("a secret must be a string: add quotes"))
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
        let secret_ref = match map.next_key::<String>()?.as_deref() {
            Some("file") => SecretRef::File(map.next_value()?),
            Some("env") => SecretRef::Env(map.next_value()?),
            Some("credential") => SecretRef::Credential(map.next_value()?),
            Some(other) => return Err(A::Error::unknown_field(other, &["file", "env", "credential"])),
            None => return Err(A::Error::custom("missing one of `file`, `env`, `credential`")),
        };
        match map.next_key::<String>()? {
            None => Ok(secret_ref),
            Some(more) => Err(A::Error::custom(format_args!("unexpected key `{more}`: a secret has one source"))),
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

    fn parse(toml: &str) -> Result<SecretRef, String> {
        toml::from_str::<Table>(toml).map(|table| table.key).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn secret_ref_parses_text_file_env_and_credential() {
        assert_eq!(parse("key = 'abc'").unwrap(), SecretRef::Text(Secret::new("abc")));
        assert_eq!(parse("key = { file = '/a' }").unwrap(), SecretRef::File("/a".into()));
        assert_eq!(parse("key = { env = 'A' }").unwrap(), SecretRef::Env("A".into()));
        assert_eq!(parse("[key]\ncredential = 'a'").unwrap(), SecretRef::Credential("a".into()));
    }

    #[test]
    fn invalid_secret_ref_is_rejected_without_quoting_the_value() {
        assert!(parse("key = {}").unwrap_err().contains("missing"));
        assert!(parse("key = { fil = 'a' }").unwrap_err().contains("file"));
        assert!(parse("key = { file = 'a', env = 'B' }").unwrap_err().contains("unexpected key"));
        for number in ["987654", "98.7654", "true", "-987654"] {
            let error = parse(&format!("key = {number}")).unwrap_err();
            assert!(error.contains("add quotes") && !error.contains(number), "{error}");
        }
    }

    #[test]
    fn empty_credentials_directory_is_explained() {
        let dir = tempfile::tempdir().unwrap();
        let read = || SecretRef::Credential("token".into()).read(Some(dir.path())).unwrap_err().to_string();
        assert!(read().contains("container-credentials.conf"), "{}", read());
        std::fs::write(dir.path().join("other"), "x").unwrap();
        let folder = dir.path().display();
        assert!(
            read().starts_with(&format!("the credential token cannot be read in {folder}: No such file")),
            "{}",
            read()
        );
    }

    #[test]
    fn read_trims_trailing_newline() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("token"), "abc\r\n").unwrap();
        let secret = SecretRef::Credential("token".into()).read(Some(dir.path())).unwrap();
        assert_eq!(secret.expose(), "abc");
        assert_eq!(SecretRef::File(dir.path().join("token")).read(None).unwrap().expose(), "abc");
        assert!(!SecretRef::Env("PATH".into()).read(None).unwrap().expose().is_empty());
    }

    #[test]
    fn read_of_missing_or_invalid_secret_names_the_source() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        fs::write(dir.join("empty"), " \n").unwrap();
        fs::write(dir.join("binary"), [0xff, 0xfe]).unwrap();
        fs::write(dir.join("long"), "x".repeat(65 * 1024)).unwrap();
        let error = |secret_ref: SecretRef| secret_ref.read(Some(dir)).unwrap_err();
        assert!(matches!(error(SecretRef::File(dir.join("empty"))), SecretError::Empty(_)));
        assert!(matches!(error(SecretRef::File(dir.join("binary"))), SecretError::NotText(_)));
        assert!(matches!(error(SecretRef::File(dir.join("long"))), SecretError::TooLong(_)));
        let missing = error(SecretRef::File(dir.join("none"))).to_string();
        assert!(missing.contains("none cannot be read: No such file"), "{missing}");
        let folder = error(SecretRef::File(dir.to_owned())).to_string();
        assert!(folder.contains("cannot be read: Is a directory"), "{folder}");
        assert!(matches!(error(SecretRef::Env("POPRELAY_NO_SUCH".into())), SecretError::NotSet(_)));
        assert!(matches!(error(SecretRef::Credential("../x".into())), SecretError::BadName(_)));
        let no_directory = SecretRef::Credential("x".into()).read(None).unwrap_err();
        assert!(matches!(no_directory, SecretError::NoCredentials(_)));
    }

    #[test]
    fn secret_debug_is_redacted() {
        let secret = Secret::new("xoxb-1");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.expose(), "xoxb-1");
    }
}
