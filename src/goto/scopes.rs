//! OAuth scopes: the use of each one, and the scopes that a login lacks. Pure.

/// A scope and the loss without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Name as GoTo writes it.
    pub name: &'static str,
    /// Function that is lost without the scope.
    pub loss: &'static str,
}

/// Subscriptions to call events and reports. Channels need no scope.
pub const NOTIFICATIONS: Scope = Scope { name: "call-events.v1.notifications.manage", loss: "no call is received" };
/// Active calls and their states.
pub const EVENTS: Scope = Scope {
    name: "call-events.v1.events.read",
    loss: "calls that ring during an event gap are not found, and a blocked WebSocket has no REST fallback",
};
/// Reports of ended calls.
pub const REPORTS: Scope = Scope {
    name: "cr.v1.read",
    loss: "calls that end during an event gap are lost, and outcomes that only a report shows stay unknown",
};
/// Mailboxes and their messages.
pub const VOICEMAIL: Scope =
    Scope { name: "voicemail.v1.voicemails.read", loss: "mailboxes are not queried for the length of a message" };

/// Names of the account's numbers.
pub const VOICE_ADMIN: Scope =
    Scope { name: "voice-admin.v1.read", loss: "the names of the account's numbers are not fetched" };

/// Returns the scopes that a connection needs. `voicemail`: mailboxes are queried. `number_names`: the names of the account's
/// numbers are queried.
#[must_use]
pub fn needed(voicemail: bool, number_names: bool) -> Vec<Scope> {
    let optional = voicemail.then_some(VOICEMAIL).into_iter().chain(number_names.then_some(VOICE_ADMIN));
    [NOTIFICATIONS, EVENTS, REPORTS].into_iter().chain(optional).collect()
}

/// Returns the needed scopes that are not granted. `granted` is the `scope` of a token answer: without it the grant is
/// unknown, and nothing counts as missing.
#[must_use]
pub fn missing(needed: &[Scope], granted: Option<&str>) -> Vec<Scope> {
    let Some(granted) = granted else { return Vec::new() };
    let is_granted = |scope: &Scope| granted.split_whitespace().any(|one| one == scope.name);
    needed.iter().copied().filter(|scope| !is_granted(scope)).collect()
}

/// Returns one line per scope, `NAME: LOSS`, joined by `; `.
#[must_use]
pub fn describe(missing: &[Scope]) -> String {
    let lines = missing.iter().map(|scope| format!("{}: {}", scope.name, scope.loss));
    lines.collect::<Vec<_>>().join("; ")
}

/// Returns the way to grant a missing scope. A refresh never widens a grant, so a new consent or token is needed.
#[must_use]
pub fn advice(connection: &str, pat: bool) -> String {
    let client = "Enable the scope at the OAuth client (developer.logmeininc.com/clients)";
    if pat {
        format!("{client}, then make a new personal access token with it at {PAT_PAGE} and replace the old one.")
    } else {
        format!("{client}, then run: poprelay login --connection {connection}")
    }
}

/// Page on which a super admin makes a personal access token.
pub const PAT_PAGE: &str = "myaccount.goto.com, Developer Tools";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_names_each_withheld_scope_and_its_loss() {
        let all = needed(true, true);
        let granted = |without: &str| {
            all.iter().map(|scope| scope.name).filter(|name| *name != without).collect::<Vec<_>>().join(" ")
        };
        assert!(missing(&all, Some(&granted(""))).is_empty());
        for scope in &all {
            assert_eq!(missing(&all, Some(&granted(scope.name))), [*scope]);
            assert!(describe(&[*scope]).contains(scope.loss));
        }
        assert_eq!(missing(&all, Some("")).len(), 5, "an empty scope grants nothing");
    }

    #[test]
    fn missing_without_a_stated_scope_is_empty() {
        assert!(missing(&needed(false, false), None).is_empty());
        assert!(!needed(false, false).contains(&VOICEMAIL));
    }
}
