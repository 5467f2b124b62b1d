//! Reads holiday files, and swaps changed ones into the current settings. `route` parses calendars; `enrich` detects
//! file changes.

use super::pipeline::Pipeline;
use crate::{
    enrich::WatchedFile,
    route::{CalendarWarning, Holidays},
};
use std::{convert::Infallible, fs::File, io::Read as _, path::Path, sync::Arc};
use tokio::time::sleep;

/// Largest holiday file: national holidays of ten years are about 60 KB.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Reads a file's holidays with warnings about unusable entries. Blocks.
///
/// # Errors
/// The file cannot be read, is larger than 1 MiB or no calendar.
pub fn read(path: &Path) -> Result<(Holidays, Vec<CalendarWarning>), String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(MAX_FILE_BYTES.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size <= MAX_FILE_BYTES) {
        Holidays::parse(&String::from_utf8_lossy(&bytes)).map_err(|error| error.to_string())
    } else {
        Err("larger than 1 MiB".to_owned())
    }
}

/// Watches the holiday files of the current settings, forever. A changed file is applied whole or not at all.
pub async fn watch(pipeline: Arc<Pipeline>) -> Infallible {
    let enricher = Arc::clone(&pipeline.settings.load().enricher);
    let mut files: Vec<WatchedFile> =
        pipeline.settings.load().routes.schedules().holiday_files().map(WatchedFile::new).collect();
    loop {
        sleep(WatchedFile::POLL_INTERVAL).await;
        for file in &mut files {
            let mut seen = file.clone();
            let polled = tokio::task::spawn_blocking(move || (poll(&mut seen), seen)).await;
            let read = match polled {
                Ok((read, seen)) => {
                    *file = seen;
                    read
                }
                Err(error) => {
                    tracing::error!(path = %file.path().display(), %error, "holiday file reader panicked");
                    continue;
                }
            };
            let path = file.path();
            match read {
                None => {}
                Some(Err(error)) => {
                    tracing::warn!(path = %path.display(), error, "holiday file reload failed, previous holidays kept");
                }
                Some(Ok((holidays, warnings))) => {
                    let (days, left_out) = (holidays.len(), warnings.len());
                    let is_applied = pipeline.settings.rcu(|settings| {
                        // A reload has replaced the settings; another watcher covers their files.
                        let is_current = Arc::ptr_eq(&settings.enricher, &enricher);
                        is_current.then(|| settings.with_holidays(path, holidays))
                    });
                    if is_applied {
                        tracing::info!(path = %path.display(), days, left_out, "holidays reloaded");
                    }
                }
            }
        }
    }
}

/// Returns the holidays of a changed and settled file. A file without a readable day counts as incomplete.
fn poll(file: &mut WatchedFile) -> Option<Result<(Holidays, Vec<CalendarWarning>), String>> {
    if !file.poll() {
        return None;
    }
    let read = read(file.path());
    let complete = read.and_then(|read| match (read.0.is_empty(), file.is_unchanged()) {
        (_, false) => Err("file changed while being read".to_owned()),
        (true, true) => Err("no readable event in the file".to_owned()),
        (false, true) => Ok(read),
    });
    Some(complete)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        daemon::{
            recording::Recorder,
            settings::{Settings, SharedSettings},
            status::SharedStatus,
        },
        enrich::Enricher,
        model::time::Timestamp,
        outbox,
        route::{Routes, Schedule, ScheduleState, Schedules, WeeklyHours},
        runtime::watchdog::TaskMonitor,
    };
    use jiff::tz::TimeZone;
    use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

    const EMPTY: &str = "BEGIN:VCALENDAR\nEND:VCALENDAR\n";

    fn calendar(day: &str) -> String {
        format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:{day}\nSUMMARY:Our day\nEND:VEVENT\nEND:VCALENDAR\n")
    }

    #[test]
    fn changed_file_is_read_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("days.ics");
        fs::write(&path, EMPTY).unwrap();
        let mut file = WatchedFile::new(&path);
        assert!(poll(&mut file).is_none());
        fs::write(&path, calendar("20261123")).unwrap();
        assert!(poll(&mut file).is_none(), "the file must settle");
        assert_eq!(poll(&mut file).unwrap().unwrap().0.len(), 1);
        for (bad, why) in
            [(EMPTY, "no readable event"), ("Closed on Mondays, and on the day after", "not an iCalendar file")]
        {
            fs::write(&path, bad).unwrap();
            assert!(poll(&mut file).is_none());
            assert!(poll(&mut file).unwrap().unwrap_err().contains(why));
            assert!(poll(&mut file).is_none(), "an invalid file is reported once");
        }
        fs::remove_file(&path).unwrap();
        assert!(poll(&mut file).is_none() && poll(&mut file).unwrap().is_err());
    }

    fn daemon_settings(path: &Path) -> Settings {
        let holidays = BTreeMap::from([(PathBuf::from(path), Arc::default())]);
        let mut week = WeeklyHours::default();
        week.add("mon-sun", &vec!["00:00-24:00".to_owned()].into()).unwrap();
        let hours = BTreeMap::from([("office".to_owned(), Schedule { time_zone: TimeZone::UTC, week, holidays })]);
        let routes = Routes::default().with_schedules(Schedules { time_zone: TimeZone::UTC, by_name: hours });
        Settings { enricher: Arc::new(Enricher::default()), routes, ..Settings::default() }
    }

    #[tokio::test]
    async fn changed_holiday_file_is_applied_to_current_settings() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("days.ics");
        fs::write(&path, EMPTY).unwrap();
        let (durability, retention) = (outbox::Durability::Crash, outbox::Retention::default());
        let settings = outbox::OutboxSettings { dir: dir.path().to_owned(), durability, retention };
        let (outbox, _) = outbox::open(settings, Timestamp::now()).unwrap();
        let (shared, recorder) = (SharedSettings::new(daemon_settings(&path)), Recorder::new(dir.path()));
        let pipeline = Pipeline {
            outbox,
            settings: shared,
            recorder,
            status: SharedStatus::default(),
            tasks: TaskMonitor::default(),
        };
        let pipeline = Arc::new(pipeline);
        let state = || {
            let noon = "2026-11-23T12:00:00Z".parse().unwrap();
            pipeline.settings.load().routes.schedules().by_name["office"].state_at(noon)
        };
        let watcher = tokio::spawn(watch(Arc::clone(&pipeline)));
        assert_eq!(state(), ScheduleState::Open);
        // The watcher must have seen the file first.
        tokio::task::yield_now().await;
        fs::write(&path, calendar("20261123")).unwrap();
        let closed = async {
            while state() == ScheduleState::Open {
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), closed).await.expect("the holiday is applied");
        assert_eq!(state(), ScheduleState::Holiday("Our day".into()));
        watcher.abort();
        let enricher = Arc::clone(&pipeline.settings.load().enricher);
        pipeline.settings.store(daemon_settings(&path));
        let is_current = |settings: &Settings| Arc::ptr_eq(&settings.enricher, &enricher);
        assert!(
            !pipeline.settings.rcu(|settings| is_current(settings).then(|| settings.clone())),
            "a reload has its own watcher"
        );
    }
}
