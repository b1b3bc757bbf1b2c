//! Edits, by table: what a person would have written, and what cannot be edited in place.

use serde_json::{Value, json};

use super::*;
use crate::manifest::Kind;

mod any;

const HEAD: &str = "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: a}\n";

fn target(name: &str) -> Target {
    let name = name.parse().expect("a name");
    let namespace = "default".parse().expect("a name");
    Target { kind: Kind::Agent, name: pai_bundle::name::QualifiedName::new(namespace, name) }
}

/// The value of a document as the compiler has it.
fn value(text: &str) -> Value {
    schema::settled(Kind::Agent, &Page::read(text).expect("readable").document)
}

/// The spec of an agent `a`, before and after a change of its value.
fn edited(spec: &str, change: impl Fn(&mut Value)) -> Result<String, EditError> {
    let text = format!("{HEAD}{spec}");
    let mut want = value(&text);
    change(&mut want);
    let new = set(&text, &target("a"), &want)?;
    assert_eq!(value(&new), want, "{new}");
    Ok(new.strip_prefix(HEAD).expect("the same head").to_owned())
}

fn put(pointer: &'static str, key: &'static str, to: Value) -> Box<dyn Fn(&mut Value)> {
    Box::new(move |value| value.pointer_mut(pointer).expect("there")[key] = to.clone())
}

fn drop_key(pointer: &'static str, key: &'static str) -> Box<dyn Fn(&mut Value)> {
    Box::new(move |value| {
        let fields = value.pointer_mut(pointer).and_then(Value::as_object_mut).expect("there");
        fields.remove(key).expect("there");
    })
}

fn push(pointer: &'static str, item: Value) -> Box<dyn Fn(&mut Value)> {
    Box::new(move |value| {
        value.pointer_mut(pointer).and_then(Value::as_array_mut).expect("a list").push(item.clone());
    })
}

fn drop_item(pointer: &'static str, at: usize) -> Box<dyn Fn(&mut Value)> {
    Box::new(move |value| {
        value.pointer_mut(pointer).and_then(Value::as_array_mut).expect("a list").remove(at);
    })
}

type Case = (&'static str, Box<dyn Fn(&mut Value)>, &'static str);

fn check(cases: Vec<Case>) {
    for (before, change, after) in cases {
        assert_eq!(edited(before, change).as_deref(), Ok(after), "{before}");
    }
}

#[test]
fn a_value_is_changed_where_it_stands() {
    check(vec![
        (
            "spec:\n  tokens:\n    # why\n    maxPerDay: 5_000_000   # a lot\n",
            put("/spec/tokens", "maxPerDay", json!(12_000_000)),
            "spec:\n  tokens:\n    # why\n    maxPerDay: 12_000_000   # a lot\n",
        ),
        (
            "spec:\n  image: 'it''s'\n  type: \"x\" # t\n",
            put("/spec", "image", json!("let's")),
            "spec:\n  image: 'let''s'\n  type: \"x\" # t\n",
        ),
        (
            "spec:\n  image: |  # long\n    one\n    two\n\n  type: x\n",
            put("/spec", "image", json!("three")),
            "spec:\n  image: three\n\n  type: x\n",
        ),
        (
            "spec:\n  image:  # none yet\n",
            put("/spec", "image", json!("x")),
            "spec:\n  image: x  # none yet\n",
        ),
        ("spec: {image: , type: x}\n", put("/spec", "image", json!("w")), "spec: {image: w, type: x}\n"),
        (
            "spec:\n  models: a  # not a list\n  type: x\n",
            put("/spec", "models", json!(["a/b"])),
            "spec:\n  models:  # not a list\n    - a/b\n  type: x\n",
        ),
        (
            "spec:\n  models:\n  - a/b\n  - c/d # d\n  type: x\n",
            put("/spec", "models", json!([])),
            "spec:\n  models: [] # d\n  type: x\n",
        ),
        (
            "spec:\n  models:   # which\n    - a/b\n  type: x\n",
            put("/spec", "models", json!([])),
            "spec:\n  models:   # which\n    []\n  type: x\n",
        ),
        ("spec:\n  models: []\n", put("/spec", "models", json!(["a/b"])), "spec:\n  models:\n    - a/b\n"),
    ]);
}

