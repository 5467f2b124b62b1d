//! The proxy of https requests: an URL with an optional login, from the config or the environment.

use percent_encoding::percent_decode_str;
use std::{env, fmt};
use url::Url;

/// Environment variables of a proxy, in order of precedence.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// A proxy that tunnels https requests (CONNECT). `Debug` prints the address only.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpProxy {
    url: Url,
    login: Option<(String, String)>,
}

impl HttpProxy {
    /// Parses `http://user:password@host:port`; a missing scheme means `http`. User and password may be percent-encoded.
    ///
    /// # Errors
    /// A description that quotes nothing of `text`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let mut url = Url::parse(&with_scheme).map_err(|_| "expected an URL, as in http://proxy.example.com:3128")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("only http:// and https:// proxies are supported");
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("expected an URL with a host, as in http://proxy.example.com:3128");
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = (!url.username().is_empty())
            .then(|| (decode(url.username()), url.password().map_or_else(String::new, decode)));
        let bare = url.set_username("").and_then(|()| url.set_password(None));
        bare.map_err(|()| "expected an URL, as in http://proxy.example.com:3128")?;
        url.set_path("");
        Ok(Self { url, login })
    }

    /// Returns the proxy of the environment, if one is set.
    ///
    /// # Errors
    /// The variable and a description, without its value.
    pub fn from_env() -> Result<Option<Self>, (&'static str, &'static str)> {
        for variable in VARIABLES {
            if let Some(value) = env::var_os(variable).filter(|value| !value.is_empty()) {
                let text = value.to_str().ok_or((variable, "not UTF-8 text"))?;
                return Self::parse(text).map(Some).map_err(|reason| (variable, reason));
            }
        }
        Ok(None)
    }

    /// Returns the URL without the login.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Returns user and password.
    #[must_use]
    pub fn login(&self) -> Option<(&str, &str)> {
        self.login.as_ref().map(|(user, password)| (user.as_str(), password.as_str()))
    }
}

impl fmt::Debug for HttpProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for HttpProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.url.port_or_known_default().unwrap_or(80);
        write!(f, "{}:{port}", self.url.host_str().unwrap_or_default())
    }
}
