"""A workspace with a provider of every kind, and a model of each: for what must work whichever dialect stands behind."""

import pytest

# How a model is asked for, by the kind of its provider.
MODELS = {
    "anthropic": "anthropic/claude-sonnet-4-6",
    "openai": "openai/gpt-4o",
    "gemini": "gemini/gemini-2.5-flash",
    # From its third generation on, Gemini wants the signatures of calls back, which no other dialect has a place for.
    "gemini-3": "gemini/gemini-3-pro-preview",
    "openrouter": "openrouter/mistralai/mistral-large",
    "azure-openai": "azure-openai/gpt-4o",
    "vllm": "vllm/llama-3.1-8b",
}

_ADDRESSES = {
    "azure-openai": 'endpoint: https://example.openai.azure.com\n  apiVersion: "2024-10-21"',
    "vllm": "endpoint: https://models.example.com/v1",
}

# Each provider is asked once per call, so that every retry seen is the SDK's own.
_PROVIDER = """\
apiVersion: pai.io/v1
kind: ModelProvider
metadata:
  name: {kind}
spec:
  provider: {kind}
  {address}
  apiKeySecretRef:
    name: {kind}-key
  deniedModels: ["*-denied"]
  maxTokensPerDay: 9000000
  maxTokensPerRequest: 100000
  retry:
    maxAttempts: 1
  externalAccess:
    enabled: true
---
"""

_KEY = """\
apiVersion: pai.io/v1
kind: AccessKey
metadata:
  name: laptop
spec:
  providers: [{providers}]
  maxTokensPerDay: 9000000
---
"""

_AGENT = """\
apiVersion: pai.io/v1
kind: Agent
metadata:
  name: coder
spec:
  models:
{models}
  tokens:
    maxPerDay: 9000000
"""


def _workspace() -> str:
    kinds = sorted({provider(model) for model in MODELS.values()})
    providers = [_PROVIDER.format(kind=kind, address=_ADDRESSES.get(kind, "")) for kind in kinds]
    key = _KEY.format(providers=", ".join(kinds))
    agent = _AGENT.format(models="\n".join(f"    - {model}" for model in MODELS.values()))
    return "".join([*providers, key, agent]).replace("  \n", "")


def provider(model: str) -> str:
    """The provider of a model, named after its kind."""
    return model.partition("/")[0]


def of(*kinds: str) -> pytest.MarkDecorator:
    """Runs a test with a `model` of each of these kinds; of all of them if none is named."""
    chosen = kinds or tuple(MODELS)
    return pytest.mark.parametrize("model", [MODELS[kind] for kind in chosen], ids=chosen)


WORKSPACE = _workspace()
