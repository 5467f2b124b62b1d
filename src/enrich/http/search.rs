//! One look-up of a number: sends the searches and the second request, and joins their matches to contacts. Does not decide
//! about retries, the cache or the deadline.

use super::{
    Inner,
    request::{RequestTemplate, SourceError},
    response::{ResponseMapping, record_values},
};
use crate::model::{card::Contact, phone::E164, secret::Secret};
use futures_util::future::join_all;
use serde_json::Value;

impl Inner {
    /// Runs all searches in parallel. Matches of one search count even if another one fails.
    pub(super) async fn search(&self, number: &E164) -> Result<Vec<Contact>, SourceError> {
        let requests = self.requests();
        let bearer = self.bearer(&requests).await?;
        let searches = requests.searches.iter().map(|search| self.run_search(search, bearer.as_ref(), number));
        let (mut found, mut failure): (Vec<(Contact, Value)>, _) = (Vec::new(), None);
        for answer in join_all(searches).await {
            match answer {
                Ok(matches) => {
                    for one in matches {
                        if !found.iter().any(|(contact, _)| *contact == one.0) {
                            found.push(one);
                        }
                    }
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if let (true, Some(failure)) = (found.is_empty(), failure) {
            return Err(failure);
        }
        if let (Some((request, mapping)), [(person, record)]) = (&requests.then, found.as_mut_slice()) {
            self.query_details(request, mapping, bearer.as_ref(), record, person).await;
        }
        let mut people: Vec<Contact> = found.into_iter().map(|(contact, _)| contact).collect();
        for person in &mut people {
            person.facts.sort_by_key(|fact| self.order.iter().position(|it| *it == fact.label).unwrap_or(usize::MAX));
        }
        Ok(people)
    }

    async fn run_search(
        &self,
        (request, mapping): &(RequestTemplate, ResponseMapping),
        bearer: Option<&Secret>,
        number: &E164,
    ) -> Result<Vec<(Contact, Value)>, SourceError> {
        let response = request.send(&self.http, bearer, &number_values(number)).await?;
        let Some(response) = response else { return Ok(Vec::new()) };
        let mut records = mapping.records(&response).map_err(SourceError::NoResults)?;
        records.retain(|record| mapping.matches_number(record, number, self.region));
        let with_contact = |record: &Value| Some((mapping.contact(record, &self.name)?, record.clone()));
        Ok(records.into_iter().filter_map(with_contact).collect())
    }

    /// Sends the second request. On a failure the facts of the first stay.
    async fn query_details(
        &self,
        request: &RequestTemplate,
        mapping: &ResponseMapping,
        bearer: Option<&Secret>,
        record: &Value,
        person: &mut Contact,
    ) {
        let response = match request.send(&self.http, bearer, &record_values(record)).await {
            Ok(response) => response.unwrap_or_default(),
            Err(error) => return tracing::debug!(source = self.name, %error, "second request failed"),
        };
        let found = mapping.records(&response).ok().and_then(|it| mapping.contact(it.first()?, &self.name));
        let Some(mut more) = found else { return };
        person.company = person.company.take().or(more.company);
        person.tier = person.tier.take().or(more.tier);
        person.owner = person.owner.take().or(more.owner);
        person.notes = person.notes.take().or(more.notes);
        person.link = person.link.take().or(more.link);
        person.tags.append(&mut more.tags);
        person.facts.append(&mut more.facts);
    }
}

/// Returns the values of a search: its number as E.164, its digits, and its national digits.
fn number_values(number: &E164) -> minijinja::Value {
    minijinja::context! {
        number => number.expose(),
        digits => number.expose().trim_start_matches('+'),
        national => number.national_digits(),
    }
}
