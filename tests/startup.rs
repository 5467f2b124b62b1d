//! Startup failures: a clear message, an exit code for systemd, and no useless restart.

use crate::support::{DaemonDir, TestConfig, run_to_end};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

const UNREACHABLE_URL: &str = "http://127.0.0.1:9";

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Returns the exit codes that prevent a restart of the unit.
fn final_codes() -> Vec<i32> {
    let unit = include_str!("../systemd/poprelay.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("RestartPreventExitStatus=")).unwrap();
    line.split_whitespace().map(|code| code.parse().unwrap()).collect()
}

async fn start(dir: &DaemonDir) -> (i32, String) {
    let (status, _, err) = run_to_end(dir.command(&["run"])).await;
    (status.code().unwrap(), err)
}

#[tokio::test]
async fn failed_start_exits_with_final_code_and_advice() {
    let config = || TestConfig::new(UNREACHABLE_URL);
    let with_url = |url: &str| config().set("sinks.desk", "url", url);
    type Spoil = fn(&DaemonDir);
    let cases: [(TestConfig, Spoil, i32, &str); 7] = [
        (with_url("{ credential = \"desk.url\" }"), |_| (), 78, "sinks.desk.url"),
        (with_url("{ file = \"/proc/self/nothing\" }"), |_| (), 78, "sinks.desk.url"),
        (with_url("{ file = \"/proc\" }"), |_| (), 78, "sinks.desk.url"),
        (config(), |dir| fs::remove_file(dir.path().join("config.toml")).unwrap(), 78, "cannot read the config"),
        (config(), |dir| set_mode(&dir.path().join("config.toml"), 0o666), 78, "chmod o-w"),
        (config(), |dir| fs::write(dir.state_dir(), "a file").unwrap(), 77, "state directory"),
        (config().text("state", "dir", "/proc/poprelay"), |_| (), 77, "/proc/poprelay"),
    ];
    for (config, spoil, code, text) in cases {
        let dir = DaemonDir::new(&config);
        spoil(&dir);
        let (exit_code, err) = start(&dir).await;
        assert!(exit_code == code && err.contains(text), "exit code {exit_code}, expected {code} with {text:?}: {err}");
        assert!(final_codes().contains(&exit_code), "systemd restarts after {exit_code}: {err}");
    }
}

#[tokio::test]
async fn check_reports_world_readable_secret_with_chmod() {
    let dir = DaemonDir::new("");
    let file = dir.path().join("desk.url");
    fs::write(&file, format!("{UNREACHABLE_URL}/slack/desk")).unwrap();
    let reference = format!("{{ file = \"{}\" }}", file.display());
    dir.write_config(TestConfig::new(UNREACHABLE_URL).set("sinks.desk", "url", reference));
    set_mode(&file, 0o644);
    let (status, out, _) = run_to_end(dir.command(&["check"])).await;
    assert!(status.success() && out.contains(&format!("chmod o-r {}", file.display())), "{out}");
    set_mode(&file, 0o640);
    let (_, out, _) = run_to_end(dir.command(&["check"])).await;
    assert!(!out.contains("chmod"), "{out}");
}

/// Only root can change the owner of a file; other users skip the test.
#[tokio::test]
async fn check_reports_config_of_other_user_with_chown() {
    let dir = DaemonDir::new(TestConfig::new(UNREACHABLE_URL));
    let file = dir.path().join("config.toml");
    if std::os::unix::fs::chown(&file, Some(61_234), None).is_err() {
        return eprintln!("skipped: only root can change the owner of a file");
    }
    let (status, out, _) = run_to_end(dir.command(&["check"])).await;
    assert!(
        status.success()
            && out.contains(&format!("user 61234 owns the file and can change it. Run: chown root {}", file.display())),
        "{out}"
    );
}

#[tokio::test]
async fn log_goes_to_stderr_without_journald() {
    let dir = DaemonDir::new(TestConfig::new(UNREACHABLE_URL).text("state", "dir", "/proc/poprelay"));
    let mut command: Command = dir.command(&["run"]);
    command.env("JOURNAL_STREAM", "8:1");
    let (status, _, err) = run_to_end(command).await;
    assert_eq!(status.code(), Some(77), "{err}");
    assert!(err.contains("/proc/poprelay"), "{err}");
}
