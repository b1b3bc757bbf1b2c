//! Which addresses are not public, by IANA's registries of addresses with a special purpose, and what they are instead:
//! <https://www.iana.org/assignments/iana-ipv4-special-registry> and
//! <https://www.iana.org/assignments/iana-ipv6-special-registry>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What an address is that is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    /// Of a network that somebody may mean.
    Network(&'static str),
    /// Of a cloud's metadata service, which hands out the machine's own credentials.
    Metadata,
    /// Of no single host.
    NoHost(&'static str),
}

use Special::{Metadata, Network, NoHost};

/// What it is, where it is not public.
pub(crate) fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

fn of_v4(address: Ipv4Addr) -> Option<Special> {
    if METADATA_V4.contains(&address) {
        return Some(Metadata);
    }
    V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, special)| *special)
}

fn of_v6(address: Ipv6Addr) -> Option<Special> {
    if METADATA_V6.contains(&address) || embedded(address).is_some_and(|inner| METADATA_V4.contains(&inner)) {
        return Some(Metadata);
    }
    if let Some((_, special)) = V6.iter().find(|(network, _)| network.contains(&address)) {
        return Some(*special);
    }
    (!GLOBAL_UNICAST.contains(&address)).then_some(RESERVED)
}

/// The IPv4 address that a translator or tunnel would make of it.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    // Compatible, mapped, translated (RFC 2765); NAT64, everywhere and local (RFC 6052, RFC 8215); 6to4.
    let ([0, 0, 0, 0, 0, 0 | 0xffff, high, low]
    | [0, 0, 0, 0, 0xffff, 0, high, low]
    | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
    | [0x64, 0xff9b, 1, _, _, _, high, low]
    | [0x2002, high, low, ..]) = segments
    else {
        return None;
    };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

/// Amazon, Google, Azure, Oracle and others; credentials of Amazon's containers and pods; Alibaba; Azure's
/// wire server, which is a public address; Oracle's classic one; Scaleway.
const METADATA_V4: [Ipv4Addr; 7] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(169, 254, 42, 42),
];

/// Amazon, its pods, Google, Scaleway.
const METADATA_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42),
];

const PRIVATE: Special = Network("a private address");
const LOOPBACK: Special = Network("a loopback address");
const LINK_LOCAL: Special = Network("a link-local address");
const RESERVED: Special = Network("a reserved address");
const DOCUMENTATION: Special = Network("an address for documentation");
const BENCHMARK: Special = Network("an address for benchmarks");
const V4_INSIDE: Special = Network("an IPv4 address in the form of IPv6");

const V4: [(Ipv4Net, Special); 15] = [
    (v4([0, 0, 0, 0], 8), NoHost("an address of no host")),
    (v4([10, 0, 0, 0], 8), PRIVATE),
    (v4([100, 64, 0, 0], 10), Network("an address shared behind a carrier's NAT")),
    (v4([127, 0, 0, 0], 8), LOOPBACK),
    (v4([169, 254, 0, 0], 16), LINK_LOCAL),
    (v4([172, 16, 0, 0], 12), PRIVATE),
    (v4([192, 0, 0, 0], 24), RESERVED),
    (v4([192, 0, 2, 0], 24), DOCUMENTATION),
    (v4([192, 88, 99, 0], 24), RESERVED),
    (v4([192, 168, 0, 0], 16), PRIVATE),
    (v4([198, 18, 0, 0], 15), BENCHMARK),
    (v4([198, 51, 100, 0], 24), DOCUMENTATION),
    (v4([203, 0, 113, 0], 24), DOCUMENTATION),
    (v4([224, 0, 0, 0], 4), NoHost("a multicast address")),
    (v4([240, 0, 0, 0], 4), RESERVED),
];

/// Nothing outside of it has been given to anybody on the internet.
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

const V6: [(Ipv6Net, Special); 14] = [
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), NoHost("an address of no host")),
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), LOOPBACK),
    // Compatible, mapped, translated.
    (v6([0, 0, 0, 0], 64), V4_INSIDE),
    (v6([0x64, 0xff9b, 0, 0], 96), V4_INSIDE),
    (v6([0x64, 0xff9b, 1, 0], 48), V4_INSIDE),
    (v6([0x2002, 0, 0, 0], 16), V4_INSIDE),
    (v6([0x2001, 2, 0, 0], 48), BENCHMARK),
    (v6([0x2001, 0xdb8, 0, 0], 32), DOCUMENTATION),
    (v6([0x3fff, 0, 0, 0], 20), DOCUMENTATION),
    // Teredo, identifiers of hosts, and other protocols of the IETF.
    (v6([0x2001, 0, 0, 0], 23), RESERVED),
    (v6([0xfc00, 0, 0, 0], 7), PRIVATE),
    (v6([0xfe80, 0, 0, 0], 10), LINK_LOCAL),
    (v6([0xfec0, 0, 0, 0], 10), PRIVATE),
    (v6([0xff00, 0, 0, 0], 8), NoHost("a multicast address")),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d]: [u16; 4], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(address: &str) -> Option<Special> {
        special(address.parse().expect("an address"))
    }

    #[test]
    fn what_anybody_can_reach_is_public() {
        for address in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "160.79.104.10",
            "172.15.255.255",
            "172.32.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2606:4700::6810:7b60",
            "2a00:1450:4001:80b::200a",
        ] {
            assert_eq!(what(address), None, "{address}");
        }
    }

    #[test]
    fn what_few_can_reach_is_named() {
        let table: [(Special, &[&str]); 8] = [
            (
                PRIVATE,
                &["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd12::1", "fc00::1", "fec0::1"],
            ),
            (Network("an address shared behind a carrier's NAT"), &["100.64.0.1", "100.127.255.255"]),
            (LOOPBACK, &["127.0.0.1", "127.255.0.3", "::1"]),
            (LINK_LOCAL, &["169.254.0.1", "fe80::1", "febf::1"]),
            (DOCUMENTATION, &["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff:1::1"]),
            (BENCHMARK, &["198.18.0.1", "198.19.255.255", "2001:2::1"]),
            (
                RESERVED,
                &["192.0.0.8", "240.0.0.1", "255.255.255.255", "2001::1", "100::1", "5f00::1", "4000::1"],
            ),
            (
                V4_INSIDE,
                &["::ffff:10.0.0.1", "::ffff:1.1.1.1", "::8.8.8.8", "2002:a00:1::", "64:ff9b::a00:1"],
            ),
        ];
        for (special, addresses) in table {
            for address in addresses {
                assert_eq!(what(address), Some(special), "{address}");
            }
        }
        for address in ["0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.1.1.1", "ff02::1"] {
            assert!(matches!(what(address), Some(NoHost(_))), "{address}");
        }
    }

    #[test]
    fn metadata_is_found_in_every_form() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "100.100.100.200",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::ffff:0:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1:2:3:4:169.254.169.254",
            "2002:a9fe:a9fe::1",
        ] {
            assert_eq!(what(address), Some(Metadata), "{address}");
        }
    }
}
