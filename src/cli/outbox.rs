//! `poprelay outbox`: what waits, what died and why, for a person or a script. What may be done to a delivery is `outbox`'s
//! to decide, how it is written is `shown`'s.

mod shown;

use super::{Failure, Outcome};
use crate::{
    model::{delivery::DeliveryId, ids::SinkName, time::Timestamp},
    outbox::{self, AdminError, Filter, State, Which},
};
use anyhow::anyhow;
use clap::{Args, Subcommand, ValueEnum};
use shown::{Form, list_json, page, state, table, whole_json};
pub(super) use shown::{attempt_line, printable};
use std::{io::Write, path::Path};

/// Looks into what still has to be told, and what could not be; beside a running daemon or without one.
#[derive(Debug, Args)]
pub struct OutboxArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Lists deliveries, the newest last.
    List {
        /// Only those that stand so.
        #[arg(long, value_enum, default_value_t = Shown::All)]
        state: Shown,
        /// Only those for this sink.
        #[arg(long, value_parser = sink)]
        sink: Option<SinkName>,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        #[command(flatten)]
        form: Form,
    },
    /// Shows one delivery, its card and its attempts.
    Show {
        /// Its number.
        id: i64,
        #[command(flatten)]
        form: Form,
    },
    /// Has one delivery, or all dead letters, tried again at once.
    Retry {
        /// Its number.
        #[arg(required_unless_present = "dead", conflicts_with = "dead")]
        id: Option<i64>,
        /// All dead letters.
        #[arg(long)]
        dead: bool,
        /// With --dead: only those for this sink.
        #[arg(long, requires = "dead", value_parser = sink)]
        sink: Option<SinkName>,
    },
    /// Gives one delivery up for good: it is not told.
    Drop {
        /// Its number.
        id: i64,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shown {
    Waiting,
    Dead,
    Delivered,
    Superseded,
    Dropped,
    All,
}

impl Shown {
    const fn state(self) -> Option<State> {
        match self {
            Self::Waiting => Some(State::Waiting),
            Self::Dead => Some(State::Dead),
            Self::Delivered => Some(State::Delivered),
            Self::Superseded => Some(State::Superseded),
            Self::Dropped => Some(State::Dropped),
            Self::All => None,
        }
    }
}

fn sink(text: &str) -> Result<SinkName, String> {
    SinkName::try_from(text).map_err(|bad| format!("it is no sink's name: {bad}"))
}

/// Runs `poprelay outbox` on the outbox of a state directory.
///
/// # Errors
/// 65 no such delivery, or not one to which this can be done; 69 no outbox, or another version's; 74 output; 77 permission.
pub fn run(args: OutboxArgs, state_dir: &Path, out: &mut impl Write) -> Outcome {
    let now = Timestamp::now();
    match args.what {
        What::List { state, sink, limit, form } => {
            let letters =
                outbox::list(state_dir, &Filter { state: state.state(), sink, most: limit }).map_err(failure)?;
            if form.json { print(out, &list_json(&letters, form)) } else { print(out, &table(&letters, form, now)) }
        }
        What::Show { id, form } => {
            let found = outbox::show(state_dir, DeliveryId(id)).map_err(failure)?;
            let (letter, attempts) = found.ok_or_else(|| unknown(id))?;
            print(
                out,
                &if form.json { whole_json(&letter, &attempts, form) } else { page(&letter, &attempts, form, now) },
            )
        }
        What::Retry { id: Some(id), .. } => {
            let retried = outbox::retry(state_dir, &Which::One(DeliveryId(id))).map_err(failure)?;
            if retried == 0 { Err(refused(state_dir, id)) } else { print(out, &format!("{id} is tried again\n")) }
        }
        What::Retry { id: None, sink, .. } => {
            let retried = outbox::retry(state_dir, &Which::Dead(sink)).map_err(failure)?;
            print(out, &format!("{retried} dead letters are tried again\n"))
        }
        What::Drop { id } => {
            let dropped = outbox::drop_one(state_dir, DeliveryId(id), now).map_err(failure)?;
            if dropped { print(out, &format!("{id} is dropped\n")) } else { Err(refused(state_dir, id)) }
        }
    }
}

pub(super) fn failure(error: AdminError) -> Failure {
    match error {
        AdminError::Denied(_) => Failure::permission(error),
        AdminError::Missing(_) | AdminError::Version { .. } | AdminError::Foreign(_) | AdminError::Store(_) => {
            Failure::unavailable(error)
        }
    }
}

fn unknown(id: i64) -> Failure {
    Failure::data(anyhow!("there is no delivery {id}: `poprelay outbox list` shows what there is"))
}

/// Why nothing was done to a delivery.
fn refused(dir: &Path, id: i64) -> Failure {
    match outbox::show(dir, DeliveryId(id)) {
        Ok(Some((letter, _))) => Failure::data(anyhow!("{id} is {} already", state(&letter))),
        Ok(None) => unknown(id),
        Err(error) => failure(error),
    }
}

fn print(out: &mut impl Write, text: &str) -> Outcome {
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::new(74, error))
}

#[cfg(test)]
mod tests;
