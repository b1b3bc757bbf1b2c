//! A guard of an agent that only records what its providers refuse.

use crate::diagnostic::{Diagnostic, Diagnostics, Rule, Severity};
use crate::graph::Graph;
use crate::manifest::guard_use::{Enforcement, GuardUse};
use crate::manifest::{ModelProvider, Resource};

pub(crate) static RULE: Rule = Rule {
    code: "PAI0331",
    name: "weaker-guard",
    title: "the guard is weaker than its providers' and has no effect",
    severity: Severity::Warning,
    explanation: "What a provider's guards refuse, no agent can let through: guards of both are asked, and a hit of either counts. \
                  This agent attaches a guard with `enforcement: audit` that each of its providers attaches with `enforce` for the \
                  same texts, so hits are refused, and not only recorded as the agent's manifest says.",
    fails: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large], guards: [{binding: g, scan: {prompts: true}, enforcement: audit}]}\n---\n\
            apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', guards: [{binding: g, scan: {prompts: true}}]}\n---\n\
            apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec: {classifier: {type: rules}}\n",
    passes: "apiVersion: pai.io/v1\nkind: Agent\nmetadata: {name: coder}\nspec: {models: [a/large], guards: [{binding: g, scan: {toolResults: ['*']}, enforcement: audit}]}\n---\n\
             apiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: a}\nspec: {provider: vllm, endpoint: 'http://a/v1', guards: [{binding: g, scan: {prompts: true}}]}\n---\n\
             apiVersion: pai.io/v1\nkind: GuardBinding\nmetadata: {name: g}\nspec: {classifier: {type: rules}}\n",
    check: Some(check),
};

fn check(graph: &Graph, found: &mut Diagnostics) {
    for agent in graph.agents.values() {
        let names = agent.spec.models.iter().map(|model| &model.provider);
        let Some(providers) = graph.providers_of(&agent.name.namespace, names) else { continue };
        let audits =
            agent.spec.guards.iter().enumerate().filter(|(_, guard)| guard.enforcement == Enforcement::Audit);
        for (at, guard) in audits {
            let stronger: Option<Vec<_>> =
                providers.iter().map(|provider| Some((*provider, baseline(provider, guard)?))).collect();
            let Some(stronger) = stronger.filter(|stronger| !stronger.is_empty()) else { continue };
            let message = format!(
                "agent `{}` only records hits of guard `{}`, and each of its providers refuses them",
                agent.name.name, guard.binding
            );
            let mut diagnostic = Diagnostic::new(&RULE, agent.at(&format!("/spec/guards/{at}")), message)
                .label("has no effect")
                .help("remove it, or attach it to the providers with `enforcement: audit` and enforce it where it is wanted");
            for (provider, place) in stronger {
                diagnostic = diagnostic.also(provider.at(&format!("/spec/guards/{place}")), "stays in force");
            }
            found.push(diagnostic);
        }
    }
}

/// The guard of a provider that refuses all that this one would record.
fn baseline(provider: &Resource<ModelProvider>, guard: &GuardUse) -> Option<usize> {
    let reads = guard.scan.lowered();
    let mut targets = reads.targets().peekable();
    targets.peek()?;
    let targets: Vec<_> = targets.collect();
    provider.spec.guards.iter().position(|other| {
        other.binding == guard.binding
            && other.enforcement == Enforcement::Enforce
            && targets.iter().all(|target| other.scan.lowered().reads(*target))
    })
}

#[cfg(test)]
mod tests {
    use crate::tests::codes;

    #[test]
    fn a_provider_that_refuses_less_leaves_the_agents_guard_an_effect() {
        let fails = super::RULE.fails;
        assert_eq!(codes(fails), ["PAI0331"]);
        let agents = "scan: {prompts: true}, enforcement: audit";
        for (from, to) in [
            (agents, "scan: {prompts: true}"),
            (agents, "scan: {prompts: true, system: true}, enforcement: audit"),
            (
                "[{binding: g, scan: {prompts: true}}]",
                "[{binding: g, scan: {prompts: true}, enforcement: audit}]",
            ),
            ("[a/large]", "[a/large, b/large]"),
        ] {
            let text = fails.replace(from, to)
                + "---\napiVersion: pai.io/v1\nkind: ModelProvider\nmetadata: {name: b}\nspec: {provider: vllm, endpoint: 'http://b/v1'}\n";
            assert_eq!(codes(&text), [] as [&str; 0], "{to}");
        }
        let tools = fails.replace(agents, "scan: {toolResults: ['mcp__*']}, enforcement: audit");
        assert_eq!(
            codes(&tools.replace("scan: {prompts: true}}]", "scan: {toolResults: ['*']}}]")),
            ["PAI0331"]
        );
        assert_eq!(
            codes(&tools.replace("scan: {prompts: true}}]", "scan: {toolResults: ['mcp__a*']}}]")),
            [] as [&str; 0]
        );
    }
}
