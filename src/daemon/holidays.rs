//! Holiday files: reads one, and puts those that changed while the daemon runs in the old ones' place, in the book that is
//! valid. What a calendar means is decided by `route`; when a file has changed, by `enrich`, as of contacts files.

use super::rooms::Rooms;
use crate::{
    enrich::Followed,
    route::{Holidays, Oddity},
};
use std::{convert::Infallible, fs::File, io::Read as _, path::Path, sync::Arc};
use tokio::time::sleep;

/// Largest holiday file: national holidays of ten years are some 60 KB.
const LARGEST: u64 = 1024 * 1024;

/// The holidays of a file with what in it does not count, or why none of it does. Blocks.
///
/// # Errors
/// A file that cannot be read, is larger than 1 MiB or no calendar.
pub fn read(path: &Path) -> Result<(Holidays, Vec<Oddity>), String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size <= LARGEST) {
        Holidays::read(&String::from_utf8_lossy(&bytes)).map_err(|error| error.to_string())
    } else {
        Err("larger than 1 MiB".to_owned())
    }
}

/// Follows the holiday files of the book that is valid now, for good: a changed one is taken whole or not at all. Without
/// such files it only waits.
pub async fn follow(rooms: Arc<Rooms>) -> Infallible {
    let enricher = Arc::clone(&rooms.book.open().enricher);
    let mut files: Vec<Followed> = rooms.book.open().routes.schedules().files().map(Followed::since_now).collect();
    loop {
        sleep(Followed::LOOK).await;
        for file in &mut files {
            let mut seen = file.clone();
            let looked = tokio::task::spawn_blocking(move || (look(&mut seen), seen)).await;
            let read = match looked {
                Ok((read, seen)) => {
                    *file = seen;
                    read
                }
                Err(error) => {
                    tracing::error!(path = %file.path().display(), %error, "holiday file broke its reader");
                    continue;
                }
            };
            let path = file.path();
            match read {
                None => {}
                Some(Err(error)) => {
                    tracing::warn!(path = %path.display(), error, "holiday file is not taken, what was known stays known");
                }
                Some(Ok((holidays, odd))) => {
                    let (days, left_out) = (holidays.len(), odd.len());
                    let is_taken = rooms.book.revise(|book| {
                        // A reload has put another book there, whose files have a follower of their own.
                        let is_mine = Arc::ptr_eq(&book.enricher, &enricher);
                        is_mine.then(|| book.with_holidays(path, holidays))
                    });
                    if is_taken {
                        tracing::info!(path = %path.display(), days, left_out, "holidays read");
                    }
                }
            }
        }
    }
}

/// A file's holidays if it has changed and settled; one in which no day can be read is half a file.
fn look(file: &mut Followed) -> Option<Result<(Holidays, Vec<Oddity>), String>> {
    if !file.has_changed() {
        return None;
    }
    let read = read(file.path());
    let whole = read.and_then(|read| match (read.0.is_empty(), file.is_as_seen()) {
        (_, false) => Err("it changed while it was read".to_owned()),
        (true, true) => Err("no event in it can be read".to_owned()),
        (false, true) => Ok(read),
    });
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        daemon::{
            book::{Book, Lectern},
            record::Recorder,
            status::Board,
        },
        enrich::Enricher,
        model::{pulse::Pulses, time::Timestamp},
        outbox,
        route::{Hours, Routes, Schedules, Standing, Week},
    };
    use jiff::tz::TimeZone;
    use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

    const NONE: &str = "BEGIN:VCALENDAR\nEND:VCALENDAR\n";

    fn calendar(day: &str) -> String {
        format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:{day}\nSUMMARY:Our day\nEND:VEVENT\nEND:VCALENDAR\n")
    }

    #[test]
    fn a_changed_file_is_taken_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("days.ics");
        fs::write(&path, NONE).unwrap();
        let mut file = Followed::since_now(&path);
        assert!(look(&mut file).is_none());
        fs::write(&path, calendar("20261123")).unwrap();
        assert!(look(&mut file).is_none(), "it is let settle");
        assert_eq!(look(&mut file).unwrap().unwrap().0.len(), 1);
        for (bad, why) in [(NONE, "no event in it"), ("Closed on Mondays, and on the day after", "no iCalendar file")] {
            fs::write(&path, bad).unwrap();
            assert!(look(&mut file).is_none());
            assert!(look(&mut file).unwrap().unwrap_err().contains(why));
            assert!(look(&mut file).is_none(), "a bad file is complained of once");
        }
        fs::remove_file(&path).unwrap();
        assert!(look(&mut file).is_none() && look(&mut file).unwrap().is_err());
    }

    fn book(path: &Path) -> Book {
        let holidays = BTreeMap::from([(PathBuf::from(path), Arc::default())]);
        let mut week = Week::default();
        week.say("mon-sun", &vec!["00:00-24:00".to_owned()].into()).unwrap();
        let hours = BTreeMap::from([("office".to_owned(), Hours { zone: TimeZone::UTC, week, holidays })]);
        let routes = Routes::default().with_schedules(Schedules { zone: TimeZone::UTC, hours });
        Book { enricher: Arc::new(Enricher::default()), routes, ..Book::default() }
    }

    #[tokio::test]
    async fn a_holiday_that_is_written_while_the_daemon_runs_closes_the_office_until_a_reload() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("days.ics");
        fs::write(&path, NONE).unwrap();
        let (durability, retention) = (outbox::Durability::Crash, outbox::Retention::default());
        let settings = outbox::Settings { dir: dir.path().to_owned(), durability, retention };
        let (outbox, _) = outbox::open(settings, Timestamp::now()).unwrap();
        let (lectern, recorder) = (Lectern::new(book(&path)), Recorder::new(dir.path()));
        let rooms = Rooms { outbox, book: lectern, recorder, board: Board::default(), pulses: Pulses::default() };
        let rooms = Arc::new(rooms);
        let standing = || {
            let noon = "2026-11-23T12:00:00Z".parse().unwrap();
            rooms.book.open().routes.schedules().hours["office"].at(noon)
        };
        let follower = tokio::spawn(follow(Arc::clone(&rooms)));
        assert_eq!(standing(), Standing::Open);
        // Not before the follower has seen the file as it is.
        tokio::task::yield_now().await;
        fs::write(&path, calendar("20261123")).unwrap();
        let closed = async {
            while standing() == Standing::Open {
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), closed).await.expect("the holiday is seen");
        assert_eq!(standing(), Standing::Holiday("Our day".into()));
        follower.abort();
        let enricher = Arc::clone(&rooms.book.open().enricher);
        rooms.book.replace(book(&path));
        let is_mine = |book: &Book| Arc::ptr_eq(&book.enricher, &enricher);
        assert!(!rooms.book.revise(|book| is_mine(book).then(|| book.clone())), "a reload has a follower of its own");
    }
}
