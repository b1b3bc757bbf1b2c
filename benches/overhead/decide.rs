//! What one decision of the policies costs, alone, in bundles of different sizes.

use std::fmt::Write;
use std::hint::black_box;
use std::io::{Error, Result};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use pai_bundle::money::NanoUsd;
use pai_bundle::name::{ModelId, QualifiedName};
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_compiler::Sources;
use pai_policies::{Action, Authorizer, Facts, GuardFacts, Principal, Used};

/// Decisions in one batch; the fastest batch counts, since everything else on the machine only adds.
const DECISIONS: u32 = 5_000;
const BATCHES: usize = 7;

/// Microseconds of one permit, in a bundle with so many providers.
pub(crate) fn microseconds(providers: usize) -> Result<f64> {
    let sources = Sources::new([("bench.yaml", manifests(providers).as_str())]);
    let compiled = pai_compiler::compile(&sources);
    let bundle = compiled.bundle.ok_or_else(|| {
        Error::other(pai_compiler::diagnostic::render::short(&compiled.diagnostics, &sources))
    })?;
    let authorizer = Authorizer::new(&bundle).map_err(Error::other)?;
    let key: QualifiedName = "default/laptop".parse().map_err(Error::other)?;
    let provider: QualifiedName = "default/anthropic-0".parse().map_err(Error::other)?;
    let model: ModelId = "claude-sonnet-4-6".parse().map_err(Error::other)?;
    let facts = Facts {
        cost: NanoUsd(1),
        principal: Principal::AccessKey(&key),
        provider: &provider,
        model: &model,
        action: Action::Invoke,
        tokens: Tokens(2_000),
        used: Used::default(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        now: UnixSeconds(1_795_435_200),
        guard: &GuardFacts::NONE,
    };
    let mut fastest = f64::INFINITY;
    for _ in 0..BATCHES {
        let started = Instant::now();
        for _ in 0..DECISIONS {
            let decided = authorizer.decide(black_box(&facts));
            decided.map_err(|denial| Error::other(format!("denied: {denial:?}")))?;
        }
        fastest = fastest.min(started.elapsed().as_secs_f64() / f64::from(DECISIONS));
    }
    Ok(fastest * 1e6)
}

fn manifests(providers: usize) -> String {
    let mut text = String::new();
    for number in 0..providers {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata:\n  name: anthropic-{number}\nspec:\n  \
             provider: anthropic\n  apiKeySecretRef:\n    name: key-{number}\n  allowedModels: [claude-*]\n  \
             deniedModels: [claude-opus-*]\n  maxTokensPerDay: 1000000\n  maxTokensPerRequest: 200000\n  \
             externalAccess:\n    enabled: true\n    maxTokensPerDay: 500000\n---\n"
        );
    }
    text.push_str(
        "apiVersion: pai.io/v1\nkind: AccessKey\nmetadata:\n  name: laptop\nspec:\n  providers: [anthropic-0]\n  \
         allowedModels: [claude-sonnet-*]\n  allowedCidrs: [127.0.0.0/8]\n  maxTokensPerDay: 300000\n",
    );
    text
}
