//! The `[network]` and `[numbers]` tables, and base URLs.

use super::{Validator, schema::NetworkTable, urls};
use crate::{
    model::phone::{E164, PhoneNumber, Region},
    runtime::http::{HttpProxy, HttpSettings, read_ca},
};
use url::Url;

impl Validator<'_> {
    pub(super) fn network(&mut self, table: NetworkTable) -> HttpSettings {
        let text = table.proxy.and_then(|proxy| self.secret("network.proxy", &proxy));
        let proxy = text.and_then(|text| {
            HttpProxy::parse(text.expose()).map_err(|reason| self.error("network.proxy", reason)).ok()
        });
        if let Some(Err(error)) = table.ca.as_deref().map(read_ca) {
            self.error("network.ca", error.to_string());
        }
        HttpSettings { proxy, ca: table.ca, ..HttpSettings::default() }
    }

    pub(super) fn number_name(&mut self, number: &str, name: &str) -> Option<(E164, String)> {
        let key = format!("numbers.{number}");
        let number = number.starts_with('+').then(|| PhoneNumber::parse(Some(number), Region::US));
        let Some(number) = number.as_ref().and_then(PhoneNumber::as_e164) else {
            self.error(&key, "expected a number with its country code, such as \"+16135550100\"");
            return None;
        };
        if name.trim().is_empty() {
            self.error(&key, "the name is empty");
            return None;
        }
        Some((number.clone(), name.trim().to_owned()))
    }

    pub(super) fn base_url(&mut self, key: &str, text: &str) -> Option<Url> {
        urls::parse_base(text).map_err(|text| self.error(key, text)).ok()
    }
}
