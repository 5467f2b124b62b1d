//! Requests for mailboxes and their messages.

use super::{Api, Error};
use crate::{
    goto::wire::{self, VoicemailMessage},
    model::{ids::AccountKey, phone::Region},
};
use reqwest::Method;

impl Api {
    /// Fetches the mailbox ids of an extension.
    pub(in crate::goto) async fn mailboxes(&self, account: &AccountKey, extension: &str) -> Result<Vec<String>, Error> {
        let query = [("accountKey", account.as_str()), ("extensionNumber", extension)];
        let body = self.request(Method::GET, &["voicemail", "v1", "voicemailboxes"], &query, None).await?;
        wire::boxes(&body).map_err(|_| Error::Garbled)
    }

    /// Fetches the 50 newest unheard messages of a mailbox.
    pub(in crate::goto) async fn messages(
        &self,
        mailbox: &str,
        region: Region,
    ) -> Result<Vec<VoicemailMessage>, Error> {
        let path = ["voicemail", "v1", "voicemailboxes", mailbox, "voicemails"];
        let query = [("page", "0"), ("pageSize", "50"), ("status", "NEW")];
        let body = self.request(Method::GET, &path, &query, None).await?;
        wire::messages(&body, region).map_err(|_| Error::Garbled)
    }
}
