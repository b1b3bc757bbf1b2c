//! A secret reference to which nothing belongs where the workspace is checked.

use pai_bundle::provider::SecretRef;

use crate::diagnostic::nearest::nearest;
use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity, mask};
use crate::graph::Graph;
use crate::manifest::{Resource, Spec, secret_ref};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0322",
    name: "missing-secret",
    title: "the secret is not there",
    severity: Severity::Warning,
    explanation: "A gateway that starts here would not find this secret, and would refuse every request that needs it. Store it with \
                  `pai add secret NAME --from-literal KEY=…`, mount it as the file NAME/KEY, or set the environment variable that \
                  the help names. Secrets are looked for where the command runs: in the folder given with `--secrets`, in the \
                  workspace's own store, and in the environment. Where there is no such folder nothing is said, as in a CI \
                  job that only checks manifests. Only names are compared; no value is read.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', apiKeySecretRef: {name: absent-key}}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', apiKeySecretRef: {name: present-key}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for provider in graph.providers.values() {
        if let Some(wanted) = &provider.spec.api_key_secret_ref {
            look_up(graph, provider, wanted, "/spec/apiKeySecretRef", found);
        }
    }
    for guard in graph.guards.values() {
        if let Some(auth) = &guard.spec.classifier.auth {
            look_up(graph, guard, &auth.secret_ref, "/spec/classifier/auth/secretRef", found);
        }
    }
}

fn look_up<S: Spec>(
    graph: &Graph,
    from: &Resource<S>,
    wanted: &secret_ref::SecretRef,
    field: &str,
    found: &mut Diagnostics,
) {
    let Some(names) = &graph.surroundings.secrets else { return };
    let wanted = SecretRef { name: wanted.name.clone(), key: wanted.key.clone() };
    // Instead of a name there may be the secret itself, which has been reported and is not repeated.
    if names.has(&wanted) || [&wanted.name, &wanted.key].iter().any(|text| mask::find(text, 0).is_some()) {
        return;
    }
    let keys: Vec<&str> = names
        .files
        .iter()
        .filter(|other| other.name == wanted.name)
        .map(|other| other.key.as_str())
        .collect();
    let (at, help) =
        match (keys.first(), nearest(&wanted.name, names.files.iter().map(|other| other.name.as_str()))) {
            (Some(key), _) => ("key", format!("secret `{}` has the key `{key}`", wanted.name)),
            (None, Some(near)) => ("name", format!("did you mean `{near}`?")),
            (None, None) => (
                "name",
                format!(
                    "store it with `pai add secret {} --from-literal {}=…`, or set {}",
                    wanted.name,
                    wanted.key,
                    wanted.variable()
                ),
            ),
        };
    let message =
        format!("there is no secret {} with the key {}", mask::shown(&wanted.name), mask::shown(&wanted.key));
    found.push(
        Diagnostic::new(&RULE, from.at(&format!("{field}/{at}")), message).label("not found here").help(help),
    );
}

#[cfg(test)]
mod tests {
    use pai_bundle::secret::SecretNames;

    use super::*;
    use crate::{Sources, Surroundings, check_within};

    const TEXT: &str = "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', apiKeySecretRef: {name: a-key}, guards: [{binding: a, scan: {prompts: true}}]}\n---\n\
                        apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: a}\nspec: {classifier: {endpoint: 'http://a', auth: {secretRef: {name: guard-key, key: token}}}}\n";

    fn with(secrets: Option<SecretNames>) -> Vec<String> {
        let surroundings = Surroundings { secrets, ..Surroundings::default() };
        let found = check_within(&Sources::new([("a.yaml", TEXT)]), &surroundings);
        found.iter().map(|finding| finding.help.clone().unwrap_or_default()).collect()
    }

    fn files(list: &[(&str, &str)]) -> SecretNames {
        let reference =
            |(name, key): &(&str, &str)| SecretRef { name: (*name).to_owned(), key: (*key).to_owned() };
        SecretNames { files: list.iter().map(reference).collect(), ..SecretNames::default() }
    }

    #[test]
    fn nothing_is_said_where_nothing_is_known_or_all_is_there() {
        assert_eq!(with(None), [] as [&str; 0]);
        let mut names = files(&[("a-key", "api-key")]);
        names.variables.insert("PAI_SECRET_GUARD_KEY_TOKEN".to_owned());
        assert_eq!(with(Some(names)), [] as [&str; 0]);
    }

    #[test]
    fn what_is_missing_is_named_with_what_is_near() {
        assert_eq!(
            with(Some(files(&[("akey", "api-key"), ("guard-key", "password")]))),
            ["did you mean `akey`?", "secret `guard-key` has the key `password`"]
        );
        assert_eq!(with(Some(SecretNames::default())).len(), 2);
    }
}
