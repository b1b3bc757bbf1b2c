//! What attached guards refuse and record, in the words and with the lines that a caller is shown.

use std::net::{IpAddr, Ipv4Addr};

use pai_bundle::guard::PerMille;
use pai_bundle::money::NanoUsd;
use pai_bundle::name::{ModelId, QualifiedName};
use pai_bundle::unit::{Tokens, UnixSeconds};
use pai_policies::{Action, Authorizer, Cause, Facts, GuardFacts, Principal, Used};

use crate::{Sources, compile};

const TEXT: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: a}
spec:
  provider: vllm
  endpoint: http://a/v1
  externalAccess: {enabled: true}
  guards:
    - binding: injection
      scan: {prompts: true, toolResults: ['mcp__*']}
    - binding: toxic
      scan: {responses: true}
      enforcement: audit
    - binding: injection
      scan: {system: true}
      enforcement: audit
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: coder}
spec:
  models: [a/large]
  guards:
    - {binding: toxic, scan: {prompts: true}}
    - {binding: injection, scan: {responses: true}, enforcement: audit}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: laptop}
spec: {providers: [a]}
---
apiVersion: pai.io/v1
kind: GuardBinding
metadata: {name: injection}
spec: {classifier: {type: rules}, thresholds: {Injection: 0.55, toxic: 1}}
---
apiVersion: pai.io/v1
kind: GuardBinding
metadata: {name: toxic}
spec: {classifier: {type: custom, endpoint: 'http://toxic/judge', timeoutMs: 300}, onError: allow}
";

