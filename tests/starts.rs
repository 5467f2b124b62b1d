//! Starts that cannot work: a clear line, the exit code that systemd decides by, and no start in vain.

use crate::support::{Home, config_for, run_to_end};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

const NOWHERE: &str = "http://127.0.0.1:9";

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The exit codes with which the unit is not started again.
fn final_codes() -> Vec<i32> {
    let unit = include_str!("../systemd/poprelay.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("RestartPreventExitStatus=")).unwrap();
    line.split_whitespace().map(|code| code.parse().unwrap()).collect()
}

async fn start(home: &Home) -> (i32, String) {
    let (status, _, told) = run_to_end(home.command(&["run"])).await;
    (status.code().unwrap(), told)
}

#[tokio::test]
async fn a_start_that_cannot_work_ends_with_a_code_that_is_not_tried_again_and_says_what_to_do() {
    let config = || config_for(NOWHERE);
    let slack = format!("\"{NOWHERE}/slack/desk\"");
    type Spoil = fn(&Home);
    let cases: [(String, Spoil, i32, &str); 7] = [
        (config().replace(&slack, "{ credential = \"desk.url\" }"), |_| (), 78, "sinks.desk.url"),
        (config().replace(&slack, "{ file = \"/proc/self/nothing\" }"), |_| (), 78, "sinks.desk.url"),
        (config().replace(&slack, "{ file = \"/proc\" }"), |_| (), 78, "sinks.desk.url"),
        (config(), |home| fs::remove_file(home.path().join("config.toml")).unwrap(), 78, "cannot read the config"),
        (config(), |home| set_mode(&home.path().join("config.toml"), 0o666), 78, "chmod o-w"),
        (config(), |home| fs::write(home.state(), "a file").unwrap(), 77, "state directory"),
        (config().replace("{STATE}", "/proc/poprelay"), |_| (), 77, "/proc/poprelay"),
    ];
    for (config, spoil, code, says) in cases {
        let home = Home::new(&config);
        spoil(&home);
        let (ended, told) = start(&home).await;
        assert!(ended == code && told.contains(says), "{ended} instead of {code}, {says:?} in: {told}");
        assert!(final_codes().contains(&ended), "{ended} would be started again and again: {told}");
    }
}

#[tokio::test]
async fn a_secret_that_everybody_may_read_is_told_with_what_to_type() {
    let home = Home::new("");
    let file = home.path().join("desk.url");
    fs::write(&file, format!("{NOWHERE}/slack/desk")).unwrap();
    let reference = format!("{{ file = \"{}\" }}", file.display());
    home.configure(&config_for(NOWHERE).replace(&format!("\"{NOWHERE}/slack/desk\""), &reference));
    set_mode(&file, 0o644);
    let (status, told, _) = run_to_end(home.command(&["check"])).await;
    assert!(status.success() && told.contains(&format!("chmod o-r {}", file.display())), "{told}");
    set_mode(&file, 0o640);
    let (_, told, _) = run_to_end(home.command(&["check"])).await;
    assert!(!told.contains("chmod"), "{told}");
}

/// Only root can give a file away; without that there is nothing to see.
#[tokio::test]
async fn a_config_that_another_user_owns_is_told_with_what_to_type() {
    let home = Home::new(&config_for(NOWHERE));
    let file = home.path().join("config.toml");
    if std::os::unix::fs::chown(&file, Some(61_234), None).is_err() {
        return eprintln!("skipped: only root can give a file to somebody else");
    }
    let (status, told, _) = run_to_end(home.command(&["check"])).await;
    assert!(
        status.success()
            && told.contains(&format!("user 61234 owns it and may change it: chown root {}", file.display())),
        "{told}"
    );
}

#[tokio::test]
async fn without_journald_the_lines_go_to_stderr() {
    let home = Home::new(&config_for(NOWHERE).replace("{STATE}", "/proc/poprelay"));
    let mut command: Command = home.command(&["run"]);
    command.env("JOURNAL_STREAM", "8:1");
    let (status, _, told) = run_to_end(command).await;
    assert_eq!(status.code(), Some(77), "{told}");
    assert!(told.contains("/proc/poprelay"), "{told}");
}
