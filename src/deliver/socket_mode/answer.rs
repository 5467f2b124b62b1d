//! Private answers to a person whose press changed nothing: their words and where they are sent. Slack accepts five answers
//! to a press within 30 minutes.

use super::frame::Reply;
use crate::model::claim::{Claim, ClaimKind, PressResult};
use serde_json::json;
use url::Url;

/// Answer to a button that this version does not know.
pub(super) const UNKNOWN_BUTTON: &str = "This button belongs to another version of poprelay. Nothing was changed.";

/// Hosts of Slack's answer addresses. GovSlack has its own.
const SLACK_HOSTS: [&str; 2] = ["slack.com", "slack-gov.com"];

/// Returns the answer to the person; `None` if the edited message is answer enough.
pub(super) fn text(result: &PressResult) -> Option<String> {
    let person = |claim: &Claim| format!("<@{}>", claim.by.as_str());
    Some(match result {
        PressResult::Applied | PressResult::Repeated => return None,
        PressResult::Taken(claim) if claim.kind == ClaimKind::Done => format!("{} is already done.", person(claim)),
        PressResult::Taken(claim) => format!("{} was faster and calls back.", person(claim)),
        PressResult::NotOwn(claim) => format!("Only {} can undo this.", person(claim)),
        PressResult::TooLate => "Undo is possible within ten minutes only.".to_owned(),
        PressResult::NotOpen => "This call needs no call back any more.".to_owned(),
        PressResult::UnknownCard => "This call is not stored any more. Nothing was changed.".to_owned(),
    })
}

/// Returns the body of an answer that only the person sees.
pub(super) fn body(text: &str) -> String {
    json!({ "response_type": "ephemeral", "replace_original": false, "text": text }).to_string()
}

/// Returns the address for an answer if it is Slack's, or that of the configured Web API: the address comes from outside.
pub(super) fn address(reply: &Reply, api: &Url) -> Option<Url> {
    let url = Url::parse(reply.0.as_ref()?.expose()).ok()?;
    let host = url.host_str()?;
    let is_slack =
        url.scheme() == "https" && SLACK_HOSTS.iter().any(|it| host == *it || host.ends_with(&format!(".{it}")));
    let is_api = url.scheme() == api.scheme()
        && url.host_str() == api.host_str()
        && url.port_or_known_default() == api.port_or_known_default();
    (is_slack || is_api).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::Secret;

    #[test]
    fn address_of_another_host_is_refused() {
        let api = Url::parse("https://slack.com/api/").unwrap();
        let of = |text: &str| address(&Reply(Some(Secret::new(text))), &api).is_some();
        assert!(of("https://hooks.slack.com/actions/T/1/x") && of("https://hooks.slack-gov.com/actions/T/1/x"));
        for text in
            ["https://hooks.slack.com.evil.example/x", "http://hooks.slack.com/x", "https://evilslack.com/x", ""]
        {
            assert!(!of(text), "{text}");
        }
        let api = Url::parse("http://127.0.0.1:8080/api/").unwrap();
        let of = |text: &str| address(&Reply(Some(Secret::new(text))), &api).is_some();
        assert!(of("http://127.0.0.1:8080/x") && !of("http://127.0.0.1:8081/x"));
        assert_eq!(address(&Reply(None), &api), None);
    }
}