/// What refuses and what is recorded, each as id, place and sentence.
fn asked(by_agent: bool, action: Action, guard: &GuardFacts) -> (Vec<String>, Vec<String>) {
    let bundle = compile(&Sources::new([("a.yaml", TEXT)])).bundle.expect("a bundle");
    let authorizer = Authorizer::new(&bundle).expect("an authorizer");
    let name = |text: &str| text.parse::<QualifiedName>().expect("a name");
    let (agent, key, provider) = (name("default/coder"), name("default/laptop"), name("default/a"));
    let model: ModelId = "large".parse().expect("a model");
    let facts = Facts {
        cost: NanoUsd(0),
        principal: if by_agent { Principal::Agent(&agent) } else { Principal::AccessKey(&key) },
        provider: &provider,
        model: &model,
        action,
        tokens: Tokens(1),
        used: Used::default(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        now: UnixSeconds(1_795_392_000),
        guard,
    };
    let line = |cause: &Cause| format!("{} {} {}", cause.policy, cause.origin, cause.reason);
    let decided = authorizer.decide(&facts);
    assert_eq!(decided, authorizer.decide_readably(&facts));
    let refused = decided.err().map(|denial| denial.causes().map(line).collect()).unwrap_or_default();
    (refused, authorizer.audited(&facts).iter().map(line).collect())
}

fn hits(flags: &[&str]) -> GuardFacts {
    let mut facts = GuardFacts { hits: flags.iter().map(ToString::to_string).collect(), ..GuardFacts::NONE };
    facts.prompts.raise("injection", PerMille(930));
    facts.tool_results.raise("Toxic", PerMille(1000));
    facts
}

fn failures(flags: &[&str]) -> GuardFacts {
    GuardFacts { failures: flags.iter().map(ToString::to_string).collect(), ..GuardFacts::NONE }
}

const NONE: [&str; 0] = [];

#[test]
fn a_hit_of_a_providers_guard_refuses_everybody_with_the_line_that_attaches_it() {
    for action in [Action::Invoke, Action::Embed, Action::CountTokens] {
        for by_agent in [true, false] {
            let (refused, recorded) = asked(by_agent, action, &hits(&["default/injection/prompts"]));
            assert_eq!(
                refused,
                [
                    "ModelProvider/default/a/guards/injection a.yaml:9:7 guard default/injection found injection (0.93) in prompts"
                ]
            );
            assert_eq!(recorded, NONE);
        }
    }
    // Of several the surest is named.
    let both = hits(&["default/injection/prompts", "default/injection/toolResults/mcp__*"]);
    let (refused, _) = asked(false, Action::Invoke, &both);
    assert!(refused[0].ends_with("found toxic (1.00) in results of tools `mcp__*`"), "{refused:?}");
}

#[test]
fn a_hit_of_an_agents_guard_refuses_that_agent() {
    let hit = hits(&["default/toxic/prompts"]);
    let (refused, _) = asked(true, Action::Invoke, &hit);
    assert_eq!(
        refused,
        ["base/agent-guards a.yaml:23:3 guard default/toxic found injection (0.93) in prompts"]
    );
    assert_eq!(asked(false, Action::Invoke, &hit).0, NONE);
}

#[test]
fn a_failure_refuses_where_the_binding_or_the_enforcement_says_so() {
    let (refused, recorded) =
        asked(true, Action::Invoke, &failures(&["default/injection/prompts", "default/toxic/prompts"]));
    assert_eq!(
        refused,
        [
            "ModelProvider/default/a/guards/injection/failures a.yaml:9:7 guard default/injection could not judge prompts, \
          and nothing passes it unread"
        ]
    );
    assert_eq!(recorded, NONE);
    // Where it only records, the binding leaves it to that.
    assert_eq!(asked(true, Action::Invoke, &failures(&["default/injection/system"])).0, NONE);
}

#[test]
fn what_only_records_is_no_part_of_the_decision_and_concerns_whom_it_is_attached_to() {
    let all = hits(&["default/toxic/responses", "default/injection/system", "default/injection/responses"]);
    let (refused, recorded) = asked(true, Action::Invoke, &all);
    assert_eq!(refused, NONE);
    let ids: Vec<&str> = recorded.iter().filter_map(|line| line.split(' ').next()).collect();
    let of_provider =
        ["ModelProvider/default/a/guards/injection/2/audit", "ModelProvider/default/a/guards/toxic/audit"];
    assert_eq!(ids, [&["Agent/default/coder/guards/injection/audit"], of_provider.as_slice()].concat());
    assert!(recorded[0].contains(" a.yaml:25:7 "), "{recorded:?}");
    let (_, recorded) = asked(false, Action::Invoke, &all);
    assert_eq!(recorded.len(), 2, "{recorded:?}");
}

#[test]
fn a_guard_that_is_attached_and_not_there_keeps_a_bundle_from_being_loaded() {
    let mut bundle = compile(&Sources::new([("a.yaml", TEXT)])).bundle.expect("a bundle");
    bundle.guards.retain(|guard| guard.name.name.as_str() != "toxic");
    let error = Authorizer::new(&bundle).expect_err("no authorizer").to_string();
    assert_eq!(error, "guard `toxic` is attached in namespace `default` and is not in the bundle");
    let mut bundle = compile(&Sources::new([("a.yaml", TEXT)])).bundle.expect("a bundle");
    let text = bundle.audits[0].text.replace("principal == Agent::\"default/coder\"", "principal");
    bundle.audits[0].text = text;
    let error = Authorizer::new(&bundle).expect_err("no authorizer").to_string();
    assert!(error.ends_with("names neither an agent nor a provider"), "{error}");
}

#[test]
fn the_bundle_has_thresholds_in_thousandths_and_labels_in_small_letters() {
    let bundle = compile(&Sources::new([("a.yaml", TEXT)])).bundle.expect("a bundle");
    let thresholds: Vec<(&str, u16)> =
        bundle.guards[0].thresholds.iter().map(|(label, threshold)| (label.as_str(), threshold.0)).collect();
    assert_eq!(thresholds, [("injection", 550), ("jailbreak", 900), ("toxic", 1000)]);
    let remote = bundle.guards[1].classifier.remote().expect("a classifier over HTTP");
    assert_eq!((remote.timeout_ms, remote.max_concurrency), (300, 16));
}