#[test]
fn what_is_new_stands_where_a_person_would_write_it() {
    check(vec![
        (
            "spec:\n  models:\n  - a/b   # first\n  # - c/d\n\n  # budgets\n  tokens: {maxPerDay: 1}\n",
            push("/spec/models", json!("e/f")),
            "spec:\n  models:\n  - a/b   # first\n  - e/f\n  # - c/d\n\n  # budgets\n  tokens: {maxPerDay: 1}\n",
        ),
        (
            "spec:\n  models: [ a/b, c/d ] # two\n",
            push("/spec/models", json!("e/f")),
            "spec:\n  models: [ a/b, c/d, e/f ] # two\n",
        ),
        (
            "spec:\n  models: [\n    a/b, # one\n    c/d # two\n  ]\n",
            push("/spec/models", json!("e/f")),
            "spec:\n  models: [\n    a/b, # one\n    c/d, # two\n    e/f\n  ]\n",
        ),
        (
            "spec:\n  models: [\n    a/b,\n    c/d,\n  ]\n",
            push("/spec/models", json!("e/f")),
            "spec:\n  models: [\n    a/b,\n    c/d,\n    e/f,\n  ]\n",
        ),
        (
            "spec:\n  tokens:\n    maxPerDay: 1\n    # maxPerRequest: 2\n  # the end\n",
            put("/spec", "type", json!("x")),
            "spec:\n  tokens:\n    maxPerDay: 1\n    # maxPerRequest: 2\n  type: x\n  # the end\n",
        ),
        ("spec:\n  type: x", put("/spec", "image", json!("w")), "spec:\n  type: x\n  image: w\n"),
        (
            "spec: {type: x}\n",
            put("/spec", "tokens", json!({"maxPerDay": 1})),
            "spec: {type: x, tokens: { maxPerDay: 1 }}\n",
        ),
        (
            "spec:\n  type: x\n",
            put("/spec", "credentials", json!([{"id": "x", "digest": "d: e"}])),
            "spec:\n  type: x\n  credentials:\n    - id: x\n      digest: \"d: e\"\n",
        ),
        (
            "spec:\n  credentials:\n    - id: x # one\n      digest: d\n",
            push("/spec/credentials", json!({"id": "w", "digest": "e"})),
            "spec:\n  credentials:\n    - id: x # one\n      digest: d\n    - id: w\n      digest: e\n",
        ),
        (
            "spec:\n  image: |+\n    a\n\n\n",
            put("/spec", "type", json!("w")),
            "spec:\n  image: |+\n    a\n\n\n  type: w\n",
        ),
    ]);
}

#[test]
fn lines_end_as_they_did() {
    let text = format!("{HEAD}spec:\n  type: x # t\n").replace('\n', "\r\n");
    let mut want = value(&text);
    want["spec"]["tokens"] = json!({"maxPerDay": 1});
    let expected = format!("{text}  tokens:\r\n    maxPerDay: 1\r\n");
    assert_eq!(set(&text, &target("a"), &want), Ok(expected));
}

#[test]
fn what_goes_takes_its_lines_with_it_and_no_others() {
    check(vec![
        (
            "spec:\n  # about type\n  type: x # gone\n\n  # about image\n  image: w\n",
            drop_key("/spec", "type"),
            "spec:\n  # about type\n\n  # about image\n  image: w\n",
        ),
        (
            "spec:\n  models:\n    - a/b # gone\n    # about c\n    - c/d\n",
            drop_item("/spec/models", 0),
            "spec:\n  models:\n    # about c\n    - c/d\n",
        ),
        (
            "spec:\n  env:\n    - name: a\n      value: b\n    - name: c # c\n      value: d\n",
            drop_key("/spec/env/0", "name"),
            "spec:\n  env:\n    - value: b\n    - name: c # c\n      value: d\n",
        ),
        (
            "spec:\n  env:\n    - name: a # gone\n      # about value\n      value: b\n",
            drop_key("/spec/env/0", "name"),
            "spec:\n  env:\n    -\n      # about value\n      value: b\n",
        ),
        ("spec: {type: x, image: w}\n", drop_key("/spec", "type"), "spec: {image: w}\n"),
        ("spec: {type: x, image: w }\n", drop_key("/spec", "image"), "spec: {type: x }\n"),
        (
            "spec:\n  models: [a/b, # b\n    c/d]\n",
            drop_item("/spec/models", 0),
            "spec:\n  models: [ # b\n    c/d]\n",
        ),
        (
            "spec:\n  credentials:\n    - id: x\n      digest: d\n    - {id: w, digest: e} # w\n",
            drop_item("/spec/credentials", 0),
            "spec:\n  credentials:\n    - {id: w, digest: e} # w\n",
        ),
    ]);
}

