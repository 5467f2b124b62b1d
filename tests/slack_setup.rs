//! Setup of a Slack app: the printed manifest, and what `check --online` finds out about token, scopes and channel.

use crate::support::{DaemonDir, TestConfig, run_to_end};
use poprelay::sim::{Faults, Simulator, SimulatorSettings};
use serde_json::Value;

const CHANNEL: &str = "C0SETUP";
const SINK: &str = "sinks.app";

#[tokio::test]
async fn slack_manifest_is_json_without_any_config() {
    let dir = DaemonDir::new("not a config");
    let (status, out, err) = run_to_end(dir.command(&["slack-manifest"])).await;
    assert!(status.success(), "{err}");
    let manifest: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(manifest.pointer("/features/bot_user/display_name").unwrap(), "poprelay");
    let (_, link, _) = run_to_end(dir.command(&["slack-manifest", "--link"])).await;
    assert!(link.starts_with("https://api.slack.com/apps?new_app=1&manifest_json=%7B") && link.lines().count() == 1);
}

/// Returns exit code and output of `check --online` with these faults.
async fn check_with(change: impl FnOnce(&mut Faults)) -> (Option<i32>, String) {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(change);
    let config = TestConfig::new(&sim.url())
        .set("people", "1015", "{ slack = \"U0DANA\" }")
        .text(SINK, "type", "slack-app")
        .text(SINK, "token", "xoxb-secret-of-the-bot")
        .text(SINK, "channel", CHANNEL)
        .text(SINK, "api_url", sim.slack_api_url());
    let (status, out, err) = run_to_end(DaemonDir::new(config).command(&["check", "--online"])).await;
    assert!(!format!("{out}{err}").contains("xoxb-secret"), "{out}{err}");
    assert!(sim.messages().is_empty(), "the check posts nothing");
    (status.code(), out)
}

#[tokio::test]
async fn check_online_names_app_and_membership() {
    let (code, out) = check_with(|_| ()).await;
    assert!(out.contains(": token of poprelay in Acme; member of C0SETUP"), "{out}");
    assert!(out.contains(": token of poprelay in Acme; member U0DANA exists"), "{out}");
    assert_eq!(code, Some(0), "{out}");
}

#[tokio::test]
async fn check_online_names_missing_scope_revoked_token_and_uninvited_bot() {
    type Change = fn(&mut Faults);
    let cases: [(Change, [&str; 2]); 5] = [
        (|faults| faults.app.revoked = true, ["token_revoked: Slack rejects the token", "Install the app"]),
        (
            |faults| {
                faults.app.withheld_scopes.insert("chat:write".to_owned());
            },
            ["missing_scope", "chat:write"],
        ),
        (
            |faults| {
                faults.app.uninvited.insert(CHANNEL.to_owned());
            },
            ["not_in_channel", "/invite"],
        ),
        (
            |faults| {
                faults.app.unknown.insert(CHANNEL.to_owned());
            },
            ["channel_not_found", "/invite"],
        ),
        (
            |faults| {
                faults.app.archived.insert(CHANNEL.to_owned());
            },
            ["is_archived", "Unarchive"],
        ),
    ];
    for (change, words) in cases {
        let (code, out) = check_with(change).await;
        let line = out.lines().find(|line| line.starts_with("failed     sink app ")).unwrap_or_else(|| panic!("{out}"));
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
        assert_eq!(code, Some(69), "{out}");
    }
}

#[tokio::test]
async fn check_online_without_read_scopes_states_that_membership_is_not_checked() {
    let (code, out) = check_with(|faults| {
        faults.app.withheld_scopes.insert("groups:read".to_owned());
    })
    .await;
    assert!(out.contains("not checked without the scopes channels:read and groups:read"), "{out}");
    assert_eq!(code, Some(0), "{out}");
}

#[tokio::test]
async fn check_online_names_a_person_who_left() {
    let (code, out) = check_with(|faults| {
        faults.app.unknown.insert("U0DANA".to_owned());
    })
    .await;
    let line = out.lines().find(|line| line.starts_with("failed     sink person-1015 "));
    assert!(line.is_some_and(|line| line.contains("Correct the member's ID or e-mail address in [people]")), "{out}");
    assert_eq!(code, Some(69), "{out}");
}
