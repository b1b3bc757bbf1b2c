//! A guard that must refuse what no request carries before the model has read it.

use pai_bundle::provider::ProviderKind;

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::guard_use::{Enforcement, GuardUse};
use crate::manifest::{ModelProvider, Resource, Spec};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0329",
    name: "unheld-guard",
    title: "the guard cannot keep what it promises",
    severity: Severity::Error,
    explanation: "Results of tools are read in the request that brings them back. A provider runs some tools itself, such as Anthropic's \
                  `web_search`: their results are made and read within one answer, and no guard sees them in time. Use \
                  `enforcement: audit`, which reads what later requests repeat of them, or keep such tools out. A tool of \
                  your own that has the same name is read by a pattern, such as `web_search*`.",
    fails: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: anthropic, apiKeySecretRef: {name: a-key}, guards: [{binding: g, scan: {toolResults: [web_search]}}]}\n---\n\
            apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec: {classifier: {type: rules}}\n",
    passes: "apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: anthropic, apiKeySecretRef: {name: a-key}, guards: [{binding: g, scan: {toolResults: ['mcp__*']}}]}\n---\n\
             apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec: {classifier: {type: rules}}\n",
    check: Some(check),
};

/// Tools that a kind of provider runs itself, by the names that requests have:
/// <https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview>, <https://platform.openai.com/docs/guides/tools>,
/// <https://ai.google.dev/gemini-api/docs/tools>.
fn own_tools(provider: &ModelProvider) -> &'static [&'static str] {
    match provider.provider {
        ProviderKind::Anthropic => &[
            "web_search",
            "web_fetch",
            "code_execution",
            "bash_code_execution",
            "text_editor_code_execution",
        ],
        // Services that are compatible with OpenAI's have none of its tools.
        ProviderKind::OpenAi if provider.endpoint.is_some() => &[],
        ProviderKind::OpenAi | ProviderKind::AzureOpenAi => {
            &["web_search", "web_search_preview", "file_search", "code_interpreter"]
        }
        ProviderKind::Gemini => &["google_search", "url_context", "code_execution"],
        ProviderKind::OpenRouter | ProviderKind::Vllm => &[],
    }
}

fn check(graph: &Graph, found: &mut Diagnostics) {
    for provider in graph.providers.values() {
        uses(provider, &provider.spec.guards, &[provider], found);
    }
    for agent in graph.agents.values() {
        let names = agent.spec.models.iter().map(|model| &model.provider);
        let Some(providers) = graph.providers_of(&agent.name.namespace, names) else { continue };
        uses(agent, &agent.spec.guards, &providers, found);
    }
}

fn uses<S: Spec>(
    from: &Resource<S>,
    guards: &[GuardUse],
    providers: &[&Resource<ModelProvider>],
    found: &mut Diagnostics,
) {
    let enforced = guards.iter().enumerate().filter(|(_, guard)| guard.enforcement == Enforcement::Enforce);
    for (at, guard) in enforced {
        for (place, tool) in guard.scan.tool_results.iter().enumerate() {
            let runs_it =
                |provider: &&&Resource<ModelProvider>| own_tools(&provider.spec).contains(&tool.as_str());
            let Some(provider) = providers.iter().find(runs_it) else { continue };
            let message = format!(
                "guard `{}` cannot refuse results of `{tool}`, which provider `{}` runs itself",
                guard.binding, provider.name.name
            );
            found.push(
                Diagnostic::new(
                    &RULE,
                    from.at(&format!("/spec/guards/{at}/scan/toolResults/{place}")),
                    message,
                )
                .label("read by the model before any request brings it")
                .help(format!("set `enforcement: audit`, or write `{tool}*` if you mean a tool of your own")),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::codes;

    fn agent(guard: &str, providers: &str) -> Vec<&'static str> {
        codes(&format!(
            "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {{name: coder}}\nspec: {{models: [a/large, b/gpt-4o], guards: [{guard}]}}\n---\n\
             apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {{name: g}}\nspec: {{classifier: {{type: rules}}}}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: a}}\nspec: {{provider: vllm, endpoint: 'http://a/v1'}}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {{name: b}}\nspec: {providers}\n"
        ))
    }

    #[test]
    fn only_an_exact_name_that_a_provider_runs_itself_is_one_that_cannot_be_held() {
        let openai = "{provider: openai, apiKeySecretRef: {name: k}}";
        let compatible = "{provider: openai, endpoint: 'http://b/v1', apiKeySecretRef: {name: k}}";
        let guard = |tool: &str| format!("{{binding: g, scan: {{toolResults: ['{tool}']}}}}");
        assert_eq!(agent(&guard("web_search"), openai), ["PAI0329"]);
        assert_eq!(agent(&guard("web_search"), compatible), [] as [&str; 0]);
        for tool in ["web_search*", "*", "web_fetch", "WebSearch"] {
            assert_eq!(agent(&guard(tool), openai), [] as [&str; 0], "{tool}");
        }
        let audited = "{binding: g, scan: {toolResults: [web_search]}, enforcement: audit}";
        assert_eq!(agent(audited, openai), [] as [&str; 0]);
    }
}
