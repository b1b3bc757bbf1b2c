//! Where a request came from: the socket's peer, or whoever stands behind proxies that are trusted.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

/// The caller's address: the socket's, or the last one that a trusted proxy vouches for.
pub(crate) fn of_client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut address = peer.to_canonical();
    if !is_trusted(&address) {
        return address;
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in forwarded.into_iter().rev() {
        let Ok(hop) = hop.trim().parse::<IpAddr>() else { break };
        address = hop.to_canonical();
        if !is_trusted(&address) {
            break;
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_peers_only() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(
                HeaderName::from_static("x-forwarded-for"),
                HeaderValue::from_static(value),
            )])
        };
        let address = |peer: &str, value| {
            of_client(peer.parse().expect("an address"), &headers(value), &trusted).to_string()
        };
        assert_eq!(address("192.0.2.7", "10.1.1.1"), "192.0.2.7");
        assert_eq!(address("10.0.0.1", "198.51.100.9"), "198.51.100.9");
        assert_eq!(address("10.0.0.1", "1.1.1.1, 198.51.100.9, 10.0.0.2"), "198.51.100.9");
        assert_eq!(address("10.0.0.1", "garbage"), "10.0.0.1");
        assert_eq!(address("::ffff:10.0.0.1", "198.51.100.9"), "198.51.100.9");
    }
}
