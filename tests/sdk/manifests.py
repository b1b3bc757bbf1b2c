"""The workspaces that the tests serve: one manifest file, and ways to change it and to point into it."""

from pathlib import Path

FILE = "pai.yaml"

# Generous limits, so that each test tightens the one it is about. The provider is asked once per call, so that every
# retry seen here is the SDK's own.
WORKSPACE = """\
apiVersion: pai.io/v1
kind: ModelProvider
metadata:
  name: anthropic
spec:
  provider: anthropic
  apiKeySecretRef:
    name: anthropic-key
  deniedModels: [claude-opus-*]
  maxTokensPerDay: 9000000
  maxTokensPerRequest: 200000
  retry:
    maxAttempts: 1
  externalAccess:
    enabled: true
---
apiVersion: pai.io/v1
kind: AccessKey
metadata:
  name: laptop
spec:
  providers: [anthropic]
  maxTokensPerDay: 300000
---
apiVersion: pai.io/v1
kind: Agent
metadata:
  name: coder
spec:
  models:
    - anthropic/claude-sonnet-4-6
    - anthropic/claude-haiku-4-5
  tokens:
    maxPerDay: 400000
"""

# A second subscription, which access keys may not use.
CLOSED_PROVIDER = """\
---
apiVersion: pai.io/v1
kind: ModelProvider
metadata:
  name: closed
spec:
  provider: anthropic
  apiKeySecretRef:
    name: closed-key
  externalAccess:
    enabled: false
"""


def changed(old: str, new: str) -> str:
    """The workspace with one passage replaced; a passage that is not there once is a mistake of the test."""
    assert WORKSPACE.count(old) == 1, f"`{old}` must stand in the workspace exactly once"
    return WORKSPACE.replace(old, new)


def place(text: str, passage: str) -> str:
    """Where a passage begins, as refusals write it: `file:line:column`."""
    assert text.count(passage) == 1, f"`{passage}` must stand in the manifests exactly once"
    before = text[: text.index(passage)]
    return f"{FILE}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def write(folder: Path, text: str) -> Path:
    """Writes a workspace and returns its folder."""
    folder.mkdir(parents=True)
    (folder / FILE).write_text(text)
    return folder
