//! The compiler as a whole: promises about whatever text comes in.

use pai_bundle::codec;
use proptest::prelude::*;

use crate::diagnostic::render::{Colour, Look, human, short};
use crate::{Sources, compile};

mod decide;
mod guards;
mod wrong;
mod yaml;
mod large;

const SEED: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata:
  name: anthropic
spec:
  provider: anthropic
  apiKeySecretRef:
    name: anthropic-key
    key: api-key
  maxTokensPerDay: 5_000_000 # daily cap shared across all agents
  maxTokensPerRequest: 200000
  allowedModels: [claude-*]
  deniedModels: [\"*-opus-*\"]
  externalAccess:
    enabled: true
    maxTokensPerDay: 2000000
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: coder}
spec:
  models:
    - anthropic/claude-sonnet-4-6
  tokens: {maxPerDay: 100000}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: alice}
spec:
  providers: [anthropic]
  allowedCidrs: [10.0.0.0/8]
  expires: 2027-01-31
";

const LOOK: Look<'static> = Look { width: 100, colour: Colour::None, docs: None };

fn bytes(sources: &Sources) -> Vec<u8> {
    let compiled = compile(sources);
    let report = short(&compiled.diagnostics, sources);
    codec::encode(&compiled.bundle.unwrap_or_else(|| panic!("{report}"))).unwrap().0
}

/// The codes of what is found in a file, first place first.
pub(crate) fn codes(text: &str) -> Vec<&'static str> {
    let sources = Sources::new([("a.yaml", text)]);
    compile(&sources).diagnostics.iter().map(crate::Diagnostic::code).collect()
}

/// The codes of what is found in a provider `a` with these fields.
pub(crate) fn provider_says(fields: &str) -> Vec<&'static str> {
    codes(&format!(
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: a}}\nspec: {{provider: vllm, endpoint: 'http://a/v1', {fields}}}\n"
    ))
}

#[test]
fn the_seed_becomes_a_bundle() {
    let sources = Sources::new([("anthropic.yaml", SEED)]);
    let compiled = compile(&sources);
    assert_eq!(short(&compiled.diagnostics, &sources), "");
    let bundle = compiled.bundle.unwrap();
    let ids: Vec<&str> = bundle.slices[0].policies.iter().map(|policy| policy.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "ModelProvider/default/anthropic/allowedModels",
            "ModelProvider/default/anthropic/deniedModels",
            "ModelProvider/default/anthropic/externalAccess.maxTokensPerDay",
            "ModelProvider/default/anthropic/maxTokensPerDay",
            "ModelProvider/default/anthropic/maxTokensPerRequest",
        ]
    );
    let limits: Vec<String> = bundle
        .limits
        .iter()
        .map(|l| format!("{} {} {} {}", l.scope, l.tokens_per_day, l.policy, l.origin))
        .collect();
    assert_eq!(
        limits,
        [
            "provider 5000000 ModelProvider/default/anthropic/maxTokensPerDay anthropic.yaml:10:20",
            "provider-external 2000000 ModelProvider/default/anthropic/externalAccess.maxTokensPerDay anthropic.yaml:16:22",
            "agent 100000 base/agent-per-day anthropic.yaml:24:23",
        ]
    );
    let models: Vec<&str> =
        bundle.providers[0].models.iter().map(pai_bundle::name::ModelId::as_str).collect();
    assert_eq!(models, ["claude-haiku-4-5", "claude-sonnet-4-6"]);
}

