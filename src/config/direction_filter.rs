//! Selects the calls of a connection to report by direction: inbound, outbound, internal. Pure. Other calls are still
//! recorded: the history needs calls back.

use crate::model::call::CallDirection;

/// Directions reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectionFilter {
    /// Calls from outside.
    pub inbound: bool,
    /// Calls to outside.
    pub outbound: bool,
    /// Calls between colleagues.
    pub internal: bool,
}

impl Default for DirectionFilter {
    /// Returns the filter that accepts inbound calls only.
    fn default() -> Self {
        Self { inbound: true, outbound: false, internal: false }
    }
}

impl DirectionFilter {
    /// Parses the config: directions by name, and whether internal calls are reported.
    ///
    /// # Errors
    /// An unknown direction, with the expected ones.
    pub fn read(named: &[String], internal: bool) -> Result<Self, String> {
        let has = |direction: CallDirection| named.iter().any(|name| name == direction.as_str());
        if has(CallDirection::Internal) {
            return Err("internal is no direction. Set internal = true to report calls between colleagues".to_owned());
        }
        if let Some(unknown) = named.iter().find(|name| !["inbound", "outbound"].contains(&name.as_str())) {
            let unknown: String = unknown.chars().take(40).collect();
            return Err(format!("unknown direction {unknown:?}, expected a list of \"inbound\", \"outbound\""));
        }
        Ok(Self { inbound: has(CallDirection::Inbound), outbound: has(CallDirection::Outbound), internal })
    }

    /// Returns whether calls of this direction are reported.
    #[must_use]
    pub const fn allows(self, direction: CallDirection) -> bool {
        match direction {
            CallDirection::Inbound => self.inbound,
            CallDirection::Outbound => self.outbound,
            CallDirection::Internal => self.internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_direction_error_lists_the_expected_ones() {
        let read = |names: &[&str]| {
            DirectionFilter::read(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), false)
        };
        assert_eq!(read(&["inbound"]), Ok(DirectionFilter::default()));
        assert_eq!(read(&["outbound", "inbound"]).map(|read| read.outbound), Ok(true));
        assert_eq!(read(&[]).map(|read| read.inbound), Ok(false), "no direction is allowed");
        assert!(read(&["outward"]).unwrap_err().contains("\"outward\", expected a list"));
        assert!(read(&["internal"]).unwrap_err().contains("internal = true"));
    }

    #[test]
    fn filter_allows_only_inbound_calls_by_default() {
        let directions = [CallDirection::Inbound, CallDirection::Outbound, CallDirection::Internal];
        assert_eq!(directions.map(|direction| DirectionFilter::default().allows(direction)), [true, false, false]);
        let chosen = DirectionFilter { inbound: false, outbound: true, internal: true };
        assert_eq!(directions.map(|direction| chosen.allows(direction)), [false, true, true]);
    }
}
