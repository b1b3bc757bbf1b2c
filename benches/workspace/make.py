"""Writes a workspace of N manifests into a number of files: one provider in twenty, one key in twenty, agents."""

import pathlib
import sys

PROVIDER = """apiVersion: pai.io/v1
kind: ModelProvider
metadata:
  name: p{n}
  labels: {{team: blue}}
spec:
  provider: anthropic
  apiKeySecretRef:
    name: anthropic-key
  maxTokensPerDay: 5_000_000
  maxTokensPerRequest: 200000
  allowedModels: [claude-*]
  deniedModels: ["*-opus-*"]
  externalAccess: {{enabled: true, maxTokensPerDay: 1000000}}
"""

AGENT = """apiVersion: pai.io/v1
kind: Agent
metadata:
  name: a{n}
  labels: {{team: blue}}
spec:
  # The first is asked, the second when the first cannot answer.
  models:
    - p{first}/claude-sonnet-4-6
    - p{second}/claude-haiku-4-5
  tokens: {{maxPerDay: 100000, maxPerRequest: 5000}}
  rateLimits: {{maxRequestsPerMinute: 60}}
  env:
    - name: STAGE
      value: "production"
"""

KEY = """apiVersion: pai.io/v1
kind: AccessKey
metadata:
  name: k{n}
spec:
  providers: [p{first}]
  allowedCidrs: [10.0.0.0/8]
  expires: 2099-01-31
"""


def main(folder: str, count: int, files: int) -> None:
    """`count` manifests, spread evenly over `files` files."""
    root = pathlib.Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    providers = max(count // 20, 1)
    keys = count // 20
    texts = [PROVIDER.format(n=n) for n in range(providers)]
    texts += [KEY.format(n=n, first=n % providers) for n in range(keys)]
    for n in range(count - len(texts)):
        texts.append(AGENT.format(n=n, first=n % providers, second=(n + 1) % providers))
    for n in range(files):
        (root / f"{n:05}.yaml").write_text("---\n".join(texts[n::files]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
