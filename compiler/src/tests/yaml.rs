//! YAML as people write it, and as they should not: what is read, and where a finding points.

use crate::diagnostic::render::short;
use crate::{Sources, compile};

const HEAD: &str = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata:\n  name: a\n";
const SPEC: &str = "spec:\n  provider: vllm\n  endpoint: http://a/v1\n";

fn said(text: &str) -> Vec<String> {
    let sources = Sources::new([("a.yaml", text)]);
    short(&compile(&sources).diagnostics, &sources).lines().map(ToOwned::to_owned).collect()
}

/// What is found when a label has this value.
fn label(value: &str) -> Vec<String> {
    said(&format!("{HEAD}  labels: {{app: {value}}}\n{SPEC}"))
}

/// Places and codes alone.
fn places(text: &str) -> Vec<String> {
    said(text).iter().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn text_that_readers_take_for_something_else_has_to_be_quoted() {
    for value in [
        "0777",
        "0o17",
        "0x1F",
        "1_000",
        "0_7",
        "1_000.5",
        "1e3",
        ".inf",
        "-.INF",
        ".NaN",
        "yes",
        "Off",
        "y",
        "N",
        "1:30",
        "190:20:30",
        "2027-01-31",
        "2027-01-31T10:00:00Z",
        "2027-01-31 10:00:00",
        "99999999999999999999",
        "=",
        "<<",
    ] {
        let expected = format!("a.yaml:5:17: error[PAI0107]: YAML readers do not agree on `{value}`");
        assert_eq!(label(value), [expected], "{value}");
        assert_eq!(label(&format!("'{value}'")), [] as [&str; 0], "'{value}'");
    }
    for value in ["~", "null", "Null", ""] {
        let said = label(value);
        assert!(
            matches!(said.as_slice(), [one] if one.contains("PAI0207") && one.contains("has no value")),
            "{said:?}"
        );
    }
    for value in ["true", "12", "-1.5", "+1", ".5"] {
        let said = label(value);
        assert!(matches!(said.as_slice(), [one] if one.contains("must be text")), "{said:?}");
    }
    for value in
        ["v1", "1.2.3", "10.0.0.0/8", "nan", "2027-01-31-rc1", "a:b", "é", "1 2", "<<x", "yes!", "4o"]
    {
        assert_eq!(label(value), [] as [&str; 0], "{value}");
    }
}

#[test]
fn fields_for_numbers_and_times_take_what_their_authors_write() {
    let cap = |value: &str| said(&format!("{HEAD}{SPEC}  maxTokensPerDay: {value}\n"));
    for value in ["5000000", "5_000_000", "+5"] {
        assert_eq!(cap(value), [] as [&str; 0], "{value}");
    }
    for value in ["05", "0x10", "5e6", "1:30"] {
        assert_eq!(
            cap(value),
            [format!("a.yaml:8:20: error[PAI0107]: YAML readers do not agree on `{value}`")]
        );
    }
    for value in ["'5_000'", "0_7", "5.5", "lots"] {
        assert!(
            matches!(cap(value).as_slice(), [one] if one.contains("PAI0207")),
            "{value}: {:?}",
            cap(value)
        );
    }
    assert_eq!(
        cap("5.0"),
        ["a.yaml:8:20: error[PAI0212]: the value of `spec.maxTokensPerDay` cannot be used"]
    );
    let provider = format!("{HEAD}{SPEC}  externalAccess: {{enabled: true}}\n");
    let key = |value: &str| {
        said(&format!(
            "{provider}---\napiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {{name: b}}\nspec: {{providers: [a], expires: {value}}}\n"
        ))
    };
    for value in ["2027-01-31", "2027-01-31T10:00:00Z", "'2027-01-31'"] {
        assert_eq!(key(value), [] as [&str; 0], "{value}");
    }
    assert!(
        matches!(key("2027-1-31").as_slice(), [one] if one.contains("PAI0209")),
        "{:?}",
        key("2027-1-31")
    );
    let azure = |value: &str| {
        said(&format!(
            "{HEAD}spec: {{provider: azure-openai, endpoint: 'http://a', apiKeySecretRef: {{name: k}}, apiVersion: {value}}}\n"
        ))
    };
    assert!(
        matches!(azure("2024-10-21").as_slice(), [one] if one.contains("PAI0107")),
        "{:?}",
        azure("2024-10-21")
    );
    assert_eq!(azure("'2024-10-21'"), [] as [&str; 0]);
}

#[test]
fn keys_are_names() {
    for key in ["~", "null", "''", "true", "1", "1.5", "[b]", "{b: c}"] {
        let said = said(&format!("{HEAD}  labels: {{{key} : c}}\n{SPEC}"));
        assert!(
            key == "''" || matches!(said.as_slice(), [one] if one.contains("PAI0106")),
            "{key}: {said:?}"
        );
    }
    for key in ["on", "y", "1_0:30", "0777"] {
        let said = said(&format!("{HEAD}  labels: {{{key} : c}}\n{SPEC}"));
        assert!(matches!(said.as_slice(), [one] if one.contains("PAI0107")), "{key}: {said:?}");
    }
    assert_eq!(
        places(&format!("{HEAD}  labels: {{b: c, \"\\x62\": d}}\n{SPEC}")),
        ["a.yaml:5:18 error[PAI0102]"]
    );
}

#[test]
fn a_finding_in_an_alias_points_at_the_alias() {
    let text = format!("{HEAD}{SPEC}  retry: &r\n    maxAttempts: 3\n  externalAccess: *r\n");
    assert_eq!(places(&text), ["a.yaml:10:3 error[PAI0206]", "a.yaml:10:19 error[PAI0205]"]);
    let text = format!("{HEAD}{SPEC}  maxTokensPerDay: &n 5_000\n  maxTokensPerRequest: *n\n");
    assert_eq!(places(&text), [] as [&str; 0]);
    let text = format!("{HEAD}{SPEC}  maxTokensPerDay: &n lots\n  maxTokensPerRequest: *n\n");
    assert_eq!(places(&text), ["a.yaml:8:20 error[PAI0207]", "a.yaml:9:24 error[PAI0207]"]);
    let other = format!("{HEAD}  labels: &l {{app: b}}\n{SPEC}---\n{HEAD}  labels: *l\n{SPEC}");
    assert!(
        matches!(said(&other).as_slice(), [one] if one.contains("a.yaml:14:11: error[PAI0101]")),
        "{:?}",
        said(&other)
    );
}

#[test]
fn merge_keys_are_refused_and_quoted_ones_are_keys() {
    let text = format!(
        "{HEAD}{SPEC}  retry: &r {{maxAttempts: 3}}\n  externalAccess:\n    <<: *r\n    enabled: true\n"
    );
    assert_eq!(places(&text), ["a.yaml:10:5 error[PAI0104]"]);
    assert_eq!(said(&format!("{HEAD}  labels: {{'<<': b}}\n{SPEC}")), [] as [&str; 0]);
}

#[test]
fn bombs_of_aliases_and_anchors_are_refused() {
    let lists = (1..12).map(|n| format!("x{n}: &x{n} [{}]\n", format!("*x{}, ", n - 1).repeat(10)));
    let bomb = format!("apiVersion: pai.io/v1\nkind: Agent\nx0: &x0 [a]\n{}", lists.collect::<String>());
    assert!(said(&bomb).iter().any(|line| line.contains("PAI0108")));
    // One large value, used often.
    let wide =
        format!("{HEAD}  labels: {{}}\nx: &x [{}]\ny: [{}]\n", "a, ".repeat(5_000), "*x, ".repeat(5_000));
    assert!(said(&wide).iter().any(|line| line.contains("PAI0108")));
    // Anchors within anchors, each around nearly everything: read in proportion to the text.
    let nested = (0..60).map(|n| format!("{}a{n}: &a{n}\n", "  ".repeat(n))).collect::<Vec<_>>().concat();
    let text = format!(
        "apiVersion: pai.io/v1\nkind: Agent\n{nested}{}z: [{}]\n",
        "  ".repeat(60),
        "a, ".repeat(20_000)
    );
    assert!(said(&text).iter().any(|line| line.contains("PAI0205")));
}

#[test]
fn line_ends_marks_and_directives_move_no_place() {
    let bad = format!("{HEAD}{SPEC}  modles: 1\n");
    let second = bad.replace("name: a", "name: b");
    for (text, expected) in [
        (bad.replace('\n', "\r\n"), "a.yaml:8:3 error[PAI0205]"),
        (format!("\u{feff}{bad}"), "a.yaml:8:3 error[PAI0205]"),
        (format!("%YAML 1.2\n---\n{bad}"), "a.yaml:10:3 error[PAI0205]"),
        (format!("# é\n\n--- # {{\n{bad}..."), "a.yaml:11:3 error[PAI0205]"),
        (format!("{HEAD}{SPEC}...\n{second}"), "a.yaml:16:3 error[PAI0205]"),
        (format!("{HEAD}{SPEC}...\n# c\n%YAML 1.2\n---\n{second}...\n...\n"), "a.yaml:19:3 error[PAI0205]"),
        (format!("{HEAD}{SPEC}---\n---\n{second}---\n"), "a.yaml:17:3 error[PAI0205]"),
        (bad.replace("name: a\n", "name: a \t\n"), "a.yaml:8:3 error[PAI0205]"),
        (bad.replace("modles", "na\u{200b}me"), "a.yaml:8:3 error[PAI0205]"),
    ] {
        assert_eq!(places(&text), [expected], "{text:?}");
    }
    let marked = format!("{HEAD}{SPEC}\u{feff}---\n{second}");
    assert!(said(&marked).iter().any(|line| line.contains("byte order mark")), "{:?}", said(&marked));
}

#[test]
fn block_scalars_are_text_of_any_layout() {
    let block = "  annotations:\n    two: |2-\n        two\n      more\n    folded: >+\n      folded\n      text\n\n    quoted: \"double \\\n      quoted\"\n    empty: |\n";
    assert_eq!(places(&format!("{HEAD}{block}{SPEC}  modles: 1\n")), ["a.yaml:19:3 error[PAI0205]"]);
    assert_eq!(
        places(&format!("{HEAD}{SPEC}  maxTokensPerDay: |\n    lots\n    of\n")),
        ["a.yaml:9:5 error[PAI0207]"]
    );
    let marker = format!("{HEAD}  annotations:\n    text: |\n      a\n---\n{HEAD}{SPEC}  modles: 1\n");
    assert_eq!(places(&marker), ["a.yaml:2:1 error[PAI0206]", "a.yaml:16:3 error[PAI0205]"]);
}

#[test]
fn tabs_and_tags_and_unprintable_characters_are_refused_where_they_stand() {
    let good = format!("{HEAD}{SPEC}");
    for (from, to, expected) in [
        ("  name", "\tname", "a.yaml:4:1 error[PAI0101]"),
        // The reader stops at the line before, which it takes to go on.
        ("name: a", "name: a\n\t x", "a.yaml:5:1 error[PAI0101]"),
        ("name: a", "name:\ta", "a.yaml:4:9 error[PAI0101]"),
        ("name: a", "na\0me: a", "a.yaml:4:5 error[PAI0101]"),
        ("name: a", "name: !!str a", "a.yaml:4:9 error[PAI0103]"),
        ("name: a", "name: *a", "a.yaml:4:9 error[PAI0101]"),
    ] {
        assert_eq!(places(&good.replace(from, to)), [expected], "{to:?}");
    }
}

#[test]
fn manifests_in_lists_are_not_passed_over() {
    let item = format!("- {}", format!("{HEAD}{SPEC}").replace('\n', "\n  "));
    for text in [item.clone(), format!("apiVersion: v1\nkind: List\nitems:\n{item}")] {
        assert!(matches!(said(&text).as_slice(), [one] if one.contains("PAI0201")), "{:?}", said(&text));
    }
    assert_eq!(said("apiVersion: v1\nkind: List\nitems: [{kind: Pod, note: pai.io}]\n"), [] as [&str; 0]);
}

#[test]
fn large_and_deep_files_are_read_in_proportion() {
    let fields = (0..10_000).map(|n| format!("  a{n}: b\n")).collect::<Vec<_>>().concat();
    assert_eq!(said(&format!("{HEAD}{SPEC}{fields}")).len(), 10_000);
    let labels = (0..10_000).map(|n| format!("    a{n}: 1\n")).collect::<Vec<_>>().concat();
    assert_eq!(said(&format!("{HEAD}  labels:\n{labels}{SPEC}")).len(), 10_000);
    for deep in ["[".repeat(100_000), "{a: ".repeat(50_000), format!("\n {}a", "- ".repeat(50_000))] {
        let said = said(&format!("{HEAD}spec: {deep}\n"));
        assert!(!said.is_empty() && said.len() < 10, "{}", said.len());
    }
}
