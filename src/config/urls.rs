//! Validates URLs and detects the service behind a webhook URL. Messages never quote a URL: a webhook's URL is a
//! secret.

use crate::{config::schema::SinkValue, model::delivery::SinkKind};
use url::{Host, Url};

/// Most bytes in a URL. Workflows URLs of 290 characters were seen, and programs with narrower fields failed on them.
const MAX_URL_BYTES: usize = 2048;

fn parse(text: &str) -> Result<Url, String> {
    if text.len() > MAX_URL_BYTES {
        return Err(format!("URL longer than {MAX_URL_BYTES} bytes"));
    }
    let url = Url::parse(text.trim()).map_err(|_| "expected a URL, as in https://…".to_owned())?;
    if url.host().is_none() {
        return Err("expected a URL with a host, as in https://…".to_owned());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err("plain http is only accepted for localhost, use https".to_owned()),
        _ => Err("expected an https URL".to_owned()),
    }
}

/// Returns whether a URL points at this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Parses the base URL of an API.
pub fn parse_base(text: &str) -> Result<Url, String> {
    let url = parse(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("expected a base URL without query or fragment".to_owned());
    }
    Ok(url)
}

/// Parses the redirect URI of an OAuth client: GoTo accepts plain http on loopback, with port and path.
pub fn parse_redirect(text: &str) -> Result<Url, String> {
    parse(text).map_err(|reason| format!("{reason} (as registered on the OAuth client, letter by letter)"))
}

/// Parses a webhook URL and returns its service, with warnings.
pub fn parse_webhook(kind: SinkValue, text: &str) -> Result<(SinkKind, Vec<&'static str>), String> {
    let url = parse(text)?;
    let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
    let mut warnings = Vec::new();
    let sink_kind = match kind {
        SinkValue::Slack => {
            if !is_loopback(&url) && host != "hooks.slack.com" && host != "hooks.slack-gov.com" {
                warnings.push("the host is not hooks.slack.com, used unchanged");
            }
            let trigger = ["/triggers/", "/workflows/"].iter().any(|p| url.path().starts_with(p));
            if trigger { SinkKind::SlackTrigger } else { SinkKind::Slack }
        }
        SinkValue::Teams if host.ends_with(".webhook.office.com") || host.starts_with("outlook.office") => {
            warnings.push("Office 365 connectors are retired. Create a Workflow in Teams and use its URL");
            SinkKind::TeamsConnector
        }
        SinkValue::Teams => {
            let known = [".logic.azure.com", ".environment.api.powerplatform.com", ".azure-api.net"];
            if !is_loopback(&url) && !known.iter().any(|suffix| host.ends_with(suffix)) {
                warnings.push("the host is not a Power Automate host, used unchanged");
            }
            if !is_loopback(&url) && !url.query_pairs().any(|(name, _)| name == "sig") {
                warnings.push(
                    "sig= is missing in the URL. Let anyone trigger the Workflow, or every card will be rejected",
                );
            }
            SinkKind::Teams
        }
        SinkValue::SlackApp => return Err("a Slack app has no webhook".to_owned()),
    };
    Ok((sink_kind, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_accepts_plain_http_on_loopback_only() {
        for good in ["http://localhost:5000/x", "http://127.0.0.1:1/x", "http://[::1]:1/", "https://api.goto.com"] {
            assert!(parse_base(good).is_ok(), "{good}");
        }
        for bad in ["http://10.0.0.1/", "http://example.com", "ftp://x", "x", "https://", "http://localhost.evil.com/"]
        {
            assert!(parse_base(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn webhook_kind_is_detected_from_its_url() {
        let kind = |value, url: &str| parse_webhook(value, url).unwrap();
        let services = "https://hooks.slack.com/services/T0/B0/x";
        assert_eq!(kind(SinkValue::Slack, services), (SinkKind::Slack, vec![]));
        assert_eq!(kind(SinkValue::Slack, "https://hooks.slack.com/triggers/T0/1/x").0, SinkKind::SlackTrigger);
        let office = "https://acme.webhook.office.com/webhookb2/x";
        assert_eq!(kind(SinkValue::Teams, office).0, SinkKind::TeamsConnector);
        let flow = "https://prod-01.westus.logic.azure.com:443/workflows/a/triggers/manual/paths/invoke?sig=x";
        assert_eq!(kind(SinkValue::Teams, flow), (SinkKind::Teams, vec![]));
        assert_eq!(kind(SinkValue::Teams, "https://a.azure-api.net/x").1.len(), 1, "a missing sig is a warning");
        assert_eq!(kind(SinkValue::Slack, "https://example.com/x").1.len(), 1, "an unknown host is a warning");
    }

    #[test]
    fn webhook_error_does_not_quote_the_url() {
        let error = parse_webhook(SinkValue::Slack, "http://hooks.slack.com/services/T0/B0/secret").unwrap_err();
        assert!(!error.contains("secret"));
    }
}
