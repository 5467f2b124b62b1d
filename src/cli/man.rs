//! `poprelay man`: the manual pages, made from the command line itself and from the example config. Only their standing
//! parts (exit codes, files) are written here.

mod keys;

use super::{Failure, Outcome};
use clap::{Args, Command};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use std::{fs, io, io::Write, path::PathBuf};

/// Which pages, and where to.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The page: poprelay, one of its commands as in poprelay-login, or poprelay.toml
    #[arg(default_value = "poprelay")]
    pub page: String,
    /// Write every page into this directory instead
    #[arg(long, value_name = "DIR", conflicts_with = "page")]
    pub dir: Option<PathBuf>,
}

/// Prints one page for `man -l`, or writes all of them.
///
/// # Errors
/// 64 for a page that is not there, 74 if `out` or the directory cannot be written.
pub fn man(args: &ManArgs, line: Command, out: &mut impl Write) -> Outcome {
    let lost = |error: io::Error| Failure::new(74, error);
    let pages = pages(line).map_err(lost)?;
    if let Some(dir) = &args.dir {
        let write = |page: &Page| fs::write(dir.join(format!("{}.{}", page.name, page.section)), &page.text);
        return pages.iter().try_for_each(write).map_err(lost);
    }
    let Some(page) = pages.iter().find(|page| page.name == args.page) else {
        let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        return Err(Failure::usage(format!("there is no page {}; there are {}", args.page, names.join(", "))));
    };
    out.write_all(&page.text).map_err(lost)
}

/// One manual page.
struct Page {
    /// As `man` is asked for it.
    name: String,
    /// 1: a command, 5: a file.
    section: u8,
    /// In roff.
    text: Vec<u8>,
}

fn pages(line: Command) -> io::Result<Vec<Page>> {
    let mut line = line.disable_help_subcommand(true);
    line.build();
    let mut pages = Vec::new();
    of_command(&line, &mut pages)?;
    if let Some(first) = pages.first_mut() {
        first.text.extend(standing().to_roff().into_bytes());
    }
    pages.push(Page { name: "poprelay.toml".to_owned(), section: 5, text: keys::page().render().into_bytes() });
    Ok(pages)
}

fn of_command(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut text = Vec::new();
    Man::new(command.clone()).manual("poprelay").render(&mut text)?;
    pages.push(Page { name, section: 1, text });
    command.get_subcommands().filter(|under| !under.is_hide_set()).try_for_each(|under| of_command(under, pages))
}

/// What the command line does not know of itself.
fn standing() -> Roff {
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
            ("0", "Done; for run: stopped by a signal."),
            ("64", "The command line is wrong."),
            ("65", "What was to be read is not what it should be."),
            ("69", "Something that is needed cannot be reached; for run: a loop ended unasked, start it again."),
            ("70", "The system refused what no system should."),
            ("74", "What was to be said could not be written."),
            ("77", "The state directory or a file in it is not ours to use."),
            ("78", "The config is wrong: file, line and key are told."),
        ],
    );
    list(
        "ENVIRONMENT",
        &[
            ("POPRELAY__TABLE__KEY", "Sets any key of the config, as in POPRELAY__CONNECTIONS__MAIN__CLIENT_ID."),
            ("CONFIGURATION_DIRECTORY, STATE_DIRECTORY, CREDENTIALS_DIRECTORY", "As systemd sets them."),
            ("NO_COLOR", "No colours on a terminal."),
        ],
    );
    list(
        "FILES",
        &[
            ("/etc/poprelay/config.toml", "The config; see poprelay.toml(5)."),
            ("/var/lib/poprelay", "What must outlive the daemon: outbox, history, each login's token."),
        ],
    );
    roff.control("SH", ["SEE ALSO"])
        .text([roman("poprelay.toml(5), systemd.exec(5), systemd-creds(1), journalctl(1)")]);
    roff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Line;
    use clap::CommandFactory as _;

    fn printed(page: &str) -> String {
        let mut out = Vec::new();
        man(&ManArgs { page: page.to_owned(), dir: None }, Line::command(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_command_has_a_page_with_its_options_and_the_first_page_names_them_all() {
        let first = printed("poprelay");
        for command in Line::command().get_subcommands() {
            let name = command.get_name();
            assert!(first.contains(&format!("poprelay\\-{name}(1)")), "{name}");
            assert!(printed(&format!("poprelay-{name}")).contains(".SH NAME"), "{name}");
        }
        assert!(printed("poprelay-login").contains("\\-\\-paste"));
        assert!(first.contains("EXIT STATUS"));
    }

    #[test]
    fn a_page_that_is_not_there_is_answered_with_those_that_are() {
        let args = ManArgs { page: "poprelay-dance".to_owned(), dir: None };
        let failure = man(&args, Line::command(), &mut Vec::new()).unwrap_err();
        assert_eq!(failure.code, 64);
        assert!(failure.to_string().contains("poprelay-login"), "{failure}");
    }

    #[test]
    fn all_pages_are_written_under_the_names_that_man_looks_for() {
        let dir = tempfile::tempdir().unwrap();
        let args = ManArgs { page: "poprelay".to_owned(), dir: Some(dir.path().to_owned()) };
        man(&args, Line::command(), &mut Vec::new()).unwrap();
        for name in ["poprelay.1", "poprelay-run.1", "poprelay.toml.5"] {
            assert!(dir.path().join(name).is_file(), "{name}");
        }
    }
}
