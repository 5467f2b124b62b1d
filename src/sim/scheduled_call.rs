//! A scheduled call: its plan, id, start, and the ids and times that derive from them. Pure.

use super::scenario::{CallPlan, Extension, ScenarioStep};
use jiff::Timestamp;
use std::time::Duration;
use uuid::Uuid;

/// A scheduled call. Its states derive from these fields alone.
#[derive(Debug, Clone)]
pub(super) struct ScheduledCall {
    /// Conversation space id.
    pub(super) id: Uuid,
    /// Start of the call.
    pub(super) started: Timestamp,
    /// Steps of the call.
    pub(super) plan: CallPlan,
}

/// Formats a time as frames have it: milliseconds without trailing zeros.
pub(super) fn live_time(at: Timestamp) -> String {
    match format!("{at:.3}").strip_suffix('Z').map(|text| text.trim_end_matches('0').trim_end_matches('.')) {
        Some(text) => format!("{text}Z"),
        None => String::new(),
    }
}

/// Formats a time as reports have it: three digits of a second, or none.
pub(super) fn report_time(at: Timestamp) -> String {
    format!("{at:.3}").replace(".000Z", "Z")
}

impl ScheduledCall {
    /// Returns the stable id of a part of the call, a name-based UUID.
    pub(super) fn part_id(&self, name: &str) -> String {
        Uuid::new_v5(&self.id, name.as_bytes()).to_string()
    }

    /// Returns the stable leg id of a part of the call. Legs have the form of random UUIDs.
    pub(super) fn leg_id(&self, name: &str) -> String {
        let bytes = Uuid::new_v5(&self.id, format!("leg {name}").as_bytes()).into_bytes();
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// Returns the id of the conversation in which a colleague is consulted.
    pub(super) fn consultation_id(&self) -> Uuid {
        conversation_id(Uuid::new_v5(&self.id, b"consultation").into_bytes())
    }

    /// Converts a time of the plan to real time since the start.
    pub(super) fn scaled(&self, at_ms: u64) -> Duration {
        self.scaled_duration(Duration::from_millis(at_ms))
    }

    /// Converts a duration at speed 1 to the speed of the plan.
    pub(super) fn scaled_duration(&self, duration: Duration) -> Duration {
        let speed = if self.plan.speed.is_finite() { self.plan.speed.max(0.001) } else { 1.0 };
        duration.div_f64(speed)
    }

    /// Returns the clock time at a duration since the start.
    pub(super) fn time_at(&self, after: Duration) -> Timestamp {
        self.started.checked_add(after).unwrap_or(Timestamp::MAX)
    }

    /// Returns the text that a colleague dialed: an extension, or an outside number without the country code.
    pub(super) fn dial_string(&self) -> Option<String> {
        self.plan.maker.as_ref()?;
        self.plan.steps.iter().find_map(|timed| match &timed.step {
            ScenarioStep::Dials { number } => Some(national_number(number)),
            ScenarioStep::Rings { lines } => lines.first().map(|line| line.extension.clone()),
            _ => None,
        })
    }
}

/// Returns the digits of a number: ten in North America, all elsewhere.
pub(super) fn national_number(number: &str) -> String {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix('1').filter(|rest| rest.len() == 10).unwrap_or(&digits).to_owned()
}

/// Returns a conversation space id: a UUID of version 3.
pub(super) fn conversation_id(bytes: [u8; 16]) -> Uuid {
    uuid::Builder::from_md5_bytes(bytes).into_uuid()
}

/// Returns the stable id of a line, number or queue, independent of a call.
pub(super) fn stable_id(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

/// Returns the stable id of the mailbox of an extension.
pub(super) fn mailbox_id(extension: &str) -> String {
    stable_id(&format!("mailbox {extension}"))
}

/// Returns the `userKey` of a line: more digits than a 64-bit float can hold.
pub(super) fn user_key(line: &Extension) -> String {
    let digits: String = line.extension.chars().filter(char::is_ascii_digit).collect();
    format!("98765432109876{digits:0>5}")
}

/// Returns the `userId` of a line.
pub(super) fn user_id(line: &Extension) -> String {
    stable_id(&user_key(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_digits_of_frames_and_of_reports() {
        for (time, live, report) in [
            ("2026-10-05T14:02:11.246Z", "2026-10-05T14:02:11.246Z", "2026-10-05T14:02:11.246Z"),
            ("2026-10-05T14:02:11.57Z", "2026-10-05T14:02:11.57Z", "2026-10-05T14:02:11.570Z"),
            ("2026-10-05T14:02:10Z", "2026-10-05T14:02:10Z", "2026-10-05T14:02:10Z"),
        ] {
            let at = time.parse().unwrap();
            assert_eq!((live_time(at), report_time(at)), (live.to_owned(), report.to_owned()));
        }
    }

    #[test]
    fn national_number_has_ten_digits_in_north_america() {
        assert_eq!(national_number("+15145550199"), "5145550199");
        assert_eq!(national_number("+442079460101"), "442079460101");
    }
}
