// The workspaces that the tests serve.

/** Every kind of provider, by its name in the workspace: a model, one that is denied, and what the manifest needs. */
export const PROVIDERS = {
  anthropic: { kind: "anthropic", model: "claude-sonnet-4-6", denied: "claude-opus-4-6" },
  openai: { kind: "openai", model: "gpt-4o-mini", denied: "o1" },
  gemini: { kind: "gemini", model: "gemini-2.5-flash", denied: "gemini-2.0-flash" },
  openrouter: { kind: "openrouter", model: "vendor/some-model", denied: "vendor/other-model" },
  azure: {
    kind: "azure-openai",
    model: "some-deployment",
    denied: "other-deployment",
    needs: "\n  endpoint: https://models.example.com\n  apiVersion: \"2024-10-21\"",
  },
  vllm: {
    kind: "vllm",
    model: "llama-small",
    denied: "llama-large",
    needs: "\n  endpoint: http://models.example.com/v1",
  },
};

/** How a client names the model of a provider. */
export const reference = (name) => `${name}/${PROVIDERS[name].model}`;

/** A provider that is asked once for each call, so that every retry is the SDK's own. `more` goes into its spec. */
export function provider(name, more = "") {
  const { kind, denied, needs = "" } = PROVIDERS[name];
  return `\
apiVersion: pai.io/v1
kind: ModelProvider
metadata:
  name: ${name}
spec:
  provider: ${kind}${needs}
  apiKeySecretRef:
    name: key
  deniedModels: [${denied}]
  retry:
    maxAttempts: 1
  externalAccess:
    enabled: true${more}
---
`;
}

const allowed = Object.keys(PROVIDERS);

/** An access key for every provider. */
export const key = (more = "") => `\
apiVersion: pai.io/v1
kind: AccessKey
metadata:
  name: laptop
spec:
  providers: [${allowed}]${more}
---
`;

/** An agent with a model of every provider. */
const AGENT = `\
apiVersion: pai.io/v1
kind: Agent
metadata:
  name: coder
spec:
  models: [${allowed.map(reference)}]
`;

/** All providers, a key and an agent. */
export const workspace = (keyMore = "") => allowed.map((name) => provider(name)).join("") + key(keyMore) + AGENT;
