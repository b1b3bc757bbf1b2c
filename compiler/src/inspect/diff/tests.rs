//! What a comparison must not overlook, tried against questions at random.

use proptest::prelude::*;

use super::*;
use crate::Sources;
use crate::inspect::question::{Question, Who};
use pai_bundle::unit::Tokens;

const FROM: UnixSeconds = UnixSeconds(1_795_435_200);

/// A workspace with one key, whose lists and caps are given.
fn world(
    allowed: &[String],
    denied: &[String],
    own: &[String],
    networks: &[&str],
    cap: u64,
) -> Option<World> {
    let list = |patterns: &[String]| {
        let quoted: Vec<String> = patterns.iter().map(|pattern| format!("'{pattern}'")).collect();
        quoted.join(", ")
    };
    let text = format!(
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: p}}\nspec:\n  provider: vllm\n  \
         endpoint: http://p.example/v1\n  externalAccess: {{enabled: true}}\n  allowedModels: [{}]\n  \
         deniedModels: [{}]\n  maxTokensPerDay: {cap}\n---\napiVersion: pai.io/v1\nkind: AccessKey\n\
         metadata: {{name: k}}\nspec: {{providers: [p], allowedModels: [{}], allowedCidrs: [{}]}}\n",
        list(allowed),
        list(denied),
        list(own),
        networks.join(", ")
    );
    let compiled = crate::compile(&Sources::new([("pai.yaml", text)]));
    compiled.bundle.and_then(|bundle| World::new(bundle).ok())
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[ab*]{1,3}", 0..3)
}

fn networks() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(vec!["10.0.0.0/8", "10.0.0.0/9", "192.0.2.0/24"], 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_decided_otherwise_is_found(
        old in (patterns(), patterns(), patterns(), networks(), 1_u64..4),
        new in (patterns(), patterns(), patterns(), networks(), 1_u64..4),
        asked in proptest::collection::vec(("[abc]{1,3}", 1_u64..5, 0_usize..4), 12),
    ) {
        let side = |(allowed, denied, own, networks, cap): &(Vec<String>, Vec<String>, Vec<String>, Vec<&str>, u64)| {
            world(allowed, denied, own, networks, *cap)
        };
        let (Some(old), Some(new)) = (side(&old), side(&new)) else { return Ok(()) };
        let report = diff(&old, &new, FROM);
        let is_found = |effect| report.findings.iter().any(|finding| finding.effect == effect);
        for (model, tokens, address) in asked {
            let mut question = Question::new(Who::AccessKey("default/k".parse().expect("a name")), format!("p/{model}"), FROM);
            question.tokens = Tokens(tokens);
            let addresses = ["10.0.0.9", "10.200.0.9", "192.0.2.9", "198.51.100.9"];
            question.address = addresses.get(address).expect("one of them").parse().expect("an address");
            let expected = match (old.ask(&question).is_allowed(), new.ask(&question).is_allowed()) {
                (false, true) => Effect::Widens,
                (true, false) => Effect::Narrows,
                _ => continue,
            };
            prop_assert!(is_found(expected), "{question:?} {report:?}");
        }
    }
}
