//! `poprelay man`: generates the manual pages from the command line definition and the example config. Only exit codes,
//! environment and files are written here.

mod config_page;

use super::{CliError, CliResult};
use clap::{Args, Command};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

/// Arguments of `poprelay man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Page name: poprelay, a command as in poprelay-login, or poprelay.toml
    #[arg(default_value = "poprelay")]
    pub page: String,
    /// Write all pages into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "page")]
    pub dir: Option<PathBuf>,
}

/// Prints one page for `man -l`, or writes all pages.
///
/// # Errors
/// 64 for an unknown page, 74 if `out` or the directory cannot be written.
pub fn man(args: &ManArgs, line: Command, out: &mut impl Write) -> CliResult {
    let write_error = |error: io::Error| CliError::new(74, error);
    let pages = pages(line).map_err(write_error)?;
    if let Some(dir) = &args.dir {
        return pages.iter().try_for_each(|page| write_page(page, dir));
    }
    let Some(page) = pages.iter().find(|page| page.name == args.page) else {
        let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        return Err(CliError::usage(format!("unknown page {}; expected one of {}", args.page, names.join(", "))));
    };
    out.write_all(&page.text).map_err(write_error)
}

fn write_page(page: &ManPage, dir: &Path) -> CliResult {
    let path = dir.join(format!("{}.{}", page.name, page.section));
    fs::write(&path, &page.text).map_err(|error| {
        CliError::new(74, anyhow::Error::new(error).context(format!("cannot write {}", path.display())))
    })
}

/// One manual page.
struct ManPage {
    /// Name without the section.
    name: String,
    /// Section: 1 for commands, 5 for files.
    section: u8,
    /// Content in roff.
    text: Vec<u8>,
}

fn pages(line: Command) -> io::Result<Vec<ManPage>> {
    let mut line = line.disable_help_subcommand(true);
    line.build();
    let mut pages = Vec::new();
    add_command_pages(&line, &mut pages)?;
    if let Some(first) = pages.first_mut() {
        first.text.extend(static_sections().to_roff().into_bytes());
    }
    pages.push(ManPage {
        name: "poprelay.toml".to_owned(),
        section: 5,
        text: config_page::page().render().into_bytes(),
    });
    Ok(pages)
}

fn add_command_pages(command: &Command, pages: &mut Vec<ManPage>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut text = Vec::new();
    Man::new(command.clone()).manual("poprelay").render(&mut text)?;
    pages.push(ManPage { name, section: 1, text });
    command
        .get_subcommands()
        .filter(|subcommand| !subcommand.is_hide_set())
        .try_for_each(|subcommand| add_command_pages(subcommand, pages))
}

/// Returns the sections that the command line definition does not contain.
fn static_sections() -> Roff {
    let mut roff = Roff::new();
    let mut list = |title: &str, items: &[(&str, &str)]| {
        roff.control("SH", [title]);
        for (term, meaning) in items {
            roff.control("TP", []).text([bold(*term)]).text([roman(*meaning)]);
        }
    };
    list(
        "EXIT STATUS",
        &[
            ("0", "Success; for run: stopped by a signal."),
            ("64", "Invalid command line."),
            ("65", "Invalid input data."),
            ("66", "A contacts file cannot be read (check --contacts)."),
            ("69", "A required service is unavailable; for run: a task exited unexpectedly, restart the daemon."),
            ("70", "Internal error."),
            ("74", "Cannot write output."),
            ("77", "No permission for the state directory or a file in it."),
            ("78", "Invalid config; the message names file, line and key."),
        ],
    );
    list(
        "ENVIRONMENT",
        &[
            (
                "POPRELAY__TABLE__KEY",
                "Sets a key of the config, as in POPRELAY__CONNECTIONS__MAIN__CLIENT_ID. Keys of lists ([[routes]], [[enrich]]) \
                 and of tables whose name has a hyphen or a capital letter are set in the file only.",
            ),
            ("CONFIGURATION_DIRECTORY, STATE_DIRECTORY, CREDENTIALS_DIRECTORY", "Set by systemd."),
            ("NO_COLOR", "Disables colors on a terminal."),
        ],
    );
    list(
        "FILES",
        &[
            ("/etc/poprelay/config.toml", "The config; see poprelay.toml(5)."),
            ("/var/lib/poprelay", "Persistent state: outbox, call history and the token of each connection."),
        ],
    );
    roff.control("SH", ["SEE ALSO"])
        .text([roman("poprelay.toml(5), systemd.exec(5), systemd-creds(1), journalctl(1)")]);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory as _;

    fn printed(page: &str) -> String {
        let mut out = Vec::new();
        man(&ManArgs { page: page.to_owned(), dir: None }, Cli::command(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn man_every_command_has_a_page_listed_on_the_first() {
        let first = printed("poprelay");
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let page = format!("poprelay\\-{}(1)", name.replace('-', "\\-"));
            assert!(first.contains(&page), "{name}");
            assert!(printed(&format!("poprelay-{name}")).contains(".SH NAME"), "{name}");
        }
        assert!(printed("poprelay-login").contains("\\-\\-paste"));
        assert!(first.contains("EXIT STATUS"));
    }

    #[test]
    fn man_unknown_page_lists_known_pages() {
        let args = ManArgs { page: "poprelay-dance".to_owned(), dir: None };
        let failure = man(&args, Cli::command(), &mut Vec::new()).unwrap_err();
        assert_eq!(failure.code, 64);
        assert!(failure.to_string().contains("poprelay-login"), "{failure}");
    }

    #[test]
    fn man_dir_that_cannot_be_written_names_the_file() {
        let dir = tempfile::tempdir().unwrap().path().join("missing");
        let args = ManArgs { page: "poprelay".to_owned(), dir: Some(dir) };
        let failure = man(&args, Cli::command(), &mut Vec::new()).unwrap_err();
        assert_eq!(failure.code, 74);
        assert!(failure.to_string().contains("missing/poprelay.1: No such file"), "{failure}");
    }

    #[test]
    fn man_dir_writes_all_pages_with_section_suffix() {
        let dir = tempfile::tempdir().unwrap();
        let args = ManArgs { page: "poprelay".to_owned(), dir: Some(dir.path().to_owned()) };
        man(&args, Cli::command(), &mut Vec::new()).unwrap();
        for name in ["poprelay.1", "poprelay-run.1", "poprelay.toml.5"] {
            assert!(dir.path().join(name).is_file(), "{name}");
        }
    }
}
