//! `docs/policies.md`: each rule on the page is compiled, and the cases under it are run, with the rule and without.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const MANIFESTS: &str = "\
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: anthropic}
spec:
  provider: anthropic
  apiKeySecretRef: {name: anthropic-key}
  maxTokensPerDay: 1000000
  externalAccess: {enabled: true}
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata: {name: local}
spec: {provider: vllm, endpoint: 'http://models.example/v1', externalAccess: {enabled: true}}
---
apiVersion: pai.io/v1
kind: Agent
metadata: {name: coder}
spec:
  models: [anthropic/claude-sonnet-4-6, anthropic/claude-haiku-4-5, local/llama]
  guards: [{binding: injection, scan: {prompts: true, toolResults: ['*']}, enforcement: audit}]
---
apiVersion: pai.io/v1
kind: GuardBinding
metadata: {name: injection}
spec: {classifier: {type: rules}}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: laptop}
spec: {providers: [anthropic]}
---
apiVersion: pai.io/v1
kind: AccessKey
metadata: {name: ci}
spec: {providers: [anthropic, local]}
";

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policies.md");
    std::fs::read_to_string(path).expect("the page")
}

/// The blocks of a language, in order.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let open = format!("```{language}\n");
    page.split(open.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect()
}

fn tested(rule: Option<&str>, cases: &str) -> (i32, String) {
    let folder = TempDir::new().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("manifests.yaml", MANIFESTS);
    write("access.test.yaml", cases);
    if let Some(rule) = rule {
        write("house.cedar", rule);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_pai"));
    let output = command.args(["test", "."]).current_dir(folder.path()).output().expect("started");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("an exit code"), String::from_utf8(said).expect("text"))
}

#[test]
fn every_rule_does_what_its_cases_say_and_nothing_does_without_it() {
    let page = page();
    let (rules, cases) = (blocks(&page, "cedar"), blocks(&page, "yaml"));
    // The first is the introduction's, which examples/quickstart has.
    let rules = rules.get(1..).expect("rules");
    assert_eq!(rules.len(), cases.len());
    assert!(rules.len() >= 7);
    for (rule, cases) in rules.iter().zip(cases) {
        let (code, said) = tested(Some(rule), cases);
        assert_eq!(code, 0, "{rule}\n{said}");
        let (code, said) = tested(None, cases);
        let refused = cases.matches("expect: refused").count();
        assert!(code == 1 && refused > 0, "{rule}\n{said}");
        assert_eq!(said.matches("\nFAIL").count() + usize::from(said.starts_with("FAIL")), refused, "{said}");
    }
}

#[test]
fn the_introductions_rule_is_taken() {
    let page = page();
    let rule = blocks(&page, "cedar").first().copied().expect("a rule");
    let cases = "cases:\n  - {key: laptop, model: claude-sonnet-4-6, tokens: 100_001, expect: refused, by: house/large-requests-on-haiku-only}\n";
    let (code, said) = tested(Some(rule), cases);
    assert_eq!(code, 0, "{said}");
}

/// Whatever the vocabulary has is on the page.
#[test]
fn the_tables_have_every_word_of_the_vocabulary() {
    let page = page();
    for line in pai_policies::vocabulary::SCHEMA.lines().map(str::trim).filter(|line| !line.starts_with("//"))
    {
        let field = line.split_once(':').map(|(name, _)| name.trim_end_matches('?'));
        let is_name = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        // What `appliesTo` and records consist of is no field of its own.
        let structure = ["principal", "resource", "context"];
        if let Some(field) = field.filter(is_name).filter(|field| !structure.contains(field)) {
            assert!(page.contains(&format!(".{field}`")), "{field} is not on the page");
        }
        for action in line
            .strip_prefix("action ")
            .into_iter()
            .flat_map(|rest| rest.split(" in ").next().unwrap_or_default().trim_end_matches(';').split(", "))
        {
            assert!(page.contains(&format!("Action::\"{action}\"")), "{action} is not on the page");
        }
    }
    for rule in pai_compiler::check::rules().filter(|rule| rule.code.starts_with("PAI04")) {
        let is_there = page.contains(&format!("[{}]", rule.code));
        assert!(is_there || rule.code == "PAI0401", "{} is not on the page", rule.code);
    }
}
