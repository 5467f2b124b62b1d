//! `poprelay status`: how the daemon, its logins and its sinks stand, read from the state directory: for a person, or for
//! a check that wants an exit code. What is well is said shortly, what is not with what to do.

use super::{Failure, Outcome, outbox::failure};
use crate::{
    daemon::{
        config::{self, Config},
        state,
    },
    goto::{
        token::GRANT_DAYS,
        token_file::{self, Kept},
    },
    model::time::{Timestamp, elapsed},
    outbox::{self, AdminError, Overview, Standing},
};
use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};
use std::{io::Write, time::Duration};

/// A login that was not heard for this long is deaf: the same 2 minutes after which the daemon says so itself.
const DEAF: Duration = Duration::from_secs(120);

/// How to say it.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// For scripts
    #[arg(long)]
    json: bool,
}

/// What was found.
struct Found {
    running: bool,
    logins: Vec<Login>,
    sinks: Vec<(String, Standing)>,
}

/// How one login stands.
struct Login {
    name: String,
    heard: Option<Timestamp>,
    /// The token, or why there is none that could be used.
    token: Result<Kept, String>,
}

/// Says how things stand.
///
/// # Errors
/// 69 if no daemon runs or a login is deaf, after saying so; 77 if the state may not be read; 74 if `out` is gone.
pub fn run(args: &StatusArgs, config: &Config, out: &mut impl Write) -> Outcome {
    let found = find(config)?;
    let now = Timestamp::now();
    let text = if args.json { format!("{:#}\n", found.json()) } else { found.text(now) };
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::new(74, error))?;
    match found.trouble(now) {
        Some(trouble) => Err(Failure::unavailable(anyhow!(trouble))),
        None => Ok(()),
    }
}

fn find(config: &Config) -> Result<Found, Failure> {
    let dir = &config.state_dir;
    let running = state::is_taken(dir).map_err(|error| {
        Failure::permission(anyhow!("{}: {error}; run this as root or as the daemon's user", dir.display()))
    })?;
    let overview = match outbox::overview(dir) {
        Ok(overview) => overview,
        // Before the first start there is nothing to see, and that is no fault.
        Err(AdminError::Missing(_)) => Overview::default(),
        Err(error) => return Err(failure(error)),
    };
    let login = |connection: &config::ConnectionConfig| Login {
        name: connection.name.to_string(),
        heard: overview.heard.get(connection.name.as_str()).copied(),
        token: token_file::read(&config::token_file(dir, &connection.name)).map_err(|error| error.to_string()),
    };
    let logins = config.connections.iter().map(login).collect();
    let mut sinks = overview.sinks;
    for sink in &config.sinks {
        sinks.entry(sink.name.to_string()).or_default();
    }
    Ok(Found { running, logins, sinks: sinks.into_iter().collect() })
}

impl Found {
    fn trouble(&self, now: Timestamp) -> Option<String> {
        if !self.running {
            return Some("no daemon runs with this state directory: systemctl start poprelay".to_owned());
        }
        let deaf = self.logins.iter().find(|login| login.is_deaf(now))?;
        Some(format!("{} hears no calls: journalctl -u poprelay -p warning", deaf.name))
    }

    fn text(&self, now: Timestamp) -> String {
        let mut text = format!("daemon  {}\n", if self.running { "running" } else { "not running" });
        let name = |name: &str| name.chars().filter(|c| !c.is_control()).take(40).collect::<String>();
        for login in &self.logins {
            text.push_str(&format!("login   {}: {}\n", name(&login.name), login.words(now)));
        }
        for (sink, standing) in &self.sinks {
            text.push_str(&format!("sink    {}: {}\n", name(sink), words(standing, now)));
        }
        text
    }

    fn json(&self) -> Value {
        let logins = self.logins.iter().map(|login| {
            json!({
                "name": login.name,
                "heard_up_to": login.heard,
                "token_issued": login.token.as_ref().ok().map(|kept| kept.issued),
                "token_problem": login.token.as_ref().err(),
            })
        });
        let sinks = self.sinks.iter().map(|(name, standing)| {
            json!({
                "name": name,
                "waiting": standing.waiting,
                "oldest": standing.oldest,
                "dead": standing.dead,
                "last_delivered": standing.delivered,
                "last_answer": standing.answer,
            })
        });
        json!({
            "running": self.running,
            "logins": logins.collect::<Vec<_>>(),
            "sinks": sinks.collect::<Vec<_>>(),
        })
    }
}

impl Login {
    fn is_deaf(&self, now: Timestamp) -> bool {
        self.heard.is_none_or(|heard| elapsed(heard, now) > DEAF)
    }

    fn words(&self, now: Timestamp) -> String {
        let heard = match self.heard {
            None => "never heard yet".to_owned(),
            Some(heard) if self.is_deaf(now) => format!("deaf since {}", ago(heard, now)),
            Some(heard) => format!("heard up to {}", ago(heard, now)),
        };
        let days = |kept: &Kept| GRANT_DAYS.saturating_sub(elapsed(kept.issued, now).as_secs() / 86_400);
        match &self.token {
            Ok(kept) => format!("{heard}; logged in, good for {} days without a refresh", days(kept)),
            Err(why) => format!("{heard}; {why} (poprelay login --connection {})", self.name),
        }
    }
}

fn words(standing: &Standing, now: Timestamp) -> String {
    let mut words = vec![match (standing.waiting, standing.oldest) {
        (0, _) => "nothing waits".to_owned(),
        (1, Some(oldest)) => format!("1 card waits, since {}", ago(oldest, now)),
        (waiting, Some(oldest)) => format!("{waiting} cards wait, the oldest since {}", ago(oldest, now)),
        (waiting, None) => format!("{waiting} wait"),
    }];
    if let Some(answer) = &standing.answer {
        let answer: String = answer.chars().map(|c| if c.is_control() { ' ' } else { c }).take(120).collect();
        words.push(format!("last answer: {answer}"));
    }
    match standing.dead {
        0 => {}
        dead => words.push(format!("{dead} given up (poprelay outbox list --state dead)")),
    }
    words.push(standing.delivered.map_or("no card yet".to_owned(), |at| format!("last card {}", ago(at, now))));
    words.join("; ")
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    match elapsed(at, now).as_secs() {
        seconds @ 0..120 => format!("{seconds} s ago"),
        seconds @ 120..7_200 => format!("{} min ago", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h ago", seconds / 3_600),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
