//! The events that an operator acts on, each with an id of its own: journald's `MESSAGE_ID`, whose entry in
//! `systemd/poprelay.catalog` says what happened, what it means and what to do. An id never changes once it was released.
//! A room that says such an event puts its id into the field `message_id`.

/// The daemon is up.
pub const STARTED: &str = "f6fadfa7e5c14b629362da5cc13da58a";
/// The daemon goes down, in order.
pub const STOPPING: &str = "2c63888f28f04481be6ddce7a7ace732";
/// A person must run `poprelay login`.
pub const CONSENT_NEEDED: &str = "8a119b9e16bc47328f7b7676d015b0dc";
/// It was done.
pub const CONSENT_GIVEN: &str = "bc67ba94637d4efaa09e467ada679f81";
/// The login ends in some days.
pub const GRANT_AGING: &str = "fab36728a78b4b7e8787c0de2f960063";
/// A rotated token is in memory only.
pub const TOKEN_NOT_KEPT: &str = "a712755f6cac44d599d5269512e74f7b";
/// GoTo refuses one account.
pub const ACCOUNT_REFUSED: &str = "ac8efe121c5949f1ba2dde83458bfed0";
/// GoTo refuses a login.
pub const CONNECTION_REFUSED: &str = "5796a670482c490e8d9782bfcdc83011";
/// GoTo takes it again.
pub const CONNECTION_ACCEPTED: &str = "0b80a25553a14945a93258ef7777682c";
/// No lane of a login hears.
pub const BLIND_OPENED: &str = "45ac16b9c20d4c218f8a7abff2e91ac7";
/// One hears again.
pub const BLIND_CLOSED: &str = "dd2ee150d2844277b89c1af40ce8fcc9";
/// A login hears nothing for minutes.
pub const DEAF: &str = "3c3ae353fb14428e90b401a6c1cc0aff";
/// It hears again.
pub const HEARS_AGAIN: &str = "b9c8b9ffe46e46279419c7723226db94";
/// Calls of a blind window cannot be told.
pub const REPORTS_NOT_GRANTED: &str = "bbeeb6361d334c6d96f0da847a2a3b87";
/// A sink is switched off.
pub const SINK_DISABLED: &str = "68e58909ccb24416925a56c9a30f4300";
/// A sink cannot be reached for long.
pub const SINK_UNREACHABLE: &str = "ff53a46f5ead403a84c4b877678537a3";
/// A sink takes nothing for long.
pub const SINK_THROTTLED: &str = "e179f773a6e043c09514b7dde2ad0478";
/// A sink takes cards again.
pub const SINK_BACK: &str = "0c28cec1b94742afa4b936976b4b76b0";
/// A card was given up.
pub const DEAD_LETTER: &str = "a398d022d4354df48322905089933837";
/// The store keeps in memory only.
pub const STORE_VOLATILE: &str = "4c8b1eb44f1e4ccf8372a2a784a67245";
/// It writes to disk again.
pub const STORE_DURABLE: &str = "ac9130f4547c47d38e3a655f20731ab2";
/// The store was damaged and set aside.
pub const STORE_SET_ASIDE: &str = "ca3ab343ac334b68be9bf77c6519a9d5";
/// A new config is not good.
pub const CONFIG_REFUSED: &str = "03c472ca449548b4b8d889d2b47a5c1d";
/// A new config is in force.
pub const CONFIG_RELOADED: &str = "77dde229df884e4dac2386e5cc86ba64";
/// A loop does not turn.
pub const LOOP_WEDGED: &str = "c3dd75f6808548e6ac925f09a227f039";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    const CODE: &str = include_str!("event.rs");
    const CATALOG: &str = include_str!("../../systemd/poprelay.catalog");

    fn is_id(text: &str) -> bool {
        text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    }

    fn in_code() -> BTreeSet<&'static str> {
        CODE.split('"').filter(|text| is_id(text)).collect()
    }

    fn entries() -> Vec<(&'static str, Vec<&'static str>)> {
        let parts = CATALOG.split("\n-- ").skip(1).map(|entry| entry.split_once('\n').unwrap());
        parts.map(|(id, text)| (id.trim(), text.lines().filter(|line| !line.starts_with('#')).collect())).collect()
    }

    #[test]
    fn every_event_has_an_entry_in_the_catalog_and_every_entry_an_event() {
        let consts = CODE.lines().filter(|line| line.starts_with("pub const ")).count();
        assert_eq!(in_code().len(), consts, "no id twice, none mistyped");
        let listed: Vec<&str> = entries().into_iter().map(|(id, _)| id).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), in_code());
        assert_eq!(listed.len(), consts, "no entry twice");
    }

    #[test]
    fn every_entry_says_what_happened_where_to_read_on_and_what_to_do() {
        for (id, lines) in entries() {
            let blank = lines.iter().position(|line| line.is_empty()).unwrap();
            let (head, text) = lines.split_at(blank);
            let has = |start: &str| head.iter().any(|line| line.starts_with(start));
            assert!(
                has("Subject: ") && has("Defined-By: poprelay") && has("Documentation: https://"),
                "{id}: {head:?}"
            );
            assert!(text.iter().any(|line| line.starts_with("What to do: ")), "{id} says what to do");
            assert!(text.iter().all(|line| line.chars().count() <= 100), "{id} fits a terminal");
        }
    }
}
