//! Addresses that lists of networks can tell apart: networks lie within each other or apart, so one address of each
//! network that is in none of its parts is enough.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Addresses that readers know: this machine, and those that are set aside for documents (RFC 5737, RFC 3849).
const USUAL: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// One address of every sort; without networks, this machine's alone.
pub(super) fn representatives(networks: &BTreeSet<IpNet>) -> Vec<IpAddr> {
    if networks.is_empty() {
        return vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    }
    let networks: BTreeSet<IpNet> = networks.iter().map(IpNet::trunc).collect();
    let everything =
        [IpNet::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), IpNet::from(IpAddr::V6(Ipv6Addr::UNSPECIFIED))]
            .map(|address| IpNet::new(address.addr(), 0).unwrap_or(address));
    let mut found = Vec::new();
    for network in networks.iter().chain(&everything) {
        let usual = USUAL.iter().copied().find(|address| {
            network.prefix_len() == 0
                && network.contains(address)
                && !networks.iter().any(|other| other != network && other.contains(address))
        });
        if let Some(address) = usual.or_else(|| outside_of_parts(network, &networks))
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// An address of the network that lies in none of the networks within it; the second where there is one, since the
/// first is the network's own.
fn outside_of_parts(network: &IpNet, networks: &BTreeSet<IpNet>) -> Option<IpAddr> {
    let (first, last) = ends(network);
    let mut parts: Vec<(u128, u128)> =
        networks.iter().filter(|part| *part != network && network.contains(*part)).map(ends).collect();
    parts.sort_unstable();
    let free_from = |start: u128| {
        let mut at = start;
        for (from, to) in &parts {
            if (*from..=*to).contains(&at) {
                at = to.checked_add(1)?;
            }
        }
        (at <= last).then_some(at)
    };
    let number = first.checked_add(1).and_then(free_from).or_else(|| free_from(first))?;
    Some(match network {
        IpNet::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).ok()?)),
        IpNet::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(number)),
    })
}

fn ends(network: &IpNet) -> (u128, u128) {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    (number(network.network()), number(network.broadcast()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(networks: &[&str]) -> Vec<String> {
        let networks = networks.iter().map(|network| network.parse().expect("a network")).collect();
        representatives(&networks).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_part_that_networks_can_tell_apart_has_an_address() {
        assert_eq!(of(&[]), ["127.0.0.1"]);
        assert_eq!(of(&["10.0.0.0/8"]), ["10.0.0.1", "127.0.0.1", "2001:db8::1"]);
        assert_eq!(of(&["10.0.0.0/8", "10.0.0.0/9"]), ["10.128.0.0", "10.0.0.1", "127.0.0.1", "2001:db8::1"]);
        // Two halves leave nothing of the whole.
        assert_eq!(of(&["10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9"]).len(), 4);
        assert_eq!(of(&["0.0.0.0/0"]), ["127.0.0.1", "2001:db8::1"]);
        assert_eq!(of(&["192.0.2.7/32"]), ["192.0.2.7", "127.0.0.1", "2001:db8::1"]);
    }
}
