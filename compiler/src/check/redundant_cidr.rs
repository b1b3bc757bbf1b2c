//! An address range that lies within another of the same list.

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
        let nets = &key.spec.allowed_cidrs;
        // A range with bits outside of its prefix is not what its author means, and has been reported.
        let usable = |at: &usize| nets.get(*at).is_some_and(|net| !has_host_bits(net));
        for (at, net) in nets.iter().enumerate().filter(|(at, _)| usable(at)) {
            // Of two equal ranges the second is too much.
            let within = |(other_at, other): &(usize, &ipnet::IpNet)| {
                *other_at != at && other.contains(net) && (*other != net || *other_at < at)
            };
            let Some((outer_at, outer)) = nets.iter().enumerate().filter(|(at, _)| usable(at)).find(within)
            else {
                continue;
            };
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
