//! Which calls of a login are told: those that come in, those that go out, those between colleagues. Pure. What is not told
//! is still seen: the history knows that a caller was called back.

use crate::model::call::Bound;

/// Which calls are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directions {
    /// Calls from outside.
    pub inbound: bool,
    /// Calls to outside.
    pub outbound: bool,
    /// Calls between colleagues.
    pub internal: bool,
}

impl Default for Directions {
    /// Calls from outside only.
    fn default() -> Self {
        Self { inbound: true, outbound: false, internal: false }
    }
}

impl Directions {
    /// As the config has it: the ways with the outside by name, and whether calls between colleagues are told.
    ///
    /// # Errors
    /// What was expected, if a name is none.
    pub fn read(named: &[String], internal: bool) -> Result<Self, String> {
        let has = |bound: Bound| named.iter().any(|name| name == bound.as_str());
        if has(Bound::Internal) {
            return Err("calls between colleagues are told with internal = true".to_owned());
        }
        if let Some(odd) = named.iter().find(|name| !["inbound", "outbound"].contains(&name.as_str())) {
            let odd: String = odd.chars().take(40).collect();
            return Err(format!("no such direction: {odd:?}, expected a list of \"inbound\", \"outbound\""));
        }
        Ok(Self { inbound: has(Bound::Inbound), outbound: has(Bound::Outbound), internal })
    }

    /// Whether a call that goes this way is told.
    #[must_use]
    pub const fn tell(self, bound: Bound) -> bool {
        match bound {
            Bound::Inbound => self.inbound,
            Bound::Outbound => self.outbound,
            Bound::Internal => self.internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_that_is_none_is_an_error_that_says_what_is_one() {
        let read =
            |names: &[&str]| Directions::read(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), false);
        assert_eq!(read(&["inbound"]), Ok(Directions::default()));
        assert_eq!(read(&["outbound", "inbound"]).map(|read| read.outbound), Ok(true));
        assert_eq!(read(&[]).map(|read| read.inbound), Ok(false), "nothing is told of a login that is only looked at");
        assert!(read(&["outward"]).unwrap_err().contains("\"outward\", expected a list"));
        assert!(read(&["internal"]).unwrap_err().contains("internal = true"));
    }

    #[test]
    fn only_calls_from_outside_are_told_unless_chosen_otherwise() {
        let ways = [Bound::Inbound, Bound::Outbound, Bound::Internal];
        assert_eq!(ways.map(|way| Directions::default().tell(way)), [true, false, false]);
        let chosen = Directions { inbound: false, outbound: true, internal: true };
        assert_eq!(ways.map(|way| chosen.tell(way)), [false, true, true]);
    }
}
