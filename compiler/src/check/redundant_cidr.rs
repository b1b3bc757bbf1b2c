//! An address range that lies within another of the same list.

use ipnet::IpNet;

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;

use super::cidr_host_bits::has_host_bits;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0321",
    name: "redundant-cidr",
    title: "the address range lies within another",
    severity: Severity::Warning,
    explanation: "A list of ranges opens all of them together. A range within another opens nothing more, and whoever wrote it may \
                  have meant it as a restriction. Remove the one that is too much.",
    fails: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], allowedCidrs: [10.0.0.0/8, 10.1.0.0/16]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', externalAccess: {enabled: true}}\n",
    passes: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], allowedCidrs: [10.0.0.0/8, 192.168.1.0/24, '2001:db8::/32']}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', externalAccess: {enabled: true}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for key in graph.access_keys.values() {
        // A range with bits outside of its prefix is not what its author means, and has been reported.
        let nets = key.spec.allowed_cidrs.iter().enumerate().filter(|(_, net)| !has_host_bits(net));
        for (at, net, outer_at, outer) in nested(nets) {
            let span = key.at(&format!("/spec/allowedCidrs/{at}"));
            found.push(
                Diagnostic::new(&RULE, span, format!("`{net}` lies within `{outer}`"))
                    .label("opens nothing more")
                    .also(key.at(&format!("/spec/allowedCidrs/{outer_at}")), "opens it already")
                    .help("remove one of the two"),
            );
        }
    }
}

/// Each range that lies within another, with that other; of two equal ones, the second. In order of addresses whatever
/// contains a range stands before it, so that one look back is enough.
fn nested<'a>(nets: impl Iterator<Item = (usize, &'a IpNet)>) -> Vec<(usize, &'a IpNet, usize, &'a IpNet)> {
    let mut sorted: Vec<(usize, &IpNet)> = nets.collect();
    sorted.sort_by_key(|(at, net)| (net.network(), net.prefix_len(), *at));
    let mut nested = Vec::new();
    let mut open: Option<(usize, &IpNet)> = None;
    for (at, net) in sorted {
        match open {
            Some((outer_at, outer)) if outer.contains(net) => nested.push((at, net, outer_at, outer)),
            _ => open = Some((at, net)),
        }
    }
    nested
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_range_within_another_is_found(parts in prop::collection::vec((0..4_u32, 28..=32_u8, any::<bool>()), 0..12)) {
            let nets: Vec<IpNet> = parts
                .iter()
                .map(|(low, prefix, six)| {
                    let text = if *six { format!("2001:db8::{low}/{}", prefix + 96) } else { format!("10.0.0.{low}/{prefix}") };
                    text.parse::<IpNet>().unwrap().trunc()
                })
                .collect();
            let mut found: Vec<usize> = nested(nets.iter().enumerate()).iter().map(|(at, ..)| *at).collect();
            found.sort_unstable();
            let expected: Vec<usize> = (0..nets.len())
                .filter(|at| {
                    let around = |(other, net): (usize, &IpNet)| {
                        other != *at && net.contains(&nets[*at]) && (*net != nets[*at] || other < *at)
                    };
                    nets.iter().enumerate().any(around)
                })
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
