//! Address ranges from which no request ever comes.

use ipnet::IpNet;

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0319",
    name: "impossible-cidr",
    title: "no request can come from this address range",
    severity: Severity::Error,
    explanation: "No connection comes from an unspecified, a multicast or the broadcast address. An IPv4 address in IPv6 spelling \
                  (`::ffff:10.0.0.1`) is known to the gateway as the IPv4 address that it is, so a range in that spelling matches \
                  nothing. All IPv4 addresses are `0.0.0.0/0`.",
    fails: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], allowedCidrs: [0.0.0.0/32]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', externalAccess: {enabled: true}}\n",
    passes: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], allowedCidrs: [0.0.0.0/0]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', externalAccess: {enabled: true}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for key in graph.access_keys.values() {
        for (at, net) in key.spec.allowed_cidrs.iter().enumerate() {
            let Some((why, help)) = impossible(net) else { continue };
            let message = format!("no request can come from `{net}`");
            let span = key.at(&format!("/spec/allowedCidrs/{at}"));
            found.push(Diagnostic::new(&RULE, span, message).label(why).help(help));
        }
    }
}

/// Why nothing comes from a range, and what to do. Reserved ranges that private networks do use (240.0.0.0/4) or that
/// stand in examples (192.0.2.0/24) are left alone.
fn impossible(net: &IpNet) -> Option<(&'static str, String)> {
    const LIST_SENDERS: &str = "write the addresses that requests come from";
    let all = |family: &str| {
        format!("for all {family} addresses write `{}`", if family == "IPv4" { "0.0.0.0/0" } else { "::/0" })
    };
    match net {
        // RFC 1122, 3.2.1.3: "this network" is never a source that a server sees.
        IpNet::V4(net) if net.prefix_len() >= 8 && net.network().octets().first() == Some(&0) => {
            Some(("unspecified addresses", all("IPv4")))
        }
        IpNet::V4(net) if net.prefix_len() >= 4 && net.network().is_multicast() => {
            Some(("multicast addresses", LIST_SENDERS.to_owned()))
        }
        IpNet::V4(net) if net.prefix_len() == 32 && net.network().is_broadcast() => {
            Some(("the broadcast address", LIST_SENDERS.to_owned()))
        }
        IpNet::V6(net) if net.prefix_len() == 128 && net.network().is_unspecified() => {
            Some(("the unspecified address", all("IPv6")))
        }
        IpNet::V6(net) if net.prefix_len() >= 8 && net.network().is_multicast() => {
            Some(("multicast addresses", LIST_SENDERS.to_owned()))
        }
        IpNet::V6(net) if net.prefix_len() >= 96 => {
            let address = net.addr().to_ipv4_mapped()?;
            Some(("IPv4 addresses in IPv6 spelling", format!("write `{address}/{}`", net.prefix_len() - 96)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_send_are_left_alone() {
        for net in [
            "0.0.0.0/0",
            "0.0.0.0/1",
            "10.0.0.0/8",
            "127.0.0.1/32",
            "192.0.2.0/24",
            "240.0.0.0/4",
            "224.0.0.0/3",
            "255.255.255.0/24",
            "::/0",
            "::1/128",
            "fe80::/10",
            "2001:db8::/32",
            "::/64",
            "fc00::/7",
        ] {
            assert_eq!(impossible(&net.parse().unwrap()), None, "{net}");
        }
    }

    #[test]
    fn ranges_that_never_send_are_found() {
        for net in [
            "0.0.0.0/32",
            "0.0.0.0/8",
            "0.1.0.0/16",
            "224.0.0.0/4",
            "239.1.2.3/32",
            "255.255.255.255/32",
            "::/128",
            "ff00::/8",
            "ff02::1/128",
            "::ffff:10.0.0.0/104",
            "::ffff:0.0.0.0/96",
        ] {
            assert!(impossible(&net.parse().unwrap()).is_some(), "{net}");
        }
        let (_, help) = impossible(&"::ffff:10.0.0.0/104".parse().unwrap()).unwrap();
        assert_eq!(help, "write `10.0.0.0/8`");
    }
}
