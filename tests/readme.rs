//! The README: its config examples are valid and its table of commands is complete. `tests/systemd/readme` checks the shell
//! commands.

use crate::support::{DaemonDir, run_to_end};
use std::{collections::BTreeSet, fs};

const README: &str = include_str!("../README.md");

/// Returns the content of the fenced blocks of a language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    README.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[tokio::test]
async fn readme_config_examples_are_valid_together_with_the_first() {
    let examples = blocks("toml");
    let (first, more) = examples.split_first().expect("the README has config examples");
    assert!(more.len() >= 4, "{} examples", more.len());
    for example in more.iter().copied().chain([""]) {
        let dir = DaemonDir::new(format_args!("{first}\n{example}"));
        let secrets = dir.path().join("credentials");
        fs::create_dir(&secrets).unwrap();
        for name in ["goto-client-secret", "goto-pat", "crm-token"] {
            fs::write(secrets.join(name), "a secret").unwrap();
        }
        fs::write(secrets.join("slack-bot-token"), "xoxb-1").unwrap();
        fs::write(secrets.join("webhook-secret"), "whsec_KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio=").unwrap();
        for name in ["front-desk.url", "support.url"] {
            fs::write(secrets.join(name), "https://hooks.slack.com/services/T0/B0/XX").unwrap();
        }
        let mut command = dir.command(&["check"]);
        command.env("CREDENTIALS_DIRECTORY", &secrets);
        let (status, out, err) = run_to_end(command).await;
        assert!(status.success() && out.contains("is valid"), "{example}\n{out}{err}");
    }
}

#[tokio::test]
async fn readme_table_lists_exactly_the_commands_of_help() {
    let (_, help, _) = run_to_end(DaemonDir::new("").command(&["--help"])).await;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let known: BTreeSet<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let table = README.split("## Commands\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let words = table.split("`poprelay ").skip(1).map(|rest| rest.split([' ', '`']).next().unwrap());
    let listed: BTreeSet<&str> = words.collect();
    let help_itself = BTreeSet::from(["help"]);
    assert_eq!(listed, &known - &help_itself);
}
