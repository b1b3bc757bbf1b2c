//! Definitions for Kubernetes: structural by the published rules, accepting the examples, and saying of conditions
//! between fields what the JSON Schemas say. No API server is at hand, so its rules are written down in `crds/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pai_compiler::schema::{Subject, crd, file};
use serde_json::{Value, json};

/// The rules about definitions themselves: names, versions, columns.
mod envelope;
/// The rules about schemas in definitions.
mod structural;
/// What an API server says of a resource.
mod admission;

use admission::Admission;

fn definitions() -> Vec<Value> {
    let text = crd::definitions(Subject::All).expect("definitions");
    text.split("---\n").map(|document| serde_yaml::from_str(document).expect("YAML")).collect()
}

fn schema_of(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

fn definition_of(kind: &str) -> Value {
    let found = definitions().into_iter().find(|definition| definition["spec"]["names"]["kind"] == kind);
    found.expect("a definition")
}

/// All that an API server would have against a definition.
fn problems(definition: &Value) -> Vec<String> {
    let mut found = envelope::problems(definition);
    found.extend(structural::problems(schema_of(definition)));
    found
}

#[test]
fn definitions_keep_the_rules_of_structural_schemas() {
    let definitions = definitions();
    assert_eq!(definitions.len(), 4);
    for definition in &definitions {
        assert_eq!(problems(definition), Vec::<String>::new());
    }
    let mut names = BTreeSet::new();
    for definition in &definitions {
        let own = &definition["spec"]["names"];
        let short = own["shortNames"].as_array().expect("names");
        for name in short.iter().chain([&own["plural"], &own["singular"]]) {
            assert!(names.insert(name.to_string()), "{name} is taken");
        }
    }
    assert!(names.contains("\"model-providers\""), "as `pai get model-providers`");
}

/// Puts a value at a pointer, whose last part may be new; null takes away.
fn put(target: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    let parent = target.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {parent}"));
    match parent {
        Value::Object(fields) if value.is_null() => {
            assert!(fields.remove(field).is_some(), "nothing at {pointer}");
        }
        Value::Object(fields) => {
            fields.insert(field.to_owned(), value);
        }
        _ => panic!("{pointer} is not in an object"),
    }
}

/// The checker finds what it is there to find: each change alone is noticed, and named.
#[test]
fn each_broken_rule_of_schemas_is_noticed() {
    const SPEC: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    let whole = definition_of("ModelProvider");
    let cases = [
        ("/properties/endpoint/type", Value::Null, "has no type"),
        ("/properties/endpoint/type", json!(["string", "null"]), "type must be"),
        ("/properties/endpoint/type", json!("text"), "type must be"),
        ("/properties/endpoint/$ref", json!("#/x"), "`$ref` is not allowed"),
        ("/properties/endpoint/const", json!("x"), "`const` is not allowed"),
        ("/properties/endpoint/examples", json!(["x"]), "`examples` is not allowed"),
        ("/properties/endpoint/pattern", json!("(?=x)"), "pattern"),
        ("/properties/endpoint/nullable", json!("yes"), "nullable must be"),
        ("/additionalProperties", json!(false), "additionalProperties"),
        ("/additionalProperties", json!({ "type": "string" }), "exclude each other"),
        ("/x-kubernetes-preserve-unknown-fields", json!(false), "must be true"),
        ("/if", json!({ "required": ["endpoint"] }), "`if` is not allowed"),
        ("/$defs", json!({}), "`$defs` is not allowed"),
        ("/properties/allowedModels/items", Value::Null, "has no items"),
        ("/properties/allowedModels/items", json!([{ "type": "string" }]), "items must be"),
        ("/properties/allowedModels/uniqueItems", json!(true), "uniqueItems"),
        ("/properties/guards/x-kubernetes-list-type", json!("bag"), "x-kubernetes-list-type"),
        ("/properties/guards/x-kubernetes-list-type", json!("map"), "x-kubernetes-list-map-keys"),
        (
            "/anyOf",
            json!([{ "required": ["endpoint"], "description": "x" }]),
            "`description` is not allowed within",
        ),
        (
            "/anyOf",
            json!([{ "properties": { "endpoint": { "type": "string" } } }]),
            "`type` is not allowed within",
        ),
        (
            "/not",
            json!({ "properties": { "endpoint": { "default": "x" } } }),
            "`default` is not allowed within",
        ),
        (
            "/oneOf",
            json!([{ "properties": { "endpoint": { "nullable": true } } }]),
            "`nullable` is not allowed within",
        ),
        ("/allOf", json!([{ "properties": { "stranger": { "minLength": 1 } } }]), "is not described outside"),
        ("/properties/retry/properties/maxAttempts/default", json!("three"), "the default does not fit"),
        ("/properties/retry/default", json!({ "maxAttempts": 3, "stranger": 1 }), "the default has a field"),
        ("/properties/retry/properties/maxAttempts/exclusiveMinimum", json!(0), "exclusiveMinimum must be"),
        ("/properties/provider/enum", json!([]), "enum"),
        ("/properties/provider/enum", json!([1]), "enum"),
        (
            "/x-kubernetes-validations",
            json!([{ "rule": "self.provider ==", "message": "m" }]),
            "does not parse",
        ),
        (
            "/x-kubernetes-validations",
            json!([{ "rule": "has(self.stranger)", "message": "m" }]),
            "no such field",
        ),
        ("/x-kubernetes-validations", json!([{ "message": "m" }]), "has no rule"),
        ("/x-kubernetes-validations", json!([{ "rule": "true", "says": "m" }]), "`says`"),
        (
            "/x-kubernetes-validations",
            json!([{ "rule": "true", "message": "a" }, { "rule": "true", "message": "b" }]),
            "stands twice",
        ),
    ];
    for (pointer, value, expected) in cases {
        let mut definition = whole.clone();
        put(&mut definition, &format!("{SPEC}{pointer}"), value.clone());
        let found = problems(&definition);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{pointer} = {value}: {found:?}");
    }
}

/// As above, for what stands around the schema.
#[test]
fn each_broken_rule_of_definitions_is_noticed() {
    let whole = definition_of("ModelProvider");
    let root = "/spec/versions/0/schema/openAPIV3Schema";
    for (pointer, value, expected) in [
        (format!("{root}/type"), json!("array"), "root"),
        (format!("{root}/default"), json!({}), "root"),
        (format!("{root}/properties/metadata/properties/labels"), json!({ "type": "object" }), "metadata"),
        (format!("{root}/properties/metadata/required"), json!(["name"]), "metadata"),
        (format!("{root}/properties/kind/type"), json!("object"), "kind"),
        ("/metadata/name".to_owned(), json!("model-providers.pai.io"), "metadata.name"),
        ("/spec/scope".to_owned(), json!("Global"), "scope"),
        ("/spec/group".to_owned(), json!("pai"), "group"),
        ("/spec/names/plural".to_owned(), json!("ModelProviders"), "plural"),
        ("/spec/names/listKind".to_owned(), json!("ModelProvider"), "listKind"),
        ("/spec/names/shortNames".to_owned(), json!(["m p"]), "shortNames"),
        ("/spec/versions/0/storage".to_owned(), json!(false), "storage"),
        ("/spec/versions/0/name".to_owned(), json!("V1"), "version"),
        ("/spec/versions/0/additionalPrinterColumns/0/type".to_owned(), json!("text"), "column"),
        ("/spec/versions/0/additionalPrinterColumns/0/jsonPath".to_owned(), json!("spec.provider"), "column"),
        (
            "/spec/versions/0/additionalPrinterColumns/0/jsonPath".to_owned(),
            json!(".spec.stranger"),
            "column",
        ),
        ("/spec/preserveUnknownFields".to_owned(), json!(true), "preserveUnknownFields"),
    ] {
        let mut definition = whole.clone();
        match pointer.rsplit_once("/0/additionalPrinterColumns/0/") {
            Some((versions, field)) => {
                let columns = format!("{versions}/0/additionalPrinterColumns/0");
                definition.pointer_mut(&columns).expect("a column")[field] = value.clone();
            }
            None => put(&mut definition, &pointer, value.clone()),
        }
        let found = problems(&definition);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{pointer} = {value}: {found:?}");
    }
}

/// A document as kubectl reads it, in the older YAML in which digits may be grouped.
fn as_kubectl_reads(value: &mut Value) {
    match value {
        Value::String(text) => {
            let grouped =
                text.contains('_') && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
            if let (true, Ok(number)) = (grouped, text.replace('_', "").parse::<u64>()) {
                *value = json!(number);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_kubectl_reads),
        Value::Object(fields) => fields.values_mut().for_each(as_kubectl_reads),
        _ => {}
    }
}

#[test]
fn examples_are_accepted_and_faults_in_them_are_not() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let definitions = definitions();
    let judges: BTreeMap<&str, Admission<'_>> = definitions
        .iter()
        .map(|definition| {
            let kind = definition["spec"]["names"]["kind"].as_str().expect("a kind");
            (kind, Admission::of(schema_of(definition)).expect("a schema"))
        })
        .collect();
    let mut seen = 0;
    for folder in ["quickstart", "seed", "github-actions/manifests"] {
        for entry in std::fs::read_dir(examples.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.to_string_lossy();
            if !name.ends_with(".yaml") || name.ends_with(".test.yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("text");
            for document in text.split("---\n") {
                let mut resource: Value = serde_yaml::from_str(document).expect("YAML");
                as_kubectl_reads(&mut resource);
                let judge = &judges[resource["kind"].as_str().expect("a kind")];
                assert_eq!(judge.refusals(&resource), Vec::<String>::new(), "{}", path.display());
                resource["spec"]["stranger"] = json!(1);
                assert_eq!(judge.refusals(&resource).len(), 1, "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 10, "{seen} documents");
}

/// Every combination of the choices for each field.
fn combinations(choices: &[(&str, &[Value])]) -> Vec<Value> {
    let mut all = vec![json!({})];
    for (field, values) in choices {
        let mut next = Vec::new();
        for spec in &all {
            for value in *values {
                let mut spec = spec.clone();
                if !value.is_null() {
                    spec[*field] = value.clone();
                }
                next.push(spec);
            }
        }
        all = next;
    }
    all
}

/// Conditions stand twice, in JSON Schema and in CEL. Both say the same of every combination of the fields concerned.
#[test]
fn conditions_say_in_cel_what_they_say_in_json_schema() {
    let combined = serde_json::from_str(&file::file(Subject::All).text).expect("a schema");
    let combined = jsonschema::validator_for(&combined).expect("a schema");
    let no = Value::Null;
    let kinds =
        ["anthropic", "openai", "gemini", "openrouter", "azure-openai", "vllm"].map(|kind| json!(kind));
    let access = [
        no.clone(),
        json!({ "enabled": false }),
        json!({ "enabled": false, "maxTokensPerDay": 1 }),
        json!({ "enabled": true, "maxTokensPerDay": 1 }),
    ];
    let providers = combinations(&[
        ("provider", &kinds),
        ("endpoint", &[no.clone(), json!("http://a/v1")]),
        ("apiVersion", &[no.clone(), json!("2024-10-21")]),
        ("apiKeySecretRef", &[no.clone(), json!({ "name": "a" })]),
        ("externalAccess", &access),
    ]);
    let agents = combinations(&[
        ("models", &[json!(["a/b"])]),
        ("longRunning", &[no.clone(), json!(false), json!(true)]),
        ("harness", &[no.clone(), json!("custom"), json!("other")]),
        ("image", &[no.clone(), json!("a")]),
        ("triggers", &[no.clone(), json!([]), json!([{ "schedule": "x" }])]),
    ]);
    let guards: Vec<Value> = combinations(&[
        ("type", &[no.clone(), json!("rules"), json!("promptGuard"), json!("custom")]),
        ("endpoint", &[no.clone(), json!("http://a")]),
        ("model", &[no.clone(), json!("a")]),
        ("auth", &[no.clone(), json!({ "secretRef": { "name": "a" } })]),
    ])
    .into_iter()
    .map(|classifier| json!({ "classifier": classifier }))
    .collect();
    for (kind, specs) in [("ModelProvider", providers), ("Agent", agents), ("GuardBinding", guards)] {
        let definition = definition_of(kind);
        let judge = Admission::of(schema_of(&definition)).expect("a schema");
        let (mut accepted, mut refused) = (0, 0);
        for spec in specs {
            let resource =
                json!({ "apiVersion": "pai.io/v1", "kind": kind, "metadata": { "name": "a" }, "spec": spec });
            let refusals = judge.refusals(&resource);
            assert_eq!(combined.is_valid(&resource), refusals.is_empty(), "{resource}: {refusals:?}");
            if refusals.is_empty() { accepted += 1 } else { refused += 1 }
        }
        assert!(accepted > 5 && refused > 5, "{kind}: {accepted} accepted, {refused} refused");
    }
}
