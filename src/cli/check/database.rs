//! The leg of the shared database in `check --online`: login, TLS, privileges, version of the tables, clock. Changes nothing.

use super::leg::CheckedLeg;
use crate::outbox::{self, SharedDatabase, SharedReport};
use std::time::Duration;

/// Difference of the clocks that is reported. Claims of sinks use the database's clock; retries and times on cards do not.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(30);

pub(super) async fn leg(database: SharedDatabase) -> CheckedLeg {
    let name = format!("database {}", database.server.place());
    let tls = database.server.describe_tls();
    let inspected = tokio::task::spawn_blocking(move || outbox::inspect(&database)).await;
    let result = match inspected {
        Ok(Ok(report)) => describe(&report, tls),
        Ok(Err(error)) => {
            let code = error.code.map_or_else(String::new, |code| format!(" (SQLSTATE {code})"));
            Err(format!("{}{code}. {}", error.fault, error.fault.advice()))
        }
        Err(error) => Err(error.to_string()),
    };
    CheckedLeg { name, result }
}

fn describe(report: &SharedReport, tls: &str) -> Result<String, String> {
    if let Some(problem) = report.problem() {
        return Err(problem);
    }
    if report.clock_difference > MAX_CLOCK_DIFFERENCE {
        return Err(format!(
            "the clocks of the database and of this machine differ by {} s. Synchronize both with NTP (timedatectl): \
             retries and times on cards would be wrong.",
            report.clock_difference.as_secs()
        ));
    }
    let tables = if report.version.is_some() { "tables are ready" } else { "the daemon creates the tables" };
    Ok(format!("PostgreSQL {}, {tls}; {tables}", report.server_version / 10_000))
}
