//! The manifests of a workspace as data, for commands that list and print them. What is wrong with them beyond their own
//! form is not looked at: a list of what is there must not depend on what refers to what.

use pai_bundle::name::QualifiedName;
use pai_bundle::origin::Origin;
use serde_json::Value;

use crate::Sources;
use crate::diagnostic::Diagnostics;
use crate::manifest::{Kind, Resource as Manifest, Spec};
use crate::{schema, workspace};

/// One manifest that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// What it is.
    pub kind: Kind,
    /// Namespace and name.
    pub name: QualifiedName,
    /// Where it stands.
    pub origin: Origin,
    /// All of it, with numbers where its author wrote some with underscores.
    pub manifest: Value,
}

/// Every manifest that can be read, by kind and name, and what is wrong with the others.
pub fn read(sources: &Sources) -> (Vec<Resource>, Diagnostics) {
    let mut found = Diagnostics::default();
    let workspace = workspace::read(sources, &mut found);
    let mut all = Vec::new();
    all.extend(workspace.providers.iter().map(|manifest| resource(manifest, sources)));
    all.extend(workspace.agents.iter().map(|manifest| resource(manifest, sources)));
    all.extend(workspace.access_keys.iter().map(|manifest| resource(manifest, sources)));
    all.extend(workspace.guards.iter().map(|manifest| resource(manifest, sources)));
    all.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    (all, found.sorted())
}

/// A place where one manifest names another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referring {
    /// What names it.
    pub kind: Kind,
    /// Its namespace and name.
    pub name: QualifiedName,
    /// Where, and in which field.
    pub origin: Origin,
}

/// Everything that refers to a resource, by kind and name.
pub fn referring(sources: &Sources, kind: Kind, name: &QualifiedName) -> Vec<Referring> {
    let workspace = workspace::read(sources, &mut Diagnostics::default());
    let mut all = Vec::new();
    all.extend(workspace.providers.iter().flat_map(|from| places(from, sources, kind, name)));
    all.extend(workspace.agents.iter().flat_map(|from| places(from, sources, kind, name)));
    all.extend(workspace.access_keys.iter().flat_map(|from| places(from, sources, kind, name)));
    all.sort_by(|a, b| (a.kind, &a.name, &a.origin.field).cmp(&(b.kind, &b.name, &b.origin.field)));
    all
}

/// The places in a manifest that name it; what has another namespace names something else.
fn places<S: Spec>(
    from: &Manifest<S>,
    sources: &Sources,
    kind: Kind,
    name: &QualifiedName,
) -> Vec<Referring> {
    let mut found = Vec::new();
    if from.name.namespace != name.namespace {
        return found;
    }
    from.document.root.walk(&mut |pointer, _, node| {
        let Some(text) = node.text() else { return };
        let parts: Vec<&str> = pointer.split('/').skip(1).collect();
        let names = match (kind, parts.as_slice()) {
            (Kind::ModelProvider, ["spec", "models" | "fallbacks", _]) => text.split('/').next(),
            (Kind::ModelProvider, ["spec", "allowedModels", _]) if S::KIND == Kind::AccessKey => {
                text.split_once('/').map(|(provider, _)| provider)
            }
            (Kind::ModelProvider, ["spec", "providers", _]) if S::KIND == Kind::AccessKey => Some(text),
            (Kind::GuardBinding, ["spec", "guards", _, "binding"]) => Some(text),
            _ => None,
        };
        if names == Some(name.name.as_str()) {
            let field = parts.iter().fold(String::new(), |field, part| match part.parse::<usize>() {
                Ok(at) => format!("{field}[{at}]"),
                Err(_) if field.is_empty() => (*part).to_owned(),
                Err(_) => format!("{field}.{part}"),
            });
            let origin = sources.origin(node.span, &field);
            found.push(Referring { kind: S::KIND, name: from.name.clone(), origin });
        }
    });
    found
}

fn resource<S: Spec>(manifest: &Manifest<S>, sources: &Sources) -> Resource {
    Resource {
        kind: S::KIND,
        name: manifest.name.clone(),
        origin: sources.origin(manifest.document.root.span, ""),
        manifest: schema::settled(S::KIND, &manifest.document),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_refers_to_a_resource_is_found_with_its_place() {
        let text = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec:\n  provider: vllm\n  endpoint: http://a/v1\n  fallbacks: [b/m]\n\
                    ---\napiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: c}\nspec:\n  models: [a/m, b/m]\n  guards: [{binding: b, scan: {prompts: true}}]\n\
                    ---\napiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: d}\nspec: {providers: [b], allowedModels: [b/m, bb/m]}\n\
                    ---\napiVersion: pai.io/v1\nkind: AccessKey\nmetadata: {name: d, namespace: other}\nspec: {providers: [b]}\n";
        let sources = Sources::new([("a.yaml", text)]);
        let name: QualifiedName = "default/b".parse().expect("a name");
        let places = |kind| {
            let all = referring(&sources, kind, &name).into_iter();
            all.map(|from| format!("{} {} {}", from.name, from.origin, from.origin.field)).collect::<Vec<_>>()
        };
        assert_eq!(
            places(Kind::ModelProvider),
            [
                "default/a a.yaml:7:15 spec.fallbacks[0]",
                "default/c a.yaml:13:17 spec.models[1]",
                "default/d a.yaml:19:40 spec.allowedModels[0]",
                "default/d a.yaml:19:20 spec.providers[0]",
            ]
        );
        assert_eq!(places(Kind::GuardBinding), ["default/c a.yaml:14:22 spec.guards[0].binding"]);
        assert!(places(Kind::Agent).is_empty());
    }

    #[test]
    fn what_can_be_read_is_listed_and_the_rest_is_reported() {
        let provider = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec:\n  provider: vllm\n  endpoint: http://a/v1\n  maxTokensPerDay: 5_000\n";
        let agent = "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: b}\nspec: {models: [nowhere/m]}\n";
        let wrong = "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: c}\nspec: {}\n";
        let sources =
            Sources::new([("1.yaml", agent), ("2.yaml", wrong), ("3.yaml", "a: 1\n"), ("4.yaml", provider)]);
        let (all, found) = read(&sources);
        let listed: Vec<String> =
            all.iter().map(|resource| format!("{} {}", resource.name, resource.origin)).collect();
        assert_eq!(listed, ["default/a 4.yaml:1:1", "default/b 1.yaml:1:1"]);
        assert_eq!(all[0].manifest.pointer("/spec/maxTokensPerDay"), Some(&Value::from(5_000)));
        assert_eq!((found.len(), found.has_errors()), (1, true));
    }
}
