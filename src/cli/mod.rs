//! Command line: parses argv, runs one command and maps its result to an exit code of `sysexits.h`. One file per command.

pub mod check;
mod check_contacts;
pub mod completions;
pub mod demo;
pub mod dry_run;
pub mod explain;
pub mod forget;
pub mod login;
pub mod lookup;
pub mod man;
pub mod open;
pub mod outbox;
pub mod recording;
pub mod replay;
pub mod responses;
pub mod run;
pub mod simulate;
pub mod slack_manifest;
pub mod status;
pub mod teams_manifest;
pub mod test_card;

use crate::{
    config::{self, DEFAULT_SCHEMA},
    daemon::system::logging,
    runtime::log_filter,
};
use clap::{CommandFactory as _, Parser, Subcommand};
use std::{
    error::Error,
    fmt,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

/// Time for blocking calls after the end of a command. All that matter are awaited before it.
const BLOCKING_CALL_TIMEOUT: Duration = Duration::from_millis(500);

/// Relays GoTo Connect calls as caller cards to Slack and Teams while the phone still rings.
#[derive(Debug, Parser)]
#[command(name = "poprelay", version, max_term_width = 100)]
struct Cli {
    /// The config file [default: $CONFIGURATION_DIRECTORY/config.toml, else /etc/poprelay/config.toml]
    #[arg(long, global = true, value_name = "PATH")]
    config: Option<PathBuf>,
    /// Log level: error, warn, info, debug [default: the config's journal.level, else info]
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon until stopped (used by the systemd unit)
    Run,
    /// Log in to GoTo once; the daemon then renews the login
    Login(login::LoginArgs),
    /// Check the config and describe its effect
    Check(check::CheckArgs),
    /// Show the daemon at work with a simulated GoTo and a simulated chat
    Demo(demo::DemoArgs),
    /// Serve a simulated GoTo and a simulated chat
    Simulate(simulate::SimulateArgs),
    /// Look a number up in every source
    Lookup(lookup::LookupArgs),
    /// Erase a number from all stored data
    Forget(forget::ForgetArgs),
    /// Send a test card to a sink and print the response
    TestCard(test_card::TestCardArgs),
    /// Write the package of a Teams app, ready to upload
    TeamsManifest(teams_manifest::TeamsManifestArgs),
    /// Print the state of the daemon, its connections and its sinks
    Status(status::StatusArgs),
    /// Print decisions, deliveries and responses of a call
    Explain(explain::ExplainArgs),
    /// Run recorded calls through the config and print their cards, payloads or rules; sends nothing
    Replay(replay::ReplayArgs),
    /// List missed callers without a call back
    Open(open::OpenArgs),
    /// List, retry and drop waiting deliveries and dead letters
    Outbox(outbox::OutboxArgs),
    /// Print the SQL that creates the tables of a shared PostgreSQL database
    Schema,
    /// Print the manifest that creates the Slack app
    SlackManifest(slack_manifest::SlackManifestArgs),
    /// Print the response rules of all chats
    Responses {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a manual page
    Man(man::ManArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

/// Parses the command line, runs the command and returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors. A usage error exits with 64 instead of clap's 2.
            let code = if error.use_stderr() { 64 } else { 0 };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of the output has enough of it, as `head` does.
        Err(failure) if failure.is_closed_output() => failure.into(),
        Err(failure) => {
            // A closed stderr leaves no way to report the error.
            drop(writeln!(io::stderr(), "poprelay: {failure}"));
            failure.into()
        }
    }
}

impl Cli {
    fn run(self) -> CliResult {
        let path = self.config.unwrap_or_else(config::default_path);
        let config = || config::load(&path).map_err(CliError::config);
        if let Some(level) = &self.log {
            log_filter::parse(level).map_err(CliError::usage)?;
        }
        match self.command {
            Command::TeamsManifest(args) => teams_manifest::run(&args, &mut io::stdout().lock()),
            Command::Responses { json } => responses::run(json, &mut io::stdout().lock()),
            Command::Schema => {
                let schema = config()?.database.map_or_else(|| DEFAULT_SCHEMA.to_owned(), |database| database.schema);
                let text = crate::outbox::shared_schema(&schema);
                io::stdout().write_all(text.as_bytes()).map_err(|error| CliError::new(74, error))
            }
            Command::SlackManifest(args) => slack_manifest::run(&args, &path, &mut io::stdout().lock()),
            Command::Man(args) => man::man(&args, Self::command(), &mut io::stdout().lock()),
            Command::Completions(args) => completions::completions(&args, Self::command(), &mut io::stdout().lock()),
            Command::Check(args) => {
                let config = config()?;
                check::check(&args, &config, &mut io::stdout().lock())?;
                if args.online {
                    block_on(check::online::check_online(&config, &mut io::stdout()))?;
                }
                Ok(())
            }
            Command::Outbox(args) => outbox::run_for(args, &config()?, &mut io::stdout().lock()),
            Command::Open(args) => {
                let config = config()?;
                let shared = outbox::shared_database(&config);
                open::run(&args, outbox::place(&config, shared.as_ref()), &mut io::stdout().lock())
            }
            Command::Status(args) => match config::load(&path) {
                Ok(config) => status::run(&args, &config, &mut io::stdout().lock()),
                Err(error) => {
                    let dir = config::state_dir_of_any_config(&path);
                    status::run_without_config(&args, error, dir.as_deref(), &mut io::stdout().lock())
                }
            },
            Command::Forget(args) => forget::run(&args, &config()?, &mut io::stdout().lock()),
            Command::Run => block_on(async {
                // First: until then the signal ends the process.
                let hangup = run::listen_for_hangups()?;
                let journal = logging::init(self.log.as_deref().unwrap_or("info")).map_err(CliError::usage)?;
                let level = self.log.is_none().then(|| journal.clone());
                let ended = match config() {
                    Ok(config) => run::run(config, level, hangup).await,
                    Err(error) => Err(error),
                };
                journal.flush();
                ended
            }),
            Command::Login(args) => block_on(login::login(&args, config()?)),
            Command::Lookup(args) => block_on(lookup::run(&args, &config()?)),
            Command::Explain(args) => explain::run(&args, &config()?, &mut io::stdout().lock()),
            Command::Replay(args) => block_on(replay::run(&args, &config()?, &mut io::stdout())),
            Command::TestCard(args) => block_on(test_card::run(&args, config()?, &mut io::stdout())),
            Command::Demo(args) => {
                // The demo shows cards; log lines appear only on request.
                let journal = logging::init(self.log.as_deref().unwrap_or("error")).map_err(CliError::usage)?;
                let start = |wiring: demo::DemoDaemon| run::run_for_demo(wiring.config_path, wiring.stop);
                let ended = block_on(demo::run(args, &mut io::stdout(), start));
                journal.flush();
                ended
            }
            Command::Simulate(args) => {
                let journal = logging::init(self.log.as_deref().unwrap_or("info")).map_err(CliError::usage)?;
                let ended = block_on(simulate::run(args, &mut io::stdout()));
                journal.flush();
                ended
            }
        }
    }
}

/// Runs a command to its end, and then leaves blocking calls behind. The system's look-up of a name cannot be cancelled, and
/// takes half a minute while the DNS server is silent.
fn block_on(command: impl Future<Output = CliResult>) -> CliResult {
    // Two threads are enough: the daemon mostly waits for I/O.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| CliError::new(70, error))?;
    let ended = runtime.block_on(command);
    runtime.shutdown_timeout(BLOCKING_CALL_TIMEOUT);
    ended
}

/// Result of a command.
pub type CliResult = Result<(), CliError>;

/// Error of a command, with its exit code (`sysexits.h`).
#[derive(Debug)]
pub struct CliError {
    /// 64 usage, 65 bad data, 66 unreadable contacts file, 69 unavailable, 70 internal, 74 I/O, 77 permission, 78 config.
    pub code: u8,
    /// Cause and advice.
    pub why: anyhow::Error,
}

impl CliError {
    /// Creates an error with an exit code.
    pub fn new(code: u8, why: impl Into<anyhow::Error>) -> Self {
        Self { code, why: why.into() }
    }

    /// Creates a usage error: 64.
    pub fn usage(why: impl fmt::Display) -> Self {
        Self::new(64, anyhow::anyhow!("{why}"))
    }

    /// Creates an error for invalid input: 65.
    pub fn data(why: impl Into<anyhow::Error>) -> Self {
        Self::new(65, why)
    }

    /// Creates an error for an unavailable service: 69.
    pub fn unavailable(why: impl Into<anyhow::Error>) -> Self {
        Self::new(69, why)
    }

    /// Creates a permission error: 77.
    pub fn permission(why: impl Into<anyhow::Error>) -> Self {
        Self::new(77, why)
    }

    /// Returns whether the output was closed by its reader.
    fn is_closed_output(&self) -> bool {
        let is_closed = |cause: &(dyn Error + 'static)| {
            cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        };
        self.code == 74 && self.why.chain().any(is_closed)
    }

    /// Creates a config error: 78.
    pub fn config(why: impl Into<anyhow::Error>) -> Self {
        Self::new(78, why)
    }
}

/// Returns a count with its noun, as in "1 call" or "2 calls".
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.why)
    }
}

impl Error for CliError {}

impl From<CliError> for ExitCode {
    fn from(failure: CliError) -> Self {
        Self::from(failure.code)
    }
}
