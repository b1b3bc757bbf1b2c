//! What reading YAML finds: the PAI01 rules. Their examples are whole documents of ours, since others are ignored.

use crate::diagnostic::{Rule, Severity};

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $code:literal $slug:literal $title:literal, $why:literal, $fails:literal => $passes:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: Rule = Rule {
            code: $code,
            name: $slug,
            title: $title,
            severity: Severity::Error,
            explanation: $why,
            fails: $fails,
            passes: $passes,
            check: None,
        };)*
        /// All of them, by code.
        pub(crate) static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    SYNTAX: "PAI0101" "yaml-syntax" "the text is not YAML",
        "The YAML reader stopped here. What it reports is often one line below the mistake: look for a missing colon, \
         a tab, a quote that is not closed, or lines that are not indented alike. Other documents and files were read.",
        "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: a\nspec:\n  models: [p/m]\n" =>
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    DUPLICATE_KEY: "PAI0102" "duplicate-key" "a key is there twice",
        "YAML readers keep either the first or the last of two equal keys, so two people read two manifests. Remove one.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec:\n  provider: vllm\n  endpoint: 'http://a/v1'\n  maxTokensPerDay: 5\n  maxTokensPerDay: 6\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec:\n  provider: vllm\n  endpoint: 'http://a/v1'\n  maxTokensPerDay: 5\n";
    TAG: "PAI0103" "tag" "tags have no meaning in a manifest",
        "A tag (`!text`) asks the reader to build something special from a value. Manifests are plain data.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: !!str a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    MERGE_KEY: "PAI0104" "merge-key" "merge keys are not read",
        "`<<` is an extension that YAML 1.2 does not have: some readers merge, others see a field of that name. Write the \
         fields out, or give the whole value an anchor (`&name`) and use it again with an alias (`*name`).",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {<<: {maxTokensPerDay: 5}, provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {maxTokensPerDay: 5, provider: vllm, endpoint: 'http://a/v1'}\n";
    DEPTH: "PAI0105" "too-deep" "values are nested too deeply",
        "No manifest needs more than a few levels, and a limit keeps a hostile file from using up the reader.",
        "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: a}\nspec: {models: [p/m], packages: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}\n---\napiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: p}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: a}\nspec: {models: [p/m], packages: [python3]}\n---\napiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: p}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    KEY: "PAI0106" "key-not-text" "a key is not text",
        "Keys of a manifest are names. Put quotes around a key that looks like a number or a truth value.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a, labels: {[x]: z}}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a, labels: {x: z}}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    AMBIGUOUS: "PAI0107" "ambiguous-scalar" "YAML readers do not agree on this value",
        "Without quotes, `no` is text to one reader and false to another, `0777` is 777 or 511, `1:30` is text or 90, and `2027-01-31` \
         is text or a date. Put quotes around text; write numbers as plain decimal digits. Integer fields take `1_000_000`, and \
         fields for a time take a day or a time as it is.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a, labels: {team: no}}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a, labels: {team: \"no\"}}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    ALIAS: "PAI0108" "alias" "an alias cannot be expanded",
        "An alias (`*name`) stands for a value that was given an anchor (`&name`) before it. It may not stand inside that \
         value, and all aliases of a document together may not stand for more than 10,000 values.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: &m {name: a, labels: *m}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: &n a, labels: {app: *n}}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
    SECOND_READER: "PAI0109" "second-reader" "two YAML readers read this differently",
        "Every manifest is read twice, by two independent YAML readers, because what they disagree on is what an attacker or \
         a tired person writes. Quote the value, or write it more plainly.",
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a, labels: {x: \"a\u{85}b\"}}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n" =>
        "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a, labels: {x: \"a\\x85b\"}}\nspec: {provider: vllm, endpoint: 'http://a/v1'}\n";
}
