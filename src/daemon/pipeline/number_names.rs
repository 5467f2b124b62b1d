//! Names of the account's numbers: the config's, else the frame's, else GoTo's. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::model::{call::Call, phone::E164};
use std::collections::HashMap;

/// Sets the name of the number that was called. `configured` are the names of the config, `fetched` those of GoTo.
pub fn name_called_number(call: &mut Call, configured: &HashMap<E164, String>, fetched: &HashMap<E164, String>) {
    let Some(called) = &mut call.account_number else { return };
    let Some(number) = called.number.as_e164() else { return };
    let name = configured.get(number).cloned().or_else(|| called.label.take()).or_else(|| fetched.get(number).cloned());
    called.label = name;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{AccountNumber, Caller},
        phone::{PhoneNumber, Region},
        time::Timestamp,
    };

    fn named(label: Option<&str>, configured: &[&str], fetched: &[&str]) -> Option<String> {
        let number = PhoneNumber::parse(Some("+16135550100"), Region::US);
        let names =
            |names: &[&str]| names.iter().map(|name| (number.as_e164().unwrap().clone(), (*name).to_owned())).collect();
        let mut call = Call::new(
            "a".try_into().unwrap(),
            "main".try_into().unwrap(),
            "1".try_into().unwrap(),
            Region::US,
            Caller { name: None, number: PhoneNumber::Withheld },
            Timestamp::UNIX_EPOCH,
        );
        call.account_number = Some(AccountNumber { number: number.clone(), label: label.map(str::to_owned) });
        name_called_number(&mut call, &names(configured), &names(fetched));
        call.account_number.unwrap().label
    }

    #[test]
    fn configured_name_precedes_that_of_the_frame_and_of_goto() {
        assert_eq!(named(Some("Frame"), &["Config"], &["GoTo"]).as_deref(), Some("Config"));
        assert_eq!(named(Some("Frame"), &[], &["GoTo"]).as_deref(), Some("Frame"));
        assert_eq!(named(None, &[], &["GoTo"]).as_deref(), Some("GoTo"));
        assert_eq!(named(None, &[], &[]), None);
    }
}
