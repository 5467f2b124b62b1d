//! Requests for the numbers and the extensions of an account.

use super::{Api, Error};
use crate::{
    goto::wire::{self, AccountPhoneNumber, Reader},
    model::ids::AccountKey,
};
use std::collections::HashMap;

impl Api {
    /// Fetches the numbers of an account.
    pub(in crate::goto) async fn phone_numbers(
        &self,
        account: &AccountKey,
        context: &Reader,
    ) -> Result<Vec<AccountPhoneNumber>, Error> {
        let query = [("accountKey", account.as_str().to_owned())];
        let path = ["voice-admin", "v1", "phone-numbers"];
        self.fetch_pages(&path, &query, |body| wire::phone_numbers(body, context.region)).await
    }

    /// Fetches the names of an account's extensions, by id.
    pub(in crate::goto) async fn extension_names(
        &self,
        account: &AccountKey,
    ) -> Result<HashMap<String, String>, Error> {
        let query = [("accountKey", account.as_str().to_owned())];
        let names = self.fetch_pages(&["voice-admin", "v1", "extensions"], &query, wire::extension_names).await?;
        Ok(names.into_iter().collect())
    }
}