#[test]
fn what_stands_for_something_else_is_not_changed() {
    for (spec, line, what) in [
        ("spec:\n  models: &m [a/b]\n  type: x\n", 5, "an anchor"),
        ("spec:\n  type: x\n  image: !str w\n", 6, "a tag"),
    ] {
        let got = edited_text(&format!("{HEAD}{spec}"));
        assert_eq!(got, Err(EditError::Indirect { line, what }), "{spec}");
    }
    let twice = edited_text(&format!("{HEAD}spec:\n  type: x\n  type: w\n"));
    assert!(matches!(twice, Err(EditError::Unreadable { line: 6, .. })), "{twice:?}");
    let explicit = edited_text(&format!("{HEAD}spec:\n  ? type\n  : x\n"));
    assert_eq!(explicit, Err(EditError::Form { line: 5 }));
}

fn edited_text(text: &str) -> Result<String, EditError> {
    let want = json!({
        "apiVersion": "pai.io/v1", "kind": "Agent", "metadata": {"name": "a"},
        "spec": {"type": "z", "models": ["a/b"]},
    });
    set(text, &target("a"), &want)
}

#[test]
fn lines_are_those_of_the_file() {
    let text = format!(
        "# a\n{HEAD}spec: {{type: x}}\n---\n{}spec: {{type: &x w}}\n",
        HEAD.replace("name: a", "name: b")
    );
    let want = json!({"spec": 1});
    assert_eq!(set(&text, &target("b"), &want), Err(EditError::Indirect { line: 10, what: "an anchor" }));
    let missing = set(&text, &target("c"), &want).expect_err("not there");
    assert_eq!(missing.to_string(), "there is no agent `default/c` in it");
    let twice = format!("{text}---\n{HEAD}spec: {{}}\n");
    assert!(matches!(remove(&twice, &target("a")), Err(EditError::Twice { line: 11, .. })));
}

#[test]
fn documents_come_and_go_and_leave_the_others_as_they_were() {
    let one = format!("{HEAD}spec:\n  type: x # one\n");
    let other = format!("# about b\n{}spec:\n  type: w\n", HEAD.replace("name: a", "name: b"));
    let file = append(&append("# All of them.\n\n", &one), &other);
    assert_eq!(file, format!("# All of them.\n\n{one}---\n{other}"));
    assert_eq!(remove(&file, &target("b")), Ok(Some(format!("# All of them.\n\n{one}"))));
    assert_eq!(remove(&file, &target("a")), Ok(Some(format!("# All of them.\n---\n{other}"))));
    let without_head = append(&one, &other);
    assert_eq!(remove(&without_head, &target("a")), Ok(Some(other.clone())));
    assert_eq!(remove(&one, &target("a")), Ok(None));
    assert_eq!(document(&file, &target("b")).map(str::to_owned), Ok(format!("---\n{other}")));
    let modeline = format!("# yaml-language-server: $schema=x\n# about a\n{one}---\n{other}");
    assert_eq!(
        remove(&modeline, &target("a")),
        Ok(Some(format!("# yaml-language-server: $schema=x\n---\n{other}")))
    );
}

#[test]
fn what_is_rendered_is_read_as_the_same() {
    for text in [
        "",
        " ",
        "a",
        "1",
        "1_000",
        "yes",
        "null",
        "~",
        "- a",
        "a: b",
        "a #b",
        "#a",
        "a:",
        "*",
        "claude-*",
        "é",
        "a\nb",
        "2027-01-31",
        "10.0.0.0/8",
        "::1",
        "'",
        "\"",
        "\\",
        "{a}",
        "[a]",
        "a, b",
        "!x",
        "&x",
        "%x",
        "@x",
        "`x",
        "<<",
        "=",
        "0777",
        "1e3",
        "-",
        "?",
        "? a",
        "a\u{a0}b",
        "\t",
        "a\u{7f}",
        "http://h:80/v1?a=b#c",
    ] {
        let manifest = json!({"spec": {"env": [{"name": text, "value": [text, {"k": text}]}]}});
        let rendered = render(&manifest);
        assert_eq!(
            Page::read(&rendered).map(|page| page.document.root.to_value()),
            Ok(manifest.clone()),
            "{rendered}"
        );
        let in_brackets = format!("{}\n", render::flow(&manifest));
        let read = Page::read(&in_brackets).map(|page| page.document.root.to_value());
        assert_eq!(read, Ok(manifest), "{in_brackets}");
    }
}
