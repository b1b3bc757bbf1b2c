//! Address ranges that open more than the address they are written with.

use ipnet::IpNet;

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;

pub(crate) static RULE: Rule = Rule {
    code: "PAI0320",
    name: "cidr-host-bits",
    title: "the address range has bits outside of its prefix",
    severity: Severity::Error,
    explanation: "`10.0.0.5/8` reads as one address and opens sixteen million: what stands behind the first eight bits counts for \
                  nothing. Write the one address as `10.0.0.5/32`, or the whole range as `10.0.0.0/8`.",
    fails: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], allowedCidrs: [10.0.0.5/8]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', externalAccess: {enabled: true}}\n",
    passes: "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: alice}\nspec: {providers: [a], allowedCidrs: [10.0.0.5/32, 10.1.0.0/16]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', externalAccess: {enabled: true}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for key in graph.access_keys.values() {
        for (at, net) in key.spec.allowed_cidrs.iter().enumerate().filter(|(_, net)| has_host_bits(net)) {
            let span = key.at(&format!("/spec/allowedCidrs/{at}"));
            let (one, whole) = (IpNet::from(net.addr()), net.trunc());
            found.push(
                Diagnostic::new(&RULE, span, format!("`{net}` has bits outside of its prefix"))
                    .label(format!("opens all of {whole}"))
                    .help(format!("write `{one}` for the one address, or `{whole}` for the range")),
            );
        }
    }
}

pub(super) fn has_host_bits(net: &IpNet) -> bool {
    net.addr() != net.network()
}
