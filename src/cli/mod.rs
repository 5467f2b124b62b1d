//! The commands: argv to one of them, its outcome to an exit code after sysexits. One file a command.

pub mod card;
pub mod check;
pub mod completions;
pub mod demo;
pub mod explain;
pub mod forget;
pub mod login;
pub mod lookup;
pub mod man;
pub mod outbox;
pub mod recording;
pub mod replay;
pub mod route;
pub mod run;
pub mod simulate;
pub mod status;
pub mod test_card;
pub mod trial;
pub mod verdicts;

use crate::daemon::{config, journal};
use clap::{CommandFactory as _, Parser, Subcommand};
use std::{
    error::Error,
    fmt,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

/// Relays GoTo Connect calls as caller cards to Slack and Teams while the phone still rings.
#[derive(Debug, Parser)]
#[command(name = "poprelay", version, max_term_width = 100)]
struct Line {
    /// The config file [default: $CONFIGURATION_DIRECTORY/config.toml, else /etc/poprelay/config.toml]
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    /// What the journal says: error, warn, info, debug [default: the config's journal.level, else info]
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Relay calls until stopped: what the systemd unit runs
    Run,
    /// Log in to GoTo once; the daemon stays logged in by itself
    Login(login::LoginArgs),
    /// Check the config and say what it will do
    Check(check::CheckArgs),
    /// See it work: the real daemon between an embedded GoTo and an embedded chat
    Demo(demo::DemoArgs),
    /// Serve a GoTo and a chat to play with
    Simulate(simulate::SimulateArgs),
    /// Ask every source who a number is
    Lookup(lookup::LookupArgs),
    /// Erase a number from all that is kept
    Forget(forget::ForgetArgs),
    /// Draw the cards of a recorded call as a sink would get them; nothing is sent
    Card(card::CardArgs),
    /// Send a test card to a sink and say what its chat answered
    TestCard(test_card::TestCardArgs),
    /// Say how the daemon, its logins and its sinks stand
    Status(status::StatusArgs),
    /// Say which rule sends a recorded call where, and why; nothing is sent
    Route(route::RouteArgs),
    /// Say what was decided of a call, what was sent, and what was answered
    Explain(explain::ExplainArgs),
    /// Run recorded calls through the config and print their cards; nothing is sent
    Replay(replay::ReplayArgs),
    /// See and mend what waits and what was given up
    Outbox(outbox::OutboxArgs),
    /// Print what each answer of a chat means
    Verdicts {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a manual page
    Man(man::ManArgs),
    /// Print what a shell needs to complete the commands
    Completions(completions::CompletionsArgs),
}

/// Parses the command line, carries it out, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(told) => {
            // Help and version are no errors; what is wrong with the words is: 64, not clap's 2.
            let code = if told.use_stderr() { 64 } else { 0 };
            drop(told.print());
            return ExitCode::from(code);
        }
    };
    match line.carry_out() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where stderr is gone, nobody can be told.
            drop(writeln!(io::stderr(), "poprelay: {failure}"));
            failure.into()
        }
    }
}

impl Line {
    fn carry_out(self) -> Outcome {
        let path = self.config.unwrap_or_else(config::default_path);
        let config = || config::load(&path).map_err(Failure::config);
        match self.command {
            Command::Verdicts { json } => verdicts::verdicts(json, &mut io::stdout().lock()),
            Command::Man(args) => man::man(&args, Self::command(), &mut io::stdout().lock()),
            Command::Completions(args) => completions::completions(&args, Self::command(), &mut io::stdout().lock()),
            Command::Check(args) => check::check(&args, &config()?, &mut io::stdout().lock()),
            Command::Outbox(args) => outbox::run(args, &config()?.state_dir, &mut io::stdout().lock()),
            Command::Status(args) => status::run(&args, &config()?, &mut io::stdout().lock()),
            Command::Forget(args) => forget::run(&args, &config()?, &mut io::stdout().lock()),
            Command::Run => {
                let journal = journal::open(self.log.as_deref().unwrap_or("info")).map_err(Failure::usage)?;
                runtime()?.block_on(run::run(config()?, self.log.is_none().then_some(journal)))
            }
            Command::Login(args) => runtime()?.block_on(login::of(&args, config()?)),
            Command::Lookup(args) => runtime()?.block_on(lookup::run(&args, &config()?)),
            Command::Card(args) => runtime()?.block_on(card::card(&args, &config()?, &mut io::stdout())),
            Command::Route(args) => runtime()?.block_on(route::run(&args, &config()?, &mut io::stdout())),
            Command::Explain(args) => explain::run(&args, &config()?, &mut io::stdout().lock()),
            Command::Replay(args) => runtime()?.block_on(replay::run(&args, &config()?, &mut io::stdout())),
            Command::TestCard(args) => runtime()?.block_on(test_card::run(&args, config()?, &mut io::stdout())),
            Command::Demo(args) => {
                // The demo's face is its cards; the journal stays quiet unless it is asked for.
                journal::open(self.log.as_deref().unwrap_or("error")).map_err(Failure::usage)?;
                let start = |wiring: demo::DemoWiring| run::beside(wiring.config_path, wiring.stop);
                runtime()?.block_on(demo::run(args, &mut io::stdout(), start))
            }
            Command::Simulate(args) => {
                journal::open(self.log.as_deref().unwrap_or("info")).map_err(Failure::usage)?;
                runtime()?.block_on(simulate::run(args, &mut io::stdout()))
            }
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    // Two threads: the relay's work is waiting, and a third core would find nothing to do.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|error| Failure::new(70, error))
}

/// What a command ends with.
pub type Outcome = Result<(), Failure>;

/// Why a command failed, with the exit code a script reads (`sysexits.h`).
#[derive(Debug)]
pub struct Failure {
    /// 64 usage, 65 bad data, 69 unavailable, 70 internal, 74 I/O, 77 permission, 78 config.
    pub code: u8,
    /// What went wrong, where, and what to do next.
    pub why: anyhow::Error,
}

impl Failure {
    /// A failure with its exit code.
    pub fn new(code: u8, why: impl Into<anyhow::Error>) -> Self {
        Self { code, why: why.into() }
    }

    /// Wrong words on the command line: 64.
    pub fn usage(why: impl fmt::Display) -> Self {
        Self::new(64, anyhow::anyhow!("{why}"))
    }

    /// Input that is not what it should be: 65.
    pub fn data(why: impl Into<anyhow::Error>) -> Self {
        Self::new(65, why)
    }

    /// A service that cannot be reached: 69.
    pub fn unavailable(why: impl Into<anyhow::Error>) -> Self {
        Self::new(69, why)
    }

    /// Not allowed: 77.
    pub fn permission(why: impl Into<anyhow::Error>) -> Self {
        Self::new(77, why)
    }

    /// A wrong config: 78.
    pub fn config(why: impl Into<anyhow::Error>) -> Self {
        Self::new(78, why)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.why)
    }
}

impl Error for Failure {}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        Self::from(failure.code)
    }
}
