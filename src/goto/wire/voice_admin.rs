//! Numbers and extensions of an account: `phone-numbers` and `extensions` of the voice-admin API.

use super::{
    Page, Unreadable, json,
    pick::{field, list, text},
};
use crate::{
    model::phone::{E164, PhoneNumber, Region},
    runtime::json::Value,
};

/// Items that are read from one page, which has 100.
const MAX_ITEMS: usize = 1000;

/// A number of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPhoneNumber {
    /// The number.
    pub number: E164,
    /// Name of the number; `None` if the name repeats the number.
    pub name: Option<String>,
    /// Id of the extension that the number rings.
    pub routed_to: Option<String>,
}

/// Reads a page of numbers and the marker of the next one. Numbers that cannot be read are left out.
///
/// # Errors
/// [`Unreadable`] if the answer is not JSON.
pub fn phone_numbers(body: &[u8], region: Region) -> Result<Page<AccountPhoneNumber>, Unreadable> {
    let read = |item: &Value<'_>| {
        let parse = |text: &str| PhoneNumber::parse(Some(text), region);
        let number = parse(&text(item, "number")?);
        let is_name = |name: &String| parse(name) != number;
        Some(AccountPhoneNumber {
            name: text(item, "name").filter(is_name),
            routed_to: field(item, "routeTo").and_then(|route| text(route, "id")),
            number: number.as_e164()?.clone(),
        })
    };
    json(body, |page| Ok((list(page, "items", MAX_ITEMS).filter_map(read).collect(), text(page, "nextPageMarker"))))
}

/// Reads a page of extensions, id and name, and the marker of the next one.
///
/// # Errors
/// [`Unreadable`] if the answer is not JSON.
pub fn extension_names(body: &[u8]) -> Result<Page<(String, String)>, Unreadable> {
    let read = |item: &Value<'_>| Some((text(item, "id")?, text(item, "name")?));
    json(body, |page| Ok((list(page, "items", MAX_ITEMS).filter_map(read).collect(), text(page, "nextPageMarker"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_equals_the_number_is_no_name() {
        let body = br#"{"items":[
            {"number":"+16135550100","name":"(613) 555-0100","routeTo":{"id":"e-1","type":"EXTENSION"}},
            {"number":"+16135550101","name":"Sales"}, {"number":"x","name":"y"}, 7],"nextPageMarker":"m"}"#;
        let (numbers, next) = phone_numbers(body, Region::US).unwrap();
        let read: Vec<_> =
            numbers.iter().map(|one| (one.number.expose(), one.name.as_deref(), one.routed_to.as_deref())).collect();
        assert_eq!(read, [("+16135550100", None, Some("e-1")), ("+16135550101", Some("Sales"), None)]);
        assert_eq!(next.as_deref(), Some("m"));
        assert!(phone_numbers(b"<html>", Region::US).is_err());
    }

    #[test]
    fn extension_without_a_name_is_left_out() {
        let body = br#"{"items":[{"id":"e-1","name":"Main menu","number":"1000"},{"id":"e-2"},[]]}"#;
        assert_eq!(extension_names(body).unwrap(), (vec![("e-1".to_owned(), "Main menu".to_owned())], None));
    }
}
