//! The words of alerts: problem and remedy.

use super::AlertKind;
use crate::{
    deliver::socket_mode,
    goto::{
        lane::{FailureClass, NO_ACCOUNTS_ADVICE, RequestFailure},
        scopes::{self, PAT_PAGE},
    },
    model::{card::Alert, ids::ConnectionName},
};

const SEE_DEAD_LETTERS: &str = "See: poprelay outbox list --state dead";

/// Way to a valid login of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginAdvice {
    /// By `poprelay login`.
    LogIn,
    /// By another personal access token.
    ReplacePat,
    /// By another client id or secret.
    RepairClient,
    /// By a token file that the daemon can read.
    RepairFile,
}

impl LoginAdvice {
    /// Returns the wording for the status line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LogIn => "needs a login (poprelay login)",
            Self::ReplacePat => "needs a new personal access token",
            Self::RepairClient => "has a wrong client_id or client_secret",
            Self::RepairFile => "has a token file that cannot be used",
        }
    }

    /// Returns what is wrong, for the title of the alert.
    fn problem(self, connection: &ConnectionName) -> String {
        match self {
            Self::LogIn => format!("GoTo requires a new login for {connection}"),
            Self::ReplacePat => format!("GoTo requires a new personal access token for {connection}"),
            Self::RepairClient => format!("GoTo rejects the client_id or client_secret of {connection}"),
            Self::RepairFile => format!("The token file of {connection} cannot be used"),
        }
    }

    fn text(self, connection: &ConnectionName) -> String {
        match self {
            Self::LogIn => format!("Run: poprelay login --connection {connection}. The daemon picks up the new token."),
            Self::ReplacePat => format!(
                "Make a new personal access token at {PAT_PAGE}, put it in place of the old one (key pat of \
                 {connection}) and restart the daemon."
            ),
            Self::RepairFile => format!(
                "The token file of {connection} cannot be used; the journal names the reason. The daemon's user must own it, \
                 with mode 600. Or run: poprelay login --connection {connection}. The daemon picks up a change of the file."
            ),
            Self::RepairClient => format!(
                "GoTo does not know the client: client_id or client_secret of {connection} is wrong. Compare both with \
                 developer.logmeininc.com/clients. The daemon retries every ten minutes."
            ),
        }
    }
}

/// Returns the advice for a rejected connection.
fn rejection_advice(connection: &ConnectionName, why: &RequestFailure) -> String {
    let lacks_scope = why.reason.as_deref().is_some_and(|reason| reason.contains("AUTHZ_INSUFFICIENT_SCOPE"));
    match why.class {
        FailureClass::NoAccounts => NO_ACCOUNTS_ADVICE.to_owned(),
        _ if lacks_scope => format!(
            "The login lacks the scope {}. {}",
            scopes::NOTIFICATIONS.name,
            scopes::advice(connection.as_str(), false)
        ),
        _ => {
            "Check the OAuth client's scopes (call-events.v1.notifications.manage) and that the user is a super admin. \
              The daemon retries every few minutes."
                .to_owned()
        }
    }
}

