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
