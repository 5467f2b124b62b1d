//! Reloads changed contacts and holiday files of the current settings. `enrich` detects file changes; `route` parses
//! calendars.

use crate::{
    config::read_holiday_file,
    daemon::pipeline::Pipeline,
    enrich::WatchedFile,
    route::{CalendarWarning, Holidays},
};
use std::{convert::Infallible, path::Path, sync::Arc};
use tokio::time::timeout;

/// Reloads changed contacts files of the current settings, forever.
pub async fn watch_contacts(pipeline: Arc<Pipeline>) -> Infallible {
    let mut settings = pipeline.settings.subscribe();
    loop {
        let enricher = Arc::clone(&settings.borrow_and_update().enricher);
        let replaced = async {
            drop(settings.wait_for(|settings| !Arc::ptr_eq(&settings.enricher, &enricher)).await);
        };
        tokio::select! {
            never = enricher.watch_files() => match never {},
            () = replaced => {}
        }
    }
}

/// Reloads changed holiday files of the current settings, forever. A changed file is applied whole or not at all.
pub async fn watch_holidays(pipeline: Arc<Pipeline>) -> Infallible {
    let mut settings = pipeline.settings.subscribe();
    let mut files = Vec::new();
    loop {
        let current = Arc::clone(&settings.borrow_and_update());
        files = follow(files, current.routes.schedules().holiday_files());
        if timeout(WatchedFile::POLL_INTERVAL, settings.changed()).await.is_ok() {
            continue;
        }
        for file in &mut files {
            reload_holidays(&pipeline, file).await;
        }
    }
}

/// Returns the watched files of new settings. A file watched before keeps its version: a change between the read of
/// the reload and this call is still found.
fn follow<'a>(mut watched: Vec<WatchedFile>, paths: impl Iterator<Item = &'a Path>) -> Vec<WatchedFile> {
    let mut find = |path: &Path| {
        let at = watched.iter().position(|file| file.path() == path);
        at.map_or_else(|| WatchedFile::new(path), |at| watched.swap_remove(at))
    };
    paths.map(&mut find).collect()
}

async fn reload_holidays(pipeline: &Pipeline, file: &mut WatchedFile) {
    let mut seen = file.clone();
    let read = match tokio::task::spawn_blocking(move || (poll(&mut seen), seen)).await {
        Ok((read, seen)) => {
            *file = seen;
            read
        }
        Err(error) => {
            return tracing::error!(path = %file.path().display(), %error, "holiday file reader panicked");
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
            pipeline.settings.modify(|settings| settings.with_holidays(path, holidays));
            tracing::info!(path = %path.display(), days, left_out, "holidays reloaded");
        }
    }
}

/// Returns the holidays of a changed and settled file. A file without a readable day counts as incomplete.
fn poll(file: &mut WatchedFile) -> Option<Result<(Holidays, Vec<CalendarWarning>), String>> {
    if !file.poll() {
        return None;
    }
    let read = read_holiday_file(file.path());
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
        daemon::settings::Settings,
        enrich::Enricher,
        model::time::Timestamp,
        outbox,
        route::{Routes, Schedule, ScheduleState, Schedules, WeeklyHours},
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
        let (outbox, _) = outbox::open(outbox::OutboxSettings::for_test(dir.path()), Timestamp::now()).unwrap();
        let pipeline = Arc::new(Pipeline::for_test(outbox, daemon_settings(&path), dir.path()));
        let state = || {
            let noon = "2026-11-23T12:00:00Z".parse().unwrap();
            pipeline.settings.load().routes.schedules().by_name["office"].state_at(noon)
        };
        let watcher = tokio::spawn(watch_holidays(Arc::clone(&pipeline)));
        assert_eq!(state(), ScheduleState::Open);
        // The watcher must have read the file first.
        tokio::task::yield_now().await;
        fs::write(&path, calendar("20261123")).unwrap();
        let closed = async || {
            while state() == ScheduleState::Open {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), closed()).await.expect("the holiday is applied");
        assert_eq!(state(), ScheduleState::Holiday("Our day".into()));

        // After a reload the watcher follows the files of the new settings.
        let other = dir.path().join("other.ics");
        fs::write(&other, EMPTY).unwrap();
        pipeline.settings.store(daemon_settings(&other));
        assert_eq!(state(), ScheduleState::Open);
        tokio::task::yield_now().await;
        fs::write(&other, calendar("20261123")).unwrap();
        tokio::time::timeout(Duration::from_secs(60), closed()).await.expect("the other file's holiday is applied");
        watcher.abort();
    }

    #[test]
    fn file_watched_before_a_reload_keeps_its_version() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("days.ics"), dir.path().join("other.ics"));
        fs::write(&path, EMPTY).unwrap();
        let watched = vec![WatchedFile::new(&path)];
        fs::write(&path, calendar("20261123")).unwrap();
        let mut files = follow(watched, [path.as_path(), other.as_path()].into_iter());
        assert!(!files[0].poll() && files[0].poll(), "the change is still found");
        assert!(!files[1].poll() && !files[1].poll());
    }
}
