//! Resolves names through the system, within a bound, and arranges the addresses so that a silent one costs 300 ms.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

/// Timeout of a look-up: below the timeout of a connection, so that a failure names DNS.
const DNS_TIMEOUT: Duration = Duration::from_secs(4);

/// A name has no address.
#[derive(Debug, thiserror::Error)]
#[error("the name of the host cannot be resolved")]
pub(super) struct DnsError(#[source] pub io::Error);

/// Resolver of the HTTP client.
pub(super) struct Resolver(Arc<BTreeMap<String, Vec<IpAddr>>>);

impl Resolver {
    /// Creates a resolver; the names in `hosts` are not looked up.
    #[must_use]
    pub(super) fn new(hosts: BTreeMap<String, Vec<IpAddr>>) -> Self {
        Self(Arc::new(hosts))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let hosts = Arc::clone(&self.0);
        Box::pin(async move {
            let found = match hosts.get(name.as_str()) {
                Some(addresses) => addresses.clone(),
                None => look_up(name.as_str()).await.map_err(DnsError)?,
            };
            // Port 0 stands for the port of the URL.
            let addresses = race_order(found).into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

async fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    match tokio::time::timeout(DNS_TIMEOUT, tokio::net::lookup_host((name, 0))).await {
        Ok(found) => Ok(found?.map(|address| address.ip()).collect()),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer from the DNS server")),
    }
}

/// Orders addresses for the race of the client. The client races the two address families against each other, 300 ms apart,
/// and tries the addresses of one family one after the other. Several IPv4 addresses are therefore listed in a second form
/// too, as IPv6-mapped ones without the first. The race then reaches the second address after 300 ms. The plain forms stay,
/// for a kernel without IPv6.
fn race_order(found: Vec<IpAddr>) -> Vec<IpAddr> {
    let mapped: Vec<IpAddr> = match found.as_slice() {
        [IpAddr::V4(_), rest @ ..] if rest.iter().all(IpAddr::is_ipv4) => rest
            .iter()
            .filter_map(|address| match address {
                IpAddr::V4(address) => Some(IpAddr::V6(address.to_ipv6_mapped())),
                IpAddr::V6(_) => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    found.into_iter().chain(mapped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn race_order_maps_all_but_the_first_ipv4_address() {
        let order = |list: &[&str]| {
            let found = list.iter().map(|text| text.parse().unwrap()).collect();
            race_order(found).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(order(&["192.0.2.1"]), ["192.0.2.1"]);
        assert_eq!(order(&["192.0.2.1", "192.0.2.2"]), ["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.2"]);
        assert_eq!(order(&["2001:db8::1", "192.0.2.1"]), ["2001:db8::1", "192.0.2.1"]);
        assert!(order(&[]).is_empty());
    }
}