impl AlertKind {
    /// Returns the alert card: a title, and advice while the alert fires.
    #[must_use]
    pub fn alert(&self) -> Alert {
        let firing = |title: String, advice: &str| Alert { title, advice: advice.to_owned(), resolved: false };
        let resolved = |title: String| Alert { title, advice: String::new(), resolved: true };
        match self {
            Self::LoginRequired(name, advice) => firing(
                format!("{}: no call is received until then", advice.problem(name)),
                &advice.text(name),
            ),
            Self::ScopesMissing(name, missing, advice) => firing(
                format!("The login of {name} lacks scopes: {}", scopes::describe(missing)),
                &scopes::advice(name.as_str(), *advice == LoginAdvice::ReplacePat),
            ),
            Self::ScopesGranted(name) => resolved(format!("{name} has every scope again")),
            Self::LoginRestored(name) => resolved(format!("{name} is logged in again")),
            Self::RefreshTokenExpiring(name, days) => firing(
                format!("The refresh token of {name} expires in {days} days unless GoTo renews it"),
                &format!("Run: poprelay login --connection {name}"),
            ),
            Self::TokenNotPersisted(name) => firing(
                format!("The new token of {name} was not written: the next start would use an invalid one"),
                "Make the state directory writable. The daemon retries at the next refresh.",
            ),
            Self::AccountRejected(name, account, status) => firing(
                format!("GoTo rejects account {account} of {name} (status {status}): its calls are not received"),
                "The user must be a super admin of the account. Check account_keys and the user's role.",
            ),
            Self::ConnectionRejected(name, why) => {
                firing(format!("GoTo rejects {name}: no call is received ({why})"), &rejection_advice(name, why))
            }
            Self::ConnectionAccepted(name) => resolved(format!("GoTo accepts {name} again")),
            Self::ConnectionDown(name, true, _) => firing(
                format!("{name} has had no live lane for 2 minutes: calls are polled over REST, seconds late"),
                "GoTo's REST API answers, its WebSocket does not: check whether a proxy or firewall of this network blocks \
                 WebSockets, and \"lane failed to connect\" in the journal.",
            ),
            Self::ConnectionDown(name, false, Some(fault)) => firing(
                format!("{name} has had no live lane for 2 minutes: no call is received. Reason: {fault}"),
                fault.advice(),
            ),
            Self::ConnectionDown(name, false, None) => firing(
                format!("{name} has had no live lane for 2 minutes: no call is received"),
                "The daemon retries. If this lasts: check this machine's network and DNS, GoTo's status page, \
                 and \"lane failed to connect\" in the journal.",
            ),
            Self::ConnectionRestored(name) => resolved(format!("{name} is connected to GoTo again")),
            Self::ReportsNotGranted(name, from, to) => firing(
                format!("{name} received no events from {from:.0} to {to:.0}: calls of that time cannot be recovered"),
                "Grant the scope cr.v1.read to the OAuth client and log in again. Calls of later gaps are then posted.",
            ),
            Self::SinkDisabled(sink, why) => firing(
                format!("{sink} is disabled: {why}"),
                "Its cards are kept and posted when the sink accepts them again. The daemon retries every hour.",
            ),
            Self::SinkUnreachable(sink, why, advice) => {
                let lasting = "If this lasts: check DNS, the network, and the chat's status page.";
                let advice = if advice.is_empty() { lasting } else { advice };
                firing(
                    format!("{sink} has been unreachable for 15 minutes: {why}"),
                    &format!("Its cards are kept and retried. {advice}"),
                )
            }
            Self::SinkThrottled(sink) => firing(
                format!("{sink} has been throttled for 15 minutes"),
                "Too many messages for one channel: raise its limit or route fewer calls to it.",
            ),
            Self::MentionRejected(sink) => firing(
                format!("The workspace of {sink} rejects the mention of a rule: cards are posted without it"),
                "Ask the workspace's admins to let the app mention the channel or the group, or remove the mention from the rule.",
            ),
            Self::SinkRecovered(sink, lost) if lost.is_empty() => resolved(format!("{sink} accepts cards again")),
            Self::SinkRecovered(sink, lost) => Alert {
                advice: SEE_DEAD_LETTERS.to_owned(),
                ..resolved(format!("{sink} accepts cards again. Not posted: {}", lost.text()))
            },
            Self::DeadLetter { sink, what, why } => {
                firing(format!("A card for {sink} was not posted ({what}): {why}"), SEE_DEAD_LETTERS)
            }
            Self::PersonNotReached(sink, why) => firing(
                format!("{sink} gets no direct messages: {why}"),
                "The cards of this person are given up. `poprelay check --online` names every person whom the chat does not reach.",
            ),
            Self::AlertsGivenUp(_, lost) => {
                firing(format!("Earlier alerts were not posted: {}", lost.text()), SEE_DEAD_LETTERS)
            }
            Self::ButtonsRejected(sink, word) => firing(
                format!("Presses of the buttons of {sink} are not received: {}", socket_mode::rejection(word)),
                "Create an app-level token with the scope connections:write (Basic Information of the app), switch Socket Mode \
                 on, put the token into app_token and reload. Cards are posted all the same.",
            ),
            Self::ButtonsRemoved(sink) => {
                resolved(format!("The config has no app token for {sink} any more, and its cards have no buttons"))
            }
            Self::ButtonsRestored(sink) => resolved(format!("Presses of the buttons of {sink} are received again")),
            Self::StoreInMemory(why) => firing(
                format!("The store cannot write ({why}): cards are posted, but a crash would lose waiting ones"),
                "Free space on the state directory's disk, or make it writable. The daemon then returns to it.",
            ),
            Self::DatabaseReplaced => firing(
                "The shared database is empty or older than before: cards may be posted again, and some are missing from it".to_owned(),
                "Was it restored from a backup, or does the URL name another database? Compare `poprelay status` on all hosts. \
                 The daemons continue with what is there.",
            ),
            Self::DatabaseNewer => firing(
                "A newer version of poprelay has migrated the shared database: this daemon stores its cards and posts none".to_owned(),
                "Install the version that the other daemons run. The stored cards that no other daemon has posted are then posted.",
            ),
            Self::StoreRecovered => resolved("The store writes to disk again".to_owned()),
        }
    }
}
