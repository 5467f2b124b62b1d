//! Task that fetches the names of the account's numbers: in frames the name often equals the number.

use super::{
    ConnectionEvent,
    api::{Api, Error},
    lane_task::Accounts,
    wire::Reader,
};
use crate::model::phone::E164;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::sleep};

/// Interval of the queries: names change when an administrator renames a number.
const REFRESH_INTERVAL: Duration = Duration::from_secs(6 * 3600);
/// Wait after a failed query.
const RETRY_DELAY: Duration = Duration::from_secs(600);

/// Task that emits [`ConnectionEvent::NumberNames`].
pub(super) struct NumberNamesTask {
    pub(super) api: Api,
    pub(super) accounts: Arc<Accounts>,
    pub(super) context: Reader,
    pub(super) events: mpsc::Sender<ConnectionEvent>,
}

impl NumberNamesTask {
    /// Fetches the names now and every six hours, until GoTo answers 403.
    pub(super) async fn run(self) {
        loop {
            let connection = &self.context.connection;
            match self.fetch().await {
                Ok(names) => {
                    let numbers = names.len();
                    // The receiver closes only at shutdown.
                    let _ = self.events.send(ConnectionEvent::NumberNames(names)).await;
                    tracing::debug!(%connection, numbers, "names of numbers fetched");
                    sleep(REFRESH_INTERVAL).await;
                }
                Err(Error::Status { status: 403, .. }) => {
                    tracing::warn!(%connection, "names of numbers not granted, scope voice-admin.v1.read is missing");
                    return;
                }
                Err(error) => {
                    tracing::debug!(%connection, %error, "names of numbers not fetched");
                    sleep(RETRY_DELAY).await;
                }
            }
        }
    }

    async fn fetch(&self) -> Result<HashMap<E164, String>, Error> {
        let mut names = HashMap::new();
        for account in self.accounts.get(&self.api).await? {
            let extensions = self.api.extension_names(account).await?;
            for number in self.api.phone_numbers(account, &self.context).await? {
                let routed = || number.routed_to.as_ref().and_then(|id| extensions.get(id).cloned());
                names.extend(number.name.or_else(routed).map(|name| (number.number, name)));
            }
        }
        Ok(names)
    }
}
