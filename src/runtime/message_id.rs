//! Ids of the journal messages that an operator acts on: journald's `MESSAGE_ID`. Each has an entry in
//! `systemd/poprelay.catalog` with cause, meaning and remedy. A released id never changes. Code that logs such a message
//! sets the field `message_id`.

/// The daemon has started.
pub const STARTED: &str = "f6fadfa7e5c14b629362da5cc13da58a";
/// The daemon is shutting down.
pub const STOPPING: &str = "2c63888f28f04481be6ddce7a7ace732";
/// A connection needs `poprelay login`.
pub const LOGIN_REQUIRED: &str = "8a119b9e16bc47328f7b7676d015b0dc";
/// GoTo accepted a new token after `LOGIN_REQUIRED`.
pub const LOGIN_RESTORED: &str = "bc67ba94637d4efaa09e467ada679f81";
/// The login of a connection lacks scopes that the config needs.
pub const SCOPES_MISSING: &str = "8e0f0319a8f944ef8a701f4dc07d6f77";
/// Every needed scope is granted again.
pub const SCOPES_GRANTED: &str = "09545457e90f490986f30ddb91e05960";
/// The refresh token of a connection expires within days.
pub const REFRESH_TOKEN_EXPIRING: &str = "fab36728a78b4b7e8787c0de2f960063";
/// A rotated token is in memory only: the token file cannot be written.
pub const TOKEN_NOT_PERSISTED: &str = "a712755f6cac44d599d5269512e74f7b";
/// GoTo rejects one account of a connection.
pub const ACCOUNT_REJECTED: &str = "ac8efe121c5949f1ba2dde83458bfed0";
/// GoTo rejects a connection.
pub const CONNECTION_REJECTED: &str = "5796a670482c490e8d9782bfcdc83011";
/// GoTo accepts a connection again.
pub const CONNECTION_ACCEPTED: &str = "0b80a25553a14945a93258ef7777682c";
/// Event gap opened: no lane of a connection is live.
pub const GAP_OPENED: &str = "45ac16b9c20d4c218f8a7abff2e91ac7";
/// Event gap closed: a lane is live again.
pub const GAP_CLOSED: &str = "dd2ee150d2844277b89c1af40ce8fcc9";
/// Connection down: no lane was live for minutes.
pub const CONNECTION_DOWN: &str = "3c3ae353fb14428e90b401a6c1cc0aff";
/// Connection restored after `CONNECTION_DOWN`.
pub const CONNECTION_RESTORED: &str = "b9c8b9ffe46e46279419c7723226db94";
/// Backfill is impossible: the scope for call reports is missing.
pub const REPORTS_NOT_GRANTED: &str = "bbeeb6361d334c6d96f0da847a2a3b87";
/// A sink is disabled.
pub const SINK_DISABLED: &str = "68e58909ccb24416925a56c9a30f4300";
/// A sink is unreachable for a long time.
pub const SINK_UNREACHABLE: &str = "ff53a46f5ead403a84c4b877678537a3";
/// A sink throttles for a long time.
pub const SINK_THROTTLED: &str = "e179f773a6e043c09514b7dde2ad0478";
/// A sink accepts cards again.
pub const SINK_RECOVERED: &str = "0c28cec1b94742afa4b936976b4b76b0";
/// The workspace rejected the mention of a card.
pub const MENTION_REJECTED: &str = "5d0f1c2a7b9e4c34a6d8e01f93b7c245";
/// Slack rejects the app token, or Socket Mode is off.
pub const SLACK_SOCKET_REJECTED: &str = "c94e8b6818db435e838584ecd0612296";
/// Slack counts more sockets of an app than this daemon has.
pub const FOREIGN_SLACK_SOCKETS: &str = "194786e7150f47b5a5954a7dfd5b71c2";
/// A press of a button could not be stored.
pub const PRESS_NOT_STORED: &str = "5268a5a4748448d7b646be0aa3f015cf";
/// A delivery became a dead letter.
pub const DEAD_LETTER: &str = "a398d022d4354df48322905089933837";
/// The outbox is in memory only.
pub const STORE_IN_MEMORY: &str = "4c8b1eb44f1e4ccf8372a2a784a67245";
/// The outbox writes to disk again.
pub const STORE_RECOVERED: &str = "ac9130f4547c47d38e3a655f20731ab2";
/// A sink was taken over from a daemon that stopped renewing its claim.
pub const SINK_TAKEN_OVER: &str = "b467fcd919124ff29dba2acda195584e";
/// A sink was handed back, for another daemon.
pub const SINK_HANDED_BACK: &str = "1eb07985ae4a463584730c5241732330";
/// A sink without an owner was claimed.
pub const SINK_CLAIMED: &str = "7dc57c55f10546a5bbff7d3328b7d0ad";
/// The shared database does not answer; cards are stored on this machine.
pub const DATABASE_AWAY: &str = "b188a032aa24475f84b14d18b3d927ce";
/// The shared database answers again.
pub const DATABASE_BACK: &str = "ec58580537904769af75b344e686ff9a";
/// The shared database is empty or older than before.
pub const DATABASE_REPLACED: &str = "b0925632e0364c2fa1073961e59c6a3a";
/// A newer version has migrated the shared database; this daemon posts nothing.
pub const DATABASE_NEWER: &str = "eb9ec2e76fd6424b8f6aeace54393a69";
/// Another daemon on the shared database has the same host name.
pub const HOST_NAME_REUSED: &str = "41d12020eb2f43aaad117acb766cb578";
/// Another daemon on the shared database has the id of this one.
pub const DAEMON_ID_REUSED: &str = "920b3db3ebae48abb7b4de7af74aeefb";
/// The outbox file was damaged and quarantined.
pub const STORE_QUARANTINED: &str = "ca3ab343ac334b68be9bf77c6519a9d5";
/// A config reload was rejected.
pub const CONFIG_REJECTED: &str = "03c472ca449548b4b8d889d2b47a5c1d";
/// A config reload was applied.
pub const CONFIG_RELOADED: &str = "77dde229df884e4dac2386e5cc86ba64";
/// A task is stalled.
pub const TASK_STALLED: &str = "c3dd75f6808548e6ac925f09a227f039";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    const CODE: &str = include_str!("message_id.rs");
    const CATALOG: &str = include_str!("../../systemd/poprelay.catalog");

    fn is_id(text: &str) -> bool {
        text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    }

    fn ids_in_code() -> BTreeSet<&'static str> {
        CODE.split('"').filter(|text| is_id(text)).collect()
    }

    fn catalog_entries() -> Vec<(&'static str, Vec<&'static str>)> {
        let parts = CATALOG.split("\n-- ").skip(1).map(|entry| entry.split_once('\n').unwrap());
        parts.map(|(id, text)| (id.trim(), text.lines().filter(|line| !line.starts_with('#')).collect())).collect()
    }

    #[test]
    fn catalog_has_exactly_one_entry_per_message_id() {
        let consts = CODE.lines().filter(|line| line.starts_with("pub const ")).count();
        assert_eq!(ids_in_code().len(), consts, "ids are unique and well-formed");
        let listed: Vec<&str> = catalog_entries().into_iter().map(|(id, _)| id).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), ids_in_code());
        assert_eq!(listed.len(), consts, "catalog entries are unique");
    }

    #[test]
    fn catalog_entry_has_subject_documentation_and_remedy() {
        for (id, lines) in catalog_entries() {
            let blank = lines.iter().position(|line| line.is_empty()).unwrap();
            let (head, text) = lines.split_at(blank);
            let has = |start: &str| head.iter().any(|line| line.starts_with(start));
            assert!(
                has("Subject: ") && has("Defined-By: poprelay") && has("Documentation: https://"),
                "{id}: {head:?}"
            );
            assert!(text.iter().any(|line| line.starts_with("What to do: ")), "{id} has no remedy");
            assert!(text.iter().all(|line| line.chars().count() <= 100), "{id} has a line over 100 columns");
        }
    }
}
