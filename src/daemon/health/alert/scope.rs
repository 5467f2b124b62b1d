//! Scope of an alert if several daemons share the store: all daemons notice the trouble, or one host.

use super::AlertKind;
use crate::model::card::Alert;

/// The daemons that notice a trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AlertScope {
    /// Every daemon notices the trouble: the first one reports it. The name of the trouble.
    Shared(String),
    /// The trouble of one host, which the alert names.
    Host,
    /// One daemon notices the trouble: the owner of the sink.
    Owner,
}

impl AlertKind {
    /// Returns the daemons that notice the trouble.
    pub(super) fn scope(&self) -> AlertScope {
        let shared = match self {
            Self::LoginRequired(name, _) | Self::LoginRestored(name) => format!("login of {name}"),
            Self::ScopesMissing(name, ..) | Self::ScopesGranted(name) => format!("scopes of {name}"),
            Self::RefreshTokenExpiring(name, _) => format!("expiry of {name}"),
            Self::AccountRejected(name, account, _) => format!("account {account} of {name}"),
            Self::ConnectionRejected(name, _) | Self::ConnectionAccepted(name) => format!("connection {name}"),
            Self::ReportsNotGranted(name, ..) => format!("reports of {name}"),
            Self::ButtonsRejected(sink, _) | Self::ButtonsRestored(sink) | Self::ButtonsRemoved(sink) => {
                format!("buttons of {sink}")
            }
            Self::SinkDisabled(sink, _)
            | Self::SinkUnreachable(sink, ..)
            | Self::SinkThrottled(sink)
            | Self::SinkRecovered(sink, _) => format!("sink {sink}"),
            Self::DatabaseReplaced => "shared database".to_owned(),
            Self::TokenNotPersisted(_)
            | Self::ConnectionDown(..)
            | Self::ConnectionRestored(_)
            | Self::StoreInMemory(_)
            | Self::StoreRecovered
            | Self::DatabaseNewer => return AlertScope::Host,
            Self::MentionRejected(_)
            | Self::DeadLetter { .. }
            | Self::PersonNotReached(..)
            | Self::AlertsGivenUp(..) => return AlertScope::Owner,
        };
        AlertScope::Shared(shared)
    }
}

/// Names the host in an alert.
pub(super) fn on_host(alert: Alert, host: &str) -> Alert {
    Alert { title: format!("On host {host}: {}", alert.title), ..alert }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{daemon::health::alert::LoginAdvice, model::ids::ConnectionName};

    #[test]
    fn trouble_and_its_end_have_one_name() {
        let main = ConnectionName::try_from("main").unwrap();
        let required = AlertKind::LoginRequired(main.clone(), LoginAdvice::LogIn);
        assert_eq!(required.scope(), AlertKind::LoginRestored(main.clone()).scope());
        assert_eq!(required.scope(), AlertScope::Shared("login of main".to_owned()));
        assert_eq!(AlertKind::ConnectionRestored(main).scope(), AlertScope::Host);
    }

    #[test]
    fn alert_of_a_host_names_it() {
        let main = ConnectionName::try_from("main").unwrap();
        let down = on_host(AlertKind::ConnectionDown(main, false, None).alert(), "alpha");
        assert!(down.title.starts_with("On host alpha: main has had no live lane"), "{down:?}");
    }
}
