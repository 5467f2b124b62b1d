//! `poprelay outbox`: lists, shows, retries and drops deliveries. The module `outbox` decides what is allowed; `format`
//! writes the output.

mod format;

use super::{CliError, CliResult};
use crate::{
    config::{Config, DatabaseConfig},
    model::{delivery::DeliveryId, ids::SinkName, time::Timestamp},
    outbox::{self, AdminError, DeliveryState, Filter, OutboxPlace, RetryTarget, SharedDatabase, StoredHistory},
    runtime::{postgres::PostgresFault, sql},
};
use anyhow::anyhow;
use clap::{Args, Subcommand, ValueEnum};
pub(super) use format::{OutputOptions, align, format_attempt, format_duration, mask, mask_free_text};
use format::{delivery_json, format_delivery, format_table, list_json, state_name};
use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

/// Name of a command among the daemons of a shared database. No daemon has it: their names are hex digits.
const COMMAND_NAME: &str = "command";

/// Inspect and change waiting deliveries and dead letters, with or without a running daemon.
#[derive(Debug, Args)]
pub struct OutboxArgs {
    #[command(subcommand)]
    command: OutboxCommand,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    /// List deliveries, newest last.
    List {
        /// Only deliveries in this state.
        #[arg(long, value_enum, default_value_t = StateFilter::All)]
        state: StateFilter,
        /// Only deliveries to this sink.
        #[arg(long, value_parser = sink)]
        sink: Option<SinkName>,
        /// Maximum number of deliveries.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        #[command(flatten)]
        form: OutputOptions,
    },
    /// Show one delivery with its card and its attempts.
    Show {
        /// Number of the delivery.
        id: i64,
        #[command(flatten)]
        form: OutputOptions,
    },
    /// Retry one delivery, or all dead letters, immediately.
    Retry {
        /// Number of the delivery.
        #[arg(required_unless_present = "dead", conflicts_with = "dead")]
        id: Option<i64>,
        /// All dead letters.
        #[arg(long)]
        dead: bool,
        /// With --dead: only dead letters of this sink.
        #[arg(long, requires = "dead", value_parser = sink)]
        sink: Option<SinkName>,
    },
    /// Drop one delivery permanently without posting it.
    Drop {
        /// Number of the delivery.
        id: i64,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateFilter {
    Waiting,
    Dead,
    Delivered,
    Superseded,
    Dropped,
    All,
}

impl StateFilter {
    const fn state(self) -> Option<DeliveryState> {
        match self {
            Self::Waiting => Some(DeliveryState::Waiting),
            Self::Dead => Some(DeliveryState::Dead),
            Self::Delivered => Some(DeliveryState::Delivered),
            Self::Superseded => Some(DeliveryState::Superseded),
            Self::Dropped => Some(DeliveryState::Dropped),
            Self::All => None,
        }
    }
}

fn sink(text: &str) -> Result<SinkName, String> {
    SinkName::try_from(text).map_err(|error| format!("invalid sink name: {error}"))
}

/// Runs `poprelay outbox` on the outbox of a config. While a shared database is away, `list` and `show` read the cards that wait
/// on this machine.
///
/// # Errors
/// As [`run`].
pub fn run_for(args: OutboxArgs, config: &Config, out: &mut impl Write) -> CliResult {
    let shared = shared_database(config);
    run_at(args, place(config, shared.as_ref()), shared.as_ref().map(|_| config.state_dir.as_path()), out)
}

/// Runs `poprelay outbox` on the outbox of a state directory or on a shared one.
///
/// # Errors
/// 65 for an unknown delivery or a wrong state, 69 for a missing or foreign outbox, 74 for output, 77 for permissions.
pub fn run<'a>(args: OutboxArgs, place: impl Into<OutboxPlace<'a>>, out: &mut impl Write) -> CliResult {
    run_at(args, place.into(), None, out)
}

/// `spool`: the state directory, if the outbox is a shared database.
fn run_at(args: OutboxArgs, place: OutboxPlace<'_>, spool: Option<&Path>, out: &mut impl Write) -> CliResult {
    let now = Timestamp::now();
    match args.command {
        OutboxCommand::List { state, sink, limit, form } => {
            let filter = Filter { state: state.state(), sink, limit };
            let (letters, away) = read_or_spool(place, spool, |place| outbox::list(place, &filter))?;
            note_away(away, form, out)?;
            if form.json {
                print(out, &list_json(&letters, form))
            } else {
                print(out, &format_table(&letters, form, now))
            }
        }
        OutboxCommand::Show { id, form } => {
            let (found, away) = read_or_spool(place, spool, |place| outbox::show(place, DeliveryId(id)))?;
            note_away(away, form, out)?;
            let (letter, attempts) = found.ok_or_else(|| match away {
                Some(_) => CliError::unavailable(anyhow!("delivery {id} is not stored on this machine")),
                None => unknown_delivery(id),
            })?;
            print(
                out,
                &if form.json {
                    delivery_json(&letter, &attempts, form)
                } else {
                    format_delivery(&letter, &attempts, form, now)
                },
            )
        }
        OutboxCommand::Retry { id: Some(id), .. } => {
            let retried = outbox::retry(place, &RetryTarget::One(DeliveryId(id))).map_err(admin_error)?;
            if retried == 0 { Err(state_error(place, id)) } else { print(out, &format!("{id} queued for retry\n")) }
        }
        OutboxCommand::Retry { id: None, sink, .. } => {
            let retried = outbox::retry(place, &RetryTarget::DeadLetters(sink)).map_err(admin_error)?;
            print(out, &format!("{retried} dead letters queued for retry\n"))
        }
        OutboxCommand::Drop { id } => {
            let dropped = outbox::drop_one(place, DeliveryId(id), now).map_err(admin_error)?;
            if dropped { print(out, &format!("{id} dropped\n")) } else { Err(state_error(place, id)) }
        }
    }
}

/// Reads from the outbox. If it is a shared database that is away: from the file in `spool`, with the reason.
fn read_or_spool<T>(
    place: OutboxPlace<'_>,
    spool: Option<&Path>,
    read: impl Fn(OutboxPlace<'_>) -> Result<T, AdminError>,
) -> Result<(T, Option<PostgresFault>), CliError> {
    match (read(place), spool) {
        (Ok(found), _) => Ok((found, None)),
        (Err(AdminError::Store(sql::Error::Postgres(error))), Some(dir)) => match read(OutboxPlace::Directory(dir)) {
            Ok(found) => Ok((found, Some(error.fault))),
            Err(_) => Err(admin_error(AdminError::Store(sql::Error::Postgres(error)))),
        },
        (Err(error), _) => Err(admin_error(error)),
    }
}

/// Prints that the output is that of this machine alone; beside JSON on stderr.
fn note_away(away: Option<PostgresFault>, form: OutputOptions, out: &mut impl Write) -> CliResult {
    let Some(fault) = away else { return Ok(()) };
    let note = format!("shared database away: {fault}. Only what is stored on this machine:\n");
    if !form.json {
        return print(out, &note);
    }
    // A closed stderr leaves no way to report it.
    drop(io::stderr().write_all(note.as_bytes()));
    Ok(())
}

/// Returns the database that the daemons share, as a command uses it.
pub(super) fn shared_database(config: &Config) -> Option<SharedDatabase> {
    config.database.as_ref().map(|DatabaseConfig { server, schema }| SharedDatabase {
        server: server.clone(),
        schema: schema.clone(),
        daemon: COMMAND_NAME.to_owned(),
    })
}

/// Returns the recorded calls of a config, as a command reads them.
pub(super) fn stored_history(config: &Config) -> Arc<StoredHistory> {
    Arc::new(match shared_database(config) {
        Some(database) => StoredHistory::Shared(Box::new(database)),
        None => StoredHistory::Directory(config.state_dir.clone()),
    })
}

/// Returns the place of the outbox of a config.
pub(super) fn place<'a>(config: &'a Config, shared: Option<&'a SharedDatabase>) -> OutboxPlace<'a> {
    shared.map_or(OutboxPlace::Directory(&config.state_dir), OutboxPlace::Shared)
}

pub(super) fn admin_error(error: AdminError) -> CliError {
    match error {
        AdminError::Denied(_) => CliError::permission(error),
        AdminError::Missing(_) | AdminError::Version { .. } | AdminError::Foreign(_) | AdminError::Store(_) => {
            CliError::unavailable(error)
        }
    }
}

fn unknown_delivery(id: i64) -> CliError {
    CliError::data(anyhow!("unknown delivery {id}; list them with `poprelay outbox list`"))
}

/// Explains the reason for which a delivery was not changed.
fn state_error(place: OutboxPlace<'_>, id: i64) -> CliError {
    match outbox::show(place, DeliveryId(id)) {
        Ok(Some((letter, _))) => CliError::data(anyhow!("{id} is already {}", state_name(&letter))),
        Ok(None) => unknown_delivery(id),
        Err(error) => admin_error(error),
    }
}

fn print(out: &mut impl Write, text: &str) -> CliResult {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| CliError::new(74, error))
}

#[cfg(test)]
mod tests;