#[test]
fn a_slice_reads_as_a_person_would_write_it() {
    let bundle = compile(&Sources::new([("anthropic.yaml", SEED)])).bundle.unwrap();
    assert_eq!(
        bundle.slices[0].policies[2].text,
        r#"@id("ModelProvider/default/anthropic/externalAccess.maxTokensPerDay")
@code("budget_exhausted")
@kind("budget")
@reason("the daily budget for external use of provider {provider} has no room: {used} of 2,000,000 tokens are used or held, and this request can use up to {tokens}")
@help("wait for 00:00 UTC, send a smaller request, or raise spec.externalAccess.maxTokensPerDay of the provider")
@source("anthropic.yaml:16:22")
@field("/spec/externalAccess/maxTokensPerDay")
forbid (principal is AccessKey, action in Action::"spend", resource)
when {
  context.after has providerExternal &&
  context.after.providerExternal > 2000000
};"#
    );
    let allowed = &bundle.slices[0].policies[0].text;
    assert!(allowed.ends_with("unless { context.model like \"claude-*\" };"), "{allowed}");
}

#[test]
fn a_bundle_can_be_loaded_and_decides() {
    let bundle = compile(&Sources::new([("anthropic.yaml", SEED)])).bundle.unwrap();
    pai_policies::Authorizer::new(&bundle).unwrap();
}

#[test]
fn cedar_reads_back_what_a_bundle_shows() {
    // A file's name may try to end the comment that it stands in.
    let name = "a\npermit (principal, action, resource);.yaml";
    let bundle = compile(&Sources::new([(name, SEED)])).bundle.unwrap();
    let text = pai_bundle::listing::cedar(&bundle);
    let read: cedar_policy::PolicySet = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    let shown: std::collections::BTreeSet<_> =
        read.policies().filter_map(|policy| policy.annotation("id")).collect();
    let slices = bundle.slices.iter().flat_map(|slice| &slice.policies);
    let held: std::collections::BTreeSet<_> =
        bundle.base_policies.iter().chain(slices).map(|policy| policy.id.as_str()).collect();
    assert_eq!(shown, held);
    assert_eq!(read.policies().count(), held.len());
}

#[test]
fn the_time_of_a_build_is_not_in_the_bundle() {
    let sources = Sources::new([("anthropic.yaml", SEED)]);
    let at = |seconds: i64| {
        let now = crate::Surroundings { now: Some(pai_bundle::unit::UnixSeconds(seconds)), secrets: None };
        codec::encode(&crate::compile_within(&sources, &now).bundle.unwrap()).unwrap().0
    };
    assert_eq!(at(0), at(1_795_435_200));
    assert_eq!(at(0), bytes(&sources));
}

#[test]
fn the_order_of_files_changes_nothing() {
    let parts: Vec<&str> = SEED.split("---\n").collect();
    let files = |order: [usize; 3]| Sources::new(order.map(|at| (format!("{at}.yaml"), parts[at])));
    assert_eq!(bytes(&files([0, 1, 2])), bytes(&files([2, 0, 1])));
    assert_eq!(bytes(&files([0, 1, 2])), bytes(&files([1, 2, 0])));
}

#[test]
fn equal_sources_give_equal_bytes() {
    let sources = Sources::new([("anthropic.yaml", SEED)]);
    assert_eq!(bytes(&sources), bytes(&sources.clone()));
}

fn with_model(model: &str) -> Sources {
    let model = serde_json::to_string(model).unwrap();
    let text = format!(
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: open}}\nspec:\n  provider: vllm\n  \
         endpoint: http://vllm:8000/v1\n  allowedModels: [{model}, always]\n  deniedModels: [{model}]\n"
    );
    Sources::new([("open.yaml", text)])
}

#[test]
fn a_name_that_looks_like_a_policy_stays_a_string() {
    for model in [
        r#"x";permit(principal,action,resource);//"#,
        r#"x\";permit(principal,action,resource);"#,
        "x'\\u{22}",
        "{model}*\\*",
        "é\u{301}\u{200b}…*",
        "x\")@id(\"base/use",
    ] {
        let sources = with_model(model);
        let compiled = compile(&sources);
        let bundle = compiled.bundle.unwrap_or_else(|| panic!("{}", short(&compiled.diagnostics, &sources)));
        let policies = &bundle.slices[0].policies;
        assert_eq!(policies.len(), 2);
        for policy in policies {
            let parsed: cedar_policy::PolicySet = policy.text.parse().unwrap();
            assert_eq!(parsed.policies().count(), 1, "{}", policy.text);
            assert!(parsed.policies().all(|policy| policy.effect() == cedar_policy::Effect::Forbid));
        }
    }
}

