//! The README: its config examples are valid and its table of commands is complete. `tests/systemd/readme` checks the shell
//! commands.

use crate::support::{DaemonDir, run_to_end};
use std::{collections::BTreeSet, fs};

const README: &str = include_str!("../README.md");
const DATABASE: &str = include_str!("../deploy/postgresql.md");

/// Returns the content of the fenced blocks of a language, in order.
fn blocks(text: &'static str, language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Returns whether a line begins a table, and its header without a comment.
fn header(line: &str) -> Option<&str> {
    let line = line.split('#').next().unwrap().trim();
    (line.starts_with('[') && line.ends_with(']')).then_some(line)
}

/// Adds an example to a config. The keys of a table that the config has are added to it, as a reader does.
fn merged(config: &str, example: &str) -> String {
    let is_single = |line: &str| !line.starts_with("[[");
    let mut tables: Vec<(&str, String)> = Vec::new();
    for line in config.lines().chain(example.lines()) {
        let place = match header(line) {
            Some(name) => {
                let known = tables.iter().position(|(known, _)| *known == name && is_single(name));
                known.unwrap_or_else(|| {
                    tables.push((name, format!("{line}\n")));
                    tables.len() - 1
                })
            }
            None => tables.len().saturating_sub(1),
        };
        let is_known = header(line).is_some();
        if place + 1 < tables.len() {
            let table = tables.remove(place);
            tables.push(table);
        }
        if let Some((_, text)) = tables.last_mut().filter(|_| !is_known) {
            text.push_str(&format!("{line}\n"));
        }
    }
    tables.into_iter().map(|(_, text)| text).collect()
}

#[test]
fn example_of_a_known_table_adds_its_keys() {
    let text = merged("[a]\nx = 1\n[b]\ny = 2\n", "[a]  # more\nz = 3\n[[c]]\nv = 4\n[[c]]\nv = 5\n");
    assert_eq!(text, "[b]\ny = 2\n[a]\nx = 1\nz = 3\n[[c]]\nv = 4\n[[c]]\nv = 5\n");
}

/// Returns the indented lines that look like a config: no test reads them.
fn indented_tables(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.starts_with("    ["));
    lines.filter(|line| header(line).is_some_and(|name| !["[Service]", "[Socket]"].contains(&name))).collect()
}

#[tokio::test]
async fn readme_config_examples_are_valid_together_with_the_first() {
    let examples = [blocks(README, "toml"), blocks(DATABASE, "toml")].concat();
    let (first, more) = examples.split_first().expect("the README has config examples");
    assert!(more.len() >= 6, "{} examples", more.len());
    assert_eq!(indented_tables(README).len() + indented_tables(DATABASE).len(), 0, "fence examples as toml");
    for example in more.iter().copied().chain([""]) {
        let dir = DaemonDir::new(merged(first, example));
        let secrets = dir.path().join("credentials");
        fs::create_dir(&secrets).unwrap();
        for name in ["goto-client-secret", "goto-pat", "crm-token"] {
            fs::write(secrets.join(name), "a secret").unwrap();
        }
        fs::write(secrets.join("slack-bot-token"), "xoxb-1").unwrap();
        fs::write(secrets.join("postgres-url"), "postgres://poprelay:x@db.example.com/poprelay").unwrap();
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
