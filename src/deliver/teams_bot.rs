//! The bot of a Teams app and the clouds of Microsoft.

use super::access_token::Credentials;
use serde::Deserialize;

/// Bot and channel of a Teams app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    /// Client of the app, for access tokens.
    pub credentials: Credentials,
    /// Directory of the app: id or domain.
    pub tenant: String,
    /// Id of the channel for new messages: `19:…@thread.tacv2`; of a person the object id in the directory.
    pub channel: String,
    /// Whether messages are direct messages to a person.
    pub is_person: bool,
}

/// Cloud of the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// The public cloud.
    #[default]
    Public,
    /// The US Government Community Cloud: logins of the public cloud.
    Gcc,
    /// The US Government Community Cloud High.
    GccHigh,
}

impl Cloud {
    /// Returns the base URL of logins. Source: clouds of Microsoft's Teams SDK.
    #[must_use]
    pub const fn login_url(self) -> &'static str {
        match self {
            Self::Public | Self::Gcc => "https://login.microsoftonline.com/",
            Self::GccHigh => "https://login.microsoftonline.us/",
        }
    }

    /// Returns the scope of a token for bots. Source: as of [`Cloud::login_url`].
    #[must_use]
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Public | Self::Gcc => "https://api.botframework.com/.default",
            Self::GccHigh => "https://api.botframework.us/.default",
        }
    }

    /// Returns the base URL of the Bot Connector. Source: Microsoft's pages on the Connector's REST API and on proactive
    /// messages in government clouds.
    #[must_use]
    pub const fn api_url(self) -> &'static str {
        match self {
            Self::Public => "https://smba.trafficmanager.net/teams/",
            Self::Gcc => "https://smba.infra.gcc.teams.microsoft.com/gcc/",
            Self::GccHigh => "https://smba.infra.gov.teams.microsoft.us/gcch/",
        }
    }
}