/// File, line, column and code of each finding.
pub(crate) fn places(text: &str) -> Vec<String> {
    let sources = Sources::new([("a.yaml", text)]);
    let compiled = compile(&sources);
    let lines = short(&compiled.diagnostics, &sources);
    lines.lines().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn places_are_exact_whatever_the_text_is_made_of() {
    let plain = "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: a}\nspec: {models: [b/c], modles: 1}\n";
    assert_eq!(places(plain), ["a.yaml:4:23 error[PAI0205]"]);
    let accents = "# équipe — 日本\napiVersion: pai.io/v1\nkind: Agent # é\nmetadata: {labels: {\"équipe\": \"é😀\"}, nme: a}\nspec: {models: [b/c]}\n";
    assert_eq!(places(accents), ["a.yaml:4:1 error[PAI0206]", "a.yaml:4:38 error[PAI0205]"]);
    let windows = plain.replace('\n', "\r\n");
    assert_eq!(places(&windows), ["a.yaml:4:23 error[PAI0205]"]);
    let marked = format!("\u{feff}{plain}");
    assert_eq!(places(&marked), ["a.yaml:4:23 error[PAI0205]"]);
    let second = format!("é: ü\n---\n{plain}...\n---\n# ende\n{plain}");
    assert_eq!(places(&second), ["a.yaml:6:23 error[PAI0205]", "a.yaml:13:23 error[PAI0205]"]);
}

#[test]
fn one_broken_document_does_not_hide_the_others() {
    let text = "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: a\n---\napiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: b}\nspec: {}\n";
    assert_eq!(places(text), ["a.yaml:3:18 error[PAI0101]", "a.yaml:8:1 error[PAI0206]"]);
}

#[test]
fn a_broken_provider_is_not_reported_as_missing() {
    let agent = "---\napiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: a}\nspec: {models: [anthropic/claude-sonnet-4-6]}\n";
    let broken = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata:\n  name: anthropic\nspec: {provider: anthropic\n";
    assert_eq!(places(&format!("{broken}{agent}")), ["a.yaml:5:26 error[PAI0101]"]);
    let invalid = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: anthropic}\nspec: {provider: antropic}\n";
    assert_eq!(places(&format!("{invalid}{agent}")), ["a.yaml:4:18 error[PAI0208]"]);
}

#[test]
fn documents_of_others_are_left_in_peace() {
    let others = "apiVersion: v1\nkind: ConfigMap\ndata: {a: yes, <<: *x}\n---\nkind: Agent\napiVersion: example.com/v1\n---\n\
                  {{ if .Values.on }}\n---\nreplicas: 3\n";
    assert_eq!(places(others), Vec::<String>::new());
}

#[test]
fn a_secret_is_never_printed() {
    let text = SEED.replace("key: api-key", "key: sk-ant-api03-AbCdEf0123456789 # or pak_AbCdEf0123456789");
    let sources = Sources::new([("a.yaml", text.replace("name: alice", "name: pak_AbCdEf0123456789"))]);
    let diagnostics = compile(&sources).diagnostics;
    let printed = human(&diagnostics, &sources, LOOK) + &short(&diagnostics, &sources);
    assert!(printed.contains("PAI0305"), "{printed}");
    assert!(!printed.contains("AbCdEf"), "{printed}");
}

#[test]
fn an_alias_is_expanded_and_a_bomb_is_refused() {
    let good = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: &m {name: &n a, labels: {app: *n}}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    assert_eq!(places(good), Vec::<String>::new());
    let levels =
        (1..40).map(|level| format!("x{level}: &x{level} [*x{0}, *x{0}]\n", level - 1)).collect::<Vec<_>>();
    let bomb = format!("apiVersion: pai.io/v1\nkind: ModelProvider\nx0: &x0 [a, a]\n{}", levels.concat());
    assert!(places(&bomb).iter().any(|place| place.contains("PAI0108")), "{:?}", places(&bomb));
}

#[test]
fn a_hostile_file_is_refused_in_little_time() {
    let deep = format!("apiVersion: pai.io/v1\nkind: Agent\nspec: {}", "[".repeat(100_000));
    assert!(!places(&deep).is_empty());
    let chain =
        (1..30).map(|n| format!("x{n}: &x{n} [[[[[[*x{}]]]]]]\n", n - 1)).collect::<Vec<_>>().concat();
    let tall = format!("apiVersion: pai.io/v1\nkind: ModelProvider\nx0: &x0 a\n{chain}");
    assert!(places(&tall).iter().any(|place| place.contains("PAI0105")));
    let fields = (0..5_000).map(|n| format!("a{n}: é,")).collect::<Vec<_>>().concat();
    let wide = format!("{{apiVersion: pai.io/v1, kind: Agent, metadata: {{name: a}}, spec: {{{fields}}}}}");
    assert_eq!(places(&wide).len(), 5_001);
}

#[test]
fn a_finding_shows_few_lines_however_long_the_file_and_its_lines_are() {
    let guard = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n---\n";
    let far = format!("{}{guard}{}{guard}", "# one\n".repeat(3_000), "# two\n".repeat(3_000));
    let models: Vec<String> = (0..3_000).map(|n| format!("\"model-{n}\"")).collect();
    let long = format!(
        "{{\"apiVersion\":\"pai.io/v1\",\"kind\":\"ModelProvider\",\"metadata\":{{\"name\":\"a\"}},\"spec\":{{\"allowedModels\":[{}],\"modles\":1,\"provider\":\"vllm\",\"endpoint\":\"http://a/v1\"}}}}",
        models.join(",")
    );
    for (text, place) in [(far, "a.yaml:6008:18"), (long, "a.yaml:1:")] {
        let sources = Sources::new([("a.yaml", text)]);
        let drawn = human(&compile(&sources).diagnostics, &sources, LOOK);
        assert!(drawn.lines().count() < 30 && drawn.len() < 2_000 && drawn.contains(place), "{drawn}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_compiler_panic(text in "\\PC{0,200}") {
        let sources = Sources::new([("a.yaml", format!("apiVersion: pai.io/v1\n{text}")), ("b.cedar", text.clone())]);
        let compiled = compile(&sources);
        human(&compiled.diagnostics, &sources, LOOK);
    }

    #[test]
    fn no_yaml_makes_the_compiler_panic(text in "([a-c&*!<>|'\"\\[\\]{}:,#? \n-]|\r\n|é|key: |- |apiVersion: pai.io/v1\n|kind: Agent\n|---\n|spec:\n  ){0,60}") {
        let sources = Sources::new([("a.yaml", text.clone()), ("b.yaml", format!("apiVersion: pai.io/v1\nkind: Agent\n{text}"))]);
        let compiled = compile(&sources);
        human(&compiled.diagnostics, &sources, LOOK);
        short(&compiled.diagnostics, &sources);
    }

    #[test]
    fn any_cut_of_a_good_file_is_survived(cut in 0..SEED.len(), more in "\\PC{0,10}") {
        let text = format!("{}{more}{}", &SEED[..cut], &SEED[cut..]);
        let sources = Sources::new([("a.yaml", text)]);
        let compiled = compile(&sources);
        human(&compiled.diagnostics, &sources, LOOK);
    }
}

proptest! {
    // Each case builds a bundle.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_model_pattern_stays_one_forbid(model in "[^\\s\\p{Cc}]{1,12}") {
        let sources = with_model(&model);
        let compiled = compile(&sources);
        let report = short(&compiled.diagnostics, &sources);
        prop_assert!(compiled.bundle.is_some() || ["PAI0305", "PAI0209", "PAI0314"].iter().any(|code| report.contains(code)), "{report}");
    }
}
